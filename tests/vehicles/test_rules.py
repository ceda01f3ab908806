"""How spells of days follow one another."""

from __future__ import annotations

from datetime import date

import pytest

from fleet.vehicles.rules import clash, running_on
from fleet.words import Days


def days(first: int, last: int | None = None) -> Days:
    return Days(date(2026, 1, first), date(2026, 1, last) if last else None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (days(1, 3), None),
        (days(1, 4), days(3, 6)),
        (days(5, 6), days(3, 6)),
        (days(6, 9), None),
        (days(6), days(20)),
    ],
)
def test_spells_that_share_a_day_clash(wanted, found):
    assert clash(wanted, [days(3, 6), days(20)]) == found


@pytest.mark.parametrize(
    ("day", "found"),
    [(1, days(3, 6)), (3, days(3, 6)), (5, days(3, 6)), (6, days(20)), (25, days(20))],
)
def test_the_spell_of_a_day_or_the_next(day, found):
    assert running_on([days(20), days(3, 6)], date(2026, 1, day)) == found


def test_after_the_last_spell_there_is_none():
    assert running_on([days(3, 6)], date(2026, 1, 6)) is None
