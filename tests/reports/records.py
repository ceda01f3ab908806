"""A small group on record: two regions, three companies, a vehicle for every standing that counts.

Each vehicle's first digit says how it stands on TODAY, a count of statements what a page costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, event, select

import fleet.policies.steps  # noqa: F401 - it writes the steps as it listens
from fleet.insurers.tables import INSURER, Insurer
from fleet.people.tables import Company, Grant, Region, Role, User
from fleet.policies.tables import CoverLine, Policy
from fleet.reimbursement.tables import Claim
from fleet.renewals.daily import run_day
from fleet.renewals.tables import CoverRequest
from fleet.reports.rules import Times
from fleet.rulebook.renewal import NEW
from fleet.storage import Actor, db
from fleet.vehicles.tables import Vehicle, VehicleType
from fleet.words import midnight
from tests.make import CLOCK
from tests.pages import PageClient

DAY = timedelta(days=1)
TODAY = date(2026, 6, 20)
NOW = datetime(2026, 6, 20, 4, tzinfo=UTC)
TIMES = Times(at=NOW, today=TODAY, window_days=15, zone=CLOCK)
BY = Actor(None, "test")
YEAR = timedelta(days=364)
_serial = count(1)

LINES = (
    ("damage", 120_000, None),
    ("third_party", 1_000_000, None),
    ("occupants_driver", 20_000, 1),
    ("occupants_passengers", 20_000, 4),
)


def one_of(table: type, code: str, **values: Any) -> Any:
    """The row of that code, made where it is not there."""
    found = db.session.scalar(select(table).where(table.code == code))
    if found is None:
        found = table(code=code, **values)
        db.session.add(found)
        db.session.flush()
    return found


def company(code: str = "N1") -> Company:
    """A company; its code's first letter is its region."""
    region = one_of(Region, code[0], name=f"Region {code[0]}")
    return one_of(Company, code, name=f"Company {code}", region_id=region.id)


def vehicle(holder: str = "N1", *, last: date | None = None, tax: int = 300) -> Vehicle:
    """A vehicle; with a `last` day both its policies run a year until that day, included."""
    one_of(VehicleType, "official")
    serial = next(_serial)
    made = Vehicle(
        vin=f"LTESTR{serial:011d}",
        plate=f"京A{serial:05d}",
        vehicle_type="official",
        company_id=company(holder).id,
        seats=5,
        energy="petrol",
        in_service_since=date(2020, 1, 1),
    )
    db.session.add(made)
    db.session.flush()
    if last:
        policy(made, "compulsory", last, vehicle_tax=Decimal(tax))
        policy(made, "commercial", last, covers=LINES)
    return made


def policy(of: Vehicle, kind: str, last: date, *, covers: Any = (), **values: Any) -> Policy:
    """A policy of a year until a day, included."""
    issuer = one_of(Insurer, "DEMO-A", name="Demo Insurance", kind=INSURER)
    made = Policy(
        vehicle_id=of.id,
        kind=kind,
        policy_number=f"{kind[:4].upper()}-{of.vin[-6:]}-{last:%Y%m%d}",
        begins=midnight(last - YEAR, CLOCK),
        ends=midnight(last + DAY, CLOCK),
        insurer_id=issuer.id,
        lines=[
            CoverLine(cover=cover, sum_insured=Decimal(insured), seats=seats)
            for cover, insured, seats in covers
        ],
        **values,
    )
    db.session.add(made)
    db.session.flush()
    return made


def claim(state: str, holder: str = "N1", amount: str = "950.00") -> Claim:
    """A recorded claim in a state."""
    serial = next(_serial)
    made = Claim(
        company_id=company(holder).id,
        policy_number=f"POL-{serial}",
        invoice_number=f"{serial:08d}",
        invoice_key=f"{serial:08d}",
        amount=Decimal(amount),
        state=state,
        recorded_at=NOW - serial * DAY,
        recorded_by="test",
    )
    db.session.add(made)
    db.session.flush()
    return made


def group() -> None:
    """N1: compliant, barred, short, late; N2: due this week, due later; S1: compliant."""
    vehicle("N1", last=date(2027, 1, 1))
    vehicle("N1")
    vehicle("N1", last=date(2027, 1, 1), tax=0)
    vehicle("N1", last=TODAY - DAY)
    vehicle("N2", last=TODAY + 3 * DAY)
    vehicle("N2", last=TODAY + 15 * DAY)
    vehicle("S1", last=date(2027, 1, 1))
    claim("held", "N1")
    claim("payable", "N2", "100.01")
    claim("payable", "S1", "200.02")
    claim("paid", "S1")
    db.session.commit()
    run_day(TODAY, by=BY, at=NOW)
    # The home pages' numbers are told of renewals; most vehicles here lack a first policy too.
    db.session.execute(delete(CoverRequest).where(CoverRequest.occasion == NEW))
    db.session.commit()


def sign_in(client: PageClient, *roles: tuple[str, str | None]) -> None:
    """Let somebody with roles, each in a company, a region (one letter) or the group, be there."""
    user = User(
        email=f"user{next(_serial)}@example.test", name="Somebody", fs_uniquifier=uuid4().hex
    )
    for role, where in roles:
        user.grants.append(_grant(role, where))
    db.session.add(user)
    db.session.commit()
    with client.session_transaction() as kept:
        kept["_user_id"] = user.fs_uniquifier
        kept["_fresh"] = True


def _grant(role: str, where: str | None) -> Grant:
    known = db.session.scalars(select(Role).where(Role.name == role)).one()
    if where is None:
        return Grant(role=known)
    if len(where) == 1:
        return Grant(role=known, region=one_of(Region, where, name=f"Region {where}"))
    return Grant(role=known, company=company(where))


@contextmanager
def statements() -> Iterator[list[str]]:
    """The SELECT statements that run within a block."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
