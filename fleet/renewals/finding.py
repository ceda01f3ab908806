"""What a day finds: the needs inside their window, the requests whose need stands no more.

Tens of thousands of requests stand open at a time, and on most days nothing about them changes.
So a day looks at the vehicles whose needs were stored anew since the last run, and at those of
which a need begins, ends or comes into its window in between; only where that cannot be told
it looks at everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, exists, or_, select

from fleet.people.tables import Company, Region
from fleet.policies.facts import VehicleFacts, facts
from fleet.policies.steps import seen_changed, take_changed
from fleet.policies.tables import CoverNeed
from fleet.renewals.rules import (
    ENDED_BY_FACTS,
    INSURED,
    OPEN,
    Open,
    why_closed,
)
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.book import Rulebook
from fleet.rulebook.renewal import following
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.words import local_day, noon

# The tables, not the entities: the job sees the whole group, and reads tens of thousands of rows.
_needs = CoverNeed.__table__.c
_vehicles = Vehicle.__table__.c
_companies = Company.__table__.c
_requests = CoverRequest.__table__.c

_DAY = timedelta(days=1)
_ROWS = 5_000


class Key(NamedTuple):
    """What a request is known by: vehicle, policy kind, expiry day."""

    vehicle_id: int
    kind: str
    expiry_day: date


class Arising(NamedTuple):
    """A need without an open request of its own, and the ended row of its key if there is one."""

    vehicle_id: int
    kind: str
    expiry_day: date
    occasion: str
    policy_number: str | None
    vin: str
    region_id: int
    row: int | None

    @property
    def key(self) -> Key:
        """What its request is known by."""
        return Key(self.vehicle_id, self.kind, self.expiry_day)


class Standing(NamedTuple):
    """A request that is open."""

    id: int
    vehicle_id: int
    kind: str
    expiry_day: date
    occasion: str
    opens_on: date
    policy_number: str | None
    state: str
    vin: str

    @property
    def key(self) -> Key:
        """What it is known by."""
        return Key(self.vehicle_id, self.kind, self.expiry_day)


class Ending(NamedTuple):
    """An open request that ends, why, and by which policy where it is insured."""

    request: Standing
    why: str
    followed_by: str | None


@dataclass(slots=True)
class Day:
    """A day under way: the book, each region's window, and what is found."""

    on: date
    book: Rulebook
    at: datetime
    windows: dict[int, timedelta] = field(default_factory=dict)

    def opens_on(self, arising: Arising) -> date:
        """The first day of a need's window."""
        return arising.expiry_day - self.windows[arising.region_id]


def day_of(on: date, at: datetime) -> Day:
    """A day with the windows of its regions."""
    book: Rulebook = current_app.extensions["rulebook"]
    return Day(on, book, at, _windows(on, book))


def _windows(on: date, book: Rulebook) -> dict[int, timedelta]:
    moment = noon(on, book.zone)
    rows = db.session.execute(select(Region.id, Region.code))
    return {id_: book.renewal_at(moment, code).window_days * _DAY for id_, code in rows}


# Where it looks


def to_look_at(day: Day, last: date | None) -> set[int] | None:
    """The vehicles of which something may differ since the last run, None for every one.

    Those stored anew are taken where the day is up to date: on a day gone by, what opened or
    ended after it is passed over, and must be looked at again.
    """
    behind = day.on < local_day(day.at, day.book.zone) or (last is not None and day.on < last)
    changed = seen_changed() if behind else take_changed()
    if last is None or day.on < last or _windows(last, day.book) != day.windows:
        return None
    found = changed | set(db.session.scalars(_turning(day, last)))
    return found if len(found) <= _ROWS else None


def _turning(day: Day, last: date) -> Select[Any]:
    """The vehicles of which a need begins, ends or comes into its window after a day."""

    def between(column: ColumnElement[date], ahead: timedelta) -> ColumnElement[bool]:
        return and_(column > last + ahead, column <= day.on + ahead)

    edges = [between(column, timedelta(0)) for column in (_needs.since, _needs.until)]
    edges += [between(_needs.expiry_day, window) for window in set(day.windows.values())]
    return select(_needs.vehicle_id).where(or_(*edges)).distinct()


def parts(ids: Iterable[int]) -> Iterator[list[int]]:
    """Some ids at a time: a statement takes only so many."""
    every = sorted(set(ids))
    return (every[start : start + _ROWS] for start in range(0, len(every), _ROWS))


# What it finds


def arising(day: Day, vehicle_ids: Iterable[int] | None = None) -> list[Arising]:
    """The needs inside their window that have no open request, and were not withdrawn.

    Of some vehicles, or of every one.
    """
    found = _needed_without_request(day)
    if vehicle_ids is None:
        return [Arising(*row) for row in db.session.execute(found)]
    return [
        Arising(*row)
        for some in parts(vehicle_ids)
        for row in db.session.execute(found.where(_needs.vehicle_id.in_(some)))
    ]


def _needed_without_request(day: Day) -> Select[Any]:
    ended = and_(
        _requests.state.in_(ENDED_BY_FACTS),
        or_(_requests.closed_on.is_(None), _requests.closed_on <= day.on),
    )
    other = and_(_requests.state.in_(OPEN), _requests.occasion != _needs.occasion)
    return (
        select(
            _needs.vehicle_id,
            _needs.kind,
            _needs.expiry_day,
            _needs.occasion,
            _needs.policy_number,
            _vehicles.vin,
            _companies.region_id,
            _requests.id,
        )
        .join(_vehicles.id.table, _vehicles.id == _needs.vehicle_id)
        .join(_companies.id.table, _companies.id == _vehicles.company_id)
        .outerjoin(
            _requests.id.table,
            and_(
                _requests.vehicle_id == _needs.vehicle_id,
                _requests.kind == _needs.kind,
                _requests.expiry_day == _needs.expiry_day,
            ),
        )
        .where(_needs.since <= day.on, _needs.until > day.on, _in_window(day))
        .where(or_(_requests.id.is_(None), ended, other))
    )


def _in_window(day: Day) -> ColumnElement[bool]:
    """The need's window is open: each region has its own."""
    spans = set(day.windows.values())
    if len(spans) <= 1:
        return _needs.expiry_day <= day.on + max(spans, default=timedelta(0))
    return or_(
        *(
            and_(
                _needs.expiry_day <= day.on + span,
                _companies.region_id.in_([id_ for id_, own in day.windows.items() if own == span]),
            )
            for span in spans
        )
    )


def gone(day: Day, vehicle_ids: Iterable[int] | None = None) -> list[Standing]:
    """The open requests whose need does not stand on the day; those opened later are left.

    Locked: what a person does to one meanwhile comes before or after, and is not overwritten.
    """
    found = _open_without_need(day)
    if vehicle_ids is None:
        return [Standing(*row) for row in db.session.execute(found)]
    return [
        Standing(*row)
        for some in parts(vehicle_ids)
        for row in db.session.execute(found.where(_requests.vehicle_id.in_(some)))
    ]


def _open_without_need(day: Day) -> Select[Any]:
    stands = exists().where(
        _needs.vehicle_id == _requests.vehicle_id,
        _needs.kind == _requests.kind,
        _needs.expiry_day == _requests.expiry_day,
        _needs.since <= day.on,
        _needs.until > day.on,
    )
    return (
        select(
            _requests.id,
            _requests.vehicle_id,
            _requests.kind,
            _requests.expiry_day,
            _requests.occasion,
            _requests.opens_on,
            _requests.policy_number,
            _requests.state,
            _vehicles.vin,
        )
        .join(_vehicles.id.table, _vehicles.id == _requests.vehicle_id)
        .where(_requests.state.in_(OPEN), _requests.opened_on <= day.on, ~stands)
        .order_by(_requests.id)
        .with_for_update(of=CoverRequest.__table__)
    )


def endings_of(gone: list[Standing], day: Day) -> list[Ending]:
    """Why requests whose need does not stand end, and by which policy."""
    looked_at = {one.vehicle_id: one for one in facts({one.vehicle_id for one in gone})}
    return [_ending(one, looked_at[one.vehicle_id], day) for one in gone]


def _ending(request: Standing, known: VehicleFacts, day: Day) -> Ending:
    asked = Open(request.kind, request.expiry_day)
    why = why_closed(known.vehicle, known.policies, asked, day.book, day.on)
    policy = (
        following(known.policies, request.kind, request.expiry_day, day.book)
        if why == INSURED
        else None
    )
    return Ending(request, why, policy.number if policy else None)
