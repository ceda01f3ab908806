"""A request's moves, the covers asked for and the period, at their boundaries."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from fleet.renewals import rules
from fleet.renewals.rules import AskedLine, period_asked, prefilled, required_lines, still_lacking
from tests import make

DAY = timedelta(days=1)
YUAN = Decimal(1)
BOOK = make.book()
REQUIREMENTS = BOOK.editions[-1].requirements
X = date(2026, 6, 30)


def required(seats: int = 5, kind: str = "commercial") -> list[AskedLine]:
    return required_lines(REQUIREMENTS, kind, make.vehicle(seats=seats))


def changed(cover: str, **facts: object) -> list[AskedLine]:
    """What is required, with one line changed or, where nothing is told, left out."""
    return [
        AskedLine(one.cover, facts.get("sum", one.sum_insured), facts.get("seats", one.seats))  # type: ignore[arg-type]
        if one.cover == cover
        else one
        for one in required()
        if one.cover != cover or facts
    ]


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        ("due", {"prepare", "withdraw"}),
        ("prepared", {"prepare", "approve", "submit", "withdraw"}),
        ("approved", {"prepare", "unapprove", "submit", "withdraw"}),
        ("returned", {"prepare", "withdraw"}),
        ("submitted", {"unapprove", "accept", "return", "withdraw"}),
        ("accepted", {"unapprove", "return", "place", "withdraw"}),
        ("placed", {"unplace", "withdraw"}),
        ("withdrawn", {"resume"}),
        ("insured", set()),
        ("left_fleet", set()),
        ("laid_up", set()),
        ("expiry_changed", set()),
    ],
)
def test_which_moves_a_state_allows(state: str, moves: set[str]) -> None:
    assert set(rules.moves_from(state)) == moves
    for move in rules.MOVES:
        assert (rules.leads_to(move, state) is not None) == (move in moves)


def test_every_state_is_told_of() -> None:
    assert set(rules.STATES) == {*rules.OPEN, *rules.ENDED}
    assert len(rules.STATES) == 12


def test_a_compulsory_policy_has_no_lines_and_a_trailer_no_occupants() -> None:
    assert required(kind="compulsory") == []
    assert [one.cover for one in required(seats=0)] == ["damage", "third_party"]


def test_the_licence_tells_the_seats_the_drivers_among_them() -> None:
    def seats(licensed: int) -> dict[str, int | None]:
        return {it.cover: it.seats for it in required(licensed) if it.cover.startswith("occ")}

    assert seats(1) == {"occupants_driver": 1}
    assert seats(2) == {"occupants_driver": 1, "occupants_passengers": 1}
    assert seats(5) == {"occupants_driver": 1, "occupants_passengers": 4}


LEAST = {"third_party": Decimal(200_000), "occupants_driver": Decimal(20_000)}


@pytest.mark.parametrize("cover", LEAST)
def test_one_yuan_short_is_lacking_and_the_exact_sum_is_not(cover: str) -> None:
    """Clauses 2.3 and 2.4: not less than."""
    least = LEAST[cover]
    for asked, lacking in (
        (least - YUAN, [cover]),
        (least, []),
        (least + YUAN, []),
        (None, [cover]),
    ):
        if asked is None:
            found = still_lacking(required(), [AskedLine(cover, None, 1)])
            assert cover in [one.cover for one in found]
        else:
            found = still_lacking(required(), changed(cover, sum=asked))
            assert [one.cover for one in found] == lacking


def test_one_seat_short_is_lacking() -> None:
    cover = "occupants_passengers"
    assert [it.cover for it in still_lacking(required(), changed(cover, seats=3))] == [cover]
    assert still_lacking(required(), changed(cover, seats=4)) == []
    assert still_lacking(required(), changed(cover, seats=5)) == []


def test_a_cover_left_out_is_lacking_and_a_further_one_is_never_wrong() -> None:
    """Clause 2.7: others are the company's own choice."""
    assert [it.cover for it in still_lacking(required(), changed("damage"))] == ["damage"]
    assert still_lacking(required(), [*required(), AskedLine("theft")]) == []


def test_prefilled_keeps_the_higher_sum_and_the_optional_covers() -> None:
    held = [
        AskedLine("third_party", Decimal(1_000_000)),
        AskedLine("occupants_driver", Decimal(10_000), 1),
        AskedLine("glass"),
        AskedLine("excess_waiver"),
        AskedLine("absolute_deductible", Decimal(500)),
    ]
    lines = {it.cover: it for it in prefilled(required(), held)}
    assert lines["third_party"].sum_insured == 1_000_000
    assert lines["occupants_driver"].sum_insured == 20_000
    assert "glass" in lines
    assert not {"excess_waiver", "absolute_deductible"} & lines.keys()
    assert still_lacking(required(), list(lines.values())) == []


@pytest.mark.parametrize(
    ("today", "first"),
    [(X - 15 * DAY, X + DAY), (X, X + DAY), (X + DAY, X + DAY), (X + 2 * DAY, X + 2 * DAY)],
)
def test_a_year_is_asked_for_from_the_day_after_expiry_or_from_today(today, first) -> None:
    assert period_asked(X, today) == (first, first + 364 * DAY)
