"""The year of cover that is asked for, as insurers print it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.renewals.rules import last_of_year, period_asked

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 3, 2), date(2027, 3, 1)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2027, 6, 1), date(2028, 5, 31)),
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2028, 3, 1), date(2029, 2, 28)),
        (date(2026, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_year_ends_on_the_day_before_it_returns(first, last):
    assert last_of_year(first) == last


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)))
def test_a_year_and_the_next_lie_without_a_gap(first):
    assert 364 <= (last_of_year(first) - first).days <= 365
    assert last_of_year(last_of_year(first) + DAY) > last_of_year(first)


def test_a_late_request_asks_from_today():
    x, today = date(2026, 6, 30), date(2026, 7, 4)
    assert period_asked(x, x - DAY)[0] == x + DAY
    assert period_asked(x, today) == (today, date(2027, 7, 3))
