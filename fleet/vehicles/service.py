"""The verbs of the register: register, edit, move, change plate, lay up, return, leave; add a type.

Each reads its vehicle under a lock, so that two people's changes follow one another; where the
person saw an earlier version than the one on record, it refuses with Stale.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError

from fleet.people.tables import Company
from fleet.storage import Actor, act, db, everyone
from fleet.vehicles import refusals
from fleet.vehicles.rules import clash, running_on
from fleet.vehicles.tables import Holding, LayUp, Vehicle, VehiclePlate, VehicleType
from fleet.web.errors import NotFound, Stale
from fleet.words import Days, NotWellFormed, Plate, Vin, local_day


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleDetails:
    """What the vehicle licence 行驶证 states, and the vehicle's days in the fleet."""

    vehicle_type: str
    seats: int
    in_service_since: date
    in_service_until: date | None = None
    energy: str = "other"
    brand_model: str | None = None
    engine_number: str | None = None
    first_registered: date | None = None


def register(
    vin: str,
    plate: str | None,
    company: str,
    details: VehicleDetails,
    *,
    by: Actor,
    at: datetime,
) -> Vehicle:
    """Enter a vehicle into the fleet, held by a company (by its code) from its first day on."""
    vin, plate = _vin(vin), _plate(plate)
    _in_order(details)
    try:
        with act("register_vehicle", by=by, at=at, subject=vin):
            holder = company_of(company)
            _known_type(details.vehicle_type)
            if plate:
                _free(plate, None, at)
            vehicle = Vehicle(vin=vin, plate=plate, company_id=holder.id, **asdict(details))
            since = details.in_service_since
            vehicle.holdings = [Holding(company_id=holder.id, since=since)]
            vehicle.plates = [VehiclePlate(plate=plate, since=since)] if plate else []
            db.session.add(vehicle)
            db.session.flush()
    except IntegrityError:
        raise refusals.VinTaken(vin) from None
    return vehicle


def edit(vin: str, details: VehicleDetails, *, version: int, by: Actor, at: datetime) -> Vehicle:
    """Correct what the licence states or the vehicle's days in the fleet."""
    _in_order(details)
    with act("edit_vehicle", by=by, at=at, subject=vin):
        vehicle = lock(vin, version)
        _known_type(details.vehicle_type)
        _follow_entry(vehicle, details.in_service_since)
        for name, value in asdict(details).items():
            setattr(vehicle, name, value)
    return vehicle


def move(vin: str, company: str, on: date, *, version: int, by: Actor, at: datetime) -> Vehicle:
    """Hand a vehicle over 调拨 to another company, which holds it from `on` on."""
    with act("move_vehicle", by=by, at=at, subject=vin):
        vehicle, holder = lock(vin, version), company_of(company)
        _happened(on, at)
        if holder.id == vehicle.company_id:
            raise refusals.SameHolder(holder.name)
        _hold_from_entry(vehicle)
        last = vehicle.holdings[-1]
        if on <= last.since:
            raise refusals.TooEarly("on", last.since)
        last.until = on if last.until is None else min(on, last.until)
        vehicle.holdings.append(Holding(company_id=holder.id, since=on))
        vehicle.company_id = holder.id
    return vehicle


def change_plate(
    vin: str, plate: str | None, on: date, *, version: int, by: Actor, at: datetime
) -> Vehicle:
    """Let a vehicle carry another plate, or none, from `on` on."""
    plate = _plate(plate)
    with act("change_plate", by=by, at=at, subject=vin):
        vehicle = lock(vin, version)
        _happened(on, at)
        if plate == vehicle.plate:
            raise refusals.SamePlate
        if plate:
            _free(plate, vehicle.id, at)
        for carried in vehicle.plates:
            if carried.until is None:
                if on <= carried.since:
                    raise refusals.TooEarly("on", carried.since)
                carried.until = on
        if plate:
            vehicle.plates.append(VehiclePlate(plate=plate, since=on))
        vehicle.plate = plate
    return vehicle


def lay_up(vin: str, days: Days, *, by: Actor, at: datetime) -> Vehicle:
    """Take a vehicle off the road 停驶 for some days; without `until` until it returns."""
    if days.until is not None and days.until <= days.since:
        raise refusals.TooEarly("until", days.since)
    with act("lay_up", by=by, at=at, subject=vin):
        vehicle = lock(vin)
        if other := clash(days, _rests(vehicle)):
            raise refusals.LaidUpAlready(other)
        vehicle.lay_ups.append(LayUp(since=days.since, until=days.until))
    return vehicle


def return_to_service(vin: str, on: date, *, by: Actor, at: datetime) -> Vehicle:
    """Put a laid-up vehicle on the road again 复驶 from `on` on.

    The lay-up that runs on that day ends; one still to come is called off.
    """
    with act("return_to_service", by=by, at=at, subject=vin):
        vehicle = lock(vin)
        found = running_on(_rests(vehicle), on)
        if found is None:
            raise refusals.NotLaidUp
        row = next(one for one in vehicle.lay_ups if one.since == found.since)
        if on <= found.since:
            vehicle.lay_ups.remove(row)
        else:
            row.until = on
    return vehicle


def leave(vin: str, on: date, *, version: int, by: Actor, at: datetime) -> Vehicle:
    """Let a vehicle leave the fleet: `on` is the first day it is no longer in service."""
    with act("leave_fleet", by=by, at=at, subject=vin):
        vehicle = lock(vin, version)
        if on <= vehicle.in_service_since:
            raise refusals.TooEarly("on", vehicle.in_service_since)
        vehicle.in_service_until = on
    return vehicle


def add_type(code: str, name: str, *, by: Actor, at: datetime) -> VehicleType:
    """Add a kind of vehicle to the group's list, which is open (1.1)."""
    try:
        with act("add_vehicle_type", by=by, at=at, subject=code):
            made = VehicleType(code=code, name=name)
            db.session.add(made)
            db.session.flush()
    except IntegrityError:
        raise refusals.TypeTaken(code) from None
    return made


# What pages and verbs look up


def vehicle_of(vin: str) -> Vehicle:
    """The vehicle of a VIN within the caller's scope; NotFound where there is none."""
    found = db.session.scalar(select(Vehicle).where(Vehicle.vin == vin))
    if found is None:
        raise NotFound(_("vehicle"))
    return found


def company_of(code: str) -> Company:
    """The company of a code within the caller's scope; NotFound where there is none."""
    found = db.session.scalar(select(Company).where(Company.code == code))
    if found is None:
        raise NotFound(_("company"))
    return found


def types() -> list[VehicleType]:
    """Every kind of vehicle the group knows, by code."""
    return list(db.session.scalars(select(VehicleType).order_by(VehicleType.code)))


def lock(vin: str, version: int | None = None) -> Vehicle:
    """The vehicle, its row locked, where it is still the version that the person saw.

    Whoever changes what a vehicle's timeline follows from locks the vehicle first, or two
    changes at once would each store a timeline without the other (PostgreSQL).
    """
    statement = select(Vehicle).where(Vehicle.vin == vin)
    found = db.session.scalar(statement.with_for_update(of=Vehicle, key_share=True))
    if found is None:
        raise NotFound(_("vehicle"))
    if version is not None and found.version != version:
        raise Stale
    return found


def _vin(text: str) -> str:
    try:
        return Vin.parse(text).value
    except NotWellFormed as error:
        raise refusals.Malformed("vin", error) from error


def _plate(text: str | None) -> str | None:
    if not text or Plate.not_yet(text):
        return None
    try:
        return Plate.parse(text).value
    except NotWellFormed as error:
        raise refusals.Malformed("plate", error) from error


def _free(plate: str, but: int | None, at: datetime) -> None:
    """Refuse a plate that another vehicle carries, in whichever company."""
    carried = select(Vehicle.id).where(
        Vehicle.plate == plate,
        Vehicle.id != (but or 0),
        or_(Vehicle.in_service_until.is_(None), Vehicle.in_service_until > _day(at)),
    )
    with everyone():
        if db.session.scalar(carried.limit(1)) is not None:
            raise refusals.PlateTaken(plate)


def _known_type(code: str) -> None:
    if db.session.get(VehicleType, code) is None:
        raise refusals.NoSuchType(code)


def _in_order(details: VehicleDetails) -> None:
    until = details.in_service_until
    if until is not None and until <= details.in_service_since:
        raise refusals.TooEarly("in_service_until", details.in_service_since)


def _happened(on: date, at: datetime) -> None:
    if on > _day(at):
        raise refusals.NotYet


def _day(at: datetime) -> date:
    return local_day(at, current_app.extensions["rulebook"].zone)


def _rests(vehicle: Vehicle) -> list[Days]:
    return [Days(one.since, one.until) for one in vehicle.lay_ups]


def _hold_from_entry(vehicle: Vehicle) -> None:
    """Write down the holding that follows from the vehicle's own row, where none is on record."""
    if not vehicle.holdings:
        since = vehicle.in_service_since
        vehicle.holdings.append(Holding(company_id=vehicle.company_id, since=since))


def _follow_entry(vehicle: Vehicle, since: date) -> None:
    """Let a first holding and plate that began with the entry begin with the corrected one."""
    for spells in (vehicle.holdings, vehicle.plates):
        first = spells[0] if spells else None
        if first is None or first.since != vehicle.in_service_since:
            continue
        if first.until is not None and since >= first.until:
            raise refusals.TooLate("in_service_since", first.until)
        first.since = since
