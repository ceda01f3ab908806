"""A sheet of claims end to end, beside the same claims checked one by one over the API.

The sheet goes in over HTTP, a `flask worker` of its own decides it, the result is fetched. The
worker's peak memory is told for each size; so is that of the parser's process for either form.

    python benchmarks/sheets.py [--rows 1000,10000,100000] [--vehicles 25000] [--form csv]
"""

from __future__ import annotations

import argparse
import csv
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import xlsxwriter
from flask import Flask

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app import create_app  # noqa: E402 - the house is found from here
from benchmarks import check_http  # noqa: E402
from fleet.settings import read_settings  # noqa: E402
from fleet.web import clock  # noqa: E402
from fleet.work.pulse import worker_is_alive  # noqa: E402

API = "/api/v1/reimbursements"
LEAST = 5  # times the speed of one by one
MOST_GROWN = 80  # MB from the smallest sheet to the largest: SQLite keeps 64 MB of its pages
MOST_PARSER_GROWN = 30  # MB likewise: texts that cells share are kept, rows are not
MEGABYTE = 1024
HEADINGS = (
    *("company", "policy_number", "insurer", "invoice_number", "invoice_date", "invoice_total"),
    *("vehicle_tax", "buyer_credit_code", "amount"),
)


def rows(count: int) -> Iterator[list[str]]:
    """Claims on the compulsory policies in turn; once all are claimed, the next are refused."""
    for serial in range(count):
        policy = check_http.number(2 * (serial % (2 * check_http.VEHICLES)) + 1)
        invoice = f"26{serial:017d}7"
        sums = ("950.00", "300.00", check_http.CREDIT, "1250.00")
        yield ["C", policy, "I", invoice, "2025-03-02", *sums]


def write(path: Path, count: int) -> Path:
    """A sheet as a spreadsheet program writes it."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([HEADINGS, *rows(count)])
        return path
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for line, cells in enumerate([HEADINGS, *rows(count)]):
            sheet.write_row(line, 0, cells)
    return path


@contextmanager
def working(app: Flask, environment: dict[str, str]) -> Iterator[int]:
    """A worker; answers its process id once it lives: before, the server would do the work."""
    command = [sys.executable, "-m", "flask", "--app", "app", "worker"]
    worker = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment)
    try:
        with app.app_context():
            while not worker_is_alive(clock.now()):
                time.sleep(0.2)
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait(timeout=20)


def peak(pid: int) -> float:
    """The most memory a process ever held, in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith("VmHWM"))
    return int(line.split()[1]) / MEGABYTE


def parser_peak(path: Path) -> float:
    """The most memory the parser's process holds for a file, in megabytes."""
    command = [sys.executable, "-I", str(ROOT / "fleet" / "web" / "reading_child.py"), str(path)]
    child, most = subprocess.Popen(command, stdout=subprocess.DEVNULL), 0.0
    while child.poll() is None:
        with suppress(OSError, StopIteration):  # it ended between the two
            most = max(most, peak(child.pid))
        time.sleep(0.01)
    return most


def call(port: int, method: str, path: str, body: bytes = b"", form: str = "") -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    headers = {"Authorization": f"Bearer {check_http.TOKEN}"} | (
        {"Content-Type": form} if form else {}
    )
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    said = answer.read()
    if answer.status >= http.client.BAD_REQUEST:
        raise SystemExit(f"{path}: {answer.status} {said[:300]!r}")
    return said


def end_to_end(port: int, path: Path) -> tuple[float, dict[str, Any]]:
    """Seconds from handing a sheet in until its result is here, and what was told of it."""
    mark = uuid.uuid4().hex
    head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
    body = f"{head}Content-Type: text/csv\r\n\r\n".encode() + path.read_bytes()
    body += f"\r\n--{mark}--\r\n".encode()
    begun = time.monotonic()
    form = f"multipart/form-data; boundary={mark}"
    number = json.loads(call(port, "POST", f"{API}/sheets", body, form))["id"]
    while True:
        told = json.loads(call(port, "GET", f"{API}/sheets/{number}"))
        if told["state"] not in ("queued", "running"):
            break
        time.sleep(0.2)
    if told["state"] != "done":
        raise SystemExit(f"the sheet ended {told['state']}: {told['problem']}")
    call(port, "GET", told["result"])
    return time.monotonic() - begun, told


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", default="1000,10000,100000")
    options.add_argument("--vehicles", type=int, default=25_000)
    options.add_argument("--form", choices=("csv", "xlsx"), default="csv")
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--database", help="A PostgreSQL address with nothing in it.")
    chosen = options.parse_args()
    check_http.VEHICLES = chosen.vehicles

    with tempfile.TemporaryDirectory(prefix="fleet-sheets-") as name:
        folder = Path(name)
        environment = {
            "FLEET_INSTANCE": str(folder),
            "FLEET_DATABASE_URL": chosen.database or f"sqlite:///{folder / 'fleet.sqlite3'}",
            "FLEET_ENVIRONMENT": "development",
        }
        app = create_app(read_settings(environment))
        check_http.fill(app)
        # The day's own job first: a worker would run it beside, and its memory would count.
        day = [sys.executable, "-m", "flask", "--app", "app", "run-day"]
        subprocess.run(day, cwd=ROOT, env=os.environ | environment, check=True)
        peaks, parser, speed = [], [], 0.0
        with check_http.served("app:create_app()", ROOT, environment) as port:
            for count in map(int, chosen.rows.split(",")):
                path = write(folder / f"claims.{chosen.form}", count)
                with working(app, environment) as worker:
                    seconds, told = end_to_end(port, path)
                    peaks.append(peak(worker))
                speed = count / seconds
                forms = (write(folder / f"claims.{form}", count) for form in ("csv", "xlsx"))
                parser.append([parser_peak(one) for one in forms])
                print(
                    f"{count:8} rows: {speed:7.0f} rows/s, worker {peaks[-1]:5.0f} MB, parser "
                    f"{parser[-1][0]:3.0f} MB (csv) {parser[-1][1]:3.0f} MB (xlsx), "
                    f"{told['counts']}",
                    flush=True,
                )
            check_http.ask(port, f"{API}/check", 1, 1)
            alone = check_http.ask(port, f"{API}/check", 1, chosen.seconds)
            four = check_http.ask(port, f"{API}/check", 4, chosen.seconds)
        print(f"one by one over the API: {alone:7.0f} claims/s; by four at once: {four:.0f}")
        print(f"a sheet is {speed / alone:.1f} times as fast; asked for: {LEAST}")
        grown = peaks[-1] - peaks[0]
        print(f"the worker's peak grew by {grown:.0f} MB; at most: {MOST_GROWN}")
        parsed = max(last - first for first, last in zip(parser[0], parser[-1], strict=True))
        print(f"the parser's peak grew by {parsed:.0f} MB; at most: {MOST_PARSER_GROWN}")
    is_flat = grown <= MOST_GROWN and parsed <= MOST_PARSER_GROWN
    return 0 if speed >= LEAST * alone and is_flat else 1


if __name__ == "__main__":
    sys.exit(main())
