"""Work that outlives a request: asked for, taken up by one worker, ended in one of three ways."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import OperationalError

from fleet.storage import Actor, Scope, act, db, files, seen_as
from fleet.storage.database import WRITES
from fleet.web import clock
from fleet.web.errors import Refusal
from fleet.work.pulse import Beat, pulses, worker_is_alive
from fleet.work.running import (
    LEASE,
    Beating,
    Cancelled,
    Ended,
    Interrupted,
    Running,
    suffix,
)
from fleet.work.tables import (
    CANCELLED,
    DONE,
    FAILED,
    PROBLEM_LENGTH,
    QUEUED,
    RUNNING,
    Task,
)

__all__ = ["Cancelled", "Running", "Task"]

log = logging.getLogger(__name__)

TAKEN_UP_AGAIN = 3
END_TRIES = 20
KEPT_FOR = timedelta(days=30)
INTERRUPTED = "interrupted"
WENT_WRONG = "went_wrong"
_JOBS = "fleet_jobs"
_LOOKED_AT = 50

Job = Callable[[Running], None]


class TaskEnded(Refusal):
    """The task is over: there is nothing to cancel."""

    def __init__(self) -> None:
        super().__init__(_("This has ended already."))


class _Lost(Exception):
    """The task changed since it was looked at; it undoes the verb."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of task: what runs it, and the address that shows what came of it."""

    run: Job
    page: Callable[[dict[str, Any]], str] | None = None


def offer(
    app: Flask, kind: str, run: Job, *, page: Callable[[dict[str, Any]], str] | None = None
) -> None:
    """Let tasks of a kind be run; `page` makes the address of their subject from the arguments.

    `app.py` calls it, since a room that has jobs stands above this one. The kind's words are in
    `fleet/web/words.py`.
    """
    app.extensions.setdefault(_JOBS, {})[kind] = Offer(run, page)


def offered(kind: str) -> Offer | None:
    """What was offered for a kind; None where a release took it away."""
    found: Offer | None = current_app.extensions.get(_JOBS, {}).get(kind)
    return found


# ------------------------------------------------------------------------------- asking for it


def ask(  # noqa: PLR0913 - as `put`
    kind: str,
    arguments: dict[str, Any],
    *,
    user_id: int,
    scope: Scope,
    language: str,
    by: Actor,
    at: datetime,
    total: int = 0,
) -> Task:
    """Ask for a task; it runs on the rows of `scope` and speaks `language`.

    The arguments are JSON. A verb of its own; `put` is for within another.
    """
    with act("ask_task", by=by, at=at) as deed:
        task = put(
            kind,
            arguments,
            user_id=user_id,
            scope=scope,
            language=language,
            by=by,
            at=at,
            total=total,
        )
        deed.subject = _subject(task.kind, task.id)
    return task


def put(  # noqa: PLR0913 - what a task is, and the three that every verb is told
    kind: str,
    arguments: dict[str, Any],
    *,
    user_id: int,
    scope: Scope,
    language: str,
    by: Actor,
    at: datetime,
    total: int = 0,
) -> Task:
    """Add a task within the verb under way: it waits if and only if the verb commits."""
    task = Task(
        kind=kind,
        arguments=arguments,
        user_id=user_id,
        actor=by.name,
        language=language,
        scope={"everything": scope.everything, "companies": sorted(scope.companies)},
        state=QUEUED,
        total=total,
        asked_at=at,
    )
    db.session.add(task)
    db.session.flush()
    pulses().forget(task.id)  # a restored database may number its tasks anew
    return task


def cancel(task: Task, *, by: Actor, at: datetime) -> None:
    """End a task that waits; ask one that runs to end at its next step.

    Raises TaskEnded where it is over.
    """
    if not task.is_open:
        raise TaskEnded
    number, kind = task.id, task.kind
    # Asked before it is looked at again: whoever takes it up between the two will hear of it.
    pulses().ask_cancel(number)
    try:
        with act("cancel_task", by=by, at=at, subject=_subject(kind, number)):
            _move(
                and_(Task.id == number, Task.state == QUEUED),
                {"state": CANCELLED, "ended_at": at},
            )
    except _Lost:
        return
    pulses().forget(number)


def _subject(kind: str, number: int) -> str:
    return f"{kind} {number}"


def _move(where: ColumnElement[bool], values: dict[str, Any]) -> None:
    """Change one task within the transaction under way; _Lost where it is not as expected."""
    chosen = update(Task).where(where).values(values)
    moved = db.session.execute(chosen.execution_options(synchronize_session=False))
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise _Lost
    db.session.expire_all()


# ------------------------------------------------------------------------------- how far it is


def how_far(task: Task) -> Beat:
    """How far a task is: its run's last sign of life, else what its row says."""
    return pulses().last(task)


def waits_for_cancel(task: Task) -> bool:
    """Whether a running task was asked to end."""
    return task.state == RUNNING and pulses().cancel_asked(task)


def is_stuck(task: Task, now: datetime) -> bool:
    """Whether nobody runs it and no worker is there to take it up."""
    waits = task.state == QUEUED or (task.state == RUNNING and how_far(task).until < now)
    return waits and not worker_is_alive(now)


# --------------------------------------------------------------------------------- running it


def run_here_unless_worker(task: Task) -> None:
    """Run a task at once where no worker lives that would take it up; nothing stays waiting.

    Its state then says how it ended.
    """
    now = clock.now()
    if worker_is_alive(now):
        return
    if running := claim(now, only=task.id):
        run(running)
    db.session.expire_all()


def run_next(
    now: datetime, *, stop: threading.Event | None = None, lease: timedelta = LEASE
) -> bool:
    """Take up and run one task that waits or whose worker was lost; False where there is none."""
    running = claim(now, stop=stop, lease=lease)
    if running is None:
        return False
    run(running, lease=lease)
    return True


def claim(
    now: datetime,
    *,
    only: int | None = None,
    stop: threading.Event | None = None,
    lease: timedelta = LEASE,
) -> Running | None:
    """Take one task up, so that nobody else runs it while the lease lasts; None where none is."""
    for task in _candidates(now, only):
        running = Running(
            task.id,
            task.attempts + 1,
            task.arguments,
            Actor(task.user_id, task.actor),
            now,
            task.rows,
            task.language,
            stop or threading.Event(),
            total=task.total,
        )
        values: dict[str, Any] = {"state": RUNNING, "attempts": running.attempt}
        values |= {"lease_until": now + lease, "started_at": task.started_at or now}
        if _moved(_as_seen(task), values):
            return running
    db.session.rollback()
    return None


def _candidates(now: datetime, only: int | None) -> Iterator[Task]:
    """Tasks that wait, and those that ran when their lease ended and gave no sign since."""
    lost = and_(Task.state == RUNNING, Task.lease_until < now)
    chosen = select(Task).where(or_(Task.state == QUEUED, lost)).order_by(Task.id)
    if only is not None:
        chosen = chosen.where(Task.id == only)
    for task in db.session.scalars(chosen.limit(_LOOKED_AT)).all():
        # Read anew after a task before it was lost to another worker: it may have ended by now.
        if task.state == QUEUED or (task.state == RUNNING and how_far(task).until < now):
            yield task


def _as_seen(task: Task) -> ColumnElement[bool]:
    """That nobody took the task up since it was read."""
    return and_(Task.id == task.id, Task.state == task.state, Task.attempts == task.attempts)


def _moved(where: ColumnElement[bool], values: dict[str, Any]) -> bool:
    """Change one task in a transaction of its own; whether it was as expected."""
    try:
        with _writing():
            _move(where, values)
    except _Lost:
        return False
    return True


@contextmanager
def _writing() -> Iterator[None]:
    """A transaction about tasks alone: who runs what when is no change for the history."""
    db.session.commit()
    db.session.connection(execution_options={WRITES: True})
    try:
        yield
        db.session.commit()
    except BaseException:
        db.session.rollback()
        raise


class _Failed(Exception):
    """The task cannot be done; `message` is one of our codes."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How a run ended; `problem` for people, the details are in the log."""

    state: str
    problem: str = ""


_ENDS: Mapping[type[Ended], str] = {Cancelled: CANCELLED, Interrupted: QUEUED}


def run(running: Running, *, lease: timedelta = LEASE) -> None:
    """Run a task that was taken up, to its end or until it shall not go on."""
    kind: str = db.session.scalar(select(Task.kind).where(Task.id == running.task_id)) or ""
    with Beating(running, pulses(), lease):
        outcome = _outcome(kind, running)
        if outcome is not None:
            _end_patiently(kind, running, outcome)
    if outcome is not None:
        pulses().forget(running.task_id)
    _tidy(running)


def _end_patiently(kind: str, running: Running, outcome: _Outcome) -> None:
    """Put the end on record, also where somebody else's import holds SQLite's lock for minutes.

    Giving up would let the next worker do all of it again.
    """
    for left in reversed(range(END_TRIES)):
        try:
            _end(kind, running, outcome)
        except OperationalError:
            if not left:
                raise
            log.warning("task %s: its end could not be written yet", running.task_id)
        else:
            return


def _tidy(running: Running) -> None:
    """Delete a result that the run left and that the record does not name."""
    on_record = db.session.scalar(select(Task.result_digest).where(Task.id == running.task_id))
    db.session.rollback()
    if running.kept and running.kept.digest != on_record:
        files.forget(running.kept.digest, suffix(running.task_id))


def _outcome(kind: str, running: Running) -> _Outcome | None:
    """How the job ends; None where the task is another run's by now."""
    try:
        _do(kind, running)
    except (Refusal, _Failed) as failure:
        return _Outcome(FAILED, failure.message[:PROBLEM_LENGTH])
    except Ended as ended:
        state = _ENDS.get(type(ended))
        log.info("task %s: %s", running.task_id, type(ended).__name__)
        return _Outcome(state) if state else None
    except Exception:  # the asker is told that it failed; why, is ours to find
        log.exception("task %s (%s) failed", running.task_id, kind)
        return _Outcome(FAILED, WENT_WRONG)
    finally:
        db.session.rollback()
    return _Outcome(DONE)


def _do(kind: str, running: Running) -> None:
    """Do the job as its asker, unless it was interrupted too often or nobody wants it."""
    if running.attempt > 1 + TAKEN_UP_AGAIN:
        raise _Failed(INTERRUPTED)
    running.progress(running.done, running.total)  # it may be cancelled while nobody ran it
    job = offered(kind)
    if job is None:
        log.error("task %s: nothing was offered for %r", running.task_id, kind)
        raise _Failed(WENT_WRONG)
    with seen_as(running.scope), force_locale(running.language):
        job.run(running)


def _end(kind: str, running: Running, outcome: _Outcome) -> None:
    """Put the end of a run on record, unless its verb did or its lease was lost meanwhile."""
    mine = and_(Task.id == running.task_id, Task.attempts == running.attempt, Task.state == RUNNING)
    if outcome.state == QUEUED:  # told to stop: that run does not count
        _moved(mine, {"state": QUEUED, "lease_until": None, "attempts": running.attempt - 1})
        return
    values = running.end(outcome.state) | {"problem": outcome.problem}
    if outcome.state != CANCELLED:
        _moved(mine, values)
        return
    subject = _subject(kind, running.task_id)
    try:
        with act("cancel_task", by=running.by, at=values["ended_at"], subject=subject):
            _move(mine, values)
    except _Lost:
        log.warning("task %s ended before it was cancelled", running.task_id)


# ---------------------------------------------------------------------------------- afterwards


def sweep(now: datetime) -> int:
    """Delete results that were kept long enough; answers how many. Their tasks stay."""
    old = select(Task).where(Task.result_digest.is_not(None), Task.ended_at < now - KEPT_FOR)
    swept = [(task.id, task.result_digest or "") for task in db.session.scalars(old)]
    db.session.rollback()
    for number, digest in swept:
        files.forget(digest, suffix(number))
        _moved(Task.id == number, {"result_digest": None})
    return len(swept)
