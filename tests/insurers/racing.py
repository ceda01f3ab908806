"""Processes that designate the same insurer at the same moment."""

from __future__ import annotations

import time
from datetime import date
from typing import TYPE_CHECKING, Any

from fleet.settings import Settings
from tests import forks

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier


def race(
    settings: Settings, periods: list[tuple[date, date]], *, guarded: bool = True
) -> list[str]:
    """Designate for each period at once, a process each; answers `done` or the error's name."""
    return sorted(forks.at_once(_run, [(settings, period, guarded) for period in periods]))


def _run(
    settings: Settings, period: tuple[date, date], guarded: bool, start: Barrier, answers: Any
) -> None:
    from app import create_app
    from fleet.insurers import service
    from fleet.people.tables import Region
    from fleet.storage import EVERYTHING, db, limit_to
    from fleet.words import Days
    from tests.policies.records import WHO

    look = service.overlapping

    def lingering(*args: Any) -> Any:
        """Stay between looking and writing, where another process could come in."""
        found = look(*args)
        time.sleep(0.5)
        return found

    service.overlapping = lingering
    if not guarded:
        service._locked = service.insurer_of
    with create_app(settings).app_context():
        limit_to(EVERYTHING)
        region = db.session.scalars(db.select(Region)).one()
        start.wait()
        try:
            service.designate(region, "DEMO-A", Days(*period), **WHO)
            answers.put("done")
        except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
            answers.put(type(error).__name__)
