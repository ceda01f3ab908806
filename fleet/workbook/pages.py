"""Importing a workbook: upload, read the report, confirm or drop."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import Select, select
from werkzeug.wrappers import Response as Answer

from fleet.people.tables import User
from fleet.storage import db
from fleet.web.access import May, caller, needs, who
from fleet.web.errors import NotFound
from fleet.web.forms import say
from fleet.web.lists import asked, fetch, of_items
from fleet.web.locale import language
from fleet.web.reading import UnreadableFile
from fleet.web.sheets import XLSX, download, xlsx_response
from fleet.work.pages import told as how_far
from fleet.work.tables import DONE, Task
from fleet.work.tasks import run_here_unless_worker
from fleet.workbook.blank import blank_workbook, told
from fleet.workbook.columns import FORMS, SHEETS
from fleet.workbook.forms import UploadForm
from fleet.workbook.known import Reach
from fleet.workbook.messages import say as words_of
from fleet.workbook.report import verdict_of
from fleet.workbook.service import Order, ask_import, drop_upload, receive_upload, task_of
from fleet.workbook.tables import CHECKED, IMPORTED, Upload

pages = Blueprint("workbook", __name__, url_prefix="/imports")

SORTS = {"uploaded": (Upload.uploaded_at, Upload.id)}
REFUSED = "refused"
NOTES = "notes"


@pages.route("", methods=["GET", "POST"])
@needs(May.IMPORT)
def index() -> str | Answer:
    """Upload a workbook; the uploads so far."""
    form = UploadForm()
    if form.validate_on_submit():
        try:
            upload = receive_upload(
                form.file.data.stream, form.file.data.filename or "", order(), language=language()
            )
        except UnreadableFile as refusal:
            say(form, refusal)
        else:
            run_of(upload)
            return redirect(url_for("workbook.show", number=upload.id))
    chosen = asked(SORTS, "-uploaded")
    listing = fetch(_visible(), chosen, scalars=False)
    return render_template("workbook/index.html", form=form, listing=listing)


@pages.get("/template.xlsx")
@needs(May.IMPORT)
def template() -> Response:
    """A blank workbook with the headings of the reader's language."""
    return download(blank_workbook(), f"{_('fleet workbook')}.xlsx", XLSX)


@pages.get("/help")
@needs(May.IMPORT)
def help_page() -> str:
    """What every sheet and column of a workbook says."""
    return render_template("workbook/help_page.html", sheets=SHEETS, told=told)


@pages.get("/<int(max=2147483647):number>")
@needs(May.IMPORT)
def show(number: int) -> str:
    """An upload's report: what would change, what is refused, what is worth a look."""
    upload = mine(number)
    chosen = asked({}, "", ("kind", "sheet", "q"))
    listing = of_items(_problems(upload, chosen.filters), chosen)
    task = task_of(upload)
    return render_template(
        "workbook/show.html",
        upload=upload,
        task=task,
        own=task is not None and task.user_id == caller().id,
        progress=how_far(task) if task else None,
        unreadable=why_unreadable(upload),
        verdict=verdict_of(upload.report or {}) if upload.state == IMPORTED else None,
        report=upload.report or {},
        listing=listing,
        grouped=[
            (label, list(some)) for label, some in groupby(listing.items, itemgetter("sheet_label"))
        ],
        sheets=[(code, str(FORMS[code].label)) for code in FORMS],
    )


@pages.get("/<int(max=2147483647):number>/report.xlsx")
@needs(May.IMPORT)
def report(number: int) -> Response:
    """The report as filtered, as a sheet to work through."""
    upload = mine(number)
    chosen = asked({}, "", ("kind", "sheet", "q"))
    kinds = {REFUSED: _("Refused"), NOTES: _("Note")}
    headings = (_("Kind"), _("Sheet"), _("Row"), _("Column"), _("Found"), _("What is asked"))
    rows = (
        (kinds[one["kind"]], one["sheet_label"], one["row"], one["column_label"], one["found"],
         one["message"])
        for one in _problems(upload, chosen.filters)
    )  # fmt: skip
    return xlsx_response(f"{_('import report')} {upload.id}.xlsx", headings, rows)


@pages.post("/<int(max=2147483647):number>/confirm")
@needs(May.IMPORT)
def confirm(number: int) -> Answer:
    """Import an upload, all of it or with the refused rows left out."""
    upload = mine(number)
    wanted = order(leave_out="leave_out_refused" in request.form)
    ask_import(upload, wanted, language=language())
    if run_of(upload).state == DONE and upload.state == CHECKED:
        flash(verdict_of(upload.report or {}), "error")
    return redirect(url_for("workbook.show", number=number))


@pages.post("/<int(max=2147483647):number>/drop")
@needs(May.IMPORT)
def drop(number: int) -> Answer:
    """Forget an upload; nothing of it was written."""
    drop_upload(mine(number), **who())
    flash(_("The upload was dropped; nothing was written."), "success")
    return redirect(url_for("workbook.index"))


def reach() -> Reach:
    """Whose rows the caller may import."""
    person = caller()
    return Reach(person.scope(May.IMPORT), person.regions(May.IMPORT))


def order(*, leave_out: bool = False) -> Order:
    """What the caller asks for now, on the rows they may import."""
    return Order(**who(), reach=reach(), leave_out=leave_out)


def run_of(upload: Upload) -> Task:
    """The task just asked for; where no worker lives it has run and ended."""
    task = db.session.get_one(Task, upload.task_id)
    run_here_unless_worker(task)
    return task


def why_unreadable(upload: Upload) -> str | None:
    """Why an upload could not be read, in the reader's language."""
    told = (upload.report or {}).get("unreadable")
    return UnreadableFile(*told).message if told else None


def _visible() -> Select[Any]:
    """The uploads that a caller sees: their own, or for the whole group everybody's."""
    found = select(Upload, User.name.label("person")).join(User, User.id == Upload.user_id)
    if caller().scope(May.IMPORT).everything:
        return found
    return found.where(Upload.user_id == caller().id)


def mine(number: int) -> Upload:
    """An upload that the caller may see; NotFound for any other."""
    row = db.session.execute(_visible().where(Upload.id == number)).first()
    if row is None:
        raise NotFound(_("upload"))
    upload: Upload = row.Upload
    return upload


def _problems(upload: Upload, filters: Any) -> list[dict[str, Any]]:
    """The report's problems that the filters ask for, each in the reader's language."""
    report = upload.report or {}
    order = {code: place for place, code in enumerate(FORMS)}
    found = [
        {**problem, "kind": kind}
        for kind in (REFUSED, NOTES)
        if filters.get("kind") in ("", None, kind)
        for problem in report.get(kind, ())
        if filters.get("sheet") in ("", None, problem["sheet"])
    ]
    found.sort(key=lambda one: (order.get(one["sheet"], len(order)), one["sheet"]))
    wanted = (filters.get("q") or "").casefold()
    told = [_in_words(one) for one in found]
    return [
        one
        for one in told
        if not wanted or wanted in f"{one['found']} {one['message']} {one['column']}".casefold()
    ]


def _in_words(problem: dict[str, Any]) -> dict[str, Any]:
    form = FORMS.get(problem["sheet"])
    columns = {column.code: str(column.label) for column in form.columns} if form else {}
    return {
        **problem,
        "sheet_label": str(form.label) if form else problem["sheet"],
        "column_label": columns.get(problem["column"], problem["column"]),
        "message": words_of(problem["code"], problem["asked"]),
    }
