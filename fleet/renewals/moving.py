"""One step over one request or many: lock them, move those it leads on from, say why not others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask import current_app
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fleet.people.tables import Region
from fleet.renewals import refusals, rules, telling
from fleet.renewals.tables import CoverRequest, RequestMove
from fleet.storage import Actor, act, db
from fleet.web.errors import Refusal, Stale
from fleet.words import local_day


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A request that a step did not move, and why."""

    request_id: int
    name: str
    why: str


@dataclass(slots=True)
class Outcome:
    """What a step did: the requests moved, those left out, and the placements made."""

    moved: list[int] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    placements: list[int] = field(default_factory=list)


class _NothingMoved(Exception):
    """Every request of a step was left out."""


def each(
    verb: str,
    move: str,
    ids: Sequence[int],
    one: Callable[[CoverRequest], str],
    *,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> Outcome:
    """Move each request that allows it; `one` checks and changes it and answers its new state."""
    outcome = Outcome()
    try:
        with act(verb, by=by, at=at) as deed:
            found = locked(ids)
            for request in found:
                _try(request, move, one, outcome, by, at, reason)
            known = {request.id for request in found}
            missing = (id_ for id_ in dict.fromkeys(ids) if id_ not in known)
            outcome.left_out += [
                LeftOut(id_, f"#{id_}", refusals.NotYours().message) for id_ in missing
            ]
            if not outcome.moved:
                raise _NothingMoved  # noqa: TRY301 - `act` undoes a verb by what it raises
            deed.subject = _subject(found, outcome)
            tell_moved([request for request in found if request.id in set(outcome.moved)], by, at)
    except _NothingMoved:
        return outcome
    except IntegrityError as error:  # the job opened another request of the vehicle and kind
        raise Stale from error
    return outcome


def _try(
    request: CoverRequest,
    move: str,
    one: Callable[[CoverRequest], str],
    outcome: Outcome,
    by: Actor,
    at: datetime,
    reason: str | None,
) -> None:
    try:
        after = one(request)
    except Refusal as refusal:
        outcome.left_out.append(LeftOut(request.id, name_of(request), refusal.message))
        return
    note_move(request, move, after, by, at, reason)
    outcome.moved.append(request.id)


def tell_moved(requests: Sequence[CoverRequest], by: Actor, at: datetime) -> None:
    """Tell whom the last steps of some requests concern, within the verb under way."""
    db.session.flush()
    zone = current_app.extensions["rulebook"].zone
    made = [(request, request.moves[-1]) for request in requests]
    telling.moved(made, by, at, local_day(at, zone))


def _subject(found: Sequence[CoverRequest], outcome: Outcome) -> str:
    moved = [request for request in found if request.id in set(outcome.moved)]
    return name_of(moved[0]) + (f" +{len(moved) - 1}" if len(moved) > 1 else "")


def plainly(move: str) -> Callable[[CoverRequest], str]:
    """A step that checks nothing but whether the state leads on."""
    return lambda request: leads_to(move, request)


def note_move(
    request: CoverRequest,
    move: str,
    after: str,
    by: Actor,
    at: datetime,
    reason: str | None = None,
) -> None:
    """Bring a request to a state, and write the step into its life."""
    request.moves.append(
        RequestMove(at=at, by=by.name, move=move, before=request.state, after=after, reason=reason)
    )
    request.state = after


def leads_to(move: str, request: CoverRequest) -> str:
    """The state that a move brings a request to; raises NotFromHere."""
    after = rules.leads_to(move, request.state)
    if after is None:
        raise refusals.NotFromHere(request.state)
    return after


# What is moved


def request_of(request_id: int) -> CoverRequest:
    """The request of a number within the caller's scope; NotYours where there is none."""
    found = db.session.scalar(select(CoverRequest).where(CoverRequest.id == request_id))
    if found is None:
        raise refusals.NotYours
    return found


def the_one(request_id: int, version: int) -> CoverRequest:
    """A request, locked, as the person saw it; raises NotYours or Stale."""
    found = locked([request_id])
    if not found:
        raise refusals.NotYours
    if found[0].version != version:
        raise Stale
    return found[0]


def locked(ids: Sequence[int]) -> list[CoverRequest]:
    """The requests in scope, locked in one order: two steps at once never wait in a ring."""
    chosen = select(CoverRequest).where(CoverRequest.id.in_(set(ids))).order_by(CoverRequest.id)
    return list(db.session.scalars(chosen.with_for_update(of=CoverRequest)))


def name_of(request: CoverRequest) -> str:
    """What a person recognises a request by."""
    return f"{request.vehicle.vin} {request.kind}"


def region_of(request: CoverRequest) -> Region:
    """The region whose desk the request is for."""
    return request.vehicle.company.region
