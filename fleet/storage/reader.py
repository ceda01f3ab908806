"""The connection that a process keeps for single reads, each its own transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.pool import PoolProxiedConnection

Answer = TypeVar("Answer")


class Reader:
    """Asks an engine's database without a session, of one connection that is kept.

    To be lent one by the pool takes as long as SQLite takes to answer. Who finds the one in use
    is lent another all the same. It is let go with those of the engine, and `beside` another's.
    """

    def __init__(self, engine: Engine, beside: Engine, busy: Callable[[Exception], bool]) -> None:
        self.dialect = engine.dialect
        self.engine = engine
        self._busy = busy
        self._dead: type[Exception] = engine.dialect.loaded_dbapi.OperationalError
        self._kept: PoolProxiedConnection | None = None
        self._free = threading.Lock()
        for one in {engine, beside}:
            event.listen(one, "engine_disposed", self._let_go)

    def ask(self, read: Callable[[Any], Answer]) -> Answer:
        """What is read of a driver's connection; of a new one where the first proves dead.

        Asking each time first whether it lives would take as long as the reading. One that waited
        for a lock lives: to ask it again would be to wait as long again. The driver's own errors.
        """
        try:
            return self._ask(read)
        except self._dead as error:
            if self._busy(error):
                raise
            self.engine.dispose()
            return self._ask(read)

    def _ask(self, read: Callable[[Any], Answer]) -> Answer:
        if not self._free.acquire(blocking=False):
            return self._ask_another(read)
        try:
            if self._kept is None:
                self._kept = self.engine.raw_connection()
            return read(self._kept.driver_connection)
        finally:
            self._free.release()

    def _ask_another(self, read: Callable[[Any], Answer]) -> Answer:
        lent = self.engine.raw_connection()
        try:
            return read(lent.driver_connection)
        finally:
            lent.close()

    def _let_go(self, _engine: Engine) -> None:
        with self._free:
            kept, self._kept = self._kept, None
        if kept is not None:
            kept.invalidate()
