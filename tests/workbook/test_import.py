"""What an import writes, refuses and reports, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.insurers.tables import Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.steps import differing
from fleet.policies.tables import CoverLine, CoverStep, Policy
from fleet.storage import Actor, Scope
from fleet.storage.history import HistoryEntry, verify
from fleet.vehicles.tables import Holding, LayUp, Vehicle, VehiclePlate, VehicleType
from fleet.web.reading import UnreadableFile
from fleet.workbook.columns import FORMS
from fleet.workbook.known import Reach
from fleet.workbook.report import Report
from fleet.workbook.service import import_path
from tests import make
from tests.workbook import books
from tests.workbook.books import OTHER_VIN, VIN, fleet, put

BY = Actor(None, "test")
AT = make.at(2026, 3, 1)
TABLES = (
    Region, Company, Insurer, Designation, Vehicle, VehiclePlate, Holding, LayUp, Policy,
    CoverLine, CoverStep,
)  # fmt: skip
Bring = Callable[..., Report]


@pytest.fixture
def bring(session: Session, tmp_path: Path) -> Bring:
    """Import sheets from a folder of .csv."""
    folders = iter(range(1000))

    def call(sheets: books.Sheets, *, encoding: str = "utf-8", **options: Any) -> Report:
        path = books.folder(tmp_path / f"book{next(folders)}", sheets, encoding)
        return import_path(path, by=BY, at=AT, **options)

    return call


def everything(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Every row on record, without its number."""
    session.rollback()
    found = {}
    for entity in TABLES:
        columns = [column for column in entity.__table__.c if column.name != "id"]
        found[entity.__tablename__] = sorted(map(repr, session.execute(select(*columns))))
    return found


def entries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(HistoryEntry)) or 0


def refusals(report: Report) -> list[tuple[str, int, str, str]]:
    return [(one.sheet, one.row, one.column, one.code) for one in report.refused]


# ------------------------------------------------------------------------------ what goes in


def test_a_fleet_goes_in_whole(bring: Bring, session: Session) -> None:
    report = bring(fleet())
    assert not report.refused
    assert report.written
    assert {code: counts.new for code, counts in report.sheets.items()} == {
        code: len(rows) - 1 for code, rows in fleet().items()
    }
    vehicle = session.scalars(select(Vehicle).where(Vehicle.vin == VIN)).one()
    assert (vehicle.plate, vehicle.seats, vehicle.company.code) == ("京Z12345", 5, "C1")
    assert [(one.company.code, one.since, one.until) for one in vehicle.holdings] == [
        ("C2", date(2020, 5, 1), date(2022, 1, 1)),
        ("C1", date(2022, 1, 1), None),
    ]
    policy = session.scalars(select(Policy).where(Policy.policy_number == "SY1")).one()
    assert (policy.begins, policy.ends) == (
        make.midnight(date(2026, 3, 2), make.CLOCK),
        make.midnight(date(2027, 3, 2), make.CLOCK),
    )
    assert policy.premium == Decimal(1270)
    assert [(one.cover, one.sum_insured, one.seats) for one in policy.lines] == [
        ("damage", Decimal(128_000), None),
        ("third_party", Decimal(200_000), None),
        ("occupants_driver", Decimal(20_000), 1),
        ("occupants_passengers", Decimal(20_000), 4),
    ]


def test_a_vehicle_without_holdings_is_held_by_its_company_from_its_entry(
    bring: Bring, session: Session
) -> None:
    bring(fleet())
    other = session.scalars(select(Vehicle).where(Vehicle.vin == OTHER_VIN)).one()
    assert [(one.company.code, one.since, one.until) for one in other.holdings] == [
        ("C2", date(2021, 1, 1), None)
    ]
    assert other.plate is None
    assert other.energy == "other"


def test_the_timelines_are_those_of_the_pure_function(bring: Bring, session: Session) -> None:
    bring(fleet())
    assert session.scalar(select(func.count()).select_from(CoverStep))
    assert list(differing()) == []


def test_one_entry_in_the_history_names_the_file(bring: Bring, session: Session) -> None:
    report = bring(fleet())
    entry = session.scalars(select(HistoryEntry)).one()
    noted = json.loads(entry.changes)[0]
    assert noted["digest"] == report.digest
    assert noted["sheets"]["policies"]["new"] == 3
    assert verify() is None


def test_the_same_file_twice_changes_nothing(bring: Bring, session: Session) -> None:
    bring(fleet())
    before, told = everything(session), entries(session)
    again = bring(fleet())
    assert again.written
    assert not again.writes
    assert sum(one.unchanged for one in again.sheets.values()) == sum(
        len(rows) - 1 for rows in fleet().values()
    )
    assert everything(session) == before
    assert entries(session) == told


def test_a_dry_run_counts_the_same_and_writes_nothing(bring: Bring, session: Session) -> None:
    before = everything(session)
    dry = bring(fleet(), dry_run=True)
    assert everything(session) == before
    assert entries(session) == 0
    assert not dry.written
    assert dry.sheets == bring(fleet()).sheets


def test_a_changed_row_updates(bring: Bring, session: Session) -> None:
    bring(fleet())
    sheets = put(fleet(), "policies", 3, "premium", "20万")
    put(sheets, "vehicles", 2, "seats", "7")
    put(sheets, "covers", 3, "sum_insured", "199999")
    put(sheets, "designations", 3, "until", "2030-01-01")
    report = bring(sheets)
    changed = {code: one.changed for code, one in report.sheets.items() if one.writes}
    assert changed == {"policies": 1, "vehicles": 1, "covers": 1, "designations": 1}
    policy = session.scalars(select(Policy).where(Policy.policy_number == "SY1")).one()
    assert policy.premium == Decimal(200_000)
    assert policy.version == 2
    assert len(policy.lines) == 4
    assert list(differing()) == []
    assert session.scalars(select(Vehicle.seats).where(Vehicle.vin == VIN)).one() == 7


def test_columns_that_the_file_lacks_keep_what_is_on_record(
    bring: Bring, session: Session
) -> None:
    bring(fleet())
    sheets = {"regions": [["code", "name"], ["R1", "Far north"]]}
    sheets["vehicles"] = [
        ["vin", "vehicle_type", "company_code", "seats", "in_service_since"],
        [VIN, "official", "C1", "5", "2020-05-01"],
    ]
    report = bring(sheets)
    assert report.sheets["vehicles"].unchanged == 1
    assert session.scalars(select(Vehicle.plate).where(Vehicle.vin == VIN)).one() == "京Z12345"
    assert session.scalar(select(func.count()).select_from(Region)) == 2


def test_sets_are_replaced_as_sets(bring: Bring, session: Session) -> None:
    bring(fleet())
    report = bring(
        {
            "covers": [["policy_number", "cover", "sum_insured"], ["SY1", "damage", "12.8万"]],
            "holdings": [["vin", "company_code", "since"], [VIN, "C2", "2020-05-01"]],
            "lay_ups": [["vin", "since", "until"], [OTHER_VIN, "2026-07-01", ""]],
        }
    )
    assert not report.refused
    assert (report.sheets["covers"].unchanged, report.sheets["covers"].removed) == (1, 3)
    assert session.scalars(select(CoverLine.cover)).all() == ["damage"]
    vehicle = session.scalars(select(Vehicle).where(Vehicle.vin == VIN)).one()
    assert [(one.company.code, one.until) for one in vehicle.holdings] == [("C2", None)]
    assert vehicle.company.code == "C2"  # its latest holder, for scope follows the holder
    assert session.scalars(select(LayUp.since)).all() == [date(2026, 7, 1)]
    assert list(differing()) == []


def test_a_corrected_company_corrects_the_holding_that_follows_from_it(
    bring: Bring, session: Session
) -> None:
    bring(fleet())
    bring(put(fleet(), "vehicles", 3, "company_code", "C1"))
    other = session.scalars(select(Vehicle).where(Vehicle.vin == OTHER_VIN)).one()
    assert [one.company.code for one in other.holdings] == ["C1"]


def test_a_new_plate_ends_the_old_one(bring: Bring, session: Session) -> None:
    bring(fleet())
    bring(put(fleet(), "vehicles", 2, "plate", "京Z54321"))
    plates = select(VehiclePlate.plate, VehiclePlate.since, VehiclePlate.until)
    assert session.execute(plates.order_by(VehiclePlate.since)).all() == [
        ("京Z12345", date(2020, 5, 1), date(2026, 3, 1)),
        ("京Z54321", date(2026, 3, 1), None),
    ]


def test_an_insurer_that_turns_into_a_pool_insured_nothing(bring: Bring, session: Session) -> None:
    sheets = fleet()
    sheets["designations"] = sheets["designations"][:1]
    bring(sheets)
    bring({"insurers": [["code", "name", "kind"], ["I1", "Insurer", "mutual_pool"]]})
    assert list(differing()) == []


def test_a_type_that_the_group_added(bring: Bring, session: Session) -> None:
    session.add(VehicleType(code="airport", name="Airport"))
    session.commit()
    assert not bring(put(fleet(), "vehicles", 2, "vehicle_type", "Airport")).refused


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
@pytest.mark.one_engine
def test_other_encodings(bring: Bring, session: Session, encoding: str) -> None:
    assert bring(put(fleet(), "regions", 2, "name", "华东片区"), encoding=encoding).written
    assert "华东片区" in session.scalars(select(Region.name)).all()


@pytest.mark.one_engine
def test_an_xlsx_with_excels_own_days(session: Session, tmp_path: Path) -> None:
    sheets = put(fleet(), "policies", 2, "begins", date(2026, 3, 2))
    put(sheets, "policies", 2, "ends", date(2027, 3, 1))
    put(sheets, "vehicles", 2, "seats", 5)
    report = import_path(books.xlsx(tmp_path / "a.xlsx", sheets), by=BY, at=AT)
    assert not report.refused
    policy = session.scalars(select(Policy).where(Policy.policy_number == "JQ1")).one()
    assert policy.ends == make.midnight(date(2027, 3, 2), make.CLOCK)


@pytest.mark.parametrize("language", ["en", "zh_Hans", "zh_Hant"])
@pytest.mark.one_engine
def test_headings_may_be_the_labels_of_any_language(bring: Bring, language: str) -> None:
    with force_locale(language):
        labelled = {
            str(FORMS[code].label): [
                [str(FORMS[code].column(heading).label) for heading in rows[0]], *rows[1:]
            ]
            for code, rows in fleet().items()
        }  # fmt: skip
    report = bring(labelled)
    assert not report.refused
    assert report.written
    assert set(report.sheets) == set(fleet())


@pytest.mark.one_engine
def test_the_formats_chinese_sheet_names(bring: Bring) -> None:
    report = bring({f" {FORMS[code].chinese} ": rows for code, rows in fleet().items()})
    assert set(report.sheets) == set(fleet())
    assert report.written


@pytest.mark.one_engine
def test_no_two_columns_of_a_sheet_share_a_label_in_any_language(app: Flask) -> None:
    with app.app_context():
        for language in ("en", "zh_Hans", "zh_Hant"):
            with force_locale(language):
                names = [str(form.label) for form in FORMS.values()]
                assert len(set(names)) == len(names), language
                for form in FORMS.values():
                    labels = [str(column.label) for column in form.columns]
                    assert len(set(labels)) == len(labels), (language, form.code)


# -------------------------------------------------------------------------- what is refused

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
