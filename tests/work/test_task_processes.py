"""Tasks between processes: one takes a task up, a killed one's is taken up again."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from fleet.settings import Settings
from fleet.storage import db
from fleet.storage.history import HistoryEntry, verify
from fleet.web import clock
from fleet.work import tasks
from fleet.work.pulse import worker_is_alive
from fleet.work.service import last_run
from fleet.work.tables import Task
from tests.work.processes import Start, starting
from tests.work.racing import race
from tests.work.tasking import ask, asker, until

SLOW = "tests.work.slow_app"


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts a worker that knows the job `slow` over this test's database."""
    with starting(settings) as start:
        yield lambda: start("worker", "--lease", "1.5", app=SLOW)


def now_of(number: int) -> Task:
    """The task as it stands now."""
    db.session.rollback()
    task = db.session.get(Task, number)
    assert task is not None
    return task


def is_under_way(number: int) -> bool:
    return tasks.how_far(now_of(number)).done >= 3


def times_done() -> int:
    db.session.rollback()
    counted = select(func.count()).where(HistoryEntry.verb == "slow")
    return db.session.scalar(counted) or 0


@pytest.mark.parametrize("lost", [False, True])
def test_of_two_workers_one_takes_a_task_up(session, settings, lost):
    number = ask(asker()).id
    if lost:
        tasks.claim(clock.now() - timedelta(minutes=5))
    found = race(settings, clock.now())
    assert sorted(map(str, found)) == [str(number), "None"]


def test_without_the_guard_both_take_it_up(session, settings):
    """The control: what the guarded UPDATE prevents, on both engines."""
    number = ask(asker()).id
    assert race(settings, clock.now(), guarded=False) == [number, number]


def test_a_killed_workers_task_is_taken_up_again(session, start):
    number = ask(asker(), "slow", steps=15).id
    first = start()
    until(lambda: is_under_way(number))
    first.kill()
    first.wait()
    assert now_of(number).state == "running"
    start()
    until(lambda: now_of(number).state == "done")
    assert (now_of(number).attempts, now_of(number).summary) == (2, {"attempt": 2})
    assert times_done() == 1
    assert verify() is None


@pytest.mark.one_engine
def test_a_worker_told_to_stop_gives_its_task_back_at_once(session, start):
    number = ask(asker(), "slow", steps=600).id
    worker = start()
    until(lambda: is_under_way(number))
    until(lambda: last_run("run-day"))  # the daily job did not wait for the task
    assert worker_is_alive(clock.now())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert (now_of(number).state, now_of(number).attempts) == ("queued", 0)
    assert not worker_is_alive(clock.now())


def test_a_running_task_is_cancelled_from_another_process(session, start):
    by = asker()
    number = ask(by, "slow", steps=600).id
    start()
    until(lambda: is_under_way(number))
    tasks.cancel(now_of(number), by=by, at=clock.now())
    until(lambda: now_of(number).state == "cancelled")
    assert times_done() == 0
