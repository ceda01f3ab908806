"""A vehicle's timeline as a bar: where each step stands on a drawing 1000 units wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fleet.web import clock
from fleet.words import midnight

WIDTH = 1000
_MARGIN = timedelta(days=45)
_MOST = timedelta(days=365 * 6)
_EARLIEST, _LATEST = 1900, 9000


@dataclass(frozen=True, slots=True)
class Piece:
    """A step on the drawing; `since`/`until` are None where it has no beginning or end."""

    x: float
    width: float
    standing: str
    since: datetime | None
    until: datetime | None
    past: bool
    current: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """The first day of a year (or of a quarter) on the drawing."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A timeline ready to be drawn."""

    pieces: tuple[Piece, ...]
    ticks: tuple[Tick, ...]
    now: float
    on: float | None
    standings: tuple[str, ...]


def draw(steps: Sequence[Any], now: datetime, on: datetime | None = None) -> Drawing:
    """Lay out steps (anything with since, until, standing), oldest first, around now.

    The drawing spans the known turns with a margin, at most six years around now.
    """
    begin, end = _span(steps, now, on)

    def place(moment: datetime) -> float:
        return round(WIDTH * ((moment - begin) / (end - begin)), 2)

    pieces = []
    for step in steps:
        since, until = _bound(step.since), _bound(step.until)
        left, right = max(since or begin, begin), min(until or end, end)
        if left >= right:
            continue
        current = (since is None or since <= now) and (until is None or now < until)
        past = until is not None and until <= now
        width = round(place(right) - place(left), 2)
        pieces.append(Piece(place(left), width, step.standing, since, until, past, current))
    seen = tuple(dict.fromkeys(piece.standing for piece in pieces))
    shown_on = place(on) if on is not None and begin <= on <= end and on != now else None
    return Drawing(tuple(pieces), tuple(_ticks(begin, end, place)), place(now), shown_on, seen)


def _bound(moment: datetime | None) -> datetime | None:
    if moment is None or not _EARLIEST < moment.year < _LATEST:
        return None
    return moment


def _span(steps: Sequence[Any], now: datetime, on: datetime | None) -> tuple[datetime, datetime]:
    turns = [b for step in steps for b in (_bound(step.since), _bound(step.until)) if b]
    turns.append(now)
    begin = max(min(turns), now - _MOST) - _MARGIN
    end = min(max(turns), now + _MOST) + _MARGIN
    if on is not None and abs(on - now) < _MOST * 3:
        begin, end = min(begin, on - _MARGIN), max(end, on + _MARGIN)
    return begin, end


def _ticks(begin: datetime, end: datetime, place: Any) -> list[Tick]:
    zone = clock.zone()
    years = range(clock.local(begin).year, clock.local(end).year + 2)
    months = (1, 4, 7, 10) if len(years) <= 4 else (1,)  # noqa: PLR2004 - few years leave room
    days = [date(year, month, 1) for year in years for month in months]
    marks = [(midnight(day, zone), day) for day in days]
    return [
        Tick(place(moment), f"{day:%Y}" if day.month == 1 else f"{day:%m}")
        for moment, day in marks
        if begin <= moment <= end
    ]
