"""The ledger of who was told what, the digests it went out in, and what each person chose."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text, UniqueConstraint, column
from sqlalchemy.orm import Mapped, mapped_column

from fleet.notices.rules import QUEUED
from fleet.storage import Base, UtcInstant
from fleet.storage.history import Audited

WAITING = "waiting"
SENDING = "sending"
_QUEUED = column("state", String) == QUEUED


class Digest(Base):
    """One message to a person by a channel: number 0 is the day's, others are urgent ones.

    `message_id` and `created_at` (the mail's Date) stay, so that a mail sent again after a crash
    is known as the same. `lease` names the try under way; `attempts` counts those that failed.
    """

    __tablename__ = "notice_digests"
    __table_args__ = (
        UniqueConstraint("recipient_id", "channel", "day", "number"),
        Index(None, "state", "channel", "next_try_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[str] = mapped_column(String(10))
    day: Mapped[date]
    number: Mapped[int]
    message_id: Mapped[str] = mapped_column(String(255), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcInstant)
    state: Mapped[str] = mapped_column(String(10), default=WAITING)
    attempts: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime] = mapped_column(UtcInstant)
    give_up_at: Mapped[datetime] = mapped_column(UtcInstant)
    lease: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None] = mapped_column(UtcInstant)
    sent_at: Mapped[datetime | None] = mapped_column(UtcInstant)
    problem: Mapped[str | None] = mapped_column(String(500))


class Notice(Base):
    """Ledger and outbox in one: somebody is told something by a channel, once.

    The facts are kept, not the words: those are made when it is read, in the reader's language.
    """

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("subject", "occasion", "recipient_id", "channel"),
        Index(None, "recipient_id", "channel", "state"),
        Index(
            "ix_notices_queued",
            "channel",
            "recipient_id",
            sqlite_where=_QUEUED,
            postgresql_where=_QUEUED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(String(80))
    occasion: Mapped[str] = mapped_column(String(80))
    recipient_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    channel: Mapped[str] = mapped_column(String(10))
    topic: Mapped[str] = mapped_column(String(40))
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    link: Mapped[str] = mapped_column(String(255))
    company_id: Mapped[int | None] = mapped_column(ForeignKey("companies.id"))
    day: Mapped[date]
    created_at: Mapped[datetime] = mapped_column(UtcInstant)
    urgent: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(10))
    digest_id: Mapped[int | None] = mapped_column(ForeignKey("notice_digests.id"), index=True)


class Preference(Audited, Base):
    """The channels a person chose; who has no row is told by mail and in-app.

    `chat_secret` is the chat's address, encrypted: whoever has it can write there.
    """

    __tablename__ = "notice_preferences"
    AUDIT_HIDES = frozenset({"chat_secret"})

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    mail: Mapped[bool] = mapped_column(default=True)
    chat: Mapped[bool] = mapped_column(default=False)
    chat_service: Mapped[str | None] = mapped_column(String(20))
    chat_secret: Mapped[str | None] = mapped_column(Text)

    def audit_name(self) -> str:
        """The user's number."""
        return str(self.user_id)


class Snooze(Audited, Base):
    """A person does not want to hear of a subject before the day `until`, and says why."""

    __tablename__ = "notice_snoozes"
    __table_args__ = (UniqueConstraint("user_id", "subject"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    subject: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str] = mapped_column(String(500))
    until: Mapped[date]
    at: Mapped[datetime] = mapped_column(UtcInstant)
    notice_id: Mapped[int] = mapped_column(ForeignKey("notices.id"))

    def audit_name(self) -> str:
        """The subject."""
        return self.subject


class Channel(Base):
    """A channel whose server failed: nobody is kept waiting for it before `next_try_at`."""

    __tablename__ = "notice_channels"

    channel: Mapped[str] = mapped_column(String(10), primary_key=True)
    failures: Mapped[int]
    next_try_at: Mapped[datetime] = mapped_column(UtcInstant)
    since: Mapped[datetime] = mapped_column(UtcInstant)
    problem: Mapped[str] = mapped_column(String(500))
