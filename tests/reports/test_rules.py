"""Sums by region, and changes as a reader of the history sees them."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from fleet.reports.rules import Change, Company, Value, by_region, told, total
from tests.make import CLOCK, at
from tests.reports.records import TIMES

A1 = Company(1, "A1", "Alpha", "A", "North")
A2 = Company(2, "A2", "Beta", "A", "North")
B1 = Company(3, "B1", "Gamma", "B", "South")


def test_companies_are_summed_under_their_region() -> None:
    north, south = by_region(
        [A1, A2, B1], {1: {"barred": 2}, 2: {"barred": 1}}, {2: {"late": 4}, 3: {"late": 1}}
    )
    assert north.counts == {"barred": 3, "late": 4}
    assert [one.counts for one in north.companies] == [{"barred": 2}, {"barred": 1, "late": 4}]
    assert south.counts == {"late": 1}
    assert total([north, south]) == Counter(barred=3, late=5)


def test_what_is_measured_of_a_company_out_of_sight_is_not_summed() -> None:
    assert by_region([A1], {3: {"barred": 2}})[0].counts == {}


def test_the_window_ends_on_its_fifteenth_day_and_its_cover_the_midnight_after() -> None:
    assert TIMES.window_ends == date(2026, 7, 5)
    assert TIMES.horizon == at(2026, 7, 6, 0)
    assert TIMES.zone == CLOCK


@pytest.mark.parametrize(
    ("stored", "seen"),
    [
        (
            {"table": "vehicles", "row": "V1", "changed": {"seats": [5, 7], "plate": [None, "X"]}},
            Change(
                "changed", "vehicles", "V1", (Value("plate", None, "X"), Value("seats", "5", "7"))
            ),
        ),
        (
            {"table": "vehicles", "row": "V1", "new": {"seats": 5, "x": True}},
            Change("new", "vehicles", "V1", (Value("seats", None, "5"), Value("x", None, "true"))),
        ),
        (
            {"table": "vehicles", "row": "V1", "gone": {"seats": 0}},
            Change("gone", "vehicles", "V1", (Value("seats", "0", None),)),
        ),
        (
            {"table": "renewals", "opened": ["A 1", "B 2"]},
            Change("noted", "renewals", "", (Value("opened", None, "A 1, B 2"),)),
        ),
        (
            {"file": "a.xlsx", "counts": {"vehicles": 2}},
            Change(
                "noted",
                "",
                "",
                (Value("counts", None, "vehicles: 2"), Value("file", None, "a.xlsx")),
            ),
        ),
    ],
)
def test_a_change_is_told_from_what_to_what(stored: dict[str, object], seen: Change) -> None:
    assert told([stored]) == (seen,)
