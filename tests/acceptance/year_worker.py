"""The worker of a simulated year: it lives day after day by a clock that the test sets.

It runs in a process of its own, and may be killed at any moment. Each day it does what
`flask worker` does: the daily job if it is due, then what is to be sent. Then it writes down
which requests stood open, for the test to judge.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import time_machine
from sqlalchemy import select

from fleet.settings import Settings
from fleet.storage import Actor, db, everyone

CLOCK = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)


def live(settings: Settings, first: date, last: date, told: Path) -> None:
    """Live the days from `first` to `last`, both included."""
    from app import create_app

    app = create_app(settings)
    day = first
    while day <= last:
        with time_machine.travel(at(day, time(9)), tick=False), app.app_context():
            _one_day(day, told)
        day += DAY


def at(day: date, clock: time) -> datetime:
    """An instant of the company's clock."""
    return datetime.combine(day, clock, CLOCK).astimezone(UTC)


def _one_day(day: date, told: Path) -> None:
    from fleet.notices.sending import send_due
    from fleet.renewals.daily import run_day
    from fleet.web import clock
    from fleet.work.worker import run_if_due

    def job(due: date) -> object:
        return run_day(due, by=Actor(None, "daily job"), at=clock.now())

    run_if_due(job, clock.now())
    send_due(clock.now())
    _write_down(day, told)


def _write_down(day: date, told: Path) -> None:
    """The requests open after the day, a line; half a line is no line: the test drops it."""
    from fleet.renewals.rules import OPEN
    from fleet.renewals.tables import CoverRequest

    columns = (
        CoverRequest.id,
        CoverRequest.vehicle_id,
        CoverRequest.kind,
        CoverRequest.expiry_day,
        CoverRequest.opened_on,
        CoverRequest.state,
    )
    with everyone():
        rows = db.session.execute(select(*columns).where(CoverRequest.state.in_(OPEN))).all()
    line = json.dumps([day.isoformat(), [[str(cell) for cell in row] for row in rows]])
    with told.open("a") as file:
        file.write(line + "\n")
    db.session.remove()
