"""The audit chain: append-only entries, each signed over the one before."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from flask import current_app
from sqlalchemy import (
    BigInteger,
    Integer,
    String,
    Text,
    Update,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Mapped, QueryableAttribute, Session, mapped_column

from fleet.storage.database import Base, db
from fleet.storage.types import UtcInstant


class Audited:
    """A table whose changes stand in the history; AUDIT_HIDES names columns that must not."""

    AUDIT_HIDES: ClassVar[frozenset[str]] = frozenset()
    __tablename__: str

    def audit_name(self) -> str:
        """What a reader of the history recognises the row by."""
        return str(getattr(self, "id", ""))


@event.listens_for(Audited, "attribute_instrument", propagate=True)
def _keep_old_value(_table: type, _key: str, attribute: QueryableAttribute[object]) -> None:
    """Load a column's old value when a new one is set, or the entry could not tell it."""
    if hasattr(attribute.property, "columns"):
        event.listen(attribute, "set", _unchanged, active_history=True)


def _unchanged(_row: object, _value: object, _old: object, _initiator: object) -> None:
    """Do nothing; that somebody listens makes SQLAlchemy load the old value."""


class HistoryEntry(Base):
    """One verb: who, when, what, from what to what."""

    __tablename__ = "history_entries"

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    at: Mapped[datetime] = mapped_column(UtcInstant)
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(String(255))
    verb: Mapped[str] = mapped_column(String(64), index=True)
    subject: Mapped[str] = mapped_column(String(255), index=True)
    changes: Mapped[str] = mapped_column(Text)
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))


class HistoryHead(Base):
    """The last entry's number and digest; its one row is the lock that orders writers.

    The migrations put it in. `chain` is drawn at random for each database: it tells whose heads
    a file holds, and the first entry follows it.
    """

    __tablename__ = "history_heads"

    id: Mapped[int] = mapped_column(primary_key=True)
    chain: Mapped[str] = mapped_column(String(64))
    seq: Mapped[int] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(64))


@dataclass(frozen=True, slots=True)
class Done:
    """What a verb did: its name, what about, who, when, and the changes it made."""

    verb: str
    subject: str
    actor_id: int | None
    actor: str
    at: datetime
    changes: list[dict[str, Any]]

    def columns(self) -> dict[str, Any]:
        """The entry's columns, long names cut to what the table holds."""
        return {
            "at": self.at,
            "actor_id": self.actor_id,
            "actor": self.actor[:255],
            "verb": self.verb,
            "subject": self.subject[:255],
            "changes": json.dumps(self.changes, ensure_ascii=False, sort_keys=True),
        }


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the chain's name, the last entry's number and digest."""

    chain: str
    seq: int
    digest: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the chain does not hold, and why."""

    seq: int
    why: str


_HEAD = select(HistoryHead.chain, HistoryHead.seq, HistoryHead.digest)


def append(session: Session, done: Done) -> Head:
    """Add an entry at the end of the chain; answers the new head."""
    # The update takes the row's lock first, so that two writers cannot follow one entry.
    session.execute(_unsynchronised(update(HistoryHead)).values(seq=HistoryHead.seq + 1))
    chain, seq, previous = session.execute(_HEAD).one()
    entry = {**done.columns(), "seq": seq, "previous": previous}
    digest = sign(entry)
    session.execute(insert(HistoryEntry).values(**entry, digest=digest))
    session.execute(_unsynchronised(update(HistoryHead)).values(digest=digest))
    return Head(chain, seq, digest)


def _unsynchronised(statement: Update) -> Update:
    return statement.execution_options(synchronize_session=False)


def sign(entry: dict[str, Any]) -> str:
    """The HMAC-SHA256 of an entry's canonical JSON under the history key."""
    body = {**entry, "at": entry["at"].isoformat()}
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    key = current_app.extensions["fleet_settings"].history_key.encode()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def write_head(head: Head) -> None:
    """Note the head outside the database, or cutting off the chain's tail goes unseen."""
    path: Path = current_app.extensions["fleet_settings"].head_file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="ascii") as file:
        file.write(f"{head.chain} {head.seq} {head.digest}\n")


def verify() -> Broken | None:
    """Check the whole chain and its head; answers the first broken place or None.

    Others may write meanwhile: the heads noted outside are read before the database's head, and
    of the entries only those up to it, so that a verb under way is not taken for a fault.
    """
    noted = _noted_lines()
    head = db.session.execute(_HEAD).one()
    heads = {int(seq): digest for chain, seq, digest in noted if chain == head.chain}
    last, previous = 0, head.chain
    for row in _entries(head.seq):
        found = _fault(row, last, previous, heads)
        if found:
            return Broken(row["seq"], found)
        last, previous = row["seq"], row["digest"]
    if (head.seq, head.digest) != (last, previous) or max(heads, default=0) > last:
        return Broken(last + 1, "entries missing at the end")
    return _beyond_the_head()


def _beyond_the_head() -> Broken | None:
    """An entry after the head, which no verb of ours writes; one statement sees one moment."""
    head = select(func.coalesce(func.max(HistoryHead.seq), 0)).scalar_subquery()
    first = db.session.scalar(select(func.min(HistoryEntry.seq)).where(HistoryEntry.seq > head))
    return Broken(first, "an entry that the head does not know") if first else None


def _fault(row: dict[str, Any], last: int, previous: str, heads: dict[int, str]) -> str | None:
    if row["seq"] != last + 1:
        return "entry missing before"
    if row["previous"] != previous:
        return "does not follow the entry before"
    digest = row["digest"]
    if not hmac.compare_digest(sign({k: v for k, v in row.items() if k != "digest"}), digest):
        return "content changed"
    if heads.get(row["seq"], digest) != digest:
        return "differs from the head noted outside"
    return None


def _entries(until: int) -> Iterator[dict[str, Any]]:
    columns = HistoryEntry.__table__.c
    rows = db.session.execute(
        select(*columns)
        .where(columns.seq <= until)
        .order_by(columns.seq)
        .execution_options(yield_per=1000)
    )
    return (dict(row._mapping) for row in rows)  # noqa: SLF001 - the documented row view


def _noted_lines() -> list[list[str]]:
    path: Path = current_app.extensions["fleet_settings"].head_file
    lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
    return [parts for line in lines if len(parts := line.split()) == 3]  # noqa: PLR2004
