"""When a policy must be renewed (clause 3.3), judged day by day at noon."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rulebook.book import RenewalRule
from fleet.rulebook.cover import Policy, Vehicle
from fleet.rulebook.renewal import RENEWAL, Need, need, needs, on_the_road
from fleet.words import Days, last_day, noon
from tests import make
from tests.rulebook import fleets

BOOK = make.book()
X = date(2027, 3, 1)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def on(day: date, *policies: Policy, vehicle: Vehicle | None = None) -> Need | None:
    found = need(vehicle or make.vehicle(), policies, "compulsory", BOOK, day)
    return found if found and found.occasion == RENEWAL else None


@pytest.mark.parametrize(
    ("day", "late"),
    [
        (X - 16 * DAY, None),
        (X - 15 * DAY, False),
        (X - 14 * DAY, False),
        (X - DAY, False),
        (X, False),
        (X + DAY, True),
        (X + 400 * DAY, True),
    ],
)
def test_the_window(day: date, late: bool | None) -> None:
    """Clause 3.3: within the fifteen days before the policy expires."""
    found = on(day, make.compulsory())
    expected = late is not None and Need("compulsory", "COM-20260302", X, X - 15 * DAY, late=late)
    assert (found or False) == expected


def test_each_kind_is_a_need_of_its_own() -> None:
    policies = (make.compulsory(), make.commercial(date(2026, 3, 3)))
    found = [(it.kind, it.expiry_day) for it in needs(make.vehicle(), policies, BOOK, X)]
    assert found == [("compulsory", X), ("commercial", X + DAY)]


def test_a_following_policy_on_record_ends_it() -> None:
    following = make.compulsory(X + DAY, number="NEXT")
    assert on(X, make.compulsory(), following) is None
    ahead = on(X + 365 * DAY, make.compulsory(), following)
    assert ahead is not None
    assert (ahead.policy_number, ahead.expiry_day) == ("NEXT", X + 365 * DAY)


@pytest.mark.parametrize(
    ("begins", "joins"),
    [
        (make.at(2027, 3, 2, 0) - TICK, True),
        (make.at(2027, 3, 2, 0), True),
        (make.at(2027, 3, 2, 0) + TICK, False),
        (make.at(2027, 3, 3, 0), False),
    ],
)
def test_a_policy_begun_at_or_before_the_end_joins(begins: datetime, *, joins: bool) -> None:
    following = make.compulsory(begins, begins + 365 * DAY, number="NEXT")
    assert (on(X, make.compulsory(), following) is None) is joins


def test_a_policy_that_leaves_a_gap_does_not_end_it_before_it_begins() -> None:
    following = make.compulsory(X + 5 * DAY, number="NEXT")
    late = [on(X + n * DAY, make.compulsory(), following) for n in range(6)]
    assert [it and it.late for it in late] == [False, True, True, True, True, None]


def test_the_chain_is_followed_through_several_policies() -> None:
    chain = [make.compulsory(X + (1 + 30 * n) * DAY, X + 30 * (n + 1) * DAY) for n in range(3)]
    last = X + 90 * DAY
    assert on(last - 16 * DAY, make.compulsory(), *chain) is None
    found = on(last - 15 * DAY, *reversed(chain), make.compulsory())
    assert found is not None
    assert found.expiry_day == last


def test_it_is_judged_at_noon() -> None:
    """A policy that ends in the morning has ended; one that ends in the evening runs."""
    begins = make.at(2026, 3, 1, 9)
    morning = make.compulsory(begins, make.at(2027, 3, 1, 9), number="MORNING")
    evening = make.compulsory(begins, make.at(2027, 3, 1, 18), number="EVENING")
    afternoon = make.compulsory(make.at(2027, 3, 1, 17), make.at(2028, 3, 1, 17))
    assert on(X, morning, afternoon) == Need("compulsory", "MORNING", X, X - 15 * DAY, late=False)
    assert on(X, evening, afternoon) is None


def test_a_vehicle_never_insured_needs_a_request_and_no_renewal() -> None:
    assert on(X) is None
    assert on(X, make.compulsory(X + 5 * DAY)) is None
    assert on(X, make.compulsory(is_insurance=False)) is None
    assert on(X, make.compulsory(cancelled_at=make.at(2026, 3, 2, 0))) is None
    assert on(X, make.commercial()) is None


def test_a_cancelled_policy_ends_when_it_was_cancelled() -> None:
    found = on(date(2026, 6, 1), make.compulsory(cancelled_at=make.at(2026, 6, 1, 9)))
    assert found is not None
    assert (found.expiry_day, found.late) == (date(2026, 6, 1), False)


@pytest.mark.parametrize(
    ("service", "lay_ups", "needed"),
    [
        (Days(date(2020, 1, 1)), (), True),
        (Days(date(2020, 1, 1), X), (), False),
        (Days(date(2020, 1, 1), X + DAY), (), False),
        (Days(date(2020, 1, 1), X + 2 * DAY), (), True),
        (Days(X), (), True),
        (Days(X + DAY), (), False),
        (Days(date(2020, 1, 1)), (Days(X, X + DAY),), False),
        (Days(date(2020, 1, 1)), (Days(X + DAY),), False),
        (Days(date(2020, 1, 1)), (Days(X + 2 * DAY),), True),
        (Days(date(2020, 1, 1)), (Days(X - DAY, X),), True),
    ],
)
def test_the_vehicle_is_in_service_that_day_and_the_day_after_the_last(
    service: Days, lay_ups: tuple[Days, ...], *, needed: bool
) -> None:
    vehicle = make.vehicle(service=service, lay_ups=lay_ups)
    assert (on(X, make.compulsory(), vehicle=vehicle) is not None) is needed


def test_of_several_that_end_that_day_the_latest_begun_then_the_greatest_number() -> None:
    same = [make.compulsory(number=number) for number in ("B", "C", "A")]
    later = make.compulsory(date(2026, 9, 1), X, number="0")
    pool = make.compulsory(date(2026, 10, 1), X, number="Z", is_insurance=False)
    gap = make.compulsory(X + 5 * DAY, number="9")
    first, second = on(X, *same, gap), on(X, *same, later, pool)
    assert first is not None
    assert second is not None
    assert (first.policy_number, second.policy_number) == ("C", "0")


@given(fleets.VEHICLES, fleets.POLICY_LISTS, fleets.DAYS, st.integers(0, 40))
def test_needs_against_the_paper(
    vehicle: Vehicle, policies: list[Policy], day: date, later: int
) -> None:
    """Clause 3.3 worked out the plain way: walk from policy to policy until none joins."""
    day = day + later * DAY
    now = noon(day, make.CLOCK)
    for kind in ("compulsory", "commercial"):
        periods = [p.period for p in policies if p.kind == kind and p.period]
        ends = [p.ends for p in periods if p.contains(now)]
        ended = [p.ends for p in periods if p.ends <= now]
        reached = max(ends or ended, default=None)
        while ends and (more := [p for p in periods if p.begins <= reached < p.ends]):
            reached = more[0].ends
        found = need(vehicle, policies, kind, BOOK, day)
        found = found if found and found.occasion == RENEWAL else None
        if reached is None:
            assert found is None
            continue
        expiry = last_day(reached, make.CLOCK)
        driven = on_the_road(vehicle, day) and on_the_road(vehicle, expiry + DAY)
        assert (found is not None) is (day >= expiry - 15 * DAY and driven)
        if found:
            assert (found.expiry_day, found.late) == (expiry, day > expiry)
            (named,) = [p for p in policies if p.number == found.policy_number]
            assert named.kind == kind
            assert named.period
            assert last_day(named.period.ends, make.CLOCK) == expiry


@pytest.mark.parametrize(
    ("passed", "rung"),
    [
        (-16, None),
        (-15, -15),
        (-14, -15),
        (-8, -15),
        (-7, -7),
        (-4, -7),
        (-3, -3),
        (-2, -3),
        (-1, -1),
        (0, 0),
        (1, 1),
        (2, 2),
        (40, 40),
    ],
)
def test_the_ladder_of_reminders(passed: int, rung: int | None) -> None:
    """Clause 3.3: a missed day is made up by the next, once; after expiry daily."""
    assert BOOK.renewal.rung(X, X + passed * DAY) == rung


def test_a_ladder_that_rings_weekly_when_late() -> None:
    rule = RenewalRule(
        "3.3",
        15,
        (-15, 0),
        late_every_days=7,
        desk_from=0,
        group_from=7,
        approval_asked=False,
    )
    assert [rule.rung(X, X + n * DAY) for n in (0, 6, 7, 13, 14)] == [0, 0, 7, 7, 14]
