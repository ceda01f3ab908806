"""Which job ran for which day, and one turn at a time for whoever runs it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select

from fleet.storage import db, upsert
from fleet.work.tables import JobRun

GROUP = "group"
_TURN = "turn"
_EPOCH = date(1970, 1, 1)


def take_turn(job: str, at: datetime) -> None:
    """Wait, inside the transaction under way, until no other process runs the job.

    The row written is a lock, not a run: it is released by commit or rollback, so that a
    process that dies in the middle blocks nobody.
    """
    _put(job, _TURN, _EPOCH, at)


def note_run(job: str, day: date, at: datetime) -> None:
    """Note, inside the transaction under way, that the job ran for a day."""
    _put(job, GROUP, day, at)


def last_run(job: str) -> date | None:
    """The latest day for which the job ran, None before its first run."""
    found: date | None = db.session.scalar(
        select(func.max(JobRun.day)).where(JobRun.job == job, JobRun.scope == GROUP)
    )
    return found


def last_run_before(job: str, day: date) -> date | None:
    """The latest earlier day for which the job ran, None where there is none."""
    found: date | None = db.session.scalar(
        select(func.max(JobRun.day)).where(
            JobRun.job == job, JobRun.scope == GROUP, JobRun.day < day
        )
    )
    return found


def _put(job: str, scope: str, day: date, at: datetime) -> None:
    statement: Any = upsert(JobRun).values(job=job, scope=scope, day=day, done_at=at)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["job", "scope", "day"], set_={"done_at": at}
        )
    )
