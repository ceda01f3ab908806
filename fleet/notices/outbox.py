"""The outbox's steps, a short transaction each: gather, claim, and how a try ended.

None of them waits for a server, and none holds a lock while one is waited for.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import current_app
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Row,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from fleet.notices.rules import DROPPED, FAILED, GIVE_UP, QUEUED, SENT, wait_after
from fleet.notices.service import in_batches, writing
from fleet.notices.tables import SENDING, WAITING, Channel, Digest, Notice, Preference
from fleet.people.signin import caller_of
from fleet.people.tables import User
from fleet.storage import Scope, db
from fleet.web.access import May
from fleet.work.service import take_turn

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=5)
AT_ONCE = 50
_JOB = "notices"
_LONGEST = 500

_notices = Notice.__table__.c
_digests = Digest.__table__.c
_channels = Channel.__table__.c
_loose = and_(_notices.state == QUEUED, _notices.digest_id.is_(None))


@dataclass(frozen=True, slots=True)
class Item:
    """A notice as it goes out."""

    id: int
    topic: str
    facts: Mapping[str, Any]
    link: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A digest claimed for one try, with all that is needed to send it."""

    id: int
    lease: str
    channel: str
    message_id: str
    created_at: datetime
    name: str
    email: str
    language: str | None
    secret: str | None
    items: Sequence[Item]


# ------------------------------------------------------------------------------- gather


def gather(at: datetime, day: date, *, opened: bool) -> None:
    """Put what is queued into digests: one a person, channel and day, and urgent ones at once.

    Before the day's digests are `opened`, and after somebody had theirs, only what is urgent
    goes; the rest waits for the next one.
    """
    loose = select(Notice.id).where(_loose)
    if not opened:
        loose = loose.where(_notices.urgent)
    if db.session.scalar(loose.limit(1)) is None:
        return
    with writing():
        # One at a time: two workers that look at the same moment would make the same digest.
        take_turn(_JOB, at)
        made = list(_wanted(day, opened=opened))
        if made:
            db.session.execute(insert(Digest.__table__), [_new(one, at, day) for one in made])
            _fill(made)


@dataclass(frozen=True, slots=True)
class _New:
    """A digest to make; number 0 takes all that is queued, another only what is urgent."""

    recipient_id: int
    channel: str
    number: int
    message_id: str


def _wanted(day: date, *, opened: bool) -> Iterator[_New]:
    had = {
        (recipient, channel): (first, last)
        for recipient, channel, first, last in db.session.execute(
            select(
                _digests.recipient_id,
                _digests.channel,
                func.min(_digests.number),
                func.max(_digests.number),
            )
            .where(_digests.day == day)
            .group_by(_digests.recipient_id, _digests.channel)
        )
    }
    waiting = db.session.execute(
        select(_notices.recipient_id, _notices.channel, func.count().filter(_notices.urgent))
        .where(_loose)
        .group_by(_notices.recipient_id, _notices.channel)
        .order_by(_notices.recipient_id, _notices.channel)
    )
    for recipient, channel, urgent in waiting:
        first, last = had.get((recipient, channel), (1, 0))
        if opened and first > 0:
            yield _New(recipient, channel, 0, _message_id())
        elif urgent:
            yield _New(recipient, channel, last + 1, _message_id())


def _message_id() -> str:
    sender: str = current_app.extensions["fleet_settings"].mail_sender
    return f"<{uuid.uuid4()}@{sender.rpartition('@')[2].strip('> ') or 'localhost'}>"


def _new(one: _New, at: datetime, day: date) -> dict[str, Any]:
    return {
        "recipient_id": one.recipient_id,
        "channel": one.channel,
        "day": day,
        "number": one.number,
        "message_id": one.message_id,
        "created_at": at,
        "state": WAITING,
        "attempts": 0,
        "next_try_at": at,
        "give_up_at": at + GIVE_UP,
    }


def _fill(made: Sequence[_New]) -> None:
    """Give each new digest its notices: all that are loose, or the urgent ones."""
    ids: dict[str, int] = {}
    for some in in_batches([one.message_id for one in made]):
        found = select(_digests.message_id, _digests.id).where(_digests.message_id.in_(some))
        ids.update(db.session.execute(found).all())  # type: ignore[arg-type]
    fill = (
        update(Notice.__table__)
        .where(_loose, _notices.recipient_id == bindparam("whose"))
        .where(_notices.channel == bindparam("by"))
        .where(or_(bindparam("all_of_them", type_=Boolean()), _notices.urgent))
        .values(digest_id=bindparam("into"))
    )
    rows = [
        {
            "whose": one.recipient_id,
            "by": one.channel,
            "all_of_them": one.number == 0,
            "into": ids[one.message_id],
        }
        for one in made
    ]
    db.session.connection().execute(fill, rows)


# -------------------------------------------------------------------------------- claim


def due(channel: str, at: datetime) -> Sequence[int]:
    """The digests of a channel to try now, the oldest first, so many as go over one connection."""
    found = select(Digest.id).where(Digest.channel == channel, _is_due(at))
    return db.session.scalars(found.order_by(Digest.id).limit(AT_ONCE)).all()


def _is_due(at: datetime) -> ColumnElement[bool]:
    """It waits and its time has come, or whoever tried died and left its lease to run out."""
    return or_(
        and_(Digest.state == WAITING, Digest.next_try_at <= at),
        and_(Digest.state == SENDING, Digest.lease_until <= at),
    )


def claim(digest_id: int, at: datetime) -> Parcel | None:
    """Take a digest for one try; None where another process has it, or nothing is left to send."""
    lease = str(uuid.uuid4())
    with writing():
        if not _won(digest_id, lease, at):
            return None
        digest = db.session.get_one(Digest, digest_id, populate_existing=True)
        user = db.session.get_one(User, digest.recipient_id, populate_existing=True)
        items = _items(digest, user)
        if items:
            kept = db.session.get(Preference, user.id, populate_existing=True)
            return _parcel(digest, user, items, lease, kept.chat_secret if kept else None)
        _end(digest_id, lease, DROPPED, problem=None)
        return None


def _won(digest_id: int, lease: str, at: datetime) -> bool:
    """Write our lease, if the digest is still due: of two who try, one changes the row."""
    changed: Any = db.session.execute(
        update(Digest)
        .where(Digest.id == digest_id, _is_due(at))
        .values(state=SENDING, lease=lease, lease_until=at + LEASE)
        .execution_options(synchronize_session=False)
    )
    return bool(changed.rowcount == 1)


def _items(digest: Digest, user: User) -> Sequence[Item]:
    """What of a digest is still to be told to who may sign in and still read of the company."""
    rows = db.session.execute(
        select(_notices.id, _notices.topic, _notices.facts, _notices.link, _notices.company_id)
        .where(_notices.digest_id == digest.id, _notices.state == QUEUED)
        .order_by(_notices.urgent.desc(), _notices.topic, _notices.id)
    ).all()
    # Asked once: a digest may hold hundreds, and this runs under the write lock.
    scope = caller_of(user).scope(May.READ) if user.active else None
    theirs = [row for row in rows if scope is not None and _may_read(row, scope)]
    _set_state([row.id for row in rows if row not in theirs], DROPPED)
    return [Item(row.id, row.topic, row.facts, row.link) for row in theirs]


def _may_read(row: Row[Any], scope: Scope) -> bool:
    return row.company_id is None or scope.everything or row.company_id in scope.companies


def _parcel(
    digest: Digest, user: User, items: Sequence[Item], lease: str, secret: str | None
) -> Parcel:
    return Parcel(
        id=digest.id,
        lease=lease,
        channel=digest.channel,
        message_id=digest.message_id,
        created_at=digest.created_at,
        name=user.name,
        email=user.email,
        language=user.language,
        secret=secret,
        items=items,
    )


# --------------------------------------------------------------------- how a try ended


def sent(parcel: Parcel, at: datetime) -> None:
    """Mark a digest as sent, and its server as there."""
    with writing():
        if not _end(parcel.id, parcel.lease, SENT, sent_at=at, problem=None):
            log.warning("digest %s was sent after its lease had run out", parcel.id)
        _set_state([item.id for item in parcel.items], SENT)
        db.session.execute(delete(Channel.__table__).where(_channels.channel == parcel.channel))


def refused(parcel: Parcel, at: datetime, problem: str) -> None:
    """Try a digest again later, or give it up: the server is there and does not take this one."""
    with writing():
        found = select(_digests.attempts, _digests.give_up_at).where(_digests.id == parcel.id)
        attempts, give_up_at = db.session.execute(found).one()
        later: dict[str, Any] = {
            "attempts": attempts + 1,
            "next_try_at": at + wait_after(attempts + 1),
            "problem": problem[:_LONGEST],
        }
        gone = give_up_at <= at
        _end(parcel.id, parcel.lease, FAILED if gone else WAITING, **later)
        if gone:
            _set_state([item.id for item in parcel.items], FAILED)


def release(parcel: Parcel) -> None:
    """Give a digest back untried: its server is down, which is not the digest's fault."""
    with writing():
        _end(parcel.id, parcel.lease, WAITING)


def down(channel: str, at: datetime, problem: str) -> None:
    """Leave a whole channel alone for a while, and give up what waits for it too long."""
    with writing():
        take_turn(_JOB, at)
        before = db.session.execute(
            select(_channels.failures, _channels.since).where(_channels.channel == channel)
        ).one_or_none()
        failures, since = (before.failures + 1, before.since) if before else (1, at)
        db.session.execute(delete(Channel.__table__).where(_channels.channel == channel))
        row = {
            "channel": channel,
            "failures": failures,
            "since": since,
            "next_try_at": at + wait_after(failures),
            "problem": problem[:_LONGEST],
        }
        db.session.execute(insert(Channel.__table__).values(row))
        _give_up(channel, at, problem)


def is_down(channel: str, at: datetime) -> bool:
    """Whether a channel is left alone at a moment."""
    later = select(Channel.channel).where(Channel.channel == channel, Channel.next_try_at > at)
    return db.session.scalar(later) is not None


def _give_up(channel: str, at: datetime, problem: str) -> None:
    late = and_(_digests.channel == channel, _digests.state == WAITING, _digests.give_up_at <= at)
    inside = _notices.digest_id.in_(select(_digests.id).where(late))
    db.session.execute(
        update(Notice.__table__).where(inside, _notices.state == QUEUED).values(state=FAILED)
    )
    db.session.execute(
        update(Digest.__table__).where(late).values(state=FAILED, problem=problem[:_LONGEST])
    )


def _end(digest_id: int, lease: str, state: str, **values: Any) -> bool:
    """End the try that holds the lease; False where another process took the digest over."""
    changed: Any = db.session.execute(
        update(Digest.__table__)
        .where(_digests.id == digest_id, _digests.lease == lease)
        .values(state=state, lease=None, lease_until=None, **values)
    )
    return bool(changed.rowcount == 1)


def _set_state(ids: Sequence[int], state: str) -> None:
    for some in in_batches(ids):
        db.session.execute(
            update(Notice.__table__).where(_notices.id.in_(some)).values(state=state)
        )
