"""A group on record for the daily job: vehicles, policies and lay-ups with honest defaults."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from fleet.insurers.tables import INSURER, Insurer
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.policies.tables import Policy
from fleet.renewals.daily import run_day
from fleet.storage import Actor, db
from fleet.vehicles.tables import LayUp, Vehicle, VehicleType
from fleet.words import midnight
from tests.pages import PageClient

CLOCK = ZoneInfo("Asia/Shanghai")
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
BY = Actor(None, "test")
X = date(2026, 6, 30)  # the expiry day of the default policy
DAY = timedelta(days=1)


def _one(table: type, code: str, **values: Any) -> Any:
    found = db.session.scalar(select(table).where(table.code == code))
    if found is None:
        found = table(code=code, **values)
        db.session.add(found)
        db.session.flush()
    return found


def company(code: str = "A1", region: str = "A") -> Company:
    home = _one(Region, region, name=f"Region {region}")
    return _one(Company, code, name=f"Company {code}", region_id=home.id)


def insurer(code: str = "DEMO-A", kind: str = INSURER) -> Insurer:
    return _one(Insurer, code, name=code, kind=kind)


def vehicle(
    serial: int = 1,
    since: date = date(2020, 1, 1),
    until: date | None = None,
    holder: str = "A1",
    region: str = "A",
) -> Vehicle:
    _one(VehicleType, "official")
    made = Vehicle(
        vin=f"LTESTA{serial:011d}",
        vehicle_type="official",
        company_id=company(holder, region).id,
        seats=5,
        energy="petrol",
        in_service_since=since,
        in_service_until=until,
    )
    db.session.add(made)
    db.session.flush()
    return made


def policy(
    of: Vehicle,
    kind: str = "compulsory",
    last: date = X,
    first: date | None = None,
    **overrides: Any,
) -> Policy:
    """A policy over days, both included; `begins` and `ends` may be given as instants."""
    first = first or last - 364 * DAY
    values: dict[str, Any] = {
        "policy_number": f"{kind[:4].upper()}-{of.vin[-4:]}-{first:%Y%m%d}",
        "begins": midnight(first, CLOCK),
        "ends": midnight(last + DAY, CLOCK),
        "insurer": insurer(),
    }
    made = Policy(vehicle_id=of.id, kind=kind, **(values | overrides))
    db.session.add(made)
    db.session.flush()
    return made


def lay_up(of: Vehicle, since: date, until: date) -> None:
    db.session.add(LayUp(vehicle_id=of.id, since=since, until=until))
    db.session.flush()


def run(day: date) -> dict[str, Any]:
    """Run a day; what was not committed is."""
    db.session.commit()
    return run_day(day, by=BY, at=AT)


def opened(day: date) -> list[tuple[str, str, bool]]:
    """What a day's run opens: kind, expiry day, late."""
    return [(one["kind"], one["expiry_day"], one["late"]) for one in run(day)["opened"]]


def closed(day: date) -> list[tuple[str, str, str]]:
    """What a day's run closes: kind, expiry day, why."""
    return [(one["kind"], one["expiry_day"], one["why"]) for one in run(day)["closed"]]


def caller(role: str, company_code: str | None = None, region: str | None = None) -> User:
    """A person with a role for a company, a region, or the whole group."""
    kept = db.session.scalar(select(Role).where(Role.name == role))
    made = User(
        email=f"{role}-{company_code}-{region}@test.example",
        name=role,
        fs_uniquifier=f"{role}-{company_code}-{region}",
    )
    made.grants = [
        Grant(
            role=kept or Role(name=role),
            company=company(company_code) if company_code else None,
            region_id=_one(Region, region).id if region else None,
        )
    ]
    db.session.add(made)
    db.session.commit()
    return made


def bearer(user: User) -> dict[str, str]:
    """The header of an API call of a person."""
    digest = sha256(user.email.encode()).hexdigest()
    db.session.add(ApiToken(user=user, name="test", digest=digest, created_at=AT))
    db.session.commit()
    return {"Authorization": f"Bearer {user.email}"}


def sign_in(client: PageClient, user: User) -> None:
    """Let a client's browser be signed in, without a password to hash."""
    with client.session_transaction() as kept:
        kept.update(_user_id=user.fs_uniquifier, _fresh=True, fs_cc="set")
