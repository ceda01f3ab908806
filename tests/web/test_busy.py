"""A write that waited for others too long is told so, on a page and on the API; nothing is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine, event, text

from fleet.reimbursement.tables import Claim
from fleet.storage import db
from fleet.storage.database import READER
from fleet.web.access import FINANCE
from tests.reimbursement.records import bearer, body, group, sign_in, user

CLAIMS = "/api/v1/reimbursements"
IMPATIENT = {"sqlite": "PRAGMA busy_timeout = 20", "postgresql": "SET lock_timeout = '20ms'"}
HOLD = {
    "sqlite": ["BEGIN IMMEDIATE"],
    "postgresql": ["BEGIN", "SELECT id FROM policies FOR UPDATE"],
}


@pytest.fixture
def token(client, session):
    """The headers of finance's token; the browser is theirs too."""
    group()
    finance = user(FINANCE)
    sign_in(client, finance)
    return bearer(finance)


@pytest.fixture
def locked(app, token, session, engine):
    """Somebody else writes and does not end; our own connections wait no longer than a moment."""
    session.close()
    db.engine.dispose()

    def impatient(connection, _record):
        connection.cursor().execute(IMPATIENT[engine])

    ours = {db.engine, app.extensions[READER].engine}
    for one in ours:
        event.listen(one, "connect", impatient)
    # Of the same SQLite: two in one process do not see one another's locks.
    driver = db.engine.dialect.dbapi
    other = create_engine(db.engine.url, module=driver, isolation_level="AUTOCOMMIT").connect()
    for statement in HOLD[engine]:
        other.exec_driver_sql(statement)
    yield other
    for one in ours:
        event.remove(one, "connect", impatient)
    other.close()
    other.engine.dispose()


def test_a_program_is_told_to_try_again(client, token, locked):
    answer = client.post(CLAIMS, json=body(), headers=token)
    assert answer.status_code == 503
    assert answer.json["code"] == "busy"
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Retry-After"] == "5"
    assert db.session.query(Claim).count() == 0
    db.session.rollback()
    locked.exec_driver_sql("ROLLBACK")
    assert client.post(CLAIMS, json=body(), headers=token).status_code == 201


def test_a_person_is_told_on_a_page(client, token, locked):
    answer = client.post("/reimbursement", data=body())
    assert answer.status_code == 503
    assert "Nothing was changed" in answer.text


SHUT = {
    "sqlite": ["PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"],
    "postgresql": ["BEGIN", "LOCK TABLE policies IN ACCESS EXCLUSIVE MODE"],
}


def test_a_single_read_that_waits_for_a_lock_is_told_so(client, token, locked, engine):
    """It raised the driver's own error, which was answered as an error of ours.

    SQLite shuts no reader out of its log but where one connection has the file for itself.
    """
    locked.exec_driver_sql("ROLLBACK")
    db.engine.dispose()
    for statement in SHUT[engine]:
        locked.exec_driver_sql(statement)
    answer = client.post(f"{CLAIMS}/check", json=body(), headers=token)
    assert answer.status_code == 503
    assert (answer.json["code"], answer.headers["Retry-After"]) == ("busy", "5")
    locked.close()
    locked.engine.dispose()
    assert client.post(f"{CLAIMS}/check", json=body(), headers=token).status_code == 200


def test_an_error_that_is_no_lock_is_an_error_of_ours(app, client, token, monkeypatch):
    def broken(*_asked):
        db.session.execute(text("SELECT 1"))
        raise db.exc.OperationalError("SELECT", {}, Exception("disk I/O error"))

    monkeypatch.setattr("fleet.reimbursement.api.check", broken)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = client.post(f"{CLAIMS}/check", json=body(), headers=token)
    assert answer.status_code == 500
    assert "disk" not in answer.text
