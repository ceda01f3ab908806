"""The submission schedule: every vehicle, its covers with sums, the period, on paper and sheet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date

import pytest
import time_machine
from pypdf import PdfReader
from python_calamine import load_workbook
from sqlalchemy import select

from fleet.renewals import schedule, service
from fleet.renewals.moving import request_of
from fleet.renewals.schedule import items_of
from fleet.renewals.tables import Placement
from fleet.storage import db
from fleet.work.tables import Task
from tests.pages import words
from tests.renewals.desk_records import NOW, TODAY, WHO, as_desk, placed
from tests.renewals.records import DAY, X

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def number(session) -> int:
    made, ids = placed(1, 2)
    car = request_of(ids[0]).vehicle
    car.brand_model, car.engine_number = "Demo Model 3", "ENG-77"
    car.first_registered, car.company.credit_code = date(2020, 1, 9), "91350100M000100Y43"
    db.session.commit()
    return made


def pdf(client, number: int, language: str = "en") -> tuple[str, int]:
    headers = {"Accept-Language": language}
    answer = client.get(f"/placements/{number}/schedule.pdf", headers=headers)
    assert answer.mimetype == "application/pdf"
    pages = PdfReader(io.BytesIO(answer.data)).pages
    return "".join("".join(page.extract_text().split()) for page in pages), len(pages)


@pytest.mark.one_engine
def test_the_paper_says_all_that_an_insurer_asks(client, number):
    text, pages = pdf(as_desk(client), number)
    assert pages == 1
    for said in (
        "INS-A", "京A00001", "LTESTA00000000001", "DemoModel3", "ENG-77", "2020-01-09",
        "Vehicledamageasvalued", "Third-partyliability1,000,000.00",
        "Occupantliability,passengers20,000.00×4", "2026-07-01", "2027-06-30",
        "COMM-0001-20250701", "DEMO-A", "CompanyA1", "91350100M000100Y43", "MsLi",
    ):  # fmt: skip
        assert said in text, said
    assert text.count("LTESTA00000000002") == 2


@pytest.mark.one_engine
def test_the_paper_speaks_the_readers_language(client, number):
    text, _pages = pdf(as_desk(client), number, "zh-CN")
    assert "机动车交通事故责任强制保险" in text or "交强险" in text


@pytest.mark.one_engine
def test_a_long_schedule_is_a_task_and_one_document(client, number, monkeypatch):
    monkeypatch.setattr(schedule, "AT_ONCE", 3)
    at_once = as_desk(client).get(f"/placements/{number}/schedule.pdf")
    assert "Have it made on the placement's page." in words(at_once)
    assert "Make the schedule (PDF)" in words(client.get(f"/placements/{number}"))
    answer = client.post(f"/placements/{number}/schedule")
    task = db.session.scalars(select(Task)).one()
    assert answer.headers["Location"] == f"/tasks/{task.id}"
    assert (task.state, task.done, task.total) == ("done", 4, 4)
    document = client.get(f"/tasks/{task.id}/result").data
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(document)).pages]
    text = "".join("".join(pages).split())
    assert all(f"LTESTA{serial:011d}" in text for serial in (1, 2))
    assert "Here4to4." in text


def sheet_of(client, number: int) -> list[list]:
    data = client.get(f"/placements/{number}/schedule.xlsx").data
    return load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python()


def test_the_sheet_says_what_is_asked_and_leaves_room_for_the_answer(client, number):
    head, *rows = sheet_of(as_desk(client), number)
    assert head[-9:] == [
        "Policy number", "Begins", "Ends", "Signed on", "Premium", "Vehicle tax", "Late fee",
        "Tax exempt", "Insurer",
    ]  # fmt: skip
    told = [dict(zip(head, row, strict=True)) for row in rows]
    by_kind = {(one["VIN"][-1], one["Kind"]): one for one in told}
    assert len(by_kind) == len(rows) == 4
    one = by_kind["1", "Commercial insurance"]
    assert (one["Vehicle damage"], one["Third-party liability"]) == ("", 1_000_000)
    assert (one["Passenger seats"], one["Seats"]) == (4, 5)
    assert (one["First day asked"], one["Last day asked"]) == (X + DAY, date(2027, 6, 30))
    assert one["Engine number"] == "ENG-77"
    assert by_kind["1", "Compulsory traffic insurance"]["Vehicle damage"] == ""
    assert all(set(row[-9:]) == {""} for row in rows)


def test_what_was_taken_back_is_asked_for_no_more(client, number):
    placement = db.session.get_one(Placement, number)
    taken = items_of(placement)[0].request.id
    service.take_back([taken], "declined", **WHO)
    assert len(sheet_of(as_desk(client), number)) == 4
    assert taken not in {item.request.id for item in items_of(placement)}


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        (None, X + DAY, date(2027, 6, 30)),
        (X + 5 * DAY, X + 5 * DAY, date(2027, 7, 4)),
        (TODAY - DAY, X + DAY, date(2027, 6, 30)),  # the past cannot be insured
    ],
)
def test_the_period_is_the_companys_or_the_year_after_the_expiry_day(number, asked, first, last):
    placement = db.session.get_one(Placement, number)
    for item in items_of(placement):
        item.request.asked_from = asked
    db.session.commit()
    assert {(one.first_day, one.last_day) for one in items_of(placement)} == {(first, last)}
