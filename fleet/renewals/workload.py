"""The work ahead: which needs will be due by week, from what is on record today (3.3).

Read from the needs stored beside the timelines, future included: nothing is simulated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import Select, and_, exists, func, select
from sqlalchemy.orm import aliased

from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverNeed
from fleet.renewals.rules import WITHDRAWN
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.book import Rulebook
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.words import noon

AHEAD = timedelta(days=90)
LATE = 0
_WEEK = 7
_DAY = timedelta(days=1)


class Due(NamedTuple):
    """How many needs of a company and kind have an expiry day."""

    company_id: int
    kind: str
    expiry_day: date
    count: int


@dataclass(frozen=True, slots=True)
class Week:
    """A week of expiry days, both included; `number` counts from 1, 0 are the late ones."""

    number: int
    first: date | None
    last: date


@dataclass(slots=True)
class Holder:
    """A company with its region, and its needs by week."""

    code: str
    name: str
    region: str
    region_name: str
    weeks: Counter[int] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """How many needs it has."""
        return self.weeks.total()


@dataclass(frozen=True, slots=True)
class Together:
    """The companies of a region, and the needs of all of them."""

    name: str
    holders: list[Holder]
    weeks: Counter[int]

    @property
    def total(self) -> int:
        """How many needs they have."""
        return self.weeks.total()


@dataclass(slots=True)
class Workload:
    """The needs ahead by week and kind, and by company."""

    weeks: list[Week]
    kinds: dict[str, Counter[int]] = field(default_factory=dict)
    holders: list[Holder] = field(default_factory=list)

    def of_week(self, number: int) -> int:
        """How many needs a week has."""
        return sum(counts[number] for counts in self.kinds.values())

    @property
    def most(self) -> int:
        """The most that any week has, at least 1."""
        return max((self.of_week(week.number) for week in self.weeks), default=0) or 1

    @property
    def total(self) -> int:
        """How many needs there are."""
        return sum(counts.total() for counts in self.kinds.values())

    @property
    def regions(self) -> list[Together]:
        """The companies under their regions, by code."""
        grouped = groupby(self.holders, key=lambda one: (one.region, one.region_name))
        return [_together(name, list(some)) for (_, name), some in grouped]


def _together(name: str, holders: list[Holder]) -> Together:
    weeks: Counter[int] = Counter()
    for one in holders:
        weeks.update(one.weeks)
    return Together(name, holders, weeks)


def weeks_ahead(today: date) -> list[Week]:
    """The late ones first, then the weeks that begin today and every seven days after."""
    weeks = [Week(LATE, None, today - _DAY)]
    first, horizon = today, today + AHEAD
    while first <= horizon:
        last = min(first + (_WEEK - 1) * _DAY, horizon)
        weeks.append(Week(len(weeks), first, last))
        first = last + _DAY
    return weeks


def workload(today: date, region: str = "", company: str = "") -> Workload:
    """The needs of some companies in scope that are late or due within 90 days, by week."""
    holders = _holders(region, company)
    found = Workload(weeks_ahead(today))
    for due in due_ahead(today):
        if due.company_id in holders:
            week = _week(due.expiry_day, today)
            found.kinds.setdefault(due.kind, Counter())[week] += due.count
            holders[due.company_id].weeks[week] += due.count
    found.holders = [one for one in holders.values() if one.weeks]
    return found


def _week(day: date, today: date) -> int:
    return LATE if day < today else (day - today).days // _WEEK + 1


def _holders(region: str, company: str) -> dict[int, Holder]:
    chosen = (
        select(Company.id, Company.code, Company.name, Region.code, Region.name)
        .join(Region, Region.id == Company.region_id)
        .order_by(Region.code, Company.code)
    )
    if region:
        chosen = chosen.where(Region.code == region)
    if company:
        chosen = chosen.where(Company.code == company)
    return {row[0]: Holder(*row[1:]) for row in db.session.execute(chosen)}


def due_ahead(today: date) -> Iterator[Due]:
    """The needs for which a request would be open on any day from today to the horizon.

    Each is counted once, whichever of its spans stands; one that a person withdrew is not asked
    for any more.
    """
    horizon = today + AHEAD
    chosen = _chosen(today, horizon).where(CoverNeed.until > CoverNeed.expiry_day).subquery()
    columns = chosen.c
    yield from (
        Due(*row)
        for row in db.session.execute(
            select(columns.company_id, columns.kind, columns.expiry_day, func.count()).group_by(
                columns.company_id, columns.kind, columns.expiry_day
            )
        )
    )
    yield from _left_before_due(today, horizon)


def _chosen(today: date, horizon: date) -> Select[Any]:
    withdrawn = exists().where(
        CoverRequest.vehicle_id == CoverNeed.vehicle_id,
        CoverRequest.kind == CoverNeed.kind,
        CoverRequest.expiry_day == CoverNeed.expiry_day,
        CoverRequest.state == WITHDRAWN,
    )
    return (
        select(CoverNeed.vehicle_id, CoverNeed.kind, CoverNeed.expiry_day, Vehicle.company_id)
        .join(Vehicle, Vehicle.id == CoverNeed.vehicle_id)
        .where(
            CoverNeed.expiry_day <= horizon,
            CoverNeed.since <= horizon,
            CoverNeed.until > today,
            ~withdrawn,
        )
        .distinct()
    )


def _left_before_due(today: date, horizon: date) -> Iterator[Due]:
    """The few needs that stand inside their window but not on their expiry day.

    A vehicle laid up from before that day until the day after is asked for meanwhile. Each
    region has its own window, so these are looked at one by one.
    """
    on_the_day = aliased(CoverNeed)
    counted = exists().where(
        on_the_day.vehicle_id == CoverNeed.vehicle_id,
        on_the_day.kind == CoverNeed.kind,
        on_the_day.expiry_day == CoverNeed.expiry_day,
        on_the_day.until > on_the_day.expiry_day,
        on_the_day.until > today,
        on_the_day.since <= horizon,
    )
    few = (
        _chosen(today, horizon)
        .add_columns(CoverNeed.until, Region.code)
        .join(Company, Company.id == Vehicle.company_id)
        .join(Region, Region.id == Company.region_id)
        .where(and_(CoverNeed.until <= CoverNeed.expiry_day, ~counted))
    )
    book: Rulebook = current_app.extensions["rulebook"]
    seen: set[Sequence[Any]] = set()
    for vehicle_id, kind, expiry_day, company_id, until, region in db.session.execute(few):
        window = book.renewal_at(noon(today, book.zone), region).window_days * _DAY
        key = (vehicle_id, kind, expiry_day)
        if until > expiry_day - window and key not in seen:
            seen.add(key)
            yield Due(company_id, kind, expiry_day, 1)
