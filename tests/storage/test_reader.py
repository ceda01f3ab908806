"""The connection kept for single reads: one a process, free again after each, let go in time."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from fleet.people.tables import Region
from fleet.storage import Bundle, db, told
from fleet.storage.database import READER

_REGION = Region.__table__
REGIONS = Bundle(
    regions=select(_REGION.c.code).where(_REGION.c.code == told("code", _REGION.c.code))
)


def codes(code: str = "N") -> list[str]:
    return [row.code for row in REGIONS.read(code=code)["regions"]]


@pytest.fixture
def reader(app):
    """The reader of an application whose one region is N."""
    with app.app_context():
        db.session.add(Region(code="N", name="North"))
        db.session.commit()
        db.session.remove()
        yield app.extensions[READER]


def test_a_read_makes_no_session(reader):
    assert codes() == ["N"]
    assert not db.session.registry.has()


def test_one_connection_serves_read_after_read(reader):
    assert reader.ask(id) == reader.ask(id)


def test_who_finds_it_in_use_is_lent_another(reader):
    kept = reader.ask(id)

    def within(connection: object) -> bool:
        assert id(connection) == kept
        return reader.ask(id) != kept and codes() == ["N"]

    assert reader.ask(within)
    assert reader.ask(id) == kept


def test_it_is_free_again_after_a_read_that_failed(reader):
    kept = reader.ask(id)
    with pytest.raises(ZeroDivisionError):
        reader.ask(lambda _connection: 1 / 0)
    assert reader.ask(id) == kept


def test_a_read_that_waited_for_a_lock_is_asked_once(reader, engine):
    """It was taken for a dead connection: all were let go, and it waited as long again."""
    kept, tries = reader.ask(id), []

    def waits(_connection: object) -> None:
        tries.append(1)
        raise met

    met = reader.engine.dialect.loaded_dbapi.OperationalError("locked")
    if engine == "sqlite":
        met.sqlite_errorcode = 261  # SQLITE_BUSY_RECOVERY: its low byte says busy
    else:
        met.sqlstate = "55P03"
    with pytest.raises(type(met)):
        reader.ask(waits)
    assert (len(tries), reader.ask(id)) == (1, kept)


def test_it_is_let_go_with_the_engines_connections(reader):
    kept = reader.ask(lambda connection: connection)
    db.engine.dispose()
    assert reader.ask(lambda connection: connection) is not kept
    with pytest.raises(Exception, match="closed"):
        kept.cursor().execute("SELECT 1")
    assert codes() == ["N"]


def test_a_read_leaves_nothing_open_that_others_would_wait_for(reader, engine):
    assert codes() == ["N"]
    if engine == "sqlite":  # busy, pages in the log, pages moved
        checkpoint = text("PRAGMA wal_checkpoint(TRUNCATE)")
        assert tuple(db.session.execute(checkpoint).one()) == (0, 0, 0)
    else:
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
        assert db.session.scalar(text(open_ones)) == 0


def test_a_read_sees_what_was_committed_since_the_last(reader):
    assert codes("S") == []
    db.session.add(Region(code="S", name="South"))
    db.session.commit()
    assert codes("S") == ["S"]


def test_within_a_transaction_it_sees_what_the_transaction_did(reader):
    db.session.execute(text("SELECT 1"))
    db.session.add(Region(code="S", name="South"))
    assert codes("S") == ["S"]
    db.session.rollback()
    assert codes("S") == []
