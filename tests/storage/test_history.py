"""The audit chain: what every verb leaves behind, and five ways of falsifying it."""

from __future__ import annotations

import json
from contextvars import Context
from datetime import UTC, datetime
from threading import Event, Thread

import pytest
from flask import current_app
from sqlalchemy import delete, insert, select, text, update

from fleet.people.tables import Region, User
from fleet.storage import Actor, act, db, everyone
from fleet.storage.history import HistoryEntry, HistoryHead, verify

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
BY = Actor(7, "desk@example.org")


def rename(name: str) -> None:
    """One verb: keep a region under a name, making it at the first call."""
    with act("rename region", by=BY, at=AT, subject="N"):
        region = db.session.scalar(select(Region))
        if region is None:
            db.session.add(Region(code="N", name=name))
        else:
            region.name = name


@pytest.fixture
def chain(app):
    """Four entries of one verb each, in an app context that sees everything."""
    with app.app_context(), everyone():
        for name in ("one", "two", "three", "four"):
            rename(name)
        yield


def unguarded(statement) -> None:
    """Run a statement as somebody would who took the triggers away first."""
    session = db.session
    if db.engine.dialect.name == "sqlite":
        names = session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
        for name in names.all():
            session.execute(text(f"DROP TRIGGER {name}"))
    else:
        session.execute(text("ALTER TABLE history_entries DISABLE TRIGGER ALL"))
    session.execute(statement)
    session.commit()


def test_an_entry_says_who_when_what_from_what_to_what(chain):
    rows = db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq)).all()
    assert [row.seq for row in rows] == [1, 2, 3, 4]
    last = rows[-1]
    assert (last.actor_id, last.actor, last.at) == (7, "desk@example.org", AT)
    assert (last.verb, last.subject) == ("rename region", "N")
    assert json.loads(last.changes) == [
        {"table": "regions", "row": "N", "changed": {"name": ["three", "four"]}}
    ]


@pytest.mark.parametrize(("name", "entries"), [("four", 4), ("five", 5)])
def test_a_silent_deed_leaves_an_entry_only_where_a_row_changed(chain, name, entries):
    with act("rename region", by=BY, at=AT) as deed:
        deed.silent = True
        db.session.scalars(select(Region)).one().name = name
    assert len(db.session.scalars(select(HistoryEntry.seq)).all()) == entries
    assert verify() is None


def test_an_untouched_chain_holds(chain):
    assert verify() is None


def test_an_empty_chain_holds(app):
    with app.app_context():
        assert verify() is None


def test_a_changed_entry_is_found(chain):
    unguarded(update(HistoryEntry).where(HistoryEntry.seq == 2).values(actor="somebody"))
    assert verify().seq == 2


def test_an_entry_deleted_in_the_middle_is_found(chain):
    unguarded(delete(HistoryEntry).where(HistoryEntry.seq == 2))
    assert verify().seq == 3


def test_a_deleted_tail_is_found(chain):
    unguarded(delete(HistoryEntry).where(HistoryEntry.seq == 4))
    assert verify().seq == 4


def test_a_deleted_tail_is_found_though_the_head_was_set_back(chain):
    third = db.session.scalar(select(HistoryEntry.digest).where(HistoryEntry.seq == 3))
    unguarded(delete(HistoryEntry).where(HistoryEntry.seq == 4))
    unguarded(update(HistoryHead).values(seq=3, digest=third))
    assert verify().seq == 4


def test_reordered_entries_are_found(chain):
    for old, new in ((2, 99), (3, 2), (99, 3)):
        unguarded(update(HistoryEntry).where(HistoryEntry.seq == old).values(seq=new))
    assert verify().seq == 2


def test_an_inserted_entry_is_found(chain):
    columns = [c for c in HistoryEntry.__table__.c if c.name != "seq"]
    copied = db.session.execute(select(*columns).where(HistoryEntry.seq == 4)).one()
    unguarded(insert(HistoryEntry).values(seq=5, **copied._mapping))
    assert verify().seq == 5


@pytest.mark.parametrize(
    "statement",
    [
        update(HistoryEntry).where(HistoryEntry.seq == 1).values(actor="x"),
        delete(HistoryEntry).where(HistoryEntry.seq == 1),
    ],
    ids=["update", "delete"],
)
def test_the_database_itself_refuses_to_change_an_entry(chain, statement):
    with pytest.raises(Exception, match="append-only"):
        db.session.execute(statement)
    db.session.rollback()
    assert verify() is None


def test_a_failed_verb_leaves_neither_change_nor_entry(chain):
    with pytest.raises(ZeroDivisionError), act("rename region", by=BY, at=AT):
        db.session.scalar(select(Region)).name = "five"
        db.session.flush()
        raise ZeroDivisionError
    assert db.session.scalar(select(Region.name)) == "four"
    assert db.session.scalar(select(db.func.count()).select_from(HistoryEntry)) == 4
    assert verify() is None


def test_secrets_do_not_reach_the_history(app):
    with app.app_context(), everyone():
        with act("register user", by=BY, at=AT):
            db.session.add(
                User(email="a@example.org", name="A", password="pw-hash", fs_uniquifier="unique")
            )
        changes = db.session.scalar(select(HistoryEntry.changes))
        assert "a@example.org" in changes
        assert "pw-hash" not in changes
        assert "unique" not in changes


def test_verifying_while_others_write_finds_nothing_broken(chain):
    """The head read after the entries once made every verb under way look like a fault."""
    app, found, stop = current_app._get_current_object(), [], Event()

    def write() -> None:
        with app.app_context(), everyone():
            while not stop.is_set():
                rename(f"name {len(found)}")

    writer = Thread(target=Context().run, args=(write,))
    writer.start()
    try:
        for _ in range(30):
            found.append(verify())
            db.session.rollback()
    finally:
        stop.set()
        writer.join()
    assert found == [None] * 30
