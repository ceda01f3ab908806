"""What pages tell of a request beside its row: what is next, its covers against the rule.

Kept apart from the verbs: these only read, in the caller's scope and for the moment told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import Row

from fleet.policies.facts import facts_of
from fleet.renewals import rules, service
from fleet.renewals.moving import region_of
from fleet.renewals.queries import askable, needed_of
from fleet.renewals.rules import AskedLine, Followed, NextStep, Open
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.book import Rulebook
from fleet.vehicles.tables import Vehicle
from fleet.words import local_day

COMMERCIAL = "commercial"
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class CoverTold:
    """A cover as asked for beside what the rule asks: sums in yuan (occupants: a seat).

    `asked` is None where it is not asked for, or nobody prepared the request yet; `least` is
    None where the rule does not ask for it (2.7).
    """

    cover: str
    asked: AskedLine | None
    least: AskedLine | None
    clause: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a request's page tells beside the row.

    `left_open` are the days, last one included, that stay uncovered by what is asked for.
    `moves` are the company's, each with why it is not possible, None where it is. `policy` is
    what the form of the policy may be filled with.
    """

    step: NextStep | None
    approval_asked: bool
    progress: list[tuple[str, str]]
    covers: list[CoverTold]
    followed: Followed | None
    left_open: tuple[date, date] | None
    moves: list[tuple[str, str | None]]
    policy: dict[str, Any]


def of_request(request: CoverRequest, at: datetime) -> Told:
    """What is to be told of a request at a moment."""
    today, known = local_day(at, _book().zone), facts_of(request.vehicle_id)
    asked = rules.approval_asked(request.occasion, region_of(request).code, _book(), today)
    named = Open(request.kind, request.expiry_day)
    follows = request.open or request.state == rules.INSURED
    return Told(
        step=rules.next_step(request.state, request.occasion, approval_asked=asked),
        approval_asked=asked,
        progress=rules.progress(
            request.state, [move.after for move in request.moves], approval_asked=asked
        ),
        covers=_covers(request, at) if request.kind == COMMERCIAL else [],
        followed=rules.followed(known.vehicle, known.policies, named, _book()) if follows else None,
        left_open=_left_open(request),
        moves=company_moves(request.state, approval_asked=asked),
        policy=_as_policy(request),
    )


def _as_policy(request: CoverRequest) -> dict[str, Any]:
    """What was asked of the insurer, as the form of a policy takes it from its address."""
    placement = request.placement
    if request.state != rules.PLACED or placement is None:
        return {}
    days = rules.period_placed(request.expiry_day, request.asked_from, placement.placed_on)
    return {
        "kind": request.kind,
        "insurer": placement.insurer.code,
        "first_day": days[0].isoformat(),
        "last_day": days[1].isoformat(),
        "approval_number": request.approval.number if request.approval else None,
        "line": [f"{it.cover},{it.sum_insured or ''},{it.seats or ''}" for it in request.lines],
    }


class Stands(Protocol):
    """A request, or a row of a list of them: how it came about and where it stands."""

    @property
    def occasion(self) -> str:
        """Renewal or new."""

    @property
    def state(self) -> str:
        """Where it stands."""


def step_of(row: Stands | Row[Any], region: str, today: date) -> NextStep | None:
    """What a request waits for; `region` is the code of its company's."""
    asked = rules.approval_asked(row.occasion, region, _book(), today)
    return rules.next_step(row.state, row.occasion, approval_asked=asked)


def of_vehicle(vehicle: Vehicle, at: datetime) -> Mapping[str, Any]:
    """A vehicle's requests that stand, each with its next step, and what may be asked for anew."""
    today = local_day(at, _book().zone)
    region = vehicle.company.region.code
    requests = [(one, step_of(one, region, today)) for one in needed_of(vehicle.id, today)]
    return {"requests": requests, "askable": askable(vehicle.id, today)}


def company_moves(state: str, *, approval_asked: bool) -> list[tuple[str, str | None]]:
    """The company's moves on a request in a state, each with why it is not possible now."""
    if state in rules.ENDED_BY_FACTS:
        return []
    if state == rules.WITHDRAWN:
        return [(rules.RESUME, None)]
    if state in rules.WITH_DESK:
        why = _("The desk has it. To change it, ask the desk to return it.")
        return [(rules.PREPARE, why), (rules.WITHDRAW, None)]
    first = None if state in {rules.PREPARED, rules.APPROVED} else _("Prepare it first.")
    moves: list[tuple[str, str | None]] = [(rules.PREPARE, None)]
    lacks = approval_asked and state != rules.APPROVED
    if lacks:
        moves.append((rules.APPROVE, first))
    approval = _("It needs an approval in the OA first (clause 3.2).") if lacks else None
    return [*moves, (rules.SUBMIT, first or approval), (rules.WITHDRAW, None)]


def _covers(request: CoverRequest, at: datetime) -> list[CoverTold]:
    """The rule's covers first, then those that the company chose."""
    asked = {line.cover: _line(line) for line in request.lines}
    least = {line.cover: line for line in service.required_of(request, at)}
    requirements = (_book().newest(at) or _book().editions[0]).requirements
    return [
        CoverTold(cover, asked.get(cover), least.get(cover), rules.clause_of(requirements, cover))
        for cover in {**least, **asked}
    ]


def _line(line: Any) -> AskedLine:
    insured: Decimal | None = line.sum_insured
    return AskedLine(line.cover, insured, line.seats)


def _left_open(request: CoverRequest) -> tuple[date, date] | None:
    first = request.expiry_day + _DAY
    if not request.open or request.asked_from is None or request.asked_from <= first:
        return None
    return first, request.asked_from - _DAY


def _book() -> Rulebook:
    book: Rulebook = current_app.extensions["rulebook"]
    return book
