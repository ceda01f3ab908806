"""The OA's calls: each taken once, answered the same when repeated, noted when refused.

Whoever reaches the address may have a call refused, so refusals must not fill the history nor
keep the database busy: in an hour and for one reason the first `EACH` have an entry of their
own, further ones are only counted, and from `COUNTED` on not even that: such a call costs one
look-up. The count stands in the history with the first refusal of a later hour. What is refused
never holds up what is signed: no call of the OA is counted against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from fleet.renewals import refusals
from fleet.renewals.hearing import Approved, Heard, Told, hear_within, requests_of
from fleet.renewals.moving import LeftOut
from fleet.renewals.oa_tables import (
    ANSWERED,
    HEARD,
    OUTDATED,
    REFUSED,
    REPEATED,
    OaCall,
    OaRefusal,
)
from fleet.renewals.rules import OPEN
from fleet.renewals.tables import CoverRequest
from fleet.storage import Actor, Deed, act, db, everyone, upsert
from fleet.vehicles.tables import Vehicle
from fleet.web.alone import until_alone

OA = Actor(None, "OA")
EACH = 20
COUNTED = 1_000
# A stale timestamp refuses an old call long before its nonce is forgotten.
KEPT = timedelta(days=1)

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """A request as the OA names it: by our number, or as a vehicle's open one of a kind."""

    id: int | None = None
    vin: str = ""
    kind: str = ""

    def __str__(self) -> str:
        return f"#{self.id}" if self.id is not None else f"{self.vin} {self.kind}"


@dataclass(frozen=True, slots=True)
class Word:
    """A signed call that could be read: nonce, digest of its content, what it says of which."""

    nonce: str
    digest: str
    approved: Approved
    requests: tuple[Named, ...]


class _Again(Exception):
    """Another call came between: everything is to be looked at anew."""


def take(word: Word, *, at: datetime) -> Answer:
    """Take a signed call once; raises NonceUsed, NoneKnown, AnotherApproval or Busy.

    Two at once meet at a unique key: the later one is rolled back, looks again, and finds what
    the other was answered.
    """
    with everyone():
        return until_alone(lambda: _taken(word, at), _Again)


def _taken(word: Word, at: datetime) -> Answer:
    with act("hear_oa", by=OA, at=at, subject=word.approved.number) as deed:
        _sweep(at)
        if nonce_used(word.nonce):
            raise refusals.NonceUsed
        if (kept := _answered(word.digest)) is not None:
            deed.silent = True
            db.session.add(_row(word, REPEATED, None, at))
            return kept
        row = _row(word, HEARD, None, at)
        db.session.add(row)
        db.session.flush()
        ids, unknown = _found(word)
        heard = hear_within(word.approved, ids, by=OA, at=at)
        if not word.requests and requests_of(word.approved.number) != ids:
            raise _Again
        row.outcome = OUTDATED if heard.outdated else HEARD
        row.answer = _answer_of(word, row.outcome, heard, unknown)
        deed.note(table="oa_calls", outcome=row.outcome, left_out=_names(row.answer))
        return row.answer


def nonce_used(nonce: str) -> bool:
    """Whether a signed call had the nonce."""
    return db.session.scalar(select(OaCall.id).where(OaCall.nonce == nonce)) is not None


def _answered(digest: str) -> Answer | None:
    found = select(OaCall.answer).where(OaCall.digest == digest, OaCall.outcome.in_(ANSWERED))
    return db.session.scalar(found)


def _row(word: Word, outcome: str, answer: Answer | None, at: datetime) -> OaCall:
    return OaCall(
        nonce=word.nonce,
        number=word.approved.number,
        event=word.approved.state,
        digest=word.digest,
        outcome=outcome,
        answer=answer,
        received_at=at,
    )


def _sweep(at: datetime) -> None:
    old = delete(OaCall).where(OaCall.received_at < at - KEPT, OaCall.outcome.not_in(ANSWERED))
    db.session.execute(old.execution_options(synchronize_session=False))


# Which requests


def _found(word: Word) -> tuple[list[int], list[Answer]]:
    """The ids of the requests named, and those there are none of; raises NoneKnown.

    A no that names none is about all under its number. It is kept where there are none, so that
    an approval delayed on its way does not count later.
    """
    if not word.requests:
        return requests_of(word.approved.number), []
    known = _by_id(word.requests) | _by_vehicle(word.requests)
    if not known:
        raise refusals.NoneKnown
    why = refusals.NotYours().message
    unknown = [
        {"id": one.id, "name": str(one), "why": why} for one in word.requests if one not in known
    ]
    return sorted(set(known.values())), unknown


def _by_id(named: Sequence[Named]) -> dict[Named, int]:
    ids = [one.id for one in named if one.id is not None]
    rows = db.session.scalars(select(CoverRequest.id).where(CoverRequest.id.in_(ids)))
    return {Named(id_): id_ for id_ in rows}


def _by_vehicle(named: Sequence[Named]) -> dict[Named, int]:
    rows = db.session.execute(
        select(Vehicle.vin, CoverRequest.kind, CoverRequest.id)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .where(Vehicle.vin.in_({one.vin for one in named if one.id is None}))
        .where(CoverRequest.state.in_(OPEN))
    )
    asked = set(named)
    return {one: id_ for vin, kind, id_ in rows if (one := Named(None, vin, kind)) in asked}


# What is answered


def _answer_of(word: Word, outcome: str, heard: Heard, unknown: Sequence[Answer]) -> Answer:
    moved = [_told(one) for one in heard.told if one.before != one.after]
    kept = [_told(one) for one in heard.told if one.before == one.after]
    return {
        "number": word.approved.number,
        "event": word.approved.state,
        "outcome": outcome,
        "moved": moved,
        "kept": kept,
        "left_out": [*(_left(one) for one in heard.left_out), *unknown],
    }


def _told(one: Told) -> Answer:
    request = one.request
    known = {"id": request.id, "vin": request.vehicle.vin, "kind": request.kind}
    return {**known, "before": one.before, "after": one.after, "why": one.why}


def _left(one: LeftOut) -> Answer:
    return {"id": one.request_id, "name": one.name, "why": one.why}


def _names(answer: Mapping[str, Any]) -> list[str]:
    return [one["name"] for one in answer["left_out"]]


# What is refused


def refuse(why: str, *, at: datetime, nonce: str = "", spent: str | None = None) -> None:
    """Note that a call was refused, never with what.

    `nonce` is told only of a signed call; where one was refused for what it says, `spent` is its
    body's digest: it has used up its nonce.
    """
    if spent is None and _counted(why, at) >= COUNTED:
        return
    try:
        _refuse(why, at, nonce, spent)
    except IntegrityError:  # a call with the same nonce came between: that one used it up
        _refuse(why, at, nonce, None)


def _refuse(why: str, at: datetime, nonce: str, spent: str | None) -> None:
    with act("refuse_oa_call", by=OA, at=at, subject=nonce) as deed:
        if spent is not None and not nonce_used(nonce):
            db.session.add(OaCall(nonce=nonce, digest=spent, outcome=REFUSED, received_at=at))
            db.session.flush()
        count = _count(why, at)
        deed.silent = count > EACH
        if not deed.silent:
            deed.note(table="oa_calls", refused=why)
            _tell_earlier(deed, at)


def _counted(why: str, at: datetime) -> int:
    found = select(OaRefusal.count).where(OaRefusal.hour == _hour(at), OaRefusal.why == why)
    return db.session.scalar(found) or 0


def _count(why: str, at: datetime) -> int:
    counted = upsert(OaRefusal).values(hour=_hour(at), why=why, count=1)
    counted = counted.on_conflict_do_update(
        index_elements=["hour", "why"], set_={"count": OaRefusal.count + 1}
    )
    return int(db.session.scalar(counted.returning(OaRefusal.count)) or 0)


def _tell_earlier(deed: Deed, at: datetime) -> None:
    """Put the counts of hours gone by into the history, where there were more than entries."""
    gone = delete(OaRefusal).where(OaRefusal.hour < _hour(at))
    gone = gone.returning(OaRefusal.hour, OaRefusal.why, OaRefusal.count)
    for hour, why, count in sorted(db.session.execute(gone).all()):
        if count > EACH:
            deed.note(table="oa_calls", refused=why, since=hour, calls=count)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
