"""Imports over HTTP: hand a workbook in, ask what became of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from marshmallow import Schema, fields

from fleet.web.access import May, needs
from fleet.web.api import File, Flag, blueprint
from fleet.web.locale import language
from fleet.web.words import label
from fleet.work.tables import DONE, Task
from fleet.work.tasks import how_far
from fleet.workbook.messages import say
from fleet.workbook.pages import mine, order, run_of, why_unreadable
from fleet.workbook.service import receive_upload, task_of
from fleet.workbook.tables import CHECKED, WAITING, Upload

calls = blueprint("workbook", "Imports of fleet workbooks")
REFUSED = "refused"


class Form(Schema):
    """A workbook, and how it is imported."""

    file = File(required=True, metadata={"description": "An .xlsx"})
    dry_run = Flag(load_default=False)
    leave_out_refused = Flag(load_default=False)


class Started(Schema):
    """The import's number."""

    id = fields.Integer(required=True)


class ProblemOfRow(Schema):
    """What is wrong in a row, as the file numbers it; the heading is row 1."""

    sheet = fields.String(required=True)
    row = fields.Integer(required=True)
    column = fields.String(required=True)
    found = fields.String(required=True)
    message = fields.String(required=True)


class Counted(Schema):
    """How many rows of a sheet are new, changed, unchanged, removed."""

    new = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    unchanged = fields.Integer(required=True)
    removed = fields.Integer(required=True)


class Told(Schema):
    """An import, `done` rows of `total`.

    `state` is queued or running, then checked, refused, imported or dropped; unreadable, failed
    or cancelled, where nothing came of it: `problem` says why.
    """

    id = fields.Integer(required=True)
    state = fields.String(required=True)
    done = fields.Integer(required=True)
    total = fields.Integer(required=True)
    problem = fields.String(required=True)
    sheets = fields.Dict(keys=fields.String(), values=fields.Nested(Counted), required=True)
    refused = fields.List(fields.Nested(ProblemOfRow), required=True)
    notes = fields.List(fields.Nested(ProblemOfRow), required=True)


@calls.post("/imports")
@needs(May.IMPORT)
@calls.arguments(Form, location="multipart")
@calls.response(HTTPStatus.ACCEPTED, Started)
def start_import(form: dict[str, Any]) -> dict[str, int]:
    """Let a workbook be checked and, unless it is a dry run or rows are refused, imported."""
    upload = receive_upload(
        form["file"].stream,
        form["file"].filename or "",
        order(leave_out=form["leave_out_refused"]),
        language=language(),
        then_import=not form["dry_run"],
    )
    run_of(upload)
    return {"id": upload.id}


@calls.get("/imports/<int(max=2147483647):number>")
@needs(May.IMPORT)
@calls.response(HTTPStatus.OK, Told)
def import_told(number: int) -> dict[str, Any]:
    """What became of an import, with the rows that were refused."""
    upload = mine(number)
    report, task = upload.report or {}, task_of(upload)
    done, total = _how_far(report, task)
    return {
        "id": upload.id,
        "state": _state(upload, report, task),
        "done": done,
        "total": total,
        "problem": _problem(upload, task),
        "sheets": report.get("sheets", {}),
        "refused": [_in_words(one) for one in report.get("refused", ())],
        "notes": [_in_words(one) for one in report.get("notes", ())],
    }


def _state(upload: Upload, report: dict[str, Any], task: Task | None) -> str:
    """The task's state as long as it is not done; afterwards what became of the upload."""
    if task is not None and task.state != DONE and upload.state in WAITING:
        return task.state
    if upload.state == CHECKED and report.get("refused_total"):
        return REFUSED
    return upload.state


def _how_far(report: dict[str, Any], task: Task | None) -> tuple[int, int]:
    if task is not None and task.is_open:
        beat = how_far(task)
        return beat.done, beat.total
    rows = report.get("rows", 0)
    return rows, rows


def _problem(upload: Upload, task: Task | None) -> str:
    """Why nothing came of it, in the reader's language."""
    return why_unreadable(upload) or (label("task_problem", task.problem) if task else "")


def _in_words(problem: dict[str, Any]) -> dict[str, Any]:
    return {**problem, "message": say(problem["code"], problem["asked"])}
