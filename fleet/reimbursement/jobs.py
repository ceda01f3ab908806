"""The tasks about a sheet of claims: decide it, or record it too; each may be killed any time."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from flask import Flask, url_for
from sqlalchemy import select

from fleet.reimbursement.refusals import SheetGone
from fleet.reimbursement.sheet import Checking, Deciding, Result, answer_sheet
from fleet.reimbursement.sheet_record import Recording
from fleet.reimbursement.sheet_stood import Stood
from fleet.storage import act, db, files
from fleet.web.access import Caller, May
from fleet.web.locale import language
from fleet.web.reading import UnreadableFile, look_at
from fleet.web.sheets import XLSX
from fleet.work import tasks
from fleet.work.running import Running
from fleet.work.tables import OPEN, Task

CHECK, RECORD = "check_claims", "record_claims"
KINDS = (CHECK, RECORD)
MIMETYPES = {".xlsx": XLSX, ".csv": "text/csv"}
LONGEST_NAME = 200
MOST_TIDIED = 500


def offer(app: Flask) -> None:
    """Let the room's tasks be run."""
    tasks.offer(app, CHECK, check, page=_page)
    tasks.offer(app, RECORD, record, page=_page)


def _page(_arguments: dict[str, Any]) -> str:
    return url_for("sheets.index")


def ask_sheet(
    stream: IO[bytes], name: str, *, to_record: bool, person: Caller, at: datetime
) -> Task:
    """Keep a sheet of claims and ask that it be decided, and recorded where that is wanted.

    Raises UnreadableFile for what is no sheet, and keeps nothing then.
    """
    form = Path(name).suffix.lower()
    if form not in MIMETYPES:
        raise UnreadableFile("not_a_workbook")
    _tidy()
    # A name of its own: whoever ends first deletes it, and must not delete another's.
    kept = f".claims-{secrets.token_hex(8)}{form}"
    digest = files.keep(stream, kept)
    try:
        look_at(files.path_of(digest, kept))
    except UnreadableFile:
        files.forget(digest, kept)
        raise
    return tasks.ask(
        RECORD if to_record else CHECK,
        {"digest": digest, "kept": kept, "name": _shown(name)},
        user_id=person.id,
        scope=person.scope(May.RECORD_CLAIMS if to_record else May.CHECK_CLAIMS),
        language=language(),
        by=person.actor,
        at=at,
    )


def _shown(name: str) -> str:
    """A file's name as people may read it."""
    return "".join(letter for letter in name if letter.isprintable()).strip()[-LONGEST_NAME:]


def _tidy() -> None:
    """Delete the sheets of tasks that ended: a cancelled one has nobody else to do it."""
    ended = select(Task).where(Task.kind.in_(KINDS), Task.state.not_in(OPEN))
    for task in db.session.scalars(ended.order_by(Task.id.desc()).limit(MOST_TIDIED)):
        files.forget(task.arguments["digest"], task.arguments["kept"])


def check(running: Running) -> None:
    """Decide a sheet, and leave it with its decisions."""
    with Stood() as stood:
        _answer(running, Checking(stood))


def record(running: Running) -> None:
    """Record a sheet's claims, and leave it with their decisions and numbers.

    Killed in the middle, the next run finds what was recorded and goes on from there.
    """
    told = running.arguments
    _answer(running, Recording(told["digest"], told["name"], running.by, running.at))


def _answer(running: Running, deciding: Deciding) -> None:
    told = running.arguments
    sheet = files.path_of(told["digest"], told["kept"])
    if not sheet.exists():
        raise SheetGone
    with TemporaryDirectory() as folder:
        out = Path(folder, f"result{sheet.suffix}")
        try:
            result = answer_sheet(sheet, out, Result(running.at), deciding, running.progress)
        except UnreadableFile as why:  # it names the file as it is kept
            raise UnreadableFile(why.reason, why.found.replace(sheet.name, told["name"])) from why
        name = f"{Path(told['name']).stem}-decided{sheet.suffix}"
        with out.open("rb") as content:
            running.result(name, MIMETYPES[sheet.suffix], content)
    _settle(running, result)
    files.forget(told["digest"], told["kept"])


def _settle(running: Running, result: Result) -> None:
    told, summary = running.arguments, result.summary()
    with act("answer_sheet", by=running.by, at=running.at, subject=told["name"]) as deed:
        deed.note(digest=told["digest"], rows=summary["rows"], **summary["counts"])
        running.settle(summary)
