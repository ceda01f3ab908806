"""Claims that wait: for what, who can supply it and where, and all of them decided again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, String, case, cast, func, select
from sqlalchemy.orm import contains_eager, joinedload

from fleet.people.tables import Company
from fleet.policies.tables import Policy
from fleet.reimbursement.service import decide_again, end
from fleet.reimbursement.tables import HELD, Claim, Decision
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.book import Rulebook
from fleet.rulebook.renewal import NEW
from fleet.storage import Actor, act, db
from fleet.web.access import COMPANY_ADMIN, FINANCE, INSURANCE_DESK
from fleet.web.errors import Refusal

# Who can supply what a reason waits for.
CURED_BY = {
    "policy_unknown": INSURANCE_DESK,
    "insurer_differs": FINANCE,
    "cover_short": INSURANCE_DESK,
    "buyer_unknown": FINANCE,
    "approval_missing": COMPANY_ADMIN,
    "amount_differs": FINANCE,
}

_EARLIER = Decision.__table__.alias("earlier")
_LATEST = (  # of the claim that the statement around it is about
    select(func.max(_EARLIER.c.id))
    .where(_EARLIER.c.claim_id == Claim.id)
    .correlate(Claim)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where what a held claim lacks is supplied: its policy, vehicle and request for cover."""

    policy_number: str
    vin: str
    vehicle: str
    request_id: int | None


@dataclass(slots=True)
class Outcome:
    """What deciding many again made of them, and those left out, each with the reason."""

    decided: Counter[str] = field(default_factory=Counter)
    left_out: list[tuple[int, str]] = field(default_factory=list)


# Read


def codes() -> list[str]:
    """The reasons that hold a claim under the newest rulebook, in its order."""
    book: Rulebook = current_app.extensions["rulebook"]
    reasons = book.editions[-1].reimbursement.reasons.values()
    return [reason.code for reason in reasons if reason.effect == HELD]


def waiting(company: str = "", reason: str = "") -> Select[tuple[Claim]]:
    """The caller's held claims that a list asks for, each beside the latest decision on it."""
    query = (
        select(Claim)
        .join(Claim.company)
        .outerjoin(Decision, Decision.id == _LATEST)
        .options(contains_eager(Claim.company))
        .where(Claim.state == HELD)
    )
    if company:
        query = query.where(Company.code == company)
    if reason:
        query = query.where(_because(reason))
    return query


def with_reasons(company: str = "", reason: str = "") -> Select[Any]:
    """The same claims, each with the reasons of the latest decision on it."""
    return waiting(company, reason).add_columns(Decision.reasons)


def reasons_of(claims: Iterable[Claim]) -> dict[int, list[dict[str, Any]]]:
    """The reasons of the latest decision on each claim, by its id."""
    ids = [claim.id for claim in claims]
    query = select(Claim.id, Decision.reasons).join(Decision, Decision.id == _LATEST)
    found = db.session.execute(query.where(Claim.id.in_(ids)))
    return {row.id: row.reasons for row in found}


def counts(company: str = "") -> dict[str, int]:
    """How many of the caller's held claims wait for each reason; one may wait for several."""
    wanted = codes()
    sums = [func.coalesce(func.sum(case((_because(code), 1), else_=0)), 0) for code in wanted]
    query = select(*sums).select_from(Claim).join(Decision, Decision.id == _LATEST)
    query = query.where(Claim.state == HELD)
    if company:
        query = query.join(Claim.company).where(Company.code == company)
    found = db.session.execute(query).one()
    return {code: count for code, count in zip(wanted, found, strict=True) if count}


def _because(code: str) -> ColumnElement[bool]:
    """A reason of that code stands in the decision, as its JSON is written."""
    return cast(Decision.reasons, String).contains(f'"code": "{code}"', autoescape=True)


def places(claims: Iterable[Claim]) -> dict[str, Place]:
    """By policy number, where the caller finds the policy, its vehicle and its request."""
    numbers = {claim.policy_number for claim in claims}
    query = select(Policy).where(Policy.policy_number.in_(numbers))
    policies = db.session.scalars(query.options(joinedload(Policy.vehicle))).all()
    requests = _requests({policy.vehicle_id for policy in policies})
    return {
        one.policy_number: Place(
            policy_number=one.policy_number,
            vin=one.vehicle.vin,
            vehicle=one.vehicle.plate or one.vehicle.vin,
            request_id=requests.get((one.vehicle_id, one.kind)),
        )
        for one in policies
    }


def _requests(vehicle_ids: set[int]) -> dict[tuple[int, str], int]:
    """The latest request for new cover of each vehicle and kind: its approval is what counts."""
    query = (
        select(CoverRequest.vehicle_id, CoverRequest.kind, CoverRequest.id)
        .where(CoverRequest.vehicle_id.in_(vehicle_ids), CoverRequest.occasion == NEW)
        .order_by(CoverRequest.id)
    )
    return {(vehicle, kind): id_ for vehicle, kind, id_ in db.session.execute(query)}


# Decide again, withdraw


def decide_many(ids: Sequence[int], by: Actor, at: datetime) -> Outcome:
    """Decide held claims again, each by itself: what cannot be is left out, with the reason."""
    outcome = Outcome()
    for claim_id in dict.fromkeys(ids):
        try:
            outcome.decided[decide_again(claim_id, by, at).state] += 1
        except Refusal as refusal:
            db.session.rollback()
            outcome.left_out.append((claim_id, refusal.message))
    return outcome


def withdraw(claim_id: int, by: Actor, at: datetime) -> None:
    """End a held claim that is not pursued; its decisions stay on record."""
    with act("withdraw_claim", by=by, at=at, subject=f"#{claim_id}"):
        end(claim_id)


def claimed_anew_as(claim_id: int) -> int | None:
    """The claim of the caller's that took the place of a withdrawn one."""
    return db.session.scalar(select(Claim.id).where(Claim.replaces_id == claim_id))
