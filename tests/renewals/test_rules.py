"""What is next of a request, where it stands on its way, and what follows the cover that ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from fleet.renewals import rules
from fleet.renewals.rules import (
    ACCEPTED,
    APPROVED,
    DUE,
    INSURED,
    OPEN,
    PLACED,
    PREPARED,
    RETURNED,
    STATES,
    SUBMITTED,
    WITHDRAWN,
    NextStep,
    followed,
    next_step,
    progress,
)
from fleet.rulebook.renewal import NEW, RENEWAL
from fleet.words import Days, Period
from tests import make

DAY = timedelta(days=1)
X = date(2027, 3, 1)  # the expiry day of the builders' policies
AFTER = datetime(2027, 3, 1, 16, tzinfo=UTC)  # the midnight after it
REQUEST = rules.Open("commercial", X)


@pytest.mark.parametrize(
    ("state", "occasion", "asked", "found"),
    [
        (DUE, RENEWAL, False, NextStep("prepare", "company", "3.3")),
        (DUE, NEW, True, NextStep("prepare", "company", "3.2")),
        (PREPARED, RENEWAL, False, NextStep("submit", "company", "3.3")),
        (PREPARED, RENEWAL, True, NextStep("get_approval", "company", "3.2")),
        (PREPARED, NEW, True, NextStep("get_approval", "company", "3.2")),
        (APPROVED, NEW, True, NextStep("submit", "company", "3.2")),
        (RETURNED, RENEWAL, False, NextStep("mend", "company", "3.3")),
        (SUBMITTED, RENEWAL, False, NextStep("accept", "desk", "3.3")),
        (ACCEPTED, RENEWAL, False, NextStep("place", "desk", "3.1")),
        (PLACED, NEW, True, NextStep("record", "desk", "3.2")),
    ],
)
def test_what_is_next_and_whose_it_is(state, occasion, asked, found):
    assert next_step(state, occasion, approval_asked=asked) == found


def test_every_open_request_waits_for_somebody_and_no_ended_one_does():
    waiting = {one for one in STATES if next_step(one, RENEWAL, approval_asked=False)}
    assert waiting == set(OPEN)


def way(state, been=(), asked=False):
    return " ".join(f"{code}:{how}" for code, how in progress(state, been, approval_asked=asked))


@pytest.mark.parametrize(
    ("state", "been", "asked", "found"),
    [
        (DUE, (), False, "due:now prepared:ahead submitted:ahead accepted:ahead placed:ahead"),
        (PREPARED, (PREPARED,), True, "due:done prepared:now approved:ahead submitted:ahead"),
        (SUBMITTED, (PREPARED, APPROVED), False, "due:done prepared:done approved:done submitted:"),
        (RETURNED, (PREPARED, SUBMITTED), False, "due:done prepared:done returned:now submitted:a"),
        (WITHDRAWN, (PREPARED, WITHDRAWN), False, "due:done prepared:done withdrawn:now"),
        (INSURED, (), False, "due:done prepared:passed submitted:passed accepted:passed"),
        (INSURED, (PREPARED, INSURED), False, "due:done prepared:done submitted:passed"),
    ],
)
def test_where_it_stands_on_its_way(state, been, asked, found):
    assert way(state, been, asked).startswith(found)


@pytest.mark.parametrize("state", STATES)
def test_one_step_of_the_way_is_now(state):
    told = progress(state, [], approval_asked=False)
    assert [code for code, how in told if how == "now"] == [state]
    assert len({code for code, _ in told}) == len(told)


def follows(*policies, vehicle=None, request=REQUEST):
    return followed(vehicle or make.vehicle(), policies, request, make.book())


def test_nothing_follows_where_no_later_policy_is_on_record():
    assert follows(make.commercial()) is None
    assert follows(make.commercial(), make.compulsory(X + DAY)) is None


def test_a_policy_that_joins_leaves_no_gap():
    found = follows(make.commercial(), make.commercial(X + DAY))
    assert found.policy.number == "COM-20270302"
    assert (found.gap, found.short) == (None, ())


@pytest.mark.parametrize("late", [timedelta(minutes=1), 3 * DAY])
def test_a_gap_is_told_to_the_minute(late):
    begins = AFTER + late
    found = follows(make.commercial(), make.commercial(begins, begins + 365 * DAY))
    assert found.gap == Period(AFTER, begins)


def test_a_gap_within_the_expiry_day_counts_from_the_instant_the_cover_ended():
    noon, evening = AFTER - timedelta(hours=12), AFTER - timedelta(hours=6)
    held = make.commercial(make.at(2026, 3, 2, 0), noon)
    assert follows(held, make.commercial(evening, evening + 365 * DAY)).gap == Period(noon, evening)


def test_what_follows_is_judged_without_the_cover_that_ends():
    """While both run the better line counts; on the day after X the poor one stands alone."""
    lines = make.full_cover(third_party=make.line("third_party", 199_999))
    early = make.commercial(X - 5 * DAY, X + 360 * DAY, lines=lines)
    found = follows(make.commercial(), early)
    assert found.gap is None
    assert [one.code for one in found.short] == ["third_party_below"]
    exact = make.full_cover(third_party=make.line("third_party", 200_000))
    assert follows(make.commercial(), make.commercial(X + DAY, lines=exact)).short == ()


def test_of_a_first_cover_the_gap_counts_from_the_first_day_on_the_road():
    vehicle = make.vehicle(service=Days(X + DAY))
    stale = make.commercial(date(2015, 1, 1))
    begins = make.at(2027, 3, 5, 0)
    found = follows(stale, make.commercial(X + 4 * DAY), vehicle=vehicle)
    assert found.gap == Period(AFTER, begins)
    assert follows(make.commercial(X + DAY), vehicle=vehicle).gap is None


def test_each_cover_has_the_clause_that_asks_for_it():
    asked = make.book().editions[0].requirements
    told = {
        cover: rules.clause_of(asked, cover)
        for cover in ("damage", "third_party", rules.DRIVER, rules.PASSENGERS, "glass")
    }
    assert list(told.values()) == ["2.2", "2.3", "2.4", "2.4", "2.7"]
