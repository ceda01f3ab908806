"""The process that keeps the clock and runs the tasks: it asks what is due, the tables answer."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from time import monotonic

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask, current_app

from fleet.storage import db
from fleet.web import clock
from fleet.work.pulse import pulses
from fleet.work.running import LEASE
from fleet.work.service import last_run
from fleet.work.tasks import run_next, sweep

log = logging.getLogger(__name__)

DAILY = "run-day"
LOOK_AGAIN = timedelta(minutes=10)
_PARENT_SECONDS = 2.0
_TASK_SECONDS = 1.0
_LIFE_SECONDS = 2.0
_ALSO_SECONDS = 3.0
_SWEEP_SECONDS = 3600.0
_STOP_SECONDS = 10.0

RunDay = Callable[[date], object]
Work = Callable[[], object]


def keep_clock(
    run_day: RunDay,
    beside: int | None = None,
    *,
    also: Sequence[Work] = (),
    lease: timedelta = LEASE,
) -> None:
    """Run the daily job, the tasks that people ask for, and what else there is, until told to stop.

    The daily job runs at its time, and at once for a day missed. `also` is called every few
    seconds, each in a thread and an application context of its own, so that none waits for
    another; what it raises is logged, and it is called again. SIGTERM and SIGINT let a daily run
    under way finish, give a task back, and end the process; so does the end of the process
    `beside`, the server that started this one.
    """
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001 - for the ticker's threads
    stopped = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopped.set())
    look = _looker(app, run_day, threading.Lock())
    ticker = _ticker(app, look)
    ticker.start()
    threads = _start(app, stopped, also, lease)
    look()
    while not stopped.wait(_PARENT_SECONDS):
        if beside is not None and os.getppid() != beside:
            break
    _finish(stopped, threads)
    ticker.shutdown(wait=True)


def _start(
    app: Flask, stopped: threading.Event, also: Sequence[Work], lease: timedelta
) -> list[threading.Thread]:
    """A thread for each thing done over and over."""
    kept: list[tuple[Work, float]] = [
        (partial(_run_tasks, stopped, lease), _TASK_SECONDS),
        (lambda: pulses().worker_lives(clock.now()), _LIFE_SECONDS),
        (lambda: sweep(clock.now()), _SWEEP_SECONDS),
        *((work, _ALSO_SECONDS) for work in also),
    ]
    threads = [
        threading.Thread(target=_over_and_over, args=(app, stopped, work, seconds), daemon=True)
        for work, seconds in kept
    ]
    for thread in threads:
        thread.start()
    return threads


def _over_and_over(app: Flask, stopped: threading.Event, work: Work, seconds: float) -> None:
    while not stopped.is_set():
        with app.app_context():
            try:
                work()
            except Exception:  # the next turn tries again
                log.exception("the worker goes on after an error")
                db.session.rollback()
        stopped.wait(seconds)


def _run_tasks(stopped: threading.Event, lease: timedelta) -> None:
    """Run one task after the other as long as any waits."""
    while not stopped.is_set() and run_next(clock.now(), stop=stopped, lease=lease):
        db.session.remove()


def _finish(stopped: threading.Event, threads: Sequence[threading.Thread]) -> None:
    """Let a task under way give itself back; one that does not is taken up after its lease."""
    stopped.set()
    last = monotonic() + _STOP_SECONDS
    for thread in threads:
        thread.join(max(0.0, last - monotonic()))
    pulses().worker_ends()


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
