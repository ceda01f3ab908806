"""Policies, their cover lines and endorsements, and the stored steps of each timeline."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Computed,
    ForeignKey,
    Index,
    String,
    select,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.insurers.tables import Insurer
from fleet.storage import Base, OpenInstant, Percent, Scoped, UtcInstant, Yuan
from fleet.storage.history import Audited
from fleet.vehicles.tables import Vehicle

KINDS = ("compulsory", "commercial")
DAY_OPEN = date(9999, 1, 1)


def _of_scoped_vehicle(
    vehicle_id: ColumnElement[int], companies: frozenset[int]
) -> ColumnElement[bool]:
    held = select(Vehicle.id).where(Vehicle.company_id.in_(companies))
    return vehicle_id.in_(held)


class Policy(Audited, Scoped, Base):
    """A policy 保单 on one vehicle; instants in UTC, `ends` exclusive, money in yuan."""

    __tablename__ = "policies"
    __table_args__ = (
        CheckConstraint("ends > begins", name="period"),
        Index(None, "vehicle_id", "kind", "begins"),
        Index(None, "kind", "covers_until"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    policy_number: Mapped[str] = mapped_column(String(64), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurers.id"), index=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"), index=True)
    begins: Mapped[datetime] = mapped_column(UtcInstant)
    ends: Mapped[datetime] = mapped_column(UtcInstant)
    cancelled_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    covers_until: Mapped[datetime] = mapped_column(
        UtcInstant,
        Computed(
            "CASE WHEN cancelled_at IS NOT NULL AND cancelled_at < ends"
            " THEN cancelled_at ELSE ends END",
            persisted=True,
        ),
    )
    signed_on: Mapped[date | None]
    premium: Mapped[Decimal | None] = mapped_column(Yuan)
    vehicle_tax: Mapped[Decimal | None] = mapped_column(Yuan)
    late_fee: Mapped[Decimal | None] = mapped_column(Yuan)
    tax_exempt: Mapped[bool] = mapped_column(default=False)
    terms: Mapped[str | None] = mapped_column(String(10))
    absolute_deductible_rate: Mapped[Decimal | None] = mapped_column(Percent)
    absolute_deductible_amount: Mapped[Decimal | None] = mapped_column(Yuan)
    repair_restricted: Mapped[bool] = mapped_column(default=False)
    approval_number: Mapped[str | None] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=1)
    insurer: Mapped[Insurer] = relationship()
    vehicle: Mapped[Vehicle] = relationship()
    lines: Mapped[list[CoverLine]] = relationship(
        back_populates="policy", cascade="all, delete-orphan", order_by="CoverLine.id"
    )
    endorsements: Mapped[list[Endorsement]] = relationship(
        back_populates="policy", order_by="Endorsement.effective_at"
    )
    __mapper_args__ = {"version_id_col": version}

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The policy's vehicle is held by one of them."""
        return _of_scoped_vehicle(cls.vehicle_id, companies)

    def audit_name(self) -> str:
        """The policy's number."""
        return self.policy_number


class CoverLine(Audited, Base):
    """One cover 险种 of a policy; empty `since`/`until` mean the policy's own period."""

    __tablename__ = "cover_lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    policy_id: Mapped[int] = mapped_column(
        ForeignKey("policies.id", ondelete="CASCADE"), index=True
    )
    cover: Mapped[str] = mapped_column(String(40))
    sum_insured: Mapped[Decimal | None] = mapped_column(Yuan)
    seats: Mapped[int | None]
    deductible_rate: Mapped[Decimal | None] = mapped_column(Percent)
    premium: Mapped[Decimal | None] = mapped_column(Yuan)
    since: Mapped[datetime | None] = mapped_column(UtcInstant)
    until: Mapped[datetime | None] = mapped_column(UtcInstant)
    policy: Mapped[Policy] = relationship(back_populates="lines")

    def audit_name(self) -> str:
        """The cover's code and its row."""
        return f"{self.cover} #{self.id}"


class Endorsement(Audited, Base):
    """A change 批单 to a running policy from `effective_at` on; its effect stands in the lines."""

    __tablename__ = "endorsements"

    id: Mapped[int] = mapped_column(primary_key=True)
    policy_id: Mapped[int] = mapped_column(
        ForeignKey("policies.id", ondelete="CASCADE"), index=True
    )
    number: Mapped[str | None] = mapped_column(String(64))
    effective_at: Mapped[datetime] = mapped_column(UtcInstant)
    reason: Mapped[str] = mapped_column(String(500))
    recorded_at: Mapped[datetime] = mapped_column(UtcInstant)
    policy: Mapped[Policy] = relationship(back_populates="endorsements")


class CoverStep(Scoped, Base):
    """A stored step of a vehicle's timeline: a cache of the heart's pure function.

    `shortfalls` and `spared` hold sorted codes with a space between; details of a moment come
    from the heart. `rulebook_since` is the day of the newest version at the step's beginning.
    """

    __tablename__ = "cover_steps"
    __table_args__ = (
        Index(None, "since", "until", "standing"),
        Index(None, "standing", "until"),
    )

    vehicle_id: Mapped[int] = mapped_column(
        ForeignKey("vehicles.id", ondelete="CASCADE"), primary_key=True
    )
    since: Mapped[datetime] = mapped_column(OpenInstant, primary_key=True)
    until: Mapped[datetime] = mapped_column(OpenInstant)
    standing: Mapped[str] = mapped_column(String(20))
    shortfalls: Mapped[str] = mapped_column(String(400), default="")
    spared: Mapped[str] = mapped_column(String(400), default="")
    vehicle: Mapped[Vehicle] = relationship()

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The step's vehicle is held by one of them."""
        return _of_scoped_vehicle(cls.vehicle_id, companies)


class CoverNeed(Scoped, Base):
    """The days on which a vehicle needs a policy of a kind: a cache of the heart's pure function.

    A renewal of `policy_number` (3.3), or a new request, which has none (3.2). On a day at most
    one of a kind stands; `until` is exclusive, DAY_OPEN where it stands until facts change. The
    window within which it is asked for is left aside: that is the region's.
    """

    __tablename__ = "cover_needs"

    vehicle_id: Mapped[int] = mapped_column(
        ForeignKey("vehicles.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    since: Mapped[date] = mapped_column(primary_key=True, index=True)
    until: Mapped[date] = mapped_column(index=True)
    expiry_day: Mapped[date] = mapped_column(index=True)
    occasion: Mapped[str] = mapped_column(String(10))
    policy_number: Mapped[str | None] = mapped_column(String(64))

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The vehicle is held by one of them."""
        return _of_scoped_vehicle(cls.vehicle_id, companies)


class NeedsChanged(Base):
    """A vehicle whose needs were stored anew since the daily job last looked.

    Rows are only added and taken, never changed: a verb and the job then wait for each other
    on none, and what is added while the job runs is left for its next run.
    """

    __tablename__ = "needs_changed"

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(
        ForeignKey("vehicles.id", ondelete="CASCADE"), index=True
    )
