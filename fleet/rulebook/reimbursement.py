"""Whether a premium may be reimbursed (4.1, 4.2, 3.2): facts in, a decision out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from fleet.rulebook import cover
from fleet.rulebook.book import ReimbursementRule, Rulebook
from fleet.words import Days, Finding, local_day, midnight, normalise, plain_number

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a company claims; money is yuan, `insurer` and the companies are codes."""

    company_code: str
    company_region: str
    company_credit_code: str | None
    policy_number: str
    insurer: str | None
    invoice_key: str
    invoice_total: Decimal | None
    vehicle_tax: Decimal | None
    late_fee: Decimal | None
    buyer_credit_code: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class PolicyFacts:
    """What is on record about the policy claimed for.

    `vehicle_policies` are the vehicle's of the policy's kind, itself among them; `holdings` say
    which company held it when; `designations` are those of the policy's insurer in the claiming
    company's region; `approved` is an approved request or an approval number.
    """

    policy: cover.Policy
    insurer_code: str
    premium: Decimal | None
    vehicle_tax: Decimal | None
    late_fee: Decimal | None
    approved: bool
    vehicle: cover.Vehicle
    vehicle_policies: tuple[cover.Policy, ...]
    holdings: tuple[tuple[str, Days], ...]
    designations: tuple[Days, ...]

    @property
    def due(self) -> Decimal:
        """Premium, vehicle tax and late fee together; what is not recorded counts as 0."""
        return (self.premium or _ZERO) + (self.vehicle_tax or _ZERO) + (self.late_fee or _ZERO)


@dataclass(frozen=True, slots=True)
class Facts:
    """A claim with all that decides it.

    `policy` is None where none is on record; `invoice_claimed` tells that another payable or
    paid claim has the invoice; `earlier_amounts` are of the policy's payable or paid claims.
    """

    claim: Claim
    policy: PolicyFacts | None
    invoice_claimed: bool = False
    invoice_reversed: bool = False
    earlier_amounts: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """`payable`, `held` or `refused`, with every reason; `shortfalls` belong to `cover_short`."""

    decision: str
    reasons: tuple[Finding, ...]
    shortfalls: tuple[Finding, ...] = ()


def decide(facts: Facts, book: Rulebook) -> Decision:
    """Decide a claim: any refusal refuses, else any hold holds, else it is payable."""
    rule = _rule(facts.policy, book)
    short = _shortfalls(facts.policy, book)
    found = {one.code: one for one in _found(facts, book, rule, short)}
    reasons = tuple(
        replace(found[reason.code], clause=reason.clause, effect=reason.effect)
        for reason in rule.reasons.values()
        if reason.code in found
    )
    effects = {reason.effect for reason in reasons}
    for decision in ("refused", "held"):
        if decision in effects:
            return Decision(decision, reasons, short)
    return Decision("payable", reasons, short)


def _rule(policy: PolicyFacts | None, book: Rulebook) -> ReimbursementRule:
    edition = book.newest(policy.policy.begins) if policy else book.editions[-1]
    return (edition or book.editions[0]).reimbursement


def _shortfalls(policy: PolicyFacts | None, book: Rulebook) -> tuple[Finding, ...]:
    if policy is None:
        return ()
    asked = policy.policy
    return cover.shortfalls(policy.vehicle, policy.vehicle_policies, book, asked.begins, asked.kind)


def _found(
    facts: Facts, book: Rulebook, rule: ReimbursementRule, short: tuple[Finding, ...]
) -> Iterator[Finding]:
    yield from _about_invoice(facts, rule)
    yield from _about_buyer(facts.claim)
    if facts.policy is None:
        yield _reason("policy_unknown", facts.claim.policy_number)
        return
    yield from _about_insurer(facts.claim, facts.policy, book)
    yield from _about_vehicle(facts.claim, facts.policy, book, rule)
    yield from _about_premium(facts, facts.policy, rule)
    if short:
        yield _reason("cover_short", " ".join(finding.code for finding in short))


def _reason(code: str, found: str | None = None, required: str | None = None) -> Finding:
    return Finding(code, "", found, required)


def _about_invoice(facts: Facts, rule: ReimbursementRule) -> Iterator[Finding]:
    claim = facts.claim
    if facts.invoice_claimed:
        yield _reason("invoice_already_claimed", claim.invoice_key)
    total = claim.invoice_total
    if facts.invoice_reversed or claim.amount < 0 or (total is not None and total < 0):
        yield _reason("invoice_reversed", claim.invoice_key)
    if total is not None:
        asked = total + (claim.vehicle_tax or _ZERO) + (claim.late_fee or _ZERO)
        yield from _amount_differs(claim.amount, asked, rule)


def _amount_differs(amount: Decimal, asked: Decimal, rule: ReimbursementRule) -> Iterator[Finding]:
    if abs(amount - asked) > rule.tolerance:
        yield _reason("amount_differs", plain_number(amount), plain_number(asked))


def _about_buyer(claim: Claim) -> Iterator[Finding]:
    buyer, company = _code(claim.buyer_credit_code), _code(claim.company_credit_code)
    if not buyer:
        yield _reason("buyer_unknown", None, company or None)
    elif buyer != company:
        yield _reason("buyer_not_company", buyer, company or None)


def _code(text: str | None) -> str:
    return "".join(normalise(text or "").upper().split())


def _about_insurer(claim: Claim, policy: PolicyFacts, book: Rulebook) -> Iterator[Finding]:
    if not policy.policy.is_insurance:
        yield _reason("not_insurance", policy.insurer_code)
    if _began_under_the_rule(policy.policy, book):
        day = _designated_by(policy.policy, book)
        if not any(days.contains(day) for days in policy.designations):
            yield _reason("insurer_not_designated", policy.insurer_code, claim.company_region)
    if _code(claim.insurer) not in ("", _code(policy.insurer_code)):
        yield _reason("insurer_differs", claim.insurer, policy.insurer_code)


def _began_under_the_rule(policy: cover.Policy, book: Rulebook) -> bool:
    return policy.begins >= midnight(book.first_day, book.zone)


def _designated_by(policy: cover.Policy, book: Rulebook) -> date:
    """Return the day that decides 4.1: signing, else (or if before the rule) the first day."""
    if policy.signed_on is not None and policy.signed_on >= book.first_day:
        return policy.signed_on
    return local_day(policy.begins, book.zone)


def _about_vehicle(
    claim: Claim, policy: PolicyFacts, book: Rulebook, rule: ReimbursementRule
) -> Iterator[Finding]:
    first_day = local_day(policy.policy.begins, book.zone)
    if not _held(claim.company_code, first_day, policy, rule):
        holders = [code for code, days in policy.holdings if days.contains(first_day)]
        yield _reason("vehicle_not_company", " ".join(holders) or None, claim.company_code)
    if not policy.approved and _is_first_of_its_kind(policy, book):
        yield _reason("approval_missing")


def _held(company: str, first_day: date, policy: PolicyFacts, rule: ReimbursementRule) -> bool:
    latest_entry = first_day + timedelta(days=rule.entry_days)
    return any(
        code == company and (days.contains(first_day) or first_day < days.since <= latest_entry)
        for code, days in policy.holdings
    )


def _is_first_of_its_kind(policy: PolicyFacts, book: Rulebook) -> bool:
    """Tell whether no earlier begun policy of its kind, begun under the rule, was in force."""
    new = policy.policy
    return _began_under_the_rule(new, book) and not any(
        one.kind == new.kind and one.period is not None and one.begins < new.begins
        for one in policy.vehicle_policies
    )


def _about_premium(facts: Facts, policy: PolicyFacts, rule: ReimbursementRule) -> Iterator[Finding]:
    amount, earlier, due = facts.claim.amount, facts.earlier_amounts, policy.due
    together = sum(earlier, amount)
    if earlier and together > due:
        yield _reason("premium_already_claimed", plain_number(together), plain_number(due))
    yield from _amount_differs(amount, due, rule)
