"""A group on record for finance: one vehicle whose compulsory policy may be reimbursed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from sqlalchemy import select

from fleet.insurers.tables import INSURER, Designation, Insurer
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.policies.tables import Policy
from fleet.reimbursement.rules import Asked
from fleet.storage import Actor, db
from fleet.vehicles.tables import Vehicle, VehicleType
from fleet.words import midnight
from tests.make import CLOCK

AT = datetime(2026, 3, 10, 4, tzinfo=UTC)
BY = Actor(None, "finance@example.test")
BEGINS = date(2026, 3, 2)
DAY = timedelta(days=1)
PREMIUM, TAX = Decimal(950), Decimal(300)
DUE = PREMIUM + TAX
CREDIT = "91990000MAX0000325"
NUMBER = "TEST0000000000000001"
INVOICE = "26992000000123456789"


def one_of(table: type, code: str, **values: Any) -> Any:
    """The row of that code, made where it is not there."""
    found = db.session.scalar(select(table).where(table.code == code))
    if found is None:
        found = table(code=code, **values)
        db.session.add(found)
        db.session.flush()
    return found


def company(code: str = "E1", credit: str | None = CREDIT) -> Company:
    """A company; its code's first letter is its region."""
    region = one_of(Region, code[0], name=f"Region {code[0]}")
    name = f"Company {code}"
    return one_of(Company, code, name=name, region_id=region.id, credit_code=credit)


def insurer(code: str = "INS-A", kind: str = INSURER) -> Insurer:
    return one_of(Insurer, code, name=f"Insurer {code}", kind=kind)


def designate(region: str, code: str, since: date, until: date | None = None) -> None:
    place = one_of(Region, region, name=f"Region {region}")
    made = Designation(region_id=place.id, insurer_id=insurer(code).id, since=since, until=until)
    db.session.add(made)
    db.session.flush()


def vehicle(serial: int = 1, holder: str = "E1", since: date = date(2020, 1, 1)) -> Vehicle:
    one_of(VehicleType, "official")
    made = Vehicle(
        vin=f"LTESTE{serial:011d}",
        plate=f"京A{serial:05d}",
        vehicle_type="official",
        company_id=company(holder).id,
        seats=5,
        energy="petrol",
        in_service_since=since,
    )
    db.session.add(made)
    db.session.flush()
    return made


def policy(
    of: Vehicle,
    number: str = NUMBER,
    first: date = BEGINS,
    kind: str = "compulsory",
    **overrides: Any,
) -> Policy:
    """A year's policy from a day on, its request approved."""
    values: dict[str, Any] = {
        "insurer_id": insurer().id,
        "begins": midnight(first, CLOCK),
        "ends": midnight(first + 365 * DAY, CLOCK),
        "signed_on": first - 3 * DAY,
        "premium": PREMIUM,
        "vehicle_tax": TAX if kind == "compulsory" else None,
        "approval_number": "OA-1",
    }
    made = Policy(policy_number=number, vehicle_id=of.id, kind=kind, **(values | overrides))
    db.session.add(made)
    db.session.flush()
    return made


def group() -> Policy:
    """A policy that may be reimbursed, and a second company in another region."""
    designate("E", "INS-A", date(2012, 1, 17))
    made = policy(vehicle())
    company("W1", credit="91990000MAX0000333")
    db.session.commit()
    return made


ASKED = Asked(
    company="E1",
    policy_number=NUMBER,
    insurer="INS-A",
    invoice_number=INVOICE,
    invoice_date=BEGINS,
    invoice_total=PREMIUM,
    vehicle_tax=TAX,
    buyer_credit_code=CREDIT,
    amount=DUE,
)


def asked(**overrides: Any) -> Asked:
    """A claim that is payable, with some of it changed."""
    return replace(ASKED, **overrides)


def body(**overrides: Any) -> dict[str, Any]:
    """The same claim as the API takes it."""
    values = {
        "company": "E1",
        "policy_number": NUMBER,
        "insurer": "INS-A",
        "invoice_code": None,
        "invoice_number": INVOICE,
        "invoice_date": "2026-03-02",
        "invoice_total": "950.00",
        "vehicle_tax": 300,
        "late_fee": 0,
        "buyer_credit_code": CREDIT,
        "amount": 1250.00,
    }
    return values | overrides


def user(role: str, company_code: str | None = None, name: str = "a") -> User:
    """Somebody with a role for a company, or for the whole group; `name` is their token too."""
    kept = db.session.scalars(select(Role).where(Role.name == role)).one()
    made = User(email=f"{name}@example.test", name=name, active=True, fs_uniquifier=name)
    place = company(company_code).id if company_code else None
    made.grants = [Grant(role_id=kept.id, company_id=place)]
    db.session.add(made)
    db.session.flush()
    digest = sha256(name.encode()).hexdigest()
    db.session.add(ApiToken(user_id=made.id, name="test", digest=digest, created_at=AT))
    db.session.commit()
    return made


def bearer(who: User) -> dict[str, str]:
    """The header that makes a call theirs."""
    return {"Authorization": f"Bearer {who.name}"}


def sign_in(client: Any, who: User) -> None:
    """Let a browser be theirs, without the form."""
    with client.session_transaction() as kept:
        kept.update(_user_id=who.fs_uniquifier, _fresh=True, fs_cc="set")
