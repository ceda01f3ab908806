"""Instants, money and percentages come back as they went in, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select

from fleet.storage import OPEN_BEGIN, OPEN_END, OpenInstant, Percent, UtcInstant, Yuan, db

CHINA = timezone(timedelta(hours=8))


@pytest.fixture
def table(app):
    """A table with a column of each type."""
    made = Table(
        "kept",
        MetaData(),
        Column("id", Integer, primary_key=True),
        Column("at", UtcInstant),
        Column("bound", OpenInstant),
        Column("money", Yuan),
        Column("rate", Percent),
    )
    with app.app_context():
        made.create(db.engine)
        yield made
        db.session.rollback()
        made.drop(db.engine)


def kept(table, **values):
    db.session.execute(insert(table).values(**values))
    return db.session.execute(select(table)).one()


def test_an_instant_comes_back_in_utc(table):
    row = kept(table, at=datetime(2026, 3, 2, 18, 3, 12, tzinfo=CHINA))
    assert row.at == datetime(2026, 3, 2, 10, 3, 12, tzinfo=UTC)
    assert row.at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("bound", [OPEN_BEGIN, OPEN_END])
def test_an_open_bound_comes_back(table, bound):
    assert kept(table, bound=bound).bound == bound


def test_a_naive_instant_is_refused(table):
    with pytest.raises(Exception, match="without a zone"):
        kept(table, at=datetime(2026, 3, 2))  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize("yuan", ["0", "0.01", "-0.01", "200000", "99999999999.99"])
def test_money_comes_back_to_the_fen(table, yuan):
    assert kept(table, money=Decimal(yuan)).money == Decimal(yuan)


def test_less_than_a_fen_is_refused(table):
    with pytest.raises(Exception, match="below one fen"):
        kept(table, money=Decimal("0.005"))


@pytest.mark.parametrize("rate", ["0", "5", "12.5", "0.0001"])
def test_a_percentage_comes_back(table, rate):
    assert kept(table, rate=Decimal(rate)).rate == Decimal(rate)
