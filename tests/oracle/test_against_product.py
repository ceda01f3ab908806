"""The product, run from the shell on invented fleets, against the oracle's second reading.

FLEET_ORACLE_SEEDS=N makes N fleets of 40 vehicles each (default 12); all of them are imported
as one group, so that more seeds cost rows and not processes. A failure names the seed in the
codes of what it lists (COMPANY 7X0 is of seed 7).
"""

import csv
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.oracle import fleets, reimbursement, rule, workbook
from tests.oracle.claims import claims_of, write_claims
from tests.oracle.workbook import CLOCK, Facts, Row

ROOT = Path(__file__).resolve().parents[2]
SEEDS = int(os.environ.get("FLEET_ORACLE_SEEDS", "12"))
FIRST_SEED = int(os.environ.get("FLEET_ORACLE_FIRST_SEED", "0"))
MOMENTS = 5
RUN_DAYS = 4
SHOWN = 12
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+08:00")


@dataclass
class Product:
    """The product's commands, run in a database of their own."""

    database_url: str
    folder: Path
    facts: Facts
    claims: list[Row]
    said: dict[str, str] = field(default_factory=dict)

    def flask(self, *arguments: str, exits: int = 0) -> str:
        """What a command prints; it must end with the given exit code."""
        environment = os.environ | {
            "FLEET_DATABASE_URL": self.database_url,
            "FLEET_INSTANCE": str(self.folder / "instance"),
            "FLEET_TIMEZONE": "Asia/Shanghai",
        }
        done = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            timeout=300,
        )
        told = f"flask {' '.join(arguments)} ended with {done.returncode}, not {exits}"
        assert done.returncode == exits, f"{told}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.flask(*arguments).splitlines() if line.strip()]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a database without a schema, of each engine."""
    if request.config.getoption("--engine") not in {None, request.param}:
        pytest.skip("--engine asks for the other one")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('oracle') / 'fleet.db'}"
    url = str(request.getfixturevalue("postgres_url"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fleet_oracle")
    return url.replace("/postgres?", "/fleet_oracle?")


@pytest.fixture(scope="module")
def product(empty_database: str, tmp_path_factory: pytest.TempPathFactory) -> Product:
    """The generated group, imported."""
    made = [fleets.Fleet(seed) for seed in range(FIRST_SEED, FIRST_SEED + SEEDS)]
    sheets = fleets.merged(made)
    claims = [claim for fleet in made for claim in claims_of(fleet)]
    folder = tmp_path_factory.mktemp("workbook")
    fleets.write_folder(sheets, folder / "group", SEEDS)
    write_claims(claims, folder / "claims.csv")
    product = Product(empty_database, folder, workbook.gather(sheets), claims)
    product.flask("db", "upgrade")
    product.flask("import", str(folder / "group"), "--json")
    return product


def instant(text: str | None) -> datetime | None:
    """An instant of an answer, which must stand in the company's offset."""
    if text is None:
        return None
    assert INSTANT.fullmatch(text), f"not an instant in the company's offset: {text}"
    return datetime.fromisoformat(text).astimezone(CLOCK)


def named(findings: Sequence[dict[str, Any]]) -> list[str]:
    """The codes of findings, sorted; each must carry its own clause."""
    for finding in findings:
        assert finding["clause"] == rule.CLAUSE[finding["code"]], finding
    return sorted(finding["code"] for finding in findings)


def step_told(answer: dict[str, Any]) -> rule.Standing:
    return rule.Standing(
        standing=answer["standing"],
        codes=named(answer["shortfalls"]),
        spared=named(answer["spared"]),
        since=instant(answer["since"]),
        until=instant(answer["until"]),
    )


def agree(differences: list[str], of: int) -> None:
    told = "\n".join(differences[:SHOWN])
    assert not differences, f"{len(differences)} of {of} differ, product first:\n{told}"


def compare_steps(
    vin: str, told: Sequence[rule.Standing], asked: Sequence[rule.Standing]
) -> list[str]:
    if list(told) == list(asked):
        return []
    for number, (ours, theirs) in enumerate(zip(told, asked, strict=False)):
        if ours != theirs:
            return [f"{vin} step {number}:\n  {ours}\n  {theirs}"]
    return [f"{vin}: {len(told)} steps, {len(asked)} expected"]


def test_timelines(product: Product) -> None:
    answers = {answer["vin"]: answer["steps"] for answer in product.lines("timeline", "--json")}
    assert set(answers) == set(product.facts.vehicles)
    differences = []
    for vin, vehicle in product.facts.vehicles.items():
        told = [step_told(step) for step in answers[vin]]
        differences += compare_steps(vin, told, rule.timeline(vehicle))
    agree(differences, len(answers))


def test_standings_at_the_edges(product: Product) -> None:
    chances = random.Random(SEEDS)  # noqa: S311  # the same moments for the same seeds
    forms = (
        lambda moment: moment.isoformat(),
        lambda moment: moment.astimezone(CLOCK).strftime("%Y-%m-%dT%H:%M:%S"),
        lambda moment: (moment - moment.utcoffset()).replace(tzinfo=None).isoformat() + "+00:00",
    )
    for moment in fleets.moments_of_interest(product.facts, chances, MOMENTS):
        written = chances.choice(forms)(moment)
        if moment.time() == workbook.NOON:
            written = moment.date().isoformat()
        answers = product.lines("standing", "--on", written, "--json")
        assert {answer["vin"] for answer in answers} == set(product.facts.vehicles)
        assert len(answers) == len(product.facts.vehicles)
        differences = []
        asked_day = rule.rulebook_since(moment)
        for answer in answers:
            vehicle = product.facts.vehicles[answer["vin"]]
            assert instant(answer["on"]) == moment
            assert answer["rulebook_since"] == (asked_day and asked_day.isoformat())
            told, asked = [step_told(answer)], [rule.step_at(vehicle, moment)]
            differences += compare_steps(f"{vehicle.vin} on {written}", told, asked)
        agree(differences, len(answers))


def run_days(facts: Facts) -> list[date]:
    """Ascending days, some of them the very day on which a need opens or a policy begins."""
    chances = random.Random(SEEDS + 1)  # noqa: S311  # the same days for the same seeds
    policies = [policy for policy in facts.policies.values() if policy.first_day >= rule.RULE_DAY]
    days: set[date] = set()
    while len(days) < RUN_DAYS:
        policy = chances.choice(policies)
        offset = chances.choice((-16, -15, -14, 0, 1))
        days.add(chances.choice((policy.first_day, policy.last_day + timedelta(days=offset))))
    days.add(date(2026, 5, 4))
    return sorted(day for day in days if day >= rule.RULE_DAY)


def key_told(item: dict[str, Any]) -> rule.NeedKey:
    expiry, opens = date.fromisoformat(item["expiry_day"]), date.fromisoformat(item["opens_on"])
    return (item["vin"], item["kind"], item["policy_number"], expiry, opens)


def test_renewals_that_the_daily_runs_open_and_close(product: Product) -> None:
    """A need that came and went between two runs may be told twice or not at all."""
    days = run_days(product.facts)
    for day, (opened, closed) in zip(days, rule.run_days(product.facts, days), strict=True):
        answer = json.loads(product.flask("run-day", "--on", day.isoformat(), "--json"))
        assert answer["on"] == day.isoformat()
        told_opened = {key_told(item): item["late"] for item in answer["opened"]}
        told_closed = {key_told(item) for item in answer["closed"]}
        assert len(told_opened) == len(answer["opened"]), f"opened twice on {day}"
        assert all(item["why"] for item in answer["closed"])
        passing = set(told_opened) & told_closed
        asked_opened = {rule.key_of(need): need.late for need in opened}
        differences = [
            f"{name} on {day}: {key}"
            for name, keys in (
                ("not opened", set(asked_opened) - set(told_opened)),
                ("wrongly opened", set(told_opened) - set(asked_opened) - passing),
                ("not closed", closed - told_closed),
                ("wrongly closed", told_closed - closed - passing),
                (
                    "late or not",
                    {
                        k
                        for k in asked_opened
                        if told_opened.get(k) is not asked_opened[k] and k in told_opened
                    },
                ),
            )
            for key in sorted(keys)
        ]
        agree(differences, len(asked_opened) + len(closed))
    again = json.loads(product.flask("run-day", "--on", days[-1].isoformat(), "--json"))
    assert (again["opened"], again["closed"]) == ([], [])


def test_decisions_on_a_sheet_of_claims(product: Product) -> None:
    sheet, out = product.folder / "claims.csv", product.folder / "decided.csv"
    product.flask("check-reimbursements", str(sheet), "--out", str(out), exits=1)
    with out.open(encoding="utf-8-sig", newline="") as file:
        told = list(csv.DictReader(file))
    asked = reimbursement.decide_sheet(product.claims, product.facts)
    assert [row["amount"] for row in told] == [row["amount"] for row in product.claims]
    assert set(told[0]) >= {*product.claims[0], "decision", "reasons"}
    differences = [
        f"{row}\n  {row['decision']}: {row['reasons']}\n  {decision}: {' '.join(reasons)}"
        for row, (decision, reasons) in zip(told, asked, strict=True)
        if (row["decision"], row["reasons"]) != (decision, " ".join(reasons))
    ]
    agree(differences, len(asked))


def test_a_second_import_changes_nothing(product: Product) -> None:
    before = product.flask("timeline", "--json")
    product.flask("import", str(product.folder / "group"), "--json")
    assert sorted(product.flask("timeline", "--json").splitlines()) == sorted(before.splitlines())
