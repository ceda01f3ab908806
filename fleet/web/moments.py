"""Moments as the shell, the API and pages write and read them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

NOON = time(12)
FIRST_YEAR, LAST_YEAR = 1900, 9999
_FORM = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?P<clock>[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)


def parse(text: str, zone: ZoneInfo) -> datetime:
    """Read `2026-03-02` (that day's local noon), `2026-03-02T18:03`, or one with an offset.

    Raises ValueError where the text is none of them, lies before 1900, or past all calendars.
    """
    text = text.strip()
    # Python's own reading takes `20260302` too, and means its midnight.
    match = _FORM.fullmatch(text)
    if not match:
        message = f"not a day or an instant: {text!r}"
        raise ValueError(message)
    day = _of_this_age(date.fromisoformat(match["day"]))
    if not match["clock"]:
        return datetime.combine(day, NOON, zone)
    found = datetime.fromisoformat(text)
    return _told_everywhere(found if found.tzinfo else found.replace(tzinfo=zone), zone)


def parse_day(text: str) -> date:
    """Read a day as `2026-03-02`; raises ValueError, also before 1900 or past the year 9998."""
    match = _FORM.fullmatch(text.strip())
    if not match or match["clock"]:
        message = f"not a day: {text!r}"
        raise ValueError(message)
    # The days that follow it are asked about too.
    return _of_this_age(date.fromisoformat(match["day"]), LAST_YEAR - 1)


def _of_this_age(day: date, last_year: int = LAST_YEAR) -> date:
    if not FIRST_YEAR <= day.year <= last_year:
        message = f"the year must be {FIRST_YEAR} to {last_year}: {day}"
        raise ValueError(message)
    return day


def _told_everywhere(found: datetime, zone: ZoneInfo) -> datetime:
    """The instant, if UTC and the company's clock can both tell it."""
    try:
        return found.astimezone(UTC).astimezone(zone)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def instant(value: datetime | None, zone: ZoneInfo) -> str | None:
    """An instant in the company's offset, to the second: `2026-03-02T18:03:00+08:00`."""
    return value.astimezone(zone).isoformat(timespec="seconds") if value else None


def day(value: date | None) -> str | None:
    """A day: `2026-03-02`."""
    return value.isoformat() if value else None
