"""The answers across rooms: right numbers, whose rows, and a fixed number of statements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from fleet.reports import queries
from fleet.storage import Scope, db, seen_as
from tests.reports.records import DAY, TIMES, TODAY, claim, company, group, statements, vehicle


@pytest.fixture
def there(session: Session) -> Iterator[Session]:
    group()
    return session


def only(*codes: str) -> Scope:
    return Scope(frozenset(company(code).id for code in codes))


def test_a_fleet_is_counted_by_standing(there: Session) -> None:
    counts = queries.fleet(TIMES).counts
    assert counts["compliant"] == 4
    assert counts["barred"] == 2
    assert counts["short"] == 1


def test_what_to_do_first_is_listed_with_its_codes(there: Session) -> None:
    found = queries.fleet(TIMES)
    assert [len(found.barred), len(found.short)] == [2, 1]
    assert found.short[0].codes == ["vehicle_tax_missing"]
    assert "compulsory_missing" in found.barred[0].codes


def test_renewals_are_late_this_week_or_later(there: Session) -> None:
    counts = queries.desk(TIMES).counts
    assert (counts["late"], counts["this_week"], counts["later"]) == (2, 2, 2)


def test_renewals_come_by_the_day_they_fall_due(there: Session) -> None:
    assert queries.desk(TIMES).days == [(TODAY + 3 * DAY, 2), (TODAY + 15 * DAY, 2)]
    days = [one.expiry_day for one in queries.fleet(TIMES).requests]
    assert days == sorted(days)
    assert days[0] == TODAY - DAY


def test_cover_that_ends_in_the_window_bars_soon_and_what_is_barred_already_does_not(
    there: Session,
) -> None:
    assert queries.fleet(TIMES).counts[queries.SOON] == 2


@pytest.mark.parametrize(("days", "soon"), [(0, 1), (15, 1), (16, 0)])
def test_the_last_day_of_the_window_is_inside(session: Session, days: int, soon: int) -> None:
    vehicle("N1", last=TODAY + days * DAY)
    db.session.commit()
    assert queries.fleet(TIMES).counts[queries.SOON] == soon


def test_a_vehicle_already_barred_for_less_is_not_counted_again(session: Session) -> None:
    from tests.reports.records import policy

    made = vehicle("N1")
    policy(made, "compulsory", TODAY + 3 * DAY, vehicle_tax=Decimal(1))
    db.session.commit()
    assert queries.fleet(TIMES).counts["barred"] == 1
    assert queries.fleet(TIMES).counts[queries.SOON] == 0


def test_finance_sees_what_waits_and_what_is_to_pay(there: Session) -> None:
    found = queries.finance(TIMES)
    assert (found.counts["held"], found.counts["payable"], found.counts["paid"]) == (1, 2, 1)
    assert found.to_pay == Decimal("300.03")
    assert [one.company for one in found.held] == ["Company N1"]
    oldest_first = [one.recorded_at for one in found.payable]
    assert oldest_first == sorted(oldest_first)


def test_nothing_to_pay_is_zero(session: Session) -> None:
    assert queries.finance(TIMES).to_pay == 0


def test_the_group_is_summed_by_region_and_company(there: Session) -> None:
    regions = queries.group(TIMES).regions
    assert [one.code for one in regions] == ["N", "S"]
    assert [one.code for one in regions[0].companies] == ["N1", "N2"]
    assert regions[0].counts["compliant"] == 3
    assert regions[1].companies[0].counts["payable"] == 1


def test_a_company_without_vehicles_is_there(session: Session) -> None:
    company("S9")
    assert [it.code for one in queries.group(TIMES).regions for it in one.companies] == ["S9"]


def test_every_answer_keeps_to_the_scope(there: Session) -> None:
    with seen_as(only("S1")):
        assert queries.fleet(TIMES).counts == {"compliant": 1}
        assert queries.fleet(TIMES).barred == []
        assert queries.fleet(TIMES).requests == []
        assert queries.desk(TIMES).days == []
        assert queries.finance(TIMES).held == []
        assert queries.finance(TIMES).to_pay == Decimal("200.02")
        assert [one.code for one in queries.group(TIMES).regions] == ["S"]
    with seen_as(Scope()):
        assert queries.group(TIMES).regions == []
        assert queries.finance(TIMES).to_pay == 0


@pytest.mark.parametrize(
    ("answer", "most"),
    [(queries.fleet, 9), (queries.desk, 5), (queries.finance, 4), (queries.group, 5)],
)
def test_more_vehicles_and_companies_cost_no_more_statements(
    there: Session, answer: Callable[..., Any], most: int
) -> None:
    with statements() as few:
        answer(TIMES)
    for number in range(3, 9):
        vehicle(f"N{number}", last=date(2026, 6, 25))
        claim("held", f"S{number}")
    db.session.commit()
    with statements() as many:
        answer(TIMES)
    assert len(many) == len(few) <= most
