"""What the tables and values of the history are called on its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from fleet.reports.rules import Change, Value, told_of
from fleet.web.words import label

TABLES: Mapping[str, LazyString] = {
    "api_tokens": _l("token"),
    "calendar_feeds": _l("calendar address"),
    "claims": _l("claim"),
    "companies": _l("company"),
    "cover_lines": _l("cover line"),
    "cover_steps": _l("timelines"),
    "decisions": _l("decision"),
    "designations": _l("designation"),
    "endorsements": _l("endorsement"),
    "grants": _l("role given"),
    "holdings": _l("holding"),
    "insurers": _l("insurer"),
    "lay_ups": _l("lay-up"),
    "notice_digests": _l("digest of notices"),
    "notice_preferences": _l("ways to be told"),
    "notice_snoozes": _l("snooze"),
    "notices": _l("notices"),
    "policies": _l("policy"),
    "regions": _l("region"),
    "renewals": _l("renewals"),
    "approvals": _l("approval"),
    "asked_covers": _l("cover asked for"),
    "cover_requests": _l("request for cover"),
    "placements": _l("placement"),
    "reversed_invoices": _l("reversed invoice"),
    "uploads": _l("upload"),
    "users": _l("user"),
    "vehicle_plates": _l("number plate"),
    "vehicle_types": _l("kind of vehicle"),
    "vehicles": _l("vehicle"),
}
VALUES: Mapping[str, LazyString] = {
    "absolute_deductible_amount": _l("Absolute deductible amount"),
    "absolute_deductible_rate": _l("Absolute deductible rate"),
    "active": _l("May sign in"),
    "amount": _l("Amount claimed"),
    "approval_id": _l("OA approval"),
    "approval_number": _l("Approval number"),
    "approver": _l("Approver"),
    "asked_from": _l("Asked from"),
    "at": _l("At"),
    "begins": _l("Begins"),
    "brand_model": _l("Brand and model"),
    "buyer_credit_code": _l("Buyer's credit code"),
    "cancelled_at": _l("Cancelled at"),
    "chat": _l("Chat"),
    "chat_service": _l("Chat service"),
    "claim_id": _l("Claim"),
    "closed": _l("Closed"),
    "closed_on": _l("Closed on"),
    "code": _l("Code"),
    "company_id": _l("Company"),
    "contact": _l("Contact"),
    "cover": _l("Cover"),
    "covers_until": _l("Covers until"),
    "created_at": _l("Made"),
    "credit_code": _l("Credit code"),
    "decided_at": _l("Decided at"),
    "decided_by": _l("Decided by"),
    "decided_on": _l("Decided on"),
    "decision": _l("Decision"),
    "deductible_rate": _l("Deductible rate"),
    "digest": _l("Digest"),
    "effective_at": _l("Takes effect"),
    "email": _l("E-mail address"),
    "ends": _l("Ends"),
    "energy": _l("Energy"),
    "engine_number": _l("Engine number"),
    "expected_premium": _l("Expected premium"),
    "expected_tax": _l("Expected vehicle tax"),
    "expiry_day": _l("Expiry day"),
    "facts_digest": _l("Digest of the facts"),
    "first_registered": _l("First registered"),
    "followed_by": _l("Following policy"),
    "hotline": _l("Hotline"),
    "id": _l("Number"),
    "in_service_since": _l("In service since"),
    "in_service_until": _l("In service until"),
    "insurer": _l("Insurer"),
    "insurer_id": _l("Insurer"),
    "invoice_code": _l("Invoice code"),
    "invoice_date": _l("Invoice date"),
    "invoice_key": _l("Invoice"),
    "invoice_number": _l("Invoice number"),
    "invoice_total": _l("Invoice total"),
    "kind": _l("Kind"),
    "language": _l("Language"),
    "late_fee": _l("Late fee"),
    "left_out": _l("Rows left out"),
    "mail": _l("Mail"),
    "name": _l("Name"),
    "new_closed": _l("New cover, closed"),
    "new_opened": _l("New cover, opened"),
    "note": _l("Note"),
    "notice_id": _l("Notice"),
    "number": _l("Endorsement number"),
    "occasion": _l("Occasion"),
    "opened": _l("Opened"),
    "opened_on": _l("Opened on"),
    "opens_on": _l("Opens on"),
    "paid_at": _l("Paid at"),
    "paid_by": _l("Paid by"),
    "placed_at": _l("Placed at"),
    "placed_by": _l("Placed by"),
    "placed_on": _l("Placed on"),
    "placement_id": _l("Placement"),
    "plate": _l("Plate"),
    "policy_id": _l("Policy"),
    "policy_number": _l("Policy number"),
    "premium": _l("Premium"),
    "read": _l("Read"),
    "read_until": _l("Read until"),
    "reason": _l("Reason"),
    "reasons": _l("Reasons"),
    "received_at": _l("Received"),
    "recorded_at": _l("Recorded"),
    "recorded_by": _l("Recorded by"),
    "region_id": _l("Region"),
    "repair_restricted": _l("Repair restricted"),
    "request_id": _l("Request"),
    "revoked_at": _l("Revoked at"),
    "role_id": _l("Role"),
    "rulebook_since": _l("Rulebook"),
    "seats": _l("Seats"),
    "sheets": _l("Rows by sheet"),
    "signed_on": _l("Signed on"),
    "since": _l("Since"),
    "state": _l("State"),
    "steps": _l("Steps"),
    "subject": _l("Subject"),
    "sum_insured": _l("Sum insured"),
    "tax_exempt": _l("Tax exempt"),
    "terms": _l("Terms"),
    "tried_again": _l("Tried again"),
    "typed": _l("Typed in"),
    "until": _l("Until"),
    "user_id": _l("user"),
    "vehicle_id": _l("Vehicle"),
    "vehicle_tax": _l("Vehicle tax"),
    "vehicle_type": _l("Vehicle type"),
    "vehicles": _l("Vehicles"),
    "version": _l("Version"),
    "vin": _l("VIN"),
    "withdrawn_for": _l("Withdrawn because"),
}


# Which vocabulary words a column's codes, by table and column; of a column alone in any table.
CODES: Mapping[str, str] = {
    "claims.state": "claim_state",
    "chat_service": "chat_service",
    "cover": "cover",
    "decided_by": "actor",
    "decision": "decision",
    "energy": "energy",
    "insurers.kind": "insurer_kind",
    "paid_by": "actor",
    "policies.kind": "kind",
    "recorded_by": "actor",
    "cover_requests.kind": "kind",
    "cover_requests.state": "renewal_state",
    "approvals.state": "approval_state",
    "occasion": "occasion",
    "renewals.kind": "kind",
    "renewals.state": "renewal_state",
    "terms": "terms",
    "vehicle_type": "vehicle_type",
    "withdrawn_for": "withdrawn_for",
}


def in_words(stored: str) -> Sequence[Change]:
    """An entry's changes with their tables and values named; a code without words stays."""
    return [
        replace(
            change,
            table=str(TABLES.get(change.table, change.table)),
            values=tuple(_named(change.table, value) for value in change.values),
        )
        for change in told_of(stored)
    ]


def _named(table: str, value: Value) -> Value:
    vocabulary = CODES.get(f"{table}.{value.name}") or CODES.get(value.name)
    name = str(VALUES.get(value.name, value.name))
    if vocabulary is None:
        return replace(value, name=name)
    before = value.before and label(vocabulary, value.before)
    return Value(name, before, value.after and label(vocabulary, value.after))
