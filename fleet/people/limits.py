"""How often somebody may try: counted in the database, before any password is hashed.

One process's memory knows nothing of the others' tries, so the tries stand in a table.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from http import HTTPStatus

from flask import abort, request
from sqlalchemy import delete, func, insert, select

from fleet.people.tables import SignInTry
from fleet.storage import db
from fleet.storage.database import WRITES
from fleet.web import clock

WINDOW = timedelta(minutes=15)
TRIES_PER_ADDRESS = 10
TRIES_PER_HOST = 100


def count_try(what: str, whom: str) -> None:
    """Count a try by the person and by the host; 429 where either made too many."""
    limits = {
        f"{what} {digest(whom.strip().lower())}": TRIES_PER_ADDRESS,
        f"host {digest(request.remote_addr or '')}": TRIES_PER_HOST,
    }
    if not _within(limits):
        abort(HTTPStatus.TOO_MANY_REQUESTS)


def count_visit(what: str) -> None:
    """Count a host's visit of a page that anybody may see; 429 where it made too many.

    Apart from the tries to sign in: who scans papers all day may still do that.
    """
    if not _within({f"{what} {digest(request.remote_addr or '')}": TRIES_PER_HOST}):
        abort(HTTPStatus.TOO_MANY_REQUESTS)


def _within(limits: dict[str, int]) -> bool:
    """Record a try under each key; whether all stay within their limits."""
    at = clock.now()
    session = db.session
    session.commit()
    session.connection(execution_options={WRITES: True})
    session.execute(delete(SignInTry).where(SignInTry.at < at - WINDOW))
    session.execute(insert(SignInTry), [{"key": key, "at": at} for key in limits])
    tries = session.execute(
        select(SignInTry.key, func.count()).where(SignInTry.key.in_(limits)).group_by(SignInTry.key)
    )
    counts: dict[str, int] = dict(tries.all())  # type: ignore[arg-type]
    session.commit()
    return all(counts[key] <= limit for key, limit in limits.items())


def digest(text: str) -> str:
    """The SHA-256 of a text: addresses, hosts and tokens are looked up by it, never kept."""
    return sha256(text.encode()).hexdigest()
