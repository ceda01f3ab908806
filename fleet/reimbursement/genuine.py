"""The public word on a decision's document: a signed token, and whether the record still agrees.

The token tells who holds the document nothing that is not printed on it, and the page that
answers it nothing more: decision, number, day and the digest of the facts.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import select

from fleet.reimbursement import rules
from fleet.reimbursement.tables import Claim, Decision
from fleet.storage import db, everyone
from fleet.words import local_day

PURPOSE = b"decision document"


@dataclass(frozen=True, slots=True)
class Document:
    """What a decision's document says of itself; `day` is on the company's clock."""

    claim_id: int
    decision_id: int
    decision: str
    day: date
    digest: str


@dataclass(frozen=True, slots=True)
class Word:
    """What is on record about a document: unchanged or not, and what came after it."""

    unchanged: bool
    decided_again_on: date | None = None
    reversed_on: date | None = None


def document_of(decision: Decision, zone: ZoneInfo) -> Document:
    """A decision's document as the record gives it now."""
    return Document(
        decision.claim_id,
        decision.id,
        decision.decision,
        local_day(decision.decided_at, zone),
        rules.digest(decision.facts),
    )


# The token


def token_of(document: Document, history_key: str) -> str:
    """A document in one signed word, as an address takes it.

    Signed by a key drawn from the history's, which is kept for good: a document is shown years
    later, when the key of the sessions is another.
    """
    parts = (document.claim_id, document.decision_id, document.decision, document.day)
    said = ".".join(str(part) for part in (*parts, document.digest))
    return f"{said}.{_sign(said, history_key)}"


def read_token(token: str, history_key: str) -> Document | None:
    """The document that a token of ours names; None for any other word."""
    said, _dot, signature = token.rpartition(".")
    if not hmac.compare_digest(_sign(said, history_key).encode(), signature.encode()):
        return None
    claim_id, decision_id, decision, day, digest = said.split(".")
    return Document(int(claim_id), int(decision_id), decision, date.fromisoformat(day), digest)


def _sign(said: str, history_key: str) -> str:
    own = hmac.digest(history_key.encode(), PURPOSE, "sha256")
    signed = hmac.digest(own, said.encode(), "sha256")
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


# The record


def word_on(document: Document, zone: ZoneInfo) -> Word:
    """Compare a genuine document with the record, whichever company's it is."""
    with everyone():
        decision = db.session.get(Decision, document.decision_id, populate_existing=True)
        if decision is None or document_of(decision, zone) != document:
            return Word(unchanged=False)
        next_one = select(Decision.decided_at).where(Decision.claim_id == document.claim_id)
        later = db.session.scalar(
            next_one.where(Decision.id > document.decision_id).order_by(Decision.id.desc()).limit(1)
        )
        back = db.session.scalar(select(Claim.reversed_at).where(Claim.id == document.claim_id))
    return Word(
        unchanged=True,
        decided_again_on=local_day(later, zone) if later else None,
        reversed_on=local_day(back, zone) if back else None,
    )
