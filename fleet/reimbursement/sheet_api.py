"""Sheets of claims over HTTP: hand one in, ask how far it is, fetch it with its decisions."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, url_for
from flask_babel import gettext as _
from marshmallow import Schema, fields

from fleet.reimbursement import jobs
from fleet.reimbursement.refusals import MayNotRecord, SheetNotDone
from fleet.reimbursement.sheet_pages import ask, mine
from fleet.web.access import May, caller, needs
from fleet.web.api import BINARY, MULTIPART, File, Flag, blueprint
from fleet.web.errors import NotFound
from fleet.web.sheets import XLSX, download
from fleet.web.words import label
from fleet.work.pages import result_of
from fleet.work.tables import DONE, Task
from fleet.work.tasks import how_far

calls = blueprint("sheets", "Sheets of claims")


class SheetForm(Schema):
    """A sheet, and whether its claims are recorded."""

    file = File(
        required=True,
        metadata={"description": "An .xlsx or a .csv, which its name's ending tells"},
    )
    record = Flag(load_default=False)


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


_NAMED = {"schema": {"type": "string", "example": 'form-data; name="file"; filename="claims.csv"'}}
_THEN = {
    operation: {"operationId": operation, "parameters": {"task_id": "$response.body#/id"}}
    for operation in ("sheetTold", "sheetResult")
}
_EXAMPLE = (
    "company,policy_number,insurer,invoice_number,amount\n"
    "DEMO-02,DEMO0000000000000001,DEMO-A,12345678,1250.00\n"
)
_FORM = {
    "example": {"file": _EXAMPLE, "record": False},
    "encoding": {"file": {"headers": {"Content-Disposition": _NAMED}}},
}
_DOC: dict[str, Any] = {
    "requestBody": {"content": {MULTIPART: _FORM}},
    "responses": {HTTPStatus.ACCEPTED.value: {"links": _THEN}},
}


@calls.post("/reimbursements/sheets")
@needs(May.CHECK_CLAIMS)
@calls.doc(**_DOC)
@calls.arguments(SheetForm, location="multipart")
@calls.response(HTTPStatus.ACCEPTED, SheetStarted)
def start_sheet(form: dict[str, Any]) -> dict[str, int]:
    """Let every row of a sheet be decided, and recorded as a claim where `record` asks for it."""
    if form["record"] and not caller().may(May.RECORD_CLAIMS):
        raise MayNotRecord
    return {"id": ask(form["file"], to_record=form["record"]).id}


@calls.get("/reimbursements/sheets/<int(max=2147483647):task_id>")
@needs(May.CHECK_CLAIMS)
@calls.doc(operationId="sheetTold")
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
@calls.doc(operationId="sheetResult")
@calls.response(HTTPStatus.OK, BINARY, content_type=XLSX)
@calls.alt_response(HTTPStatus.OK, schema={"type": "string"}, content_type="text/csv", success=True)
def sheet_result(task_id: int) -> Response:
    """The sheet with its decisions, in the form it came in; 409 where it is not done."""
    task = mine(task_id)
    if task.state != DONE:
        raise SheetNotDone(label("task_state", task.state))
    content = result_of(task)
    if content is None:
        raise NotFound(_("result"))
    return download(content, task.result_name or "", task.result_mimetype or "")
