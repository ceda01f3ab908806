"""Speed over the real portfolio that es_motor.py imported: import again, daily job, summary.

    python benchmarks/portfolio.py --workdir DIR

DIR is what es_motor.py worked in: its workbook and its database. Measured are the import of
the whole workbook into a fresh database (rows a second, the process's start included), the
import of the same file again (which changes nothing), one day's run, and
GET /api/v1/standing/summary over HTTP with two workers (median of many calls).
"""

import argparse
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CALLS = 60
EMAIL = "bench@portfolio.example"


class Shell:
    """The product's commands over one database."""

    def __init__(self, workdir: Path, name: str) -> None:
        self.environment = os.environ | {
            "FLEET_DATABASE_URL": f"sqlite:///{workdir / name}",
            "FLEET_INSTANCE": str(workdir / "instance"),
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "flask", "--app", "app", *arguments]

    def flask(self, *arguments: str) -> tuple[str, float]:
        """What a command prints and the seconds it took."""
        began = time.perf_counter()
        done = subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout, time.perf_counter() - began


def count_rows(workbook: Path) -> int:
    return sum(
        len(sheet.read_text(encoding="utf-8").splitlines()) - 1 for sheet in workbook.glob("*.csv")
    )


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def serving(shell: Shell) -> Iterator[int]:
    """The product's own server on a free port, ended by its process id."""
    port = free_port()
    server = subprocess.Popen(
        shell.command("serve", "--port", str(port), "--workers", "2", "--no-worker"),
        cwd=ROOT,
        env=shell.environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait(20)


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    message = f"no server on port {port}"
    raise RuntimeError(message)


def make_token(shell: Shell) -> str:
    shell.flask("user", "create", EMAIL, "--role", "auditor", "--no-password")
    return shell.flask("token", "create", EMAIL)[0].strip()


def summary_times(port: int, token: str, on: str) -> tuple[list[float], dict[str, int]]:
    """Milliseconds of each call, and the counts answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {token}"}
    times: list[float] = []
    counts: dict[str, int] = {}
    for _ in range(CALLS):
        began = time.perf_counter()
        connection.request("GET", f"/api/v1/standing/summary?on={on}", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - began) * 1000)
        if answer.status != http.client.OK:
            raise RuntimeError(body.decode())
        counts = json.loads(body)["counts"]
    return times, counts


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--workdir", type=Path, required=True)
    workdir: Path = parser.parse_args().workdir.resolve()
    workbook = workdir / "workbook"
    shell = Shell(workdir, f"portfolio-{datetime.now(UTC):%H%M%S}.sqlite3")
    shell.flask("db", "upgrade")
    rows = count_rows(workbook)
    for title in ("import into an empty database", "import of the same file again"):
        _, seconds = shell.flask("import", str(workbook), "--json")
        print(f"{title:<34}{rows:>9,} rows {seconds:8.1f} s {rows / seconds:10,.0f} rows/s")
    for day in ("2017-03-01", "2017-03-02", "2017-03-03"):
        said, seconds = shell.flask("run-day", "--on", day, "--json")
        opened = len(json.loads(said)["opened"])
        print(f"run-day {day:<26}{opened:>9,} opened {seconds:6.1f} s (its start included)")
    token = make_token(shell)
    with serving(shell) as port:
        for on in ("2017-03-01", "2019-01-01"):
            times, counts = summary_times(port, token, on)
            cold, rest = times[0], sorted(times[1:])
            print(
                f"standing/summary on {on:<14}{sum(counts.values()):>9,} vehicles "
                f"median {statistics.median(rest):6.1f} ms, 95 % {rest[int(len(rest) * 0.95)]:.1f}"
                f" ms, first {cold:.1f} ms"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
