"""Several small queries answered by one statement, past the ORM: for an answer that is waited for.

All rows come back as one JSON text; the columns' own types read what stands in it, so that the
rows are those that each query gives when it is run by itself. SQLAlchemy's way of running a
statement costs more than SQLite takes to answer it, and PostgreSQL is asked once, not nine times.
"""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Date,
    Integer,
    Select,
    String,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from fleet.storage import behind
from fleet.storage.database import READER, db
from fleet.storage.types import Percent, UtcInstant, Yuan, in_utc, percent, yuan

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, ColumnElement, Dialect, Subquery
    from sqlalchemy.types import TypeEngine

    from fleet.storage.prepared import Prepared
    from fleet.storage.reader import Reader

Rows = dict[str, list[Any]]


class _Row(GenericFunction[str]):
    """A row as a JSON array."""

    type = String()
    inherit_cache = True
    name = "fleet_json_row"


class _All(GenericFunction[str]):
    """Every row of a query as one JSON array."""

    type = String()
    inherit_cache = True
    name = "fleet_json_all"


_NAMES = {
    "sqlite": {_Row: "json_array", _All: "json_group_array"},
    "postgresql": {_Row: "json_build_array", _All: "json_agg"},
}


@compiles(_Row)
@compiles(_All)
def _name(element: _Row | _All, compiler: Any, **options: Any) -> str:
    made = compiler.process(element.clause_expr, **options)
    return f"{_NAMES[compiler.dialect.name][type(element)]}{made}"


def told(name: str, like: ColumnElement[Any]) -> BindParameter[Any]:
    """A value that a bundle is given when it is read, of a column's type."""
    return bindparam(name, type_=like.type, required=False)


class Bundle:
    """Named queries that are run together; the values they are given are texts and numbers.

    Their bound parameters may share names, as those of one statement do.
    """

    def __init__(self, **queries: Select[Any]) -> None:
        within = {name: query.subquery(name) for name, query in queries.items()}
        self._shapes = [(name, _Shape(name, one.c)) for name, one in within.items()]
        self._statement = select(_listed([_rows_of(one) for one in within.values()]))
        self._texts: dict[str, _Text] = {}

    def read(self, **values: str | int) -> Rows:
        """Run the queries; answers the rows of each by its name; fails as SQLAlchemy does."""
        found = json.loads(self._said(values))
        return {name: one.read(rows) for rows, (name, one) in zip(found, self._shapes, strict=True)}

    def _said(self, values: Mapping[str, str | int]) -> str:
        # A request that only reads bundles never makes the session that the ORM would need.
        if db.session.registry.has() and (session := db.session()).in_transaction():
            session.flush()  # as a query of the session's would first send what is not sent yet
            connection = session.connection()
            within = connection.connection.driver_connection
            return self._text(connection.dialect).said(lambda text: text.answer(within, values))
        reader: Reader = behind.app().extensions[READER]
        return self._text(reader.dialect).said(
            lambda text: reader.ask(lambda connection: text.answer_alone(connection, values))
        )

    def _text(self, dialect: Dialect) -> _Text:
        made = self._texts.get(dialect.name)
        return made or self._texts.setdefault(dialect.name, _Text(self._statement, dialect))


def _rows_of(query: Subquery) -> ColumnElement[str]:
    """The rows of a query as one JSON text; PostgreSQL makes NULL of no rows."""
    rows = select(_All(_Row(*query.c))).scalar_subquery()
    return func.coalesce(cast(rows, Text), literal_column("'[]'", Text))


def _listed(parts: Sequence[ColumnElement[str]]) -> ColumnElement[str]:
    """JSON texts as one JSON array: read at once it costs less than each alone."""
    listed: ColumnElement[str] = literal_column("'['", Text) + parts[0]
    for part in parts[1:]:
        listed = listed + literal_column("','", Text) + part
    return listed + literal_column("']'", Text)


class _Text:
    """A statement as an engine's driver takes it; compiled once."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        # psycopg looks for its own marks in a long statement each time anew; $1 it sends as it is.
        self._raw = dialect.name == "postgresql" and dialect.loaded_dbapi.RawCursor
        plain: Dialect = type(dialect)(paramstyle="numeric_dollar") if self._raw else dialect
        made: Any = statement.compile(dialect=plain, compile_kwargs={"render_postcompile": True})
        self._sql = str(made)
        self._own: Mapping[str, Any] = made.params
        self._order: list[str] = made.positiontup
        self._prepared = _prepared(self._sql) if self._raw else None
        self._dialect, self._error = dialect, dialect.loaded_dbapi.Error

    def said(self, ask: Callable[[_Text], str]) -> str:
        """What it is answered; a driver's error as SQLAlchemy's, as all else here fails by."""
        try:
            return ask(self)
        except self._error as error:
            raise DBAPIError.instance(
                self._sql, None, error, self._error, dialect=self._dialect
            ) from error

    def answer(self, connection: Any, given: Mapping[str, str | int]) -> str:
        """What stands in the one field of the one row, read in a connection's transaction."""
        cursor = self._raw(connection) if self._raw else connection.cursor()
        cursor.execute(self._sql, self._values(given))
        said: str = cursor.fetchone()[0]
        return said

    def answer_alone(self, connection: Any, given: Mapping[str, str | int]) -> str:
        """The same, read by itself, of a connection that is in no transaction."""
        if self._prepared is None:
            return self.answer(connection, given)
        return self._prepared.answer(connection, self._values(given))

    def _values(self, given: Mapping[str, str | int]) -> list[str | int]:
        every = {**self._own, **given}
        return [every[name] for name in self._order]


def _prepared(sql: str) -> Prepared:
    from fleet.storage.prepared import Prepared  # noqa: PLC0415 - SQLite does without psycopg

    return Prepared(sql)


# What stands in the JSON


_Reading = Callable[[Any], Any]
_KEPT = 65_536  # amounts and instants come back: premiums are alike, and policies begin with a day
_yuan = lru_cache(maxsize=_KEPT)(yuan)


class _Shape:
    """Makes rows again of the JSON that stands for them."""

    def __init__(self, name: str, columns: Iterable[ColumnElement[Any]]) -> None:
        kept = list(columns)
        # Only the queries know their columns: no class can be written down for each.
        shape = namedtuple(name, [one.key for one in kept])  # type: ignore[misc] # noqa: PYI024
        self._make = shape._make
        readings = [_reading(one.type) for one in kept]
        self._readings = [(n, reading) for n, reading in enumerate(readings) if reading]

    def read(self, rows: list[list[Any]]) -> list[Any]:
        """The rows as the query gives them."""
        if not rows:
            return rows
        for row in rows:
            for place, reading in self._readings:
                if row[place] is not None:
                    row[place] = reading(row[place])
        return [self._make(row) for row in rows]


def _reading(kind: TypeEngine[Any]) -> _Reading | None:
    """How a column's value is read again from JSON; None where it stands there as it is."""
    if isinstance(kind, UtcInstant):
        return _instant
    if isinstance(kind, Yuan):
        return _yuan
    if isinstance(kind, Percent):
        return percent
    if isinstance(kind, Date):
        return date.fromisoformat
    if isinstance(kind, Boolean):
        return bool
    if isinstance(kind, String | Integer):
        return None
    raise TypeError(f"no reading for {kind!r}")


@lru_cache(maxsize=_KEPT)
def _instant(said: str) -> datetime:
    return in_utc(datetime.fromisoformat(said))
