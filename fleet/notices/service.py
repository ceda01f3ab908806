"""The verbs of notices: tell and forget within another room's verb; choose, snooze, read, retry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from fleet.notices import chat
from fleet.notices.rules import (
    CHAT,
    DROPPED,
    FAILED,
    GIVE_UP,
    INBOX,
    LONGEST_SNOOZE,
    MAIL,
    QUEUED,
    READ,
    SNOOZED,
    UNREAD,
    channels_of,
    chat_address,
)
from fleet.notices.tables import WAITING, Digest, Notice, Preference, Snooze
from fleet.people.tables import User
from fleet.storage import Actor, act, db, upsert
from fleet.storage.database import WRITES
from fleet.web.errors import NotFound, Refusal, Stale

ROWS = 5_000
_KEY = ("subject", "occasion", "recipient_id", "channel")


class LastChannel(Refusal):
    """Mail and chat are both switched off: nothing would reach out to the person any more."""

    field = "mail"

    def __init__(self) -> None:
        super().__init__(_("Keep mail or chat on: the last way to reach you stays."))


class NoChatAddress(Refusal):
    """Chat is switched on, and there is no address to write to."""

    field = "address"

    def __init__(self) -> None:
        super().__init__(_("Enter the address of your chat robot."))


class ChatNotAllowed(Refusal):
    """The address is none of the services that may be written to."""

    field = "address"

    def __init__(self) -> None:
        super().__init__(
            _("Enter the webhook address of a robot of WeCom, DingTalk, Feishu or Lark.")
        )


class SnoozeTooLong(Refusal):
    """A snooze ends after today and within the longest time."""

    field = "until"

    def __init__(self) -> None:
        super().__init__(
            _("Choose a day after today, at most %(days)s days ahead.", days=LONGEST_SNOOZE.days)
        )


@dataclass(frozen=True, slots=True)
class Telling:
    """Something to tell a person: of what, on which occasion, in the words of which topic.

    `facts` are plain JSON (days as text). Who can no longer read the company `company_id` is not
    told. An urgent telling does not wait for the day's digest.
    """

    subject: str
    occasion: str
    recipient_id: int
    topic: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    link: str = "/notices"
    urgent: bool = False
    company_id: int | None = None

    def __post_init__(self) -> None:
        """Refuse a link that is no path of ours with ValueError: the inbox leads there."""
        if not self.link.startswith("/") or self.link.startswith("//"):
            raise ValueError("a link is a path")


def tell(tellings: Iterable[Telling], *, at: datetime, day: date) -> None:
    """Write tellings to the ledger, within the verb under way, for each recipient's channels.

    What was told already (subject, occasion, recipient, channel) is not told again. Who is shut
    out is told nothing; a snoozed subject is written down and not sent.
    """
    given = list(tellings)
    channels = _channels({one.recipient_id for one in given})
    snoozed = _snoozed(day)
    rows = [
        _row(one, channel, at=at, day=day, snoozed=(one.recipient_id, one.subject) in snoozed)
        for one in given
        for channel in channels.get(one.recipient_id, ())
    ]
    # In one order everywhere: two verbs that tell the same would else wait for each other.
    rows.sort(key=lambda row: tuple(row[name] for name in _KEY))
    statement: Any = upsert(Notice.__table__)
    for some in in_batches(rows):
        db.session.execute(statement.on_conflict_do_nothing(index_elements=_KEY), some)


def forget(subjects: Iterable[str]) -> None:
    """Drop, within the verb under way, what is not told yet of subjects that are settled."""
    for some in in_batches(sorted(set(subjects))):
        db.session.execute(
            update(Notice.__table__)
            .where(Notice.__table__.c.subject.in_(some))
            .where(Notice.__table__.c.state.in_((QUEUED, UNREAD, SNOOZED, FAILED)))
            .values(state=DROPPED)
        )


def supersede(tellings: Iterable[Telling]) -> None:
    """Drop, within the verb under way, what is not told yet of the same subject and topic.

    The same occasion stays: a run that is made again must not drop what it told before.
    """
    said = sorted({(one.subject, one.topic, one.occasion) for one in tellings})
    names = ("the_subject", "the_topic", "the_occasion")
    rows = [dict(zip(names, one, strict=True)) for one in said]
    table = Notice.__table__
    statement = (
        update(table)
        .where(table.c.subject == bindparam("the_subject"))
        .where(table.c.topic == bindparam("the_topic"))
        .where(table.c.occasion != bindparam("the_occasion"))
        # One by one: a list among the parameters cannot be executed for many rows at once.
        .where(or_(*(table.c.state == state for state in (QUEUED, UNREAD, SNOOZED))))
        .values(state=DROPPED)
    )
    for some in in_batches(rows):
        db.session.connection().execute(statement, some)


def _row(one: Telling, channel: str, *, at: datetime, day: date, snoozed: bool) -> dict[str, Any]:
    awaits = UNREAD if channel == INBOX else QUEUED
    return {
        "subject": one.subject,
        "occasion": one.occasion,
        "recipient_id": one.recipient_id,
        "channel": channel,
        "topic": one.topic,
        "facts": dict(one.facts),
        "link": one.link,
        "company_id": one.company_id,
        "day": day,
        "created_at": at,
        "urgent": one.urgent,
        "state": SNOOZED if snoozed else awaits,
    }


def _channels(people: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """The channels of those of the people who may sign in."""
    user, kept = User.__table__.c, Preference.__table__.c
    chosen = (
        select(user.id, kept.mail, kept.chat)
        .outerjoin_from(User.__table__, Preference.__table__, kept.user_id == user.id)
        .where(user.active)
    )
    return {
        id_: channels_of(mail=mail is not False, chat=bool(chat))
        for some in in_batches(sorted(set(people)))
        for id_, mail, chat in db.session.execute(chosen.where(user.id.in_(some)))
    }


def _snoozed(day: date) -> set[tuple[int, str]]:
    rows = db.session.execute(select(Snooze.user_id, Snooze.subject).where(Snooze.until > day))
    return {(user_id, subject) for user_id, subject in rows}


def in_batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The rows, so many at a time as a database takes in one statement."""
    return (rows[first : first + ROWS] for first in range(0, len(rows), ROWS))


# ------------------------------------------------------------------ what a person chooses


def choose(
    user_id: int,
    *,
    mail: bool,
    chat_on: bool,
    address: str | None = None,
    by: Actor,
    at: datetime,
) -> None:
    """Choose one's channels; without a new address the chat's stays.

    What is queued for a channel that is switched off goes out by the other.
    """
    if not (mail or chat_on):
        raise LastChannel
    allowed = _allowed(address) if address else None
    try:
        with act("choose_channels", by=by, at=at, subject=by.name):
            kept = db.session.get(Preference, user_id) or _add(Preference(user_id=user_id))
            kept.mail, kept.chat = mail, chat_on
            if allowed:
                kept.chat_service, kept.chat_secret = allowed[0], chat.lock(allowed[1])
            if chat_on and not kept.chat_secret:
                raise NoChatAddress
            if mail != chat_on:
                _move_queued(user_id, *((CHAT, MAIL) if mail else (MAIL, CHAT)))
    except IntegrityError:  # two requests made the first row at once
        raise Stale from None


def forget_chat(user_id: int, *, by: Actor, at: datetime) -> None:
    """Forget the chat's address; the next notices come by mail."""
    with act("forget_chat_address", by=by, at=at, subject=by.name):
        kept = db.session.get(Preference, user_id)
        if kept is None or not kept.chat_secret:
            raise NotFound(_("chat address"))
        kept.mail, kept.chat, kept.chat_service, kept.chat_secret = True, False, None, None
        _move_queued(user_id, CHAT, MAIL)


def try_chat(user_id: int, title: str, body: str) -> bool:
    """Send a text to the chat a person has on record; whether its service took it."""
    kept = db.session.get(Preference, user_id)
    if kept is None or not kept.chat_secret:
        raise NoChatAddress
    address = chat.unlock(kept.chat_secret)
    db.session.rollback()  # nothing stays open while a service is waited for
    return address is not None and chat.write(address, title, body)


def preference_of(user_id: int) -> Preference:
    """What a person chose, or what holds for who has chosen nothing."""
    kept = db.session.get(Preference, user_id)
    return kept or Preference(user_id=user_id, mail=True, chat=False)


def _allowed(text: str) -> tuple[str, str]:
    """The service and address that a person typed, if it may be written to."""
    hosts: str = current_app.extensions["fleet_settings"].chat_hosts
    found = chat_address(text, {host.strip() for host in hosts.split(",") if host.strip()})
    if found is None or not chat.works(found[1]):
        raise ChatNotAllowed
    return found


def _move_queued(user_id: int, closed: str, other: str) -> None:
    """Let what waits for a channel go out by another, unless it does already.

    A row that an earlier move dropped there is queued again: the key lets there be no second.
    """
    waiting = select(Digest.id).where(Digest.state == WAITING)
    queued = and_(
        Notice.recipient_id == user_id,
        Notice.channel == closed,
        Notice.state == QUEUED,
        or_(Notice.digest_id.is_(None), Notice.digest_id.in_(waiting)),
    )
    dropped = and_(Notice.recipient_id == user_id, Notice.channel == other, Notice.state == DROPPED)
    for which, values in (
        (and_(dropped, _twin(user_id, closed, QUEUED)), {"state": QUEUED, "digest_id": None}),
        (and_(queued, _twin(user_id, other)), {"state": DROPPED}),
        (queued, {"channel": other, "digest_id": None}),
    ):
        statement = update(Notice).where(which).values(**values)
        db.session.execute(statement.execution_options(synchronize_session=False))


def _twin(user_id: int, channel: str, state: str | None = None) -> Any:
    """That the same is told to the same person by a channel."""
    there = aliased(Notice)
    found = (
        select(there.id)
        .where(there.subject == Notice.subject, there.occasion == Notice.occasion)
        .where(there.recipient_id == user_id, there.channel == channel)
    )
    return (found if state is None else found.where(there.state == state)).exists()


# ------------------------------------------------------------------ what a person reads


def mark_read(notice_ids: Iterable[int], user_id: int, *, by: Actor, at: datetime) -> None:
    """Note that a person has read some of their notices; those of others are not there."""
    wanted = sorted(set(notice_ids))
    with act("read_notices", by=by, at=at, subject=by.name) as deed:
        for some in in_batches(wanted):
            _mark(user_id, Notice.id.in_(some))
        deed.note(table="notices", read=wanted)


def mark_all_read(user_id: int, until: int, *, by: Actor, at: datetime) -> None:
    """Note that a person has read all their notices up to one: later ones they have not seen."""
    with act("read_notices", by=by, at=at, subject=by.name) as deed:
        _mark(user_id, Notice.id <= until)
        deed.note(table="notices", read_until=until)


def _mark(user_id: int, which: Any) -> None:
    db.session.execute(
        update(Notice)
        .where(which, Notice.recipient_id == user_id)
        .where(Notice.channel == INBOX, Notice.state == UNREAD)
        .values(state=READ)
        .execution_options(synchronize_session=False)
    )


def notice_of(notice_id: int, user_id: int) -> Notice:
    """A notice in a person's inbox; NotFound where it is another's."""
    found = db.session.get(Notice, notice_id)
    if found is None or found.recipient_id != user_id or found.channel != INBOX:
        raise NotFound(_("notice"))
    return found


def snooze(
    notice_id: int, user_id: int, reason: str, until: date, *, today: date, by: Actor, at: datetime
) -> None:
    """Hear nothing of a notice's subject before a day, for a reason (at most 30 days).

    What is queued of it is put aside too; from that day on the next occasion is told again.
    """
    if not today < until <= today + LONGEST_SNOOZE:
        raise SnoozeTooLong
    subject = notice_of(notice_id, user_id).subject
    try:
        with act("snooze_notices", by=by, at=at, subject=subject):
            own = (Snooze.user_id == user_id) & (Snooze.subject == subject)
            found = db.session.scalar(select(Snooze).where(own))
            row = found or _add(Snooze(user_id=user_id, subject=subject))
            row.reason, row.until, row.at, row.notice_id = reason, until, at, notice_id
            db.session.execute(
                update(Notice)
                .where(Notice.subject == subject, Notice.recipient_id == user_id)
                .where(Notice.state.in_((QUEUED, UNREAD)))
                .values(state=SNOOZED)
                .execution_options(synchronize_session=False)
            )
    except IntegrityError:  # two requests made the row at once
        raise Stale from None


def end_snooze(snooze_id: int, user_id: int, *, by: Actor, at: datetime) -> None:
    """Hear of a subject again from its next occasion on."""
    with act("end_snooze", by=by, at=at) as deed:
        found = db.session.get(Snooze, snooze_id)
        if found is None or found.user_id != user_id:
            raise NotFound(_("snooze"))
        deed.subject = found.subject
        db.session.delete(found)


def try_again(*, by: Actor, at: datetime) -> int:
    """Let every digest that was given up be tried again; answers how many."""
    with act("send_notices_again", by=by, at=at, subject=by.name) as deed:
        failed = select(Digest.id).where(Digest.state == FAILED)
        db.session.execute(
            update(Notice)
            .where(Notice.digest_id.in_(failed), Notice.state == FAILED)
            .values(state=QUEUED)
            .execution_options(synchronize_session=False)
        )
        changed: Any = db.session.execute(
            update(Digest)
            .where(Digest.state == FAILED)
            .values(state=WAITING, attempts=0, next_try_at=at, give_up_at=at + GIVE_UP)
            .execution_options(synchronize_session=False)
        )
        deed.note(table="notice_digests", tried_again=changed.rowcount)
        return int(changed.rowcount)


def _add(row: Any) -> Any:
    db.session.add(row)
    return row


@contextmanager
def writing() -> Iterator[None]:
    """A transaction of the outbox: a lease or a mark, which the ledger itself tells for good.

    No entry in the history: the worker makes one for each message and each try.
    """
    session = db.session
    session.commit()
    session.connection(execution_options={WRITES: True})
    try:
        yield
        session.commit()
    except BaseException:
        session.rollback()
        raise
