"""Somebody to ask for tasks, and jobs to ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flask import Flask

from fleet.people.tables import User
from fleet.storage import EVERYTHING, Actor, Scope, db
from fleet.work import tasks
from fleet.work.running import Running
from fleet.work.tables import Task

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)


def asker(name: str = "asker") -> Actor:
    """A person, as the history names them."""
    user = User(email=f"{name}@example.org", name=name.title(), fs_uniquifier=name)
    db.session.add(user)
    db.session.commit()
    return Actor(user.id, user.email)


def ask(
    by: Actor,
    kind: str = "count",
    *,
    scope: Scope = EVERYTHING,
    language: str = "en",
    at: datetime = AT,
    **arguments: Any,
) -> Task:
    """Ask for a task of a kind."""
    assert by.id is not None
    return tasks.ask(kind, arguments, user_id=by.id, scope=scope, language=language, by=by, at=at)


@contextmanager
def offering(app: Flask, **jobs: Callable[[Running], None]) -> Iterator[None]:
    """Offer jobs for the length of a block: the application is lent to the next test."""
    kept = dict(app.extensions.get("fleet_jobs", {}))
    for kind, job in jobs.items():
        tasks.offer(app, kind, job)
    yield
    app.extensions["fleet_jobs"] = kept


def until(holds: Callable[[], Any], seconds: float = 20) -> Any:
    """What `holds` answers as soon as it is true; fails after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := holds():
            return found
        time.sleep(0.05)
    raise AssertionError("waited in vain")
