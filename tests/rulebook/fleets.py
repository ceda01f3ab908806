"""Invented vehicles and policies that go through the corners of the rule."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from fleet.rulebook.cover import Line, Policy, Vehicle
from fleet.words import Days
from tests import make

# Around the first day of the rule, and around the days of the newer terms.
DAYS = st.one_of(
    st.dates(date(2011, 12, 1), date(2012, 3, 1)),
    st.dates(date(2020, 9, 1), date(2020, 10, 10)),
    st.dates(date(2021, 12, 20), date(2022, 1, 10)),
)
SPANS = st.integers(-1, 500).map(timedelta)
RATES = st.sampled_from([None, Decimal(0), Decimal(5)])
COVERS = st.sampled_from(
    [
        "damage",
        "third_party",
        "occupants_driver",
        "occupants_passengers",
        "excess_waiver",
        "designated_repair",
        "absolute_deductible",
        "theft",
    ]
)


def _instant(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=make.CLOCK).astimezone(UTC)


INSTANTS = st.builds(_instant, DAYS, st.sampled_from([0, 0, 9]))
LINES = st.builds(
    Line,
    cover=COVERS,
    sum_insured=st.sampled_from([None, *map(Decimal, (0, 10_000, 20_000, 200_000))]),
    seats=st.sampled_from([None, 0, 1, 4]),
    deductible_rate=RATES,
    since=st.none() | INSTANTS,
    until=st.none() | INSTANTS,
)


def _policy(number: int, begins: datetime, span: timedelta, **facts: object) -> Policy:
    return make.policy(number=f"P{number}", first=begins, last=begins + span, **facts)


@st.composite
def policies(draw: st.DrawFn, **known: object) -> Policy:
    """Draw a policy, void, pool and empty ones included."""
    facts: dict[str, object] = {
        "kind": draw(st.sampled_from(["compulsory", "commercial"])),
        "is_insurance": draw(st.sampled_from([True, True, True, False])),
        "cancelled_at": draw(st.none() | INSTANTS),
        "signed_on": draw(st.none() | DAYS),
        "vehicle_tax": draw(st.sampled_from([None, Decimal(0), Decimal(300)])),
        "tax_exempt": draw(st.booleans()),
        "terms": draw(st.sampled_from([None, None, "2014", "2020", "nev2021"])),
        "absolute_deductible_rate": draw(RATES),
        "repair_restricted": draw(st.booleans()),
        "lines": draw(
            st.one_of(st.just(make.full_cover()), st.lists(LINES, max_size=5).map(tuple))
        ),
    }
    return _policy(draw(st.integers(0, 10**6)), draw(INSTANTS), draw(SPANS), **(facts | known))


FLEET_DAYS = st.builds(Days, DAYS, st.none() | DAYS)
VEHICLES = st.builds(
    Vehicle,
    vin=st.just("LFTEST008N0000001"),
    seats=st.sampled_from([0, 1, 2, 5]),
    energy=st.sampled_from(["petrol", "electric"]),
    service=st.just(Days(date(2010, 1, 1))) | FLEET_DAYS,
    lay_ups=st.lists(FLEET_DAYS, max_size=2).map(tuple),
)
POLICY_LISTS = st.lists(policies(), max_size=5, unique_by=lambda policy: policy.number)
