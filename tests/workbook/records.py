"""What stands on record, to compare before and after."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fleet.insurers.tables import Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverLine, CoverStep, Policy
from fleet.storage.history import HistoryEntry
from fleet.vehicles.tables import Holding, LayUp, Vehicle, VehiclePlate
from fleet.workbook.report import Report

TABLES = (
    Region, Company, Insurer, Designation, Vehicle, VehiclePlate, Holding, LayUp, Policy,
    CoverLine, CoverStep,
)  # fmt: skip


def everything(session: Session) -> dict[str, list[tuple[Any, ...]]]:
    """Every row on record, without its number."""
    session.rollback()
    found = {}
    for entity in TABLES:
        columns = [column for column in entity.__table__.c if column.name != "id"]
        found[entity.__tablename__] = sorted(map(repr, session.execute(select(*columns))))
    return found


def entries(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(HistoryEntry)) or 0


def refusals(report: Report) -> list[tuple[str, int, str, str]]:
    return [(one.sheet, one.row, one.column, one.code) for one in report.refused]
