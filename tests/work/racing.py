"""A process that takes a task up when all are ready."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fleet.settings import Settings
from tests import forks

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier


def race(settings: Settings, now: datetime, *, guarded: bool = True) -> list[Any]:
    """Let two take a task up at the same moment; answers what each got, its number or None."""
    return forks.at_once(_run, [(settings, now, guarded)] * 2)


def _run(settings: Settings, now: datetime, guarded: bool, start: Barrier, answers: Any) -> None:
    from app import create_app
    from fleet.work import tasks

    if not guarded:
        tasks._as_seen = lambda task: tasks.Task.id == task.id
    _linger(tasks)
    with create_app(settings).app_context():
        start.wait()
        running = tasks.claim(now)
        answers.put(running.task_id if running else None)


def _linger(tasks: Any) -> None:
    """Stay between looking and taking up, where another process could come in."""
    moved = tasks._moved

    def lingering(*args: Any) -> bool:
        time.sleep(0.5)
        return bool(moved(*args))

    tasks._moved = lingering
