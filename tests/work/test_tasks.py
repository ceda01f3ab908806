"""A task's life: asked for, taken up once, ended in one of three ways, or given back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from fleet.people.tables import Company, Region
from fleet.storage import Scope, act, db, files
from fleet.storage.history import HistoryEntry, verify
from fleet.storage.scope import current
from fleet.web import clock
from fleet.web.errors import Refusal
from fleet.work import tasks
from fleet.work.pulse import pulses
from fleet.work.running import Cancelled, Interrupted, Running, Superseded, suffix
from tests.work.tasking import AT, ask, asker, offering, until


@pytest.fixture
def by(session):
    return asker()


@pytest.fixture
def told(app: Flask) -> Iterator[list[Running]]:
    """The tasks that the job `count` was told of."""
    runs: list[Running] = []
    with offering(app, count=runs.append):
        yield runs


def test_a_task_waits_is_run_once_and_done(by, told):
    task = ask(by, number=7)
    assert task.state == "queued"
    assert tasks.run_next(clock.now())
    assert not tasks.run_next(clock.now())
    assert [(run.arguments, run.by) for run in told] == [({"number": 7}, by)]
    assert (task.state, task.attempts, task.problem) == ("done", 1, "")
    assert task.ended_at is not None


def test_the_oldest_is_run_first(by, told):
    first, second = ask(by, number=1), ask(by, number=2)
    assert first.id < second.id
    while tasks.run_next(clock.now()):
        pass
    assert [run.arguments["number"] for run in told] == [1, 2]


def test_asking_is_in_the_history(by, session):
    task = ask(by)
    entry = session.scalars(select(HistoryEntry).where(HistoryEntry.verb == "ask_task")).one()
    assert (entry.subject, entry.actor_id) == (f"count {task.id}", by.id)
    assert verify() is None


def test_a_job_says_how_far_it_is(app, by, session):
    seen: list[tuple[int, int]] = []
    task = ask(by)

    def job(running: Running) -> None:
        running.progress(3, 10)
        until(lambda: tasks.how_far(task).done == 3)
        with act("test", by=running.by, at=running.at):  # SQLite's write lock is held
            running.progress(7, 10)
            until(lambda: tasks.how_far(task).done == 7)
        seen.append((tasks.how_far(task).done, tasks.how_far(task).total))

    with offering(app, count=job):
        tasks.run_next(clock.now())
    assert seen == [(7, 10)]
    assert (task.state, task.done, task.total) == ("done", 7, 10)


class NotToday(Refusal):
    def __init__(self) -> None:
        super().__init__(_("Fill this in."))


@pytest.mark.parametrize(
    ("error", "problem"),
    [(NotToday, "请填写此项。"), (ZeroDivisionError, "went_wrong")],
)
def test_a_failing_job_says_why_to_people_and_more_to_the_log(app, by, caplog, error, problem):
    def job(_running: Running) -> None:
        db.session.add(Region(code="HALF", name="half done"))
        db.session.flush()
        raise error

    task = ask(by, language="zh_Hans")
    with offering(app, count=job):
        tasks.run_next(clock.now())
    assert task.state == "failed"
    assert task.problem == problem
    assert db.session.scalars(select(Region)).all() == []
    assert ("ZeroDivisionError" in caplog.text) == (error is ZeroDivisionError)


def test_nobody_offers_its_kind_any_more(by):
    task = ask(by, "of_another_release")
    tasks.run_next(clock.now())
    assert (task.state, task.problem) == ("failed", "went_wrong")


def test_a_job_sees_the_rows_its_asker_saw(app, by, session):
    region = Region(code="N", name="North")
    own, foreign = (Company(code=code, name=code, region=region) for code in "AB")
    session.add_all([own, foreign])
    session.commit()
    seen: list[Any] = []
    before = current()
    ask(by, scope=Scope(frozenset({own.id})))
    ask(by, scope=Scope())

    def job(_running: Running) -> None:
        seen.append(db.session.scalars(select(Company.code)).all())

    with offering(app, count=job):
        tasks.run_next(clock.now())
        tasks.run_next(clock.now())
    assert seen == [["A"], []]
    assert current() == before


def settle_after(session_code: str) -> Any:
    def job(running: Running) -> None:
        with act("test", by=running.by, at=running.at):
            db.session.add(Region(code=session_code, name="made by the job"))
            running.progress(1, 1)
            running.settle({"made": 1})

    return job


def test_effects_and_the_end_commit_together(app, by, session):
    task = ask(by)
    with offering(app, count=settle_after("N")):
        tasks.run_next(clock.now())
    assert (task.state, task.summary, task.done) == ("done", {"made": 1}, 1)
    assert session.scalars(select(Region.code)).all() == ["N"]


def test_a_run_that_lost_its_task_undoes_its_verb(app, by, session):
    task = ask(by)

    def job(running: Running) -> None:
        other = tasks.claim(clock.now() + timedelta(days=1))  # it slept for longer than the lease
        assert other is not None
        settle_after("TWICE")(running)

    with offering(app, count=job):
        tasks.run_next(clock.now())
    assert (task.state, task.attempts) == ("running", 2)
    assert session.scalars(select(Region.code)).all() == []


def test_settling_after_an_error_leaves_the_task_failed(app, by, session):
    task = ask(by)

    def job(running: Running) -> None:
        with act("test", by=running.by, at=running.at):
            running.settle()
            raise ZeroDivisionError

    with offering(app, count=job):
        tasks.run_next(clock.now())
    assert task.state == "failed"


@pytest.mark.parametrize(("times", "state"), [(2, "done"), (99, "running")])
def test_an_end_waits_for_a_lock_that_another_holds(by, told, monkeypatch, times, state):
    task, moved, tried = ask(by), tasks._moved, []

    def locked(*asked: Any) -> bool:
        tried.append(asked)
        if 1 < len(tried) <= times:  # the first is the claim
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return moved(*asked)

    monkeypatch.setattr(tasks, "_moved", locked)
    monkeypatch.setattr(tasks, "END_TRIES", 3)
    with nullcontext() if state == "done" else pytest.raises(OperationalError):
        tasks.run_next(clock.now())
    db.session.rollback()
    assert task.state == state


# ---------------------------------------------------------------------------- cancelling


def test_what_waits_is_cancelled_at_once(by, told):
    task = ask(by)
    tasks.cancel(task, by=by, at=AT)
    assert task.state == "cancelled"
    assert not tasks.run_next(clock.now())
    assert told == []
    with pytest.raises(tasks.TaskEnded):
        tasks.cancel(task, by=by, at=AT)


def test_what_runs_is_cancelled_at_its_next_step(app, by, session):
    task = ask(by)

    def job(running: Running) -> None:
        with act("test", by=running.by, at=running.at):
            db.session.add(Region(code="N", name="made by the job"))
            session.flush()
            pulses().ask_cancel(running.task_id)
            until(lambda: running.heard.cancel)
            running.progress(1, 2)

    with offering(app, count=job):
        tasks.run_next(clock.now())
    assert task.state == "cancelled"
    assert session.scalars(select(Region)).all() == []
    verbs = session.scalars(select(HistoryEntry.verb).order_by(HistoryEntry.seq)).all()
    assert verbs == ["ask_task", "cancel_task"]


def test_a_cancelled_task_whose_worker_was_lost_is_not_run(by, told):
    task = ask(by)
    tasks.claim(clock.now() - timedelta(minutes=5))
    tasks.cancel(task, by=by, at=AT)
    assert task.state == "running"
    assert tasks.waits_for_cancel(task)
    tasks.run_next(clock.now())
    assert (task.state, told) == ("cancelled", [])


# ------------------------------------------------------------------- lost and given back


def test_a_lost_task_is_taken_up_when_its_lease_is_over(by, told):
    task = ask(by)
    now = clock.now()
    assert tasks.claim(now) is not None
    assert not tasks.run_next(now + timedelta(seconds=29))
    assert tasks.run_next(now + timedelta(seconds=31))
    assert (task.state, task.attempts) == ("done", 2)


def test_a_sign_of_life_keeps_a_task(app, by):
    task = ask(by)
    taken: list[bool] = []

    def job(_running: Running) -> None:
        lease = tasks.how_far(task).until
        until(lambda: tasks.how_far(task).until > lease + timedelta(seconds=0.4))
        taken.append(tasks.run_next(lease + timedelta(milliseconds=1)))

    with offering(app, count=job):
        tasks.run_next(clock.now(), lease=timedelta(seconds=1))
    assert taken == [False]


def test_a_task_that_kills_its_workers_fails_honestly(by, told):
    task = ask(by)
    now = clock.now()
    for day in range(4):
        assert tasks.claim(now + timedelta(days=day)) is not None
    assert tasks.run_next(now + timedelta(days=5))
    assert (task.state, task.problem, told) == ("failed", "interrupted", [])


def test_a_worker_told_to_stop_gives_its_task_back(app, by):
    task = ask(by)
    stop = threading.Event()

    def job(running: Running) -> None:
        stop.set()
        running.progress(1, 2)

    with offering(app, count=job):
        tasks.run_next(clock.now(), stop=stop)
    assert (task.state, task.attempts) == ("queued", 0)


@pytest.mark.parametrize(("heard", "ends"), [("own", Superseded), ("cancel", Cancelled)])
def test_progress_ends_a_run_that_shall_not_go_on(by, heard, ends):
    ask(by)
    running = tasks.claim(clock.now())
    assert running is not None
    running.heard = type(running.heard)(own=heard != "own", cancel=heard == "cancel")
    with pytest.raises(ends):
        running.progress(1, 2)
    running.settled = True
    running.progress(1, 2)
    running.settled, running.heard = False, type(running.heard)(own=True, cancel=False)
    running.stop.set()
    with pytest.raises(Interrupted):
        running.progress(1, 2)


# ------------------------------------------------------------------------ without a worker


def test_without_a_worker_it_runs_here(by, told):
    task = ask(by)
    assert tasks.is_stuck(task, clock.now())
    tasks.run_here_unless_worker(task)
    assert task.state == "done"
    assert len(told) == 1


def test_with_a_worker_it_is_left_to_it(by, told):
    task = ask(by)
    pulses().worker_lives(clock.now())
    tasks.run_here_unless_worker(task)
    assert (task.state, told) == ("queued", [])
    assert not tasks.is_stuck(task, clock.now())
    pulses().worker_lives(clock.now() - timedelta(minutes=1))
    tasks.run_here_unless_worker(task)
    assert task.state == "done"
    pulses().worker_ends()
    assert pulses().worker_seen() is None


# -------------------------------------------------------------------------------- results


def leave(name: str) -> Any:
    def job(running: Running) -> None:
        running.result("draft.txt", "text/plain", b"draft")
        running.result(name, "text/plain", b"letter")

    return job


def test_a_result_is_kept_and_swept_after_thirty_days(app, by):
    task = ask(by)
    with offering(app, count=leave("letter.txt")):
        tasks.run_next(clock.now())
    assert (task.result_name, task.result_mimetype) == ("letter.txt", "text/plain")
    path = files.path_of(task.result_digest or "", suffix(task.id))
    assert path.read_bytes() == b"letter"
    assert len(list(path.parent.iterdir())) == 1
    assert tasks.sweep(clock.now() + timedelta(days=29)) == 0
    assert tasks.sweep(clock.now() + timedelta(days=31)) == 1
    assert not path.exists()
    assert (task.state, task.result_name, task.result_digest) == ("done", "letter.txt", None)


def test_a_failed_run_leaves_no_file(app, by):
    task = ask(by)

    def job(running: Running) -> None:
        leave("letter.txt")(running)
        raise ZeroDivisionError

    with offering(app, count=job):
        tasks.run_next(clock.now())
    assert task.result_digest is None
    folder = app.extensions["fleet_settings"].folder / files.FOLDER
    assert list(folder.iterdir()) == []
