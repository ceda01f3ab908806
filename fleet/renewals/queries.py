"""What lists and pages of requests read, in the caller's scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, exists, func, or_, select

from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverNeed
from fleet.renewals.rules import OPEN, WITHDRAWN
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import NEW
from fleet.storage import db
from fleet.vehicles.tables import Vehicle

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which requests a list asks for; codes of company and region, days inclusive; late: open."""

    states: tuple[str, ...] = ()
    occasion: str | None = None
    kind: str | None = None
    company: str | None = None
    region: str | None = None
    due_from: date | None = None
    due_to: date | None = None
    late: bool = False
    opened_since: date | None = None
    q: str | None = None


def listed(wanted: Wanted, today: date) -> Select[Any]:
    """Select id, vehicle, company and days of the requests wanted; the caller sorts them."""
    return (
        select(
            CoverRequest.id,
            CoverRequest.kind,
            CoverRequest.occasion,
            CoverRequest.policy_number,
            CoverRequest.expiry_day,
            CoverRequest.opens_on,
            CoverRequest.opened_on,
            CoverRequest.closed_on,
            CoverRequest.state,
            Vehicle.vin,
            Vehicle.plate,
            Vehicle.vehicle_type,
            Company.id.label("company_id"),
            Company.code.label("company"),
            Company.name.label("company_name"),
            Region.code.label("region"),
        )
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .join(Company, Company.id == Vehicle.company_id)
        .join(Region, Region.id == Company.region_id)
        .where(*_conditions(wanted, today))
    )


def _conditions(wanted: Wanted, today: date) -> Iterator[ColumnElement[bool]]:
    equal = {
        CoverRequest.occasion: wanted.occasion,
        CoverRequest.kind: wanted.kind,
        Company.code: wanted.company,
        Region.code: wanted.region,
    }
    yield from (column == value for column, value in equal.items() if value)
    if wanted.states:
        yield CoverRequest.state.in_(wanted.states)
    if wanted.due_from:
        yield CoverRequest.expiry_day >= wanted.due_from
    if wanted.due_to:
        yield CoverRequest.expiry_day <= wanted.due_to
    if wanted.late:
        yield CoverRequest.state.in_(OPEN)
        yield CoverRequest.expiry_day < today
    if wanted.opened_since:
        yield CoverRequest.opened_on >= wanted.opened_since
    for word in (wanted.q or "").split():
        sought = (Vehicle.vin, Vehicle.plate, CoverRequest.policy_number)
        yield or_(*(column.icontains(word, autoescape=True) for column in sought))


def named(ids: Iterable[int], today: date) -> dict[int, Row[Any]]:
    """The requests of some ids that are in sight, as a list shows them."""
    found = db.session.execute(listed(Wanted(), today).where(CoverRequest.id.in_(set(ids))))
    return {row.id: row for row in found}


def needed_of(vehicle_id: int, today: date) -> Sequence[CoverRequest]:
    """The open requests of a vehicle, and those withdrawn whose need still stands."""
    stands = exists().where(_same_need(), CoverNeed.since <= today, CoverNeed.until > today)
    withdrawn = and_(CoverRequest.state == WITHDRAWN, stands)
    found = select(CoverRequest).where(
        CoverRequest.vehicle_id == vehicle_id, or_(CoverRequest.state.in_(OPEN), withdrawn)
    )
    return db.session.scalars(found.order_by(CoverRequest.kind.desc())).all()


def askable(vehicle_id: int, today: date) -> Sequence[str]:
    """The kinds of which a vehicle needs a first policy and nobody asked for it yet (3.2)."""
    asked = exists().where(
        CoverRequest.vehicle_id == vehicle_id,
        CoverRequest.kind == CoverNeed.kind,
        or_(CoverRequest.state.in_(OPEN), CoverRequest.expiry_day == CoverNeed.expiry_day),
    )
    found = select(CoverNeed.kind).where(
        CoverNeed.vehicle_id == vehicle_id,
        CoverNeed.occasion == NEW,
        CoverNeed.since <= today,
        CoverNeed.until > today,
        ~asked,
    )
    return db.session.scalars(found.order_by(CoverNeed.kind.desc())).all()


def _same_need() -> ColumnElement[bool]:
    return and_(
        CoverNeed.vehicle_id == CoverRequest.vehicle_id,
        CoverNeed.kind == CoverRequest.kind,
        CoverNeed.expiry_day == CoverRequest.expiry_day,
    )


def due_counts(today: date) -> dict[str, int]:
    """How many open requests are late, due within a week, and due after that."""
    week = today + 7 * _DAY
    late, soon = CoverRequest.expiry_day < today, CoverRequest.expiry_day.between(today, week)
    row = db.session.execute(
        select(
            func.count(case((late, 1))),
            func.count(case((soon, 1))),
            func.count(case((CoverRequest.expiry_day > week, 1))),
        )
        .select_from(CoverRequest)
        .where(CoverRequest.state.in_(OPEN))
    ).one()
    return dict(zip(("late", "week", "later"), row, strict=True))


def companies_in_sight() -> list[tuple[str, str]]:
    """Code and name of the companies whose requests the caller may see."""
    rows = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return [(code, f"{code} {name}") for code, name in rows]


def regions_in_sight() -> list[tuple[str, str]]:
    """Code and name of the regions of those companies."""
    rows = db.session.execute(
        select(Region.code, Region.name)
        .join(Company, Company.region_id == Region.id)
        .distinct()
        .order_by(Region.code)
    )
    return [(code, f"{code} {name}") for code, name in rows]
