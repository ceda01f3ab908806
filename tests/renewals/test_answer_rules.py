"""What differs between a policy and what was asked for: each way alone, and nothing where none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from fleet.renewals.answer_rules import AskedFor, Difference, Issued, differences, repeated
from fleet.renewals.rules import AskedLine
from fleet.words import midnight
from tests.make import CLOCK

FIRST = midnight(date(2026, 7, 1), CLOCK)
ENDS = midnight(date(2027, 7, 1), CLOCK)
DAY = timedelta(days=1)
LIABILITY = AskedLine("third_party", Decimal(1_000_000))
PASSENGERS = AskedLine("occupants_passengers", Decimal(20_000), 4)
DAMAGE = AskedLine("damage")
ASKED = AskedFor(
    kind="commercial",
    insurer="INS-A",
    begins=FIRST,
    ends=ENDS,
    covered_until=FIRST,
    lines=(DAMAGE, LIABILITY, PASSENGERS),
    premium=Decimal(3000),
)
ISSUED = Issued(
    vin="LTESTA00000000001",
    policy_number="SY1",
    begins=FIRST,
    ends=ENDS,
    premium=Decimal("3000.00"),
    lines=(replace(DAMAGE, sum_insured=Decimal(88_000)), LIABILITY, PASSENGERS),
)


def lines(*others: AskedLine, without: str = "") -> tuple[AskedLine, ...]:
    kept = {line.cover: line for line in ISSUED.lines if line.cover != without}
    return tuple((kept | {line.cover: line for line in others}).values())


def test_as_asked_differs_in_nothing():
    assert differences(ASKED, ISSUED) == []
    assert differences(ASKED, replace(ISSUED, insurer="INS-A")) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"insurer": "INS-B"}, ["another_insurer"]),
        ({"begins": FIRST + DAY}, ["gap"]),
        ({"begins": FIRST + timedelta(minutes=1)}, ["gap"]),
        ({"begins": FIRST - timedelta(minutes=1)}, ["overlap"]),
        ({"ends": ENDS - DAY}, ["ends_otherwise"]),
        ({"lines": lines(without="damage")}, ["cover_missing"]),
        ({"lines": lines(AskedLine("glass"))}, ["cover_added"]),
        ({"lines": lines(AskedLine("third_party", Decimal(999_999)))}, ["sum_lower"]),
        ({"lines": lines(AskedLine("third_party"))}, ["sum_lower"]),
        ({"lines": lines(AskedLine("third_party", Decimal(1_000_001)))}, ["sum_higher"]),
        ({"lines": lines(replace(PASSENGERS, seats=3))}, ["seats_differ"]),
        ({"premium": Decimal("3000.01")}, ["premium_differs"]),
        ({"premium": None}, ["premium_unknown"]),
        (
            {"begins": FIRST + DAY, "ends": ENDS + DAY, "lines": (), "premium": Decimal(1)},
            ["gap", "ends_otherwise", *["cover_missing"] * 3, "premium_differs"],
        ),
    ],
)
def test_each_difference_is_named(change, told):
    assert [one.code for one in differences(ASKED, replace(ISSUED, **change))] == told


def test_a_difference_tells_both_sides():
    changed = replace(ISSUED, lines=lines(AskedLine("third_party", Decimal(500_000))))
    [found] = differences(ASKED, changed)
    assert found == Difference("sum_lower", "1000000.00", "500000.00", "third_party")


@pytest.mark.parametrize(
    ("held", "begins", "told"),
    [
        (None, FIRST, []),  # a first policy
        (None, FIRST + DAY, ["begins_otherwise"]),
        (FIRST - 4 * DAY, FIRST, []),  # late: asked from today on
        (FIRST - 4 * DAY, FIRST + DAY, ["gap"]),
        (FIRST - 4 * DAY, FIRST - 4 * DAY, ["begins_otherwise"]),
        (FIRST - 4 * DAY, FIRST - 5 * DAY, ["overlap"]),
    ],
)
def test_a_beginning_is_held_against_the_cover_on_record(held, begins, told):
    asked = replace(ASKED, covered_until=held)
    assert [one.code for one in differences(asked, replace(ISSUED, begins=begins))] == told


@pytest.mark.parametrize(
    ("expected", "found", "exempt", "told"),
    [
        (None, Decimal(420), False, []),
        (Decimal(420), Decimal(420), False, []),
        (Decimal(420), Decimal(300), False, ["tax_differs"]),
        (None, None, False, ["tax_unknown"]),
        (Decimal(420), None, True, []),
    ],
)
def test_the_tax_of_a_compulsory_policy(expected, found, exempt, told):
    asked = replace(ASKED, kind="compulsory", lines=(), vehicle_tax=expected)
    issued = replace(ISSUED, lines=(), vehicle_tax=found, tax_exempt=exempt)
    assert [one.code for one in differences(asked, issued)] == told


def test_rows_that_share_a_key_name_each_other():
    assert repeated([(2, "a"), (3, "b"), (4, "a"), (5, "c"), (6, "a")]) == {2: 4, 4: 2, 6: 2}
