"""A group on record through its own verbs: regions, companies, people, vehicles that comply."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import event, select

from fleet.insurers.tables import INSURER, Insurer
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.policies import service
from fleet.policies.service import LineDetails, PolicyDetails, Printed
from fleet.policies.steps import differing
from fleet.policies.tables import CoverStep, Policy
from fleet.storage import Actor, db
from fleet.vehicles import service as register
from fleet.vehicles.service import VehicleDetails
from fleet.vehicles.tables import Vehicle, VehicleType
from fleet.words import midnight
from tests.make import CLOCK, at
from tests.pages import PageClient

BY = Actor(None, "test")
AT = at(2026, 6, 20)
DAY = timedelta(days=1)
LAST = date(2027, 3, 1)
WHO: dict[str, Any] = {"by": BY, "at": AT}


def one_of(table: Any, code: str, **values: Any) -> Any:
    """The row of that code, made where it is not there."""
    found = db.session.scalar(select(table).where(table.code == code))
    if found is None:
        found = table(code=code, **values)
        db.session.add(found)
        db.session.commit()
    return found


def company(code: str = "N1") -> Company:
    """A company; its code's first letter is its region."""
    region = one_of(Region, code[0], name=f"Region {code[0]}")
    made: Company = one_of(Company, code, name=f"Company {code}", region_id=region.id)
    return made


def insurer(code: str = "DEMO-A", kind: str = INSURER) -> Insurer:
    made: Insurer = one_of(Insurer, code, name=f"Insurer {code}", kind=kind)
    return made


def vin(serial: int) -> str:
    return f"LTESTP{serial:011d}"


def details(**overrides: Any) -> VehicleDetails:
    values: dict[str, Any] = {
        "vehicle_type": "official",
        "seats": 5,
        "in_service_since": date(2020, 1, 1),
        "energy": "petrol",
    }
    return VehicleDetails(**(values | overrides))


def vehicle(serial: int = 1, holder: str = "N1", **overrides: Any) -> Vehicle:
    """A vehicle in the register."""
    one_of(VehicleType, "official")
    company(holder)
    plate = f"京A{serial:05d}"
    return register.register(vin(serial), plate, holder, details(**overrides), **WHO)


def covers(**instead: LineDetails | None) -> tuple[LineDetails, ...]:
    """Lines that meet 2.2 to 2.6 for five seats under the 2020 terms; None leaves one out."""
    lines: dict[str, LineDetails | None] = {
        "damage": LineDetails(cover="damage", sum_insured=Decimal(120_000)),
        "third_party": LineDetails(cover="third_party", sum_insured=Decimal(200_000)),
        "driver": LineDetails(cover="occupants_driver", sum_insured=Decimal(20_000), seats=1),
        "passengers": LineDetails(
            cover="occupants_passengers", sum_insured=Decimal(20_000), seats=4
        ),
    }
    return tuple(one for one in (lines | instead).values() if one is not None)


def policy_details(kind: str, last: date = LAST, **overrides: Any) -> PolicyDetails:
    """What a policy of a year prints; a compulsory one with its tax."""
    values: dict[str, Any] = {
        "kind": kind,
        "begins": midnight(last - 364 * DAY, CLOCK),
        "ends": midnight(last + DAY, CLOCK),
        "vehicle_tax": Decimal(300) if kind == "compulsory" else None,
    }
    return PolicyDetails(**(values | overrides))


def policy(
    of: str,
    kind: str = "commercial",
    last: date = LAST,
    lines: tuple[LineDetails, ...] | None = None,
    *,
    issuer: str = "DEMO-A",
    **overrides: Any,
) -> Policy:
    """A policy on record; a commercial one with every cover asked for."""
    insurer(issuer)
    if lines is None:
        lines = covers() if kind == "commercial" else ()
    number = f"{kind[:4].upper()}-{of[-4:]}-{issuer[-1]}-{last:%Y%m%d}"
    return service.record(
        Printed(number, issuer, of), policy_details(kind, last, **overrides), lines, **WHO
    )


def insured(serial: int = 1, holder: str = "N1", last: date = LAST) -> str:
    """The VIN of a vehicle with both its policies."""
    made = vehicle(serial, holder).vin
    policy(made, "compulsory", last)
    policy(made, "commercial", last)
    return made


def standing_of(of: str, moment: datetime = AT) -> str:
    """A vehicle's standing as stored."""
    found = db.session.scalar(
        select(CoverStep.standing)
        .join(Vehicle, Vehicle.id == CoverStep.vehicle_id)
        .where(Vehicle.vin == of, CoverStep.since <= moment, CoverStep.until > moment)
    )
    return str(found)


def stored_as_computed() -> bool:
    """Whether every stored timeline is what the pure function gives."""
    return not list(differing())


def person(role: str, company_code: str | None = None, region: str | None = None) -> User:
    """A person with a role for a company, a region, or the whole group."""
    kept = db.session.scalar(select(Role).where(Role.name == role)) or Role(name=role)
    name = f"{role}-{company_code}-{region}"
    made = User(email=f"{name}@test.example", name=role, fs_uniquifier=name)
    made.grants = [
        Grant(
            role=kept,
            company_id=company(company_code).id if company_code else None,
            region_id=one_of(Region, region).id if region else None,
        )
    ]
    db.session.add(made)
    db.session.commit()
    return made


def sign_in(client: PageClient, user: User) -> None:
    """Let a client's browser be signed in, without a password to hash."""
    with client.session_transaction() as kept:
        kept.update(_user_id=user.fs_uniquifier, _fresh=True, fs_cc="set")


def bearer(user: User) -> dict[str, str]:
    """The header of an API call of a person."""
    digest = sha256(user.email.encode()).hexdigest()
    db.session.add(ApiToken(user_id=user.id, name="test", digest=digest, created_at=AT))
    db.session.commit()
    return {"Authorization": f"Bearer {user.email}"}


@contextmanager
def statements() -> Iterator[list[str]]:
    """The statements that run within a block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
