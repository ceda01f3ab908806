"""A process that runs a day when all are ready."""

from __future__ import annotations

import time
from datetime import date
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from fleet.settings import Settings

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier


def race(settings: Settings, days: list[date], *, guarded: bool = True) -> list[Any]:
    """Run some days at the same moment, a process each; answers reports or errors' names."""
    spawned = get_context("spawn")
    start, answers = spawned.Barrier(len(days)), spawned.Queue()
    processes = [
        spawned.Process(target=_run, args=(settings, day, guarded, start, answers)) for day in days
    ]
    for process in processes:
        process.start()
    found = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    return found


def _run(settings: Settings, day: date, guarded: bool, start: Barrier, answers: Any) -> None:
    from app import create_app
    from fleet.renewals import daily
    from tests.renewals.records import AT, BY

    if not guarded:
        daily.take_turn = lambda _job, _at: None
        _insert_plainly(daily)
    _linger(daily)
    with create_app(settings).app_context():
        start.wait()
        try:
            answers.put(daily.run_day(day, by=BY, at=AT))
        except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
            answers.put(type(error).__name__)


def _insert_plainly(daily: Any) -> None:
    """Insert without a word for rows that are there already."""
    from sqlalchemy import insert

    from fleet.storage import db

    def plainly(fresh: list[dict[str, Any]]) -> set[Any]:
        if fresh:
            db.session.execute(insert(daily.CoverRequest.__table__), fresh)
        return {daily.Key(one["vehicle_id"], one["kind"], one["expiry_day"]) for one in fresh}

    daily._insert = plainly


def _linger(daily: Any) -> None:
    """Stay between looking and writing, where another process could come in."""
    write = daily._write_opened

    def lingering(*args: Any) -> Any:
        time.sleep(0.5)
        return write(*args)

    daily._write_opened = lingering
