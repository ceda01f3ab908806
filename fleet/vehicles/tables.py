"""Vehicles, their types, holdings, plates and lay-ups over time."""

from __future__ import annotations

from datetime import date

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from fleet.people.tables import Company
from fleet.storage import Base, Scoped
from fleet.storage.history import Audited

ENERGIES = ("petrol", "diesel", "electric", "plug_in_hybrid", "fuel_cell", "other")


class VehicleType(Audited, Base):
    """A kind of company vehicle (1.1); a `name` is kept only for one the group added."""

    __tablename__ = "vehicle_types"

    code: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(120))

    def audit_name(self) -> str:
        """The type's code."""
        return self.code


class Vehicle(Audited, Scoped, Base):
    """A vehicle, known by its VIN; `company` is its latest holder and `plate` its latest plate."""

    __tablename__ = "vehicles"
    __table_args__ = (
        CheckConstraint("seats >= 0", name="seats"),
        CheckConstraint(
            "in_service_until IS NULL OR in_service_until > in_service_since", name="service"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    vin: Mapped[str] = mapped_column(String(17), unique=True)
    plate: Mapped[str | None] = mapped_column(String(10), index=True)
    vehicle_type: Mapped[str] = mapped_column(ForeignKey("vehicle_types.code"), index=True)
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"), index=True)
    seats: Mapped[int]
    brand_model: Mapped[str | None] = mapped_column(String(120))
    engine_number: Mapped[str | None] = mapped_column(String(40))
    energy: Mapped[str] = mapped_column(String(20), default="other")
    first_registered: Mapped[date | None]
    in_service_since: Mapped[date]
    in_service_until: Mapped[date | None]
    version: Mapped[int] = mapped_column(default=1)
    company: Mapped[Company] = relationship()
    holdings: Mapped[list[Holding]] = relationship(
        back_populates="vehicle", cascade="all, delete-orphan", order_by="Holding.since"
    )
    plates: Mapped[list[VehiclePlate]] = relationship(
        back_populates="vehicle", cascade="all, delete-orphan", order_by="VehiclePlate.since"
    )
    lay_ups: Mapped[list[LayUp]] = relationship(
        back_populates="vehicle", cascade="all, delete-orphan", order_by="LayUp.since"
    )
    __mapper_args__ = {"version_id_col": version}

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The vehicle's latest holder is one of them."""
        return cls.company_id.in_(companies)

    def audit_name(self) -> str:
        """The vehicle's VIN."""
        return self.vin


class Holding(Audited, Base):
    """A company holds a vehicle from `since` until the day before `until`."""

    __tablename__ = "holdings"
    __table_args__ = (CheckConstraint("until IS NULL OR until > since", name="period"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(
        ForeignKey("vehicles.id", ondelete="CASCADE"), index=True
    )
    company_id: Mapped[int] = mapped_column(ForeignKey("companies.id"), index=True)
    since: Mapped[date]
    until: Mapped[date | None]
    vehicle: Mapped[Vehicle] = relationship(back_populates="holdings")
    company: Mapped[Company] = relationship()


class VehiclePlate(Audited, Base):
    """A plate a vehicle carried from `since` until the day before `until`."""

    __tablename__ = "vehicle_plates"

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(
        ForeignKey("vehicles.id", ondelete="CASCADE"), index=True
    )
    plate: Mapped[str] = mapped_column(String(10), index=True)
    since: Mapped[date]
    until: Mapped[date | None]
    vehicle: Mapped[Vehicle] = relationship(back_populates="plates")


class LayUp(Audited, Base):
    """Days 停驶 on which a vehicle is not in service: `since` until the day before `until`."""

    __tablename__ = "lay_ups"
    __table_args__ = (CheckConstraint("until > since", name="period"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    vehicle_id: Mapped[int] = mapped_column(
        ForeignKey("vehicles.id", ondelete="CASCADE"), index=True
    )
    since: Mapped[date]
    until: Mapped[date | None]
    vehicle: Mapped[Vehicle] = relationship(back_populates="lay_ups")
