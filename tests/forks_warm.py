"""Read in the server that processes are forked from: all of the application, and one built of it.

Nothing is connected to: a process that is forked opens its own database.
"""

from __future__ import annotations

import tempfile

import psycopg  # noqa: F401 - read here, for those who ask PostgreSQL
from sqlalchemy.orm import configure_mappers

from app import create_app
from fleet.settings import read_settings

with tempfile.TemporaryDirectory() as folder:
    create_app(
        read_settings(
            {
                "FLEET_INSTANCE": folder,
                "FLEET_DATABASE_URL": f"sqlite:///{folder}/none.sqlite3",
                "FLEET_ENVIRONMENT": "development",
            }
        )
    )
configure_mappers()
