"""The people of the tests, and a small group in which each of them has something to do.

Company A is in region N, company B in region S: what is B's is foreign to everybody whose
grants say A or N.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from flask import Flask
from sqlalchemy import select

from fleet.insurers.tables import Designation, Insurer
from fleet.people import service
from fleet.people.service import Given
from fleet.people.tables import Company, Region, User
from fleet.policies.tables import Policy
from fleet.reimbursement.tables import Claim, Decision
from fleet.renewals.tables import CoverRequest, Placement, PlacementAnswer
from fleet.storage import Actor, act, db, everyone
from fleet.vehicles.tables import Vehicle
from fleet.web.access import AUDITOR, COMPANY_ADMIN, FINANCE, GROUP_ADMINISTRATOR, INSURANCE_DESK
from tests.pages import PageClient

SYSTEM = Actor(None, "cast")
AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
PASSWORD = "a password of nobody"
NO_UPLOAD = 999
GRANTS = {
    "company": (Given(COMPANY_ADMIN, company="A"),),
    "desk": (Given(INSURANCE_DESK, region="N"),),
    "finance": (Given(FINANCE, company="A"),),
    "administrator": (Given(GROUP_ADMINISTRATOR),),
    "auditor": (Given(AUDITOR),),
    "stranger": (),
}
EVERYBODY = tuple(GRANTS)


@dataclass
class Rows:
    """What one company has, by the names that addresses use."""

    vin: str
    plate: str
    number: str
    ids: dict[str, int] = field(default_factory=dict)


@dataclass
class World:
    """The group: both companies' rows, the users' ids and unique names."""

    own: Rows
    foreign: Rows
    users: dict[str, int] = field(default_factory=dict)


def move_in(*people: str) -> World:
    """Build the group within an open application context, with some or all of the cast."""
    with everyone():
        world = World(_rows("A", "N"), _rows("B", "S"))
        for name in people or EVERYBODY:
            world.users[name] = let_in(name, *GRANTS[name]).id
        _spare(world)
    db.session.remove()
    return world


def let_in(name: str, *grants: Given, password: str | None = None) -> User:
    """Let somebody of the cast in; a password costs a slow hash, so most have none."""
    with everyone():
        return service.create_user(
            f"{name}@cast.example", name.title(), grants, by=SYSTEM, at=AT, password=password
        )


def sign_in(client: PageClient, name: str) -> PageClient:
    """Let a client be somebody of the cast, without the slow hash of a password."""
    with client.application.app_context():
        unique = db.session.scalar(
            select(User.fs_uniquifier).where(User.email == f"{name}@cast.example")
        )
        db.session.remove()
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"] = unique, True
    return client


def token(app: Flask, name: str) -> dict[str, str]:
    """The header of a new API token of somebody of the cast."""
    with app.app_context(), everyone():
        made = service.create_token(f"{name}@cast.example", "tests", by=SYSTEM, at=AT)
        db.session.remove()
    return {"Authorization": f"Bearer {made}"}


def _rows(company_code: str, region_code: str) -> Rows:
    """A company with one of everything."""
    rows = Rows(f"LFTEST{company_code}00N0000001", f"京{company_code}T{company_code}001", "")
    rows.number = f"COM-{company_code}-1"
    with act("move_in", by=SYSTEM, at=AT, subject=company_code):
        region = _add(Region(code=region_code, name=f"Region {region_code}"))
        name = f"Company {company_code}{company_code}{company_code}"
        company = _add(Company(code=company_code, name=name, region=region))
        insurer = _add(Insurer(code=f"INS-{company_code}", name=f"Insurer {company_code}"))
        designation = _add(Designation(region=region, insurer=insurer, since=date(2012, 1, 17)))
        vehicle = _add(_vehicle(rows, company))
        _add(_policy(rows.number, vehicle, insurer))
        request = _add(
            CoverRequest(
                vehicle=vehicle,
                kind="commercial",
                occasion="renewal",
                expiry_day=date(2026, 3, 1),
                opens_on=date(2026, 2, 14),
                policy_number=rows.number,
                opened_on=date(2026, 2, 14),
            )
        )
        claim = _add(_claim(company, rows.number))
        placement = _add(_placement(region, insurer))
        placed = _add(_placed(vehicle, placement))
        answer = _add(_answer(placement))
    rows.ids = {"claim": claim.id, "designation": designation.id, "request": request.id}
    rows.ids |= {"placement": placement.id, "placed": placed.id, "answer": answer.id}
    rows.ids |= {"company": company.id, "region": region.id}
    return rows


def _add(row: Any) -> Any:
    db.session.add(row)
    db.session.flush()
    return row


def _vehicle(rows: Rows, company: Company) -> Vehicle:
    return Vehicle(
        vin=rows.vin,
        plate=rows.plate,
        vehicle_type="official",
        company=company,
        seats=5,
        energy="petrol",
        in_service_since=date(2020, 1, 1),
    )


def _policy(number: str, vehicle: Vehicle, insurer: Insurer) -> Policy:
    return Policy(
        policy_number=number,
        kind="commercial",
        insurer=insurer,
        vehicle=vehicle,
        begins=datetime(2025, 3, 1, 16, tzinfo=UTC),
        ends=datetime(2026, 3, 1, 16, tzinfo=UTC),
        premium=Decimal(3000),
    )


def _placement(region: Region, insurer: Insurer) -> Placement:
    return Placement(
        region=region,
        insurer=insurer,
        placed_on=date(2026, 2, 20),
        placed_at=AT,
        placed_by="cast",
        note=f"for {region.companies[0].name}",
    )


def _placed(vehicle: Vehicle, placement: Placement) -> CoverRequest:
    return CoverRequest(
        vehicle=vehicle,
        kind="compulsory",
        occasion="new",
        expiry_day=date(2026, 3, 1),
        opens_on=date(2026, 2, 14),
        opened_on=date(2026, 2, 14),
        state="placed",
        placement=placement,
    )


def _answer(placement: Placement) -> PlacementAnswer:
    return PlacementAnswer(
        placement_id=placement.id,
        name="answer.xlsx",
        digest="0" * 64,
        state="checked",
        uploaded_at=AT,
        uploaded_by="cast",
        report={"rows": [], "without_row": []},
    )


def _claim(company: Company, number: str) -> Claim:
    claim = Claim(
        company=company,
        policy_number=number,
        invoice_number=f"2344200000000000000{company.id}",
        invoice_key=f"2344200000000000000{company.id}",
        amount=Decimal(3000),
        state="held",
        recorded_at=AT,
        recorded_by="cast",
    )
    claim.decisions.append(
        Decision(
            decision="held",
            reasons=[
                {
                    "code": "buyer_unknown",
                    "clause": "",
                    "effect": "held",
                    "found": None,
                    "required": None,
                    "basis": None,
                }
            ],
            facts={},
            rulebook_since=date(2012, 1, 17),
            decided_at=AT,
            decided_by="cast",
        )
    )
    return claim


def _spare(world: World) -> None:
    """A user whom the matrix may activate and deactivate, and their token."""
    spare = let_in("spare")
    service.create_token("spare@cast.example", "spare", by=SYSTEM, at=AT)
    for rows in (world.own, world.foreign):
        rows.ids |= {"user": spare.id, "upload": NO_UPLOAD}
