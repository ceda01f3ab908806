"""Two processes that run the job at the same moment: nothing doubles, nobody fails."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from fleet.insurers.tables import Designation
from fleet.people.tables import Region
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import db
from fleet.storage.history import verify
from tests.renewals.racing import at_once, race
from tests.renewals.records import DAY, X, insurer, policy, run, vehicle

VEHICLES = 20


@pytest.fixture
def due(session):
    for serial in range(1, VEHICLES + 1):
        policy(vehicle(serial))
    session.commit()


def count() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(CoverRequest.occasion == RENEWAL)) or 0


@pytest.mark.parametrize("days", [[X, X, X], [X, X + DAY]])
def test_each_need_opens_once(due, settings, days):
    reports = race(settings, days)
    assert all(isinstance(report, dict) for report in reports), reports
    assert max(len(report["opened"]) for report in reports) == VEHICLES
    assert sum(len(report["opened"]) for report in reports) == VEHICLES
    assert count() == VEHICLES
    assert verify() is None


def test_without_its_turn_a_process_fails_on_the_unique_key(due, settings, engine):
    """The control: SQLite's one writer needs no turn, PostgreSQL's many do."""
    reports = race(settings, [X, X], guarded=False)
    assert count() == VEHICLES
    assert ("IntegrityError" in reports) == (engine == "postgresql")


# People and the job at once


@pytest.fixture
def standing(due) -> list[int]:
    """The renewals of the group, open, their insurer designated."""
    held = insurer()
    region = db.session.scalars(select(Region.id)).one()
    db.session.add(Designation(insurer=held, region_id=region, since=date(2012, 1, 17)))
    run(X)
    found = select(CoverRequest.id).where(CoverRequest.occasion == RENEWAL)
    return list(db.session.scalars(found.order_by(CoverRequest.id)))


def put(request_id: int, state: str) -> None:
    db.session.get_one(CoverRequest, request_id).state = state
    db.session.commit()


def life_of(request_id: int) -> tuple[str, list[str]]:
    """Where a request stands, and the moves that brought it there."""
    db.session.rollback()
    db.session.expire_all()
    held = db.session.get_one(CoverRequest, request_id)
    return held.state, [one.move for one in held.moves]


def test_of_two_people_with_one_request_exactly_one_moves_it(standing, settings):
    states = {"submit": "prepared", "accept": "submitted", "place": "accepted"}
    plan = list(zip(states, standing, strict=False))
    for (_, request_id), state in zip(plan, states.values(), strict=True):
        put(request_id, state)
    found = at_once(settings, [plan, plan])
    assert [sorted(one) for one in zip(*found, strict=True)] == [[0, 1]] * 3
    after = {"submit": "submitted", "accept": "accepted", "place": "placed"}
    for deed, request_id in plan:
        assert life_of(request_id) == (after[deed], [deed])
    assert verify() is None


@pytest.mark.one_engine
def test_who_decides_by_what_the_page_showed_accepts_twice(standing, settings):
    """The control: without the lock and the look at what stands there now, both win."""
    put(standing[0], "submitted")
    plan = [("accept unguarded", standing[0])]
    assert at_once(settings, [plan, plan]) == [[1], [1]]
    assert life_of(standing[0]) == ("accepted", ["accept", "accept"])


def test_what_a_person_withdraws_while_the_job_runs_is_not_written_over(standing, settings):
    for serial, request_id in enumerate(standing):
        put(request_id, "prepared")
        of = db.session.get_one(CoverRequest, request_id).vehicle
        if serial < 2:
            of.in_service_until = X  # the need is gone; the job will end the request
    db.session.commit()
    ran, withdrew = at_once(
        settings,
        [
            [("run", X + DAY), ("run", X + DAY)],
            [("withdraw", standing[0]), ("withdraw", standing[1])],
        ],
    )
    for nth in (0, 1):
        state, moves = life_of(standing[nth])
        won = ("withdrawn", ["withdraw"]) if withdrew[nth] else ("left_fleet", ["ended"])
        assert (state, moves) == won
    assert all(isinstance(one, int) for one in ran), ran
    assert verify() is None


def test_a_person_who_asks_while_the_job_opens_makes_no_second_request(session, settings):
    cars = [vehicle(serial, since=date(2020, 1, 1)) for serial in (1, 2)]
    insurer()
    vins = [one.vin for one in cars]
    session.commit()
    asked, ran = at_once(
        settings, [[("ask new", vins[0]), ("ask new", vins[1])], [("run", X), ("run", X)]]
    )
    assert all(isinstance(one, int) or one == "RequestOpen" for one in asked), asked
    assert all(isinstance(one, int) for one in ran), ran
    db.session.rollback()
    rows = select(func.count()).where(CoverRequest.kind == "commercial")
    assert db.session.scalar(rows) == 2
    assert verify() is None
