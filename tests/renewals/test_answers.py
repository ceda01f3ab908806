"""An insurer's answer: differences first, recorded once and whole, and nothing by surprise."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import time_machine
import xlsxwriter
from flask import Flask, current_app
from python_calamine import load_workbook
from sqlalchemy import func, select

from fleet.policies.tables import Policy
from fleet.renewals import answers, service
from fleet.renewals.moving import request_of
from fleet.renewals.tables import PlacementAnswer
from fleet.storage import db, everyone
from fleet.storage.history import HistoryEntry
from tests.pages import soup, words
from tests.renewals.desk_records import NOW, WHO, as_desk, placed, states
from tests.renewals.records import DAY, X, policy

pytestmark = pytest.mark.usefixtures("session")

Line = dict[str, Any]
SEVERAL = 4
Change = Callable[[list[Line]], Any]
FILLED = {"Begins": X + DAY, "Ends": date(2027, 6, 30), "Signed on": X, "Premium": 950}


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def batch(session) -> tuple[int, list[int]]:
    """A placement of two vehicles with both kinds each."""
    return placed(1, 2)


def filled_in(client, number: int, change: Change | None = None) -> bytes:
    """The schedule as the insurer fills it in: every policy as it was asked for."""
    data = client.get(f"/placements/{number}/schedule.xlsx").data
    head, *rows = load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    lines = [dict(zip(head, row, strict=True)) for row in rows]
    for serial, line in enumerate(lines, start=1):
        compulsory = line["Kind"].startswith("Comp")
        line.update(FILLED, **{"Policy number": f"{'JQ' if compulsory else 'SY'}{serial}"})
        line.update({"Vehicle tax": 420} if compulsory else {"Vehicle damage": 88_000})
    if change:
        change(lines)
    return sheet(lines)


def sheet(lines: list[Line]) -> bytes:
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"default_date_format": "yyyy-mm-dd"})
    page = book.add_worksheet()
    for column, heading in enumerate(dict.fromkeys(name for line in lines for name in line)):
        page.write(0, column, heading)
        for row, line in enumerate(lines, start=1):
            page.write(row, column, line.get(heading, ""))
    book.close()
    return file.getvalue()


def upload(client, number: int, data: bytes, name: str = "answer.xlsx"):
    return client.post(
        f"/placements/{number}/answers", data={"file": (io.BytesIO(data), name)},
        content_type="multipart/form-data", follow_redirects=True,
    )  # fmt: skip


def newest() -> PlacementAnswer:
    db.session.rollback()
    return db.session.scalars(select(PlacementAnswer).order_by(PlacementAnswer.id.desc())).first()


def confirm(client, **fields):
    return client.post(f"/placements/answers/{newest().id}/confirm", data=fields)


def told(answer) -> list[str]:
    """Row by row: what is said of it, one line each."""
    rows = soup(answer).select("table.cards tbody tr")
    said = ([cell.get_text(" ", strip=True) for cell in row.select("td")[-3:]] for row in rows)
    return [" | ".join(cells).replace(" Refused", "") for cells in said]


def recorded() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Policy)) or 0


def test_an_answer_as_asked_is_recorded_and_insures(client, batch):
    number, ids = batch
    before = recorded()
    page = upload(as_desk(client), number, filled_in(client, number))
    assert "4 policies are as asked. Nothing is written so far." in words(page)
    assert "JQ1 2026-07-01 to 2027-06-30 950.00 yuan" in words(page)
    assert (recorded(), states(ids)) == (before, ["placed"] * 4)
    assert confirm(client).status_code == 302
    assert (recorded(), states(ids)) == (before + 4, ["insured"] * 4)
    made = db.session.scalars(select(Policy).where(Policy.policy_number.startswith("SY"))).first()
    assert {(line.cover, line.sum_insured, line.seats) for line in made.lines} == {
        ("damage", Decimal(88_000), None),
        ("third_party", Decimal(1_000_000), None),
        ("occupants_driver", Decimal(20_000), 1),
        ("occupants_passengers", Decimal(20_000), 4),
    }
    assert (made.insurer.code, made.signed_on, made.premium) == ("INS-A", X, Decimal(950))


def test_many_policies_are_one_entry_of_the_history(client, batch):
    number, _ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    confirm(client)
    verbs = db.session.scalars(select(HistoryEntry.verb).order_by(HistoryEntry.seq)).all()
    assert verbs[-2:] == ["check_answer", "record_answer"]


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"Third-party liability": 500_000},
            "Third-party liability: Sum lower | 1,000,000.00 | 500,000.00",
        ),
        ({"Third-party liability": ""}, "Third-party liability: Cover missing | 1,000,000.00 | "),
        ({"Glass": "yes"}, "Glass: Cover not asked for |  | "),
        ({"Passenger seats": 3}, "Occupant liability, passengers: Other number of seats | 4 | 3"),
        (
            {"Begins": X + 3 * DAY},
            "Gap after the present cover | 2026-07-01 00:00 | 2026-07-03 00:00",
        ),
        ({"Begins": X}, "Overlap with the present cover | 2026-07-01 00:00 | 2026-06-30 00:00"),
        ({"Ends": date(2027, 6, 29)}, "Ends otherwise | 2027-06-30 | 2027-06-29"),
        ({"Insurer": "DEMO-A"}, "Another insurer | INS-A | DEMO-A"),
        ({"Premium": ""}, "Premium not told |  | "),
    ],
)  # fmt: skip
def test_what_differs_is_shown_first_and_recorded_as_issued(client, batch, change, said):
    number, _ids = batch
    number_of = {}

    def differ(lines: list[Line]) -> None:
        last = [line for line in lines if line["Kind"].startswith("Comm")][-1]
        last |= change
        number_of["policy"] = last["Policy number"]

    page = upload(as_desk(client), number, filled_in(client, number, differ))
    assert told(page)[0] == said
    assert "1 policy differs from what was asked. 3 policies are as asked." in words(page)
    confirm(client)
    issued = db.session.scalars(
        select(Policy).where(Policy.policy_number == number_of["policy"])
    ).one()
    assert issued.insurer.code == change.get("Insurer", "INS-A")


def test_a_premium_is_held_against_what_the_insurer_expected(client, batch):
    number, ids = batch
    version = request_of(ids[0]).version
    service.expect(ids[0], Decimal(900), Decimal(420), version=version, **WHO)
    page = upload(as_desk(client), number, filled_in(client, number))
    assert told(page)[0] == "Premium differs | 900.00 | 950.00"


def test_a_gap_leaves_the_request_placed(client, batch):
    number, ids = batch
    later = lambda lines: lines[0].update(Begins=X + 9 * DAY)  # noqa: E731 - one line says it
    upload(as_desk(client), number, filled_in(client, number, later))
    confirm(client)
    assert sorted(states(ids)) == ["insured"] * 3 + ["placed"]


REFUSED = (
    ("VIN", "LTESTA99999999999", "VIN | No request of this placement is for this"),
    ("VIN", "no VIN", "VIN | A VIN has 17 characters. | no VIN"),
    ("Policy number", "", "Policy number | This cell may not be empty. | empty"),
    ("Policy number", "1.23E+16", "Policy number | Excel lost digits"),
    ("Policy number", "COMP-0001-20250701", "Policy number | A policy of this number"),
    ("Begins", "soon", "Begins | A day is asked"),
    ("Ends", date(2026, 6, 1), "Ends | The policy must end after it begins. | 2026-06-01"),
    ("Premium", "much", "Premium | An amount in yuan is asked"),
    ("Kind", "life", "Kind | The kind of policy is asked"),
    ("Insurer", "nobody", "Insurer | No insurer on record has this code or name."),
    ("Third-party liability", "yes", "Third-party liability | An amount in yuan"),
)


def test_a_row_that_cannot_be_taken_says_where_and_why(client, batch):
    number, _ids = batch
    as_desk(client)
    for column, cell, said in REFUSED:
        spoil = partial(_spoil, column=column, cell=cell)
        page = upload(client, number, filled_in(client, number, spoil))
        assert told(page)[0].startswith(said)
        assert "1 row cannot be recorded." in words(page)


def _spoil(lines: list[Line], column: str, cell: Any) -> None:
    lines[0][column] = cell


def test_a_refused_row_is_left_out_only_where_somebody_says_so(client, batch):
    number, ids = batch
    before = recorded()
    spoil = partial(_spoil, column="Begins", cell="soon")
    upload(as_desk(client), number, filled_in(client, number, spoil))
    assert confirm(client).status_code == 409
    assert (recorded(), states(ids)) == (before, ["placed"] * 4)
    confirm(client, leave_out="yes")
    assert recorded() == before + 3


def test_a_passengers_line_says_for_how_many(client, batch):
    number, _ids = batch
    none = lambda lines: [line.pop("Passenger seats") for line in lines]  # noqa: E731 - one line says it
    page = upload(as_desk(client), number, filled_in(client, number, none))
    assert told(page)[0] == "Passenger seats | This cell may not be empty. | empty"


def test_both_rows_of_one_vehicle_are_refused(client, batch):
    number, _ids = batch
    before = recorded()
    twice = lambda lines: lines.append(lines[0] | {"Policy number": "JQ99"})  # noqa: E731 - one line says it
    page = upload(as_desk(client), number, filled_in(client, number, twice))
    assert "2 rows cannot be recorded." in words(page)
    assert told(page)[0].startswith("VIN | Row 6 says the same vehicle and kind")
    confirm(client, leave_out="yes")
    assert recorded() == before + 3


def test_one_number_for_two_vehicles_is_refused(client, batch):
    number, _ids = batch
    same = lambda lines: lines[1].update({"Policy number": lines[0]["Policy number"]})  # noqa: E731 - one line says it
    page = upload(as_desk(client), number, filled_in(client, number, same))
    assert "2 rows cannot be recorded." in words(page)


def test_a_request_without_a_row_is_named_and_stays(client, batch):
    number, ids = batch
    page = upload(as_desk(client), number, filled_in(client, number, lambda lines: lines.pop()))
    assert "1 request without a row" in words(page)
    confirm(client)
    assert sorted(states(ids)) == ["insured"] * 3 + ["placed"]


def test_rows_that_the_insurer_left_empty_are_no_answer_yet(client, batch):
    number, _ids = batch
    blank = as_desk(client).get(f"/placements/{number}/schedule.xlsx").data
    page = upload(client, number, blank)
    assert "4 requests without a row" in words(page)
    assert "No row of the sheet names a policy." in words(page)
    assert confirm(client).status_code == 409


def test_a_kind_left_out_is_that_of_the_vehicles_only_request(client, batch):
    number, ids = batch
    service.take_back([ids[0]], "declined", **WHO)
    none = lambda lines: [line.pop("Kind") for line in lines]  # noqa: E731 - one line says it
    page = upload(as_desk(client), number, filled_in(client, number, none))
    assert "2 rows cannot be recorded. 1 policy is as asked." in words(page)
    assert told(page)[0] == "Kind | This cell may not be empty. | empty"


def test_headings_count_in_any_language_and_as_codes(client, batch):
    number, _ids = batch

    def rename(lines: list[Line]) -> None:
        names = {"Policy number": "policy_number", "Begins": "begins", "Ends": "ends",
                 "Kind": "险种类别", "Premium": "premium"}  # fmt: skip
        for line in lines:
            kind = line.pop("Kind")
            for old, new in names.items():
                if old in line:
                    line[new] = line.pop(old)
            line["kind"] = "交强险" if kind.startswith("Comp") else "商业险"

    page = upload(as_desk(client), number, filled_in(client, number, rename))
    assert "4 policies are as asked." in words(page)


# Once


def test_a_second_confirmation_records_nothing_twice(client, batch):
    number, _ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    confirm(client)
    before = recorded()
    assert confirm(client).status_code == 409
    assert recorded() == before


def at_once(app: Flask, number: int) -> list[str]:
    """Confirm one answer several times at the same moment: how many policies, or the refusal."""
    gate = Barrier(SEVERAL)

    def one(_number: int) -> str:
        with app.app_context(), everyone():
            gate.wait()
            try:
                return str(len(answers.confirm_answer(number, leave_out_refused=False, **WHO)))
            except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
                return type(error).__name__
            finally:
                db.session.remove()

    with ThreadPoolExecutor(SEVERAL) as pool:
        return list(pool.map(one, range(SEVERAL)))


def _in_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all look at the answer and its file before any of them goes on."""
    gate, read = Barrier(SEVERAL), answers._read

    def reading(*args: Any) -> Any:
        rows = read(*args)
        gate.wait()
        return rows

    monkeypatch.setattr(answers, "_read", reading)


def test_of_several_who_confirm_at_once_one_records(app, client, batch, monkeypatch):
    number, ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    before, answer_id = recorded(), newest().id
    db.session.commit()
    _in_step(monkeypatch)
    assert sorted(at_once(app, answer_id)) == ["4", *["AnswerSettled"] * (SEVERAL - 1)]
    assert (recorded(), states(ids)) == (before + 4, ["insured"] * 4)


def test_without_the_guard_the_second_gets_further(app, client, batch, monkeypatch):
    """The control: a confirmation that anybody may make is stopped by nothing of the answer's."""
    number, _ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    answer_id = newest().id
    db.session.commit()
    monkeypatch.setattr(answers, "_move", lambda _id, _values: None)
    _in_step(monkeypatch)
    assert "AnswerSettled" not in at_once(app, answer_id)


def test_the_same_file_again_is_refused_row_by_row(client, batch):
    number, _ids = batch
    data = filled_in(as_desk(client), number)
    upload(client, number, data)
    confirm(client)
    before = recorded()
    page = upload(client, number, data)
    assert "4 rows cannot be recorded." in words(page)
    assert "is in the state “Insured”" in words(page)
    assert confirm(client, leave_out="yes").status_code == 409
    assert recorded() == before


def test_what_changed_since_it_was_shown_is_shown_again(client, batch):
    number, ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    service.take_back(ids[:1], "declined", **WHO)
    before = recorded()
    answer = confirm(client)
    assert answer.status_code == 409
    assert "Look at the differences once more." in words(answer)
    assert "1 row cannot be recorded. 3 policies are as asked." in words(answer)
    assert recorded() == before
    confirm(client, leave_out="yes")
    assert recorded() == before + 3


def test_all_or_nothing(client, batch, monkeypatch):
    """A number taken at the last moment undoes every policy of the answer."""
    number, ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    monkeypatch.setattr(answers, "_known_numbers", lambda _rows: None)
    late = request_of(ids[-1])
    policy(late.vehicle, late.kind, X - 400 * DAY, policy_number="SY4")  # the last to be written
    db.session.commit()
    before = recorded()
    assert confirm(client).status_code == 409
    assert (recorded(), states(ids)) == (before, ["placed"] * 4)
    assert newest().state == "checked"


def test_dropped_is_dropped(client, batch):
    number, _ids = batch
    upload(as_desk(client), number, filled_in(client, number))
    folder = Path(current_app.extensions["fleet_settings"].folder, "uploads")
    assert len(list(folder.glob("*.answer.xlsx"))) == 1
    client.post(f"/placements/answers/{newest().id}/drop")
    assert newest().state == "dropped"
    assert not list(folder.glob("*.answer.xlsx"))
    assert confirm(client).status_code == 409
    assert client.post(f"/placements/answers/{newest().id}/drop").status_code == 409
    assert "Dropped" in words(client.get(f"/placements/{number}"))


# Files and people that are not let in


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "The file is empty"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 999, "The file is an old .xls"),
        (b"<html>no sheet</html>", "The file is neither"),
        (b"PK\x03\x04" + b"x" * 999, "The file is damaged"),
    ],
)
def test_a_hostile_file_is_refused_and_not_kept(client, batch, data, said):
    number, _ids = batch
    page = upload(as_desk(client), number, data)
    assert said in soup(page).select_one(".field-error").text
    assert newest() is None
    folder = Path(current_app.extensions["fleet_settings"].folder, "uploads")
    assert not list(folder.glob("*.answer.xlsx"))


@pytest.mark.one_engine
def test_a_sheet_of_something_else_says_which_columns_are_asked(client, batch):
    number, _ids = batch
    page = upload(as_desk(client), number, sheet([{"Name": "x", "VIN": "y"}]))
    assert "The sheet lacks these columns: Policy number; Begins; Ends." in words(page)
    assert "Choose a file." in words(client.post(f"/placements/{number}/answers"))


@pytest.mark.one_engine
def test_a_sheet_longer_than_any_placement_is_refused(client, batch, monkeypatch):
    number, _ids = batch
    monkeypatch.setattr(answers, "MOST_ROWS", 3)
    page = upload(as_desk(client), number, filled_in(client, number))
    assert "The sheet has more than 3 rows." in words(page)


def test_another_regions_answer_is_not_there(client, batch):
    number, _ids = batch
    placed(3, code="INS-B", region="B")
    upload(as_desk(client), number, filled_in(client, number))
    made = newest().id
    as_desk(client, "B")
    assert client.get(f"/placements/answers/{made}").status_code == 404
    assert client.get(f"/placements/answers/{made}/differences.xlsx").status_code == 404
    for verb in ("confirm", "drop"):
        assert client.post(f"/placements/answers/{made}/{verb}").status_code == 404
    assert newest().state == "checked"


def test_the_differences_go_back_to_the_insurer_as_a_sheet(client, batch):
    number, _ids = batch

    def spoil(lines: list[Line]) -> None:
        lines[0]["Begins"] = "soon"
        lines[1]["Ends"] = date(2027, 6, 29)
        lines.pop()

    upload(as_desk(client), number, filled_in(client, number, spoil))
    data = client.get(f"/placements/answers/{newest().id}/differences.xlsx").data
    rows = load_workbook(io.BytesIO(data)).get_sheet_by_index(0).to_python()
    assert [row[5] for row in rows[1:]] == ["Begins", "Ends otherwise", "No row"]
    assert rows[1][-1] == "soon"
