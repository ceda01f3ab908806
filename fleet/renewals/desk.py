"""The desk's queue: the requests that wait for it, and what each of them lacks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row, Select, and_, case, func, select
from sqlalchemy.orm import aliased

from fleet.insurers.tables import Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.tables import Policy
from fleet.renewals.queries import Wanted, listed
from fleet.renewals.rules import INSURED, PLACED, WITH_COMPANY, WITH_DESK, approval_asked
from fleet.renewals.tables import APPROVAL_GIVEN, Approval, AskedCover, CoverRequest, Placement
from fleet.rulebook.book import Rulebook
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web.errors import NotFound

LATE = "late"
BEGINS_IN_THE_PAST = "begins_in_the_past"
APPROVAL = "approval"
NOT_DESIGNATED = "not_designated"
NO_PREMIUM = "no_premium"
NO_COVERS = "no_covers"
LICENCE = "licence"
CREDIT_CODE = "credit_code"
CONTACT = "contact"

_held_by = aliased(Insurer)
_placed_with = aliased(Insurer)


@dataclass(frozen=True, slots=True)
class Queue:
    """What a desk asks of its queue: requests as a list has them, and whose insurance it is."""

    wanted: Wanted
    held_by: str | None = None
    placed_with: str | None = None


_LINES = (
    select(func.count(AskedCover.id))
    .where(AskedCover.request_id == CoverRequest.id)
    .scalar_subquery()
)
_LICENSED = and_(
    Vehicle.brand_model.is_not(None),
    Vehicle.engine_number.is_not(None),
    Vehicle.first_registered.is_not(None),
)
_MORE = (
    CoverRequest.asked_from,
    CoverRequest.contact,
    CoverRequest.note,
    CoverRequest.expected_premium,
    CoverRequest.placement_id,
    Region.id.label("region_id"),
    Company.credit_code,
    case((_LICENSED, 1), else_=0).label("licensed"),
    _LINES.label("lines"),
    Approval.state.label("approval"),
    _held_by.name.label("held_by"),
    _placed_with.name.label("placed_with"),
    _placed_with.id.label("insurer_id"),
)


def queue(asked: Queue, today: date) -> Select[Any]:
    """Select the requests with the desk that are asked for; the caller sorts them."""
    found = (
        listed(asked.wanted, today)
        .add_columns(*_MORE)
        .outerjoin(Policy, Policy.policy_number == CoverRequest.policy_number)
        .outerjoin(_held_by, _held_by.id == Policy.insurer_id)
        .outerjoin(Placement, Placement.id == CoverRequest.placement_id)
        .outerjoin(_placed_with, _placed_with.id == Placement.insurer_id)
        .outerjoin(Approval, Approval.id == CoverRequest.approval_id)
    )
    if asked.held_by:
        found = found.where(_held_by.code == asked.held_by)
    if asked.placed_with:
        found = found.where(_placed_with.code == asked.placed_with)
    return found


SORTS = {
    "due": (CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
    "plate": (Vehicle.plate, Vehicle.vin, CoverRequest.kind),
    "state": (CoverRequest.state, CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
    "kind": (CoverRequest.kind, CoverRequest.expiry_day, Vehicle.vin),
    "company": (Company.code, CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
    "held_by": (_held_by.code, CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
}


def lacking(
    row: Row[Any], designated: Collection[tuple[int, int]], book: Rulebook, today: date
) -> list[str]:
    """The codes of what a request of the queue lacks today, the gravest first.

    `designated` holds the regions and insurers designated today.
    """
    return list(_lacking(row, designated, book, today))


def _lacking(
    row: Row[Any], designated: Collection[tuple[int, int]], book: Rulebook, today: date
) -> Iterator[str]:
    if row.expiry_day < today:
        yield LATE
    if row.asked_from is not None and row.asked_from < today:
        yield BEGINS_IN_THE_PAST
    asked = approval_asked(row.occasion, row.region, book, today)
    if row.approval != APPROVAL_GIVEN and (asked or row.approval is not None):
        yield APPROVAL
    if row.state == PLACED and (row.region_id, row.insurer_id) not in designated:
        yield NOT_DESIGNATED
    if row.kind == "commercial" and not row.lines:
        yield NO_COVERS
    if row.state == PLACED and row.expected_premium is None:
        yield NO_PREMIUM
    if not row.licensed:
        yield LICENCE
    if not row.credit_code:
        yield CREDIT_CODE
    if not row.contact:
        yield CONTACT


def designated_on(day: date) -> set[tuple[int, int]]:
    """The regions and insurers, by id, where the one designates the other on a day (3.1)."""
    rows = db.session.execute(select(Designation.region_id, Designation.insurer_id).where(_on(day)))
    return {(region_id, insurer_id) for region_id, insurer_id in rows}


def _on(day: date) -> Any:
    return and_(Designation.since <= day, Designation.until.is_(None) | (Designation.until > day))


def insurers_offered(regions: Iterable[str], day: date) -> list[tuple[str, str]]:
    """Code and name of the insurers designated on a day in any of some regions, and where."""
    rows = db.session.execute(
        select(Insurer.code, Insurer.name, Region.code)
        .join(Designation, Designation.insurer_id == Insurer.id)
        .join(Region, Region.id == Designation.region_id)
        .where(_on(day), Region.code.in_(set(regions)))
        .order_by(Insurer.code, Region.code)
    )
    found: dict[str, tuple[str, list[str]]] = {}
    for code, name, region in rows:
        found.setdefault(code, (name, []))[1].append(region)
    return [(code, f"{name} ({', '.join(where)})") for code, (name, where) in found.items()]


def insurers_in_sight() -> list[tuple[str, str]]:
    """Code and name of every insurer, to look a queue through by."""
    rows = db.session.execute(select(Insurer.code, Insurer.name).order_by(Insurer.code))
    return [(code, name) for code, name in rows]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many requests wait where: by state with the desk, and by day with the companies."""

    submitted: int
    accepted: int
    placed: int
    late: int
    week: int
    later: int

    @property
    def not_reported(self) -> int:
        """How many the companies have not reported yet."""
        return self.late + self.week + self.later


def waiting(today: date, week_ends: date) -> Waiting:
    """Count the open requests in scope: those with the desk, and those not yet reported."""
    with_company = CoverRequest.state.in_(WITH_COMPANY)
    day = CoverRequest.expiry_day
    row = db.session.execute(
        select(
            *(func.count(case((CoverRequest.state == state, 1))) for state in WITH_DESK),
            func.count(case((and_(with_company, day < today), 1))),
            func.count(case((and_(with_company, day.between(today, week_ends)), 1))),
            func.count(case((and_(with_company, day > week_ends), 1))),
        )
        .select_from(CoverRequest)
        .where(CoverRequest.state.in_((*WITH_COMPANY, *WITH_DESK)))
    ).one()
    return Waiting(*row)


def placements() -> Select[Any]:
    """Select the placements in scope with how many requests each has, and how many are insured."""
    counted = (
        select(
            CoverRequest.placement_id,
            func.count().label("requests"),
            func.count(case((CoverRequest.state == INSURED, 1))).label("insured"),
            func.count(case((CoverRequest.state == PLACED, 1))).label("waiting"),
        )
        .where(CoverRequest.placement_id.is_not(None))
        .group_by(CoverRequest.placement_id)
        .subquery()
    )
    return (
        select(
            Placement.id,
            Placement.placed_on,
            Placement.placed_by,
            Placement.note,
            Insurer.code.label("insurer"),
            Insurer.name.label("insurer_name"),
            Region.code.label("region"),
            Region.name.label("region_name"),
            func.coalesce(counted.c.requests, 0).label("requests"),
            func.coalesce(counted.c.insured, 0).label("insured"),
            func.coalesce(counted.c.waiting, 0).label("waiting"),
        )
        .join(Insurer, Insurer.id == Placement.insurer_id)
        .join(Region, Region.id == Placement.region_id)
        .outerjoin(counted, counted.c.placement_id == Placement.id)
    )


def requests_of(placement_id: int) -> Select[Any]:
    """Select the requests of a placement as its page lists them."""
    chosen = (
        select(
            CoverRequest.id,
            CoverRequest.kind,
            CoverRequest.state,
            CoverRequest.expiry_day,
            CoverRequest.policy_number,
            CoverRequest.followed_by,
            CoverRequest.expected_premium,
            CoverRequest.expected_tax,
            CoverRequest.version,
            Vehicle.vin,
            Vehicle.plate,
            Company.code.label("company"),
            Company.name.label("company_name"),
        )
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .join(Company, Company.id == Vehicle.company_id)
    )
    return chosen.where(CoverRequest.placement_id == placement_id)


def placement_of(placement_id: int) -> Placement:
    """The placement of a number within the caller's scope; NotFound where there is none."""
    found = db.session.scalar(select(Placement).where(Placement.id == placement_id))
    if found is None:
        raise NotFound(_("placement"))
    return found
