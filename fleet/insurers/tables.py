"""Insurers and their designations by region and period."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.people.tables import Region
from fleet.storage import Base
from fleet.storage.history import Audited

INSURER = "insurer"
MUTUAL_POOL = "mutual_pool"


class Insurer(Audited, Base):
    """An issuer of policies: an insurer, or a mutual-aid pool 车辆统筹, which insures nothing."""

    __tablename__ = "insurers"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20), default=INSURER)
    hotline: Mapped[str | None] = mapped_column(String(40))
    designations: Mapped[list[Designation]] = relationship(back_populates="insurer")

    def audit_name(self) -> str:
        """The insurer's code."""
        return self.code


class Designation(Audited, Base):
    """A region's desk designates an insurer from `since` until the day before `until`."""

    __tablename__ = "designations"
    __table_args__ = (CheckConstraint("until IS NULL OR until > since", name="period"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    region_id: Mapped[int] = mapped_column(ForeignKey("regions.id"), index=True)
    insurer_id: Mapped[int] = mapped_column(ForeignKey("insurers.id"), index=True)
    since: Mapped[date]
    until: Mapped[date | None]
    region: Mapped[Region] = relationship()
    insurer: Mapped[Insurer] = relationship(back_populates="designations")
