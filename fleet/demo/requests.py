"""The demo group's requests, moved on as a company and a desk would: each state is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import cycle

from sqlalchemy import select

from fleet.demo.cast import DOMAIN
from fleet.people.tables import Company, Region, User
from fleet.renewals import rules, service
from fleet.renewals.moving import request_of
from fleet.renewals.rules import DUE, SOLD
from fleet.renewals.service import Prepared, prefill
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import Actor, db
from fleet.vehicles.tables import Vehicle

DESK_REGIONS = ("DEMO-N", "DEMO-E")
_STATES = (
    rules.DUE,
    rules.SUBMITTED,
    rules.PREPARED,
    rules.ACCEPTED,
    rules.PLACED,
    rules.RETURNED,
    rules.SUBMITTED,
    rules.ACCEPTED,
    rules.WITHDRAWN,
)
_MOVED_ON = {
    rules.PREPARED: (rules.PREPARE,),
    rules.SUBMITTED: (rules.PREPARE, rules.SUBMIT),
    rules.RETURNED: (rules.PREPARE, rules.SUBMIT, rules.RETURN),
    rules.ACCEPTED: (rules.PREPARE, rules.SUBMIT, rules.ACCEPT),
    rules.PLACED: (rules.PREPARE, rules.SUBMIT, rules.ACCEPT, rules.PLACE),
    rules.WITHDRAWN: (rules.WITHDRAW,),
}


def move_on(at: datetime) -> None:
    """Move the renewals of the demo desk's regions, a state after the other; done once."""
    company, desk = _person("company"), _person("desk")
    for request_id, state in zip(list(_waiting()), cycle(_STATES), strict=False):
        for move in _MOVED_ON.get(state, ()):
            _make(move, request_id, company, desk, at)


def _waiting() -> Iterator[int]:
    found = (
        select(CoverRequest.id)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .join(Company, Company.id == Vehicle.company_id)
        .join(Region, Region.id == Company.region_id)
        .where(Region.code.in_(DESK_REGIONS), CoverRequest.occasion == RENEWAL)
        .where(CoverRequest.state == DUE)
    )
    yield from db.session.scalars(found.order_by(Company.code, CoverRequest.id))


def _person(mailbox: str) -> Actor:
    email = f"{mailbox}@{DOMAIN}"
    return Actor(db.session.scalar(select(User.id).where(User.email == email)), email)


def _make(move: str, request_id: int, company: Actor, desk: Actor, at: datetime) -> None:
    if move == rules.PREPARE:
        request = request_of(request_id)
        asked = Prepared(lines=tuple(prefill(request, at)), contact="演示联系人")
        service.prepare(request_id, asked, version=request.version, by=company, at=at)
    elif move == rules.SUBMIT:
        service.submit([request_id], by=company, at=at)
    elif move == rules.ACCEPT:
        service.accept([request_id], by=desk, at=at)
    elif move == rules.RETURN:
        service.send_back([request_id], "演示：请核对行驶证座位数。", by=desk, at=at)
    elif move == rules.PLACE:
        service.place([request_id], "DEMO-A", by=desk, at=at)
    else:
        service.withdraw([request_id], SOLD, "演示：已签转让协议。", by=company, at=at)
