"""Whose rows: nobody's by default, one's own when limited, all for the rule itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import func, select

from fleet.people.tables import Company, Region
from fleet.storage import Actor, Scope, act, db, everyone, limit_to, seen_as
from fleet.vehicles.tables import Holding, Vehicle, VehicleType

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)


@pytest.fixture
def two(app):
    """Two companies with a vehicle each; answers their ids."""
    with app.app_context():
        with everyone(), act("set up", by=Actor(None, "test"), at=AT):
            region = Region(code="N", name="North")
            mine = Company(code="A", name="A", region=region)
            theirs = Company(code="B", name="B", region=region)
            if db.session.get(VehicleType, "official") is None:
                db.session.add(VehicleType(code="official"))
            db.session.add_all([mine, theirs])
            db.session.flush()
            for vin, company in (("LTESTA00000000001", mine), ("LTESTB00000000002", theirs)):
                db.session.add(vehicle(vin, company))
        with everyone():
            ids = mine.id, theirs.id
        yield ids


def vehicle(vin: str, company: Company) -> Vehicle:
    day = date(2025, 1, 1)
    return Vehicle(
        vin=vin,
        vehicle_type="official",
        company=company,
        seats=5,
        in_service_since=day,
        holdings=[Holding(company=company, since=day)],
    )


def vins() -> list[str]:
    return sorted(db.session.scalars(select(Vehicle.vin)))


def test_who_was_given_no_scope_sees_nothing(two):
    assert vins() == []
    assert db.session.scalars(select(Company)).all() == []


def test_a_scope_sees_its_own_and_no_other(two):
    limit_to(Scope(frozenset({two[0]})))
    assert vins() == ["LTESTA00000000001"]


def test_the_rule_sees_all_for_the_length_of_a_block(two):
    limit_to(Scope(frozenset({two[1]})))
    with everyone():
        assert len(vins()) == 2
    assert vins() == ["LTESTB00000000002"]


def test_counts_aliases_and_subqueries_obey_it(two):
    limit_to(Scope(frozenset({two[0]})))
    assert db.session.scalar(select(func.count(Vehicle.id))) == 1
    other = db.aliased(Vehicle)
    assert db.session.scalars(select(other.vin)).all() == ["LTESTA00000000001"]
    inner = select(Vehicle.id)
    assert len(db.session.scalars(select(Holding).where(Holding.vehicle_id.in_(inner))).all()) == 1


def test_a_row_is_not_got_by_its_key_from_outside(two):
    with everyone():
        foreign = db.session.scalar(select(Vehicle.id).where(Vehicle.company_id == two[1]))
    db.session.expunge_all()
    limit_to(Scope(frozenset({two[0]})))
    assert db.session.get(Vehicle, foreign) is None


def test_an_update_touches_only_rows_in_scope(two):
    limit_to(Scope(frozenset({two[0]})))
    db.session.execute(db.update(Vehicle).values(seats=7))
    db.session.commit()
    with everyone():
        assert sorted(db.session.scalars(select(Vehicle.seats))) == [5, 7]


def test_the_scope_is_put_back(two):
    limit_to(Scope(frozenset({two[0]})))
    with pytest.raises(ValueError, match="x"), seen_as(Scope()):
        raise ValueError("x")
    assert vins() == ["LTESTA00000000001"]


def test_a_scope_outlives_the_session_it_was_first_used_by(two):
    limit_to(Scope(frozenset({two[0]})))
    assert vins() == ["LTESTA00000000001"]
    db.session.remove()
    assert vins() == ["LTESTA00000000001"]


def test_a_scope_ends_with_the_context_it_was_set_in(app, two):
    limit_to(Scope(frozenset({two[0]})))
    with app.app_context():
        assert vins() == []
