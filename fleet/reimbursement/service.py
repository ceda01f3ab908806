"""The verbs of reimbursement: check, record, decide again, pay, note a reversed invoice.

No verb overrides a refusal: what the rule refuses, nobody pays (4.1).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, exists, func, select, update
from sqlalchemy.orm import joinedload, selectinload

from fleet.reimbursement import ledger, rules
from fleet.reimbursement.facts import claimants, gather_one, lock_policies
from fleet.reimbursement.listing import Wanted, claims_like, page_of
from fleet.reimbursement.refusals import (
    AlreadyPaid,
    AnothersInvoice,
    ClaimUnknown,
    CompanyUnknown,
    InvoiceTakenBack,
    KeyUsedForAnother,
    NotHeld,
    NotPayable,
    NotWithdrawable,
    ReversedBefore,
    SecondPersonNeeded,
)
from fleet.reimbursement.rules import Asked
from fleet.reimbursement.sheet import check_sheet
from fleet.reimbursement.tables import (
    HELD,
    PAID,
    PAYABLE,
    WITHDRAWN,
    Claim,
    Decision,
    IdempotencyKey,
    ReversedInvoice,
)
from fleet.rulebook import reimbursement as heart
from fleet.rulebook.book import Rulebook
from fleet.storage import Actor, Deed, act, behind, db, everyone
from fleet.web.alone import until_alone
from fleet.web.errors import Busy, Refusal

__all__ = [
    "Checked",
    "Once",
    "Wanted",
    "asked_of",
    "check",
    "check_sheet",
    "claim_of",
    "claim_with_decisions",
    "claims_like",
    "decide_again",
    "decided",
    "end",
    "is_taken_back",
    "page_of",
    "pay",
    "record",
    "record_once",
    "record_reversed_invoice",
    "reversed_of_mine",
    "shown",
]

MOST_REVERSED = 200
Answer = tuple[int, dict[str, Any]]  # an HTTP status and a JSON body, as the API gives them


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim decided and not recorded: its facts, its decision, the version that decided."""

    company_id: int
    asked: Asked
    facts: heart.Facts
    decision: heart.Decision
    rulebook_since: date
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Once:
    """A caller's idempotency key, the digest of the request, and how its answers are made."""

    user_id: int
    key: str
    request_digest: str
    answer: Callable[[Claim], Answer]
    refused: Callable[[Refusal], Answer]


# Decide


def check(asked: Asked, at: datetime, apart_from: int = 0) -> Checked:
    """Decide a claim and record nothing; CompanyUnknown where the company is not the caller's.

    `apart_from` is the id of a recorded claim that is decided again.
    """
    found = gather_one(asked, apart_from)
    if found is None:
        raise CompanyUnknown(asked.company)
    company, facts = found
    return decided(asked, company.id, facts, at)


def decided(asked: Asked, company_id: int, facts: heart.Facts, at: datetime) -> Checked:
    """A claim decided by facts that were gathered before."""
    book: Rulebook = behind.app().extensions["rulebook"]
    since = _rulebook_since(facts, book)
    return Checked(company_id, asked, facts, heart.decide(facts, book), since, at)


def _rulebook_since(facts: heart.Facts, book: Rulebook) -> date:
    """The day of the version that decided: the newest when the policy begins."""
    if facts.policy is None:
        return book.editions[-1].since
    edition = book.newest(facts.policy.policy.begins)
    return (edition or book.editions[0]).since


# Record


def record(asked: Asked, by: Actor, at: datetime, instead_of: int | None = None) -> Claim:
    """Record a claim and its decision; the held one that it stands `instead_of` is withdrawn."""

    def run() -> Claim:
        with act("record_claim", by=by, at=at, subject=asked.policy_number) as deed:
            return _record(asked, deed, instead_of)

    return until_alone(run)


def record_once(asked: Asked, once: Once, by: Actor, at: datetime) -> Answer:
    """Record a claim for an idempotency key; the same request again is answered the same.

    The answer is kept in the claim's own transaction, a refusal in one of its own.
    KeyUsedForAnother where the key came with another request before.
    """

    def run() -> Answer:
        if kept := _answered(once):
            return kept
        with act("record_claim", by=by, at=at, subject=asked.policy_number) as deed:
            # First of all: of two calls with one key the second fails here, and then reads.
            row = _take_key(once, at)
            row.status, row.body = once.answer(_record(asked, deed))
            return row.status, row.body

    try:
        return until_alone(run)
    except (KeyUsedForAnother, Busy):
        raise
    except Refusal as refusal:
        return _keep_refusal(once, once.refused(refusal), by, at)


def _record(asked: Asked, deed: Deed, instead_of: int | None = None) -> Claim:
    _lock_policy(asked.policy_number)
    if instead_of is not None:
        end(instead_of)
    claim = claim_of(check(asked, deed.at), deed)
    claim.replaces_id = instead_of
    db.session.add(claim)
    db.session.flush()
    deed.subject = claim.audit_name()
    return claim


def claim_of(checked: Checked, deed: Deed) -> Claim:
    """A checked claim as a row with its decision, to be added within the verb under way."""
    columns = {k: v for k, v in asdict(checked.asked).items() if k != "company"}
    claim = Claim(
        **columns,
        company_id=checked.company_id,
        invoice_key=checked.asked.invoice_key,
        state=checked.decision.decision,
        recorded_at=deed.at,
        recorded_by=deed.by.name,
        recorded_by_id=deed.by.id,
    )
    claim.decisions = [_decision(checked, deed)]
    return claim


def _lock_policy(number: str) -> None:
    lock_policies([number])


def _decision(checked: Checked, deed: Deed) -> Decision:
    facts = rules.plain(checked.facts)
    deed.note(table="decisions", facts_digest=rules.digest(facts))
    return Decision(
        decision=checked.decision.decision,
        reasons=rules.kept_reasons(checked.decision),
        facts=facts,
        rulebook_since=checked.rulebook_since,
        decided_at=deed.at,
        decided_by=deed.by.name,
    )


# Decide again, pay, reverse


def decide_again(claim_id: int, by: Actor, at: datetime) -> Claim:
    """Decide a held claim by what is on record now; the new decision stands after the old."""

    def run() -> Claim:
        with act("decide_claim_again", by=by, at=at, subject=f"#{claim_id}") as deed:
            number = claim_with_decisions(claim_id).policy_number
            _lock_policy(number)
            claim = _locked(claim_id)
            if claim.state != HELD:
                raise NotHeld
            _decide(claim, deed)
            db.session.flush()
        return claim

    return until_alone(run)


def _locked(claim_id: int) -> Claim:
    """A claim as it is now, kept from other writers until the verb ends."""
    query = select(Claim).where(Claim.id == claim_id).with_for_update(of=Claim)
    claim = db.session.scalar(query.execution_options(populate_existing=True))
    if claim is None:
        raise ClaimUnknown
    return claim


def _decide(claim: Claim, deed: Deed) -> None:
    checked = check(asked_of(claim), deed.at, claim.id)
    made = _decision(checked, deed)
    # Of two that follow one decision the unique index lets one through.
    made.previous_id = db.session.scalar(
        select(func.max(Decision.id)).where(Decision.claim_id == claim.id)
    )
    claim.decisions.append(made)
    claim.state = checked.decision.decision


def end(claim_id: int) -> None:
    """Withdraw a held claim within a verb; its decisions stay on record."""
    claim = _locked(claim_id)
    if claim.state != HELD:
        raise NotWithdrawable
    claim.state = WITHDRAWN


def asked_of(claim: Claim) -> Asked:
    """A recorded claim as it was handed in."""
    columns = {name: getattr(claim, name) for name in rules.COLUMNS if name != "company"}
    return Asked(company=claim.company.code, **columns)


def pay(claim_id: int, by: Actor, at: datetime) -> Claim:
    """Mark a payable claim paid, once.

    One statement changes the row where it is payable, its invoice stands and the payer is not
    who recorded more than the group lets one person pay; of two people who pay at the same
    moment one is refused.
    """
    with act("pay_claim", by=by, at=at, subject=f"#{claim_id}") as deed:
        taken_back = exists().where(ReversedInvoice.invoice_key == Claim.invoice_key)
        changed = db.session.execute(
            update(Claim)
            .where(Claim.id == claim_id, Claim.state == PAYABLE, ~taken_back, ledger.lets_pay(by))
            .values(state=PAID, paid_at=at, paid_by=by.name, version=Claim.version + 1)
            .execution_options(synchronize_session=False)
        )
        if changed.rowcount != 1:  # type: ignore[attr-defined]
            raise _why_not(claim_with_decisions(claim_id))
        ledger.enter_paid(claim_id, by, at)
        deed.note(
            table="claims",
            row=f"#{claim_id}",
            changed={
                "state": [PAYABLE, PAID],
                "paid_by": [None, by.name],
                "paid_at": [None, at.isoformat()],
            },
        )
    return claim_with_decisions(claim_id)


def _why_not(claim: Claim) -> Refusal:
    if claim.state == PAID:
        return AlreadyPaid()
    if claim.state != PAYABLE:
        return NotPayable()
    if is_taken_back(claim):
        return InvoiceTakenBack()
    return SecondPersonNeeded(ledger.second_person_above())


def record_reversed_invoice(
    code: str | None, number: str, by: Actor, at: datetime
) -> tuple[ReversedInvoice, Claim | None]:
    """Note that an invoice was taken back; a payable claim on it is decided again, and refused.

    Answers the note and the claim of the caller's that stood on the invoice, paid or not.
    """
    key = rules.invoice_key(code, number)

    def run() -> tuple[ReversedInvoice, Claim | None]:
        with act("record_reversed_invoice", by=by, at=at, subject=key) as deed:
            if db.session.get(ReversedInvoice, key):
                raise ReversedBefore(key)
            _insist_on_own(key)
            note = ReversedInvoice(invoice_key=key, recorded_at=at, recorded_by=by.name)
            db.session.add(note)
            db.session.flush()
            _refuse_what_stands(key, deed)
        return note, _standing_on(key)

    return until_alone(run)


def _insist_on_own(key: str) -> None:
    """AnothersInvoice where claims on the invoice are recorded, and none of them the caller's."""
    if _standing_on(key) is None:
        with everyone():
            if _standing_on(key) is not None:
                raise AnothersInvoice


def _refuse_what_stands(key: str, deed: Deed) -> None:
    """Decide again the payable claim on an invoice, whichever company's it is."""
    query = select(Claim).where(Claim.invoice_key == key, Claim.state == PAYABLE)
    with everyone():
        for claim in db.session.scalars(query.with_for_update(of=Claim)):
            _decide(claim, deed)
        db.session.flush()


def _standing_on(key: str) -> Claim | None:
    query = select(Claim).where(Claim.invoice_key == key).order_by(Claim.id.desc())
    return db.session.scalars(query).first()


# Read


def is_taken_back(claim: Claim) -> bool:
    """Whether the claim's invoice is noted as reversed."""
    return db.session.get(ReversedInvoice, claim.invoice_key) is not None


def claim_with_decisions(claim_id: int) -> Claim:
    """A claim of the caller's with its company and decisions, as the database has it now."""
    query = (
        select(Claim)
        .where(Claim.id == claim_id)
        .options(joinedload(Claim.company), selectinload(Claim.decisions))
        .execution_options(populate_existing=True)
    )
    claim = db.session.scalar(query)
    if claim is None:
        raise ClaimUnknown
    return claim


def reversed_of_mine() -> Sequence[Row[tuple[ReversedInvoice, Claim]]]:
    """Reversed invoices that stand on the caller's claims, the latest noted first."""
    query = (
        select(ReversedInvoice, Claim)
        .join(Claim, Claim.invoice_key == ReversedInvoice.invoice_key)
        .order_by(ReversedInvoice.recorded_at.desc(), Claim.id)
        .limit(MOST_REVERSED)
    )
    return db.session.execute(query).all()


def shown(reasons: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Kept reasons as this caller may see them: no company that is not theirs is named."""
    if not any(one["code"] == "vehicle_not_company" and one["found"] for one in reasons):
        return list(reasons)
    mine = claimants()
    return [
        {**one, "found": " ".join(c for c in one["found"].split() if c in mine) or None}
        if one["code"] == "vehicle_not_company" and one["found"]
        else one
        for one in reasons
    ]


# Once


def _answered(once: Once) -> Answer | None:
    kept = db.session.get(IdempotencyKey, (once.user_id, once.key), populate_existing=True)
    if kept is None:
        return None
    if kept.request_digest != once.request_digest:
        raise KeyUsedForAnother
    return kept.status, kept.body


def _take_key(once: Once, at: datetime) -> IdempotencyKey:
    row = IdempotencyKey(
        user_id=once.user_id,
        key=once.key,
        request_digest=once.request_digest,
        status=0,
        body={},
        created_at=at,
    )
    db.session.add(row)
    db.session.flush()
    return row


def _keep_refusal(once: Once, answer: Answer, by: Actor, at: datetime) -> Answer:
    """Keep an answer that refused, so that the same request is refused the same way."""

    def run() -> Answer:
        if kept := _answered(once):
            return kept
        with act("refuse_request", by=by, at=at, subject=once.key):
            row = _take_key(once, at)
            row.status, row.body = answer
        return answer

    return until_alone(run)
