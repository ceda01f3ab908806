"""Signs of life, kept where no job's transaction is waited for: pulse, progress, cancelling.

A job such as an import holds SQLite's one write lock for minutes; a heartbeat through another
connection would wait for it, miss its lease, and let a second worker begin the same task. There
these signs are small files in the instance folder, which one machine shares. PostgreSQL locks
rows, not the database, and may be shared by machines that share no folder: there they are
columns.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from flask import current_app
from sqlalchemy import Engine, func, select, update
from sqlalchemy.dialects import postgresql

from fleet.storage import db
from fleet.work.tables import RUNNING, JobRun, Task

ALIVE_FOR = timedelta(seconds=15)
FOLDER = "tasks"
_WORKER = "worker"
_EPOCH = date(1970, 1, 1)
_task = Task.__table__.c


@dataclass(frozen=True, slots=True)
class Beat:
    """A run's sign of life: which run of which task, how far it is, until when it is let be."""

    task_id: int
    attempt: int
    done: int
    total: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Heard:
    """What a run hears when it gives a sign: whether the task is still its own, and to go on."""

    own: bool
    cancel: bool


class Pulses(Protocol):
    """Where signs of life are given and looked for; safe to use from any thread."""

    def give(self, beat: Beat) -> Heard:
        """Give a run's sign of life."""

    def last(self, task: Task) -> Beat:
        """The last sign of a task's run, from its row where there is none."""

    def ask_cancel(self, task_id: int) -> None:
        """Ask a run to end at its next step."""

    def cancel_asked(self, task: Task) -> bool:
        """Whether somebody asked so."""

    def forget(self, task_id: int) -> None:
        """Clear away a task that ended."""

    def worker_lives(self, at: datetime) -> None:
        """Note that a worker takes tasks."""

    def worker_ends(self) -> None:
        """Note that it takes none any more."""

    def worker_seen(self) -> datetime | None:
        """When a worker was last noted."""


def pulses() -> Pulses:
    """The signs of life of this installation."""
    engine = db.engine
    if engine.dialect.name == "postgresql":
        return InTable(engine)
    return InFiles(engine, current_app.extensions["fleet_settings"].folder / FOLDER)


def worker_is_alive(now: datetime) -> bool:
    """Whether a worker gave a sign lately, so that a task asked for now will be taken up."""
    seen = pulses().worker_seen()
    return seen is not None and now - seen < ALIVE_FOR


def _of_row(task: Task) -> Beat:
    until = task.lease_until or task.asked_at
    return Beat(task.id, task.attempts, task.done, task.total, until)


class InTable:
    """Signs of life as columns: for a database whose writers do not wait for each other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def give(self, beat: Beat) -> Heard:
        """Renew the lease and say how far it is, where the run still has the task."""
        values = {"lease_until": beat.until, "done": beat.done, "total": beat.total}
        statement = update(Task.__table__).where(  # type: ignore[arg-type]
            _task.id == beat.task_id, _task.attempts == beat.attempt, _task.state == RUNNING
        )
        with self.engine.begin() as connection:
            row = connection.execute(
                statement.values(values).returning(_task.cancel_asked)
            ).one_or_none()
        return Heard(own=row is not None, cancel=bool(row and row.cancel_asked))

    def last(self, task: Task) -> Beat:
        """What the row says now, past what the session read before."""
        until = func.coalesce(_task.lease_until, _task.asked_at)
        told = select(_task.id, _task.attempts, _task.done, _task.total, until)
        with self.engine.connect() as connection:
            return Beat(*connection.execute(told.where(_task.id == task.id)).one())

    def ask_cancel(self, task_id: int) -> None:
        """Set the column that the run reads."""
        with self.engine.begin() as connection:
            chosen = update(Task.__table__).where(_task.id == task_id)  # type: ignore[arg-type]
            connection.execute(chosen.values(cancel_asked=True))

    def cancel_asked(self, task: Task) -> bool:
        """What the row says now."""
        with self.engine.connect() as connection:
            told = select(_task.cancel_asked).where(_task.id == task.id)
            return bool(connection.scalar(told))

    def forget(self, task_id: int) -> None:
        """Nothing lies beside the row."""

    def worker_lives(self, at: datetime) -> None:
        """Keep the latest sign in the table of runs."""
        values = {"job": _WORKER, "scope": _WORKER, "day": _EPOCH, "done_at": at}
        statement = postgresql.insert(JobRun).values(values)
        keys = ["job", "scope", "day"]
        with self.engine.begin() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=keys, set_={"done_at": at})
            )

    def worker_ends(self) -> None:
        """Take the sign away."""
        columns = JobRun.__table__.c
        with self.engine.begin() as connection:
            connection.execute(JobRun.__table__.delete().where(columns.job == _WORKER))  # type: ignore[attr-defined]

    def worker_seen(self) -> datetime | None:
        """The row's instant."""
        columns = JobRun.__table__.c
        with self.engine.connect() as connection:
            found: datetime | None = connection.scalar(
                select(columns.done_at).where(columns.job == _WORKER)
            )
        return found


class InFiles:
    """Signs of life as files: for SQLite, whose one write lock a job may hold for minutes."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def give(self, beat: Beat) -> Heard:
        """Write the run's file anew; reading the row waits for no writer."""
        own = select(_task.id).where(
            _task.id == beat.task_id, _task.attempts == beat.attempt, _task.state == RUNNING
        )
        with self.engine.connect() as connection:
            if connection.scalar(own) is None:
                return Heard(own=False, cancel=False)
        told = {"attempt": beat.attempt, "done": beat.done, "total": beat.total}
        self._write(f"{beat.task_id}.json", told | {"until": beat.until.isoformat()})
        return Heard(own=True, cancel=self._cancel(beat.task_id).exists())

    def last(self, task: Task) -> Beat:
        """What the run's file says, where it is of the run that the row names."""
        told = self._read(f"{task.id}.json")
        if told is None or told["attempt"] != task.attempts or task.state != RUNNING:
            return _of_row(task)
        until = datetime.fromisoformat(told["until"])
        return Beat(task.id, told["attempt"], told["done"], told["total"], until)

    def ask_cancel(self, task_id: int) -> None:
        """Leave the file that the run looks for."""
        self._cancel(task_id).touch()

    def cancel_asked(self, task: Task) -> bool:
        """Whether the file lies there."""
        return self._cancel(task.id).exists()

    def forget(self, task_id: int) -> None:
        """Delete a task's files."""
        for path in (self.folder / f"{task_id}.json", self._cancel(task_id)):
            path.unlink(missing_ok=True)

    def worker_lives(self, at: datetime) -> None:
        """Write the worker's file anew."""
        self._write(f"{_WORKER}.json", {"at": at.isoformat()})

    def worker_ends(self) -> None:
        """Delete the worker's file."""
        (self.folder / f"{_WORKER}.json").unlink(missing_ok=True)

    def worker_seen(self) -> datetime | None:
        """The instant in the worker's file."""
        told = self._read(f"{_WORKER}.json")
        return datetime.fromisoformat(told["at"]) if told else None

    def _cancel(self, task_id: int) -> Path:
        return self.folder / f"{task_id}.cancel"

    def _write(self, name: str, told: dict[str, Any]) -> None:
        # Written aside and then renamed, so that a reader never finds half a sign.
        partial = self.folder / f"{secrets.token_hex(8)}.part"
        partial.write_text(json.dumps(told), encoding="ascii")
        partial.replace(self.folder / name)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            told: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        return told
