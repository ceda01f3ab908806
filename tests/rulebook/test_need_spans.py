"""Needs as spans of days, held against a reading of clauses 3.2 and 3.3 day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rulebook.cover import Policy, Vehicle
from fleet.rulebook.renewal import NEW, RENEWAL, NeedSpan, following, need_spans, spells
from fleet.words import Days, last_day, noon
from tests import make
from tests.rulebook import fleets

BOOK = make.book()
DAY = timedelta(days=1)
KIND = "compulsory"
FIRST = date(2012, 1, 17)


def on_road(vehicle: Vehicle, day: date) -> bool:
    if not (vehicle.service.since <= day and (vehicle.service.until or date.max) > day):
        return False
    return all(not (it.since <= day < (it.until or date.max)) for it in vehicle.lay_ups)


def insured(policies: Sequence[Policy], day: date, kind: str) -> bool:
    return any(one.kind == kind and one.in_force(noon(day, BOOK.zone)) for one in policies)


def expiry(policies: Sequence[Policy], day: date, kind: str) -> date | None:
    """The last day of the cover that runs unbroken from noon on, or of the latest before."""
    moment = noon(day, BOOK.zone)
    real = [one.period for one in policies if one.kind == kind and one.period]
    begun = [one.ends for one in real if one.begins <= moment]
    if not begun:
        return None
    end = max(begun)
    while end > moment and (more := [p.ends for p in real if p.begins <= end < p.ends]):
        end = max(more)
    return last_day(end, BOOK.zone)


def slowly(
    vehicle: Vehicle, policies: Sequence[Policy], day: date, kind: str = KIND
) -> tuple[str, date] | None:
    """What clause 3.3 finds needed on a day, else 3.2: the day before cover is first needed."""
    end = expiry(policies, day, kind)
    if end is not None and on_road(vehicle, day) and on_road(vehicle, end + DAY):
        return RENEWAL, end
    if day < FIRST or (kind == KIND and not vehicle.seats):
        return None
    if on_road(vehicle, day) and not insured(policies, day, kind):
        while day > FIRST and on_road(vehicle, day - DAY):
            day -= DAY
        return NEW, day - DAY
    while on_road(vehicle, day):  # covered today: what is asked is asked of a later spell
        day += DAY
        if day > date(2030, 1, 1):
            return None
    entries = [vehicle.service.since, *(it.until for it in vehicle.lay_ups if it.until)]
    ahead = [it for it in entries if it > day and on_road(vehicle, it)]
    if not ahead or insured(policies, min(ahead), kind):
        return None
    return NEW, min(ahead) - DAY


def found(spans: list[NeedSpan], day: date) -> tuple[str, date] | None:
    standing = [one for one in spans if one.days.contains(day)]
    assert len(standing) <= 1
    return (standing[0].occasion, standing[0].expiry_day) if standing else None


@given(
    vehicle=fleets.VEHICLES,
    policies=fleets.POLICY_LISTS,
    days=st.lists(fleets.DAYS, min_size=1, max_size=12),
)
def test_spans_are_what_a_reading_day_by_day_finds(vehicle, policies, days) -> None:
    spans = need_spans(vehicle, policies, KIND, BOOK)
    edges = [edge for one in spans for edge in (one.days.since, one.days.until) if edge]
    edges = [edge for edge in edges if date(2009, 1, 1) < edge < date(2024, 1, 1)]
    for day in {*days, *edges, *(edge - DAY for edge in edges)}:
        assert found(spans, day) == slowly(vehicle, policies, day), day


def test_a_spans_neighbour_tells_another_need() -> None:
    spans = need_spans(make.vehicle(), [make.compulsory()], KIND, BOOK)
    assert [(one.occasion, one.days.since, one.days.until) for one in spans] == [
        (NEW, FIRST, make.BEGINS),
        (RENEWAL, make.BEGINS, None),
    ]
    assert spans[0].expiry_day == FIRST - DAY


S = date(2026, 5, 1)


@pytest.mark.parametrize(
    ("begins", "stands"),
    [(S - DAY, False), (S, False), (S + DAY, True)],
)
def test_a_car_about_to_come_needs_cover_from_its_first_day_on(begins: date, stands: bool) -> None:
    """Clause 3.2: asked for before the day, since the vehicle must not be used without (4.2)."""
    vehicle = make.vehicle(service=Days(S))
    spans = need_spans(vehicle, [make.compulsory(begins)], KIND, BOOK)
    assert found(spans, S - 10 * DAY) == ((NEW, S - DAY) if stands else None)


def test_a_trailer_is_asked_no_first_compulsory_policy() -> None:
    trailer = make.vehicle(seats=0)
    assert need_spans(trailer, [], KIND, BOOK) == []
    assert need_spans(trailer, [], "commercial", BOOK) != []


def test_back_from_a_lay_up_without_cover_is_a_new_need() -> None:
    back = date(2027, 6, 1)
    vehicle = make.vehicle(lay_ups=(Days(date(2027, 3, 1), back),))
    spans = need_spans(vehicle, [make.compulsory()], KIND, BOOK)  # covered until 2027-03-01
    assert found(spans, back - 20 * DAY) == (NEW, back - DAY)
    assert found(spans, back + 20 * DAY) == (NEW, back - DAY)


@pytest.mark.parametrize(
    ("lay_ups", "expected"),
    [
        ((), [Days(date(2020, 1, 1))]),
        ((Days(date(2019, 1, 1), date(2020, 1, 1)),), [Days(date(2020, 1, 1))]),
        ((Days(date(2019, 1, 1), date(2020, 1, 2)),), [Days(date(2020, 1, 2))]),
        ((Days(date(2021, 1, 1)),), [Days(date(2020, 1, 1), date(2021, 1, 1))]),
        ((Days(date(2019, 1, 1)),), []),
        (
            (Days(date(2021, 1, 1), date(2021, 2, 1)), Days(date(2021, 2, 1), date(2021, 3, 1))),
            [Days(date(2020, 1, 1), date(2021, 1, 1)), Days(date(2021, 3, 1))],
        ),
    ],
)
def test_spells_on_the_road(lay_ups, expected) -> None:
    vehicle = make.vehicle(service=Days(date(2020, 1, 1)), lay_ups=lay_ups)
    assert spells(vehicle) == expected


def test_the_following_policy_is_the_earliest_begun_that_covers_past_the_day() -> None:
    expired = make.compulsory()
    later = make.compulsory(date(2027, 5, 1), number="LATER")
    next_one = make.compulsory(date(2027, 3, 2), number="NEXT")
    assert following([expired, later, next_one], KIND, make.ENDS, BOOK) == next_one
    assert following([expired], KIND, make.ENDS, BOOK) is None
