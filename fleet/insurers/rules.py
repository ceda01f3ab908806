"""What keeps designations apart, decided from the days alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from fleet.words import Days


def overlapping(wanted: Days, others: Iterable[Days]) -> Days | None:
    """The first of the other periods that shares a day with the one wanted, or None."""
    return next((one for one in others if one.overlaps(wanted)), None)


def runs_on(period: Days, day: date) -> bool:
    """Whether a designation holds on a day (3.1)."""
    return period.contains(day)
