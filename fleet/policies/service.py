"""The verbs of policies: record, edit, endorse, cancel.

Whatever they change, `steps.py` rewrites the vehicle's stored timeline in the same transaction.
Each reads its policy under a lock; where the person saw an earlier version, it refuses: Stale.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fleet.insurers.service import insurer_of
from fleet.policies import refusals, steps
from fleet.policies.rules import COVERS_WITH_SUM, PASSENGERS, Run, covered_twice, outside
from fleet.policies.tables import CoverLine, Endorsement, Policy
from fleet.storage import Actor, act, db
from fleet.vehicles.service import lock as lock_vehicle
from fleet.vehicles.tables import Vehicle
from fleet.web.errors import NotFound, Stale
from fleet.words import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDetails:
    """What a policy prints; instants aware, `ends` exclusive, money in yuan, rates in percent."""

    kind: str
    begins: datetime
    ends: datetime
    signed_on: date | None = None
    premium: Decimal | None = None
    vehicle_tax: Decimal | None = None
    late_fee: Decimal | None = None
    tax_exempt: bool = False
    terms: str | None = None
    absolute_deductible_rate: Decimal | None = None
    absolute_deductible_amount: Decimal | None = None
    repair_restricted: bool = False
    approval_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDetails:
    """A cover 险种: sum in yuan (occupants: a seat), rate in percent; None is the policy's own."""

    cover: str
    sum_insured: Decimal | None = None
    seats: int | None = None
    deductible_rate: Decimal | None = None
    premium: Decimal | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsing:
    """A 批单: from `effective_at` on, lines of the `ended` ids end and the `added` ones run.

    A raised sum is its line ended and the same cover added.
    """

    effective_at: datetime
    reason: str
    number: str | None = None
    added: tuple[LineDetails, ...] = ()
    ended: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Printed:
    """Whose policy it is: its number, the insurer's code, the vehicle's VIN."""

    policy_number: str
    insurer: str
    vin: str


def record(
    printed: Printed,
    details: PolicyDetails,
    lines: Sequence[LineDetails] = (),
    *,
    by: Actor,
    at: datetime,
) -> Policy:
    """Put a policy and its lines on record."""
    with act("record_policy", by=by, at=at, subject=printed.policy_number):
        return put_on_record(printed, details, lines)


def put_on_record(
    printed: Printed, details: PolicyDetails, lines: Sequence[LineDetails] = ()
) -> Policy:
    """Add a policy and its lines within the verb under way, such as one that records many.

    Raises NumberTaken where the number is on record; the verb is undone by it.
    """
    _check(details, lines)
    policy = Policy(
        policy_number=printed.policy_number,
        insurer=insurer_of(printed.insurer),
        vehicle_id=lock_vehicle(printed.vin).id,
        lines=[CoverLine(**asdict(line)) for line in lines],
        **asdict(details),
    )
    db.session.add(policy)
    try:
        db.session.flush()
    except IntegrityError:
        raise refusals.NumberTaken(printed.policy_number) from None
    return policy


def edit(
    number: str,
    insurer: str,
    details: PolicyDetails,
    lines: Sequence[LineDetails],
    *,
    version: int,
    by: Actor,
    at: datetime,
) -> Policy:
    """Correct what was recorded of a policy; its lines become those given.

    A change that the insurer made later is an endorsement, not a correction.
    """
    _check(details, lines)
    with act("edit_policy", by=by, at=at, subject=number):
        policy = _locked(number, version)
        for name, value in asdict(details).items():
            setattr(policy, name, value)
        policy.insurer = insurer_of(insurer)
        _replace_lines(policy, lines)
        _touch(policy)
    return policy


def endorse(number: str, endorsing: Endorsing, *, version: int, by: Actor, at: datetime) -> Policy:
    """Record an endorsement: end some lines and add others from an instant on."""
    if not endorsing.added and not endorsing.ended:
        raise refusals.NothingEndorsed
    _complete(endorsing.added)
    moment = endorsing.effective_at
    with act("endorse_policy", by=by, at=at, subject=number):
        policy = _locked(number, version)
        if not policy.begins <= moment < policy.covers_until:
            raise refusals.OutsidePolicy
        for line in _chosen(policy, endorsing.ended):
            _end(line, policy.begins, moment)
        for added in endorsing.added:
            policy.lines.append(CoverLine(**{**asdict(added), "since": moment}))
        policy.endorsements.append(
            Endorsement(
                number=endorsing.number,
                effective_at=moment,
                reason=endorsing.reason,
                recorded_at=at,
            )
        )
        _not_twice(_runs(policy.lines, policy.begins, policy.ends))
        _touch(policy)
    return policy


def cancel(
    number: str, cancelled_at: datetime | None, *, version: int, by: Actor, at: datetime
) -> Policy:
    """End a policy before its printed end; at or before its beginning makes it void.

    None takes a cancellation back that was recorded by mistake.
    """
    with act("cancel_policy", by=by, at=at, subject=number):
        policy = _locked(number, version)
        if cancelled_at is not None and cancelled_at >= policy.ends:
            raise refusals.CancelledAfterEnd
        policy.cancelled_at = cancelled_at
    return policy


def repair_steps(vehicle_ids: Sequence[int], *, by: Actor, at: datetime) -> int:
    """Store anew the timelines of vehicles, as the pure function gives them; answers the steps."""
    with act("repair_steps", by=by, at=at) as deed:
        written = steps.rewrite_steps(vehicle_ids)
        deed.note(table="cover_steps", vehicles=len(vehicle_ids), steps=written)
    return written


# What pages and verbs look up


def policy_of(number: str) -> Policy:
    """The policy of a number within the caller's scope; NotFound where there is none."""
    found = db.session.scalar(select(Policy).where(Policy.policy_number == number))
    if found is None:
        raise NotFound(_("policy"))
    return found


def _locked(number: str, version: int) -> Policy:
    """The policy, its vehicle and itself locked, where it is the version that the person saw."""
    whose = select(Vehicle.vin).join(Policy, Policy.vehicle_id == Vehicle.id)
    vin = db.session.scalar(whose.where(Policy.policy_number == number))
    if vin is None:
        raise NotFound(_("policy"))
    lock_vehicle(vin)
    statement = select(Policy).where(Policy.policy_number == number)
    found = db.session.scalars(statement.with_for_update(of=Policy)).one()
    if found.version != version:
        raise Stale
    return found


def _touch(policy: Policy) -> None:
    """Count a new version also where only lines changed, or the next person's guard would sleep."""
    policy.version += 1


def _check(details: PolicyDetails, lines: Sequence[LineDetails]) -> None:
    if details.ends <= details.begins:
        raise refusals.EndsBeforeItBegins
    _check_lines(lines, details.begins, details.ends)


def _check_lines(lines: Sequence[LineDetails], begins: datetime, ends: datetime) -> None:
    _complete(lines)
    runs = _runs(lines, begins, ends)
    if cover := outside(runs, Period(begins, ends)):
        raise refusals.LineOutsidePolicy(cover)
    _not_twice(runs)


def _complete(lines: Sequence[LineDetails]) -> None:
    for line in lines:
        if line.cover in COVERS_WITH_SUM and line.sum_insured is None:
            raise refusals.LineIncomplete(line.cover, seats=False)
        if line.cover == PASSENGERS and line.seats is None:
            raise refusals.LineIncomplete(line.cover, seats=True)


def _runs(lines: Iterable[LineDetails | CoverLine], begins: datetime, ends: datetime) -> list[Run]:
    return [Run(one.cover, Period(one.since or begins, one.until or ends)) for one in lines]


def _not_twice(runs: Iterable[Run]) -> None:
    if cover := covered_twice(runs):
        raise refusals.CoverTwice(cover)


def _chosen(policy: Policy, ids: Iterable[int]) -> list[CoverLine]:
    lines = {line.id: line for line in policy.lines}
    if not lines.keys() >= set(ids):
        raise NotFound(_("cover line"))
    return [lines[one] for one in ids]


def _end(line: CoverLine, begins: datetime, moment: datetime) -> None:
    begun = (line.since or begins) < moment
    if not begun or (line.until is not None and line.until <= moment):
        raise refusals.LineNotRunning(line.cover)
    line.until = moment


def _replace_lines(policy: Policy, lines: Sequence[LineDetails]) -> None:
    """Leave equal lines as they are, take away what is not given, add what is new."""
    wanted = list(lines)
    for line in list(policy.lines):
        details = _as_details(line)
        if details in wanted:
            wanted.remove(details)
        else:
            policy.lines.remove(line)
    policy.lines.extend(CoverLine(**asdict(one)) for one in wanted)


def _as_details(line: CoverLine) -> LineDetails:
    return LineDetails(
        cover=line.cover,
        sum_insured=line.sum_insured,
        seats=line.seats,
        deductible_rate=line.deductible_rate,
        premium=line.premium,
        since=line.since,
        until=line.until,
    )
