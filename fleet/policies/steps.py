"""The stored timeline: every vehicle's steps, rewritten with the change that moves them.

A session listener gathers the vehicles whose facts a flush touched and rewrites their steps
before the commit, so that no verb can forget it; a bulk import calls `rewrite_steps` itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from flask import current_app
from sqlalchemy import delete, event, insert, inspect, select
from sqlalchemy.orm import Session

from fleet.insurers.tables import Insurer
from fleet.policies.facts import VehicleFacts, facts
from fleet.policies.tables import CoverLine, CoverStep, Policy
from fleet.rulebook.book import Rulebook
from fleet.rulebook.cover import Step, timeline
from fleet.storage import OPEN_BEGIN, OPEN_END, db
from fleet.vehicles.tables import LayUp, Vehicle

BATCH = 2000
_TOUCHED = "touched_vehicles"
_steps = CoverStep.__table__


def rewrite_steps(vehicle_ids: Iterable[int]) -> int:
    """Compute and store anew every step of the vehicles; answers how many steps.

    Part of the caller's transaction: it neither begins nor commits one.
    """
    written, wanted = 0, sorted(set(vehicle_ids))
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        _lock(batch)
        db.session.execute(delete(_steps).where(_steps.c.vehicle_id.in_(batch)))
        rows = list(computed_rows(facts(batch)))
        if rows:
            db.session.execute(insert(_steps), rows)
        written += len(rows)
    return written


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


def differing() -> Iterator[int]:
    """Yield the ids of vehicles whose stored steps are not what the pure function gives."""
    fleet = facts()
    while batch := list(islice(fleet, BATCH)):
        stored = _stored([one.vehicle_id for one in batch])
        for one in batch:
            computed = sorted(_key(row) for row in computed_rows([one]))
            if computed != stored.get(one.vehicle_id, []):
                yield one.vehicle_id


def _row(vehicle_id: int, step: Step) -> dict[str, Any]:
    return {
        "vehicle_id": vehicle_id,
        "since": step.since or OPEN_BEGIN,
        "until": step.until or OPEN_END,
        "standing": step.standing,
        "shortfalls": " ".join(sorted(finding.code for finding in step.shortfalls)),
        "spared": " ".join(sorted(finding.code for finding in step.spared)),
    }


_Key = tuple[Any, ...]


def _key(row: dict[str, Any]) -> _Key:
    return (row["since"], row["until"], row["standing"], row["shortfalls"], row["spared"])


def _stored(ids: list[int]) -> dict[int, list[_Key]]:
    columns = _steps.c
    statement = select(*columns).where(columns.vehicle_id.in_(ids)).order_by(columns.since)
    found: dict[int, list[_Key]] = {}
    for row in db.session.execute(statement):
        found.setdefault(row.vehicle_id, []).append(_key(row._asdict()))
    return found


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


@event.listens_for(Session, "before_commit")
def _rewrite(session: Session) -> None:
    session.flush()
    touched: set[int] = session.info.pop(_TOUCHED, set())
    if touched:
        rewrite_steps(touched)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_TOUCHED, None)
