"""What a person may see of the ledger, and what did not arrive."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, or_, select

from fleet.notices.rules import FAILED, INBOX, UNREAD
from fleet.notices.tables import Channel, Digest, Notice, Snooze
from fleet.people.tables import User
from fleet.storage import Scope, db

SHOWN = 100
_RECENT = timedelta(days=7)


def inbox(user_id: int, scope: Scope) -> Select[tuple[Notice]]:
    """A person's notices in-app, without those of companies that they read no more."""
    found = select(Notice).where(Notice.recipient_id == user_id, Notice.channel == INBOX)
    if scope.everything:
        return found
    own = Notice.company_id.in_(scope.companies)
    return found.where(or_(Notice.company_id.is_(None), own))


def unread(user_id: int, scope: Scope) -> int:
    """How many notices wait to be read; a hundred stand for more."""
    waiting = inbox(user_id, scope).where(Notice.state == UNREAD).limit(SHOWN)
    counted = select(func.count()).select_from(waiting.with_only_columns(Notice.id).subquery())
    return db.session.scalar(counted) or 0


def lost(user_id: int, today: date) -> Sequence[Digest]:
    """The messages to a person that were given up of late."""
    found = select(Digest).where(Digest.recipient_id == user_id, Digest.state == FAILED)
    return db.session.scalars(found.where(Digest.day > today - _RECENT)).all()


def snoozes(user_id: int, today: date) -> Sequence[Row[Any]]:
    """A person's snoozes that still hold, each with the notice it began from."""
    return db.session.execute(
        select(Snooze, Notice)
        .join(Notice, Notice.id == Snooze.notice_id)
        .where(Snooze.user_id == user_id, Snooze.until > today)
        .order_by(Snooze.until, Snooze.id)
    ).all()


def undelivered() -> Select[Any]:
    """The messages that a server did not take, given up or still tried, and to whom."""
    return (
        select(Digest, User.name, User.email)
        .join(User, User.id == Digest.recipient_id)
        .where(Digest.problem.is_not(None))
    )


def down() -> Sequence[Channel]:
    """The channels whose server fails."""
    return db.session.scalars(select(Channel).order_by(Channel.channel)).all()
