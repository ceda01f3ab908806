"""Requests brought to the desk through the service, in two regions with their insurers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import select

from fleet.insurers.tables import Designation
from fleet.people.tables import Region
from fleet.policies.tables import CoverLine
from fleet.renewals import service
from fleet.renewals.moving import request_of
from fleet.renewals.tables import CoverRequest
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web.access import INSURANCE_DESK
from tests.pages import PageClient
from tests.renewals.records import (
    BY,
    DAY,
    X,
    caller,
    company,
    insurer,
    policy,
    run,
    sign_in,
    vehicle,
)

TODAY = X - 10 * DAY
NOW = datetime(TODAY.year, TODAY.month, TODAY.day, 4, tzinfo=UTC)  # noon of the company's zone
WHO: dict[str, Any] = {"by": BY, "at": NOW}
FULL = {"damage": 100_000, "third_party": 1_000_000, "occupants_driver": 20_000,
        "occupants_passengers": 20_000}  # fmt: skip


def designate(
    code: str, region: str, since: date = date(2012, 1, 17), until: date | None = None
) -> None:
    """Let a region designate an insurer, both made where they are not there."""
    company(f"{region}1", region)
    home = db.session.scalars(select(Region).where(Region.code == region)).one()
    db.session.add(
        Designation(region_id=home.id, insurer_id=insurer(code).id, since=since, until=until)
    )
    db.session.flush()


def insured(serial: int, region: str = "A", last: date = X) -> Vehicle:
    """A vehicle with a plate, and both policies until a day."""
    made = vehicle(serial, holder=f"{region}1", region=region)
    made.plate = f"京A{serial:05d}"
    policy(made, "compulsory", last)
    lines = [
        CoverLine(cover=cover, sum_insured=amount, seats=_seats(cover))
        for cover, amount in FULL.items()
    ]
    policy(made, "commercial", last, lines=lines)
    return made


def _seats(cover: str) -> int | None:
    return {"occupants_driver": 1, "occupants_passengers": 4}.get(cover)


def ids_of(*kinds: str, state: str | None = None, region: str | None = None) -> list[int]:
    """The requests by vehicle and kind, of some kinds, in a state."""
    found = (
        select(CoverRequest.id)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .order_by(Vehicle.vin, CoverRequest.kind.desc())
    )
    if kinds:
        found = found.where(CoverRequest.kind.in_(kinds))
    if state:
        found = found.where(CoverRequest.state == state)
    if region:
        found = found.where(Vehicle.company_id == company(f"{region}1", region).id)
    return list(db.session.scalars(found))


def prepare(ids: Iterable[int]) -> None:
    """Let the company ask for what is prefilled."""
    for number in ids:
        request = request_of(number)
        asked = service.Prepared(lines=tuple(service.prefill(request, NOW)), contact="Ms Li")
        service.prepare(number, asked, version=request.version, **WHO)


def reported(*serials: int, region: str = "A") -> list[int]:
    """Requests of some insured vehicles, reported to the desk."""
    for serial in serials:
        insured(serial, region)
    run(TODAY)
    ids = ids_of(state="due", region=region)
    prepare(ids)
    assert service.submit(ids, **WHO).left_out == []
    return ids


def placed(*serials: int, code: str = "INS-A", region: str = "A") -> tuple[int, list[int]]:
    """A placement of the requests of some insured vehicles; answers its number and theirs."""
    designate(code, region)
    ids = reported(*serials, region=region)
    service.accept(ids, **WHO)
    outcome = service.place(ids, code, note="first batch", **WHO)
    assert outcome.left_out == []
    return outcome.placements[0], ids


def states(ids: Iterable[int]) -> list[str]:
    """In which states requests are."""
    db.session.rollback()
    found = select(CoverRequest.id, CoverRequest.state).where(CoverRequest.id.in_(set(ids)))
    by_id = dict(db.session.execute(found).all())
    return [by_id[number] for number in ids]


def as_desk(client: PageClient, region: str = "A") -> PageClient:
    """A client signed in as a region's desk."""
    sign_in(client, caller(INSURANCE_DESK, None, region))
    return client
