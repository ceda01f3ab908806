"""The vehicles that SQL picks for a day are never too few: held against the whole fleet."""

from __future__ import annotations

import random
from datetime import date, timedelta

import pytest
from flask import current_app
from sqlalchemy import delete, select

from fleet.insurers.tables import MUTUAL_POOL
from fleet.policies.facts import facts
from fleet.renewals import service
from fleet.renewals.tables import DUE, Renewal
from fleet.rulebook.renewal import needs
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from tests.renewals.records import DAY, insurer, lay_up, policy, run, vehicle

FIRST = date(2026, 1, 1)
SPREAD = 120
VEHICLES = 60


@pytest.fixture(params=[1, 2, 3])
def dice(request) -> random.Random:
    return random.Random(request.param)  # noqa: S311 - an invented fleet


def any_day(dice: random.Random, spread: int = SPREAD) -> date:
    return FIRST + dice.randrange(spread) * DAY


def any_policy(dice: random.Random, of: Vehicle, number: int) -> None:
    """A policy of hours or days, perhaps cancelled, void or a pool's, often joining another."""
    first = any_day(dice)
    made = policy(
        of,
        dice.choice(["compulsory", "commercial"]),
        first=first,
        last=first + dice.choice([0, 3, 14, 15, 16, 30, 60]) * DAY,
        policy_number=f"P{number}",
        insurer=insurer("POOL", MUTUAL_POOL) if dice.random() < 0.1 else insurer(),
    )
    if dice.random() < 0.3:
        made.begins += timedelta(hours=dice.randrange(24))
    if dice.random() < 0.2:
        made.cancelled_at = made.begins + timedelta(hours=dice.choice([-5, 0, 12, 60, 400, 4000]))


def any_fleet(dice: random.Random) -> None:
    for serial in range(1, VEHICLES + 1):
        since = any_day(dice)
        until = since + dice.randrange(1, 90) * DAY if dice.random() < 0.5 else None
        of = vehicle(serial, since, until, *dice.choice([("A1", "A"), ("B1", "B")]))
        for index in range(dice.randrange(5)):
            any_policy(dice, of, serial * 10 + index)
        if dice.random() < 0.4:
            out = any_day(dice)
            lay_up(of, out, out + dice.randrange(1, 30) * DAY)
    db.session.commit()


def every_need(day: date) -> set[tuple[int, str, date, str]]:
    """What the heart finds looking at every vehicle of the fleet."""
    book = current_app.extensions["rulebook"]
    return {
        (one.vehicle_id, need.kind, need.expiry_day, need.policy_number)
        for one in facts(None)
        for need in needs(one.vehicle, one.policies, book, day)
    }


def open_rows() -> set[tuple[int, str, date, str]]:
    columns = (Renewal.vehicle_id, Renewal.kind, Renewal.expiry_day, Renewal.policy_number)
    return {tuple(row) for row in db.session.execute(select(*columns).where(Renewal.state == DUE))}


def test_no_need_is_lost_on_any_day(session, dice):
    any_fleet(dice)
    for offset in range(-5, SPREAD + 40, 7):
        run(FIRST + offset * DAY)
        assert open_rows() == every_need(FIRST + offset * DAY)
        db.session.execute(delete(Renewal))


def test_day_after_day_the_open_rows_are_the_needs(session, dice):
    """From run to run, where most open renewals are known to stand without a closer look."""
    any_fleet(dice)
    vehicles = db.session.scalars(select(Vehicle)).all()
    for offset in range(0, SPREAD, 5):
        day = FIRST + offset * DAY
        of = dice.choice(vehicles)
        any_policy(dice, of, 10_000 + offset)
        lay_up(dice.choice(vehicles), day - 2 * DAY, day + dice.randrange(1, 9) * DAY)
        other = dice.choice(vehicles)
        other.in_service_until = max(day, other.in_service_since) + dice.randrange(1, 40) * DAY
        run(day)
        assert {row[:3] for row in open_rows()} == {row[:3] for row in every_need(day)}


def test_a_renewal_that_plainly_stands_is_not_looked_at_again(session, monkeypatch):
    policy(vehicle(1), last=FIRST)
    policy(vehicle(2), last=FIRST - 30 * DAY)
    asked: list[set[int]] = []
    monkeypatch.setattr(service, "facts", lambda ids: asked.append(ids) or facts(ids))
    run(FIRST)
    assert run(FIRST) == {"on": FIRST.isoformat(), "opened": [], "closed": []}
    assert [len(ids) for ids in asked] == [2, 0]
    assert len(open_rows()) == 2
