"""How what was read is put together: sums by region and company, changes as a reader sees them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fleet.words import midnight

_WEEK = 7

LATE = "late"
THIS_WEEK = "this_week"
LATER = "later"


@dataclass(frozen=True, slots=True)
class Times:
    """The moment asked about, its local day, and the days of the renewal window (3.3)."""

    at: datetime
    today: date
    window_days: int
    zone: ZoneInfo

    @property
    def yesterday(self) -> date:
        """The last expiry day that counts as late."""
        return self.today - timedelta(days=1)

    @property
    def week_ends(self) -> date:
        """The last expiry day that counts as due this week."""
        return self.today + timedelta(days=_WEEK)

    @property
    def after_week(self) -> date:
        """The first expiry day that counts as due later."""
        return self.week_ends + timedelta(days=1)

    @property
    def window_ends(self) -> date:
        """The last expiry day whose renewal stands today."""
        return self.today + timedelta(days=self.window_days)

    @property
    def lapsed_by(self) -> date:
        """The day on which cover that ends within the window is gone."""
        return self.window_ends + timedelta(days=1)

    @property
    def horizon(self) -> datetime:
        """The first instant without the cover that ends on the window's last day."""
        return midnight(self.lapsed_by, self.zone)


@dataclass(frozen=True, slots=True)
class Company:
    """A company with its region, as a summary names it."""

    id: int
    code: str
    name: str
    region_code: str
    region_name: str


@dataclass(frozen=True, slots=True)
class CompanySum:
    """What was counted of one company."""

    code: str
    name: str
    counts: Mapping[str, int]


@dataclass(slots=True)
class RegionSum:
    """What was counted of a region's companies, and of all of them together."""

    code: str
    name: str
    companies: list[CompanySum] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


Measure = Mapping[int, Mapping[str, int]]


def by_region(companies: Iterable[Company], *measures: Measure) -> list[RegionSum]:
    """Sum what was measured of companies (by their id) under their regions, in their order.

    The measures' keys must differ from one another: they become one row's columns.
    """
    regions: dict[str, RegionSum] = {}
    for one in companies:
        region = regions.setdefault(one.region_code, RegionSum(one.region_code, one.region_name))
        counts: Counter[str] = Counter()
        for measure in measures:
            counts.update(measure.get(one.id, {}))
        region.companies.append(CompanySum(one.code, one.name, counts))
        region.counts.update(counts)
    return list(regions.values())


def total(regions: Iterable[RegionSum]) -> Counter[str]:
    """What was counted of all regions together."""
    found: Counter[str] = Counter()
    for region in regions:
        found.update(region.counts)
    return found


# The history


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a change: what it was and what it became, None where there was none."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One row that a verb made (`new`), changed or took away (`gone`), or a `noted` fact."""

    how: str
    table: str
    row: str
    values: tuple[Value, ...]


def told(changes: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """Read an entry's changes as they stand in the history."""
    return tuple(_change(one) for one in changes)


def told_of(stored: str) -> tuple[Change, ...]:
    """Read an entry's changes from the JSON that the history keeps."""
    return told(json.loads(stored))


def _change(one: Mapping[str, Any]) -> Change:
    table, row = str(one.get("table", "")), str(one.get("row", ""))
    if isinstance(changed := one.get("changed"), dict):
        pairs = [(name, both[0], both[1]) for name, both in sorted(changed.items())]
        return Change("changed", table, row, _values(pairs))
    if isinstance(new := one.get("new"), dict):
        return Change("new", table, row, _values([(k, None, v) for k, v in sorted(new.items())]))
    if isinstance(gone := one.get("gone"), dict):
        return Change("gone", table, row, _values([(k, v, None) for k, v in sorted(gone.items())]))
    rest = [(k, None, v) for k, v in sorted(one.items()) if k not in {"table", "row"}]
    return Change("noted", table, row, _values(rest))


def _values(found: Iterable[tuple[str, Any, Any]]) -> tuple[Value, ...]:
    return tuple(Value(name, _text(before), _text(after)) for name, before, after in found)


def _text(value: Any) -> str | None:
    """A value as one line; a list's items with commas between."""
    if value is None or value == "":
        return None
    if isinstance(value, list):
        return ", ".join(_text(item) or "" for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_text(item) or ''}" for key, item in sorted(value.items()))
    return str(value).lower() if isinstance(value, bool) else str(value)
