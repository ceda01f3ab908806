"""The ledger of the OA's calls: each signed one by its nonce, the refused ones counted."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from fleet.storage import Base, UtcInstant

HEARD = "heard"
OUTDATED = "outdated"
REPEATED = "repeated"
REFUSED = "refused"
ANSWERED = (HEARD, OUTDATED)
_IS_ANSWERED = text("outcome IN (" + ", ".join(f"'{one}'" for one in ANSWERED) + ")")


class OaCall(Base):
    """A signed call of the OA, and what it was answered.

    A nonce stands once, so that no call is taken twice. What was heard or is outdated is kept
    for good, once for the same content: the same again is answered the same.
    """

    __tablename__ = "oa_calls"
    __table_args__ = (
        Index(
            "uq_oa_calls_answered",
            "digest",
            unique=True,
            sqlite_where=_IS_ANSWERED,
            postgresql_where=_IS_ANSWERED,
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    nonce: Mapped[str] = mapped_column(String(64), unique=True)
    number: Mapped[str | None] = mapped_column(String(64), index=True)
    event: Mapped[str | None] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(20))
    answer: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(UtcInstant, index=True)


class OaRefusal(Base):
    """How many calls were refused for one reason within an hour."""

    __tablename__ = "oa_refusals"

    hour: Mapped[datetime] = mapped_column(UtcInstant, primary_key=True)
    why: Mapped[str] = mapped_column(String(20), primary_key=True)
    count: Mapped[int]
