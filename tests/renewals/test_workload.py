"""The work ahead: the stored needs say by one statement what simulating each day would."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

import pytest
import time_machine
from python_calamine import load_workbook
from sqlalchemy import select

from fleet.people.tables import Company, Region
from fleet.policies.facts import facts
from fleet.renewals import service
from fleet.renewals.workload import AHEAD, due_ahead, weeks_ahead, workload
from fleet.rulebook.renewal import needs
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from tests import make
from tests.pages import soup, words
from tests.renewals.desk_records import NOW, TODAY, WHO, as_desk, insured
from tests.renewals.records import DAY, X, lay_up, policy, run, vehicle

pytestmark = pytest.mark.usefixtures("session")
H = TODAY + AHEAD  # the horizon


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def simulated() -> Counter[tuple[int, str, date]]:
    """What the pure heart finds needed on any day from today to the horizon, each need once."""
    book = make.book()
    where = dict(
        db.session.execute(
            select(Vehicle.vin, Region.code)
            .join(Company, Company.id == Vehicle.company_id)
            .join(Region, Region.id == Company.region_id)
        ).all()
    )
    holders = dict(db.session.execute(select(Vehicle.vin, Vehicle.company_id)).all())
    found: set[tuple[str, str, date]] = set()
    for known in facts(db.session.scalars(select(Vehicle.id)).all()):
        vin = known.vehicle.vin
        for ahead in range(AHEAD.days + 1):
            day = TODAY + ahead * DAY
            for need in needs(known.vehicle, known.policies, book, day, where[vin]):
                if need.expiry_day <= H:
                    found.add((vin, need.kind, need.expiry_day))
    return Counter((holders[vin], kind, expiry_day) for vin, kind, expiry_day in found)


def read() -> Counter[tuple[int, str, date]]:
    counted: Counter[tuple[int, str, date]] = Counter()
    for due in due_ahead(TODAY):
        counted[due.company_id, due.kind, due.expiry_day] += due.count
    return counted


def fleet() -> None:
    """A vehicle for each way in which a need stands, ends, moves or never comes."""
    for serial, days in enumerate((-400, -1, 0, 1, 6, 7, 89, 90, 91, 200), start=1):
        insured(serial, "AB"[serial % 2], TODAY + days * DAY)
    followed = insured(20)
    policy(followed, "compulsory", X + 365 * DAY, X + DAY)
    gap = insured(21)
    policy(gap, "compulsory", X + 400 * DAY, X + 30 * DAY)
    overlap = insured(22)
    policy(overlap, "commercial", X + 300 * DAY, X - 30 * DAY)
    cancelled = insured(23, last=H + 50 * DAY)
    policy(cancelled, "compulsory", H + 60 * DAY, X, cancelled_at=NOW + 20 * DAY)
    for serial, since, until in (
        (30, X - 20 * DAY, X + DAY),  # back on the day after: needed then
        (31, X - 5 * DAY, X + DAY),
        (32, X - 5 * DAY, X + 2 * DAY),
        (33, X - 5 * DAY, X - DAY),
        (34, X + 5 * DAY, X + 30 * DAY),
    ):
        lay_up(insured(serial), since, until)
    for serial, since, until in (
        (40, H - 20 * DAY, H + DAY),  # asked for neither before nor within the 90 days
        (41, H - 10 * DAY, H + DAY),  # asked for before it is laid up
    ):
        lay_up(insured(serial, last=H), since, until)
    vehicle(50, until=TODAY + 30 * DAY)  # never insured
    policy(vehicle(51, until=X + DAY), "compulsory", X)  # leaves as its cover ends
    policy(vehicle(52, until=X + 2 * DAY), "compulsory", X)
    policy(vehicle(53, since=X + 10 * DAY), "compulsory", X + 5 * DAY)
    vehicle(54, since=TODAY + 60 * DAY)
    vehicle(55, since=H + 3 * DAY)


def trailer(serial: int) -> Vehicle:
    made = vehicle(serial)
    made.seats = 0
    policy(made, "compulsory", H)
    return made


def test_what_is_stored_says_what_the_heart_finds_day_by_day():
    fleet()
    run(TODAY)
    told = simulated()
    assert read() == told
    assert told.total() > 40


def test_a_corner_that_only_the_horizon_shows():
    """A trailer laid up over the last day: needed in the window before it, or not at all.

    A vehicle with seats would need a first policy of the same day instead.
    """
    lay_up(trailer(1), H - 20 * DAY, H + DAY)
    lay_up(trailer(2), H - 10 * DAY, H + DAY)
    lay_up(trailer(3), H - 10 * DAY, H - 2 * DAY)
    run(TODAY)
    compulsory = {key: count for key, count in read().items() if key[1] == "compulsory"}
    assert read() == simulated()
    assert sum(compulsory.values()) == 2


def test_what_a_person_withdrew_is_no_work_any_more():
    insured(1)
    run(TODAY)
    ids = list(db.session.scalars(select(service.CoverRequest.id)))
    assert read().total() == 2
    service.withdraw(ids[:1], "sold", None, **WHO)
    assert read().total() == 1


def test_the_weeks_cover_the_ninety_days_and_no_more():
    weeks = weeks_ahead(TODAY)
    assert (weeks[0].first, weeks[0].last) == (None, TODAY - DAY)
    assert (weeks[1].first, weeks[-1].last) == (TODAY, H)
    assert all(later.first == earlier.last + DAY for earlier, later in pairwise(weeks))


def test_each_need_stands_in_the_week_of_its_expiry_day():
    for serial, days in enumerate((-1, 0, 6, 7, 90), start=1):
        insured(serial, last=TODAY + days * DAY)
    run(TODAY)
    load = workload(TODAY)
    assert [load.of_week(number) for number in (0, 1, 2, 13)] == [2, 4, 2, 2]
    assert load.total == 10
    assert [one.code for one in load.holders] == ["A1"]


def test_the_page_shows_bars_a_table_and_companies(client):
    fleet()
    run(TODAY)
    page = as_desk(client, "B").get("/workbench/workload")
    bars = soup(page).select("svg.bars rect")
    assert len(bars) == 14
    total = int(soup(page).find("caption").get_text().split()[0])
    assert total == workload(TODAY, region="B").total > 0
    assert "Company B1" in words(page)
    assert "Company A1" not in words(page)


def test_the_export_adds_up(client):
    fleet()
    run(TODAY)
    answer = as_desk(client).get("/workbench/workload/export?company=A1")
    sheet = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert sum(row[-1] for row in sheet[1:]) == workload(TODAY, company="A1").total
    assert sheet[1][3:5] == ["", TODAY - DAY]


def test_nothing_ahead_says_so(client):
    insured(1, last=H + DAY)
    run(TODAY)
    assert "Nothing falls due." in words(as_desk(client).get("/workbench/workload"))
