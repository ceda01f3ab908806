"""A task while it runs: what its job is told, and the signs of life it gives meanwhile."""

from __future__ import annotations

import io
import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import IO, Any

from sqlalchemy import Update, update
from sqlalchemy.exc import SQLAlchemyError

from fleet.storage import Actor, Scope, db, files
from fleet.web import clock
from fleet.work.pulse import Beat, Heard, Pulses
from fleet.work.tables import DONE, RUNNING, Task

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=30)
_TICK = timedelta(seconds=0.5)


class Ended(Exception):
    """A run must end before its job is done; no error, and for `Running` alone to raise."""


class Cancelled(Ended):
    """The asker does not want it any more."""


class Interrupted(Ended):
    """The worker is told to stop: the task waits for the next one."""


class Superseded(Ended):
    """The lease was lost: the task is another run's by now, or ended."""


@dataclass(frozen=True, slots=True)
class Result:
    """A file that a task leaves to be fetched."""

    name: str
    mimetype: str
    digest: str

    def columns(self) -> dict[str, str]:
        """The task's columns for it."""
        return {
            "result_name": self.name[-255:],
            "result_mimetype": self.mimetype,
            "result_digest": self.digest,
        }


def suffix(task_id: int) -> str:
    """The end of a result's file name, which keeps equal results of two tasks apart."""
    return f".task-{task_id}"


@dataclass(slots=True)
class Running:
    """What a job is told about its task, and what it tells in return.

    `at` is when this run began; `stop` is set when the process is to end.
    """

    task_id: int
    attempt: int
    arguments: dict[str, Any]
    by: Actor
    at: datetime
    scope: Scope
    language: str
    stop: threading.Event = field(default_factory=threading.Event)
    done: int = 0
    total: int = 0
    kept: Result | None = None
    settled: bool = False
    heard: Heard = field(default_factory=lambda: Heard(own=True, cancel=False))

    def progress(self, done: int, total: int) -> None:
        """Say how far the job is; raises Ended where it shall not go on.

        It only sets numbers, which another thread passes on, so that a job may call it as often
        as it likes, also inside of its verb's transaction.
        """
        self.done, self.total = done, total
        if self.settled:  # what is about to be committed is done, whoever asked meanwhile
            return
        if not self.heard.own:
            raise Superseded
        if self.heard.cancel:
            raise Cancelled
        if self.stop.is_set():
            raise Interrupted

    def result(self, name: str, mimetype: str, content: bytes | IO[bytes]) -> None:
        """Leave a file to be fetched; it stands on record when the task is done."""
        stream = io.BytesIO(content) if isinstance(content, bytes) else content
        digest = files.keep(stream, suffix(self.task_id))
        if self.kept is not None and self.kept.digest != digest:
            files.forget(self.kept.digest, suffix(self.task_id))
        self.kept = Result(name, mimetype, digest)

    def settle(self, summary: dict[str, Any] | None = None) -> None:
        """Mark the task done within the transaction under way, as the last step of the verb.

        What the job did and that it is done then commit together. Raises Superseded where the
        task is not this run's any more, which undoes the verb.
        """
        ended = db.session.execute(self.mine().values(self.end(DONE, summary)))
        if ended.rowcount != 1:  # type: ignore[attr-defined]
            raise Superseded
        self.settled = True

    def mine(self) -> Update:
        """The update of the task that changes nothing once the lease was lost."""
        chosen = update(Task).where(
            Task.id == self.task_id, Task.attempts == self.attempt, Task.state == RUNNING
        )
        return chosen.execution_options(synchronize_session=False)

    def end(self, state: str, summary: dict[str, Any] | None = None) -> dict[str, Any]:
        """The columns of a task that ends in a state."""
        values: dict[str, Any] = {
            "state": state,
            "ended_at": clock.now(),
            "lease_until": None,
            "done": self.done,
            "total": self.total,
        }
        if summary is not None:
            values["summary"] = summary
        return values | (self.kept.columns() if state == DONE and self.kept else {})


class Beating:
    """Gives a run's signs of life from a thread of its own, as long as the block lasts.

    The job's own thread may be busy in a transaction, or in one long call, for longer than the
    lease.
    """

    def __init__(self, running: Running, pulses: Pulses, lease: timedelta) -> None:
        self.running = running
        self.pulses = pulses
        self.lease = lease
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._beat, name="pulse", daemon=True)

    def __enter__(self) -> None:
        self._give()
        self.thread.start()

    def __exit__(self, *_error: object) -> None:
        self.over.set()
        self.thread.join()

    def _beat(self) -> None:
        while not self.over.wait(min(_TICK, self.lease / 4).total_seconds()):
            try:
                self._give()
            except (OSError, SQLAlchemyError):
                log.exception("task %s could not give a sign of life", self.running.task_id)

    def _give(self) -> None:
        run = self.running
        until = clock.now() + self.lease
        beat = Beat(run.task_id, run.attempt, run.done, run.total, until)
        run.heard = self.pulses.give(beat)
