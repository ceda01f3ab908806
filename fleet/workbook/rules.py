"""What rows of a workbook say together: spells that overlap, covers twice, the latest holder.

What one cell says is read by `fleet/web/cells.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fleet.words import Days, Period


def stripped(text: str) -> str | None:
    """A code of digits without its leading zeros; None where it is no number."""
    return text.lstrip("0") or "0" if text.isascii() and text.isdigit() else None


def first_overlap(spells: Iterable[tuple[Days, int]]) -> list[tuple[int, int]]:
    """Of spells with their row numbers: each that shares a day with an earlier one, and that one.

    Spells are taken by their first day; an overlapping one is left out of what follows.
    """
    found: list[tuple[int, int]] = []
    kept: tuple[Days, int] | None = None
    for days, number in sorted(spells, key=lambda spell: (spell[0].since, spell[1])):
        if kept is not None and kept[0].overlaps(days):
            found.append((number, kept[1]))
        else:
            kept = (days, number)
    return found


def clashing_covers(
    lines: Iterable[tuple[str, datetime | None, datetime | None, int]], policy: Period
) -> list[tuple[int, int]]:
    """Of a policy's lines (cover, since, until, row): each that repeats a cover already running.

    Answers pairs of its row and the earlier row. A line without bounds has the policy's.
    """
    spells: dict[str, list[tuple[Period, int]]] = {}
    for cover, since, until, number in lines:
        period = Period(since or policy.begins, until or policy.ends).intersect(policy)
        if period is not None:
            spells.setdefault(cover, []).append((period, number))
    return [pair for periods in spells.values() for pair in _clashes(periods)]


def _clashes(periods: list[tuple[Period, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    kept: list[tuple[Period, int]] = []
    for period, number in sorted(periods, key=lambda one: (one[0].begins, one[1])):
        if kept and kept[-1][0].overlaps(period):
            found.append((number, kept[-1][1]))
        else:
            kept.append((period, number))
    return found


def latest_holder(holdings: Iterable[tuple[str, Days]]) -> str:
    """The company of the holding that began last."""
    return max(holdings, key=lambda one: one[1].since)[0]
