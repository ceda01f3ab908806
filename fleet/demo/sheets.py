"""A fleet workbook under way: rows by sheet, written as a folder of CSV files."""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fleet.demo.group import MARK, years_on
from fleet.words import Vin

DAY = timedelta(days=1)
PROVINCES = {"DEMO-N": "京", "DEMO-E": "沪", "DEMO-S": "渝", "DEMO-W": "津"}
NEW_ENERGY = frozenset({"electric", "plug_in_hybrid", "fuel_cell"})


@dataclass(frozen=True, slots=True)
class Car:
    """A vehicle of the demo group as its policies need to know it."""

    serial: int
    vin: str
    company: str
    seats: int
    energy: str
    insurer: str


@dataclass(frozen=True, slots=True)
class Paper:
    """A policy of the demo group as a claim needs to know it; money in yuan."""

    number: str
    car: Car
    insurer: str
    premium: Decimal
    tax: Decimal


@dataclass(slots=True)
class Workbook:
    """Rows by sheet; every number and code it makes up is marked as the demo's."""

    today: date
    dice: random.Random
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    policies: int = 0

    def add(self, sheet: str, **row: Any) -> None:
        """Add a row to a sheet."""
        self.rows.setdefault(sheet, []).append(row)

    def compulsory(self, car: Car, first: date, last: date | None = None, **changes: Any) -> Paper:
        """Add a compulsory policy of a year, with its vehicle tax or exemption."""
        exempt = car.energy in NEW_ENERGY
        values = {
            "premium": Decimal(950 if car.seats < 6 else 1100),
            "vehicle_tax": Decimal(0 if exempt else 420),
            "tax_exempt": "yes" if exempt else "no",
        }
        return self._policy(car, "compulsory", first, last, {**values, **changes})

    def commercial(
        self,
        car: Car,
        first: date,
        last: date | None = None,
        covers: dict[str, dict[str, Any] | None] | None = None,
        **changes: Any,
    ) -> Paper:
        """Add a commercial policy of a year; `covers` changes its lines, None takes one out."""
        values = {"premium": Decimal(2400 + 100 * (car.serial % 30))}
        paper = self._policy(car, "commercial", first, last, {**values, **changes})
        for cover, line in {**_lines(car), **(covers or {})}.items():
            if line is not None:
                self.add("covers", policy_number=paper.number, **{"cover": cover, **line})
        return paper

    def _policy(
        self, car: Car, kind: str, first: date, last: date | None, values: dict[str, Any]
    ) -> Paper:
        self.policies += 1
        sign = "JQ" if kind == "compulsory" else "SY"
        row = {
            "policy_number": f"{MARK}-{sign}-{self.policies:06d}",
            "kind": kind,
            "insurer_code": car.insurer,
            "vin": car.vin,
            "begins": first,
            "ends": last or years_on(first, 1) - DAY,
            "signed_on": first - 7 * DAY,
            **values,
        }
        self.add("policies", **row)
        tax = row.get("vehicle_tax", Decimal(0))
        return Paper(row["policy_number"], car, row["insurer_code"], row["premium"], tax)

    def write(self, folder: Path) -> None:
        """Write each sheet as a CSV file into a folder."""
        for sheet, rows in self.rows.items():
            headings = list(dict.fromkeys(heading for row in rows for heading in row))
            with (folder / f"{sheet}.csv").open("w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, headings)
                writer.writeheader()
                writer.writerows(rows)


def _lines(car: Car) -> dict[str, dict[str, Any]]:
    """Covers that meet 2.2 to 2.6; theft and glass stay the company's own choice (2.7)."""
    lines: dict[str, dict[str, Any]] = {
        "damage": {"sum_insured": 80_000 + 5_000 * (car.serial % 40)},
        "third_party": {"sum_insured": (200_000, 500_000, 1_000_000)[car.serial % 3]},
    }
    if car.seats:
        lines["occupants_driver"] = {"sum_insured": 20_000, "seats": 1}
    if car.seats > 1:
        lines["occupants_passengers"] = {"sum_insured": 20_000, "seats": car.seats - 1}
    if car.serial % 5 == 0:
        lines["glass"] = {}
    return lines


def vin(serial: int) -> str:
    """A VIN whose check digit holds and whose maker does not exist."""
    made = (Vin(f"LDEM0DEM{check}D{serial:07d}") for check in "0123456789X")
    return next(one.value for one in made if one.check_digit_holds)


def plate(region: str, serial: int, energy: str) -> str:
    """A well-formed plate of a letter that no municipality gives out."""
    start = f"{PROVINCES[region]}X"
    return f"{start}D0{serial:04d}" if energy in NEW_ENERGY else f"{start}DM{serial:03d}"
