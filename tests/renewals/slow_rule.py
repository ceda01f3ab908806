"""Clauses 3.2 and 3.3 read once more, slowly and over plain dates: what a vehicle needs on a day.

Nothing of the product is used here; what the product does is judged by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

CLOCK = ZoneInfo("Asia/Shanghai")
DAY = timedelta(days=1)
WINDOW = 15 * DAY
RULE_SINCE = date(2012, 1, 17)
FAR = 900  # days to look ahead: longer than any walk of the tests

OPEN = {"due", "prepared", "approved", "returned", "submitted", "accepted", "placed"}
BY_FACTS = {"insured", "left_fleet", "laid_up", "expiry_changed"}
WORDS = ("approved", "rejected", "withdrawn", "too_late")
WORKED_ON = OPEN - {"due"}


def _each(move: str, before: set[str], after: set[str]) -> set[tuple[str, str, str]]:
    return {(move, one, other) for one in before for other in after}


# What may be: who moved it from where to where. The OA's word is noted also where it moves nothing.
LEGAL = (
    _each("prepare", {"due", "prepared", "approved", "returned"}, {"prepared", "approved"})
    | {("approve", "prepared", "approved")}
    | _each("unapprove", {"approved", "submitted", "accepted"}, {"prepared"})
    | {(f"oa_{word}", it, it) for word in WORDS for it in OPEN | BY_FACTS | {"withdrawn"}}
    | _each("submit", {"prepared", "approved"}, {"submitted"})
    | {("accept", "submitted", "accepted")}
    | _each("return", {"submitted", "accepted"}, {"returned"})
    | {("place", "accepted", "placed"), ("unplace", "placed", "accepted")}
    | _each("withdraw", OPEN, {"withdrawn"})
    | {("resume", "withdrawn", "due")}
    | _each("ended", WORKED_ON, BY_FACTS)
    | _each("reopened", BY_FACTS, WORKED_ON)
    | _each("carried", {"due", *WORKED_ON}, WORKED_ON)
    | {("carried", "expiry_changed", "expiry_changed")}
)


@dataclass(frozen=True)
class Car:
    """A vehicle's days: `until` and each lay-up's end are the first day after."""

    vehicle_id: int
    seats: int
    since: date
    until: date | None
    lay_ups: tuple[tuple[date, date | None], ...] = ()

    def on_road(self, day: date) -> bool:
        if day < self.since or (self.until is not None and day >= self.until):
            return False
        return not any(begin <= day < (end or date.max) for begin, end in self.lay_ups)


@dataclass(frozen=True)
class Paper:
    """A policy as printed, with its cancelling; a pool's paper is no insurance."""

    number: str
    kind: str
    begins: datetime
    ends: datetime
    cancelled: datetime | None
    insurance: bool

    @property
    def end(self) -> datetime:
        return self.ends if self.cancelled is None else min(self.ends, self.cancelled)

    @property
    def real(self) -> bool:
        return self.insurance and self.begins < self.end

    @property
    def last_day(self) -> date:
        return _last_day(self.end)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=CLOCK).astimezone(UTC)


def _last_day(end: datetime) -> date:
    return (end - timedelta(microseconds=1)).astimezone(CLOCK).date()


def covered(papers: Sequence[Paper], day: date) -> bool:
    return any(one.real and one.begins <= noon(day) < one.end for one in papers)


def reached(papers: Sequence[Paper], day: date) -> date | None:
    """The last day of the cover in force at noon, followed on; else of the latest before."""
    real = [one for one in papers if one.real]
    begun = [one.end for one in real if one.begins <= noon(day)]
    if not begun:
        return None
    end, found = max(begun), True
    while end > noon(day) and found:
        further = [one.end for one in real if one.begins <= end < one.end]
        end, found = max([end, *further]), bool(further)
    return _last_day(end)


def need(car: Car, papers: Sequence[Paper], kind: str, day: date) -> tuple[str, date] | None:
    """Renewal or new, and the last day that needs nothing; the window is left aside."""
    own = [one for one in papers if one.kind == kind]
    last = reached(own, day)
    if last is not None and car.on_road(day) and car.on_road(last + DAY):
        return "renewal", last
    if day < RULE_SINCE or (kind == "compulsory" and not car.seats):
        return None
    if car.on_road(day) and not covered(own, day):
        while day > RULE_SINCE and car.on_road(day - DAY):
            day -= DAY
        return "new", day - DAY
    ahead = _next_entry(car, day)
    return None if ahead is None or covered(own, ahead) else ("new", ahead - DAY)


def _next_entry(car: Car, day: date) -> date | None:
    """The first day of the next stretch on the road, after the one that a day lies in."""
    for _ in range(FAR):
        if not car.on_road(day):
            break
        day += DAY
    for _ in range(FAR):
        if car.on_road(day):
            return day
        day += DAY
    return None


def falls_due(car: Car, papers: Sequence[Paper], kind: str, day: date) -> tuple[str, date] | None:
    """The need that a day must find, its window of fifteen days reached."""
    found = need(car, papers, kind, day)
    return found if found is not None and found[1] - WINDOW <= day else None
