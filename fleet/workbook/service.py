"""The workbook's verbs: bring one in, keep an upload until it is confirmed or dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from fleet.policies.steps import rewrite_steps
from fleet.rulebook.book import Rulebook
from fleet.storage import Actor, act, db, everyone, files
from fleet.web.errors import Refusal, Stale
from fleet.web.reading import UnreadableFile, read_tables
from fleet.words import local_day
from fleet.work.service import take_turn
from fleet.workbook.checks import Check
from fleet.workbook.draft import Draft, read_draft
from fleet.workbook.known import Reach, look_up
from fleet.workbook.report import Report
from fleet.workbook.tables import CHECKED, DROPPED, IMPORTED, NAME_LENGTH, Upload
from fleet.workbook.writing import Writing

WHOLE_GROUP = Reach()
SUFFIX = ".xlsx"
TURN = "import_workbook"
Progress = Callable[[int, int], None]


class UploadSettled(Refusal):
    """The upload was confirmed or dropped already, or its file is gone."""

    def __init__(self) -> None:
        super().__init__(_("This upload was imported or dropped already. Upload the file again."))


class _NothingToWrite(Exception):
    """The checks refused a row, or all of it stands on record already.

    No error: it leaves the verb without a change and without an entry.
    """


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
    if progress:
        progress(0, draft.rows)
    with everyone():
        if dry_run:
            _bring_in(draft, reach, at, leave_out=True)
            db.session.rollback()
        else:
            _write(draft, path.name, reach, by=by, at=at, leave_out=leave_out_refused)
    if progress:
        progress(draft.rows, draft.rows)
    return draft.report


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
    reach: Reach,
    *,
    by: Actor,
    at: datetime,
    leave_out: bool,
    settle: Callable[[Report], None] | None = None,
) -> None:
    """Check and write within one verb; `settle` closes the upload that the draft came from."""
    report = draft.report
    try:
        with act("import_workbook", by=by, at=at, subject=name) as deed:
            # Two imports at once would both find a key new; PostgreSQL has no one write lock.
            take_turn(TURN, at)
            # Checked under the lock: what the checks saw is what the rows are held against.
            touched = _bring_in(draft, reach, at, leave_out=leave_out)
            if not report.writes and settle is None:
                raise _NothingToWrite  # noqa: TRY301 - `act` undoes a verb by what it raises
            rewrite_steps(touched)
            report.written = True
            if settle:
                settle(report)
            sheets = {code: asdict(counts) for code, counts in report.sheets.items()}
            deed.note(digest=report.digest, sheets=sheets, left_out=len(report.refused))
    except _NothingToWrite:
        report.written = leave_out or not report.refused
    except IntegrityError as error:  # a page registered one of the keys between check and write
        report.written = False
        raise Stale from error
    except BaseException:
        report.written = False
        raise


def _bring_in(draft: Draft, reach: Reach, at: datetime, *, leave_out: bool) -> set[int]:
    """Check the draft and write it, or count only; answers the vehicles to judge anew."""
    book: Rulebook = current_app.extensions["rulebook"]
    known = look_up(draft, db.session())
    Check(draft, known, reach, book.zone).run()
    if draft.report.refused and not leave_out:
        raise _NothingToWrite
    writing = Writing(
        draft,
        known,
        db.session(),
        today=local_day(at, book.zone),
        dry_run=draft.report.dry_run,
    )
    writing.run()
    return writing.touched


# ----------------------------------------------------------------------------------- uploads


def check_upload(
    stream: IO[bytes], name: str, *, user_id: int, by: Actor, at: datetime, reach: Reach
) -> Upload:
    """Keep an uploaded workbook with the report of a dry run, until confirmed or dropped.

    Raises UnreadableFile, and keeps nothing then.
    """
    digest, name = files.keep(stream, SUFFIX), _tidy(name)
    try:
        report = import_path(files.path_of(digest, SUFFIX), by=by, at=at, dry_run=True, reach=reach)
    except UnreadableFile:
        _forget(digest)
        raise
    with act("check_workbook", by=by, at=at, subject=name):
        upload = Upload(
            user_id=user_id,
            name=name,
            digest=digest,
            state=CHECKED,
            uploaded_at=at,
            report=report.kept(),
        )
        db.session.add(upload)
    return upload


def _tidy(name: str) -> str:
    """A file's name as people may read it: printable, and not longer than its column."""
    shown = "".join(letter for letter in name if letter.isprintable()).strip()
    return shown[-NAME_LENGTH:] or f"workbook{SUFFIX}"


def confirm_upload(
    upload: Upload, *, leave_out_refused: bool, by: Actor, at: datetime, reach: Reach
) -> Report:
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

    def settle(report: Report) -> None:
        _move(number, IMPORTED, report.kept())

    with everyone():
        _write(draft, name, reach, by=by, at=at, leave_out=leave_out_refused, settle=settle)
    if draft.report.written:
        _forget(digest)
    else:
        with act("check_workbook", by=by, at=at, subject=name):
            _move(number, CHECKED, draft.report.kept())
    return draft.report


def drop_upload(upload: Upload, *, by: Actor, at: datetime) -> None:
    """Forget an upload that was checked; its report stays. Raises UploadSettled."""
    number, digest = upload.id, upload.digest
    with act("drop_workbook", by=by, at=at, subject=upload.name):
        _move(number, DROPPED)
    _forget(digest)


def _move(number: int, state: str, report: dict[str, Any] | None = None) -> None:
    """Change an upload's state, if nobody did since: of two confirmations one wins."""
    values = {"state": state} | ({"report": report} if report is not None else {})
    moved = db.session.execute(
        update(Upload)
        .where(Upload.id == number, Upload.state == CHECKED)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise UploadSettled
    db.session.expire_all()


def _forget(digest: str) -> None:
    """Delete a kept file that no other upload still waits with."""
    waits = select(Upload.id).where(Upload.digest == digest, Upload.state == CHECKED)
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
