"""Claims, decisions, reversed invoices, the money that moved, who may pay what."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ColumnElement, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.people.tables import Company
from fleet.storage import Base, Scoped, UtcInstant, Yuan
from fleet.storage.history import Audited

PAYABLE = "payable"
HELD = "held"
REFUSED = "refused"
PAID = "paid"
REVERSED = "reversed"
WITHDRAWN = "withdrawn"
STATES = (PAYABLE, HELD, REFUSED, PAID, REVERSED, WITHDRAWN)
WHY_LENGTH = 500
_STANDS = text("state IN ('payable', 'paid')")
_FIRST = text("previous_id IS NULL")


class Claim(Audited, Scoped, Base):
    """A company's claim that a premium be reimbursed; money in yuan.

    The partial unique index lets one invoice stand on one payable or paid claim of the group,
    whoever records at the same time. `replaces_id` is the held claim withdrawn for this one.
    """

    __tablename__ = "claims"
    __table_args__ = (
        Index(
            "uq_claims_invoice_key_stands",
            "invoice_key",
            unique=True,
            sqlite_where=_STANDS,
            postgresql_where=_STANDS,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"), index=True)
    policy_number: Mapped[str] = mapped_column(String(64), index=True)
    insurer: Mapped[str | None] = mapped_column(String(40))
    invoice_code: Mapped[str | None] = mapped_column(String(20))
    invoice_number: Mapped[str] = mapped_column(String(40))
    invoice_key: Mapped[str] = mapped_column(String(64), index=True)
    invoice_date: Mapped[date | None]
    invoice_total: Mapped[Decimal | None] = mapped_column(Yuan)
    vehicle_tax: Mapped[Decimal | None] = mapped_column(Yuan)
    late_fee: Mapped[Decimal | None] = mapped_column(Yuan)
    buyer_credit_code: Mapped[str | None] = mapped_column(String(40))
    amount: Mapped[Decimal] = mapped_column(Yuan)
    state: Mapped[str] = mapped_column(String(20), index=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcInstant)
    recorded_by: Mapped[str] = mapped_column(String(255))
    recorded_by_id: Mapped[int | None]
    paid_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    paid_by: Mapped[str | None] = mapped_column(String(255))
    reversed_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    reversed_by: Mapped[str | None] = mapped_column(String(255))
    reversed_for: Mapped[str | None] = mapped_column(String(20))
    reversal_note: Mapped[str | None] = mapped_column(String(200))
    replaces_id: Mapped[int | None] = mapped_column(index=True, unique=True)
    version: Mapped[int] = mapped_column(default=1)
    company: Mapped[Company] = relationship()
    decisions: Mapped[list[Decision]] = relationship(back_populates="claim", order_by="Decision.id")
    __mapper_args__ = {"version_id_col": version}

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The claiming company is one of them."""
        return cls.company_id.in_(companies)

    def audit_name(self) -> str:
        """The claim's number."""
        return f"#{self.id}"


class Decision(Audited, Scoped, Base):
    """What was decided of a claim, from which facts, under which rulebook version.

    A claim's decisions are one line: each but the first follows one, and one alone follows it.
    """

    __tablename__ = "decisions"
    __table_args__ = (
        Index(
            "uq_decisions_first",
            "claim_id",
            unique=True,
            sqlite_where=_FIRST,
            postgresql_where=_FIRST,
        ),
    )
    AUDIT_HIDES = frozenset({"facts"})  # the entry keeps their digest

    id: Mapped[int] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), index=True)
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"), unique=True)
    decision: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    rulebook_since: Mapped[date]
    decided_at: Mapped[datetime] = mapped_column(UtcInstant)
    decided_by: Mapped[str] = mapped_column(String(255))
    claim: Mapped[Claim] = relationship(back_populates="decisions")

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The claim's company is one of them."""
        return cls.claim.has(Claim.company_id.in_(companies))


class ReversedInvoice(Audited, Base):
    """An invoice that its issuer took back with a red invoice."""

    __tablename__ = "reversed_invoices"

    invoice_key: Mapped[str] = mapped_column(String(64), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(UtcInstant)
    recorded_by: Mapped[str] = mapped_column(String(255))

    def audit_name(self) -> str:
        """The invoice's key."""
        return self.invoice_key


class MoneyEntry(Scoped, Base):
    """Money that moved for a claim: paid, or given back (below 0); the database changes none.

    Written in the transaction of the verb that moved it, once a claim and kind.
    """

    __tablename__ = "money_entries"
    __table_args__ = (UniqueConstraint("claim_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"))
    kind: Mapped[str] = mapped_column(String(20))
    amount: Mapped[Decimal] = mapped_column(Yuan)
    at: Mapped[datetime] = mapped_column(UtcInstant, index=True)
    by: Mapped[str] = mapped_column(String(255))
    claim: Mapped[Claim] = relationship()

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The claim's company is one of them."""
        return cls.claim.has(Claim.company_id.in_(companies))


class PaymentRule(Audited, Base):
    """The group's rule about paying, one row: above which amount a second person pays.

    None: whoever recorded a claim may mark it paid.
    """

    __tablename__ = "payment_rules"

    id: Mapped[int] = mapped_column(primary_key=True)
    second_person_above: Mapped[Decimal | None] = mapped_column(Yuan)

    def audit_name(self) -> str:
        """Nothing: there is one such row."""
        return ""


class IdempotencyKey(Base):
    """The answer once given to a user's key, so that a repeated call changes nothing."""

    __tablename__ = "idempotency_keys"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcInstant)


class SheetClaim(Base):
    """Which claim a row of a sheet became; the key lets a row be recorded once.

    A sheet is known by the digest of its file: handed in again, it records nothing twice.
    """

    __tablename__ = "sheet_claims"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), unique=True)


class Attachment(Audited, Scoped, Base):
    """A document kept with a claim, by the digest of what is kept; never taken away.

    `received_digest` is of the file as it was handed in: a picture is drawn anew, an electronic
    voucher is kept as it is. A wrong one stays, with the reason why it is wrong.
    """

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("claim_id", "received_digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    claim_id: Mapped[int] = mapped_column(ForeignKey("claims.id"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))
    received_digest: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    mimetype: Mapped[str] = mapped_column(String(80))
    added_at: Mapped[datetime] = mapped_column(UtcInstant)
    added_by: Mapped[str] = mapped_column(String(255))
    wrong_why: Mapped[str | None] = mapped_column(String(WHY_LENGTH))
    wrong_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    wrong_by: Mapped[str | None] = mapped_column(String(255))
    claim: Mapped[Claim] = relationship()

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The claim's company is one of them."""
        return cls.claim.has(Claim.company_id.in_(companies))

    def audit_name(self) -> str:
        """The claim's number and the document's name."""
        return f"#{self.claim_id} {self.name}"
