"""Database, column types, whose rows, and the audit chain."""

from fleet.storage.bundle import Bundle, Rows, told
from fleet.storage.database import Base, db, init_storage, is_busy, upsert
from fleet.storage.deeds import Actor, Deed, act, follows
from fleet.storage.scope import EVERYTHING, Scope, Scoped, everyone, limit_to, seen_as
from fleet.storage.types import OPEN_BEGIN, OPEN_END, OpenInstant, Percent, UtcInstant, Yuan

__all__ = [
    "EVERYTHING",
    "OPEN_BEGIN",
    "OPEN_END",
    "Actor",
    "Base",
    "Bundle",
    "Deed",
    "OpenInstant",
    "Percent",
    "Rows",
    "Scope",
    "Scoped",
    "UtcInstant",
    "Yuan",
    "act",
    "db",
    "everyone",
    "follows",
    "init_storage",
    "is_busy",
    "limit_to",
    "seen_as",
    "told",
    "upsert",
]
