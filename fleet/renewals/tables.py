"""Requests for cover, what they ask for, approvals, placements, moves; feeds of what is due."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company, Region, User
from fleet.renewals.rules import DUE, OPEN
from fleet.storage import Base, Scoped, UtcInstant, Yuan
from fleet.storage.history import Audited
from fleet.vehicles.tables import Vehicle

_IS_OPEN = text("state IN (" + ", ".join(f"'{state}'" for state in OPEN) + ")")
APPROVAL_GIVEN = "approved"
APPROVAL_REFUSED = "rejected"
APPROVAL_WITHDRAWN = "withdrawn"
ANSWER_CHECKED = "checked"
ANSWER_RECORDED = "recorded"
ANSWER_DROPPED = "dropped"


class Approval(Audited, Base):
    """The OA's word on one or more requests, known by the OA's own number (3.2)."""

    __tablename__ = "approvals"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(64), unique=True)
    state: Mapped[str] = mapped_column(String(20))
    decided_on: Mapped[date]
    approver: Mapped[str] = mapped_column(String(120))
    reason: Mapped[str | None] = mapped_column(String(500))
    typed: Mapped[bool] = mapped_column(default=True)
    occurred_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    received_at: Mapped[datetime] = mapped_column(UtcInstant)

    def audit_name(self) -> str:
        """The OA's number."""
        return self.number


class Placement(Audited, Scoped, Base):
    """Requests of a region given to one insurer together, on a day it was designated (3.1)."""

    __tablename__ = "placements"

    id: Mapped[int] = mapped_column(primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurers.id"), index=True)
    placed_on: Mapped[date]
    placed_at: Mapped[datetime] = mapped_column(UtcInstant)
    placed_by: Mapped[str] = mapped_column(String(255))
    note: Mapped[str | None] = mapped_column(String(500))
    region: Mapped[Region] = relationship()
    insurer: Mapped[Insurer] = relationship()
    requests: Mapped[list[CoverRequest]] = relationship(back_populates="placement")

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The region is one of theirs; only desks and whole-group roles are let near."""
        regions = Company.__table__.c
        return cls.region_id.in_(select(regions.region_id).where(regions.id.in_(companies)))

    def audit_name(self) -> str:
        """Its number."""
        return f"#{self.id}"


class CoverRequest(Audited, Scoped, Base):
    """A request for cover of one kind, new or a renewal; late is a fact of the date, not a state.

    `expiry_day` is the last day that needs nothing. One row stands for a vehicle, kind and
    expiry day, and at most one of a vehicle and kind is open: by constraint, not by care.
    """

    __tablename__ = "cover_requests"
    __table_args__ = (
        UniqueConstraint("vehicle_id", "kind", "expiry_day"),
        Index(None, "state", "expiry_day"),
        Index(None, "vehicle_id", "state"),
        Index(
            "uq_cover_requests_one_open",
            "vehicle_id",
            "kind",
            unique=True,
            sqlite_where=_IS_OPEN,
            postgresql_where=_IS_OPEN,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"))
    kind: Mapped[str] = mapped_column(String(20))
    occasion: Mapped[str] = mapped_column(String(10))
    expiry_day: Mapped[date]
    opens_on: Mapped[date]
    policy_number: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20), default=DUE)
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]
    asked_from: Mapped[date | None]
    contact: Mapped[str | None] = mapped_column(String(120))
    note: Mapped[str | None] = mapped_column(String(500))
    reason: Mapped[str | None] = mapped_column(String(500))
    withdrawn_for: Mapped[str | None] = mapped_column(String(20))
    approval_id: Mapped[int | None] = mapped_column(ForeignKey("approvals.id"), index=True)
    placement_id: Mapped[int | None] = mapped_column(ForeignKey("placements.id"), index=True)
    expected_premium: Mapped[Decimal | None] = mapped_column(Yuan)
    expected_tax: Mapped[Decimal | None] = mapped_column(Yuan)
    followed_by: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    vehicle: Mapped[Vehicle] = relationship()
    approval: Mapped[Approval | None] = relationship()
    placement: Mapped[Placement | None] = relationship(back_populates="requests")
    lines: Mapped[list[AskedCover]] = relationship(
        back_populates="request", cascade="all, delete-orphan", order_by="AskedCover.id"
    )
    moves: Mapped[list[RequestMove]] = relationship(
        back_populates="request", order_by="RequestMove.id"
    )
    __mapper_args__ = {"version_id_col": version}

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The request's vehicle is held by one of them."""
        return cls.vehicle_id.in_(select(Vehicle.id).where(Vehicle.company_id.in_(companies)))

    @property
    def open(self) -> bool:
        """Whether it still waits for somebody."""
        return self.state in OPEN

    def audit_name(self) -> str:
        """Kind, policy and expiry day."""
        return " ".join((self.kind, self.policy_number or self.occasion, str(self.expiry_day)))


class AskedCover(Audited, Base):
    """A cover that a request asks for: sum in yuan (occupants: a seat)."""

    __tablename__ = "asked_covers"
    __table_args__ = (UniqueConstraint("request_id", "cover"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(
        ForeignKey("cover_requests.id", ondelete="CASCADE"), index=True
    )
    cover: Mapped[str] = mapped_column(String(40))
    sum_insured: Mapped[Decimal | None] = mapped_column(Yuan)
    seats: Mapped[int | None]
    request: Mapped[CoverRequest] = relationship(back_populates="lines")

    def audit_name(self) -> str:
        """The cover's code."""
        return self.cover


class RequestMove(Base):
    """One step of a request's life: who moved it when, from which state to which, and why."""

    __tablename__ = "request_moves"

    id: Mapped[int] = mapped_column(primary_key=True)
    request_id: Mapped[int] = mapped_column(
        ForeignKey("cover_requests.id", ondelete="CASCADE"), index=True
    )
    at: Mapped[datetime] = mapped_column(UtcInstant)
    by: Mapped[str] = mapped_column(String(255))
    move: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(500))
    request: Mapped[CoverRequest] = relationship(back_populates="moves")


class CalendarFeed(Audited, Base):
    """The address of a user's calendar of what is due; only the digest of its secret is kept.

    At most one of a user is in use: by constraint, not by care. `language` is the one it was
    made in, for a user who chose none: a calendar program asks for no language.
    """

    __tablename__ = "calendar_feeds"
    __table_args__ = (
        Index(
            "uq_calendar_feeds_one_in_use",
            "user_id",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )
    AUDIT_HIDES = frozenset({"digest"})

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    language: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(UtcInstant)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    user: Mapped[User] = relationship()

    def audit_name(self) -> str:
        """Its number."""
        return f"#{self.id}"


class PlacementAnswer(Audited, Scoped, Base):
    """A sheet of issued policies that an insurer sent: kept until it is recorded or dropped.

    `report` holds the differences as they were shown before anything was written.
    """

    __tablename__ = "placement_answers"
    AUDIT_HIDES = frozenset({"report"})

    id: Mapped[int] = mapped_column(primary_key=True)
    placement_id: Mapped[int] = mapped_column(ForeignKey("placements.id"), index=True)
    name: Mapped[str] = mapped_column(String(255))
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    uploaded_at: Mapped[datetime] = mapped_column(UtcInstant)
    uploaded_by: Mapped[str] = mapped_column(String(255))
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    placement: Mapped[Placement] = relationship()

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The placement's region is one of theirs."""
        placements = Placement.__table__.c
        regions = Company.__table__.c
        own = select(regions.region_id).where(regions.id.in_(companies))
        held = select(placements.id).where(placements.region_id.in_(own))
        return cls.placement_id.in_(held)

    def audit_name(self) -> str:
        """The file's name."""
        return self.name
