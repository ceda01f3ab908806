"""The stored timeline: every vehicle's steps and needs, rewritten with the change that moves them.

A session listener gathers the vehicles whose facts a flush touched and rewrites them before the
commit, so that no verb can forget it; a bulk import calls `rewrite_steps` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flask import current_app
from sqlalchemy import delete, event, insert, inspect, select
from sqlalchemy.orm import Session

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company
from fleet.policies.facts import VehicleFacts, facts
from fleet.policies.tables import DAY_OPEN, CoverLine, CoverNeed, CoverStep, NeedsChanged, Policy
from fleet.rulebook.book import KINDS, Rulebook
from fleet.rulebook.cover import Step, timeline
from fleet.rulebook.renewal import need_spans
from fleet.storage import OPEN_BEGIN, OPEN_END, Deed, db, follows
from fleet.vehicles.tables import LayUp, Vehicle
from fleet.words import Finding

BATCH = 2000
_TOUCHED = "touched_vehicles"
_REWRITTEN = "rewritten_vehicles"
_steps = CoverStep.__table__
_needs = CoverNeed.__table__


def rewrite_steps(vehicle_ids: Iterable[int]) -> int:
    """Compute and store anew every step and need of the vehicles; answers how many steps.

    Part of the caller's transaction: it neither begins nor commits one.
    """
    written, wanted = 0, sorted(set(vehicle_ids))
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        _lock(batch)
        fleet = list(facts(batch))
        written += _store(_steps, batch, list(computed_rows(fleet)))
        _store(_needs, batch, list(computed_needs(fleet)))
        note_changed(batch)
    return written


def note_changed(vehicle_ids: Iterable[int]) -> None:
    """Leave word for the daily job that the needs of some vehicles are to be looked at."""
    if rows := [{"vehicle_id": one} for one in vehicle_ids]:
        db.session.execute(insert(NeedsChanged.__table__), rows)


def take_changed() -> set[int]:
    """Take the vehicles whose needs were stored anew: whoever takes them looks at them."""
    taken = delete(NeedsChanged.__table__).returning(NeedsChanged.__table__.c.vehicle_id)
    return set(db.session.scalars(taken))


def seen_changed() -> set[int]:
    """The same vehicles, left for who looks next."""
    return set(db.session.scalars(select(NeedsChanged.__table__.c.vehicle_id)))


def _store(table: Any, vehicle_ids: list[int], rows: list[dict[str, Any]]) -> int:
    """Put rows in the place of all that the vehicles had; answers how many."""
    db.session.execute(delete(table).where(table.c.vehicle_id.in_(vehicle_ids)))
    if rows:
        db.session.execute(insert(table), rows)
    return len(rows)


def _lock(batch: list[int]) -> None:
    """Let other changes of these vehicles end first: their timelines follow from both."""
    columns = Vehicle.__table__.c
    chosen = select(columns.id).where(columns.id.in_(batch)).order_by(columns.id)
    db.session.execute(chosen.with_for_update(key_share=True)).all()


def computed_rows(fleet: Iterable[VehicleFacts]) -> Iterator[dict[str, Any]]:
    """The rows that the pure function gives for some vehicles."""
    book: Rulebook = current_app.extensions["rulebook"]
    for one in fleet:
        for step in timeline(one.vehicle, one.policies, book):
            yield _row(one.vehicle_id, step)


def computed_needs(fleet: Iterable[VehicleFacts]) -> Iterator[dict[str, Any]]:
    """The needs that the pure function gives for some vehicles, as rows."""
    book: Rulebook = current_app.extensions["rulebook"]
    for one in fleet:
        for kind in KINDS:
            for span in need_spans(one.vehicle, one.policies, kind, book):
                yield {
                    "vehicle_id": one.vehicle_id,
                    "kind": kind,
                    "since": span.days.since,
                    "until": span.days.until or DAY_OPEN,
                    "expiry_day": span.expiry_day,
                    "occasion": span.occasion,
                    "policy_number": span.policy_number,
                }


def differing() -> Iterator[int]:
    """Yield the ids of vehicles whose stored steps or needs are not what the heart gives."""
    fleet = facts()
    while batch := list(islice(fleet, BATCH)):
        ids = [one.vehicle_id for one in batch]
        steps, needs = _stored(_steps, ids), _stored(_needs, ids)
        for one in batch:
            same_steps = _rows(computed_rows([one])) == steps[one.vehicle_id]
            if not same_steps or _rows(computed_needs([one])) != needs[one.vehicle_id]:
                yield one.vehicle_id


def _row(vehicle_id: int, step: Step) -> dict[str, Any]:
    return {
        "vehicle_id": vehicle_id,
        "since": step.since or OPEN_BEGIN,
        "until": step.until or OPEN_END,
        "standing": step.standing,
        "shortfalls": _codes(step.shortfalls),
        "spared": _codes(step.spared),
    }


def _codes(findings: Iterable[Finding]) -> str:
    return " ".join(sorted([one.code for one in findings])) if findings else ""


def _rows(found: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Rows that can be compared, in one order."""
    return sorted(tuple(row[name] or "" for name in sorted(row)) for row in found)


def _stored(table: Any, ids: list[int]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[dict[str, Any]]] = {one: [] for one in ids}
    chosen = select(*table.c).where(table.c.vehicle_id.in_(ids))
    for row in db.session.execute(chosen):
        found[row.vehicle_id].append(row._asdict())
    return {one: _rows(rows) for one, rows in found.items()}


# The listener


@event.listens_for(Session, "after_flush")
def _gather(session: Session, _context: object) -> None:
    touched = session.info.setdefault(_TOUCHED, set())
    for row in (*session.new, *session.dirty, *session.deleted):
        touched.update(_vehicles_of(session, row))


def _vehicles_of(session: Session, row: object) -> Iterable[int]:
    if isinstance(row, Vehicle):
        return () if row in session.deleted else (row.id,)
    if isinstance(row, LayUp | Policy):
        return _ids(row, "vehicle_id")
    if isinstance(row, CoverLine):
        policies = Policy.__table__.c
        chosen = select(policies.vehicle_id).where(policies.id.in_(_ids(row, "policy_id")))
        return session.scalars(chosen).all()
    if isinstance(row, Company) and inspect(row).attrs.region_id.history.has_changes():
        # Its new region may have another window, and so another day on which a need opens.
        vehicles = Vehicle.__table__.c
        return session.scalars(select(vehicles.id).where(vehicles.company_id == row.id)).all()
    if isinstance(row, Insurer) and inspect(row).attrs.kind.history.has_changes():
        policies = Policy.__table__.c
        return session.scalars(
            select(policies.vehicle_id).where(policies.insurer_id == row.id).distinct()
        ).all()
    return ()


def _ids(row: object, key: str) -> set[int]:
    """The id a row refers to now, and the one it referred to before."""
    history = inspect(row).attrs[key].history
    return {one for one in (*history.sum(), getattr(row, key)) if one is not None}


@follows
def _rewrite_before_the_entry(session: Session, _deed: Deed) -> None:
    _rewrite(session)


@event.listens_for(Session, "before_commit")
def _rewrite(session: Session) -> None:
    session.flush()
    touched: set[int] = session.info.pop(_TOUCHED, set())
    if touched:
        rewrite_steps(touched)
        session.info.setdefault(_REWRITTEN, set()).update(touched)


def rewritten(session: Session) -> set[int]:
    """Take the vehicles whose facts this transaction's verb changed: for who follows them."""
    taken: set[int] = session.info.pop(_REWRITTEN, set())
    return taken


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_TOUCHED, None)
    session.info.pop(_REWRITTEN, None)
