"""One verb of a service is one transaction with one entry in the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from fleet.storage.database import WRITES, db
from fleet.storage.history import Audited, Done, append, write_head

if TYPE_CHECKING:
    from sqlalchemy.orm.unitofwork import UOWTransaction

_KEY = "deed"
Follow = Callable[[Session, "Deed"], None]
_followers: list[Follow] = []


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something: a user's id and name, or no id for the system itself."""

    id: int | None
    name: str


@dataclass(slots=True)
class Deed:
    """A verb under way: who, when, what about, and the changes gathered from the session."""

    verb: str
    by: Actor
    at: datetime
    subject: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list)
    silent: bool = False  # nothing happened: no entry, unless a row changed after all

    def done(self) -> Done:
        """The verb as its history entry tells it."""
        return Done(self.verb, self.subject, self.by.id, self.by.name, self.at, list(self.changes))

    def note(self, **facts: object) -> None:
        """Add facts to the entry that no changed row shows, such as a file's digest."""
        self.changes.append({key: plain(value) for key, value in facts.items()})


@contextmanager
def act(verb: str, *, by: Actor, at: datetime, subject: str = "") -> Iterator[Deed]:
    """Run one verb: begin a writing transaction, write its history entry, commit or undo all.

    The transaction takes the write lock at once (SQLite) and refreshes what was read before,
    so that what the verb reads is what it changes. A deed that turns out to change nothing may
    be made silent; it cannot hide a change to an audited row.
    """
    session = db.session
    session.commit()
    session.connection(execution_options={WRITES: True})
    deed = Deed(verb, by, at, subject)
    session.info[_KEY] = deed
    try:
        yield deed
        session.flush()
        for follow in _followers:
            follow(session, deed)
        told = not deed.silent or bool(deed.changes)
        head = append(session, deed.done()) if told else None
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop(_KEY, None)
    if head is not None:
        write_head(head)


def follows(follow: Follow) -> Follow:
    """Run something at the end of every verb, in its transaction and before its entry is written.

    For rooms that follow what lower rooms change; they run in the order they were read.
    """
    _followers.append(follow)
    return follow


@event.listens_for(Session, "after_flush")
def _gather(session: Session, _context: UOWTransaction) -> None:
    """Keep from what to what every audited row changes within the verb under way."""
    deed: Deed | None = session.info.get(_KEY)
    if deed is None:
        return
    for kind, rows in (("new", session.new), ("changed", session.dirty), ("gone", session.deleted)):
        for row in rows:
            if isinstance(row, Audited) and (values := _changed(row, kind)):
                deed.changes.append(
                    {"table": row.__tablename__, "row": row.audit_name(), kind: values}
                )


def _changed(row: Audited, kind: str) -> dict[str, Any]:
    state = inspect(row)
    result: dict[str, Any] = {}
    for column in state.mapper.column_attrs:
        if column.key in row.AUDIT_HIDES:
            continue
        if kind == "changed":
            history = state.attrs[column.key].history
            if history.has_changes():
                result[column.key] = [plain(_only(history.deleted)), plain(_only(history.added))]
        elif (value := getattr(row, column.key)) is not None:
            result[column.key] = plain(value)
    return result


def _only(values: Sequence[object] | None) -> object:
    return values[0] if values else None


def plain(value: object) -> object:
    """A value as canonical JSON can hold it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value if isinstance(value, str | int | bool | None | list | dict) else str(value)
