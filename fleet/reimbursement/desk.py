"""Finance's one box: what a policy, a vehicle or an invoice that was typed means for a premium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import current_app
from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import contains_eager

from fleet.policies.tables import Policy
from fleet.reimbursement import invoices, rules
from fleet.reimbursement.facts import STANDS, Claimant, claimants, gather
from fleet.reimbursement.rules import Asked
from fleet.reimbursement.service import shown
from fleet.reimbursement.tables import HELD, PAYABLE, REFUSED, Claim, ReversedInvoice
from fleet.rulebook import reimbursement as heart
from fleet.rulebook.book import Rulebook
from fleet.storage import db, everyone
from fleet.vehicles.tables import Vehicle
from fleet.words import NotWellFormed, Plate, Vin, local_day

LOOK_BACK = timedelta(days=731)  # two years, a leap day among them
MOST = 20
LONGEST = 1_000
_CODE_AND_NUMBER = 2


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """Whether the whole premium of a policy would be paid back now, to which company.

    `left` is what earlier payable and paid claims leave of the `due`, whichever company's;
    `claims` are those of the caller's.
    """

    policy: Policy
    company: str
    decision: str
    reasons: list[dict[str, Any]]
    due: Decimal
    left: Decimal
    claims: list[Claim]


@dataclass(frozen=True, slots=True)
class InvoiceAnswer:
    """What a claim on an invoice would meet, and the claims of the caller's on it.

    `whole` is whether the text names one invoice: a code or 8 digits alone name several.
    `elsewhere` tells that a payable or paid claim on it is another company's.
    """

    key: str
    whole: bool
    decision: str
    reasons: list[dict[str, Any]]
    elsewhere: bool
    claims: list[Claim]


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, read as what it may be, and every answer to that."""

    asked: str
    qr: invoices.InvoiceQr | None = None
    vehicles: list[Vehicle] = field(default_factory=list)
    policies: list[PolicyAnswer] = field(default_factory=list)
    more: bool = False
    invoice: InvoiceAnswer | None = None
    claims: list[Claim] = field(default_factory=list)


def answer(asked: str, at: datetime) -> Answer:
    """Everything the caller may see about a policy number, plate, VIN, invoice or QR text."""
    asked = asked.strip()
    if not asked or len(asked) > LONGEST:
        return Answer(asked)
    if qr := invoices.read_qr(asked):
        return Answer(asked, qr=qr, invoice=_invoice(qr.key))
    policies, vehicles = _found(asked, at)
    key = _invoice_key(asked)
    claims = [] if policies or vehicles or key else _claims(Claim.policy_number == asked)
    return Answer(
        asked,
        vehicles=vehicles,
        policies=_answers(policies[:MOST]),
        more=len(policies) > MOST,
        invoice=_invoice(key) if key and not policies and not vehicles else None,
        claims=claims,
    )


# Policies and vehicles


def _found(asked: str, at: datetime) -> tuple[Sequence[Policy], list[Vehicle]]:
    """The policy of that number, else the vehicle's of the last two years, the latest first."""
    wanted = _vehicle(asked)
    if wanted is None:
        numbers = {asked, rules.squeezed(asked)}
        return db.session.scalars(_policies(Policy.policy_number.in_(numbers))).all(), []
    found = db.session.scalars(_policies(and_(wanted, Policy.covers_until >= at - LOOK_BACK))).all()
    if found:
        return found, list({one.vehicle.id: one.vehicle for one in found}.values())
    return [], list(db.session.scalars(select(Vehicle).where(wanted).limit(MOST)))


def _vehicle(asked: str) -> ColumnElement[bool] | None:
    """Which vehicle a text names by its plate or VIN, if it is one."""
    try:
        return Vehicle.plate == str(Plate.parse(asked))
    except NotWellFormed:
        pass
    try:
        return Vehicle.vin == str(Vin.parse(asked))
    except NotWellFormed:
        return None


def _policies(wanted: ColumnElement[bool]) -> Select[tuple[Policy]]:
    return (
        select(Policy)
        .join(Policy.vehicle)
        .join(Vehicle.company)
        .join(Policy.insurer)
        .options(
            contains_eager(Policy.vehicle).contains_eager(Vehicle.company),
            contains_eager(Policy.insurer),
        )
        .where(wanted)
        .order_by(Policy.begins.desc(), Policy.id.desc())
        .limit(MOST + 1)
    )


def _answers(policies: Sequence[Policy]) -> list[PolicyAnswer]:
    if not policies:
        return []
    companies = claimants()
    book: Rulebook = current_app.extensions["rulebook"]
    asked = [_whole(one, companies[one.vehicle.company.code]) for one in policies]
    facts = _by_holders(asked, gather(asked, companies), companies, book)
    claims = _claims(Claim.policy_number.in_([one.policy_number for one in policies]))
    return [
        _answer(policy, found, book, [c for c in claims if c.policy_number == policy.policy_number])
        for policy, found in zip(policies, facts, strict=True)
    ]


def _whole(policy: Policy, company: Claimant) -> Asked:
    """A claim of the whole premium on an invoice made out to the company, not claimed yet."""
    sums = (policy.premium, policy.vehicle_tax, policy.late_fee)
    return Asked(
        company=company.code,
        policy_number=policy.policy_number,
        invoice_number="",
        amount=sum((one for one in sums if one), Decimal(0)),
        buyer_credit_code=company.credit_code,
    )


def _by_holders(
    asked: list[Asked],
    facts: list[heart.Facts],
    companies: dict[str, Claimant],
    book: Rulebook,
) -> list[heart.Facts]:
    """The facts of claims by the companies that held the vehicle when each policy began.

    A vehicle that moved since is claimed for by its former company, where the caller sees that.
    """
    holders = [_holder(one, companies, book) for one in facts]
    if all(code in (None, one.company) for code, one in zip(holders, asked, strict=True)):
        return facts
    by_holder = [
        one if code is None else replace(
            one, company=code, buyer_credit_code=companies[code].credit_code
        )
        for code, one in zip(holders, asked, strict=True)
    ]  # fmt: skip
    return gather(by_holder, companies)


def _holder(facts: heart.Facts, companies: dict[str, Claimant], book: Rulebook) -> str | None:
    policy = facts.policy
    if policy is None:
        return None
    first = local_day(policy.policy.begins, book.zone)
    held = (code for code, days in policy.holdings if days.contains(first))
    return next((code for code in held if code in companies), None)


def _answer(
    policy: Policy, facts: heart.Facts, book: Rulebook, claims: list[Claim]
) -> PolicyAnswer:
    decided = heart.decide(facts, book)
    due = facts.policy.due if facts.policy else Decimal(0)
    return PolicyAnswer(
        policy=policy,
        company=facts.claim.company_code,
        decision=decided.decision,
        reasons=shown(rules.kept_reasons(decided)),
        due=due,
        left=due - sum(facts.earlier_amounts, Decimal(0)),
        claims=claims,
    )


# Invoices


def _invoice_key(asked: str) -> str | None:
    """The key of the invoice that a text names: code and number, either alone, or 20 digits."""
    parts = asked.replace("-", " ").split()
    if len(parts) == _CODE_AND_NUMBER:
        code = rules.digits(parts[0], rules.PAPER_CODES)
        number = rules.digits(parts[1], (rules.PAPER_NUMBER,))
        if code and number:
            return rules.invoice_key(code, number)
    return rules.digits(asked, (*rules.NUMBERS, *rules.PAPER_CODES))


def _invoice(key: str) -> InvoiceAnswer:
    mine = _claims(_names(key))
    stands, taken_back = _stands(key)
    whole = key.isdigit() is False or len(key) == rules.NUMBERS[1]
    codes = [("invoice_already_claimed", stands), ("invoice_reversed", taken_back)]
    refused = [code for code, found in codes if found]
    decision = PAYABLE
    if refused and whole:
        decision = REFUSED
    elif not whole or any(one.state == HELD for one in mine):
        decision = HELD
    return InvoiceAnswer(
        key=key,
        whole=whole,
        decision=decision,
        reasons=[_reason(code, key) for code in refused if whole],
        elsewhere=stands > sum(one.state in STANDS for one in mine),
        claims=mine,
    )


def _stands(key: str) -> tuple[int, bool]:
    """How many payable or paid claims of the group an invoice stands on, and if it was reversed."""
    count = select(func.count()).select_from(Claim).where(_names(key), Claim.state.in_(STANDS))
    reversed_ = exists().where(ReversedInvoice.invoice_key == key)
    with everyone():
        stands, taken_back = db.session.execute(select(count.scalar_subquery(), reversed_)).one()
    return stands, bool(taken_back)


def _reason(code: str, key: str) -> dict[str, Any]:
    return {"code": code, "clause": "", "effect": REFUSED, "found": key, "required": None}


def _names(key: str) -> ColumnElement[bool]:
    if len(key) in (*rules.PAPER_CODES, rules.PAPER_NUMBER):
        return or_(Claim.invoice_key == key, Claim.invoice_code == key, Claim.invoice_number == key)
    return Claim.invoice_key == key


def _claims(wanted: ColumnElement[bool]) -> list[Claim]:
    query = (
        select(Claim)
        .join(Claim.company)
        .options(contains_eager(Claim.company))
        .where(wanted)
        .order_by(Claim.id.desc())
        .limit(MOST * 5)
    )
    return list(db.session.scalars(query))
