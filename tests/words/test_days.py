"""Days and instants: the company's clock, its midnights, the expiry day."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.words import Days, last_day, local_day, midnight, noon, utc

SHANGHAI = ZoneInfo("Asia/Shanghai")
ZONES = [
    "Asia/Shanghai",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # skipped its own midnight in spring until 2018
    "America/Havana",  # repeats the hour after midnight in autumn
    "Asia/Beirut",
    "Australia/Lord_Howe",  # shifts by half an hour
    "Pacific/Auckland",
    "UTC",
]
days = st.dates(date(2000, 1, 1), date(2045, 12, 31))
zones = st.sampled_from(ZONES).map(ZoneInfo)
TICK = timedelta(microseconds=1)


def test_a_day_of_the_companys_clock_begins_at_16_00_utc_the_day_before() -> None:
    assert midnight(date(2026, 3, 2), SHANGHAI) == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert noon(date(2026, 3, 2), SHANGHAI) == datetime(2026, 3, 2, 4, tzinfo=UTC)


@given(days, zones)
def test_a_midnight_is_the_first_instant_of_its_day(day: date, zone: ZoneInfo) -> None:
    first = midnight(day, zone)
    assert first.tzinfo is UTC
    assert local_day(first, zone) == day
    assert local_day(first - TICK, zone) == day - timedelta(days=1)


@given(days, zones)
def test_noon_falls_on_its_day_and_the_last_day_is_the_day_before_an_end(
    day: date, zone: ZoneInfo
) -> None:
    assert local_day(noon(day, zone), zone) == day
    assert last_day(midnight(day + timedelta(days=1), zone), zone) == day
    assert last_day(midnight(day, zone) + TICK, zone) == day


@pytest.mark.parametrize(
    ("ends", "expiry_day"),
    [
        (datetime(2027, 3, 2, 0, 0, tzinfo=SHANGHAI), date(2027, 3, 1)),
        (datetime(2027, 3, 2, 0, 0, 1, tzinfo=SHANGHAI), date(2027, 3, 2)),
        (datetime(2027, 3, 2, 18, 3, tzinfo=SHANGHAI), date(2027, 3, 2)),
        (datetime(2027, 3, 1, 23, 59, 59, tzinfo=SHANGHAI), date(2027, 3, 1)),
    ],
)
def test_the_expiry_day_holds_the_last_instant_covered(ends: datetime, expiry_day: date) -> None:
    assert last_day(ends, SHANGHAI) == expiry_day


def test_the_edges_of_the_calendar_do_not_raise() -> None:
    for zone in map(ZoneInfo, ZONES):
        for day in (date.min, date.max):
            assert midnight(day, zone).tzinfo is UTC
            assert local_day(midnight(day, zone), zone)
        assert last_day(midnight(date.min, zone), zone)


def test_an_instant_without_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        utc(datetime(2026, 3, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("day", "inside"),
    [
        (date(2026, 2, 28), False),
        (date(2026, 3, 1), True),
        (date(2026, 3, 2), True),
        (date(2026, 3, 3), False),
    ],
)
def test_days_hold_their_first_and_not_their_until(day: date, *, inside: bool) -> None:
    held = Days(date(2026, 3, 1), date(2026, 3, 3))
    assert held.contains(day) is inside
    assert held.contains_instant(noon(day, SHANGHAI), SHANGHAI) is inside
    assert held.contains_instant(midnight(day, SHANGHAI), SHANGHAI) is inside


spans = st.builds(
    Days,
    st.dates(date(2026, 1, 1), date(2026, 1, 9)),
    st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9)),
)


@given(spans, spans)
def test_days_overlap_where_they_share_a_day(one: Days, other: Days) -> None:
    january = [date(2026, 1, 1) + timedelta(days=n) for n in range(31)]
    shared = any(one.contains(day) and other.contains(day) for day in january)
    assert one.overlaps(other) is shared
    assert other.overlaps(one) is shared
