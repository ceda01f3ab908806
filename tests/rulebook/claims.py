"""Builders of claims with honest defaults: each is payable as it stands."""

from datetime import date
from decimal import Decimal
from typing import Any

from fleet.rulebook.reimbursement import Claim, Decision, Facts, PolicyFacts, decide
from fleet.words import Days
from tests import make

OURS = "91CREDITCODEOFOURS"
DESIGNATED = Days(date(2012, 1, 1))
PREMIUM = Decimal(3000)


def claim(**overrides: Any) -> Claim:
    """Return a company's claim of a commercial premium of 3,000 yuan."""
    defaults: dict[str, Any] = {
        "company_code": "C1",
        "company_region": "EAST",
        "company_credit_code": OURS,
        "policy_number": "COM-20260302",
        "insurer": "INS",
        "invoice_key": "26317000000000000001",
        "invoice_total": PREMIUM,
        "vehicle_tax": None,
        "late_fee": None,
        "buyer_credit_code": OURS,
        "amount": PREMIUM,
    }
    return Claim(**(defaults | overrides))


def on_record(**overrides: Any) -> PolicyFacts:
    """Return the policy claimed for: commercial, approved, of a designated insurer."""
    policy = overrides.get("policy", make.commercial())
    defaults: dict[str, Any] = {
        "policy": policy,
        "insurer_code": "INS",
        "premium": PREMIUM,
        "vehicle_tax": None,
        "late_fee": None,
        "approved": True,
        "vehicle": make.vehicle(),
        "vehicle_policies": (policy,),
        "holdings": (("C1", Days(date(2010, 1, 1))),),
        "designations": (DESIGNATED,),
    }
    return PolicyFacts(**(defaults | overrides))


def decision(
    asked: Claim | None = None, record: PolicyFacts | None = None, **more: Any
) -> Decision:
    """Decide a claim against a policy on record, each a payable one unless told."""
    facts = Facts(asked or claim(), record or on_record(), **more)
    return decide(facts, make.book())


def reasons(found: Decision) -> list[str]:
    """Return the codes of a decision's reasons."""
    return [reason.code for reason in found.reasons]
