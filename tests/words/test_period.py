"""Periods: half-open, in UTC, measured against real fleets' exposures."""

import csv
import gzip
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.words import Period

SHARED = Path(__file__).parents[2].parent / "shared"
SPELLS = SHARED / "data/fr-fleet-pg16/fleet_coverage_spells_2011_2014.csv.gz"
SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
PARIS = ZoneInfo("Europe/Paris")
TICK = timedelta(microseconds=1)

instants = st.datetimes(
    datetime(2025, 1, 1),  # noqa: DTZ001
    datetime(2025, 1, 5),  # noqa: DTZ001
    timezones=st.just(UTC),
)
periods = st.builds(Period, instants, instants)


def test_a_policy_of_days_runs_to_the_midnight_after_its_last() -> None:
    period = Period.of_days(date(2026, 3, 2), date(2027, 3, 1), SHANGHAI)
    assert period.begins == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert period.ends == datetime(2027, 3, 1, 16, tzinfo=UTC)


def test_it_holds_its_first_instant_and_not_its_end() -> None:
    period = Period.of_days(date(2026, 3, 2), date(2027, 3, 1), SHANGHAI)
    inside = [period.begins - TICK, period.begins, period.ends - TICK, period.ends]
    assert [period.contains(instant) for instant in inside] == [False, True, True, False]


def test_the_repeated_hour_of_autumn_is_two_hours() -> None:
    """Two local times compare by the clock's face, which runs backwards here."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    again = first.replace(fold=1)
    assert not Period(first, again).is_empty
    assert Period(first, again).contains(datetime(2026, 10, 25, 1, 0, tzinfo=UTC))


@given(periods, periods, instants)
def test_an_intersection_holds_what_both_hold(one: Period, other: Period, now: datetime) -> None:
    both = one.intersect(other)
    assert one.overlaps(other) is (both is not None)
    assert (both is not None and both.contains(now)) is (one.contains(now) and other.contains(now))


@given(periods)
def test_an_empty_period_holds_nothing_and_shares_nothing(period: Period) -> None:
    if period.is_empty:
        assert not period.contains(period.begins)
        assert not period.overlaps(period)
        assert period.share_of_year(SHANGHAI) == 0


@pytest.mark.parametrize(
    ("first", "last", "share"),
    [
        (date(2025, 1, 1), date(2025, 12, 31), Fraction(1)),
        (date(2024, 1, 1), date(2024, 12, 31), Fraction(1)),
        (date(2024, 2, 29), date(2024, 2, 29), Fraction(1, 366)),
        (date(2023, 12, 31), date(2024, 1, 1), Fraction(1, 365) + Fraction(1, 366)),
        (date(2026, 3, 2), date(2027, 3, 1), Fraction(1)),
    ],
)
@pytest.mark.parametrize("zone", [SHANGHAI, BERLIN], ids=str)
def test_a_share_of_a_year_counts_days(
    first: date, last: date, share: Fraction, zone: ZoneInfo
) -> None:
    assert Period.of_days(first, last, zone).share_of_year(zone) == share


def half_up(share: Fraction) -> Decimal:
    exact = Decimal(share.numerator) / share.denominator
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


@pytest.mark.skipif(not SPELLS.exists(), reason="the real fleets stand beside the repository only")
def test_120_000_real_cover_spells_have_the_exposure_their_insurer_gave_them() -> None:
    day = cache(date.fromisoformat)

    @cache
    def share(first: str, last: str) -> Fraction:
        return Period.of_days(day(first), day(last), PARIS).share_of_year(PARIS)

    with gzip.open(SPELLS, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    wrong = [
        row
        for row in rows
        if half_up(share(row["BeginDate"], row["EndDate"]) * int(row["VehiclNb"]))
        != Decimal(row["Exposure"])
    ]
    assert len(rows) == 120_000
    assert not wrong
