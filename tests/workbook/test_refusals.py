"""What an import refuses, where it says so, and whose rows a desk may write."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.people.tables import Company, Region
from fleet.policies.steps import differing
from fleet.policies.tables import CoverLine, Policy
from fleet.storage import Scope
from fleet.vehicles.tables import Vehicle
from fleet.web.reading import UnreadableFile
from fleet.workbook.known import Reach
from fleet.workbook.report import Report
from tests import make
from tests.workbook.books import OTHER_VIN, VIN, fleet, put
from tests.workbook.records import entries, everything, refusals

Bring = Callable[..., Report]

BAD = [
    ("vehicles", 2, "vin", "LZZTEST", "vin_length"),
    ("vehicles", 2, "vin", "1.23E+16", "lost_digits"),
    ("vehicles", 3, "vin", VIN, "duplicate"),
    ("vehicles", 2, "seats", "five", "not_a_whole_number"),
    ("vehicles", 2, "seats", "", "required"),
    ("vehicles", 2, "energy", "steam", "not_one_of"),
    ("vehicles", 2, "vehicle_type", "spaceship", "unknown_type"),
    ("vehicles", 2, "company_code", "C9", "unknown"),
    ("vehicles", 2, "in_service_since", "1900-01-00", "excel_day"),
    ("vehicles", 2, "in_service_until", "2020-05-01", "until_not_after_since"),
    ("regions", 2, "name", "#N/A", "error_cell"),
    ("regions", 2, "name", "x" * 121, "too_long"),
    ("companies", 3, "code", "C1", "duplicate"),
    ("companies", 2, "region_code", "R9", "unknown"),
    ("companies", 2, "credit_code", "91350100M000100Y44", "credit_code_check"),
    ("insurers", 2, "kind", "bank", "not_one_of"),
    ("designations", 2, "insurer_code", "P1", "pool_designated"),
    ("designations", 3, "since", "2019-12-31", "overlaps"),
    ("designations", 2, "until", "2012-01-17", "until_not_after_since"),
    ("holdings", 3, "since", "2021-12-31", "overlaps"),
    ("holdings", 3, "company_code", "C9", "unknown"),
    ("lay_ups", 2, "vin", "LZZTEST09T0000009", "unknown"),
    ("lay_ups", 2, "until", "2026-05-01", "until_not_after_since"),
    ("policies", 2, "policy_number", "12345678901234500000", "lost_digits"),
    ("policies", 3, "policy_number", "JQ1", "duplicate"),
    ("policies", 2, "kind", "both", "not_one_of"),
    ("policies", 2, "insurer_code", "I9", "unknown"),
    ("policies", 2, "vin", "LZZTEST09T0000009", "unknown"),
    ("policies", 2, "ends", "2026-03-01", "ends_not_after_begins"),
    ("policies", 2, "begins", "2026-02-30", "no_such_day"),
    ("policies", 2, "premium", "950 or so", "money_form"),
    ("policies", 2, "premium", "-950", "below_zero"),
    ("policies", 2, "cancelled_at", "soon", "not_a_day"),
    ("covers", 2, "policy_number", "SY9", "unknown"),
    ("covers", 2, "sum_insured", "", "sum_required"),
    ("covers", 4, "seats", "", "seats_required"),
    ("covers", 4, "seats", "0", "driver_counts"),
    ("covers", 3, "cover", "damage", "cover_twice"),
]


@pytest.mark.parametrize(("sheet", "row", "column", "found", "code"), BAD)
@pytest.mark.one_engine
def test_a_bad_cell_is_reported_where_it_stands_and_nothing_is_written(
    bring: Bring, session: Session, sheet: str, row: int, column: str, found: str, code: str
) -> None:
    before = everything(session)
    report = bring(put(fleet(), sheet, row, column, found))
    told = {(one.sheet, one.row, one.column, one.code): one for one in report.refused}
    assert (sheet, row, column, code) in told
    problem = told[sheet, row, column, code]
    assert problem.found == found or column in ("since", "cover")
    assert problem.message
    assert "%(" not in problem.message
    assert not report.written
    assert everything(session) == before
    assert entries(session) == 0
    assert report.as_dict()["refused"]
    assert problem.message in report.as_text()


def test_every_problem_in_one_pass(bring: Bring, session: Session) -> None:
    sheets = fleet()
    for sheet, row, column, found, _code in (BAD[0], BAD[3], BAD[12], BAD[24], BAD[33]):
        put(sheets, sheet, row, column, found)
    report = bring(sheets)
    assert {(one[0], one[1], one[3]) for one in refusals(report)} >= {
        ("vehicles", 2, "vin_length"),
        ("vehicles", 2, "not_a_whole_number"),
        ("companies", 3, "duplicate"),
        ("policies", 3, "duplicate"),
        ("covers", 2, "unknown"),
    }
    assert session.scalar(select(func.count()).select_from(Region)) == 0


def test_left_out_rows_take_along_what_refers_to_them(bring: Bring, session: Session) -> None:
    report = bring(put(fleet(), "vehicles", 2, "seats", "five"), leave_out_refused=True)
    assert report.written
    assert [one[:3] for one in refusals(report)] == [
        ("vehicles", 2, "seats"),
        ("policies", 2, "vin"),
        ("policies", 3, "vin"),
        ("holdings", 2, "vin"),
        ("holdings", 3, "vin"),
        ("covers", 2, "policy_number"),
        ("covers", 3, "policy_number"),
        ("covers", 4, "policy_number"),
    ]
    assert session.scalars(select(Vehicle.vin)).all() == [OTHER_VIN]
    assert session.scalars(select(Policy.policy_number)).all() == ["JQ2"]
    assert list(differing()) == []


@pytest.mark.one_engine
def test_a_missing_required_column(bring: Bring, session: Session) -> None:
    sheets = fleet()
    for row in sheets["vehicles"]:
        del row[4]
    report = bring(sheets)
    assert ("vehicles", 1, "seats", "column_missing") in refusals(report)
    left_out = bring(sheets, leave_out_refused=True)
    assert left_out.written
    assert session.scalars(select(Vehicle.vin)).all() == []
    assert len(session.scalars(select(Company.code)).all()) == 2


@pytest.mark.one_engine
def test_unknown_columns_and_sheets_are_noted(bring: Bring) -> None:
    sheets = fleet()
    for row in sheets["regions"]:
        row.append("colour")
    sheets["pivot"] = [["a"], ["b"]]
    report = bring(sheets)
    assert report.written
    noted = {(one.sheet, one.row, one.column, one.code) for one in report.notes}
    assert ("regions", 1, "colour", "column_unknown") in noted
    assert ("pivot", 1, "", "sheet_unknown") in noted


@pytest.mark.one_engine
def test_two_columns_of_one_heading(bring: Bring) -> None:
    sheets = {"regions": [["code", "name", "Name"], ["R1", "a", "b"]]}
    assert refusals(bring(sheets)) == [("regions", 1, "name", "column_twice")]


@pytest.mark.one_engine
def test_a_workbook_of_other_sheets(bring: Bring) -> None:
    with pytest.raises(UnreadableFile):
        bring({"pivot": [["a"], ["b"]]})


@pytest.mark.one_engine
def test_a_code_that_lost_its_leading_zeros(bring: Bring) -> None:
    sheets = fleet()
    put(sheets, "companies", 2, "code", "001")
    for row in (sheets["vehicles"][1], sheets["holdings"][2]):
        row[row.index("C1")] = "1"
    told = refusals(bring(sheets))
    assert ("vehicles", 2, "company_code", "lost_zeros") in told
    assert ("holdings", 3, "company_code", "lost_zeros") in told


@pytest.mark.one_engine
def test_a_recorded_code_that_lost_its_leading_zeros(bring: Bring) -> None:
    assert bring({"regions": [["code", "name"], ["007", "a"]]}).written
    again = bring({"regions": [["code", "name"], ["7", "a"]]})
    assert refusals(again) == [("regions", 2, "code", "lost_zeros")]
    assert "007" in again.refused[0].message


def test_designations_overlap_with_those_on_record(bring: Bring, session: Session) -> None:
    bring(fleet())
    columns = ["region_code", "insurer_code", "since", "until"]
    report = bring({"designations": [columns, ["R1", "I1", "2019-06-01", "2019-07-01"]]})
    assert refusals(report) == [("designations", 2, "since", "overlaps_recorded")]
    moved = bring({"designations": [columns, ["R1", "I1", "2012-01-17", "2019-01-01"],
                                    ["R1", "I1", "2019-06-01", "2019-07-01"]]})  # fmt: skip
    assert moved.written
    pool = bring({"insurers": [["code", "name", "kind"], ["I1", "Insurer", "mutual_pool"]]})
    assert refusals(pool) == [("insurers", 2, "kind", "is_designated")]


@pytest.mark.one_engine
def test_an_undivided_line_of_one_seat_is_the_drivers(bring: Bring, session: Session) -> None:
    assert bring(put(fleet(), "covers", 4, "seats", "1")).written
    lines = session.execute(select(CoverLine.cover, CoverLine.seats)).all()
    assert ("occupants_driver", 1) in lines
    assert "occupants_passengers" not in {cover for cover, _ in lines}


@pytest.mark.one_engine
def test_an_undivided_line_beside_a_divided_one_is_twice(bring: Bring) -> None:
    sheets = fleet()
    sheets["covers"].append(["SY1", "occupants_driver", "2万", "1", "", ""])
    assert refusals(bring(sheets)) == [("covers", 5, "cover", "cover_twice")]


@pytest.mark.one_engine
def test_a_line_that_an_endorsement_replaced(bring: Bring, session: Session) -> None:
    sheets = put(fleet(), "covers", 3, "until", "2026-09-01")
    sheets["covers"].append(["SY1", "third_party", "100万", "", "2026-09-01", ""])
    assert bring(sheets).written
    turn = make.midnight(date(2026, 9, 1), make.CLOCK)
    third_party = select(CoverLine.since, CoverLine.until).where(CoverLine.cover == "third_party")
    assert sorted(session.execute(third_party), key=str) == [(turn, None), (None, turn)][::-1]


@pytest.mark.one_engine
def test_what_is_only_worth_a_look(bring: Bring) -> None:
    sheets = put(fleet(), "vehicles", 2, "plate", "ABC")
    put(sheets, "vehicles", 2, "company_code", "C2")
    sheets["covers"].append(["SY1", "hailstorm", "", "", "", ""])
    report = bring(sheets)
    assert report.written
    codes = {one.code for one in report.notes}
    assert codes >= {"plate_form", "vin_check_digit", "latest_holder", "cover_unknown"}


@pytest.mark.one_engine
def test_the_report_speaks_the_readers_language(app: Flask, bring: Bring) -> None:
    report = bring(put(fleet(), "vehicles", 2, "seats", "five"))
    english = report.as_dict()["refused"][0]["message"]
    with app.test_request_context(headers={"Accept-Language": "zh-CN"}):
        chinese = report.as_dict()["refused"][0]["message"]
    assert english.isascii()
    assert chinese


# ------------------------------------------------------------------------------ whose rows


@pytest.fixture
def desk(bring: Bring, session: Session) -> Reach:
    """The desk of the region R1, over a fleet on record."""
    bring(fleet())
    region = session.scalars(select(Region).where(Region.code == "R1")).one()
    companies = frozenset(session.scalars(select(Company.id).where(Company.code == "C1")))
    return Reach(Scope(companies), frozenset({region.id}))


def test_a_desk_writes_its_own_companies_rows_only(
    bring: Bring, session: Session, desk: Reach
) -> None:
    before = everything(session)
    report = bring(put(fleet(), "vehicles", 3, "seats", "3"), reach=desk)
    told = {one[:2]: one[3] for one in refusals(report)}
    assert told["regions", 2] == told["companies", 2] == told["insurers", 2] == "not_your_sheet"
    assert told["vehicles", 3] in {"not_yours", "unknown"}
    assert told["policies", 4] in {"not_yours", "refers_to_refused"}
    assert told["holdings", 2] == "unknown"
    assert everything(session) == before


def test_a_desk_writes_what_is_its_own(bring: Bring, session: Session, desk: Reach) -> None:
    own = {
        "vehicles": [fleet()["vehicles"][0], [VIN, "京Z1234A", *fleet()["vehicles"][1][2:]]],
        "policies": put(fleet(), "policies", 2, "premium", "960")["policies"][:3],
        "covers": fleet()["covers"],
        "designations": [fleet()["designations"][0], ["R1", "I2", "2012-01-17", "2030-01-01"]],
    }
    report = bring(own, reach=desk)
    assert not report.refused
    assert report.sheets["policies"].changed == report.sheets["designations"].changed == 1


def test_a_desk_changes_no_policy_of_another_company(
    bring: Bring, session: Session, desk: Reach
) -> None:
    foreign = {"policies": [fleet()["policies"][0], fleet()["policies"][3]]}
    foreign["policies"][1][3] = VIN  # as if the policy were on a vehicle of one's own
    assert refusals(bring(foreign, reach=desk))[0] == ("policies", 2, "policy_number", "not_yours")
    covers = {"covers": [["policy_number", "cover"], ["JQ2", "glass"]]}
    assert refusals(bring(covers, reach=desk)) == [("covers", 2, "policy_number", "unknown")]
    elsewhere = {"designations": [fleet()["designations"][0], ["R2", "I2", "2012-01-17", ""]]}
    assert refusals(bring(elsewhere, reach=desk)) == [
        ("designations", 2, "region_code", "not_your_region")
    ]


def test_a_desk_does_not_take_a_holding_from_another_company(
    bring: Bring, session: Session, desk: Reach
) -> None:
    """The file cannot name the other company; replacing the set once lost its time as holder."""
    before = everything(session)
    mine = {"holdings": [fleet()["holdings"][0], [VIN, "C1", "2020-05-01", ""]]}
    assert refusals(bring(mine, reach=desk)) == [("holdings", 2, "vin", "not_yours")]
    assert everything(session) == before
