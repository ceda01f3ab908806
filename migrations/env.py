"""Runs the migrations against the application's own database and tables."""

from alembic import context
from flask import current_app
from sqlalchemy import BigInteger, DateTime
from sqlalchemy.types import TypeDecorator

from fleet.storage import db
from fleet.storage.database import WRITES


def render_item(kind, item, _autogen):
    """Write our column types as the plain types that the database keeps.

    A migration must not import our code: it has to run the same when the code has moved on.
    """
    if kind == "type" and isinstance(item, TypeDecorator):
        plain = item.impl_instance if hasattr(item, "impl_instance") else item.impl
        if isinstance(plain, DateTime):
            return "sa.DateTime(timezone=True)"
        if isinstance(plain, BigInteger):
            return "sa.BigInteger()"
    return False


def run() -> None:
    """Upgrade or compare over one connection of the application."""
    extra = current_app.extensions["migrate"].configure_args
    with db.engine.connect().execution_options(**{WRITES: True}) as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=render_item,
            compare_server_default=False,
            **extra,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()


run()
