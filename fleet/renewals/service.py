"""The verbs of requests: prepare, approve, submit, accept, return, place, withdraw, take up.

Each takes one request or many and is one transaction: it moves those that the move leads on
from, and says of each other why not. Facts on record end a request by themselves, see
`following.py` and `daily.py`; nobody ticks it off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from flask import current_app
from sqlalchemy import exists, select
from sqlalchemy.exc import IntegrityError

from fleet.insurers.service import insurer_of
from fleet.insurers.tables import Designation
from fleet.people.tables import Region
from fleet.policies.facts import facts_of
from fleet.policies.tables import CoverNeed
from fleet.renewals import following, refusals, rules
from fleet.renewals.hearing import Approved, hear, requests_of, typed_in
from fleet.renewals.moving import (
    Outcome,
    each,
    leads_to,
    name_of,
    note_move,
    plainly,
    region_of,
    tell_moved,
    the_one,
)
from fleet.renewals.rules import AskedLine
from fleet.renewals.tables import (
    APPROVAL_GIVEN,
    AskedCover,
    CoverRequest,
    Placement,
)
from fleet.rulebook.book import Rulebook
from fleet.rulebook.renewal import NEW
from fleet.storage import Actor, act, db
from fleet.vehicles.service import vehicle_of
from fleet.words import local_day, noon

# `following` is read here, so that facts are followed wherever a request can be moved.
__all__ = ["Approved", "following", "hear", "requests_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a company asks for: lines, from which day, whom the desk may call, a note."""

    lines: tuple[AskedLine, ...] = ()
    asked_from: date | None = None
    contact: str | None = None
    note: str | None = None


# The company's part


def prepare(
    request_id: int, prepared: Prepared, *, version: int, by: Actor, at: datetime
) -> CoverRequest:
    """Confirm what is asked of the insurer; the covers of the rule cannot be left out."""
    with act("prepare_request", by=by, at=at) as deed:
        request = the_one(request_id, version)
        deed.subject = name_of(request)
        state = leads_to(rules.PREPARE, request)
        _complete(request, prepared.lines, at)
        request.asked_from, request.contact = prepared.asked_from, prepared.contact
        request.note = prepared.note
        _replace_lines(request, prepared.lines)
        approved = request.approval is not None and request.approval.state == APPROVAL_GIVEN
        note_move(request, rules.PREPARE, rules.APPROVED if approved else state, by, at)
        tell_moved([request], by, at)
    return request


def prefill(request: CoverRequest, at: datetime) -> list[AskedLine]:
    """What the rule asks of the vehicle, at the sums it is insured for now."""
    known = facts_of(request.vehicle_id)
    expiring = [
        AskedLine(line.cover, line.sum_insured, line.seats)
        for policy in known.policies
        if policy.number == request.policy_number
        for line in policy.lines
        if line.until is None
    ]
    return rules.prefilled(required_of(request, at), expiring)


def required_of(request: CoverRequest, at: datetime) -> list[AskedLine]:
    """The covers that the rule asks of a request's vehicle at their least sums (2.1 to 2.6)."""
    edition = _book().newest(at) or _book().editions[0]
    known = facts_of(request.vehicle_id).vehicle
    return rules.required_lines(edition.requirements, request.kind, known)


def approve(ids: Sequence[int], approved: Approved, *, by: Actor, at: datetime) -> Outcome:
    """Note that the OA approved prepared requests: its number, day and approver (3.2)."""
    if approved.decided_on > _today(at):
        raise refusals.InTheFuture

    def one(request: CoverRequest) -> str:
        after = leads_to(rules.APPROVE, request)
        request.approval = typed_in(approved, at)
        return after

    return each("approve_request", rules.APPROVE, ids, one, by=by, at=at)


def submit(ids: Sequence[int], *, by: Actor, at: datetime) -> Outcome:
    """Report prepared requests to the region's desk (3.3), approved ones where that is asked."""
    book, today = _book(), _today(at)

    def one(request: CoverRequest) -> str:
        after = leads_to(rules.SUBMIT, request)
        asked = rules.approval_asked(request.occasion, region_of(request).code, book, today)
        if asked and request.state != rules.APPROVED:
            raise refusals.ApprovalMissing
        return after

    return each("submit_request", rules.SUBMIT, ids, one, by=by, at=at)


def withdraw(
    ids: Sequence[int], withdrawn_for: str, reason: str | None, *, by: Actor, at: datetime
) -> Outcome:
    """Say why a vehicle is not insured further: sold, scrapped, laid up, or what is told."""

    def one(request: CoverRequest) -> str:
        after = leads_to(rules.WITHDRAW, request)
        request.withdrawn_for, request.reason = withdrawn_for, reason
        request.closed_on = _today(at)
        return after

    told = reason or withdrawn_for
    return each("withdraw_request", rules.WITHDRAW, ids, one, by=by, at=at, reason=told)


def resume(ids: Sequence[int], *, by: Actor, at: datetime) -> Outcome:
    """Take withdrawn requests up again, where their need still stands."""
    today = _today(at)

    def one(request: CoverRequest) -> str:
        after = leads_to(rules.RESUME, request)
        if not _needed(request, today):
            raise refusals.NeedGone
        if _other_open(request):
            raise refusals.RequestOpen
        request.withdrawn_for = request.reason = request.closed_on = None
        return after

    return each("resume_request", rules.RESUME, ids, one, by=by, at=at)


def ask_new(vin: str, kind: str, *, by: Actor, at: datetime) -> CoverRequest:
    """Ask for a vehicle's first policy of a kind ahead of the day it opens by itself (3.2)."""
    today, vehicle = _today(at), vehicle_of(vin)
    region_id = vehicle.company.region_id
    try:
        with act("ask_new_cover", by=by, at=at, subject=vin):
            need = db.session.scalar(_standing(vehicle.id, kind, today))
            if need is None or need.occasion != NEW:
                raise refusals.NothingNeeded
            region = db.session.get_one(Region, region_id).code
            window = _book().renewal_at(noon(today, _book().zone), region).window_days
            request = CoverRequest(
                vehicle_id=vehicle.id,
                kind=kind,
                occasion=NEW,
                expiry_day=need.expiry_day,
                opens_on=date.fromordinal(need.expiry_day.toordinal() - window),
                opened_on=today,
            )
            db.session.add(request)
            db.session.flush()
    except IntegrityError:
        raise refusals.RequestOpen from None
    return request


# The desk's part


def accept(ids: Sequence[int], *, by: Actor, at: datetime) -> Outcome:
    """Take submitted requests on: the desk will place them."""
    return each("accept_request", rules.ACCEPT, ids, plainly(rules.ACCEPT), by=by, at=at)


def send_back(ids: Sequence[int], reason: str, *, by: Actor, at: datetime) -> Outcome:
    """Return requests to their companies, with what is to be mended."""

    def one(request: CoverRequest) -> str:
        after = leads_to(rules.RETURN, request)
        request.reason = reason
        return after

    return each("return_request", rules.RETURN, ids, one, by=by, at=at, reason=reason)


def place(
    ids: Sequence[int], insurer: str, *, by: Actor, at: datetime, note: str | None = None
) -> Outcome:
    """Give accepted requests to an insurer designated for their region today (3.1).

    Those of one region make one placement.
    """
    chosen, made = insurer_of(insurer), dict[int, Placement]()
    today, name = _today(at), chosen.name

    def one(request: CoverRequest) -> str:
        after, region = leads_to(rules.PLACE, request), region_of(request)
        if not _designated(chosen.id, region.id, today):
            raise refusals.NotDesignatedHere(name, region.code, today)
        if region.id not in made:
            made[region.id] = _placement(region.id, chosen.id, note, by, at)
        request.placement = made[region.id]
        return after

    outcome = each("place_request", rules.PLACE, ids, one, by=by, at=at, reason=name)
    outcome.placements = [placement.id for placement in made.values()]
    return outcome


def take_back(ids: Sequence[int], reason: str, *, by: Actor, at: datetime) -> Outcome:
    """Take placed requests back from their insurer, which declined or must not have them."""

    def one(request: CoverRequest) -> str:
        after = leads_to(rules.UNPLACE, request)
        request.placement = request.expected_premium = request.expected_tax = None
        return after

    return each("take_back_request", rules.UNPLACE, ids, one, by=by, at=at, reason=reason)


def expect(
    request_id: int,
    premium: Decimal | None,
    tax: Decimal | None,
    *,
    version: int,
    by: Actor,
    at: datetime,
) -> CoverRequest:
    """Note which premium and vehicle tax, in yuan, the insurer of a placed request asks."""
    with act("expect_premium", by=by, at=at) as deed:
        request = the_one(request_id, version)
        deed.subject = name_of(request)
        if request.state != rules.PLACED:
            raise refusals.NotFromHere(request.state)
        request.expected_premium, request.expected_tax = premium, tax
    return request


# What the verbs look up


def _designated(insurer_id: int, region_id: int, on: date) -> bool:
    held = exists().where(
        Designation.insurer_id == insurer_id,
        Designation.region_id == region_id,
        Designation.since <= on,
        Designation.until.is_(None) | (Designation.until > on),
    )
    return bool(db.session.scalar(select(held)))


def _placement(
    region_id: int, insurer_id: int, note: str | None, by: Actor, at: datetime
) -> Placement:
    placement = Placement(
        region_id=region_id,
        insurer_id=insurer_id,
        placed_on=_today(at),
        placed_at=at,
        placed_by=by.name,
        note=note,
    )
    db.session.add(placement)
    db.session.flush()
    return placement


def _complete(request: CoverRequest, lines: Sequence[AskedLine], at: datetime) -> None:
    named = [line.cover for line in lines]
    if twice := next((cover for cover in named if named.count(cover) > 1), None):
        raise refusals.CoverAskedTwice(twice)
    if lacking := rules.still_lacking(required_of(request, at), lines):
        raise refusals.CoversLacking(line.cover for line in lacking)


def _replace_lines(request: CoverRequest, lines: Sequence[AskedLine]) -> None:
    """Change what differs, in place: the history then tells from what to what."""
    held = {line.cover: line for line in request.lines}
    wanted = {line.cover: line for line in lines}
    for cover, row in held.items():
        if cover not in wanted:
            request.lines.remove(row)
        else:
            row.sum_insured, row.seats = wanted[cover].sum_insured, wanted[cover].seats
    request.lines += [AskedCover(**asdict(it)) for it in lines if it.cover not in held]


def _standing(vehicle_id: int, kind: str, on: date):  # noqa: ANN202 - a Select of one entity
    return select(CoverNeed).where(
        CoverNeed.vehicle_id == vehicle_id,
        CoverNeed.kind == kind,
        CoverNeed.since <= on,
        CoverNeed.until > on,
    )


def _needed(request: CoverRequest, on: date) -> bool:
    need = db.session.scalar(_standing(request.vehicle_id, request.kind, on))
    return need is not None and need.expiry_day == request.expiry_day


def _other_open(request: CoverRequest) -> bool:
    other = exists().where(
        CoverRequest.vehicle_id == request.vehicle_id,
        CoverRequest.kind == request.kind,
        CoverRequest.state.in_(rules.OPEN),
    )
    return bool(db.session.scalar(select(other)))


def _book() -> Rulebook:
    book: Rulebook = current_app.extensions["rulebook"]
    return book


def _today(at: datetime) -> date:
    return local_day(at, _book().zone)
