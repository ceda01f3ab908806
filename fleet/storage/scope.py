"""Whose rows: one criterion below every query, refusing by default."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import event, false, true
from sqlalchemy.orm import Session, with_loader_criteria

from fleet.storage import behind
from fleet.storage.database import Base

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import ORMExecuteState


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


def limit_to(scope: Scope) -> None:
    """Let this request, or the command in this application context, see a scope's rows only."""
    behind.context().fleet_scope = scope


def current() -> Scope:
    """The scope that holds here; NOTHING where nobody has set one."""
    found: Scope = behind.context().get("fleet_scope", NOTHING)
    return found


@contextmanager
def seen_as(scope: Scope) -> Iterator[None]:
    """See a scope's rows only, for the length of a block."""
    before = current()
    limit_to(scope)
    try:
        yield
    finally:
        limit_to(before)


def everyone() -> AbstractContextManager[None]:
    """See the whole group's rows for the length of a block, as the rule itself does."""
    return seen_as(EVERYTHING)


@event.listens_for(Session, "do_orm_execute")
def _apply(state: ORMExecuteState) -> None:
    """Add the scope's criterion to every ORM statement, refusing where none was set."""
    if state.is_column_load or state.is_relationship_load:
        return
    scope = current()
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
