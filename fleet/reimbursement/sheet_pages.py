"""The pages of sheets of claims: upload one, see how far it is and what came of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as Answer

from fleet.reimbursement import jobs
from fleet.reimbursement.forms import SheetForm
from fleet.reimbursement.rules import COLUMNS
from fleet.reimbursement.sheet import OUTCOMES, column_labels
from fleet.reimbursement.sheet_record import recorded_of
from fleet.web import clock
from fleet.web.access import May, caller, needs
from fleet.web.errors import NotFound, Refusal
from fleet.web.forms import say
from fleet.web.lists import asked, fetch
from fleet.web.words import label
from fleet.work import tasks
from fleet.work.pages import own, result_of, told
from fleet.work.tables import Task

pages = Blueprint("sheets", __name__, url_prefix="/reimbursement/sheets")

SORTS = {"asked": (Task.asked_at, Task.id)}


@pages.route("", methods=["GET", "POST"])
@needs(May.CHECK_CLAIMS)
def index() -> str | Answer:
    """Upload a sheet of claims; the caller's sheets so far."""
    form = SheetForm()
    if not caller().may(May.RECORD_CLAIMS):
        del form.record  # a box that somebody else's browser sends is not read either
    if form.validate_on_submit():
        try:
            task = ask(form.file.data, to_record=bool("record" in form and form.record.data))
        except Refusal as refusal:
            say(form, refusal)
        else:
            return redirect(url_for("sheets.show", task_id=task.id))
    mine = select(Task).where(Task.user_id == caller().id, Task.kind.in_(jobs.KINDS))
    return render_template(
        "reimbursement/sheets.html",
        form=form,
        columns=[(code, column_labels()[code]) for code in COLUMNS],
        listing=fetch(mine, asked(SORTS, "-asked")),
    )


@pages.get("/<int(max=2147483647):task_id>")
@needs(May.CHECK_CLAIMS)
def show(task_id: int) -> str:
    """A sheet of the caller's: how far it is, and at its end rows and yuan by decision."""
    task = mine(task_id)
    return render_template(
        "reimbursement/sheet.html",
        task=task,
        progress=told(task),
        stuck=tasks.is_stuck(task, clock.now()),
        kept=result_of(task) is not None,
        recorded=recorded_of(task.arguments["digest"]) if task.kind == jobs.RECORD else None,
        outcomes=_outcomes(task.summary or {}),
        reasons=_reasons(task.summary or {}),
    )


def ask(file: Any, *, to_record: bool) -> Task:
    """Ask that an uploaded sheet be decided; where no worker lives it has been when this ends."""
    task = jobs.ask_sheet(
        file.stream, file.filename or "", to_record=to_record, person=caller(), at=clock.now()
    )
    tasks.run_here_unless_worker(task)
    return task


def mine(task_id: int) -> Task:
    """The task of a sheet of the caller's; NotFound for any other."""
    task = own(task_id)
    if task.kind not in jobs.KINDS:
        raise NotFound(_("sheet"))
    return task


def _outcomes(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows and yuan by decision, none left out."""
    return [
        {
            "code": code,
            "rows": summary["counts"][code],
            "yuan": Decimal(summary["yuan"][code]) if code in summary["yuan"] else None,
        }
        for code in (OUTCOMES if summary else ())
    ]


def _reasons(summary: dict[str, Any]) -> list[tuple[str, int]]:
    """The reasons in the reader's words with their numbers of rows, the most frequent first."""
    return [(label("reason", code), count) for code, count in summary.get("reasons", {}).items()]
