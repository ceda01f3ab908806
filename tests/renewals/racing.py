"""Processes that run a day, or do something to a request, when all are ready."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

from fleet.settings import Settings
from tests import forks

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier


def race(settings: Settings, days: list[date], *, guarded: bool = True) -> list[Any]:
    """Run some days at the same moment, a process each; answers reports or errors' names."""
    return forks.at_once(_run, [(settings, day, guarded) for day in days])


def _run(settings: Settings, day: date, guarded: bool, start: Barrier, answers: Any) -> None:
    from app import create_app
    from fleet.renewals import daily
    from tests.renewals.records import AT, BY

    if not guarded:
        daily.take_turn = lambda _job, _at: None
        daily.to_look_at = lambda _day, _last: None  # who takes the same word also waits
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


# People and the job at once


def at_once(settings: Settings, plans: list[list[tuple[str, Any]]]) -> list[list[Any]]:
    """Let each process go through its plan, every step of it at the same moment as the others.

    Answers what each plan's steps came to: how many were moved, or an error's name.
    """
    told = [(settings, nth, plan) for nth, plan in enumerate(plans)]
    found = dict(forks.at_once(_go_through, told))
    return [found[nth] for nth in range(len(plans))]


def _go_through(
    settings: Settings, nth: int, plan: list[tuple[str, Any]], start: Barrier, answers: Any
) -> None:
    from app import create_app
    from fleet.storage import EVERYTHING, db, limit_to

    came_to: list[Any] = []
    with create_app(settings).app_context():
        for deed, what in plan:
            limit_to(EVERYTHING)
            seen = _state_of(what) if deed == "accept unguarded" else None
            start.wait()
            try:
                came_to.append(_do(deed, what, seen))
            except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
                came_to.append(type(error).__name__)
            db.session.remove()
    answers.put((nth, came_to))


def _do(deed: str, what: Any, seen: str | None) -> Any:
    from fleet.renewals import daily, service
    from tests.renewals.records import BY, X
    from tests.renewals.slow_rule import noon

    told = {"by": BY, "at": noon(X)}
    if deed == "run":
        _linger(daily)
        return len(daily.run_day(what, **told)["closed"])
    if deed == "ask new":
        return service.ask_new(what, "commercial", **told).id
    if deed == "accept unguarded":
        return _accept_by_what_was_seen(what, seen)
    does = {
        "submit": lambda: service.submit([what], **told),
        "accept": lambda: service.accept([what], **told),
        "place": lambda: service.place([what], "DEMO-A", **told),
        "withdraw": lambda: service.withdraw([what], "sold", None, **told),
    }
    return len(does[deed]().moved)


def _state_of(request_id: int) -> str:
    from fleet.renewals.moving import request_of
    from fleet.storage import db

    state = request_of(request_id).state
    db.session.rollback()
    return state


def _accept_by_what_was_seen(request_id: int, seen: str | None) -> int:
    """The control: decided by what the page showed, written over whatever stands there now."""
    from sqlalchemy import insert, update

    from fleet.renewals.tables import CoverRequest, RequestMove
    from fleet.storage import act, db
    from tests.renewals.records import AT, BY

    if seen != "submitted":
        return 0
    with act("accept_request", by=BY, at=AT):
        table = CoverRequest.__table__
        db.session.execute(update(table).where(table.c.id == request_id).values(state="accepted"))
        step = {"request_id": request_id, "at": AT, "by": BY.name, "move": "accept"}
        step |= {"before": seen, "after": "accepted"}
        db.session.execute(insert(RequestMove.__table__), [step])
    return 1
