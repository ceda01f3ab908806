"""What the records know of that a workbook names, read in bulk before its rows are checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import Session

from fleet.insurers.tables import Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverLine, Policy
from fleet.storage import EVERYTHING, Scope
from fleet.vehicles.tables import Holding, LayUp, Vehicle, VehiclePlate, VehicleType
from fleet.workbook.columns import BUILT_IN_TYPES
from fleet.workbook.draft import Draft

Record = dict[str, Any]
CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class Reach:
    """Whose rows an importer may write: a scope of companies, and the regions of their desk."""

    scope: Scope = EVERYTHING
    regions: frozenset[int] = frozenset()

    @property
    def group(self) -> bool:
        """Whether it is the whole group."""
        return self.scope.everything

    def has(self, company_id: int) -> bool:
        """Whether a company is within it."""
        return self.scope.everything or company_id in self.scope.companies

    def desk_of(self, region_id: int) -> bool:
        """Whether it may designate a region's insurers."""
        return self.scope.everything or region_id in self.regions


@dataclass(slots=True)
class Known:
    """The rows on record by natural key; sets by vehicle or policy id.

    `holders` is the company that holds each vehicle of the policies, by ids.
    """

    regions: dict[str, Record]
    companies: dict[str, Record]
    insurers: dict[str, Record]
    vehicle_types: set[str]
    designations: dict[tuple[int, int], list[Record]]
    vehicles: dict[str, Record]
    policies: dict[str, Record]
    holders: dict[int, int] = field(default_factory=dict)
    holdings: dict[int, list[Record]] = field(default_factory=dict)
    lay_ups: dict[int, list[Record]] = field(default_factory=dict)
    plates: dict[int, list[Record]] = field(default_factory=dict)
    lines: dict[int, list[Record]] = field(default_factory=dict)


_VEHICLES: Table = Vehicle.__table__  # type: ignore[assignment]


def look_up(draft: Draft, session: Session) -> Known:
    """Read everything on record that the draft's rows are held against."""
    vins = _named(draft, "vin", "vehicles", "policies", "holdings", "lay_ups")
    numbers = _named(draft, "policy_number", "policies", "covers")
    vehicles = _by_key(session, Vehicle, "vin", vins)
    policies = _by_key(session, Policy, "policy_number", numbers)
    known = Known(
        regions=_by_key(session, Region, "code"),
        companies=_by_key(session, Company, "code"),
        insurers=_by_key(session, Insurer, "code"),
        vehicle_types={*session.scalars(select(VehicleType.code)), *BUILT_IN_TYPES},
        designations=_designations(session),
        vehicles=vehicles,
        policies=policies,
    )
    insured = {policy["vehicle_id"] for policy in policies.values()}
    known.holders = {
        row["id"]: row["company_id"] for row in _chosen(session, _VEHICLES, "id", insured)
    }
    ids = [vehicle["id"] for vehicle in vehicles.values()]
    known.holdings = _sets(session, Holding, "vehicle_id", ids)
    known.lay_ups = _sets(session, LayUp, "vehicle_id", ids if "lay_ups" in draft.sheets else [])
    known.plates = _sets(session, VehiclePlate, "vehicle_id", ids)
    numbered = _named(draft, "policy_number", "covers")
    known.lines = _sets(
        session, CoverLine, "policy_id", [policies[n]["id"] for n in numbered if n in policies]
    )
    return known


def _named(draft: Draft, column: str, *sheets: str) -> list[str]:
    """The keys that a draft's sheets name in a column, each once, in order."""
    found = {
        row.values.get(column): None
        for code in sheets
        if code in draft.sheets
        for row in draft.sheets[code].rows
    }
    return [key for key in found if key is not None]


def _by_key(
    session: Session, entity: type, key: str, keys: Sequence[str] | None = None
) -> dict[str, Record]:
    """The rows of a table by natural key: those named, or all."""
    table: Table = entity.__table__  # type: ignore[attr-defined]
    if keys is None:
        found = session.execute(select(*table.c)).mappings()
        return {row[key]: dict(row) for row in found}
    return {row[key]: row for row in _chosen(session, table, key, keys)}


def _sets(
    session: Session, entity: type, parent: str, ids: Sequence[int]
) -> dict[int, list[Record]]:
    table: Table = entity.__table__  # type: ignore[attr-defined]
    sets: dict[int, list[Record]] = defaultdict(list)
    for row in _chosen(session, table, parent, ids):
        sets[row[parent]].append(row)
    return sets


def _designations(session: Session) -> dict[tuple[int, int], list[Record]]:
    found: dict[tuple[int, int], list[Record]] = defaultdict(list)
    for row in session.execute(select(*Designation.__table__.c)).mappings():
        found[row["region_id"], row["insurer_id"]].append(dict(row))
    return found


def _chosen(session: Session, table: Table, column: str, keys: Iterable[Any]) -> Iterator[Record]:
    for chunk in chunks(keys):
        query = select(*table.c).where(table.c[column].in_(chunk)).order_by(table.c[column])
        names = list(table.c.keys())
        for row in session.execute(query):
            yield dict(zip(names, row, strict=True))


def chunks(keys: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The keys in lists short enough for one statement's parameters."""
    rest = iter(keys)
    while chunk := list(islice(rest, size)):
        yield chunk
