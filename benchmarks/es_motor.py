"""A real motor portfolio through the real commands, beside counts made by hand of plain dates.

    python benchmarks/es_motor.py --workdir DIR [--days 2017-03-01,2018-06-15] [--sample N]

The Spanish portfolio (105,555 annuities of 53,502 contracts; Lledó and Pavía 2023, CC BY 4.0)
is written as a fleet workbook: each contract a vehicle, each annuity a compulsory policy from
its last renewal to the day before its next, cancelled on its lapse date. VINs, insurers,
companies and seats are generated, and named so. The workbook is imported into a fresh database
and asked, by the commands a person uses, which vehicles are insured on a day and which renewals
open. The same is counted from the csv's dates alone, with none of the product's code.

Both columns are printed; the exit code is 1 where they differ.

With --revealed, each day is asked as it was then: only annuities begun by that day are imported
before it, so that the daily job meets the portfolio as it grew.
"""

import argparse
import csv
import gzip
import json
import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "es-motor"
DEFAULT_DAYS = "2016-02-29,2017-03-01,2018-06-15,2019-11-15"
WINDOW = timedelta(days=15)
A_DAY = timedelta(days=1)

VIN_SIGNS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
VIN_VALUES = (*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10))
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
SEATS_BY_RISK = {"1": 2, "2": 3, "3": 5, "4": 1}  # motorbike, van, car, agricultural
NOT_JUDGED = {"out_of_service", "not_asked"}  # they list nothing, insured or not
ENERGY = {"P": "petrol", "D": "diesel"}


# ------------------------------------------------------------------- the file, as it stands


@dataclass(frozen=True)
class Annuity:
    """One row of the portfolio; `until` is the first day no longer covered."""

    contract: str
    number: int
    started: date
    begins: date
    until: date
    lapse: date | None
    risk: str
    fuel: str

    @property
    def end(self) -> date:
        """The first day no longer covered, the lapse counted."""
        return self.until if self.lapse is None else min(self.until, self.lapse)

    @property
    def void(self) -> bool:
        """Whether it lapsed at or before its beginning."""
        return self.end <= self.begins


def spanish_day(text: str) -> date:
    day, month, year = text.split("/")
    return date(int(year), int(month), int(day))


def read_portfolio(folder: Path) -> list[Annuity]:
    """Every annuity of the five parts, in the file's order."""
    rows: list[dict[str, str]] = []
    for part in sorted(folder.glob("motor_vehicle_insurance_part_*.csv.gz")):
        with gzip.open(part, "rt", encoding="utf-8", newline="") as file:
            rows += csv.DictReader(file)
    seen: dict[str, int] = defaultdict(int)
    annuities = []
    for row in rows:
        seen[row["ID"]] += 1
        annuities.append(
            Annuity(
                contract=row["ID"],
                number=seen[row["ID"]],
                started=spanish_day(row["Date_start_contract"]),
                begins=spanish_day(row["Date_last_renewal"]),
                until=spanish_day(row["Date_next_renewal"]),
                lapse=spanish_day(row["Date_lapse"]) if row["Date_lapse"] else None,
                risk=row["Type_risk"],
                fuel=row["Type_fuel"],
            )
        )
    return annuities


Contracts = dict[str, list[Annuity]]


def by_contract(annuities: Iterable[Annuity]) -> Contracts:
    contracts: Contracts = defaultdict(list)
    for annuity in annuities:
        contracts[annuity.contract].append(annuity)
    return dict(contracts)


# ------------------------------------------------------------- the count of plain dates alone


def known_facts(contracts: Contracts) -> dict[str, int]:
    """What the paper on the data says of it, counted again."""
    following = joined = 0
    for annuities in contracts.values():
        ordered = sorted(annuities, key=lambda one: one.begins)
        for before, after in pairwise(ordered):
            following += 1
            joined += before.until == after.begins
    leap = [one for rows in contracts.values() for one in rows if written(one.started) == "02-29"]
    return {
        "annuities": sum(len(rows) for rows in contracts.values()),
        "contracts": len(contracts),
        "successive annuities": following,
        "of them without gap or overlap": joined,
        "of contracts begun on 29 February": len(leap),
        "of them renewed on 1 March": sum(written(one.until) == "03-01" for one in leap),
        "of them renewed on 28 February": sum(written(one.until) == "02-28" for one in leap),
        "lapsed at or before their beginning": sum(
            one.void for rows in contracts.values() for one in rows
        ),
    }


PUBLISHED = {
    "annuities": 105_555,
    "contracts": 53_502,
    "of them without gap or overlap": 52_053,
    "of contracts begun on 29 February": 67,
    "of them renewed on 1 March": 60,
    "of them renewed on 28 February": 7,
}


def written(day: date) -> str:
    return f"{day:%m-%d}"


def insured_on(annuities: Iterable[Annuity], day: date) -> bool:
    return any(one.begins <= day < one.end for one in annuities)


def expiry_reached(annuities: Iterable[Annuity], day: date) -> date | None:
    """The last day of the unbroken cover that holds on a day, else of the latest before it."""
    real = [one for one in annuities if not one.void]
    holding = [one.end for one in real if one.begins <= day < one.end]
    past = [one.end for one in real if one.end <= day]
    if not holding:
        return max(past) - A_DAY if past else None
    end = max(holding)
    for one in sorted(real, key=lambda one: one.begins):
        if one.begins <= end:
            end = max(end, one.end)
    return end - A_DAY


def count_by_hand(contracts: Contracts, day: date, revealed: date | None) -> dict[str, int]:
    """What a day's answers must be; with `revealed`, of the annuities begun by then."""
    insured = opening = open_now = late = 0
    for annuities in contracts.values():
        known = [one for one in annuities if revealed is None or one.begins <= revealed]
        insured += insured_on(known, day)
        expiry = expiry_reached(known, day)
        if expiry is None:
            continue
        opening += expiry - WINDOW == day
        open_now += expiry - WINDOW <= day
        late += expiry < day
    return {
        "insured": insured,
        "renewals opening this day": opening,
        "renewals open": open_now,
        "of them late": late,
    }


# ------------------------------------------------------------------ the file, as a workbook


def vin_of(contract: str) -> str:
    """A generated VIN with a valid check digit (GB 16735) for a contract."""
    vin = f"LZZGENES0A{int(contract):07d}"
    total = sum(
        VIN_VALUES[VIN_SIGNS.index(sign)] * weight
        for sign, weight in zip(vin, VIN_WEIGHTS, strict=True)
    )
    return vin[:8] + "0123456789X"[total % 11] + vin[9:]


def write_workbook(contracts: Contracts, folder: Path, revealed: date | None = None) -> None:
    """The portfolio as a folder of sheets; with `revealed`, only annuities begun by then."""
    folder.mkdir(parents=True, exist_ok=True)
    write_sheet(folder, "regions", [{"code": "GENREGION", "name": "Generated region"}])
    write_sheet(folder, "companies", [
        {"code": "GENCO", "name": "Generated company", "region_code": "GENREGION"},
    ])  # fmt: skip
    write_sheet(folder, "insurers", [{"code": "GENINS", "name": "Generated insurer"}])
    write_sheet(folder, "designations", [
        {"region_code": "GENREGION", "insurer_code": "GENINS", "since": "2012-01-17"},
    ])  # fmt: skip
    write_sheet(folder, "vehicles", [vehicle_row(rows) for rows in contracts.values()])
    write_sheet(folder, "policies", [
        policy_row(one)
        for rows in contracts.values()
        for one in rows
        if revealed is None or one.begins <= revealed
    ])  # fmt: skip


def vehicle_row(annuities: list[Annuity]) -> dict[str, str]:
    first = min(one.begins for one in annuities)
    return {
        "vin": vin_of(annuities[0].contract),
        "plate": "",
        "vehicle_type": "business",
        "company_code": "GENCO",
        "seats": str(SEATS_BY_RISK[annuities[0].risk]),
        "energy": ENERGY.get(annuities[0].fuel, "other"),
        "in_service_since": (first - timedelta(days=365)).isoformat(),
    }


def policy_row(annuity: Annuity) -> dict[str, str]:
    return {
        "policy_number": f"GENES-{annuity.contract}-{annuity.number}",
        "kind": "compulsory",
        "insurer_code": "GENINS",
        "vin": vin_of(annuity.contract),
        "begins": annuity.begins.isoformat(),
        "ends": (annuity.until - A_DAY).isoformat(),
        "tax_exempt": "yes",
        "cancelled_at": annuity.lapse.isoformat() if annuity.lapse else "",
    }


def write_sheet(folder: Path, name: str, rows: list[dict[str, str]]) -> None:
    with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


# ------------------------------------------------------------------------- the product's word


class Product:
    """The product's commands over a fresh database in the working folder."""

    def __init__(self, workdir: Path) -> None:
        self.environment = os.environ | {
            "FLEET_DATABASE_URL": f"sqlite:///{workdir / 'es-motor.sqlite3'}",
            "FLEET_INSTANCE": str(workdir / "instance"),
        }
        self.open: set[tuple[str, str]] = set()

    def flask(self, *arguments: str) -> Iterator[str]:
        """The lines a command prints; RuntimeError with what it said where it fails."""
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        print(f"  flask {arguments[0]:<12} {time.perf_counter() - began:8.1f} s", flush=True)
        if done.returncode:
            message = f"flask {' '.join(arguments)} ended with {done.returncode}"
            raise RuntimeError(f"{message}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
        return (line for line in done.stdout.splitlines() if line.strip())

    def ask(self, day: date) -> dict[str, int]:
        """What the product answers of a day, over all the days run so far."""
        insured = sum(
            answer["standing"] not in NOT_JUDGED
            and all(finding["code"] != "compulsory_missing" for finding in answer["shortfalls"])
            for answer in map(json.loads, self.flask("standing", "--on", str(day), "--json"))
        )
        told: dict[str, Any] = json.loads(
            "".join(self.flask("run-day", "--on", str(day), "--json"))
        )
        # Closed first: a run that catches up on missed days may close what it opened.
        opened = {(item["vin"], item["expiry_day"]) for item in told["opened"]}
        closed = {(item["vin"], item["expiry_day"]) for item in told["closed"]}
        self.open = (self.open | opened) - closed
        return {
            "insured": insured,
            "renewals opening this day": sum(
                item["opens_on"] == str(day) for item in told["opened"]
            ),
            "renewals open": len(self.open),
            "of them late": sum(expiry < str(day) for _, expiry in self.open),
        }


# ---------------------------------------------------------------------------------- the report


def side_by_side(title: str, ours: dict[str, int], theirs: dict[str, int]) -> bool:
    """Print both counts of each thing; whether they are equal throughout."""
    print(f"\n{title}\n  {'':<36}{'ours':>10}{'by hand':>10}")
    for name, count in theirs.items():
        mark = "" if ours[name] == count else "   UNEQUAL"
        print(f"  {name:<36}{ours[name]:>10,}{count:>10,}{mark}")
    return ours == theirs


def compare(contracts: Contracts, days: list[date], workdir: Path, *, revealed: bool) -> bool:
    """Import, ask each day, and hold the answers against the count; whether all are equal."""
    product = Product(workdir)
    product.flask("db", "upgrade")
    equal = True
    for number, day in enumerate(days):
        until = day if revealed else None
        if revealed or number == 0:
            write_workbook(contracts, workdir / "workbook", until)
            product.flask("import", str(workdir / "workbook"), "--json")
        ours, by_hand = product.ask(day), count_by_hand(contracts, day, until)
        equal &= side_by_side(f"{day}", ours, by_hand)
    return equal


def sampled(contracts: Contracts, size: int) -> Contracts:
    """Every n-th contract, so that about `size` remain."""
    step = max(1, len(contracts) // size)
    return dict(list(contracts.items())[::step][:size])


def check_published(contracts: Contracts) -> bool:
    """Whether the file is the one the papers describe."""
    counted = known_facts(contracts)
    for name, count in counted.items():
        print(f"  {name:<36}{count:>10,}")
    return all(counted[name] == count for name, count in PUBLISHED.items())


def to_days(text: str) -> list[date]:
    return sorted(datetime.fromisoformat(part).date() for part in text.split(","))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True, help="an empty or absent folder")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the five parts")
    parser.add_argument("--days", type=to_days, default=to_days(DEFAULT_DAYS))
    parser.add_argument("--sample", type=int, help="only about so many contracts")
    parser.add_argument("--revealed", action="store_true", help="import only what had begun")
    parser.add_argument("--write-only", action="store_true", help="only the workbook, and counts")
    chosen = parser.parse_args(arguments)
    workdir: Path = chosen.workdir.resolve()
    if (workdir / "es-motor.sqlite3").exists():
        parser.error(f"{workdir} holds a database of an earlier run")
    contracts = by_contract(read_portfolio(chosen.data))
    print("The file")
    right_file = check_published(contracts)
    if chosen.sample:
        contracts = sampled(contracts, chosen.sample)
    if chosen.write_only:
        write_workbook(contracts, workdir / "workbook")
        for day in chosen.days:
            print(day, count_by_hand(contracts, day, day if chosen.revealed else None))
        return 0 if right_file else 1
    workdir.mkdir(parents=True, exist_ok=True)
    equal = compare(contracts, chosen.days, workdir, revealed=chosen.revealed)
    print("\nequal" if equal and right_file else "\nUNEQUAL")
    return 0 if equal and right_file else 1


if __name__ == "__main__":
    sys.exit(main())
