"""Stored needs and open requests, held day after day against the heart over a whole fleet."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import select

from fleet.insurers.tables import MUTUAL_POOL
from fleet.people.service import change_company
from fleet.people.tables import Company, Region
from fleet.policies import service as policies
from fleet.policies.facts import facts
from fleet.policies.service import PolicyDetails, Printed
from fleet.policies.steps import differing, seen_changed
from fleet.policies.tables import CoverNeed, Policy
from fleet.renewals import finding
from fleet.renewals.daily import run_day
from fleet.renewals.rules import OPEN
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import needs
from fleet.storage import db
from fleet.vehicles.tables import LayUp, Vehicle
from fleet.words import midnight, noon
from fleet.workbook.service import import_path
from tests.renewals.records import BY, CLOCK, DAY, company, insurer, lay_up, policy, vehicle

FIRST = date(2026, 1, 1)
SPREAD = 120
VEHICLES = 40
HOMES = (("A1", "A"), ("B1", "B"))
Row = tuple[int, str, date, str, str | None]


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
        of = vehicle(serial, since, until, *dice.choice(HOMES))
        for index in range(dice.randrange(5)):
            any_policy(dice, of, serial * 10 + index)
        if dice.random() < 0.4:
            out = any_day(dice)
            lay_up(of, out, out + dice.randrange(1, 30) * DAY)
    db.session.commit()


def any_change(dice: random.Random, day: date, number: int) -> None:
    """Something recorded on a day: a policy, its cancelling, a lay-up, a leaving, a move."""
    held = db.session.scalars(select(Vehicle).order_by(Vehicle.id)).all()
    of = dice.choice(held)
    match dice.randrange(6):
        case 0 | 1:
            any_policy(dice, of, number)
        case 2:
            lay_up(of, day - 2 * DAY, day + dice.randrange(1, 9) * DAY)
        case 3:
            of.in_service_until = max(day, of.in_service_since) + dice.randrange(1, 40) * DAY
        case 4:
            of.company_id = company(*dice.choice(HOMES)).id
        case 5:
            known = db.session.scalars(select(Policy).order_by(Policy.id)).all()
            of_any = dice.choice(known)
            of_any.cancelled_at = of_any.begins + timedelta(days=dice.choice([0, 2, 9]))
    db.session.commit()


def run(day: date) -> dict[str, Any]:
    """Run a day on its own noon, as the worker does."""
    db.session.commit()
    return run_day(day, by=BY, at=noon(day, CLOCK))


def every_need(day: date) -> set[Row]:
    """What the heart finds looking at every vehicle of the fleet."""
    book = current_app.extensions["rulebook"]
    code = {
        row.id: row.code
        for row in db.session.execute(
            select(Vehicle.id, Region.code)
            .join(Company, Company.id == Vehicle.company_id)
            .join(Region, Region.id == Company.region_id)
        )
    }
    return {
        (one.vehicle_id, it.kind, it.expiry_day, it.occasion, it.policy_number)
        for one in facts(None)
        for it in needs(one.vehicle, one.policies, book, day, code[one.vehicle_id])
    }


def open_rows() -> set[Row]:
    db.session.rollback()
    columns = (
        CoverRequest.vehicle_id,
        CoverRequest.kind,
        CoverRequest.expiry_day,
        CoverRequest.occasion,
        CoverRequest.policy_number,
    )
    rows = db.session.execute(select(*columns).where(CoverRequest.state.in_(OPEN))).all()
    assert len({(row[0], row[1]) for row in rows}) == len(rows)
    return {tuple(row) for row in rows}


def bare(rows: set[Row]) -> set[tuple[Any, ...]]:
    """Rows without the policy's number: it may be told anew while the need stays the same."""
    return {row[:4] for row in rows}


def test_day_after_day_the_open_requests_are_the_needs(session, dice):
    any_fleet(dice)
    day = FIRST
    for number in range(10_000, 10_045):
        if dice.random() < 0.7:
            any_change(dice, day, number)
        run(day)
        assert bare(open_rows()) == bare(every_need(day)), day
        day += dice.choice([1, 1, 1, 2, 9]) * DAY
    assert list(differing()) == []


def test_after_a_day_gone_by_was_run_the_next_run_finds_the_needs(session, dice):
    any_fleet(dice)
    day = FIRST + 30 * DAY
    for number in range(10_000, 10_015):
        run(day)
        any_change(dice, day, number)
        run(day - dice.randrange(1, 20) * DAY)
        day += dice.choice([1, 3]) * DAY
        run(day)
        assert bare(open_rows()) == bare(every_need(day)), day


@pytest.mark.parametrize("behind", [1, 5, 30])
def test_days_made_up_by_a_late_run_end_with_the_needs(session, dice, behind):
    """The server stood still; verbs go on, each following its facts at once, and days are late."""
    any_fleet(dice)
    run(FIRST)
    for offset in range(1, 60):
        today = FIRST + (offset + behind) * DAY
        if offset % 3 == 0:
            any_change(dice, today, 10_000 + offset)
        db.session.commit()
        run_day(FIRST + offset * DAY, by=BY, at=noon(today, CLOCK))
    for offset in range(60, 61 + behind):
        run(FIRST + offset * DAY)
    assert bare(open_rows()) == bare(every_need(FIRST + (60 + behind) * DAY))


def test_only_what_may_differ_is_looked_at(session, dice, monkeypatch):
    any_fleet(dice)
    run(FIRST)
    looked_at: list[set[int] | None] = []
    kept = finding.to_look_at
    monkeypatch.setattr(
        "fleet.renewals.daily.to_look_at",
        lambda *args: looked_at.append(kept(*args)) or looked_at[-1],
    )
    run(FIRST)
    assert looked_at == [set()]
    of = db.session.scalars(select(Vehicle)).first()
    lay_up(of, FIRST, FIRST + DAY)
    run(FIRST)
    assert looked_at[1:] == [{of.id}]
    run(FIRST - DAY)
    assert looked_at[2:] == [None]


def test_without_the_word_of_changed_needs_a_change_would_be_missed(session, monkeypatch):
    """The control: the day after a lay-up was recorded looks at nothing else."""
    of = vehicle()
    policy(of, last=FIRST)
    run(FIRST)
    lay_up(of, FIRST - DAY, FIRST + 9 * DAY)
    session.commit()
    monkeypatch.setattr(finding, "take_changed", set)
    run(FIRST)
    assert bare(open_rows()) != bare(every_need(FIRST))


def test_a_company_that_moves_to_another_region_has_its_needs_looked_at(session):
    of = vehicle()
    session.commit()
    run(FIRST)
    assert seen_changed() == set()
    home = of.company
    company("B1", "B")
    other = session.scalars(select(Region).where(Region.code == "B")).one()
    session.commit()
    change_company(home.id, home.name, other.id, None, by=BY, at=noon(FIRST, CLOCK))
    assert seen_changed() == {of.id}


# Stored needs after each verb


def details(first: date, last: date, **overrides: Any) -> PolicyDetails:
    values = {"begins": midnight(first, CLOCK), "ends": midnight(last + DAY, CLOCK)}
    return PolicyDetails(kind="compulsory", **(values | overrides))


def test_stored_needs_are_the_hearts_after_every_verb_of_policies(session):
    of = vehicle()
    insurer()
    insurer("POOL", MUTUAL_POOL)
    session.commit()
    at = noon(FIRST, CLOCK)
    told = []

    def same() -> None:
        assert list(differing()) == []
        told.append(session.scalars(select(CoverNeed.until).order_by(CoverNeed.until)).all())

    printed = Printed("P1", "DEMO-A", of.vin)
    policies.record(printed, details(FIRST, FIRST + 30 * DAY), by=BY, at=at)
    same()
    policies.edit("P1", "DEMO-A", details(FIRST, FIRST + 60 * DAY), (), version=1, by=BY, at=at)
    same()
    version = session.scalars(select(Policy.version)).one()
    policies.cancel("P1", midnight(FIRST + 9 * DAY, CLOCK), version=version, by=BY, at=at)
    same()
    version = session.scalars(select(Policy.version)).one()
    policies.edit("P1", "POOL", details(FIRST, FIRST + 60 * DAY), (), version=version, by=BY, at=at)
    same()
    assert len({tuple(one) for one in told}) > 1


@pytest.mark.parametrize("seed", [7, 8])
def test_stored_needs_are_the_hearts_after_rows_change(session, seed):
    dice = random.Random(seed)  # noqa: S311 - an invented fleet
    any_fleet(dice)
    for number in range(10_000, 10_020):
        any_change(dice, any_day(dice), number)
    for row in session.scalars(select(LayUp)).all()[:5]:
        session.delete(row)
    session.commit()
    assert list(differing()) == []


def test_an_import_stores_needs_and_the_next_run_opens_them(session, tmp_path):
    of = vehicle(1, since=FIRST - 400 * DAY)
    insurer()
    session.commit()
    run(FIRST)
    (tmp_path / "policies.csv").write_text(
        "policy_number,kind,insurer_code,vin,begins,ends,tax_exempt\n"
        f"P1,compulsory,DEMO-A,{of.vin},{FIRST - 360 * DAY},{FIRST + 3 * DAY},yes\n"
    )
    import_path(tmp_path, by=BY, at=noon(FIRST, CLOCK))
    assert list(differing()) == []
    assert {row[2] for row in open_rows() if row[1] == "compulsory"} != {FIRST + 3 * DAY}
    run(FIRST)
    assert bare(open_rows()) == bare(every_need(FIRST))
