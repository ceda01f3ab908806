"""Renewals, one row for each need of a vehicle, a policy kind and an expiry day."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ColumnElement, ForeignKey, Index, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.renewals.rules import EXPIRY_CHANGED, INSURED, LAID_UP, LEFT_FLEET
from fleet.storage import Base, Scoped
from fleet.storage.history import Audited
from fleet.vehicles.tables import Vehicle

DUE = "due"
STATES = (DUE, INSURED, LEFT_FLEET, LAID_UP, EXPIRY_CHANGED)


class Renewal(Audited, Scoped, Base):
    """A need to renew; late is a fact of the date, not a state."""

    __tablename__ = "renewals"
    __table_args__ = (
        UniqueConstraint("vehicle_id", "kind", "expiry_day"),
        Index(None, "state", "expiry_day"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(ForeignKey("vehicles.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    expiry_day: Mapped[date]
    opens_on: Mapped[date]
    policy_number: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20), default=DUE)
    opened_on: Mapped[date]
    closed_on: Mapped[date | None]
    vehicle: Mapped[Vehicle] = relationship()

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The renewal's vehicle is held by one of them."""
        return cls.vehicle_id.in_(select(Vehicle.id).where(Vehicle.company_id.in_(companies)))

    def audit_name(self) -> str:
        """Kind, policy and expiry day."""
        return f"{self.kind} {self.policy_number} {self.expiry_day}"
