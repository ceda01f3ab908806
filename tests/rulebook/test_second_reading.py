"""The heart against the second reading of the rule in `tests/oracle`, on invented fleets."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from fleet.rulebook.cover import Line, Policy, Vehicle, timeline
from fleet.rulebook.reimbursement import Claim, Facts, PolicyFacts, decide
from fleet.rulebook.renewal import RENEWAL, need
from fleet.words import Days
from tests import make
from tests.oracle import claims, fleets, reimbursement, rule, workbook

BOOK = make.book()
SEEDS = pytest.mark.parametrize("seed", range(100, 104))


def as_line(line: workbook.Line) -> Line:
    return Line(
        line.cover,
        line.sum_insured,
        line.seats,
        line.deductible_rate,
        since=line.since,
        until=line.until,
    )


def as_policy(policy: workbook.Policy) -> Policy:
    return Policy(
        number=policy.number,
        kind=policy.kind,
        is_insurance=policy.real,
        begins=policy.begins,
        ends=policy.end,
        signed_on=policy.signed_on,
        vehicle_tax=policy.vehicle_tax,
        tax_exempt=policy.tax_exempt,
        terms=policy.stated_terms or None,
        absolute_deductible_rate=Decimal(policy.deductible),
        repair_restricted=policy.repair_restricted,
        lines=tuple(map(as_line, policy.lines)),
    )


def as_vehicle(vehicle: workbook.Vehicle) -> Vehicle:
    lay_ups = tuple(Days(*spell) for spell in vehicle.lay_ups)
    service = Days(vehicle.enters, vehicle.leaves)
    return Vehicle(vehicle.vin, vehicle.seats, vehicle.energy, service, lay_ups)


def facts_of(seed: int) -> workbook.Facts:
    return workbook.gather(fleets.Fleet(seed).sheets)


@SEEDS
def test_the_same_timelines(seed: int) -> None:
    for vehicle in facts_of(seed).vehicles.values():
        policies = [as_policy(policy) for policy in vehicle.policies]
        ours = [
            (
                step.since,
                step.until,
                step.standing,
                sorted(one.code for one in step.shortfalls),
                sorted(one.code for one in step.spared),
            )
            for step in timeline(as_vehicle(vehicle), policies, BOOK)
        ]
        theirs = [
            (step.since, step.until, step.standing, step.codes, step.spared)
            for step in rule.timeline(vehicle)
        ]
        assert ours == theirs


def days_of_interest(vehicle: workbook.Vehicle) -> list[date]:
    edges = [day for policy in vehicle.policies for day in (policy.first_day, policy.last_day)]
    return [edge + timedelta(days=n) for edge in edges for n in (-16, -15, -1, 0, 1, 2)]


@SEEDS
def test_the_same_renewals(seed: int) -> None:
    for vehicle in facts_of(seed).vehicles.values():
        policies = [as_policy(policy) for policy in vehicle.policies]
        for day in days_of_interest(vehicle):
            for kind in rule.KINDS:
                ours = need(as_vehicle(vehicle), policies, kind, BOOK, day)
                if ours is not None and ours.occasion != RENEWAL:
                    ours = None
                theirs = rule.need_on(vehicle, kind, day)
                assert (ours is None) is (theirs is None)
                if ours and theirs:
                    assert (ours.policy_number, ours.expiry_day, ours.opens_on, ours.late) == (
                        theirs.policy_number,
                        theirs.expiry_day,
                        theirs.opens_on,
                        theirs.late,
                    )


def on_record(policy: workbook.Policy, facts: workbook.Facts, region: str) -> PolicyFacts:
    vehicle = facts.vehicles[policy.vin]
    held = vehicle.holdings or [(vehicle.company, vehicle.enters, None)]
    return PolicyFacts(
        policy=as_policy(policy),
        insurer_code=policy.insurer,
        premium=policy.premium,
        vehicle_tax=policy.vehicle_tax,
        late_fee=policy.late_fee,
        approved=bool(policy.approval),
        vehicle=as_vehicle(vehicle),
        vehicle_policies=tuple(map(as_policy, vehicle.policies)),
        holdings=tuple((company, Days(since, until)) for company, since, until in held),
        designations=tuple(
            Days(since, until)
            for where, who, since, until in facts.designations
            if (where, who) == (region, policy.insurer)
        ),
    )


def as_facts(
    claim: reimbursement.Claim, earlier: list[reimbursement.Claim], facts: workbook.Facts
) -> Facts:
    policy, region = facts.policies.get(claim.policy_number), facts.company_region[claim.company]
    asked = Claim(
        company_code=claim.company,
        company_region=region,
        company_credit_code=facts.company_credit[claim.company],
        policy_number=claim.policy_number,
        insurer=claim.insurer,
        invoice_key="".join(claim.invoice),
        invoice_total=claim.invoice_total,
        vehicle_tax=claim.vehicle_tax,
        late_fee=claim.late_fee,
        buyer_credit_code=claim.buyer,
        amount=claim.amount,
    )
    return Facts(
        asked,
        on_record(policy, facts, region) if policy else None,
        invoice_claimed=any(one.invoice == claim.invoice for one in earlier),
        earlier_amounts=tuple(
            one.amount for one in earlier if one.policy_number == claim.policy_number
        ),
    )


@SEEDS
def test_the_same_decisions(seed: int) -> None:
    fleet = fleets.Fleet(seed)
    facts, rows = workbook.gather(fleet.sheets), claims.claims_of(fleet)
    theirs = reimbursement.decide_sheet(rows, facts)
    payable: list[reimbursement.Claim] = []
    for row, (decision, codes) in zip(rows, theirs, strict=True):
        if decision == "unreadable":
            continue
        claim = reimbursement.claim_of(row)
        ours = decide(as_facts(claim, payable, facts), BOOK)
        assert (ours.decision, sorted(one.code for one in ours.reasons)) == (decision, codes)
        if decision == "payable":
            payable.append(claim)
