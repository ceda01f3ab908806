"""The workbook's verbs: bring one in, keep an upload until it is confirmed or dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from flask import current_app

from fleet.policies.steps import rewrite_steps
from fleet.rulebook.book import Rulebook
from fleet.storage import Actor, act, db, everyone
from fleet.web.reading import read_tables
from fleet.words import local_day
from fleet.workbook.checks import Check
from fleet.workbook.draft import Draft, read_draft
from fleet.workbook.known import Reach, look_up
from fleet.workbook.report import Report
from fleet.workbook.writing import Writing

WHOLE_GROUP = Reach()
Progress = Callable[[int, int], None]


class _NothingToWrite(Exception):  # noqa: N818 - no error: it leaves the verb without an entry
    """The checks refused a row, or all of it stands on record already."""


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
    book: Rulebook = current_app.extensions["rulebook"]
    digest = digest_of(path)
    draft = read_draft(read_tables(path), book.zone)
    draft.report.dry_run, draft.report.digest = dry_run, digest
    if progress:
        progress(0, draft.rows)
    with everyone():
        if dry_run:
            _bring_in(draft, reach, at, leave_out=True)
            db.session.rollback()
        else:
            _write(draft, path, reach, by=by, at=at, leave_out=leave_out_refused)
    if progress:
        progress(draft.rows, draft.rows)
    return draft.report


def _write(
    draft: Draft, path: Path, reach: Reach, *, by: Actor, at: datetime, leave_out: bool
) -> None:
    report = draft.report
    try:
        with act("import_workbook", by=by, at=at, subject=path.name) as deed:
            # Checked under the write lock: what the checks saw is what the rows are held against.
            touched = _bring_in(draft, reach, at, leave_out=leave_out)
            if not report.writes:
                raise _NothingToWrite
            rewrite_steps(touched)
            sheets = {code: asdict(counts) for code, counts in report.sheets.items()}
            deed.note(digest=report.digest, sheets=sheets, left_out=len(report.refused))
    except _NothingToWrite:
        report.written = leave_out or not report.refused
    else:
        report.written = True


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


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, or of a folder's .csv files by name."""
    if path.is_dir():
        listed = [f"{digest_of(one)} {one.name}" for one in sorted(path.glob("*.csv"))]
        return hashlib.sha256("\n".join(listed).encode()).hexdigest()
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
