"""Sheets of claims over HTTP: hand one in, ask how far it is, fetch it with its decisions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, url_for
from flask_babel import gettext as _
from flask_smorest.fields import Upload as FileField
from marshmallow import Schema, fields

from fleet.reimbursement import jobs
from fleet.reimbursement.refusals import MayNotRecord
from fleet.reimbursement.sheet_pages import ask, mine
from fleet.web.access import May, caller, needs
from fleet.web.api import blueprint
from fleet.web.errors import NotFound
from fleet.web.sheets import XLSX, download
from fleet.web.words import label
from fleet.work.pages import result_of
from fleet.work.tables import DONE, Task
from fleet.work.tasks import how_far

calls = blueprint("sheets", "Sheets of claims")
MULTIPART = "multipart/form-data"


class SheetFile(Schema):
    """The sheet."""

    file = FileField(required=True, metadata={"description": "An .xlsx or a .csv"})


class How(Schema):
    """Whether its claims are recorded."""

    record = fields.Boolean(load_default=False)


class SheetForm(How, SheetFile):
    """The multipart form of a sheet."""


class SheetStarted(Schema):
    """The sheet's number."""

    id = fields.Integer(required=True)


class SheetTold(Schema):
    """A sheet, `done` rows of `total`; money is yuan as text.

    `state` is queued, running, done, failed or cancelled; `problem` says why it failed. `counts`
    and `yuan` are by decision, `reasons` are numbers of rows, `result` is the address of the
    sheet with its decisions: they are there when it is done.
    """

    id = fields.Integer(required=True)
    state = fields.String(required=True)
    record = fields.Boolean(required=True)
    done = fields.Integer(required=True)
    total = fields.Integer(required=True)
    problem = fields.String(required=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    yuan = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    reasons = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    result = fields.String(required=True, allow_none=True)


@calls.post("/reimbursements/sheets")
@needs(May.CHECK_CLAIMS)
@calls.doc(requestBody={"content": {MULTIPART: {"schema": SheetForm}}})
@calls.ARGUMENTS_PARSER.use_args(SheetFile, location="files")
@calls.arguments(How, location="form", content_type=MULTIPART)
@calls.response(HTTPStatus.ACCEPTED, SheetStarted)
def start_sheet(files: dict[str, Any], how: dict[str, Any]) -> dict[str, int]:
    """Let every row of a sheet be decided, and recorded as a claim where `record` asks for it."""
    if how["record"] and not caller().may(May.RECORD_CLAIMS):
        raise MayNotRecord
    return {"id": ask(files["file"], to_record=how["record"]).id}


@calls.get("/reimbursements/sheets/<int(max=2147483647):task_id>")
@needs(May.CHECK_CLAIMS)
@calls.response(HTTPStatus.OK, SheetTold)
def sheet_told(task_id: int) -> dict[str, Any]:
    """How far a sheet of the caller's is, and what came of it."""
    task = mine(task_id)
    beat, summary = how_far(task), task.summary or {}
    return {
        "id": task.id,
        "state": task.state,
        "record": task.kind == jobs.RECORD,
        "done": beat.done,
        "total": beat.total,
        "problem": label("task_problem", task.problem),
        "counts": summary.get("counts", {}),
        "yuan": summary.get("yuan", {}),
        "reasons": summary.get("reasons", {}),
        "result": _result(task),
    }


def _result(task: Task) -> str | None:
    if task.state != DONE or task.result_digest is None:
        return None
    return url_for("api_sheets.sheet_result", task_id=task.id)


@calls.get("/reimbursements/sheets/<int(max=2147483647):task_id>/result")
@needs(May.CHECK_CLAIMS)
@calls.response(HTTPStatus.OK, {"type": "string", "format": "binary"}, content_type=XLSX)
@calls.alt_response(HTTPStatus.OK, schema={"type": "string"}, content_type="text/csv", success=True)
def sheet_result(task_id: int) -> Response:
    """The sheet with its decisions, in the form it came in."""
    task = mine(task_id)
    content = result_of(task)
    if content is None:
        raise NotFound(_("result"))
    return download(content, task.result_name or "", task.result_mimetype or "")
