"""The clock: which day is due, that it runs once, that the process stops when told."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from datetime import time as clock_time
from pathlib import Path

import pytest

from fleet.settings import Settings
from fleet.storage import Actor, act
from fleet.work.service import last_run, note_run
from fleet.work.worker import _over_and_over, due_day, run_if_due
from tests.work.processes import Start, starting
from tests.work.tasking import until

TODAY = date(2026, 3, 2)


def local(hour: int, minute: int) -> datetime:
    return datetime(2026, 3, 2, hour, minute)  # noqa: DTZ001 - only its clock time is read


@pytest.mark.parametrize(
    ("now", "daily", "due"),
    [
        (local(0, 0), "00:10", date(2026, 3, 1)),
        (local(0, 9), "00:10", date(2026, 3, 1)),
        (local(0, 10), "00:10", TODAY),
        (local(23, 59), "00:10", TODAY),
        (local(0, 0), "00:00", TODAY),
    ],
)
def test_the_day_due_begins_at_the_daily_time(now, daily, due):
    assert due_day(now, clock_time.fromisoformat(daily)) == due


def ran(day: date) -> None:
    with act("run-day", by=Actor(None, "test"), at=datetime.now(UTC)):
        note_run("run-day", day, datetime.now(UTC))


NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)


def test_a_day_that_did_not_run_is_run_now(session):
    days: list[date] = []
    assert run_if_due(days.append, NOW) == TODAY
    assert days == [TODAY]


def test_days_missed_are_made_up_by_one_run(session):
    ran(date(2026, 2, 20))
    days: list[date] = []
    run_if_due(days.append, NOW)
    assert days == [TODAY]


def test_a_day_that_ran_is_not_run_again(session):
    run_if_due(ran, NOW)
    assert last_run("run-day") == TODAY
    assert run_if_due(ran, NOW) is None


def test_a_run_for_a_later_day_leaves_nothing_due(session):
    ran(date(2026, 3, 5))
    assert run_if_due(ran, NOW) is None


def test_a_failed_run_stays_due(session):
    def fail(_day: date) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        run_if_due(fail, NOW)
    assert run_if_due(ran, NOW) == TODAY


def test_what_is_done_over_and_over_goes_on_after_an_error(session, app, caplog):
    stopped, seen = threading.Event(), []

    def work() -> None:
        seen.append(last_run("run-day"))
        if len(seen) == 1:
            raise ZeroDivisionError
        stopped.set()

    _over_and_over(app, stopped, work, 0.01)
    assert seen == [None, None]
    assert "ZeroDivisionError" in caplog.text


# ---------------------------------------------------------------------- the processes


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Starts a command of ours over this test's database."""
    with starting(settings) as start:
        yield start


def latest_run() -> date | None:
    from fleet.storage import db

    db.session.rollback()
    return last_run("run-day")


def test_the_worker_makes_up_the_day_at_start_and_stops_when_told(session, start):
    worker = start("worker")
    until(latest_run)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0


def children(pid: int) -> list[int]:
    """The children of all its threads."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for one in listed for child in one.read_text().split()]


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def keeps_the_clock(pid: int) -> bool:
    return b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")


@pytest.mark.one_engine
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_server_keeps_the_clock_and_takes_it_along(session, start, free_port, sign):
    server = start("serve", "--port", str(free_port), "--workers", "1")
    assert server.stdout is not None
    assert server.stdout.readline() == f"Serving on http://127.0.0.1:{free_port}\n"
    assert until(latest_run)
    family = until(lambda: len(found := children(server.pid)) == 2 and found)
    clock = next(pid for pid in family if keeps_the_clock(pid))
    server.send_signal(sign)
    server.wait(20)
    until(lambda: not alive(clock))
    if sign == signal.SIGKILL:  # gunicorn's own workers look for their parent now and then only
        for pid in family:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in family))


@pytest.mark.one_engine
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads /proc")
def test_the_server_starts_a_lost_clock_again(session, start, free_port):
    def clocks() -> list[int]:
        return [pid for pid in children(server.pid) if alive(pid) and keeps_the_clock(pid)]

    server = start("serve", "--port", str(free_port), "--workers", "1")
    first = until(clocks)
    os.kill(first[0], signal.SIGKILL)
    until(lambda: (found := clocks()) and found != first)
    server.send_signal(signal.SIGTERM)
    server.wait(20)


@pytest.mark.one_engine
def test_a_server_may_leave_the_clock_to_another(session, start, free_port):
    server = start("serve", "--port", str(free_port), "--workers", "1", "--no-worker")
    assert server.stdout is not None
    server.stdout.readline()
    time.sleep(1)
    assert len(children(server.pid)) == 1
    assert latest_run() is None


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.one_engine
def test_requests_of_one_process_share_no_context(session, start, free_port):
    """gunicorn once inherited the command's context: every request had one g and one session.

    A second visitor's page then carried the first one's token, which their session lacked.
    """
    import http.client

    def token() -> str:
        connection = http.client.HTTPConnection("127.0.0.1", free_port, timeout=20)
        connection.request("GET", "/login")
        body = connection.getresponse().read().decode()
        connection.close()
        return body.partition('name="csrf_token" value="')[2].partition('"')[0]

    server = start("serve", "--port", str(free_port), "--workers", "1", "--no-worker")
    assert server.stdout is not None
    server.stdout.readline()
    first, second = token(), token()
    assert first
    assert first != second


NOT_READ = {
    "GET /api/v1/vehicles?q=" + "a" * 8_200 + " HTTP/1.1\r\nHost: x\r\n\r\n": 414,
    "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + "a" * 9_000 + "\r\n\r\n": 431,
    "GET / HTTP/1.1\r\n" + "".join(f"X-{n}: 1\r\n" for n in range(120)) + "\r\n": 431,
    "nothing that anybody speaks\r\n\r\n": 400,
    "GET / HTTP/1.1\r\nHost: x\r\nX bad: 1\r\n\r\n": 400,
    "GET / HTTP/9.9\r\nHost: x\r\n\r\n": 400,
}


@pytest.mark.one_engine
def test_what_cannot_be_read_as_a_request_is_answered_as_a_problem(session, start, free_port):
    """gunicorn answered a page of HTML, which no call of the API describes."""
    import json
    import socket

    def answered(sent: str) -> bytes:
        with socket.create_connection(("127.0.0.1", free_port), timeout=20) as line:
            line.sendall(sent.encode())
            return b"".join(iter(lambda: line.recv(65_536), b""))

    server = start("serve", "--port", str(free_port), "--workers", "1", "--no-worker")
    assert server.stdout is not None
    server.stdout.readline()
    for sent, status in NOT_READ.items():
        head, _sign, body = answered(sent).partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        assert first.split()[:2] == ["HTTP/1.1", str(status)]
        assert headers["Content-Type"] == "application/problem+json"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert int(headers["Content-Length"]) == len(body)
        assert json.loads(body)["status"] == status
    long = "GET /api/v1/openapi.json?q=" + "a" * 8_100 + " HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert answered(long).startswith(b"HTTP/1.1 200 ")
