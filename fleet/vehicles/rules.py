"""How a vehicle's holdings, plates and lay-ups follow one another, from the days alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from fleet.words import Days


def clash(wanted: Days, others: Iterable[Days]) -> Days | None:
    """The first of the other spells that shares a day with the one wanted, or None."""
    return next((one for one in others if one.overlaps(wanted)), None)


def latest(spells: Sequence[Days]) -> Days | None:
    """The spell that began last, or None."""
    return max(spells, key=lambda one: one.since, default=None)


def running_on(spells: Iterable[Days], day: date) -> Days | None:
    """The spell that a day lies in; else the first that begins later; None where there is none."""
    ordered = sorted(spells, key=lambda one: one.since)
    return next((one for one in ordered if one.until is None or day < one.until), None)
