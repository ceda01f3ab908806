"""Closing a claim whose premium came back, so that a new invoice can be claimed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update

from fleet.reimbursement import ledger
from fleet.reimbursement.refusals import NotReversible, ReversedAlready
from fleet.reimbursement.rules import Why
from fleet.reimbursement.service import claim_with_decisions
from fleet.reimbursement.tables import PAID, PAYABLE, REVERSED, Claim, ReversedInvoice
from fleet.storage import Actor, Deed, act, db
from fleet.web.alone import until_alone
from fleet.web.errors import Refusal


def reverse(claim_id: int, why: Why, by: Actor, at: datetime) -> Claim:
    """Take a payable or paid claim back, once: its premium was refunded or its invoice reversed.

    Its invoice and its policy's premium are free again; an invoice that its issuer took back is
    noted as reversed. Of two people who reverse at the same moment one is refused.
    """
    return until_alone(lambda: _reverse(claim_id, why, by, at))


def _reverse(claim_id: int, why: Why, by: Actor, at: datetime) -> Claim:
    with act("reverse_claim", by=by, at=at, subject=f"#{claim_id}") as deed:
        claim = claim_with_decisions(claim_id)
        if why.takes_invoice_back:  # before the claim's row, as whoever notes an invoice does
            _note_reversed(claim.invoice_key, deed)
        changed = db.session.execute(
            update(Claim)
            .where(Claim.id == claim_id, Claim.state.in_((PAYABLE, PAID)))
            .values(
                state=REVERSED,
                reversed_at=at,
                reversed_by=by.name,
                reversed_for=why.reason,
                reversal_note=why.note,
                version=Claim.version + 1,
            )
            .execution_options(synchronize_session=False)
        )
        claim = claim_with_decisions(claim_id)
        if changed.rowcount != 1:  # type: ignore[attr-defined]
            raise _why_not(claim)
        if claim.paid_at is not None:
            ledger.enter_reversed(claim_id, by, at)
        _tell(claim, deed)
    return claim_with_decisions(claim_id)


def _why_not(claim: Claim) -> Refusal:
    return ReversedAlready() if claim.state == REVERSED else NotReversible()


def _note_reversed(key: str, deed: Deed) -> None:
    if db.session.get(ReversedInvoice, key, populate_existing=True) is None:
        note = ReversedInvoice(invoice_key=key, recorded_at=deed.at, recorded_by=deed.by.name)
        db.session.add(note)
        db.session.flush()


def _tell(claim: Claim, deed: Deed) -> None:
    before = PAYABLE if claim.paid_at is None else PAID
    deed.note(
        table="claims",
        row=claim.audit_name(),
        changed={
            "state": [before, REVERSED],
            "reversed_for": [None, claim.reversed_for],
            "reversal_note": [None, claim.reversal_note],
        },
    )
