"""The one database handle and what each engine needs before it is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import MetaData, create_engine, event
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase

from fleet.storage.reader import Reader

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine.interfaces import DBAPIConnection

    from fleet.settings import Settings

WRITES = "fleet_writes"
READER = "fleet_reader"


class Base(DeclarativeBase):
    """The base of every table; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)
migrate = Migrate()


def init_storage(app: Flask, settings: Settings) -> None:
    """Bind the database of the settings to the app."""
    sqlite = settings.url.startswith("sqlite")
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = _sqlite_options() if sqlite else _postgres_options()
    db.init_app(app)
    migrate.init_app(app, db, directory="migrations", render_as_batch=True)
    with app.app_context():
        _prepare(db.engine, sqlite=sqlite)
        reads = db.engine if sqlite else _postgres_reads(db.engine)
        app.extensions[READER] = Reader(reads, beside=db.engine, busy=_met_a_lock)


def _sqlite_options() -> dict[str, Any]:
    # Debian's own SQLite 3.40 can corrupt a database when a WAL is reset under load.
    import pysqlite3.dbapi2  # noqa: PLC0415 - PostgreSQL installations do without it

    return {"module": pysqlite3.dbapi2, "connect_args": {"timeout": 30}}


def _postgres_options() -> dict[str, Any]:
    return {"connect_args": {"options": "-c timezone=UTC"}, "pool_pre_ping": True}


def _postgres_reads(engine: Engine) -> Engine:
    """An engine for single reads: each is its own transaction, and no connection is pinged."""
    return create_engine(
        engine.url,
        connect_args={"options": "-c timezone=UTC -c client_encoding=UTF8"},
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,  # there is no transaction to end
    )


def _prepare(engine: Engine, *, sqlite: bool) -> None:
    if sqlite:
        event.listen(engine, "connect", _open_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _open_sqlite(connection: DBAPIConnection, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=30000",
        "cache_size=-65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails with "database is locked"
    # at once when another writer came between; a write takes its lock at the beginning.
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_DEADLOCK, _LOCK_NOT_HAD = "40P01", "55P03"  # PostgreSQL's words; SQLite's is its own number
_SQLITE_BUSY = 5


def is_busy(error: OperationalError) -> bool:
    """Whether others kept a lock for longer than is waited for: nothing was written."""
    return _met_a_lock(error.orig)


def _met_a_lock(error: BaseException | None) -> bool:
    """The same of a driver's own error."""
    state = getattr(error, "sqlstate", None)
    code = getattr(error, "sqlite_errorcode", 0)
    return state in {_DEADLOCK, _LOCK_NOT_HAD} or code & 0xFF == _SQLITE_BUSY


def upsert(table: Any) -> Any:
    """An insert that may say what to do on a conflict, in the words of the engine in use."""
    postgres = db.engine.dialect.name == "postgresql"
    return postgresql_insert(table) if postgres else sqlite_insert(table)
