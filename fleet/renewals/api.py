"""Renewals over HTTP."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate
from sqlalchemy import func, select

from fleet.renewals.oa_api import approvals
from fleet.renewals.queries import Wanted, listed
from fleet.renewals.rules import OPEN, STATES
from fleet.rulebook.book import KINDS
from fleet.rulebook.renewal import OCCASIONS, RENEWAL
from fleet.storage import db
from fleet.vehicles.service import company_of
from fleet.web import clock
from fleet.web.access import May, needs
from fleet.web.api import NO_NUL, PageQuery, blueprint

calls = blueprint("renewals", "Renewals")
more = (approvals,)
OPEN_ONES = "open"


class RenewalsQuery(PageQuery):
    """Which renewals are asked for; days inclusive, `company` and `region` are codes."""

    state = fields.String(validate=validate.OneOf((OPEN_ONES, *STATES)))
    occasion = fields.String(
        load_default=RENEWAL,
        validate=validate.OneOf(OCCASIONS),
        metadata={"description": "`renewal` (3.3), or `new` for a vehicle's first cover (3.2)"},
    )
    kind = fields.String(validate=validate.OneOf(KINDS))
    company = fields.String(validate=validate.Length(max=40), metadata=NO_NUL)
    region = fields.String(validate=validate.Length(max=40), metadata=NO_NUL)
    opened_since = fields.Date()
    due_from = fields.Date()
    due_to = fields.Date()
    late = fields.Boolean(load_default=False)
    q = fields.String(validate=validate.Length(max=64), metadata=NO_NUL)


class RenewalSchema(Schema):
    """A renewal; `late` is told of an open one only."""

    id = fields.Integer(required=True)
    vin = fields.String(required=True)
    plate = fields.String(required=True, allow_none=True)
    company = fields.String(required=True)
    kind = fields.String(required=True)
    occasion = fields.String(required=True)
    policy_number = fields.String(required=True, allow_none=True)
    expiry_day = fields.Date(required=True)
    opens_on = fields.Date(required=True)
    opened_on = fields.Date(required=True)
    closed_on = fields.Date(required=True, allow_none=True)
    state = fields.String(required=True)
    late = fields.Boolean(required=True)


class RenewalsSchema(Schema):
    """A page of renewals."""

    items = fields.List(fields.Nested(RenewalSchema), required=True)
    total = fields.Integer(required=True)
    page = fields.Integer(required=True)
    page_size = fields.Integer(required=True)


@calls.get("/renewals")
@needs(May.READ)
@calls.arguments(RenewalsQuery, location="query")
@calls.response(200, RenewalsSchema)
def renewals(query: dict[str, Any]) -> dict[str, Any]:
    """Renewals by expiry day, those opened and those closed."""
    page, size = query.pop("page"), query.pop("page_size")
    if query.get("company"):
        company_of(query["company"])
    today = clock.today()
    state = query.pop("state", None)
    states = OPEN if state == OPEN_ONES else (state,) if state else ()
    wanted = listed(Wanted(states=states, **query), today)
    total = db.session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    rows = db.session.execute(
        wanted.order_by("expiry_day", "vin", "kind").limit(size).offset((page - 1) * size)
    )
    items = [
        {**row._mapping, "late": row.state in OPEN and row.expiry_day < today}  # noqa: SLF001 - the documented row view
        for row in rows
    ]
    return {"items": items, "total": total, "page": page, "page_size": size}
