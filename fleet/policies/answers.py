"""What the shell and the API answer about a vehicle's standing, as `formats/interfaces.md` says.

Kept apart from the verbs: these only read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from flask import current_app

from fleet.policies.facts import VehicleFacts, facts
from fleet.rulebook.book import Rulebook
from fleet.rulebook.cover import Standing, Step, standing, timeline
from fleet.web import moments
from fleet.words import Finding

Answer = dict[str, Any]


def standings(on: datetime, vehicle_ids: Iterable[int] | None = None) -> Iterator[Answer]:
    """Yield each vehicle's standing at a moment with the bounds of its step, in VIN order."""
    for one in facts(vehicle_ids):
        yield standing_answer(one, on)


def timelines(vehicle_ids: Iterable[int] | None = None) -> Iterator[Answer]:
    """Yield every step of each vehicle, oldest first, in VIN order."""
    for one in facts(vehicle_ids):
        steps = timeline(one.vehicle, one.policies, _book())
        yield {"vin": one.vehicle.vin, "steps": [_step(step) for step in steps]}


def standing_answer(one: VehicleFacts, on: datetime) -> Answer:
    """A vehicle's standing at a moment; details are of the moment, bounds of the step."""
    book = _book()
    steps = timeline(one.vehicle, one.policies, book)
    step = next(step for step in reversed(steps) if step.since is None or step.since <= on)
    now = standing(one.vehicle, one.policies, book, on)
    return {"vin": one.vehicle.vin, "on": moments.instant(on, book.zone), **_told(step, now)}


def _step(step: Step) -> Answer:
    return _told(step, step)


def _told(step: Step, now: Standing | Step) -> Answer:
    zone = _book().zone
    return {
        "standing": now.standing,
        "since": moments.instant(step.since, zone),
        "until": moments.instant(step.until, zone),
        "shortfalls": [_finding(one) for one in now.shortfalls],
        "spared": [_finding(one) for one in now.spared],
        "rulebook_since": moments.day(now.rulebook_since),
    }


def _finding(one: Finding) -> Answer:
    return {
        "code": one.code,
        "clause": one.clause,
        "found": one.found,
        "required": one.required,
    }


def _book() -> Rulebook:
    book: Rulebook = current_app.extensions["rulebook"]
    return book
