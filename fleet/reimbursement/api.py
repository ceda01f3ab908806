"""Reimbursement over HTTP: check, record, read and pay claims."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, TypeGuard

from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError, fields, missing, post_load, validate
from marshmallow.exceptions import SCHEMA

from fleet.reimbursement import attachment_api, rules, sheet_api
from fleet.reimbursement.refusals import KeyUnreadable
from fleet.reimbursement.reversing import reverse
from fleet.reimbursement.rules import REVERSALS, Asked, Why
from fleet.reimbursement.service import (
    Once,
    Wanted,
    check,
    claim_with_decisions,
    page_of,
    pay,
    record,
    record_once,
    shown,
)
from fleet.reimbursement.tables import STATES, Claim
from fleet.rulebook.reimbursement import Decision
from fleet.vehicles.service import company_of
from fleet.web import access, clock, moments
from fleet.web.access import May
from fleet.web.api import DAY, NO_NUL, PageQuery, blueprint, first
from fleet.web.errors import Refusal, problem
from fleet.web.findings import explain

calls = blueprint("reimbursement", "Whether a premium may be reimbursed")
more = (sheet_api.calls, attachment_api.calls)
KEY = "Idempotency-Key"
LONGEST_KEY = 255


# What comes in


_ASCII = r'[!-"$-~][!-~]'
# A text does not begin with a blank. U+0085 is one to us, but not to the \s of JSON Schema.
_TEXT = r"[^#\s\x00-\x1f\x7f\x85][^\x00-\x1f\x7f]"
_UNSPOILT = rf"(?!({rules.SPOILT})\s*$)"
_PATTERNS = {
    **dict.fromkeys(rules.MONEY, "[-+]?[0-9]{1,10}([.][0-9]{1,2})?"),
    "invoice_date": f"(19[1-9][0-9]|20[0-9]{{2}})-{DAY}",
    "invoice_number": f"{_UNSPOILT}{_ASCII}{{0,39}}",
    "invoice_code": f"{_UNSPOILT}{_ASCII}{{0,19}}",
    "policy_number": f"{_UNSPOILT}{_TEXT}{{0,63}}",
}


def _form(column: str, *, required: bool) -> dict[str, Any]:
    """How a field is best written; more is read, such as `1,270.00` or a day with dots."""
    said = _PATTERNS.get(column, f"{_TEXT}{{0,39}}")
    text = {"type": "string", "pattern": f"^({said})$" if required else f"^({said})?$"}
    if column not in rules.MONEY:
        return text
    most = int(rules.MOST_YUAN) - 1
    number = {"type": "number", "minimum": -most, "maximum": most, "multipleOf": 0.01}
    return {"anyOf": [number, text]}


class Said(fields.Field):
    """A field of a claim, read as a cell of a sheet of claims is read."""

    def __init__(self, column: str, example: str, *, required: bool = False) -> None:
        form = _form(column, required=required) | {"example": example}
        super().__init__(required=required, allow_none=not required, metadata=form)
        self.column = column

    def _numeric(self, value: object) -> TypeGuard[float]:
        money = self.column in rules.MONEY and isinstance(value, int | float)
        return money and not isinstance(value, bool)

    def read(self, value: object) -> Any:
        """The field as it is kept; ValidationError where it is missing or not what it should be."""
        if value is None or value is missing:
            if self.required:
                raise self.make_error("required" if value is missing else "null")
            return None
        if not isinstance(value, str) and not self._numeric(value):
            raise ValidationError("Not a valid value.")
        try:
            kept = rules.keep(self.column, value)
        except rules.CannotRead as error:
            raise ValidationError("Not a valid value.") from error
        if kept is None and self.required:
            raise self.make_error("required")
        return kept


class Note(fields.String):
    """A line of text, kept as it stands without the blanks around it."""

    def _deserialize(self, value: object, attr: str | None, data: Any, **more: Any) -> Any:
        try:
            said = rules.text(super()._deserialize(value, attr, data, **more))
        except rules.CannotRead as error:
            raise ValidationError("Not a valid value.") from error
        if not 0 < len(said) <= rules.LONGEST_NOTE:
            raise ValidationError("From 1 to 200 characters.")
        return said


class ClaimBody(Schema):
    """A claim as it is handed in; money is yuan, company and insurer are codes."""

    company = Said("company", "DEMO-02", required=True)
    policy_number = Said("policy_number", "DEMO0000000000000001", required=True)
    insurer = Said("insurer", "DEMO-A")
    invoice_code = Said("invoice_code", "999000000011")
    invoice_number = Said("invoice_number", "12345678", required=True)
    invoice_date = Said("invoice_date", "2026-03-02")
    invoice_total = Said("invoice_total", "950.00")
    vehicle_tax = Said("vehicle_tax", "300.00")
    late_fee = Said("late_fee", "0")
    buyer_credit_code = Said("buyer_credit_code", "91310000000000000X")
    amount = Said("amount", "1250.00", required=True)

    def load(self, data: Any, **_options: Any) -> Asked:
        """The claim as the service takes it; ValidationError names every field that is wrong.

        Past marshmallow's own way through a schema, which takes longer than deciding the claim.
        """
        if not isinstance(data, dict):
            raise ValidationError({SCHEMA: ["Invalid input type."]})
        wrong: dict[str, Any] = {name: ["Unknown field."] for name in data.keys() - self.fields}
        kept: dict[str, Any] = {}
        for name, said in self.fields.items():
            try:
                kept[name] = said.read(data.get(name, missing))
            except ValidationError as error:
                wrong[name] = error.messages
        if wrong:
            raise ValidationError(wrong)
        return Asked(**kept)


class ReversalBody(Schema):
    """Why a claim is reversed; `note` is the red invoice's number, or where the refund came in."""

    reason = fields.String(required=True, validate=validate.OneOf(REVERSALS))
    note = Note(
        required=True,
        metadata={"example": "26992000000123456788", "pattern": f"^{_TEXT}{{0,199}}$"},
    )

    @post_load
    def make(self, values: dict[str, str], **_more: Any) -> Why:
        """The reason as the service takes it."""
        return Why(**values)


class ListQuery(PageQuery):
    """Which claims are listed."""

    company = fields.String(validate=validate.Length(max=40), metadata=NO_NUL)
    state = fields.String(validate=validate.OneOf(STATES))
    q = fields.String(validate=validate.Length(max=64), metadata=NO_NUL)


class KeyHeader(Schema):
    """The caller's own key of a request that may be repeated."""

    key = fields.String(
        data_key=KEY,
        validate=validate.Length(max=LONGEST_KEY),
        metadata={"pattern": "^[ -~]*$"},
    )


# What goes out


class ReasonAnswer(Schema):
    """Why a claim is not paid; `clause` is null for a reason the rule has no clause for."""

    code = fields.String(required=True)
    clause = fields.String(required=True, allow_none=True)
    effect = fields.String(required=True)
    found = fields.String(required=True, allow_none=True)
    required = fields.String(required=True, allow_none=True)
    message = fields.String(required=True)
    shortfalls = fields.List(fields.Dict())


class CheckAnswer(Schema):
    """A decision; nothing was recorded."""

    decision = fields.String(required=True)
    reasons = fields.List(fields.Nested(ReasonAnswer), required=True)
    policy_number = fields.String(required=True)
    decided_at = fields.String(required=True)


class ClaimAnswer(Schema):
    """A recorded claim; money is yuan as text."""

    id = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(STATES))
    company = fields.String(required=True)
    policy_number = fields.String(required=True)
    insurer = fields.String(allow_none=True)
    invoice_code = fields.String(allow_none=True)
    invoice_number = fields.String(required=True)
    invoice_date = fields.String(allow_none=True)
    invoice_total = fields.String(allow_none=True)
    vehicle_tax = fields.String(allow_none=True)
    late_fee = fields.String(allow_none=True)
    buyer_credit_code = fields.String(allow_none=True)
    amount = fields.String(required=True)
    recorded_at = fields.String(required=True)
    recorded_by = fields.String(required=True)
    paid_at = fields.String(allow_none=True)
    paid_by = fields.String(allow_none=True)
    reversed_at = fields.String(allow_none=True)
    reversed_by = fields.String(allow_none=True)
    reversed_for = fields.String(allow_none=True)
    reversal_note = fields.String(allow_none=True)


class DecidedAnswer(ClaimAnswer):
    """A recorded claim with its latest decision."""

    decision = fields.String(required=True)
    reasons = fields.List(fields.Nested(ReasonAnswer), required=True)
    decided_at = fields.String(required=True)


class ListAnswer(Schema):
    """A page of claims, the latest recorded first."""

    items = fields.List(fields.Nested(ClaimAnswer), required=True)
    total = fields.Integer(required=True)
    page = fields.Integer(required=True)
    page_size = fields.Integer(required=True)


def reason_answer(kept: dict[str, Any]) -> dict[str, Any]:
    """A kept reason, with its words in the reader's language."""
    answer = {
        "code": kept["code"],
        "clause": kept["clause"] or None,
        "effect": kept["effect"],
        "found": kept["found"],
        "required": kept["required"],
        "message": explain(kept).message,
    }
    if "shortfalls" in kept:
        answer["shortfalls"] = [
            {name: short[name] for name in ("code", "clause", "found", "required")}
            for short in kept["shortfalls"]
        ]
    return answer


def reasons_answer(decision: Decision) -> list[dict[str, Any]]:
    """Every reason of a decision just made."""
    return [reason_answer(kept) for kept in shown(rules.kept_reasons(decision))]


def claim_answer(claim: Claim) -> dict[str, Any]:
    """A recorded claim as the API gives it."""
    zone = clock.zone()
    columns = {
        name: rules.plain(getattr(claim, name)) for name in rules.COLUMNS if name != "company"
    }
    return {
        "id": claim.id,
        "state": claim.state,
        "company": claim.company.code,
        **columns,
        "recorded_at": moments.instant(claim.recorded_at, zone),
        "recorded_by": claim.recorded_by,
        "paid_at": moments.instant(claim.paid_at, zone),
        "paid_by": claim.paid_by,
        "reversed_at": moments.instant(claim.reversed_at, zone),
        "reversed_by": claim.reversed_by,
        "reversed_for": claim.reversed_for,
        "reversal_note": claim.reversal_note,
    }


def decided_answer(claim: Claim) -> dict[str, Any]:
    """A recorded claim with its latest decision."""
    last = claim.decisions[-1]
    return {
        **claim_answer(claim),
        "decision": last.decision,
        "reasons": [reason_answer(kept) for kept in shown(last.reasons)],
        "decided_at": moments.instant(last.decided_at, clock.zone()),
    }


# The calls


@calls.route("/reimbursements/check", methods=["POST"])
@access.needs(May.CHECK_CLAIMS)
@calls.arguments(ClaimBody)
@calls.response(HTTPStatus.OK, CheckAnswer)
def check_claim(asked: Asked) -> Response:
    """Decide a claim and record nothing."""
    checked = check(asked, clock.now())
    return jsonify(
        decision=checked.decision.decision,
        reasons=reasons_answer(checked.decision),
        policy_number=asked.policy_number,
        decided_at=moments.instant(checked.decided_at, clock.zone()),
    )


@calls.route("/reimbursements", methods=["POST"])
@access.needs(May.RECORD_CLAIMS)
@calls.arguments(KeyHeader, location="headers", unknown="exclude")
@calls.arguments(ClaimBody)
@calls.response(HTTPStatus.CREATED, DecidedAnswer)
def record_claim(header: dict[str, str], asked: Asked) -> Response:
    """Record a claim and its decision; a repeated Idempotency-Key is answered as at first."""
    by, at = access.caller(), clock.now()
    key = header.get("key")
    if not key:
        return _answer(_recorded(record(asked, by.actor, at)))
    if not (key.isascii() and key.isprintable()):
        raise KeyUnreadable
    asked_of_us = rules.digest(request.method, request.path, request.get_json())
    once = Once(by.id, key, asked_of_us, _recorded, _refused)
    return _answer(record_once(asked, once, by.actor, at))


def _recorded(claim: Claim) -> tuple[int, dict[str, Any]]:
    return HTTPStatus.CREATED, decided_answer(claim)


def _refused(refusal: Refusal) -> tuple[int, dict[str, Any]]:
    body: dict[str, Any] = problem(refusal.status, refusal.message, code=refusal.code).get_json()
    return refusal.status, body


def _answer(made: tuple[int, dict[str, Any]]) -> Response:
    status, body = made
    answer = jsonify(body)
    answer.status_code = status
    if status == HTTPStatus.CREATED:
        answer.headers["Location"] = f"{request.path}/{body['id']}"
    else:
        answer.mimetype = "application/problem+json"
    return answer


@calls.route("/reimbursements/<int(max=2147483647):claim_id>/paid", methods=["POST"])
@access.needs(May.PAY_CLAIMS)
@calls.response(HTTPStatus.OK, DecidedAnswer)
def mark_paid(claim_id: int) -> dict[str, Any]:
    """Mark a payable claim paid, once; 409 where it is not payable, paid, or yours to record."""
    return decided_answer(pay(claim_id, access.caller().actor, clock.now()))


@calls.route("/reimbursements/<int(max=2147483647):claim_id>/reversed", methods=["POST"])
@access.needs(May.PAY_CLAIMS)
@first(claim_with_decisions)
@calls.arguments(ReversalBody)
@calls.response(HTTPStatus.OK, DecidedAnswer)
def reverse_claim(why: Why, claim_id: int) -> dict[str, Any]:
    """Reverse a payable or paid claim, once; 409 where it is neither, or reversed already."""
    return decided_answer(reverse(claim_id, why, access.caller().actor, clock.now()))


@calls.route("/reimbursements/<int(max=2147483647):claim_id>", methods=["GET"])
@access.needs(May.CHECK_CLAIMS)
@calls.response(HTTPStatus.OK, DecidedAnswer)
def read_claim(claim_id: int) -> dict[str, Any]:
    """A claim with its latest decision."""
    return decided_answer(claim_with_decisions(claim_id))


@calls.route("/reimbursements", methods=["GET"])
@access.needs(May.CHECK_CLAIMS)
@calls.arguments(ListQuery, location="query")
@calls.response(HTTPStatus.OK, ListAnswer)
def list_claims(query: dict[str, Any]) -> dict[str, Any]:
    """Claims of the caller's companies, the latest first."""
    if query.get("company"):
        company_of(query["company"])
    wanted = Wanted(company=query.get("company"), state=query.get("state"), text=query.get("q"))
    claims, total = page_of(wanted, query["page"], query["page_size"])
    return {
        "items": [claim_answer(claim) for claim in claims],
        "total": total,
        "page": query["page"],
        "page_size": query["page_size"],
    }
