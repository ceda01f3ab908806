"""Vehicles and their standing over HTTP; a standing is known only here, above the register."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from marshmallow import Schema, ValidationError, fields, validate
from sqlalchemy import Row

from fleet.policies import queries
from fleet.policies.answers import standing_answer, timelines
from fleet.policies.facts import facts_of
from fleet.rulebook.cover import STANDINGS
from fleet.vehicles.service import company_of, vehicle_of
from fleet.vehicles.tables import Vehicle
from fleet.web import clock, lists, moments
from fleet.web.access import May, needs
from fleet.web.api import DAY, NO_NUL, PageQuery, blueprint
from fleet.web.errors import NotFound

calls = blueprint("policies", "Vehicles")

_CODE = validate.Length(max=40)
_MOMENT = (
    f"^(19|20)[0-9]{{2}}-{DAY}"
    r"(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?(Z|[-+](0[0-9]|1[0-2]):[0-5][0-9])?)?$"
)


class Moment(fields.String):
    """An instant as `2026-03-02` (that day's local noon), `2026-03-02T18:03`, or with an offset."""

    def __init__(self) -> None:
        super().__init__(metadata={"example": "2026-03-02T18:03", "pattern": _MOMENT})

    def _deserialize(self, value: Any, attr: Any, data: Any, **options: Any) -> Any:
        text: str = super()._deserialize(value, attr, data, **options).strip()
        if "T" in text:  # the bare + of an offset arrives from a query as a blank
            text = text.replace(" ", "+")
        try:
            return moments.parse(text, clock.zone())
        except ValueError as error:
            raise ValidationError(_("An instant is asked, such as 2026-03-02T18:03.")) from error


class OnQuery(Schema):
    """The moment asked about; the present one where it is not given."""

    on = Moment()


class SummaryQuery(OnQuery):
    """A moment, and codes of a company or a region."""

    company = fields.String(load_default="", validate=_CODE, metadata=NO_NUL)
    region = fields.String(load_default="", validate=_CODE, metadata=NO_NUL)


class VehiclesQuery(PageQuery):
    """Which vehicles are asked for; `q` is a part of plate, VIN or policy number."""

    on = Moment()
    company = fields.String(load_default="", validate=_CODE, metadata=NO_NUL)
    region = fields.String(load_default="", validate=_CODE, metadata=NO_NUL)
    type = fields.String(load_default="", validate=_CODE, metadata=NO_NUL)
    standing = fields.String(load_default="", validate=validate.OneOf(("", *STANDINGS)))
    q = fields.String(load_default="", validate=validate.Length(max=64), metadata=NO_NUL)


class FindingSchema(Schema):
    """A shortfall; `found` and `required` are neutral values, null where nothing is told."""

    code = fields.String(required=True)
    clause = fields.String(required=True)
    found = fields.String(required=True, allow_none=True)
    required = fields.String(required=True, allow_none=True)


class StepSchema(Schema):
    """A standing and the step it lies in; `since`/`until` are null where it has no bound."""

    standing = fields.String(required=True, validate=validate.OneOf(STANDINGS))
    since = fields.String(required=True, allow_none=True)
    until = fields.String(required=True, allow_none=True)
    shortfalls = fields.List(fields.Nested(FindingSchema), required=True)
    spared = fields.List(fields.Nested(FindingSchema), required=True)
    rulebook_since = fields.String(required=True, allow_none=True)


class StandingSchema(StepSchema):
    """A vehicle's standing at a moment."""

    vin = fields.String(required=True)
    on = fields.String(required=True)


class TimelineSchema(Schema):
    """Every step of a vehicle, oldest first."""

    vin = fields.String(required=True)
    steps = fields.List(fields.Nested(StepSchema), required=True)


class CountsSchema(Schema):
    """How many vehicles have which standing."""

    compliant = fields.Integer(required=True)
    short = fields.Integer(required=True)
    barred = fields.Integer(required=True)
    spared = fields.Integer(required=True)
    not_asked = fields.Integer(required=True)
    out_of_service = fields.Integer(required=True)


class SummarySchema(Schema):
    """The standings of a fleet at a moment."""

    on = fields.String(required=True)
    counts = fields.Nested(CountsSchema, required=True)


class VehicleSchema(Schema):
    """A vehicle with its standing at the moment asked about; `shortfalls` are codes."""

    vin = fields.String(required=True)
    plate = fields.String(required=True, allow_none=True)
    vehicle_type = fields.String(required=True)
    company = fields.String(required=True)
    region = fields.String(required=True)
    seats = fields.Integer(required=True)
    energy = fields.String(required=True)
    brand_model = fields.String(required=True, allow_none=True)
    engine_number = fields.String(required=True, allow_none=True)
    first_registered = fields.Date(required=True, allow_none=True)
    in_service_since = fields.Date(required=True)
    in_service_until = fields.Date(required=True, allow_none=True)
    on = fields.String(required=True)
    standing = fields.String(required=True, allow_none=True)
    shortfalls = fields.List(fields.String(), required=True)


class VehiclesSchema(Schema):
    """A page of vehicles."""

    items = fields.List(fields.Nested(VehicleSchema), required=True)
    total = fields.Integer(required=True)
    page = fields.Integer(required=True)
    page_size = fields.Integer(required=True)


@calls.get("/vehicles")
@needs(May.READ)
@calls.arguments(VehiclesQuery, location="query")
@calls.response(200, VehiclesSchema)
def vehicles(query: dict[str, Any]) -> dict[str, Any]:
    """Vehicles with their standing at a moment, by VIN."""
    page, size, at = query.pop("page"), query.pop("page_size"), query.pop("on", clock.now())
    _in_scope(query)
    wanted = queries.Wanted(at=at, zone=clock.zone(), **query)
    asked = lists.Asked(queries.VEHICLE_SORTS, "vin", page=page, page_size=size)
    counted = queries.vehicle_count(wanted)
    found = lists.fetch(queries.vehicles(wanted), asked, scalars=False, counted=counted)
    # A page beyond the last is empty here: a program that walks pages must come to an end.
    items = [_vehicle(row, at) for row in found.items] if found.page == page else []
    return {"items": items, "total": found.total, "page": page, "page_size": size}


@calls.get("/vehicles/<string:vin>")
@needs(May.READ)
@calls.arguments(OnQuery, location="query")
@calls.response(200, VehicleSchema)
def vehicle(query: dict[str, Any], vin: str) -> dict[str, Any]:
    """One vehicle with its standing at a moment."""
    found, at = vehicle_of(vin.upper()), query.get("on", clock.now())
    told = standing_answer(facts_of(found.id), at)
    codes = sorted(one["code"] for one in told["shortfalls"])
    return {**_columns(found), **_standing(told["standing"], codes, at)}


@calls.get("/vehicles/<string:vin>/standing")
@needs(May.READ)
@calls.arguments(OnQuery, location="query")
@calls.response(200, StandingSchema)
def standing(query: dict[str, Any], vin: str) -> dict[str, Any]:
    """Whether a vehicle may be used at a moment, and why not, by clause."""
    return standing_answer(facts_of(vehicle_of(vin.upper()).id), query.get("on", clock.now()))


@calls.get("/vehicles/<string:vin>/timeline")
@needs(May.READ)
@calls.response(200, TimelineSchema)
def timeline(vin: str) -> dict[str, Any]:
    """Every step of a vehicle's standing, past and to come."""
    return next(timelines([vehicle_of(vin.upper()).id]))


@calls.get("/standing/summary")
@needs(May.READ)
@calls.arguments(SummaryQuery, location="query")
@calls.response(200, SummarySchema)
def summary(query: dict[str, Any]) -> dict[str, Any]:
    """How many vehicles have which standing at a moment."""
    at = query.get("on", clock.now())
    _in_scope(query)
    counts = queries.summary(at, query["company"], query["region"])
    return {"on": moments.instant(at, clock.zone()), "counts": counts}


def _in_scope(query: dict[str, Any]) -> None:
    """Answer 404 for a company or region that is not there, or not the caller's to see."""
    if query["company"]:
        company_of(query["company"])
    if query["region"] and query["region"] not in dict(queries.regions_offered()):
        raise NotFound(_("region"))


def _vehicle(row: Row[Any], at: datetime) -> dict[str, Any]:
    found, standing, shortfalls, _until = row
    return {**_columns(found), **_standing(standing, (shortfalls or "").split(), at)}


def _columns(found: Vehicle) -> dict[str, Any]:
    names = ("vin", "plate", "vehicle_type", "seats", "energy", "brand_model", "engine_number")
    days = ("first_registered", "in_service_since", "in_service_until")
    return {
        **{name: getattr(found, name) for name in (*names, *days)},
        "company": found.company.code,
        "region": found.company.region.code,
    }


def _standing(standing: str | None, codes: list[str], at: datetime) -> dict[str, Any]:
    on = moments.instant(at, clock.zone())
    return {"on": on, "standing": standing, "shortfalls": codes}
