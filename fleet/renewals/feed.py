"""A user's calendar of what is due: a private address that any calendar program reads.

Whoever has the address reads what its user may read, as long as it is not revoked and the user
is active. Only the digest of its secret is kept; it is looked up by that, so that no comparison
takes longer the more of it is right. Wrong ones are not counted: a secret of 256 bits is not
guessed, and to count a calendar that still asks at a revoked address costs more than to refuse
it, and would shut out the sign-in of everybody behind its host.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from flask_babel import gettext as _
from flask_babel import ngettext
from icalendar import Calendar, Event
from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session, contains_eager

from fleet.people.limits import digest
from fleet.people.tables import User
from fleet.renewals.rules import OPEN
from fleet.renewals.tables import CalendarFeed, CoverRequest, RequestMove
from fleet.renewals.telling import asked_in, what_of
from fleet.storage import Actor, Deed, act, db, follows
from fleet.vehicles.tables import Vehicle
from fleet.web.words import label
from fleet.words import midnight

MOST_EVENTS = 2_000
ASKED_AGAIN_AFTER = timedelta(hours=6)
_SECRET_BYTES = 32
_DAY = timedelta(days=1)


class Made(NamedTuple):
    """When a calendar is made: the instant, and the company's day and its first instant."""

    today: date
    began: datetime


def made_at(at: datetime, zone: Any) -> Made:
    """The day of an instant on the company's clock."""
    today = at.astimezone(zone).date()
    return Made(today, midnight(today, zone))


# The address


def make_feed(user_id: int, language: str, *, by: Actor, at: datetime) -> str:
    """Make a user's address and answer its secret, once; the one before it is no longer good."""
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    with act("make_calendar_feed", by=by, at=at, subject=by.name):
        # The user's row is the lock: of two that make one at once, the later's stands.
        db.session.scalar(select(User.id).where(User.id == user_id).with_for_update())
        _revoke(user_id, at)
        db.session.flush()
        db.session.add(
            CalendarFeed(user_id=user_id, digest=digest(secret), language=language, created_at=at)
        )
    return secret


def revoke_feed(user_id: int, *, by: Actor, at: datetime) -> None:
    """End a user's address for good; where there is none, nothing is to do."""
    if feed_of(user_id) is None:
        return
    with act("revoke_calendar_feed", by=by, at=at, subject=by.name):
        _revoke(user_id, at)


def feed_of(user_id: int) -> CalendarFeed | None:
    """The address of a user that is in use."""
    return db.session.scalar(
        select(CalendarFeed).where(
            CalendarFeed.user_id == user_id, CalendarFeed.revoked_at.is_(None)
        )
    )


def in_use(secret: str) -> CalendarFeed | None:
    """The address with this secret, if it is in use and its user active."""
    return db.session.scalar(
        select(CalendarFeed)
        .join(CalendarFeed.user)
        .options(contains_eager(CalendarFeed.user))
        .where(
            CalendarFeed.digest == digest(secret),
            CalendarFeed.revoked_at.is_(None),
            User.active,
        )
    )


def _revoke(user_id: int, at: datetime) -> None:
    if (feed := feed_of(user_id)) is not None:
        feed.revoked_at = at


@follows
def _shut_out(session: Session, deed: Deed) -> None:
    """Who is shut out loses the address with the tokens: let in again, they make a new one."""
    gone = [one["row"] for one in deed.changes if _ends_a_user(one)]
    if not gone:
        return
    for user_id in session.scalars(select(User.id).where(User.email.in_(gone))):
        _revoke(user_id, deed.at)
    session.flush()


def _ends_a_user(change: dict[str, Any]) -> bool:
    return change.get("table") == "users" and change.get("changed", {}).get("active") == [
        True,
        False,
    ]


# The calendar


def calendar(made: Made, base_url: str, name: str) -> bytes:
    """The open requests in scope as all-day events on their expiry days, the nearest first.

    Words are in the reader's language; `base_url` is where people reach this server.
    """
    told = Calendar.new(
        prodid="-//Fleet insurance//Renewals//EN",
        name=name,
        refresh_interval=ASKED_AGAIN_AFTER,
        subcomponents=[_event(row, made, base_url.rstrip("/")) for row in _due()],
    )
    told.pop("UID", None)  # drawn at random; a calendar that is asked for again is the same one
    written: bytes = told.to_ical()
    return written


def _due() -> Iterator[Row[Any]]:
    last_move = select(func.max(RequestMove.at)).where(RequestMove.request_id == CoverRequest.id)
    yield from db.session.execute(
        select(
            CoverRequest.id,
            CoverRequest.kind,
            CoverRequest.occasion,
            CoverRequest.expiry_day,
            CoverRequest.state,
            CoverRequest.reason,
            CoverRequest.version,
            Vehicle.vin,
            Vehicle.plate,
            last_move.scalar_subquery().label("moved_at"),
        )
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .where(CoverRequest.state.in_(OPEN))
        .order_by(CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind)
        .limit(MOST_EVENTS)
    )


def _event(row: Row[Any], made: Made, base: str) -> Event:
    """A request's event; it changes when it is moved, and with each day, for it counts days."""
    changed = max(made.began, row.moved_at or made.began)
    link = f"{base}/renewals/{row.id}"
    return Event.new(
        uid=f"cover-request-{row.id}@{urlsplit(base).hostname or 'fleet'}",
        sequence=row.version,
        stamp=changed,
        last_modified=changed,
        start=row.expiry_day,
        end=row.expiry_day + _DAY,
        transparency="TRANSPARENT",
        classification="PRIVATE",
        summary=_summary(row, made.today),
        description="\n".join(_description(row, link)),
        url=link,
    )


def _summary(row: Row[Any], today: date) -> str:
    left = (row.expiry_day - today).days
    if left < 0:
        days = ngettext("%(num)s day late", "%(num)s days late", -left)
    elif left == 0:
        days = _("expires today")
    else:
        days = ngettext("%(num)s day left", "%(num)s days left", left)
    what = what_of(row._mapping)  # noqa: SLF001 - the documented row view
    return _("%(what)s: %(days)s", what=what, days=days)


def _description(row: Row[Any], link: str) -> Iterator[str]:
    yield _("State: %(state)s", state=label("renewal_state", row.state))
    yield asked_in(row.state, row.occasion)
    if row.state == "returned" and row.reason:
        yield _("The desk says: %(reason)s", reason=row.reason)
    yield _("VIN: %(vin)s", vin=row.vin)
    yield link
