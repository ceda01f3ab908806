"""What an import writes, on both databases."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.people.tables import Region
from fleet.policies.steps import differing
from fleet.policies.tables import CoverLine, CoverStep, Policy
from fleet.storage import Actor
from fleet.storage.history import HistoryEntry, verify
from fleet.vehicles.tables import LayUp, Vehicle, VehiclePlate, VehicleType
from fleet.workbook.columns import FORMS
from fleet.workbook.report import Report
from fleet.workbook.service import import_path
from tests import make
from tests.workbook import books
from tests.workbook.books import OTHER_VIN, VIN, fleet, put
from tests.workbook.records import entries, everything

BY = Actor(None, "test")
AT = make.at(2026, 3, 1)
Bring = Callable[..., Report]


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


def test_columns_that_the_file_lacks_keep_what_is_on_record(bring: Bring, session: Session) -> None:
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
