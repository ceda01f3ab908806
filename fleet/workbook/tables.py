"""Uploaded workbooks with their state and report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from fleet.storage import Base, UtcInstant
from fleet.storage.history import Audited

NAME_LENGTH = 255
RECEIVED = "received"
CHECKED = "checked"
IMPORTED = "imported"
DROPPED = "dropped"
UNREADABLE = "unreadable"
WAITING = frozenset({RECEIVED, CHECKED})


class Upload(Audited, Base):
    """A workbook somebody uploaded: kept by its digest until confirmed or dropped.

    `task_id` is the task that checks or imports it, or did so last.
    """

    __tablename__ = "uploads"
    AUDIT_HIDES = frozenset({"report"})

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    uploaded_at: Mapped[datetime] = mapped_column(UtcInstant)
    report: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    task_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id"))
