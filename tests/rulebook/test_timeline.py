"""The timeline as a step function of time: what holds of it for any facts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fleet.rulebook.cover import (
    STANDINGS,
    Policy,
    Standing,
    Step,
    Vehicle,
    judgements,
    shortfalls,
    standing,
    timeline,
)
from fleet.words import Days, Finding
from tests import make
from tests.rulebook import fleets

BOOK = make.book()
BARRING = BOOK.editions[0].barred_by
TICK = timedelta(microseconds=1)
WORSE = ("compliant", "spared", "short", "barred")  # from best to worst

moments = fleets.INSTANTS | st.datetimes(
    datetime(2009, 1, 1),  # noqa: DTZ001
    datetime(2025, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def codes(findings: Iterable[Finding]) -> frozenset[str]:
    return frozenset(finding.code for finding in findings)


def signature(of: Standing | Step) -> tuple[str, frozenset[str], frozenset[str]]:
    return of.standing, codes(of.shortfalls), codes(of.spared)


def step_at(steps: Sequence[Step], moment: datetime) -> Step:
    (step,) = [
        step
        for step in steps
        if (step.since is None or step.since <= moment)
        and (step.until is None or moment < step.until)
    ]
    return step


@given(fleets.VEHICLES, fleets.POLICY_LISTS)
def test_steps_tile_time_and_differ_from_their_neighbours(
    vehicle: Vehicle, policies: list[Policy]
) -> None:
    steps = timeline(vehicle, policies, BOOK)
    assert steps[0].since is None
    assert steps[-1].until is None
    assert all(step.standing in STANDINGS for step in steps)
    for one, following in pairwise(steps):
        assert one.until is not None
        assert one.until == following.since
        assert one.since is None or one.since < one.until
        assert signature(one) != signature(following)


@given(fleets.VEHICLES, fleets.POLICY_LISTS, moments)
def test_a_step_says_what_standing_says_at_any_moment_inside(
    vehicle: Vehicle, policies: list[Policy], moment: datetime
) -> None:
    steps = timeline(vehicle, policies, BOOK)
    edges = [edge for step in steps if (edge := step.since) is not None]
    for now in (moment, *edges, *(edge - TICK for edge in edges)):
        step = step_at(steps, now)
        answer = standing(vehicle, policies, BOOK, now)
        assert signature(answer) == signature(step)
        if step.since == now:
            assert (answer.shortfalls, answer.spared) == (step.shortfalls, step.spared)
            assert answer.rulebook_since == step.rulebook_since


@given(fleets.VEHICLES, fleets.POLICY_LISTS, moments)
def test_a_standing_follows_from_its_findings(
    vehicle: Vehicle, policies: list[Policy], moment: datetime
) -> None:
    answer = standing(vehicle, policies, BOOK, moment)
    short, spared = codes(answer.shortfalls), codes(answer.spared)
    assert not short & spared
    assert len(short) == len(answer.shortfalls)
    if answer.standing in ("out_of_service", "not_asked"):
        assert not short | spared
        return
    assert (answer.standing == "barred") is bool(short & BARRING)
    assert (answer.standing == "short") is bool(short and not short & BARRING)
    assert (answer.standing == "spared") is bool(spared and not short)
    assert answer.shortfalls == shortfalls(vehicle, policies, BOOK, moment)
    told = judgements(vehicle, policies, BOOK, moment)
    assert answer.shortfalls == tuple(one for it in told for one in it.findings)
    assert answer.spared == tuple(one for it in told for one in it.spared)


@given(fleets.VEHICLES, fleets.POLICY_LISTS, st.randoms(use_true_random=False))
def test_the_order_of_policies_does_not_matter(
    vehicle: Vehicle,
    policies: list[Policy],
    chance: st.randoms,  # type: ignore[valid-type]
) -> None:
    shuffled = list(policies)
    chance.shuffle(shuffled)
    assert timeline(vehicle, shuffled, BOOK) == timeline(vehicle, policies, BOOK)


@given(fleets.VEHICLES, fleets.POLICY_LISTS, fleets.policies())
def test_paper_that_was_never_in_force_changes_nothing(
    vehicle: Vehicle, policies: list[Policy], added: Policy
) -> None:
    if added.period is None:
        assert timeline(vehicle, [*policies, added], BOOK) == timeline(vehicle, policies, BOOK)


@given(fleets.VEHICLES, fleets.POLICY_LISTS, fleets.policies(), moments)
def test_no_policy_added_ever_bars_a_vehicle(
    vehicle: Vehicle, policies: list[Policy], added: Policy, moment: datetime
) -> None:
    """Clause 4.4: it can only lead to an older edition, which asks nothing here.

    Of the codes that do not bar this is not true: a third-party line too low turns
    `third_party_missing` into `third_party_below`, and a first commercial policy may lack the
    excess waiver that nobody asked for before.
    """
    before = codes(shortfalls(vehicle, policies, BOOK, moment))
    after = codes(shortfalls(vehicle, [*policies, added], BOOK, moment))
    assert after & BARRING <= before & BARRING


@given(
    fleets.VEHICLES,
    fleets.POLICY_LISTS,
    fleets.INSTANTS,
    st.timedeltas(timedelta(0), timedelta(days=400)),
    moments,
)
def test_a_policy_that_complies_alone_never_makes_a_vehicle_worse(
    vehicle: Vehicle,
    policies: list[Policy],
    begins: datetime,
    span: timedelta,
    moment: datetime,
) -> None:
    pair = [
        make.compulsory(begins, begins + span, number="X1"),
        make.commercial(begins, begins + span, number="X2"),
    ]
    for added in (pair[:1], pair[1:], pair):
        before = standing(vehicle, policies, BOOK, moment)
        after = standing(vehicle, [*policies, *added], BOOK, moment)
        assert codes(after.shortfalls) <= codes(before.shortfalls)
        assert codes(after.spared) <= codes(before.spared) | codes(before.shortfalls)
        if before.standing in WORSE:
            assert WORSE.index(after.standing) <= WORSE.index(before.standing)
        else:
            assert after.standing == before.standing
    if begins <= moment < begins + span:
        assert after.standing in ("compliant", "out_of_service", "not_asked")


@given(
    st.none() | fleets.INSTANTS,
    fleets.INSTANTS,
    moments,
    st.sampled_from(["compulsory", "commercial"]),
)
def test_an_added_policy_leads_to_the_same_edition_or_an_older_one(
    earliest: datetime | None, begins: datetime, moment: datetime, kind: str
) -> None:
    """Clause 4.4: one begun later cannot change the earliest begun."""
    before = BOOK.governing(moment, kind, earliest)
    after = BOOK.governing(moment, kind, min(earliest or begins, begins))
    if earliest is not None and begins >= earliest:
        assert after is before
    if before is None:
        assert after is None
    elif after is not None:
        assert after.since <= before.since


@given(fleets.VEHICLES, fleets.POLICY_LISTS, moments)
def test_optional_covers_change_nothing(
    vehicle: Vehicle, policies: list[Policy], moment: datetime
) -> None:
    """Clause 2.7."""
    extra = (make.line("theft", 1, deductible_rate=Decimal(20)), make.line("glass"))
    richer = [replace(policy, lines=(*policy.lines, *extra)) for policy in policies]
    assert standing(vehicle, richer, BOOK, moment) == standing(vehicle, policies, BOOK, moment)


def test_a_year_and_what_comes_after_it() -> None:
    vehicle = make.vehicle(service=Days(date(2026, 1, 1), date(2028, 1, 1)))
    steps = timeline(vehicle, (make.compulsory(), make.commercial()), BOOK)
    assert [(step.since, step.standing) for step in steps] == [
        (None, "out_of_service"),
        (make.at(2026, 1, 1, 0), "barred"),
        (make.at(2026, 3, 2, 0), "compliant"),
        (make.at(2027, 3, 2, 0), "barred"),
        (make.at(2028, 1, 1, 0), "out_of_service"),
    ]
    assert steps[0].rulebook_since is None
    assert steps[2].rulebook_since == date(2012, 1, 17)


def test_a_renewal_without_gap_makes_no_step() -> None:
    policies = [
        make.compulsory(),
        make.commercial(),
        make.compulsory(date(2027, 3, 2)),
        make.commercial(date(2027, 3, 2)),
    ]
    steps = timeline(make.vehicle(), policies, BOOK)
    assert [step.since for step in steps if step.standing == "compliant"] == [
        make.at(2026, 3, 2, 0)
    ]


def test_the_vehicles_life_across_the_first_day() -> None:
    """Clause 4.4 over time."""
    old = (
        make.compulsory(date(2011, 6, 1), date(2012, 5, 31)),
        make.commercial(date(2011, 6, 1), date(2012, 5, 31), lines=()),
    )
    steps = timeline(make.vehicle(), old, BOOK)
    assert [(step.since, step.standing) for step in steps] == [
        (None, "out_of_service"),
        (make.at(2010, 1, 1, 0), "not_asked"),
        (make.at(2012, 1, 17, 0), "spared"),
        (make.at(2012, 6, 1, 0), "barred"),
    ]


def test_lines_outside_their_policy_make_no_step() -> None:
    lines = make.full_cover(
        damage=make.line("damage", 1, since=make.at(2020, 1, 1), until=make.at(2030, 1, 1)),
        third_party=make.line("third_party", 200_000, until=make.at(2026, 3, 2, 0)),
    )
    steps = timeline(make.vehicle(), (make.compulsory(), make.commercial(lines=lines)), BOOK)
    assert [step.standing for step in steps] == [
        "out_of_service",
        "not_asked",
        "barred",
        *["barred"] * 2,
    ]


def test_open_calendars_do_not_raise() -> None:
    forever = make.vehicle(service=Days(date.min, date.max), lay_ups=(Days(date.max),))
    steps = timeline(forever, (), BOOK)
    assert [step.standing for step in steps] == ["not_asked", "barred", "out_of_service"]
