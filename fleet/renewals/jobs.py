"""The room's tasks: letters and long schedules, laid out while nobody waits, fetched when done."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Flask, current_app, url_for

from fleet.renewals import schedule
from fleet.renewals.desk import placement_of
from fleet.renewals.letters import ZIP, Ordered, bundled, file_name, make_letters
from fleet.rulebook.book import Rulebook
from fleet.web.access import Caller, May
from fleet.web.locale import language
from fleet.work import tasks
from fleet.work.running import Running
from fleet.work.tables import Task

LETTERS = "write_letters"


def offer(app: Flask) -> None:
    """Let the room's tasks be run."""
    tasks.offer(app, LETTERS, write, page=_page)
    tasks.offer(app, schedule.SCHEDULE, make_schedule, page=_placement)


def ask_letters(ordered: Ordered, person: Caller, at: datetime) -> Task:
    """Ask for letters on the rows that a person may read; their instant is settled now.

    How many letters they are is known when they are gathered.
    """
    arguments = {
        "paper": ordered.paper,
        "at": ordered.at.isoformat(),
        "language": ordered.language,
        "company": ordered.company,
        "region": ordered.region,
    }
    return tasks.ask(
        LETTERS,
        arguments,
        user_id=person.id,
        scope=person.scope(May.READ),
        language=language(),
        by=person.actor,
        at=at,
    )


def write(running: Running) -> None:
    """Make the letters, and leave them to be fetched: one PDF, or an archive of several."""
    book: Rulebook = current_app.extensions["rulebook"]
    told = running.arguments
    ordered = Ordered(**{**told, "at": datetime.fromisoformat(told["at"])})
    made = make_letters(ordered, book, running.progress)
    name = file_name(ordered, book.zone)
    if len(made) > 1:
        running.result(f"{name}.zip", ZIP, bundled(name, made))
    else:
        running.result(f"{name}.pdf", "application/pdf", made[0])


def _page(arguments: dict[str, Any]) -> str:
    return url_for(
        "letters.index",
        paper=arguments["paper"],
        company=arguments["company"] or None,
        region=arguments["region"] or None,
        language=arguments["language"],
    )


def make_schedule(running: Running) -> None:
    """Lay a placement's schedule out, part by part, and leave it to be fetched."""
    placement = placement_of(running.arguments["placement"])
    total = running.total

    def told(parts: int) -> None:
        running.progress(min(parts * schedule.AT_ONCE, total), total)

    document = schedule.as_pdf(placement, told)
    running.result(f"{schedule.name_of(placement)}.pdf", schedule.PDF, document)


def _placement(arguments: dict[str, Any]) -> str:
    return url_for("placements.show", placement_id=arguments["placement"])
