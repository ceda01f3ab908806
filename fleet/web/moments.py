"""Moments as the shell, the API and pages write and read them."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

NOON = time(12)
_DAY = 10


def parse(text: str, zone: ZoneInfo) -> datetime:
    """Read `2026-03-02` (that day's local noon), `2026-03-02T18:03`, or one with an offset.

    Raises ValueError where the text is none of them.
    """
    text = text.strip()
    if len(text) == _DAY:
        return datetime.combine(date.fromisoformat(text), NOON, zone)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=zone)


def instant(value: datetime | None, zone: ZoneInfo) -> str | None:
    """An instant in the company's offset, to the second: `2026-03-02T18:03:00+08:00`."""
    return value.astimezone(zone).isoformat(timespec="seconds") if value else None


def day(value: date | None) -> str | None:
    """A day: `2026-03-02`."""
    return value.isoformat() if value else None
