"""Whose rows: one criterion below every query, refusing by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, false, true
from sqlalchemy.orm import Session, with_loader_criteria

from fleet.storage.database import Base, db

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import ORMExecuteState

_KEY = "scope"


@dataclass(frozen=True, slots=True)
class Scope:
    """The companies whose rows a session may see; `everything` sees all of the group."""

    companies: frozenset[int] = frozenset()
    everything: bool = False

    def holds(self, company_id: int) -> bool:
        """Whether a company's rows may be seen."""
        return self.everything or company_id in self.companies


EVERYTHING = Scope(everything=True)
NOTHING = Scope()


class Scoped:
    """A table whose rows belong to companies."""

    @classmethod
    def in_scope(cls, companies: frozenset[int]) -> ColumnElement[bool]:
        """The criterion that a row belongs to one of the companies."""
        raise NotImplementedError


def limit_to(scope: Scope, session: Session | None = None) -> None:
    """Let the session see the rows of a scope and no others from now on."""
    (session or db.session).info[_KEY] = scope


def current(session: Session | None = None) -> Scope:
    """The scope of the session; NOTHING where nobody has set one."""
    found: Scope = (session or db.session).info.get(_KEY, NOTHING)
    return found


@contextmanager
def everyone(session: Session | None = None) -> Iterator[None]:
    """See the whole group's rows for the length of a block, as the rule itself does."""
    chosen = session or db.session
    before = chosen.info.get(_KEY, NOTHING)
    chosen.info[_KEY] = EVERYTHING
    try:
        yield
    finally:
        chosen.info[_KEY] = before


@event.listens_for(Session, "do_orm_execute")
def _apply(state: ORMExecuteState) -> None:
    """Add the scope's criterion to every ORM statement, refusing where none was set."""
    if state.is_column_load or state.is_relationship_load:
        return
    scope = current(state.session)
    if scope.everything or not (state.is_select or state.is_update or state.is_delete):
        return
    state.statement = state.statement.options(*_criteria(scope.companies))


def _criteria(companies: frozenset[int]) -> list[Any]:
    return [
        with_loader_criteria(table, _criterion(table, companies), include_aliases=True)
        for table in _scoped_tables()
    ]


def _criterion(table: type[Scoped], companies: frozenset[int]) -> ColumnElement[bool]:
    return table.in_scope(companies) if companies else false() & true()


def _scoped_tables() -> list[type[Scoped]]:
    return [m.class_ for m in Base.registry.mappers if issubclass(m.class_, Scoped)]
