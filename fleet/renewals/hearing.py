"""What the OA's word does to requests: approved, rejected, or taken back after an approval.

The OA's later word on a number stands. A no takes back what is not placed yet; what is placed
says so. An approval may come before the request is prepared: it is kept, and counts then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from sqlalchemy import select

from fleet.renewals import refusals, rules
from fleet.renewals.moving import LeftOut, Outcome, locked, name_of, note_move, tell_moved
from fleet.renewals.tables import (
    APPROVAL_GIVEN,
    APPROVAL_REFUSED,
    APPROVAL_WITHDRAWN,
    Approval,
    CoverRequest,
)
from fleet.storage import Actor, act, db
from fleet.web.errors import Refusal

# On a tie the firmer word stands, whichever came first: what was refused or taken back on a day
# is not brought to life by an approval of that day that was delayed on its way.
_FIRMNESS = {APPROVAL_GIVEN: 0, APPROVAL_REFUSED: 1, APPROVAL_WITHDRAWN: 2}
EVENTS = tuple(_FIRMNESS)
_UNMOVED = {
    APPROVAL_GIVEN: rules.OA_APPROVED,
    APPROVAL_REFUSED: rules.OA_REJECTED,
    APPROVAL_WITHDRAWN: rules.OA_WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Approved:
    """The OA's word as it came: its own number, `approved`, `rejected` or `withdrawn`, the day."""

    number: str
    decided_on: date
    approver: str
    state: str = APPROVAL_GIVEN
    reason: str | None = None
    typed: bool = True
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """A request that the word reached: where it stood and stands, and what is to be known."""

    request: CoverRequest
    before: str
    after: str
    why: str | None = None


@dataclass(slots=True)
class Heard(Outcome):
    """What the OA's word did; `outdated` where a later word on the number stands."""

    told: list[Told] = field(default_factory=list)
    outdated: bool = False


def hear(approved: Approved, ids: Sequence[int], *, by: Actor, at: datetime) -> Heard:
    """Take the OA's word on requests; an outdated one changes nothing."""
    with act("hear_oa", by=by, at=at, subject=approved.number) as deed:
        heard = hear_within(approved, ids, by=by, at=at)
        deed.silent = heard.outdated
    return heard


def hear_within(approved: Approved, ids: Sequence[int], *, by: Actor, at: datetime) -> Heard:
    """Take the OA's word within a verb under way; raises AnotherApproval.

    Requests are locked before the number, as the other verbs do: two at once never wait in a
    ring.
    """
    requests, heard = locked(ids), Heard()
    on_record = _on_record(approved.number)
    if on_record is not None and _outdated(approved, on_record):
        heard.outdated = True
        later = refusals.LaterWord(on_record.state, on_record.decided_on)
        heard.left_out = [_left_out(request, later) for request in requests]
    else:
        before = on_record.state if on_record is not None else None
        approval = _kept(on_record, approved, at)
        for request in requests:
            _tell(request, approval, approved, before, heard, by, at)
        told = [one.request for one in heard.told if one.request.id in heard.moved]
        tell_moved(told, by, at)
    known = {request.id for request in requests}
    unknown = (id_ for id_ in dict.fromkeys(ids) if id_ not in known)
    heard.left_out += [LeftOut(id_, f"#{id_}", refusals.NotYours().message) for id_ in unknown]
    return heard


def requests_of(number: str) -> list[int]:
    """The ids of the requests that stand under an OA number."""
    found = select(CoverRequest.id).join(Approval).where(Approval.number == number)
    return list(db.session.scalars(found.order_by(CoverRequest.id)))


def typed_in(approved: Approved, at: datetime) -> Approval:
    """The approval that a person types in: a new number, or one whose details it must fit.

    Locked as the callback locks it, or a request could come under a number just taken back.
    """
    found = _on_record(approved.number)
    if found is None:
        return _kept(None, approved, at)
    if found.state != APPROVAL_GIVEN:
        raise refusals.ApprovalTaken(found.number)
    if not _same_decision(approved, found):
        raise refusals.AnotherApproval(found.number, found.decided_on, found.approver)
    return found


# The number


def _on_record(number: str) -> Approval | None:
    chosen = select(Approval).where(Approval.number == number).with_for_update()
    return db.session.scalar(chosen)


def _outdated(approved: Approved, on_record: Approval) -> bool:
    """Whether another, later word on the number stands; a person's typing is no word of the OA."""
    if on_record.typed or approved.state == on_record.state:
        return False
    said, stands = _moment(approved, on_record)
    if said != stands:
        return said < stands
    return _FIRMNESS[approved.state] < _FIRMNESS[on_record.state]


def _moment(approved: Approved, on_record: Approval) -> tuple[datetime | date, datetime | date]:
    """When both words were said: by the instant where both tell it, else by the day."""
    if approved.occurred_at and on_record.occurred_at:
        return approved.occurred_at, on_record.occurred_at
    return approved.decided_on, on_record.decided_on


def _same_decision(approved: Approved, on_record: Approval) -> bool:
    asked = (approved.decided_on, approved.approver)
    return asked == (on_record.decided_on, on_record.approver)


def _kept(on_record: Approval | None, approved: Approved, at: datetime) -> Approval:
    """The number with the OA's word; the same word again keeps its latest instant."""
    if on_record is None:
        on_record = Approval(**asdict(approved), received_at=at)
        db.session.add(on_record)
        db.session.flush()
        return on_record
    if approved.state == on_record.state and not on_record.typed:
        if approved.state == APPROVAL_GIVEN and not _same_decision(approved, on_record):
            known = on_record
            raise refusals.AnotherApproval(known.number, known.decided_on, known.approver)
        said, stands = _moment(approved, on_record)
        if said <= stands:
            return on_record
    for name, value in asdict(approved).items():
        setattr(on_record, name, value)
    on_record.received_at = at
    return on_record


# The requests


def _tell(
    request: CoverRequest,
    approval: Approval,
    approved: Approved,
    before: str | None,
    heard: Heard,
    by: Actor,
    at: datetime,
) -> None:
    """Bring the word to one request: it moves, stays and knows it, or is left out with why."""
    given = approved.state == APPROVAL_GIVEN
    if refusal := _not_reached(request, approval, given=given):
        heard.left_out.append(_left_out(request, refusal))
        return
    stood, after = request.state, _after(request.state, given=given)
    too_late = not given and request.state == rules.PLACED
    new = request.approval is not approval or before != approved.state
    if new or after != stood:
        move = rules.APPROVE if given else rules.UNAPPROVE
        if after == stood:
            move = rules.OA_TOO_LATE if too_late else _UNMOVED[approved.state]
        request.approval = approval
        note_move(request, move, after, by, at, approved.reason)
        heard.moved.append(request.id)
    why = refusals.PlacedAlready().message if too_late else None
    heard.told.append(Told(request, stood, after, why))


def _after(state: str, *, given: bool) -> str:
    return rules.leads_to(rules.APPROVE if given else rules.UNAPPROVE, state) or state


def _not_reached(request: CoverRequest, approval: Approval, *, given: bool) -> Refusal | None:
    """Why a request does not take the word: it ended, or another number's approval carries it."""
    if not request.open:
        return refusals.NotFromHere(request.state)
    other = request.approval
    if given or other is None or other is approval or other.state != APPROVAL_GIVEN:
        return None
    return refusals.ApprovedElsewhere(other.number)


def _left_out(request: CoverRequest, refusal: Refusal) -> LeftOut:
    return LeftOut(request.id, name_of(request), refusal.message)
