"""A statement that PostgreSQL keeps prepared, asked past psycopg's cursors.

For a read by itself that somebody waits for. A cursor weighs for each statement anew whether to
prepare it, whether to begin a transaction and how to read what comes, which takes as long as
PostgreSQL takes to answer. Here it is known: one text comes back, and there is no transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING
from weakref import WeakSet

from psycopg import DataError, OperationalError, errors
from psycopg.pq import ConnStatus, ExecStatus

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGconn, PGresult

_NUMBERS = count()


class Prepared:
    """Prepared once on each connection that asks it; the connections are in autocommit."""

    def __init__(self, sql: str) -> None:
        self._sql = sql.encode()
        self._name = b"fleet_%d" % next(_NUMBERS)
        self._kept_by: WeakSet[PGconn] = WeakSet()

    def answer(self, connection: Connection, values: Sequence[str | int]) -> str:
        """What stands in the one field of the one row; psycopg's errors where it fails."""
        asked, sent = connection.pgconn, [_sent(value) for value in values]
        if asked not in self._kept_by:
            _good(asked, asked.prepare(self._name, self._sql))
            self._kept_by.add(asked)
        said = _good(asked, asked.exec_prepared(self._name, sent)).get_value(0, 0)
        return (said or b"").decode()


def _sent(value: str | int) -> bytes:
    """A value as it is sent: libpq would end a text at a NUL without a word."""
    sent = str(value).encode()
    if b"\0" in sent:
        raise DataError("PostgreSQL's texts hold no NUL")
    return sent


def _good(asked: PGconn, result: PGresult) -> PGresult:
    """The result of what succeeded; OperationalError of a connection that is no more."""
    if result.status in {ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK}:
        return result
    if asked.status == ConnStatus.BAD:
        raise OperationalError(result.get_error_message())
    raise errors.error_from_result(result)
