"""Two processes that run the job at the same moment: nothing doubles, nobody fails."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import db
from fleet.storage.history import verify
from tests.renewals.racing import race
from tests.renewals.records import DAY, X, policy, vehicle

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
