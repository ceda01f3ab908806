"""The OA's callback: known by its signature alone, which is judged before the body is read."""

from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from flask import current_app, request
from marshmallow import Schema, ValidationError, fields, validate, validates_schema
from werkzeug.exceptions import RequestEntityTooLarge

from fleet.renewals import oa, refusals
from fleet.renewals.callback import Named, Word, nonce_used, refuse, take
from fleet.renewals.hearing import EVENTS, Approved
from fleet.renewals.oa_tables import ANSWERED
from fleet.renewals.tables import APPROVAL_GIVEN
from fleet.rulebook.book import KINDS
from fleet.web import clock
from fleet.web.access import public
from fleet.web.api import blueprint
from fleet.web.errors import Refusal, raw
from fleet.words import local_day

approvals = blueprint("oa", "What the OA decided on requests for cover")
MOST_REQUESTS = 1_000
LARGEST_ID = 2**31 - 1
EARLIEST = date(2000, 1, 1)


# What comes in


class Line(fields.String):
    """A text on one line, its blanks single; nothing in it that no database keeps."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> str:
        text = " ".join(super()._deserialize(value, attr, data, **more).split())
        if not text and self.required:
            raise ValidationError("Missing data for required field.")
        if any(unicodedata.category(one) in {"Cc", "Cs"} for one in text):
            raise ValidationError("Not a valid string.")
        return text


class NamedRequest(Schema):
    """A vehicle's open request for a kind of policy."""

    vin = Line(required=True, validate=validate.Length(max=40))
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))


class RequestField(fields.Field):
    """A request by our number, or by VIN and kind."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_more: Any) -> Named:
        del attr, data
        if isinstance(value, dict):
            named = NamedRequest().load(value)
            return Named(None, named["vin"].upper(), named["kind"])
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= LARGEST_ID:
            raise ValidationError("A number of ours or {vin, kind} is asked for.")
        return Named(value)


_REQUEST_FORM = {
    "oneOf": [
        {"type": "integer", "minimum": 1, "maximum": LARGEST_ID},
        {
            "type": "object",
            "required": ["vin", "kind"],
            "properties": {
                "vin": {"type": "string"},
                "kind": {"type": "string", "enum": list(KINDS)},
            },
        },
    ]
}


class Decision(Schema):
    """What the OA decided, known by its own number.

    The latest decision of a number stands: by `occurred_at` where both tell it, else by
    `decided_on`; on a tie `withdrawn` before `rejected` before `approved`.
    """

    number = Line(required=True, validate=validate.Length(max=64))
    event = fields.String(required=True, validate=validate.OneOf(EVENTS))
    decided_on = fields.Date(required=True, validate=validate.Range(min=EARLIEST))
    occurred_at = fields.AwareDateTime(
        allow_none=True,
        metadata={"description": "The instant of the decision, with its offset from UTC"},
    )
    approver = Line(required=True, validate=validate.Length(max=120))
    reason = Line(allow_none=True, validate=validate.Length(max=500))
    requests = fields.List(
        RequestField(metadata=_REQUEST_FORM),
        validate=validate.Length(min=1, max=MOST_REQUESTS),
        metadata={"description": "May be left out unless approved: then all under the number"},
    )

    @validates_schema
    def complete(self, values: dict[str, Any], **_more: Any) -> None:
        """An approval says of what; nothing is decided in the future."""
        if values.get("event") == APPROVAL_GIVEN and not values.get("requests"):
            raise ValidationError("Missing data for required field.", "requests")
        at = clock.now()
        if (day := values.get("decided_on")) and day > local_day(at, clock.zone()):
            raise ValidationError("This day is still to come.", "decided_on")
        if instant := values.get("occurred_at"):
            _check_instant(instant, at)


def _check_instant(instant: datetime, at: datetime) -> None:
    # The year first: at either end of the calendar an offset cannot be reckoned with.
    if not EARLIEST.year < instant.year <= at.year + 1:
        raise ValidationError("Not a valid datetime.", "occurred_at")
    if instant > at + timedelta(seconds=oa.WINDOW_SECONDS):
        raise ValidationError("This instant is still to come.", "occurred_at")


# What goes out


class HeardRequest(Schema):
    """A request that the decision reached; `why` tells what is still to be done."""

    id = fields.Integer(required=True)
    vin = fields.String(required=True)
    kind = fields.String(required=True)
    before = fields.String(required=True)
    after = fields.String(required=True)
    why = fields.String(required=True, allow_none=True)


class LeftOutRequest(Schema):
    """A request that the decision did not reach, and why; `id` is null where it has none."""

    id = fields.Integer(required=True, allow_none=True)
    name = fields.String(required=True)
    why = fields.String(required=True)


class HeardDecision(Schema):
    """What a decision did. `outdated`: a later one of the number stands, nothing changed."""

    number = fields.String(required=True)
    event = fields.String(required=True)
    outcome = fields.String(required=True, validate=validate.OneOf(ANSWERED))
    moved = fields.List(fields.Nested(HeardRequest), required=True)
    kept = fields.List(fields.Nested(HeardRequest), required=True)
    left_out = fields.List(fields.Nested(LeftOutRequest), required=True)


def _header(name: str, pattern: str, text: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": True,
        "description": text,
        "schema": {"type": "string", "pattern": f"^{pattern}$"},
    }


_DOC: dict[str, Any] = {
    "security": [{"oa": []}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": Decision}}},
    "parameters": [
        _header(
            "X-Fleet-Timestamp",
            oa.TIMESTAMP.pattern,
            f"Unix seconds, within {oa.WINDOW_SECONDS} of our clock",
        ),
        _header(
            "X-Fleet-Nonce",
            oa.NONCE.pattern,
            "16 to 64 of A-Z a-z 0-9 _ -, another one for each call",
        ),
        _header(
            "X-Fleet-Signature",
            "[0-9A-Fa-f]{64}",
            'Hex HMAC-SHA256 over timestamp, "\\n", nonce, "\\n", body under the shared secret',
        ),
    ],
}


@approvals.post("/approvals")
@public
@raw
@approvals.doc(**_DOC)
@approvals.response(HTTPStatus.OK, HeardDecision)
@approvals.refusal(HTTPStatus.UNAUTHORIZED, "Unsigned, wrongly signed or stale")
@approvals.refusal(HTTPStatus.FORBIDDEN, "No secret is set: nobody is let in, send it again later")
@approvals.refusal(HTTPStatus.NOT_FOUND, "None of the requests is known")
@approvals.refusal(HTTPStatus.CONFLICT, "Replayed, or another decision stands")
@approvals.refusal(HTTPStatus.BAD_REQUEST, "Signed, but no JSON")
@approvals.refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Fields wrong, see `errors`")
@approvals.refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Larger than 64 kB")
def hear_decision() -> dict[str, Any]:
    """Take a decision of the OA on requests for cover; the same again is answered the same."""
    secrets, at = current_app.extensions["fleet_settings"].oa_secrets, clock.now()
    if not secrets:
        raise refusals.OaClosed
    call = _believed(secrets, at)
    digest = sha256(call.body).hexdigest()
    try:
        if nonce_used(call.nonce):
            raise refusals.NonceUsed  # noqa: TRY301 - noted below, as where it is found out later
        return take(_read(call), at=at)
    except refusals.NonceUsed as refusal:
        refuse(refusal.code, at=at, nonce=call.nonce)
        raise
    except (refusals.CallUnreadable, refusals.NoneKnown, refusals.AnotherApproval) as refusal:
        refuse(refusal.code, at=at, nonce=call.nonce, spent=digest)
        raise


def _believed(secrets: tuple[str, ...], at: datetime) -> oa.Call:
    """The call that came, where it is the OA's; what else comes is refused and noted."""
    try:
        call = _call()
    except RequestEntityTooLarge:
        refusal: Refusal = refusals.CallTooLarge(oa.MOST_BYTES)
        refuse(refusal.code, at=at)
        raise refusal from None
    if (why := oa.why_not(call, secrets, at)) is None:
        return call
    refusal = {
        oa.UNSIGNED: refusals.Unsigned,
        oa.BAD_SIGNATURE: refusals.BadSignature,
        oa.STALE: refusals.StaleCall,
    }[why]()
    refuse(refusal.code, at=at, nonce=call.nonce if why == oa.STALE else "")
    raise refusal


def _call() -> oa.Call:
    request.max_content_length = oa.MOST_BYTES
    names = ("X-Fleet-Timestamp", "X-Fleet-Nonce", "X-Fleet-Signature")
    return oa.Call(*(request.headers.get(name, "") for name in names), request.get_data())


def _read(call: oa.Call) -> Word:
    """What a signed call says; raises CallUnreadable."""
    try:
        said = json.loads(call.body)
    except (ValueError, RecursionError):
        raise refusals.CallUnreadable from None
    try:
        values = Decision().load(said)
    except ValidationError as error:
        raise refusals.CallUnreadable(error.normalized_messages()) from None
    return _word(call.nonce, values)


def _word(nonce: str, values: dict[str, Any]) -> Word:
    instant = values.get("occurred_at")
    approved = Approved(
        number=values["number"],
        decided_on=values["decided_on"],
        approver=values["approver"],
        state=values["event"],
        reason=values.get("reason") or None,
        typed=False,
        occurred_at=instant.astimezone(UTC) if instant else None,
    )
    requests = tuple(dict.fromkeys(values.get("requests") or ()))
    return Word(nonce, _digest(approved, requests), approved, requests)


def _digest(approved: Approved, requests: tuple[Named, ...]) -> str:
    """The SHA-256 of what is said: the order of keys and requests says nothing."""
    said = {
        "number": approved.number,
        "event": approved.state,
        "decided_on": approved.decided_on.isoformat(),
        "occurred_at": approved.occurred_at and approved.occurred_at.isoformat(),
        "approver": approved.approver,
        "reason": approved.reason,
        "requests": sorted(str(one) for one in requests),
    }
    return sha256(json.dumps(said).encode()).hexdigest()
