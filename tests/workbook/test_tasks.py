"""Imports as tasks: what waits for a worker, what was killed, what nothing came of."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from fleet.people.service import Given
from fleet.storage import db, everyone
from fleet.storage.history import HistoryEntry
from fleet.vehicles.tables import Vehicle
from fleet.web import clock
from fleet.web.access import GROUP_ADMINISTRATOR
from fleet.work import tasks
from fleet.work.pulse import pulses
from fleet.work.running import Cancelled
from fleet.work.tables import Task
from fleet.workbook import jobs, service
from fleet.workbook.tables import Upload
from tests.cast import let_in, sign_in, token
from tests.pages import PageClient, soup, words
from tests.workbook import books
from tests.workbook.books import fleet, put
from tests.workbook.records import everything

pytestmark = pytest.mark.one_engine


@pytest.fixture
def person(app: Flask, client: PageClient, session: Session) -> PageClient:
    """The group's administrator, signed in."""
    with everyone():
        let_in("administrator", Given(GROUP_ADMINISTRATOR))
    return sign_in(client, "administrator")


@pytest.fixture
def worker(session: Session) -> Iterator[Callable[[], bool]]:
    """A worker that lives, and takes one task up when it is called."""
    pulses().worker_lives(clock.now())
    yield lambda: tasks.run_next(clock.now())
    pulses().worker_ends()


@pytest.fixture
def upload(person: PageClient, tmp_path: Path) -> Callable[..., Any]:
    """Upload sheets through the page, or to another address."""

    def call(sheets: books.Sheets | None = None, to: str = "/imports", **more: Any) -> Any:
        content = books.xlsx(tmp_path / "book.xlsx", sheets or fleet()).read_bytes()
        data = {"file": FileStorage(io.BytesIO(content), "a.xlsx"), **more.pop("data", {})}
        return person.post(to, data=data, follow_redirects=True, **more)

    return call


def vehicles() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Vehicle)) or 0


def latest() -> Task:
    db.session.rollback()
    return db.session.scalars(select(Task).order_by(Task.id.desc())).first()


def test_a_check_and_an_import_go_on_without_the_page(person, upload, worker) -> None:
    page = upload()
    bar = soup(page).select_one("[data-progress] progress")
    assert bar is not None
    assert "Waits for its turn" in words(page)
    assert not soup(page).select("form[action$='/confirm']")
    assert soup(page).select("noscript meta[http-equiv=refresh]")
    assert "Not checked yet" in words(person.get("/imports"))
    assert worker()
    page = person.get("/imports/1")
    assert "Every row can be written" in words(page)
    assert not soup(page).select("meta[http-equiv=refresh]")
    page = person.post("/imports/1/confirm", follow_redirects=True)
    assert "Import of a workbook" in words(page)
    assert vehicles() == 0
    assert person.post("/imports/1/confirm").status_code == 409
    assert worker()
    assert "All rows are written." in words(person.get("/imports/1"))
    assert vehicles() == 2


def test_over_http_it_is_taken_and_told_of(app, person, upload, worker) -> None:
    bearer = token(app, "administrator")

    def told() -> dict[str, Any]:
        return person.get("/api/v1/imports/1", headers=bearer).get_json()

    answer = upload(to="/api/v1/imports", headers=bearer)
    assert (answer.status_code, answer.get_json()) == (202, {"id": 1})
    assert (told()["state"], told()["refused"], told()["problem"]) == ("queued", [], "")
    seen: list[dict[str, Any]] = []
    look, service.look_up = service.look_up, lambda *asked: seen.append(told()) or look(*asked)
    try:
        assert worker()
    finally:
        service.look_up = look
    rows = sum(len(sheet) - 1 for sheet in fleet().values())
    assert [one["state"] for one in seen] == ["running", "running"]
    assert (told()["state"], told()["done"], told()["total"]) == ("imported", rows, rows)
    assert vehicles() == 2
    assert latest().state == "done"


def test_what_only_a_whole_reading_finds_is_said_on_the_uploads_page(app, person, upload) -> None:
    page = upload({"somebody's list": [["name"], ["one"]]})
    assert "None of its sheets is one of a fleet workbook" in words(page)
    assert "Cannot be read" in words(person.get("/imports"))
    told = person.get("/api/v1/imports/1", headers=token(app, "administrator")).get_json()
    assert told["state"] == "unreadable"
    assert told["problem"].startswith("None of its sheets")
    assert latest().state == "failed"
    assert person.post("/imports/1/confirm").status_code == 409


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_why_it_cannot_be_read_is_said_in_the_readers_language(upload, person, language) -> None:
    upload({"list": [["name"], ["one"]]})
    page = words(person.get("/imports/1", headers={"Accept-Language": language}))
    assert ("None of its sheets" in page) == (language == "en")


def test_an_import_that_was_killed_in_its_verb_is_taken_up_again(
    person, session, upload, worker, monkeypatch
) -> None:
    upload(to="/api/v1/imports", headers=token(person.application, "administrator"))

    class Killed(BaseException):
        """As far as the database sees, the process is gone."""

    def kill(*_asked: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(service, "rewrite_steps", kill)
        worker()
    assert (latest().state, vehicles()) == ("running", 0)
    assert session.get(Upload, 1).state == "checked"
    assert tasks.run_next(clock.now() + timedelta(minutes=1))
    assert (latest().state, latest().attempts, vehicles()) == ("done", 2, 2)
    before = everything(session)
    upload()
    worker()
    person.post("/imports/2/confirm")
    worker()
    assert session.get(Upload, 2).state == "imported"
    assert everything(session) == before
    verbs = session.scalars(select(HistoryEntry.verb)).all()
    assert verbs.count("import_workbook") == 2


def test_a_run_that_lost_its_task_writes_nothing(person, upload, worker, monkeypatch) -> None:
    upload(to="/api/v1/imports", headers=token(person.application, "administrator"))
    read = service._read

    def slept(*asked: Any, **how: Any) -> Any:  # for longer than the lease, and another took it up
        monkeypatch.setattr(service, "_read", read)
        assert tasks.claim(clock.now() + timedelta(days=1)) is not None
        return read(*asked, **how)

    monkeypatch.setattr(service, "_read", slept)
    worker()
    assert (latest().state, latest().attempts) == ("running", 2)
    assert vehicles() == 0


def test_a_cancelled_import_changes_nothing_and_can_be_asked_for_again(
    person, upload, worker, monkeypatch
) -> None:
    upload()
    worker()
    person.post("/imports/1/confirm")

    def cancelled(*_asked: Any) -> None:
        raise Cancelled

    with monkeypatch.context() as patch:
        patch.setattr(service, "rewrite_steps", cancelled)
        worker()
    page = words(person.get("/imports/1"))
    assert "It was cancelled." in page
    assert vehicles() == 0
    person.post("/imports/1/confirm")
    worker()
    assert vehicles() == 2


def test_an_upload_dropped_meanwhile_is_not_imported(person, upload, worker) -> None:
    upload()
    person.post("/imports/1/drop")
    worker()
    assert latest().problem.startswith("This upload was imported or dropped already")
    assert "Dropped" in words(person.get("/imports/1"))
    assert vehicles() == 0


def test_progress_is_told_in_rows(session, tmp_path) -> None:
    told: list[tuple[int, int]] = []
    path = books.folder(tmp_path / "book", put(fleet(), "vehicles", 2, "plate", ""))
    service.import_path(
        path,
        by=service.Actor(None, "test"),
        at=clock.now(),
        progress=lambda done, total: told.append((done, total)),
    )
    assert told == sorted(told)
    assert len({total for _done, total in told}) == 1
    assert told[-1][0] == told[-1][1]
    assert len({done for done, _total in told}) > 3


def test_the_jobs_of_the_room_are_offered(app) -> None:
    assert {"check_workbook", "import_workbook"} <= set(app.extensions["fleet_jobs"])
    assert jobs.check is app.extensions["fleet_jobs"]["check_workbook"].run
