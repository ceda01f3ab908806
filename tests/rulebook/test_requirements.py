"""Each requirement at its boundaries: one short, exact, one over."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rulebook.cover import Line, Policy, judgements, shortfalls
from fleet.words import Finding
from tests import make

BOOK = make.book()
NOW = make.at(2026, 7, 1)
OLD = date(2019, 3, 2)  # a day on which the 2014 terms were on sale
THEN = make.at(2019, 7, 1)
TICK = timedelta(microseconds=1)


def found(
    *policies: Policy, seats: int = 5, energy: str = "petrol", now: datetime = NOW
) -> list[Finding]:
    return list(shortfalls(make.vehicle(seats=seats, energy=energy), policies, BOOK, now))


def codes(findings: Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


def short_with(*, seats: int = 5, **instead: Line | None) -> list[Finding]:
    lines = make.full_cover(**instead)
    return found(make.compulsory(), make.commercial(lines=lines), seats=seats)


def test_a_vehicle_with_both_policies_is_short_of_nothing() -> None:
    assert found(make.compulsory(), make.commercial()) == []
    assert found(make.compulsory(OLD), make.commercial(OLD), now=THEN) == []


def test_without_any_policy() -> None:
    """Clauses 2.1 to 2.4 say it; 2.5 and 2.6 report nothing without a commercial policy."""
    assert [(one.code, one.clause, one.found, one.required) for one in found()] == [
        ("compulsory_missing", "2.1", None, None),
        ("vehicle_tax_missing", "2.1", None, None),
        ("damage_missing", "2.2", None, None),
        ("third_party_missing", "2.3", None, "200000"),
        ("occupants_missing", "2.4", None, "20000"),
    ]


@pytest.mark.parametrize(
    ("tax", "exempt", "missing"),
    [
        (None, False, True),
        ("0", False, True),
        ("0.01", False, False),
        ("300", False, False),
        (None, True, False),
        ("0", True, False),
    ],
)
def test_vehicle_tax(tax: str | None, *, exempt: bool, missing: bool) -> None:
    """Clause 2.1: an amount of 0 alone records nothing."""
    amount = None if tax is None else Decimal(tax)
    policy = make.compulsory(vehicle_tax=amount, tax_exempt=exempt)
    assert codes(found(policy, make.commercial())) == ["vehicle_tax_missing"] * missing


def test_one_compulsory_policy_that_records_the_tax_is_enough() -> None:
    """Clause 2.1."""
    untaxed = make.compulsory(vehicle_tax=None)
    taxed = make.compulsory(date(2026, 5, 1))
    assert found(untaxed, taxed, make.commercial()) == []


def test_a_commercial_policy_records_no_tax() -> None:
    policies = (make.compulsory(vehicle_tax=None), make.commercial(vehicle_tax=Decimal(300)))
    assert codes(found(*policies)) == ["vehicle_tax_missing"]


@pytest.mark.parametrize(
    ("insured", "code", "told"),
    [
        ("0", "third_party_below", "0"),
        ("199999.99", "third_party_below", "199999.99"),
        ("200000", None, None),
        ("200000.01", None, None),
        (None, "third_party_below", "0"),
    ],
)
def test_third_party(insured: str | None, code: str | None, told: str | None) -> None:
    """Clause 2.3."""
    line = Line("third_party", None if insured is None else Decimal(insured))
    expected = [Finding(code, "2.3", told, "200000")] if code else []
    assert short_with(third_party=line) == expected


def test_the_best_third_party_line_counts_and_sums_are_not_added_up() -> None:
    """Clause 2.3."""
    half = make.full_cover(third_party=make.line("third_party", 150_000))
    one, other = make.commercial(lines=half), make.commercial(number="OTHER", lines=half)
    best = make.commercial(number="BEST")
    assert codes(found(make.compulsory(), one, other)) == ["third_party_below"]
    assert found(make.compulsory(), one, best) == []


def test_damage_left_out() -> None:
    """Clause 2.2; under the 2020 terms clauses 2.5 and 2.6 belong to it."""
    short = short_with(damage=None)
    assert codes(short) == ["damage_missing", "excess_waiver_missing", "designated_repair_missing"]
    assert [one.found for one in short] == [None, "no_damage", "no_damage"]
    assert [one.basis for one in short] == [None, "2020", "2020"]


def occupants(
    driver: tuple[int | None, int | None] | None, *passengers: tuple[int | None, int]
) -> tuple[Line, ...]:
    rest = make.full_cover(occupants_driver=None, occupants_passengers=None)
    lines = [
        make.line("occupants_passengers", insured, seats=seats) for seats, insured in passengers
    ]
    if driver:
        lines.append(make.line("occupants_driver", driver[1], seats=driver[0]))
    return (*rest, *lines)


OCCUPANTS = [
    # seats, driver (seats, sum), passengers (seats, sum), what is told: code -> (found, required)
    (5, (1, 20_000), [(4, 20_000)], {}),
    (5, (None, 20_000), [(4, 20_000)], {}),
    (5, (1, 19_999), [(4, 20_000)], {"occupants_sum_below": ("19999", "20000")}),
    (5, (1, 20_000), [(4, 19_999)], {"occupants_sum_below": ("19999", "20000")}),
    (5, (1, 20_000), [(4, 20_001)], {}),
    (5, (1, 20_000), [(3, 20_000)], {"occupants_seats_below": ("4", "5")}),
    (5, (1, 20_000), [(5, 20_000)], {}),
    (5, (1, 20_000), [], {"occupants_seats_below": ("1", "5")}),
    (5, None, [(4, 20_000)], {"occupants_seats_below": ("4", "5")}),
    (5, None, [(5, 20_000)], {"occupants_seats_below": ("4", "5")}),
    (5, None, [], {"occupants_missing": (None, "20000")}),
    (5, (0, 20_000), [], {"occupants_missing": (None, "20000")}),
    (5, (0, 20_000), [(0, 20_000)], {"occupants_missing": (None, "20000")}),
    (5, None, [(None, 20_000)], {"occupants_missing": (None, "20000")}),
    (5, (1, 20_000), [(0, 20_000)], {"occupants_seats_below": ("1", "5")}),
    # the best line on each seat: two seats at 50,000, all four at 10,000
    (5, (1, 20_000), [(2, 50_000), (4, 10_000)], {"occupants_sum_below": ("10000", "20000")}),
    (5, (1, 20_000), [(2, 10_000), (4, 20_000)], {}),
    # seats are not added up
    (
        5,
        (1, 20_000),
        [(2, 20_000), (2, 20_000)],
        {"occupants_seats_below": ("3", "5")},
    ),
    # a line reaching beyond the licensed seats is judged on those only
    (3, (1, 20_000), [(2, 20_000), (6, 10_000)], {}),
    (3, (1, 20_000), [(1, 20_000), (6, 10_000)], {"occupants_sum_below": ("10000", "20000")}),
    # both at once
    (
        5,
        (1, 5_000),
        [(2, 10_000)],
        {"occupants_seats_below": ("3", "5"), "occupants_sum_below": ("5000", "20000")},
    ),
    (5, (1, None), [(4, 20_000)], {"occupants_sum_below": ("0", "20000")}),
    # one seat is the driver's
    (1, (1, 20_000), [], {}),
    (1, (1, 20_000), [(4, 5_000)], {}),
    (1, None, [(4, 20_000)], {"occupants_seats_below": ("0", "1")}),
    (1, None, [], {"occupants_missing": (None, "20000")}),
    # no seats, nothing asked
    (0, None, [], {}),
    (0, (1, 5_000), [(1, 5_000)], {}),
]


@pytest.mark.parametrize(("seats", "driver", "passengers", "told"), OCCUPANTS)
def test_occupants(
    seats: int,
    driver: tuple[int | None, int | None] | None,
    passengers: list[tuple[int | None, int]],
    told: dict[str, tuple[str | None, str]],
) -> None:
    """Clause 2.4, seat by seat."""
    policy = make.commercial(lines=occupants(driver, *passengers))
    short = found(make.compulsory(), policy, seats=seats)
    assert {one.code: (one.found, one.required) for one in short} == told
    assert all(one.clause == "2.4" for one in short)


seat_lines = st.tuples(st.integers(0, 8), st.sampled_from([0, 10_000, 20_000, 30_000]))


@given(st.integers(1, 7), st.none() | seat_lines, st.lists(seat_lines, max_size=4))
def test_occupants_worked_out_seat_by_seat(
    seats: int, driver: tuple[int, int] | None, passengers: list[tuple[int, int]]
) -> None:
    """Clause 2.4, by a plain list of seats."""
    best: list[int | None] = [driver[1] if driver and driver[0] else None]
    best += [
        max((insured for upto, insured in passengers if seat <= upto), default=None)
        for seat in range(1, seats)
    ]
    covered = [insured for insured in best if insured is not None]
    expected = []
    if not (driver and driver[0]) and not any(upto for upto, _ in passengers):
        expected = ["occupants_missing"]
    else:
        expected += ["occupants_seats_below"] * (None in best)
        expected += ["occupants_sum_below"] * (bool(covered) and min(covered) < 20_000)
    policy = make.commercial(lines=occupants(driver, *passengers))
    assert codes(found(make.compulsory(), policy, seats=seats)) == expected


def test_personal_accident_cover_is_not_occupant_liability() -> None:
    accident = make.line("occupant_accident", 500_000, seats=5)
    lines = (*make.full_cover(occupants_driver=None, occupants_passengers=None), accident)
    assert codes(found(make.compulsory(), make.commercial(lines=lines))) == ["occupants_missing"]


@pytest.mark.parametrize("cover", ["theft", "glass", "scratch", "wheel", "wading", "roadside"])
def test_optional_covers_are_never_a_violation(cover: str) -> None:
    """Clause 2.7: with them or without, with a deductible or without."""
    extra = make.line(cover, 1, deductible_rate=Decimal(20))
    policy = make.commercial(lines=(*make.full_cover(), extra))
    assert found(make.compulsory(), policy) == []


@pytest.mark.parametrize(
    ("cover", "code", "clause"),
    [
        ("excess_waiver", "excess_waiver_missing", "2.5"),
        ("designated_repair", "designated_repair_missing", "2.6"),
    ],
)
def test_under_the_2014_terms_each_is_a_line_of_its_own(cover: str, code: str, clause: str) -> None:
    """Clauses 2.5 and 2.6."""
    policy = make.commercial(OLD, lines=make.full_cover(**{cover: None}))
    told = [Finding(code, clause, None, None, basis="2014")]
    assert found(make.compulsory(OLD), policy, now=THEN) == told


def test_under_the_2014_terms_deductibles_and_restrictions_do_not_matter() -> None:
    policy = make.commercial(OLD, absolute_deductible_rate=Decimal(5), repair_restricted=True)
    assert found(make.compulsory(OLD), policy, now=THEN) == []


MODERN = make.full_cover(excess_waiver=None, designated_repair=None)


@pytest.mark.parametrize(("energy", "basis"), [("petrol", "2020"), ("electric", "nev2021")])
def test_a_modern_policy_needs_neither_line(energy: str, basis: str) -> None:
    """Clauses 2.5 and 2.6, by their equivalence."""
    policies = (make.compulsory(), make.commercial(lines=MODERN))
    assert found(*policies, energy=energy) == []
    told = judgements(make.vehicle(energy=energy), policies, BOOK, NOW)
    assert {one.basis for one in told if one.clause in ("2.5", "2.6")} == {basis}


DEDUCTIBLES = [
    ({"absolute_deductible_rate": Decimal("0.01")}, (), "0.01%"),
    ({"absolute_deductible_rate": Decimal(0)}, (), None),
    ({"absolute_deductible_amount": Decimal("0.01")}, (), "0.01"),
    ({"absolute_deductible_amount": Decimal(0)}, (), None),
    ({"absolute_deductible_amount": Decimal(500)}, (), "500"),
    ({}, (make.line("absolute_deductible", deductible_rate=Decimal(15)),), "15%"),
    ({}, (make.line("absolute_deductible", deductible_rate=Decimal(0)),), None),
    ({}, (make.line("absolute_deductible"),), None),
    ({}, (make.line("damage", 1, deductible_rate=Decimal(5)),), "5%"),
    ({}, (make.line("third_party", 1, deductible_rate=Decimal(5)),), "5%"),
    ({}, (make.line("occupants_driver", 1, deductible_rate=Decimal(5)),), "5%"),
    ({}, (make.line("occupants_passengers", 1, seats=1, deductible_rate=Decimal(5)),), "5%"),
    ({}, (make.line("theft", 1, deductible_rate=Decimal(20)),), None),
]


@pytest.mark.parametrize(("terms", "extra", "told"), DEDUCTIBLES)
def test_an_absolute_deductible_takes_the_waiver_away(
    terms: dict[str, Decimal], extra: tuple[Line, ...], told: str | None
) -> None:
    """Clause 2.5 under the 2020 terms."""
    policy = make.commercial(lines=(*MODERN, *extra), **terms)
    finding = Finding("excess_waiver_missing", "2.5", told, None, basis="2020")
    assert found(make.compulsory(), policy) == ([finding] if told else [])


def test_a_special_agreement_on_repair_takes_designated_repair_away() -> None:
    """Clause 2.6 under the 2020 terms."""
    policy = make.commercial(lines=MODERN, repair_restricted=True)
    told = Finding("designated_repair_missing", "2.6", "repair_restricted", None, basis="2020")
    assert found(make.compulsory(), policy) == [told]


def test_terms_stated_on_the_policy_win_over_those_inferred() -> None:
    old = make.commercial(lines=MODERN, terms="2014")
    assert codes(found(make.compulsory(), old)) == [
        "excess_waiver_missing",
        "designated_repair_missing",
    ]
    modern = make.commercial(OLD, lines=MODERN, terms="2020")
    assert found(make.compulsory(OLD), modern, now=THEN) == []


def test_the_signing_day_decides_the_terms_before_the_first_day_does() -> None:
    first = date(2020, 10, 1)
    signed = {
        day: found(
            make.compulsory(first),
            make.commercial(first, lines=MODERN, signed_on=day),
            now=make.at(2020, 11, 1),
        )
        for day in (date(2020, 9, 18), date(2020, 9, 19), None)
    }
    assert len(signed[date(2020, 9, 18)]) == 2
    assert signed[date(2020, 9, 19)] == signed[None] == []


def test_of_several_commercial_policies_one_that_meets_2_5_and_2_6_is_enough() -> None:
    """Clauses 2.5 and 2.6."""
    restricted = make.commercial(
        lines=MODERN, repair_restricted=True, absolute_deductible_rate=Decimal(5)
    )
    beside = make.commercial(number="BESIDE", lines=(make.line("damage", 1),))
    assert found(make.compulsory(), restricted, beside) == []
    no_damage = make.commercial(number="BESIDE", lines=(make.line("third_party", 1_000_000),))
    told = found(make.compulsory(), restricted, no_damage)
    assert [one.found for one in told] == ["5%", "repair_restricted"]


@pytest.mark.parametrize("moment", ["before", "first", "last", "after"])
def test_a_line_counts_where_both_it_and_its_policy_run(moment: str) -> None:
    since, until = make.at(2026, 5, 1), make.at(2026, 6, 1)
    at = {"before": since - TICK, "first": since, "last": until - TICK, "after": until}[moment]
    line = make.line("damage", 1, since=since, until=until)
    policy = make.commercial(lines=make.full_cover(damage=line))
    missing = "damage_missing" in codes(found(make.compulsory(), policy, now=at))
    assert missing is (moment in ("before", "after"))


def test_a_line_outlives_neither_its_policys_end_nor_its_cancellation() -> None:
    forever = make.line("damage", 1, since=make.at(2000, 1, 1), until=make.at(2100, 1, 1))
    lines = make.full_cover(damage=forever)
    policy = make.commercial(lines=lines, cancelled_at=make.at(2026, 6, 1))
    assert found(make.compulsory(), policy, now=make.at(2026, 6, 1) - TICK) == []
    assert "damage_missing" in codes(found(make.compulsory(), policy, now=make.at(2026, 6, 1)))


def test_compulsory_policies_carry_no_commercial_cover() -> None:
    stray = make.compulsory(lines=make.full_cover())
    assert "damage_missing" in codes(found(stray))


def test_one_kind_alone() -> None:
    short = shortfalls(make.vehicle(), (), BOOK, NOW, "compulsory")
    assert codes(short) == ["compulsory_missing", "vehicle_tax_missing"]
    assert codes(shortfalls(make.vehicle(), (), BOOK, NOW, "commercial")) == [
        "damage_missing",
        "third_party_missing",
        "occupants_missing",
    ]


def test_a_judgement_for_every_requirement() -> None:
    told = judgements(make.vehicle(), (make.commercial(),), BOOK, NOW)
    assert [(one.requirement, one.clause, one.asked, one.met) for one in told] == [
        ("compulsory", "2.1", True, False),
        ("vehicle_tax", "2.1", True, False),
        ("damage", "2.2", True, True),
        ("third_party", "2.3", True, True),
        ("occupants", "2.4", True, True),
        ("excess_waiver", "2.5", True, True),
        ("designated_repair", "2.6", True, True),
    ]


def test_a_judgement_says_what_is_not_asked_and_what_is_spared() -> None:
    none = {one.requirement: one for one in judgements(make.vehicle(seats=0), (), BOOK, NOW)}
    assert [name for name, one in none.items() if one.asked] == ["damage", "third_party"]
    old = make.commercial(date(2011, 6, 1), lines=(make.line("damage", 1),))
    spared = judgements(make.vehicle(), (old,), BOOK, make.at(2012, 2, 1))
    assert [one.requirement for one in spared if one.asked] == ["compulsory", "vehicle_tax"]
    assert codes(one for it in spared for one in it.spared) == [
        "third_party_missing",
        "occupants_missing",
        "excess_waiver_missing",
        "designated_repair_missing",
    ]
    assert judgements(make.vehicle(), (), BOOK, make.at(2012, 1, 16)) == ()
