"""The company's rule on paying premiums back, worked out the long way from a sheet of claims."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.oracle.rule import RULE_DAY, codes_of_kind
from tests.oracle.workbook import Facts, Policy, Row, Vehicle, cell, day_or_none, money, spell_holds

ENTRY_WINDOW = timedelta(days=30)
CENT = Decimal("0.01")
REFUSALS = {
    "insurer_not_designated",
    "not_insurance",
    "invoice_already_claimed",
    "invoice_reversed",
    "premium_already_claimed",
    "buyer_not_company",
    "vehicle_not_company",
}


@dataclass
class Claim:
    company: str
    policy_number: str
    insurer: str
    invoice: tuple[str, str]
    invoice_total: Decimal | None
    vehicle_tax: Decimal
    late_fee: Decimal
    buyer: str
    amount: Decimal


def unreadable_columns(row: Row, facts: Facts) -> list[str]:
    """The columns of a claim that cannot be read."""
    bad = []
    if cell(row, "company") not in facts.company_region:
        bad.append("company")
    numbers = ("policy_number", "invoice_number")
    bad += [column for column in numbers if not is_a_number_as_printed(cell(row, column))]
    for column in ("amount", "invoice_total", "vehicle_tax", "late_fee"):
        try:
            value = money(cell(row, column))
        except ValueError:
            bad.append(column)
            continue
        if column == "amount" and value is None:
            bad.append(column)
    try:
        day_or_none(cell(row, "invoice_date"))
    except ValueError:
        bad.append("invoice_date")
    return sorted(bad)


def is_a_number_as_printed(text: str) -> bool:
    """Whether a document number is there and no spreadsheet has spoilt it."""
    if not text or text.startswith("#"):
        return False
    if re.fullmatch(r"\d+(\.\d+)?[eE]\+?\d+", text):
        return False
    return not re.fullmatch(r"\d{15}0{5}", text)


def claim_of(row: Row) -> Claim:
    number, code = cell(row, "invoice_number"), cell(row, "invoice_code")
    fully_digital = re.fullmatch(r"\d{20}", number)
    return Claim(
        company=cell(row, "company"),
        policy_number=cell(row, "policy_number"),
        insurer=cell(row, "insurer"),
        invoice=("", number) if fully_digital else (code, number),
        invoice_total=money(cell(row, "invoice_total")),
        vehicle_tax=money(cell(row, "vehicle_tax")) or Decimal(0),
        late_fee=money(cell(row, "late_fee")) or Decimal(0),
        buyer=cell(row, "buyer_credit_code").upper(),
        amount=money(cell(row, "amount")) or Decimal(0),
    )


def designated(facts: Facts, insurer: str, region: str, day: date) -> bool:
    return any(
        (region, insurer) == (where, who) and spell_holds(since, until, day)
        for where, who, since, until in facts.designations
    )


def was_the_companys(vehicle: Vehicle, company: str, first_day: date) -> bool:
    """Held on the policy's first day, or entered the company's service within 30 days after."""
    held = vehicle.holdings or [(vehicle.company, vehicle.enters, None)]
    for holder, since, until in held:
        if holder != company:
            continue
        if spell_holds(since, until, first_day):
            return True
        if first_day < since <= first_day + ENTRY_WINDOW:
            return True
    return False


def due_on(policy: Policy) -> Decimal:
    return (policy.premium or Decimal(0)) + policy.vehicle_tax + policy.late_fee


def policy_reasons(claim: Claim, policy: Policy, facts: Facts) -> set[str]:
    """What the policy on record says against a claim."""
    reasons = set()
    vehicle = facts.vehicles[policy.vin]
    asked_on = policy.signed_on
    if asked_on is None or asked_on < RULE_DAY:
        asked_on = policy.first_day
    since_the_rule = policy.first_day >= RULE_DAY
    region = facts.company_region[claim.company]
    if since_the_rule and not designated(facts, policy.insurer, region, asked_on):
        reasons.add("insurer_not_designated")
    if not policy.real:
        reasons.add("not_insurance")
    if not was_the_companys(vehicle, claim.company, policy.first_day):
        reasons.add("vehicle_not_company")
    if claim.insurer and claim.insurer != policy.insurer:
        reasons.add("insurer_differs")
    if codes_of_kind(vehicle, policy.kind, policy.begins)[0]:
        reasons.add("cover_short")
    followed = any(
        other.ever_in_force() and other.begins < policy.begins
        for other in vehicle.of_kind(policy.kind)
    )
    if since_the_rule and not policy.approval and not followed:
        reasons.add("approval_missing")
    if abs(claim.amount - due_on(policy)) > CENT:
        reasons.add("amount_differs")
    return reasons


def reasons_against(claim: Claim, earlier: Sequence[Claim], facts: Facts) -> set[str]:
    """Every reason against a claim, given the payable claims before it."""
    reasons = set()
    policy = facts.policies.get(claim.policy_number)
    if policy is None:
        reasons.add("policy_unknown")
    else:
        reasons |= policy_reasons(claim, policy, facts)
        spent = [other.amount for other in earlier if other.policy_number == claim.policy_number]
        if spent and sum(spent) + claim.amount > due_on(policy):
            reasons.add("premium_already_claimed")
    if any(other.invoice == claim.invoice for other in earlier):
        reasons.add("invoice_already_claimed")
    if claim.amount < 0 or (claim.invoice_total is not None and claim.invoice_total < 0):
        reasons.add("invoice_reversed")
    if not claim.buyer:
        reasons.add("buyer_unknown")
    elif claim.buyer != facts.company_credit[claim.company]:
        reasons.add("buyer_not_company")
    if claim.invoice_total is not None:
        payable = claim.invoice_total + claim.vehicle_tax + claim.late_fee
        if abs(claim.amount - payable) > CENT:
            reasons.add("amount_differs")
    return reasons


def decide_sheet(rows: Iterable[Row], facts: Facts) -> list[tuple[str, list[str]]]:
    """(decision, sorted reasons) of every row, each judged after the rows above it."""
    answers: list[tuple[str, list[str]]] = []
    payable: list[Claim] = []
    for row in rows:
        bad = unreadable_columns(row, facts)
        if bad:
            answers.append(("unreadable", bad))
            continue
        claim = claim_of(row)
        reasons = reasons_against(claim, payable, facts)
        if reasons & REFUSALS:
            answers.append(("refused", sorted(reasons)))
        elif reasons:
            answers.append(("held", sorted(reasons)))
        else:
            answers.append(("payable", []))
            payable.append(claim)
    return answers
