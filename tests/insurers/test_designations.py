"""Whom a region's desk designates, and when: never a pool, never twice on a day (3.1)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import func, select

from fleet.insurers import service
from fleet.insurers.service import InsurerDetails, designate, end_designation
from fleet.insurers.tables import MUTUAL_POOL, Designation
from fleet.people.tables import Region
from fleet.storage import db
from fleet.web.errors import NotFound, Stale
from fleet.words import Days
from tests.insurers.racing import race
from tests.policies.records import WHO, company, insurer, one_of

pytestmark = pytest.mark.usefixtures("session")
D1, D2, D3 = date(2024, 1, 1), date(2025, 1, 1), date(2026, 1, 1)


@pytest.fixture
def region(session) -> Region:
    service.register(InsurerDetails("DEMO-A", "Insurer A"), **WHO)
    return company("N1").region


def count() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Designation)) or 0


@pytest.mark.parametrize(
    ("period", "overlaps"),
    [
        (Days(D1, D2), False),
        (Days(D3), False),
        (Days(D2, D3), True),
        (Days(D1), True),
        (Days(D1, date(2025, 1, 2)), True),
        (Days(date(2025, 12, 31)), True),
    ],
)
def test_the_periods_of_an_insurer_in_a_region_share_no_day(region, period, overlaps):
    designate(region, "DEMO-A", Days(D2, D3), **WHO)
    if overlaps:
        with pytest.raises(service.AlreadyDesignated):
            designate(region, "DEMO-A", period, **WHO)
    else:
        designate(region, "DEMO-A", period, **WHO)
    assert count() == (1 if overlaps else 2)


def test_another_region_or_insurer_is_another_matter(region):
    designate(region, "DEMO-A", Days(D2), **WHO)
    insurer("DEMO-B")
    designate(region, "DEMO-B", Days(D2), **WHO)
    designate(one_of(Region, "S", name="South"), "DEMO-A", Days(D2), **WHO)
    assert count() == 3


def test_a_pool_cannot_be_designated_nor_a_designated_insurer_become_one(region):
    insurer("POOL", MUTUAL_POOL)
    with pytest.raises(service.PoolNotDesignable):
        designate(region, "POOL", Days(D2), **WHO)
    designate(region, "DEMO-A", Days(D2), **WHO)
    was = service.details_of(service.insurer_of("DEMO-A"))
    with pytest.raises(service.StillDesignated):
        service.edit("DEMO-A", InsurerDetails("DEMO-A", "A", MUTUAL_POOL), seen=was, **WHO)


def test_a_designation_ends_later_than_it_begins_and_before_the_next(region):
    first = designate(region, "DEMO-A", Days(D1, D2), **WHO).id
    designate(region, "DEMO-A", Days(D3), **WHO)
    with pytest.raises(service.EndsBeforeItBegins):
        end_designation(first, D1, **WHO)
    with pytest.raises(service.AlreadyDesignated):
        end_designation(first, None, **WHO)
    end_designation(first, D3, **WHO)
    assert service.designation(first).until == D3
    with pytest.raises(service.EndsBeforeItBegins):
        designate(region, "DEMO-A", Days(D1, D1), **WHO)


def test_insurers_are_known_by_their_codes(region):
    with pytest.raises(service.CodeTaken):
        service.register(InsurerDetails("DEMO-A", "again"), **WHO)
    with pytest.raises(NotFound):
        service.insurer_of("NOBODY")
    was = service.details_of(service.insurer_of("DEMO-A"))
    service.edit("DEMO-A", InsurerDetails("DEMO-A", "new name"), seen=was, **WHO)
    with pytest.raises(Stale):
        service.edit("DEMO-A", InsurerDetails("DEMO-A", "other"), seen=was, **WHO)


def test_of_many_at_once_one_designates(region, settings):
    db.session.commit()
    told = race(settings, [(D1, D3), (D2, D3), (D1, D2)])
    assert count() in {1, 2}
    assert told.count("done") == count()
    assert set(told) <= {"done", "AlreadyDesignated"}


def test_without_the_lock_two_designate_the_same_days(region, settings, engine):
    """The control: SQLite's one writer needs no lock on the row, PostgreSQL's many do."""
    db.session.commit()
    told = race(settings, [(D1, D3), (D2, D3)], guarded=False)
    assert told.count("done") == count() == (2 if engine == "postgresql" else 1), told
