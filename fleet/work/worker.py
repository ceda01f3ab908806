"""The process that keeps the clock: it asks whether a day is to be run, the table answers."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask, current_app

from fleet.storage import db
from fleet.web import clock
from fleet.work.service import last_run

log = logging.getLogger(__name__)

DAILY = "run-day"
LOOK_AGAIN = timedelta(minutes=10)
_PARENT_SECONDS = 2.0

RunDay = Callable[[date], object]


def keep_clock(run_day: RunDay, beside: int | None = None) -> None:
    """Run the daily job at its time and at once for a day missed, until told to stop.

    SIGTERM and SIGINT let a run under way finish and end the process; so does the end of the
    process `beside`, the server that started this one.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - for the ticker's threads
    stopped = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopped.set())
    look = _looker(app, run_day, threading.Lock())
    ticker = _ticker(app, look)
    ticker.start()
    look()
    while not stopped.wait(_PARENT_SECONDS):
        if beside is not None and os.getppid() != beside:
            break
    ticker.shutdown(wait=True)


def _ticker(app: Flask, look: Callable[[], None]) -> BackgroundScheduler:
    """A scheduler that only ticks: daily at the set time, and often enough to retry a failure."""
    settings = app.extensions["fleet_settings"]
    at = time.fromisoformat(settings.daily_time)
    ticker = BackgroundScheduler(
        timezone=settings.zone,
        # By default a tick more than a second late is dropped: a busy machine would lose days.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    ticker.add_job(look, CronTrigger(hour=at.hour, minute=at.minute, timezone=settings.zone))
    ticker.add_job(look, IntervalTrigger(seconds=int(LOOK_AGAIN.total_seconds())))
    return ticker


def _looker(app: Flask, run_day: RunDay, alone: threading.Lock) -> Callable[[], None]:
    def look() -> None:
        with alone, app.app_context():
            try:
                run_if_due(run_day, clock.now())
            except Exception:  # the clock goes on: the next look tries the day again
                log.exception("the daily job failed; it is tried again")
                db.session.rollback()

    return look


def run_if_due(run_day: RunDay, now: datetime) -> date | None:
    """Run the day that is due unless it ran already; answers the day it ran.

    One run makes up every day missed: a need that opened meanwhile and still stands opens now.
    """
    settings = current_app.extensions["fleet_settings"]
    day = due_day(now.astimezone(settings.zone), time.fromisoformat(settings.daily_time))
    last = last_run(DAILY)
    if last is not None and last >= day:
        return None
    log.info("running the daily job for %s", day)
    run_day(day)
    return day


def due_day(local: datetime, daily: time) -> date:
    """The latest day whose run is due: today from the daily time on, before it yesterday."""
    today = local.date()
    return today if local.time().replace(tzinfo=None) >= daily else today - timedelta(days=1)
