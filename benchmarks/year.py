"""A year of daily runs over the real portfolio, beside its import and a count by plain dates.

    python benchmarks/year.py --workdir DIR [--begins 2018-01-01] [--days 365] [--sample N]

The portfolio is the one of es_motor.py, written by it as a workbook and imported whole. Then
the daily job runs for each day of the year, one after the other in one process, as the worker
runs it. How many renewals and how many new requests must open is counted from the csv's dates
alone. The exit code is 1 where a count differs, or where the year took longer than the import.

Nobody there has commercial cover, so that tens of thousands of new requests stand open beside.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

if __package__ in {None, ""}:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.es_motor import (
    A_DAY,
    DATA,
    ROOT,
    WINDOW,
    Annuity,
    Contracts,
    Product,
    by_contract,
    expiry_reached,
    read_portfolio,
    sampled,
    side_by_side,
    to_days,
    write_workbook,
)

RULE_SINCE = date(2012, 1, 17)
BEFORE_FIRST = timedelta(days=365)  # so long before its first annuity es_motor.py enters a vehicle

DAYS_OF_A_YEAR = """
import json, sys, time
from datetime import date, timedelta
from app import create_app
from fleet.renewals.daily import run_day
from fleet.storage import Actor
from fleet.web import clock
from fleet.words import noon

day, days = date.fromisoformat(sys.argv[1]), int(sys.argv[2])
with create_app().app_context():
    for offset in range(days):
        began = time.perf_counter()
        on = day + timedelta(offset)
        told = run_day(on, by=Actor(None, "year"), at=noon(on, clock.zone()))
        counts = {change: len(told[change]) for change in told if change != "on"}
        print(json.dumps({"seconds": time.perf_counter() - began, **counts}), flush=True)
"""


# ------------------------------------------------------------- the count of plain dates alone


def renewals_of(annuities: list[Annuity], first: date, last: date) -> set[date]:
    """The expiry days whose renewal stands on any day of the year.

    What a day finds changes only where an annuity begins or a window opens.
    """
    turns = {
        first,
        *(one.begins for one in annuities),
        *(one.end - A_DAY - WINDOW for one in annuities),
    }
    found = set()
    for day in turns:
        expiry = expiry_reached(annuities, day) if first <= day <= last else None
        if expiry is not None and expiry - WINDOW <= day:
            found.add(expiry)
    return found


def new_of(annuities: list[Annuity], first: date, last: date) -> int:
    """How many first policies are asked for in the year: commercial, and compulsory once more.

    A vehicle enters the fleet before its first annuity; until it begins no compulsory cover runs.
    """
    entered = min(one.begins for one in annuities) - BEFORE_FIRST
    opens = max(entered, RULE_SINCE) - A_DAY - WINDOW
    insured = min((one.begins for one in annuities if not one.void), default=date.max)
    commercial = opens <= last
    compulsory = opens <= last and insured > max(opens, first)
    return commercial + compulsory


def count_by_hand(contracts: Contracts, first: date, last: date) -> dict[str, int]:
    """How many requests a year of daily runs must open."""
    return {
        "renewals opened": sum(len(renewals_of(one, first, last)) for one in contracts.values()),
        "new requests opened": sum(new_of(one, first, last) for one in contracts.values()),
    }


# ------------------------------------------------------------------------- the product's word


def run_year(product: Product, first: date, days: int) -> list[dict[str, float]]:
    """What each day's run opened and closed, and its seconds."""
    command = [sys.executable, "-c", DAYS_OF_A_YEAR, first.isoformat(), str(days)]
    done = subprocess.run(
        command, cwd=ROOT, env=product.environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


class Took(NamedTuple):
    """The seconds that something took, and those of the processor in it."""

    wall: float
    processor: float


@contextmanager
def watch() -> Iterator[list[Took]]:
    """Time the processes that a block starts; the one entry is there when they ended."""
    took: list[Took] = []
    began, used = time.perf_counter(), _processor()
    yield took
    took.append(Took(time.perf_counter() - began, _processor() - used))


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(ran: list[dict[str, float]], imported: Took, year: Took) -> bool:
    """Print what the year took beside the import; whether it took less.

    The processor's seconds stand beside, for a machine that does other things too.
    """
    seconds = [one["seconds"] for one in ran]
    print(f"\n  {'':<33}{'seconds':>10}{'processor':>12}")
    print(f"  the import of the portfolio      {imported.wall:10.1f}{imported.processor:12.1f}")
    print(f"  {len(ran)} daily runs, start included {year.wall:10.1f}{year.processor:12.1f}")
    print(f"    the first, with all that stood   {seconds[0]:9.2f} s")
    print(f"    a day, median                    {statistics.median(seconds) * 1000:9.1f} ms")
    print(f"    the longest after the first      {max(seconds[1:]) * 1000:9.1f} ms")
    ratios = (year.wall / imported.wall, year.processor / imported.processor)
    print(f"  the year over the import         {ratios[0]:10.2f}{ratios[1]:12.2f}")
    return year.wall < imported.wall


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True, help="an empty or absent folder")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the five parts")
    parser.add_argument("--begins", type=to_days, default=to_days("2018-01-01"))
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--sample", type=int, help="only about so many contracts")
    chosen = parser.parse_args(arguments)
    workdir: Path = chosen.workdir.resolve()
    if (workdir / "es-motor.sqlite3").exists():
        parser.error(f"{workdir} holds a database of an earlier run")
    contracts = by_contract(read_portfolio(chosen.data))
    if chosen.sample:
        contracts = sampled(contracts, chosen.sample)
    workdir.mkdir(parents=True, exist_ok=True)
    write_workbook(contracts, workdir / "workbook")
    product, first = Product(workdir), chosen.begins[0]
    product.flask("db", "upgrade")
    with watch() as imported:
        product.flask("import", str(workdir / "workbook"), "--json")
    with watch() as year:
        ran = run_year(product, first, chosen.days)
    ours = {
        "renewals opened": sum(int(one["opened"]) for one in ran),
        "new requests opened": sum(int(one["new_opened"]) for one in ran),
    }
    by_hand = count_by_hand(contracts, first, first + (chosen.days - 1) * A_DAY)
    equal = side_by_side(f"{chosen.days} days from {first}", ours, by_hand)
    quick = report(ran, imported[0], year[0])
    return 0 if equal and quick else 1


if __name__ == "__main__":
    sys.exit(main())
