"""Random workbooks, written in any order and encoding, against a second reading of the format."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from fleet.insurers.tables import Designation
from fleet.policies.steps import differing
from fleet.policies.tables import Policy
from fleet.storage import Actor
from fleet.vehicles.tables import Vehicle
from fleet.workbook.service import import_path
from tests import make
from tests.oracle import fleets, workbook
from tests.workbook import books

AT = make.at(2026, 3, 1)
SEATED = {"occupants_driver", "occupants_passengers", *fleets.OPTIONAL_COVERS}


def imported(path: Path) -> None:
    report = import_path(path, by=Actor(None, "test"), at=AT)
    assert report.refused == []
    again = import_path(path, by=Actor(None, "test"), at=AT)
    assert again.written
    assert not again.writes


@pytest.mark.parametrize("seed", range(4))
def test_what_stands_on_record_is_what_the_sheets_say(
    session: Session, tmp_path: Path, seed: int
) -> None:
    made = fleets.Fleet(seed, vehicles=12)
    fleets.write_folder(made.sheets, tmp_path / "book", seed)
    imported(tmp_path / "book")
    facts = workbook.gather(made.sheets)
    assert {one.vin: told(one) for one in session.scalars(select(Vehicle))} == {
        vin: expected_vehicle(one) for vin, one in facts.vehicles.items()
    }
    assert {one.policy_number: insured(one) for one in session.scalars(select(Policy))} == {
        number: expected_policy(one) for number, one in facts.policies.items()
    }
    assert sorted(map(designated, session.scalars(select(Designation))), key=str) == sorted(
        facts.designations, key=str
    )
    assert list(differing()) == []


@pytest.mark.one_engine
def test_the_same_fleet_as_an_xlsx(session: Session, tmp_path: Path) -> None:
    made = fleets.Fleet(5, vehicles=12)
    columns = {
        name: list(dict.fromkeys(column for row in rows for column in row))
        for name, rows in made.sheets.items()
    }
    sheets: books.Sheets = {
        name: [columns[name], *([row.get(one, "") for one in columns[name]] for row in rows)]
        for name, rows in made.sheets.items()
    }
    imported(books.xlsx(tmp_path / "a.xlsx", sheets))
    facts = workbook.gather(made.sheets)
    assert {one.policy_number: insured(one) for one in session.scalars(select(Policy))} == {
        number: expected_policy(one) for number, one in facts.policies.items()
    }


def told(vehicle: Vehicle) -> tuple[object, ...]:
    return (
        vehicle.company.code,
        vehicle.seats,
        vehicle.energy,
        vehicle.in_service_since,
        vehicle.in_service_until,
        sorted((one.since, one.until) for one in vehicle.lay_ups),
        [(one.company.code, one.since, one.until) for one in vehicle.holdings],
    )


def expected_vehicle(vehicle: workbook.Vehicle) -> tuple[object, ...]:
    default = [(vehicle.company, vehicle.enters, None)]
    return (
        vehicle.company,
        vehicle.seats,
        vehicle.energy or "other",
        vehicle.enters,
        vehicle.leaves,
        sorted(vehicle.lay_ups),
        sorted(vehicle.holdings, key=lambda one: one[1]) or default,
    )


def insured(policy: Policy) -> tuple[object, ...]:
    end = min(policy.ends, policy.cancelled_at or policy.ends)
    return (
        policy.kind,
        policy.vehicle.vin,
        policy.insurer.code,
        policy.begins,
        end,
        policy.signed_on,
        policy.premium,
        policy.vehicle_tax or 0,
        policy.late_fee or 0,
        policy.tax_exempt,
        policy.terms or "",
        bool(policy.absolute_deductible_rate or policy.absolute_deductible_amount),
        policy.repair_restricted,
        policy.approval_number or "",
        sorted(
            (
                line.cover,
                line.sum_insured or 0,
                line.seats or 0,
                line.deductible_rate or 0,
                max(line.since or policy.begins, policy.begins),
                min(line.until or end, end),
            )
            for line in policy.lines
            if line.seats or line.cover not in SEATED  # a line of 0 seats is no cover
        ),
    )


def expected_policy(policy: workbook.Policy) -> tuple[object, ...]:
    return (
        policy.kind,
        policy.vin,
        policy.insurer,
        policy.begins.astimezone(UTC),
        policy.end.astimezone(UTC),
        policy.signed_on,
        policy.premium,
        policy.vehicle_tax,
        policy.late_fee,
        policy.tax_exempt,
        policy.stated_terms,
        policy.deductible,
        policy.repair_restricted,
        policy.approval,
        sorted(
            (
                line.cover,
                line.sum_insured,
                line.seats if line.cover in SEATED else 0,
                line.deductible_rate,
                line.since.astimezone(UTC),
                line.until.astimezone(UTC),
            )
            for line in policy.lines
            if line.seats or line.cover not in SEATED
        ),
    )


def designated(one: Designation) -> tuple[object, ...]:
    return (one.region.code, one.insurer.code, one.since, one.until)
