"""A vehicle's standing at a moment: in force or not, spared or not, in the order of the paper."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fleet.rulebook.book import load
from fleet.rulebook.cover import Policy, Vehicle, standing
from fleet.words import Days, midnight
from tests import make

BOOK = make.book()
NOW = make.at(2026, 7, 1)
TICK = timedelta(microseconds=1)
LESS = make.full_cover(third_party=make.line("third_party", 100_000))


def of(*policies: Policy, now: datetime = NOW, vehicle: Vehicle | None = None) -> str:
    return standing(vehicle or make.vehicle(), policies, BOOK, now).standing


def test_standings() -> None:
    """Clause 4.2."""
    assert of(make.compulsory(), make.commercial()) == "compliant"
    assert of(make.compulsory(vehicle_tax=None), make.commercial()) == "short"
    assert of(make.compulsory(), make.commercial(lines=LESS)) == "short"
    assert of(make.compulsory()) == "barred"
    assert of(make.commercial()) == "barred"
    assert of() == "barred"


@pytest.mark.parametrize("cover", ["damage", "third_party"])
def test_what_bars(cover: str) -> None:
    """Clause 4.2: a vehicle that is not insured must not be used."""
    lines = make.full_cover(**{cover: None})
    assert of(make.compulsory(), make.commercial(lines=lines)) == "barred"


def test_no_occupant_cover_bars_and_too_little_does_not() -> None:
    """Clause 4.2."""
    none = make.full_cover(occupants_driver=None, occupants_passengers=None)
    assert of(make.compulsory(), make.commercial(lines=none)) == "barred"
    driver_only = make.full_cover(occupants_passengers=None)
    assert of(make.compulsory(), make.commercial(lines=driver_only)) == "short"


BEGINS, ENDS = make.at(2026, 3, 2, 0), make.at(2027, 3, 2, 0)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BEGINS - TICK, "barred"),
        (BEGINS, "compliant"),
        (BEGINS + TICK, "compliant"),
        (ENDS - TICK, "compliant"),
        (ENDS, "barred"),
    ],
)
def test_in_force_from_its_first_instant_up_to_not_including_its_end(
    now: datetime, expected: str
) -> None:
    assert of(make.compulsory(), make.commercial(), now=now) == expected


def test_a_clock_time_is_kept() -> None:
    begins, ends = make.at(2026, 3, 2, 18, 3), make.at(2027, 3, 2, 18, 3)
    policies = (make.compulsory(begins, ends), make.commercial(begins, ends))
    moments = [begins - TICK, begins, ends - TICK, ends]
    told = [of(*policies, now=now) for now in moments]
    assert told == ["barred", "compliant", "compliant", "barred"]


CANCELLED = make.at(2026, 6, 1, 9, 30)


@pytest.mark.parametrize(
    ("cancelled_at", "now", "expected"),
    [
        (CANCELLED, CANCELLED - TICK, "compliant"),
        (CANCELLED, CANCELLED, "barred"),
        (ENDS, ENDS - TICK, "compliant"),
        (ENDS + timedelta(days=9), ENDS, "barred"),
        (BEGINS, BEGINS, "barred"),
        (BEGINS - TICK, NOW, "barred"),
        (BEGINS + TICK, BEGINS, "compliant"),
        (BEGINS + TICK, BEGINS + TICK, "barred"),
    ],
)
def test_the_end_is_the_earlier_of_printed_end_and_cancellation(
    cancelled_at: datetime, now: datetime, expected: str
) -> None:
    policies = (make.compulsory(cancelled_at=cancelled_at), make.commercial())
    assert of(*policies, now=now) == expected


def test_a_policy_cancelled_at_its_beginning_was_never_in_force() -> None:
    assert make.compulsory(cancelled_at=BEGINS).period is None
    assert make.compulsory(BEGINS, BEGINS).period is None
    assert make.compulsory(ENDS, BEGINS).period is None
    assert make.compulsory().period is not None


def test_a_pools_paper_is_no_cover_at_all() -> None:
    pool = make.commercial(is_insurance=False)
    assert pool.period is None
    assert of(make.compulsory(), pool) == "barred"
    old = make.commercial(date(2011, 6, 1), is_insurance=False, lines=())
    assert of(make.compulsory(date(2012, 1, 20)), old, now=make.at(2012, 2, 1)) == "barred"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 12, 31), "out_of_service"),
        (date(2026, 1, 1), "compliant"),
        (date(2026, 1, 31), "compliant"),
        (date(2026, 2, 1), "out_of_service"),
        (date(2026, 2, 28), "out_of_service"),
        (date(2026, 3, 1), "compliant"),
        (date(2026, 6, 30), "compliant"),
        (date(2026, 7, 1), "out_of_service"),
    ],
)
def test_service_and_lay_ups_are_days_with_an_open_end(day: date, expected: str) -> None:
    vehicle = make.vehicle(
        service=Days(date(2026, 1, 1), date(2026, 7, 1)),
        lay_ups=(Days(date(2026, 2, 1), date(2026, 3, 1)),),
    )
    year = (date(2025, 6, 1), date(2026, 12, 31))
    policies = (make.compulsory(*year), make.commercial(*year))
    first = midnight(day, make.CLOCK)
    for now in (first, first + timedelta(days=1) - TICK):
        answer = standing(vehicle, policies, BOOK, now)
        assert answer.standing == expected
        assert answer.shortfalls == answer.spared == ()


def test_before_the_rule_nothing_is_asked() -> None:
    """Clause 5.1: the day before, the day, the day after."""
    start = make.at(2012, 1, 17, 0)
    assert [of(now=start + step) for step in (-timedelta(days=1), -TICK)] == ["not_asked"] * 2
    assert [of(now=start + step) for step in (timedelta(0), timedelta(days=1))] == ["barred"] * 2
    before = standing(make.vehicle(), (), BOOK, start - TICK)
    assert (before.shortfalls, before.spared, before.rulebook_since) == ((), (), None)
    assert standing(make.vehicle(), (), BOOK, start).rulebook_since == date(2012, 1, 17)


def test_out_of_service_comes_before_not_asked() -> None:
    vehicle = make.vehicle(service=Days(date(2020, 1, 1)))
    assert of(now=make.at(2011, 1, 1), vehicle=vehicle) == "out_of_service"


def old_pair(first: date) -> tuple[Policy, Policy]:
    commercial = make.commercial(first, date(2012, 12, 31), lines=())
    return make.compulsory(first, date(2012, 12, 31)), commercial


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (date(2012, 1, 16), "spared"),
        (date(2012, 1, 17), "barred"),
        (date(2012, 1, 18), "barred"),
    ],
)
def test_a_policy_begun_before_the_rule_keeps_the_vehicle_as_it_was(
    first: date, expected: str
) -> None:
    """Clause 4.4."""
    answer = standing(make.vehicle(), old_pair(first), BOOK, make.at(2012, 3, 1))
    assert answer.standing == expected
    if expected == "spared":
        assert answer.shortfalls == ()
        assert [one.code for one in answer.spared] == [
            "damage_missing",
            "third_party_missing",
            "occupants_missing",
            "excess_waiver_missing",
            "designated_repair_missing",
        ]


def test_a_spared_vehicle_joins_when_its_policy_expires() -> None:
    """Clause 4.4: expiry needs no code, the renewal has a new beginning."""
    old = old_pair(date(2011, 6, 1))
    expired = make.at(2013, 1, 1, 0)
    renewed = (make.compulsory(date(2013, 1, 1)), make.commercial(date(2013, 1, 1), lines=()))
    assert of(*old, now=expired - TICK) == "spared"
    assert of(*old, *renewed, now=expired - TICK) == "spared"
    assert of(*old, *renewed, now=expired) == "barred"


def test_topping_up_in_mid_term_costs_nothing() -> None:
    """Clause 4.4: the earliest begun decides."""
    top_up = make.commercial(date(2012, 2, 1), lines=(make.line("third_party", 50_000),))
    answer = standing(
        make.vehicle(), (*old_pair(date(2011, 6, 1)), top_up), BOOK, make.at(2012, 3, 1)
    )
    assert answer.standing == "spared"
    assert "third_party_below" in [one.code for one in answer.spared]


def test_each_kind_is_spared_by_its_own_policies() -> None:
    """Clause 4.4: an old compulsory policy does not spare the commercial covers."""
    old_compulsory = make.compulsory(date(2011, 6, 1), vehicle_tax=None)
    answer = standing(make.vehicle(), (old_compulsory,), BOOK, make.at(2012, 3, 1))
    assert answer.standing == "barred"
    assert [one.clause for one in answer.shortfalls] == ["2.2", "2.3", "2.4"]
    assert [one.code for one in answer.spared] == ["vehicle_tax_missing"]


@pytest.mark.parametrize("name", ["Europe/Berlin", "America/Sao_Paulo", "America/New_York"])
def test_zones_with_summer_time(name: str) -> None:
    zone = ZoneInfo(name)
    book = load(zone)  # Sao Paulo skipped this day's midnight
    first, ends = midnight(date(2017, 10, 15), zone), midnight(date(2018, 10, 15), zone)
    policies = (make.compulsory(first, ends), make.commercial(first, ends))
    vehicle = make.vehicle(service=Days(date(2017, 10, 15)))
    assert standing(vehicle, policies, book, first - TICK).standing == "out_of_service"
    assert standing(vehicle, policies, book, first).standing == "compliant"


def test_the_rule_covers_every_company_vehicle() -> None:
    """Clause 1.1: no kind of vehicle is left out, so none is even told to the heart."""
    assert "vehicle_type" not in Vehicle.__dataclass_fields__
    assert "official" in BOOK.clauses["1.1"].words.en


def test_moments_may_be_told_in_any_offset() -> None:
    policies = (make.compulsory(), make.commercial())
    local = datetime(2026, 3, 2, 0, 0, tzinfo=make.CLOCK)
    assert of(*policies, now=local) == "compliant"
    assert of(*policies, now=local - TICK) == "barred"
