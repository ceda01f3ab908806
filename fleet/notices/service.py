"""The verbs of notices: tell and forget within another room's verb; choose, snooze, read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from fleet.notices.rules import DROPPED, INBOX, QUEUED, SNOOZED, UNREAD, channels_of
from fleet.notices.tables import Notice, Preference, Snooze
from fleet.people.tables import User
from fleet.storage import db
from fleet.storage.database import WRITES

ROWS = 5_000
_KEY = ("subject", "occasion", "recipient_id", "channel")


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
    statement: Any = _insert()(Notice.__table__)
    for some in in_batches(rows):
        db.session.execute(statement.on_conflict_do_nothing(index_elements=_KEY), some)


def forget(subjects: Iterable[str]) -> None:
    """Drop, within the verb under way, what is not told yet of subjects that are settled."""
    for some in in_batches(sorted(set(subjects))):
        db.session.execute(
            update(Notice.__table__)
            .where(Notice.__table__.c.subject.in_(some))
            .where(Notice.__table__.c.state.in_((QUEUED, UNREAD, SNOOZED)))
            .values(state=DROPPED)
        )


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
    wanted = set(people)
    user, kept = User.__table__.c, Preference.__table__.c
    rows = db.session.execute(
        select(user.id, kept.mail, kept.chat)
        .outerjoin_from(User.__table__, Preference.__table__, kept.user_id == user.id)
        .where(user.active)
    )
    return {
        id_: channels_of(mail=mail is not False, chat=bool(chat))
        for id_, mail, chat in rows
        if id_ in wanted
    }


def _snoozed(day: date) -> set[tuple[int, str]]:
    rows = db.session.execute(select(Snooze.user_id, Snooze.subject).where(Snooze.until > day))
    return {(user_id, subject) for user_id, subject in rows}


def in_batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The rows, so many at a time as a database takes in one statement."""
    return (rows[first : first + ROWS] for first in range(0, len(rows), ROWS))


def _insert() -> Any:
    return postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert


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
