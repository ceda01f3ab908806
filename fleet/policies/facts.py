"""The heart's facts as stored: each vehicle with its policies and their lines, in bulk.

Unscoped by design: the rule looks at all of a vehicle's policies. A caller that shows something
to a person names the vehicles that its own scoped query found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, bindparam, select

from fleet.insurers.tables import INSURER, Insurer
from fleet.policies.tables import CoverLine, Policy
from fleet.rulebook import cover
from fleet.storage import Bundle, Rows, db, told
from fleet.vehicles.tables import LayUp, Vehicle
from fleet.words import Days

BATCH = 2000

_vehicles = Vehicle.__table__.c
_lay_ups = LayUp.__table__.c
_policies = Policy.__table__.c
_lines = CoverLine.__table__.c
_insurers = Insurer.__table__.c


class VehicleFacts(NamedTuple):
    """A vehicle as the heart judges it, with all its policies."""

    vehicle_id: int
    vehicle: cover.Vehicle
    policies: tuple[cover.Policy, ...]


def facts(
    vehicle_ids: Iterable[int] | None = None, *which: ColumnElement[bool]
) -> Iterator[VehicleFacts]:
    """Yield the facts of the vehicles asked for, of all where None is given, in VIN order.

    `which` says of the table of policies which of them are meant; all, where it is left.
    """
    ids = list(_ordered(None if vehicle_ids is None else set(vehicle_ids)))
    for start in range(0, len(ids), BATCH):
        yield from _batch(ids[start : start + BATCH], which)


def facts_of(vehicle_id: int) -> VehicleFacts:
    """The facts of one vehicle."""
    return facts_in(_ONE.read(vehicle=vehicle_id))


def queries_of(
    vehicle_id: ColumnElement[int], *which: ColumnElement[bool]
) -> dict[str, Select[Any]]:
    """The queries of one vehicle's facts, to be bundled with others that are asked with them.

    `which` is as in `facts`.
    """
    return {
        "vehicle": _VEHICLES.where(_vehicles.id == vehicle_id),
        "lay_ups": _LAY_UPS.where(_lay_ups.vehicle_id == vehicle_id),
        "policies": _POLICIES.where(_policies.vehicle_id == vehicle_id, *which),
        "lines": _LINES.where(_policies.vehicle_id == vehicle_id, *which),
    }


def facts_in(rows: Rows) -> VehicleFacts:
    """The facts of the one vehicle whose queries were answered so."""
    (vehicle,), lines = rows["vehicle"], _grouped(rows["lines"], "policy_id")
    return VehicleFacts(
        vehicle.id,
        _vehicle(vehicle, rows["lay_ups"]),
        tuple(_policy(row, lines[row.id]) for row in rows["policies"]),
    )


def _ordered(wanted: set[int] | None) -> Iterator[int]:
    if wanted is not None and len(wanted) <= BATCH:
        statement = select(_vehicles.id).where(_vehicles.id.in_(wanted))
        yield from db.session.scalars(statement.order_by(_vehicles.vin))
        return
    for vehicle_id in db.session.scalars(select(_vehicles.id).order_by(_vehicles.vin)):
        if wanted is None or vehicle_id in wanted:
            yield vehicle_id


def _batch(ids: Sequence[int], which: Sequence[ColumnElement[bool]]) -> Iterator[VehicleFacts]:
    vehicles = {row.id: row for row in _rows(_VEHICLES_OF, ids)}
    lay_ups = _grouped(_rows(_LAY_UPS_OF, ids), "vehicle_id")
    lines = _grouped(_rows(_LINES_OF.where(*which), ids), "policy_id")
    policies = _grouped(_rows(_POLICIES_OF.where(*which), ids), "vehicle_id")
    for vehicle_id in ids:
        yield VehicleFacts(
            vehicle_id,
            _vehicle(vehicles[vehicle_id], lay_ups[vehicle_id]),
            tuple(_policy(row, lines[row.id]) for row in policies[vehicle_id]),
        )


_IDS = bindparam("ids", expanding=True)  # built once: building costs as much as running
_VEHICLES = select(
    _vehicles.id,
    _vehicles.vin,
    _vehicles.seats,
    _vehicles.energy,
    _vehicles.in_service_since,
    _vehicles.in_service_until,
)
_LAY_UPS = select(_lay_ups.vehicle_id, _lay_ups.since, _lay_ups.until).order_by(_lay_ups.id)
_POLICIES = select(
    _policies.id,
    _policies.vehicle_id,
    _policies.policy_number,
    _policies.kind,
    (_insurers.kind == INSURER).label("is_insurance"),
    _policies.begins,
    _policies.ends,
    _policies.cancelled_at,
    _policies.signed_on,
    _policies.vehicle_tax,
    _policies.tax_exempt,
    _policies.terms,
    _policies.absolute_deductible_rate,
    _policies.absolute_deductible_amount,
    _policies.repair_restricted,
).join_from(Policy.__table__, Insurer.__table__, _insurers.id == _policies.insurer_id)
_POLICIES = _POLICIES.order_by(_policies.id)  # a decision's kept facts are the same each time
_LINES = select(
    _lines.policy_id,
    _lines.cover,
    _lines.sum_insured,
    _lines.seats,
    _lines.deductible_rate,
    _lines.since,
    _lines.until,
).join_from(CoverLine.__table__, Policy.__table__, _policies.id == _lines.policy_id)
_LINES = _LINES.order_by(_lines.id)
_VEHICLES_OF = _VEHICLES.where(_vehicles.id.in_(_IDS))
_LAY_UPS_OF = _LAY_UPS.where(_lay_ups.vehicle_id.in_(_IDS))
_POLICIES_OF = _POLICIES.where(_policies.vehicle_id.in_(_IDS))
_LINES_OF = _LINES.where(_policies.vehicle_id.in_(_IDS))
_ONE = Bundle(**queries_of(told("vehicle", _vehicles.id)))


def _rows(statement: Select[Any], ids: Sequence[int]) -> Sequence[Row[Any]]:
    return db.session.connection().execute(statement, {"ids": ids}).all()


def _grouped(rows: Iterable[Row[Any]], key: str) -> dict[int, list[Row[Any]]]:
    groups: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups


def _vehicle(row: Row[Any], lay_ups: Sequence[Row[Any]]) -> cover.Vehicle:
    return cover.Vehicle(
        vin=row.vin,
        seats=row.seats,
        energy=row.energy,
        service=Days(row.in_service_since, row.in_service_until),
        lay_ups=tuple(Days(one.since, one.until) for one in lay_ups),
    )


def _policy(row: Row[Any], lines: Sequence[Row[Any]]) -> cover.Policy:
    # By place, as _POLICIES names them: a row's names are looked up slowly, for every policy.
    _id, _vehicle_id, number, kind, is_insurance, *others = row
    covers = tuple(cover.Line(*one[1:]) for one in lines)
    return cover.Policy(number, kind, bool(is_insurance), *others, covers)
