"""The pages of one's own tasks: how far, what came of them, nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from fleet.storage import Actor, db, everyone
from fleet.web import clock
from fleet.work import tasks
from fleet.work.pulse import Beat, pulses
from fleet.work.running import Running
from fleet.work.tables import Task
from tests.cast import GRANTS, let_in, sign_in
from tests.pages import soup, words
from tests.work.tasking import ask, offering

pytestmark = pytest.mark.one_engine
ADDRESSES = ("", "/progress", "/result")


def letter(running: Running) -> None:
    running.result("通知.pdf", "application/pdf", b"%PDF of a test")


@pytest.fixture
def people(session) -> dict[str, Actor]:
    with everyone():
        users = {name: let_in(name, *GRANTS[name]) for name in ("administrator", "auditor")}
    return {name: Actor(user.id, user.email) for name, user in users.items()}


@pytest.fixture
def page(app, client, people) -> Iterator:
    """The auditor's client, while tasks may leave a letter."""
    with offering(app, letter=letter):
        yield sign_in(client, "auditor")


@pytest.fixture
def task(people) -> Task:
    return ask(people["auditor"], "letter")


def test_a_task_that_waits_survives_a_reload(page, task):
    pulses().worker_lives(clock.now())
    for _ in range(2):
        shown = page.get("/tasks/1")
        assert "Waits for its turn" in words(shown)
        assert soup(shown).progress.get("value") is None
        assert soup(shown).select("noscript meta[http-equiv=refresh]")
    pulses().worker_ends()


def test_how_far_it_is(page, task):
    running = tasks.claim(clock.now())
    pulses().give(Beat(task.id, running.attempt, 30, 1200, clock.now() + timedelta(minutes=1)))
    shown = page.get("/tasks/1")
    assert "Under way: 30 of 1,200" in words(shown)
    assert (soup(shown).progress["value"], soup(shown).progress["max"]) == ("30", "1200")
    told = page.get("/tasks/1/progress").get_json()
    assert told == {
        "state": "running",
        "open": True,
        "done": 30,
        "total": 1200,
        "words": "Under way: 30 of 1,200",
    }
    assert "30 of 1,200" in words(page.get("/tasks"))


def test_its_result_is_fetched_and_later_no_longer_kept(page, task):
    tasks.run_next(clock.now())
    assert "Download 通知.pdf" in words(page.get("/tasks/1"))
    fetched = page.get("/tasks/1/result")
    assert (fetched.data, fetched.mimetype) == (b"%PDF of a test", "application/pdf")
    assert fetched.headers["Content-Disposition"].startswith("attachment;")
    tasks.sweep(clock.now() + timedelta(days=31))
    assert "通知.pdf is no longer kept." in words(page.get("/tasks/1"))
    assert "no longer kept" in words(page.get("/tasks?state=done"))
    assert page.get("/tasks/1/result").status_code == 404


def test_nobody_sees_anothers_task_nor_does_the_administrator(app, page, task, client):
    tasks.run_next(clock.now())
    ask(Actor(task.user_id, "auditor"), "letter")
    sign_in(client, "administrator")
    for number in (1, 2, 3):
        for address in ADDRESSES:
            assert client.get(f"/tasks/{number}{address}").status_code == 404
        for verb in ("cancel", "run"):
            assert client.post(f"/tasks/{number}/{verb}").status_code == 404
    assert "No task yet." in words(client.get("/tasks"))
    db.session.rollback()
    assert db.session.get(Task, 2).state == "queued"


def test_it_is_cancelled_once(page, task):
    assert "The task is cancelled." in words(page.post("/tasks/1/cancel", follow_redirects=True))
    assert page.post("/tasks/1/cancel").status_code == 409
    assert soup(page.get("/tasks/1")).select("form[action$='/cancel']") == []


def test_a_running_one_is_asked_to_end(page, task):
    tasks.claim(clock.now())
    shown = page.post("/tasks/1/cancel", follow_redirects=True)
    assert "The task was asked to end." in words(shown)
    assert "It ends at its next step." in words(shown)


def test_without_a_worker_it_can_be_run_by_hand(page, task):
    assert "No worker is running" in words(page.get("/tasks/1"))
    assert "Download" in words(page.post("/tasks/1/run", follow_redirects=True))


def test_why_it_failed_is_said(app, page, task):
    def fail(_running: Running) -> None:
        raise ZeroDivisionError

    with offering(app, letter=fail):
        tasks.run_next(clock.now())
    assert "Something went wrong on our side." in words(page.get("/tasks/1"))


def test_ones_tasks_are_found_from_the_account(page, task):
    assert soup(page.get("/account")).select("a[href='/tasks']")
    listed = soup(page.get("/tasks"))
    assert [link["href"] for link in listed.select("tbody a")] == ["/tasks/1"]
