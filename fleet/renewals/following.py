"""Facts that end a request at once: a policy recorded, a lay-up, a leaving of the fleet.

At the end of each verb the open requests of the vehicles that it changed are looked at, in its
own transaction, so that nobody waits for the night. What moves an expiry day is left to the
daily job, which opens the need's new request in the same breath.
"""

from __future__ import annotations

from flask import current_app
from sqlalchemy.orm import Session

from fleet.policies.steps import rewritten
from fleet.renewals.daily import line_of, write_ended
from fleet.renewals.finding import Day, endings_of, gone
from fleet.renewals.rules import EXPIRY_CHANGED
from fleet.storage import Deed, follows
from fleet.words import local_day


@follows
def _follow(session: Session, deed: Deed) -> None:
    if vehicle_ids := rewritten(session):
        _decide(vehicle_ids, deed)


def _decide(vehicle_ids: set[int], deed: Deed) -> None:
    book = current_app.extensions["rulebook"]
    day = Day(local_day(deed.at, book.zone), book, deed.at)
    endings = [one for one in endings_of(gone(day, vehicle_ids), day) if one.why != EXPIRY_CHANGED]
    if endings:
        write_ended(endings, day, deed.by)
        deed.note(table="cover_requests", closed=[line_of(one, day) for one in endings])
