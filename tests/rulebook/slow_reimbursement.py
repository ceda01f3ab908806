"""Clauses 4.1, 4.2 and 3.2 read a second time: slowly, day by day and fen by fen.

Written from the rule's text, not from the heart; only whether the cover falls short is asked of
the heart, whose own second reading stands in `tests/oracle/rule.py`.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal

from fleet.rulebook import cover
from fleet.rulebook.book import Rulebook
from fleet.rulebook.reimbursement import Claim, Facts, PolicyFacts
from fleet.words import Days

RULE_DAY = date(2012, 1, 17)
ENTRY_DAYS = 30
REFUSED = (
    "insurer_not_designated",
    "not_insurance",
    "invoice_already_claimed",
    "invoice_reversed",
    "premium_already_claimed",
    "buyer_not_company",
    "vehicle_not_company",
)
HELD = (
    "policy_unknown",
    "insurer_differs",
    "cover_short",
    "buyer_unknown",
    "approval_missing",
    "amount_differs",
)


def decide(facts: Facts, book: Rulebook) -> tuple[str, set[str]]:
    """The decision and the codes of its reasons."""
    says = dict.fromkeys((*REFUSED, *HELD), False)
    says |= of_invoice(facts)
    says |= of_buyer(facts.claim)
    if facts.policy is None:
        says["policy_unknown"] = True
    else:
        says |= of_policy(facts, facts.policy, book)
    found = {code for code, said in says.items() if said}
    if any(code in found for code in REFUSED):
        return "refused", found
    return ("held" if found else "payable"), found


def fen(amount: Decimal | None) -> int:
    whole = (amount or Decimal(0)) * 100
    assert whole == int(whole)
    return int(whole)


def of_invoice(facts: Facts) -> dict[str, bool]:
    claim = facts.claim
    red = fen(claim.amount) < 0 or fen(claim.invoice_total) < 0
    differs = claim.invoice_total is not None and not within_a_fen(
        fen(claim.amount), fen(claim.invoice_total) + fen(claim.vehicle_tax) + fen(claim.late_fee)
    )
    return {
        "invoice_already_claimed": facts.invoice_claimed,
        "invoice_reversed": red or facts.invoice_reversed,
        "amount_differs": differs,
    }


def within_a_fen(one: int, other: int) -> bool:
    return one in (other - 1, other, other + 1)


def of_buyer(claim: Claim) -> dict[str, bool]:
    named = claim.buyer_credit_code not in (None, "")
    return {
        "buyer_unknown": not named,
        "buyer_not_company": named and claim.buyer_credit_code != claim.company_credit_code,
    }


def of_policy(facts: Facts, record: PolicyFacts, book: Rulebook) -> dict[str, bool]:
    claim, policy = facts.claim, record.policy
    first = day_of(policy.begins, book)
    under_the_rule = first >= RULE_DAY
    decides = policy.signed_on
    if decides is None or decides < RULE_DAY:
        decides = first
    due = fen(record.premium) + fen(record.vehicle_tax) + fen(record.late_fee)
    earlier = [fen(one) for one in facts.earlier_amounts]
    differs = not within_a_fen(fen(claim.amount), due)
    return {
        "insurer_not_designated": under_the_rule and not on_one_of(decides, record.designations),
        "not_insurance": not policy.is_insurance,
        "insurer_differs": claim.insurer not in (None, record.insurer_code),
        "vehicle_not_company": not was_theirs(claim.company_code, first, record),
        "approval_missing": under_the_rule and not record.approved and not followed(record),
        "premium_already_claimed": bool(earlier) and sum(earlier) + fen(claim.amount) > due,
        "amount_differs": differs or of_invoice(facts)["amount_differs"],
        "cover_short": bool(
            cover.shortfalls(
                record.vehicle, record.vehicle_policies, book, policy.begins, policy.kind
            )
        ),
    }


def day_of(moment: datetime, book: Rulebook) -> date:
    return moment.astimezone(book.zone).date()


def on_one_of(day: date, spans: tuple[Days, ...]) -> bool:
    """Whether a day lies in a span: from its first day to the day before its `until`."""
    return any(
        span.since <= day and (span.until is None or day <= span.until - timedelta(days=1))
        for span in spans
    )


def was_theirs(company: str, first: date, record: PolicyFacts) -> bool:
    """Held on the first day, or it entered on one of the thirty days that follow."""
    spans = [span for holder, span in record.holdings if holder == company]
    if on_one_of(first, tuple(spans)):
        return True
    entries = [span.since for span in spans]
    return any(first + timedelta(days=days) in entries for days in range(1, ENTRY_DAYS + 1))


def followed(record: PolicyFacts) -> bool:
    """Whether an earlier begun policy of the kind was once in force, for a moment at least."""
    asked = record.policy
    for other in record.vehicle_policies:
        ends = other.ends
        if other.cancelled_at is not None and other.cancelled_at < ends:
            ends = other.cancelled_at
        in_force = other.is_insurance and other.begins < ends
        if other.kind == asked.kind and in_force and other.begins < asked.begins:
            return True
    return False
