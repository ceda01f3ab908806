"""Why a renewal is no longer needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fleet.rulebook.book import Rulebook
from fleet.rulebook.cover import Policy, Vehicle
from fleet.rulebook.renewal import cover_ends
from fleet.words import last_day, noon

INSURED = "insured"
LEFT_FLEET = "left_fleet"
LAID_UP = "laid_up"
EXPIRY_CHANGED = "expiry_changed"

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Open:
    """An open renewal as the rule sees it: which kind of policy, which expiry day."""

    kind: str
    expiry_day: date


def why_closed(
    vehicle: Vehicle, policies: Sequence[Policy], renewal: Open, book: Rulebook, day: date
) -> str:
    """Return why a renewal is not needed on a day any more, the first that applies (3.3).

    `insured`: cover reaches past the expiry day. `left_fleet`, `laid_up`: on that day, or the
    day after the expiry day, the vehicle is not in service. `expiry_changed`: the policy was
    cancelled, corrected or taken away, so that cover ends on another day.
    """
    reached = cover_ends(policies, renewal.kind, noon(day, book.zone))
    if reached is not None and last_day(reached, book.zone) > renewal.expiry_day:
        return INSURED
    asked = (day, renewal.expiry_day + _DAY)
    if not all(vehicle.service.contains(one) for one in asked):
        return LEFT_FLEET
    if any(days.contains(one) for days in vehicle.lay_ups for one in asked):
        return LAID_UP
    return EXPIRY_CHANGED
