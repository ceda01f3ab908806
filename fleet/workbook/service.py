"""The workbook's verbs: bring one in, keep an upload until it is imported or dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.exc import IntegrityError

from fleet.policies.steps import rewrite_steps
from fleet.rulebook.book import Rulebook
from fleet.storage import Actor, act, db, everyone, files
from fleet.web.errors import Refusal, Stale
from fleet.web.reading import UnreadableFile, look_at, read_tables
from fleet.words import local_day
from fleet.work import tasks
from fleet.work.service import take_turn
from fleet.work.tables import Task
from fleet.workbook.checks import Check
from fleet.workbook.draft import Draft, read_draft
from fleet.workbook.known import Reach, look_up
from fleet.workbook.report import Report
from fleet.workbook.tables import (
    CHECKED,
    DROPPED,
    IMPORTED,
    NAME_LENGTH,
    RECEIVED,
    UNREADABLE,
    WAITING,
    Upload,
)
from fleet.workbook.writing import Writing

WHOLE_GROUP = Reach()
SUFFIX = ".xlsx"
TURN = "import_workbook"
CHECK, IMPORT = "check_workbook", "import_workbook"  # the kinds of the room's tasks
STEPS_AT_ONCE = 2000
# The shares of an import's time, roughly: what is done when it was read, checked, written.
READ, CHECKS, WRITTEN = 0.3, 0.4, 0.6
Progress = Callable[[int, int], None]
Tell = Callable[[float], None]
Settle = Callable[[], None]


class UploadSettled(Refusal):
    """The upload was confirmed or dropped already, or its file is gone."""

    def __init__(self) -> None:
        super().__init__(_("This upload was imported or dropped already. Upload the file again."))


class _NothingToWrite(Exception):
    """The checks refused a row, or all of it stands on record already.

    No error: it leaves the verb without a change and without an entry.
    """


@dataclass(frozen=True, slots=True)
class Order:
    """Who brings a workbook in, when, on whose rows, and whether refused rows are left out."""

    by: Actor
    at: datetime
    reach: Reach = WHOLE_GROUP
    leave_out: bool = False


def import_path(
    path: Path,
    *,
    by: Actor,
    at: datetime,
    dry_run: bool = False,
    leave_out_refused: bool = False,
    reach: Reach = WHOLE_GROUP,
    progress: Progress | None = None,
) -> Report:
    """Bring a workbook in, all or nothing, or with the refused rows left out.

    A dry run checks the same and writes nothing. Raises UnreadableFile.
    """
    draft = _read(path, dry_run=dry_run)
    tell = _teller(progress, draft.rows)
    with everyone():
        if dry_run:
            _bring_in(draft, Order(by, at, reach, leave_out=True), tell)
            db.session.rollback()
        else:
            _write(draft, path.name, Order(by, at, reach, leave_out_refused), tell)
    tell(1)
    return draft.report


def _teller(progress: Progress | None, rows: int) -> Tell:
    """Tells shares of the work as rows done, beginning with what was read."""

    def tell(share: float) -> None:
        if progress:
            progress(round(share * rows), rows)

    tell(READ)
    return tell


def _read(path: Path, *, dry_run: bool = False) -> Draft:
    book: Rulebook = current_app.extensions["rulebook"]
    digest = digest_of(path)
    draft = read_draft(read_tables(path), book.zone)
    report = draft.report
    report.dry_run, report.digest, report.rows = dry_run, digest, draft.rows
    return draft


def _write(
    draft: Draft,
    name: str,
    order: Order,
    tell: Tell,
    settle: Callable[[Report], None] | None = None,
) -> None:
    """Check and write within one verb; `settle` closes the upload that the draft came from."""
    report = draft.report
    try:
        with act("import_workbook", by=order.by, at=order.at, subject=name) as deed:
            # Two imports at once would both find a key new; PostgreSQL has no one write lock.
            take_turn(TURN, order.at)
            # Checked under the lock: what the checks saw is what the rows are held against.
            touched = _bring_in(draft, order, tell)
            if not report.writes and settle is None:
                raise _NothingToWrite  # noqa: TRY301 - `act` undoes a verb by what it raises
            _rewrite(touched, tell)
            report.written = True
            if settle:
                settle(report)
            sheets = {code: asdict(counts) for code, counts in report.sheets.items()}
            deed.note(digest=report.digest, sheets=sheets, left_out=len(report.refused))
    except _NothingToWrite:
        report.written = order.leave_out or not report.refused
    except IntegrityError as error:  # a page registered one of the keys between check and write
        report.written = False
        raise Stale from error
    except BaseException:
        report.written = False
        raise


def _bring_in(draft: Draft, order: Order, tell: Tell) -> list[int]:
    """Check the draft and write it, or count only; answers the vehicles to judge anew."""
    book: Rulebook = current_app.extensions["rulebook"]
    known = look_up(draft, db.session())
    Check(draft, known, order.reach, book.zone).run()
    tell(CHECKS)
    if draft.report.refused and not order.leave_out:
        raise _NothingToWrite
    writing = Writing(
        draft,
        known,
        db.session(),
        today=local_day(order.at, book.zone),
        dry_run=draft.report.dry_run,
        tell=lambda share: tell(CHECKS + share * (WRITTEN - CHECKS)),
    )
    writing.run()
    return sorted(writing.touched)


def _rewrite(touched: list[int], tell: Tell) -> None:
    """Judge the vehicles anew, some at a time."""
    for begin in range(0, len(touched), STEPS_AT_ONCE):
        rewrite_steps(touched[begin : begin + STEPS_AT_ONCE])
        tell(WRITTEN + (1 - WRITTEN) * min(1, (begin + STEPS_AT_ONCE) / len(touched)))


# ----------------------------------------------------------------------------------- uploads


def receive_upload(
    stream: IO[bytes],
    name: str,
    order: Order,
    *,
    language: str,
    then_import: bool = False,
) -> Upload:
    """Keep an uploaded workbook and ask for the task that checks it, and imports it if wanted.

    Raises UnreadableFile for what is no workbook, and keeps nothing then.
    """
    digest, name = files.keep(stream, SUFFIX), _tidy(name)
    try:
        look_at(files.path_of(digest, SUFFIX))
    except UnreadableFile:
        _forget(digest)
        raise
    with act("receive_workbook", by=order.by, at=order.at, subject=name):
        upload = Upload(
            user_id=order.by.id,
            name=name,
            digest=digest,
            state=RECEIVED,
            uploaded_at=order.at,
        )
        db.session.add(upload)
        db.session.flush()
        kind = IMPORT if then_import else CHECK
        upload.task_id = _ask(kind, upload.id, order, language).id
    return upload


def ask_import(upload: Upload, order: Order, *, language: str) -> Task:
    """Ask for the task that imports a checked upload.

    Raises UploadSettled where it was imported or dropped, or somebody asked already.
    """
    number, before = upload.id, upload.task_id
    task = task_of(upload)
    if upload.state != CHECKED or (task is not None and task.is_open):
        raise UploadSettled
    with act("ask_task", by=order.by, at=order.at, subject=upload.name):
        task = _ask(IMPORT, number, order, language)
        unchanged = Upload.task_id.is_(None) if before is None else Upload.task_id == before
        _move(number, {"task_id": task.id}, Upload.state == CHECKED, unchanged)
    return task


def _ask(kind: str, upload: int, order: Order, language: str) -> Task:
    """A task about an upload, within the verb under way; its arguments are an order as JSON."""
    arguments = {
        "upload": upload,
        "regions": sorted(order.reach.regions),
        "leave_out": order.leave_out,
    }
    return tasks.put(
        kind,
        arguments,
        user_id=order.by.id or 0,
        scope=order.reach.scope,
        language=language,
        by=order.by,
        at=order.at,
    )


def task_of(upload: Upload) -> Task | None:
    """The task that checks or imports an upload, or did so last."""
    return db.session.get(Task, upload.task_id) if upload.task_id else None


def check_upload(upload: Upload, order: Order, *, progress: Progress, settle: Settle) -> Report:
    """Keep the report of a dry run with an upload.

    Raises UnreadableFile, which the upload then keeps, and UploadSettled where it was dropped.
    """
    number, name, digest = upload.id, upload.name, upload.digest
    path = files.path_of(digest, SUFFIX)
    if upload.state != RECEIVED:
        raise UploadSettled
    try:
        report = import_path(
            path, by=order.by, at=order.at, dry_run=True, reach=order.reach, progress=progress
        )
    except UnreadableFile as refusal:
        told = {"state": UNREADABLE, "report": {"unreadable": [refusal.reason, refusal.found]}}
        with act("check_workbook", by=order.by, at=order.at, subject=name):
            _move(number, told, Upload.state == RECEIVED)
        _forget(digest)
        raise
    with act("check_workbook", by=order.by, at=order.at, subject=name):
        _move(number, {"state": CHECKED, "report": report.kept()}, Upload.state == RECEIVED)
        settle()
    return report


def _tidy(name: str) -> str:
    """A file's name as people may read it: printable, and not longer than its column."""
    shown = "".join(letter for letter in name if letter.isprintable()).strip()
    return shown[-NAME_LENGTH:] or f"workbook{SUFFIX}"


def confirm_upload(upload: Upload, order: Order, *, progress: Progress, settle: Settle) -> Report:
    """Import an upload that was checked; its rows are checked again as they go in.

    Raises UploadSettled where somebody confirmed or dropped it meanwhile.
    """
    number, name, digest = upload.id, upload.name, upload.digest
    path = files.path_of(digest, SUFFIX)
    if upload.state != CHECKED:
        raise UploadSettled
    try:
        draft = _read(path)
    except UnreadableFile as error:  # whoever settled it meanwhile has deleted the file
        raise UploadSettled from error

    def close(report: Report) -> None:
        _move(number, {"state": IMPORTED, "report": report.kept()}, Upload.state == CHECKED)
        settle()

    with everyone():
        _write(draft, name, order, _teller(progress, draft.rows), close)
    if draft.report.written:
        _forget(digest)
    else:
        with act("check_workbook", by=order.by, at=order.at, subject=name):
            _move(number, {"report": draft.report.kept()}, Upload.state == CHECKED)
            settle()
    return draft.report


def drop_upload(upload: Upload, *, by: Actor, at: datetime) -> None:
    """Forget an upload that was not imported; its report stays. Raises UploadSettled."""
    number, digest = upload.id, upload.digest
    with act("drop_workbook", by=by, at=at, subject=upload.name):
        _move(number, {"state": DROPPED}, Upload.state.in_(WAITING))
    _forget(digest)


def _move(number: int, values: dict[str, Any], *where: ColumnElement[bool]) -> None:
    """Change an upload if nobody did since: of two confirmations one wins."""
    moved = db.session.execute(
        update(Upload)
        .where(Upload.id == number, *where)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise UploadSettled
    db.session.expire_all()


def _forget(digest: str) -> None:
    """Delete a kept file that no other upload still waits with."""
    waits = select(Upload.id).where(Upload.digest == digest, Upload.state.in_(WAITING))
    if db.session.scalars(waits.limit(1)).first() is None:
        files.forget(digest, SUFFIX)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's .csv files by name."""
    if path.is_dir():
        listed = [f"{digest_of(one)} {one.name}" for one in sorted(path.glob("*.csv"))]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
