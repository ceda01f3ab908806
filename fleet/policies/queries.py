"""What pages and the API list: vehicles with their standing, policies, counts of standings.

Kept apart from the verbs: these only read, by a fixed number of statements however large the
group, over ORM columns, so that whose rows they show is decided below them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import contains_eager

from fleet.insurers.tables import INSURER, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverStep, Policy
from fleet.rulebook.cover import STANDINGS
from fleet.storage import db
from fleet.storage.types import OPEN_END
from fleet.vehicles.tables import Vehicle
from fleet.words import last_day, midnight, normalise

RUNNING, COMING, ENDED, VOID = "running", "coming", "ended", "void"
STATES = (RUNNING, COMING, ENDED, VOID)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which vehicles are asked for, by codes; empty asks for all. Expiry days are included."""

    at: datetime
    zone: ZoneInfo
    q: str = ""
    company: str = ""
    region: str = ""
    type: str = ""
    standing: str = ""
    insurer: str = ""
    expires_from: date | None = None
    expires_to: date | None = None


def vehicles(wanted: Wanted) -> Select[Any]:
    """The vehicles asked for with their standing at the moment.

    Rows of (Vehicle, standing, codes of its shortfalls, when that step ends).
    """
    found = (
        select(Vehicle, CoverStep.standing, CoverStep.shortfalls, CoverStep.until)
        .join(Vehicle.company)
        .join(Company.region)
        .outerjoin(CoverStep, and_(CoverStep.vehicle_id == Vehicle.id, *_covers(wanted.at)))
        .options(contains_eager(Vehicle.company).contains_eager(Company.region))
    )
    return found.where(*_vehicle_criteria(wanted))


def vehicle_count(wanted: Wanted) -> Select[Any]:
    """How many vehicles are asked for, counted without the joins that only fill columns."""
    counted = select(func.count(Vehicle.id))
    if wanted.company or wanted.region:
        counted = counted.join(Vehicle.company).join(Company.region)
    if wanted.standing:
        steps = and_(CoverStep.vehicle_id == Vehicle.id, *_covers(wanted.at))
        counted = counted.join(CoverStep, steps)
    return counted.where(*_vehicle_criteria(wanted))


def standings_of(wanted: Wanted, among: Iterable[str]) -> Select[Any]:
    """The vehicles asked for whose standing is among some, as columns; the caller sorts them."""
    return (
        select(
            Vehicle.id,
            Vehicle.vin,
            Vehicle.plate,
            Vehicle.brand_model,
            CoverStep.standing,
            Company.code.label("company"),
            Company.name.label("company_name"),
            Region.name.label("region_name"),
        )
        .join(CoverStep, and_(CoverStep.vehicle_id == Vehicle.id, *_covers(wanted.at)))
        .join(Company, Company.id == Vehicle.company_id)
        .join(Region, Region.id == Company.region_id)
        .where(CoverStep.standing.in_(tuple(among)), *_vehicle_criteria(wanted))
    )


VEHICLE_SORTS: Mapping[str, Any] = {
    "vin": Vehicle.vin,
    "plate": (Vehicle.plate, Vehicle.vin),
    "company": (Company.code, Vehicle.vin),
    "type": (Vehicle.vehicle_type, Vehicle.vin),
    "standing": (CoverStep.standing, Vehicle.vin),
    "until": (CoverStep.until, Vehicle.vin),
}


def _covers(at: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    # A last step is stored with an end; a moment past that one lies in the last step too.
    moment = min(at, OPEN_END - timedelta(microseconds=1))
    return CoverStep.since <= moment, CoverStep.until > moment


def _vehicle_criteria(wanted: Wanted) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if wanted.q:
        criteria.append(_vehicle_named(wanted.q))
    if wanted.company:
        criteria.append(Company.code == wanted.company)
    if wanted.region:
        criteria.append(Region.code == wanted.region)
    if wanted.type:
        criteria.append(Vehicle.vehicle_type == wanted.type)
    if wanted.standing:
        criteria.append(CoverStep.standing == wanted.standing)
    if wanted.insurer or wanted.expires_from or wanted.expires_to:
        criteria.append(_has_running_policy(wanted))
    return criteria


def _vehicle_named(text: str) -> ColumnElement[bool]:
    """A part of the plate or the VIN, or of the number of one of its policies."""
    text = normalise(text).upper().replace(" ", "").replace("·", "")
    numbered = select(Policy.vehicle_id).where(
        Policy.policy_number.icontains(text, autoescape=True)
    )
    return or_(
        Vehicle.vin.contains(text, autoescape=True),
        Vehicle.plate.contains(text, autoescape=True),
        Vehicle.id.in_(numbered),
    )


def _has_running_policy(wanted: Wanted) -> ColumnElement[bool]:
    policy = select(Policy.id).where(
        Policy.vehicle_id == Vehicle.id, Policy.begins <= wanted.at, Policy.covers_until > wanted.at
    )
    if wanted.insurer:
        policy = policy.where(Policy.insurer.has(Insurer.code == wanted.insurer))
    return policy.where(*_expiring(wanted.expires_from, wanted.expires_to, wanted.zone)).exists()


def _expiring(
    first: date | None, last: date | None, zone: ZoneInfo
) -> Iterable[ColumnElement[bool]]:
    """The expiry day, the local day of the last instant covered, lies between two days."""
    if first:
        yield Policy.covers_until > midnight(first, zone)
    if last:
        yield Policy.covers_until <= midnight(last + timedelta(days=1), zone)


def expiry_days(vehicle_ids: Iterable[int], zone: ZoneInfo) -> dict[tuple[int, str], date]:
    """The last expiry day of each vehicle and policy kind on record, pools' paper aside."""
    rows = db.session.execute(
        select(Policy.vehicle_id, Policy.kind, func.max(Policy.covers_until))
        .join(Policy.insurer)
        .where(
            Policy.vehicle_id.in_(set(vehicle_ids)),
            Policy.covers_until > Policy.begins,
            Insurer.kind == INSURER,
        )
        .group_by(Policy.vehicle_id, Policy.kind)
    )
    return {(vehicle, kind): last_day(ends, zone) for vehicle, kind, ends in rows}


def summary(at: datetime, company: str = "", region: str = "") -> dict[str, int]:
    """How many vehicles have which standing at a moment: a count over the stored steps."""
    counted = select(CoverStep.standing, func.count()).where(*_covers(at))
    if company or region:
        counted = counted.where(CoverStep.vehicle_id.in_(_held_by(company, region)))
    found = dict(_by_standing(counted))
    return {standing: found.get(standing, 0) for standing in STANDINGS}


def _by_standing(counted: Select[Any]) -> Iterable[tuple[str, int]]:
    rows = db.session.execute(counted.group_by(CoverStep.standing))
    return ((row[0], row[1]) for row in rows)


def _held_by(company: str, region: str) -> Select[Any]:
    held = select(Vehicle.id).join(Vehicle.company)
    if company:
        held = held.where(Company.code == company)
    if region:
        held = held.where(Company.region.has(Region.code == region))
    return held


# Policies


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPolicies:
    """Which policies are asked for, by codes; empty asks for all. Expiry days are included."""

    at: datetime
    zone: ZoneInfo
    q: str = ""
    company: str = ""
    region: str = ""
    kind: str = ""
    insurer: str = ""
    state: str = ""
    expires_from: date | None = None
    expires_to: date | None = None


def policies(wanted: WantedPolicies) -> Select[Any]:
    """The policies asked for, each with its vehicle, the vehicle's company, and its insurer."""
    found = (
        select(Policy)
        .join(Policy.vehicle)
        .join(Vehicle.company)
        .join(Policy.insurer)
        .options(
            contains_eager(Policy.vehicle).contains_eager(Vehicle.company),
            contains_eager(Policy.insurer),
        )
    )
    return found.where(*_policy_criteria(wanted))


POLICY_SORTS: Mapping[str, Any] = {
    "number": Policy.policy_number,
    "vehicle": (Vehicle.vin, Policy.begins),
    "company": (Company.code, Policy.policy_number),
    "insurer": (Insurer.code, Policy.policy_number),
    "begins": (Policy.begins, Policy.policy_number),
    "expiry": (Policy.covers_until, Policy.policy_number),
    "premium": (Policy.premium, Policy.policy_number),
}


def _policy_criteria(wanted: WantedPolicies) -> list[ColumnElement[bool]]:
    criteria: list[ColumnElement[bool]] = []
    if wanted.q:
        criteria.append(_policy_named(wanted.q))
    if wanted.company:
        criteria.append(Company.code == wanted.company)
    if wanted.region:
        criteria.append(Company.region.has(Region.code == wanted.region))
    if wanted.kind:
        criteria.append(Policy.kind == wanted.kind)
    if wanted.insurer:
        criteria.append(Insurer.code == wanted.insurer)
    criteria += _in_state(wanted.state, wanted.at)
    criteria += _expiring(wanted.expires_from, wanted.expires_to, wanted.zone)
    return criteria


def _policy_named(text: str) -> ColumnElement[bool]:
    """A part of the number, or of the vehicle's plate or VIN."""
    number = normalise(text)
    text = number.upper().replace(" ", "").replace("·", "")
    return or_(
        Policy.policy_number.icontains(number, autoescape=True),
        Vehicle.vin.contains(text, autoescape=True),
        Vehicle.plate.contains(text, autoescape=True),
    )


def _in_state(state: str, at: datetime) -> list[ColumnElement[bool]]:
    known: dict[str, list[ColumnElement[bool]]] = {
        RUNNING: [Policy.begins <= at, Policy.covers_until > at],
        COMING: [Policy.begins > at, Policy.covers_until > Policy.begins],
        ENDED: [Policy.covers_until <= at, Policy.covers_until > Policy.begins],
        VOID: [Policy.covers_until <= Policy.begins],
    }
    return known.get(state, [])


def state_of(policy: Policy, at: datetime) -> str:
    """Whether a policy runs at a moment, is coming, has ended, or was void from the beginning."""
    if policy.covers_until <= policy.begins:
        return VOID
    if at < policy.begins:
        return COMING
    return RUNNING if at < policy.covers_until else ENDED


# What filters and forms offer


def companies_offered() -> list[tuple[str, str]]:
    """The companies in scope, as (code, name)."""
    rows = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return [(code, name) for code, name in rows]


def regions_offered() -> list[tuple[str, str]]:
    """The regions of the companies in scope, as (code, name)."""
    rows = db.session.execute(
        select(Region.code, Region.name)
        .join(Company, Company.region_id == Region.id)
        .distinct()
        .order_by(Region.code)
    )
    return [(code, name) for code, name in rows]


def insurers_offered() -> list[tuple[str, str]]:
    """Every issuer of policies, as (code, name)."""
    rows = db.session.execute(select(Insurer.code, Insurer.name).order_by(Insurer.code))
    return [(code, name) for code, name in rows]
