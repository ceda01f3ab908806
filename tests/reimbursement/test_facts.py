"""The facts of one claim, read by one statement, are those of many, read by several."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from fleet.insurers.tables import MUTUAL_POOL
from fleet.people.tables import Company
from fleet.policies.facts import facts, facts_of
from fleet.policies.tables import CoverLine, Policy
from fleet.reimbursement.facts import claimants, gather, gather_one
from fleet.reimbursement.tables import Claim, ReversedInvoice
from fleet.renewals.tables import APPROVAL_GIVEN, Approval, CoverRequest
from fleet.storage import Bundle, Scope, db, limit_to
from fleet.vehicles.tables import Holding, LayUp
from tests.reimbursement import records
from tests.reimbursement.records import AT, DAY, asked

COMPANIES = ("E1", "E2", "W1")
VEHICLES = 12


class Group:
    """A group whose every fact is drawn."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - drawn data, no secret
        self.numbers, self.invoices = ["NOT-ON-RECORD"], ["26992000000000000000"]
        for code in COMPANIES:
            records.company(code, credit=self.chance.choice([None, records.CREDIT]))
        for code in ("INS-A", "INS-B", "POOL"):
            records.insurer(code, MUTUAL_POOL if code == "POOL" else "insurer")
            for region in ("E", "W"):
                self.designate(region, code)
        for serial in range(VEHICLES):
            self.vehicle(serial)
        db.session.flush()

    def day(self) -> date:
        return date(2024, 1, 1) + timedelta(days=self.chance.randrange(900))

    def designate(self, region: str, code: str) -> None:
        for _ in range(self.chance.randrange(3)):
            since = self.day()
            until = self.chance.choice([None, since + self.chance.randrange(1, 400) * DAY])
            records.designate(region, code, since, until)

    def vehicle(self, serial: int) -> None:
        made = records.vehicle(serial, self.chance.choice(COMPANIES), self.day())
        for _ in range(self.chance.randrange(3)):
            since, company = self.day(), records.company(self.chance.choice(COMPANIES))
            until = self.chance.choice([None, since + 40 * DAY])
            db.session.add(
                Holding(vehicle_id=made.id, company_id=company.id, since=since, until=until)
            )
            db.session.add(LayUp(vehicle_id=made.id, since=since, until=until))
        for nth in range(self.chance.randrange(4)):
            self.policy(made, f"P{serial}-{nth}")
        if self.chance.random() < 0.5:
            self.request(made, "compulsory")

    def policy(self, of: records.Vehicle, number: str) -> None:
        kind, code = self.chance.choice(["compulsory", "commercial"]), self.chance.choice("AB")
        insurer = records.insurer(self.chance.choice([f"INS-{code}", "POOL"]))
        made = records.policy(of, number, self.day(), kind, insurer_id=insurer.id)
        made.signed_on = self.chance.choice([None, self.day()])
        made.approval_number = self.chance.choice([None, "OA-7"])
        made.premium = self.chance.choice([None, Decimal("0.01"), Decimal("1234567.89")])
        made.cancelled_at = self.chance.choice([None, made.begins, made.begins + 9 * DAY])
        made.absolute_deductible_rate = self.chance.choice([None, Decimal("7.5")])
        made.tax_exempt = self.chance.random() < 0.5
        for cover in ("third_party", "damage"):
            since = self.chance.choice([None, datetime(2025, 5, 1, 16, 0, 0, 250, tzinfo=UTC)])
            sum_insured = self.chance.choice([None, Decimal(2_000_000)])
            db.session.add(
                CoverLine(policy_id=made.id, cover=cover, since=since, sum_insured=sum_insured)
            )
        self.numbers.append(number)
        for nth in range(self.chance.randrange(3)):
            self.claim(number, f"269920000000{number[1:]:->8}{nth}")

    def request(self, of: records.Vehicle, kind: str) -> None:
        state = self.chance.choice([APPROVAL_GIVEN, "rejected"])
        approval = Approval(
            number=f"OA-{of.id}", state=state, decided_on=AT.date(), approver="a", received_at=AT
        )
        db.session.add(approval)
        db.session.flush()
        days = dict.fromkeys(("expiry_day", "opens_on", "opened_on"), AT.date())
        of_it = {"vehicle_id": of.id, "kind": kind, "approval_id": approval.id, "occasion": "new"}
        db.session.add(CoverRequest(**of_it, **days))

    def claim(self, number: str, invoice: str) -> None:
        self.invoices.append(invoice)
        state = self.chance.choice(["payable", "paid", "held", "refused"])
        db.session.add(
            Claim(
                company_id=records.company("E1").id, policy_number=number, invoice_number=invoice,
                invoice_key=invoice, amount=Decimal(self.chance.randrange(10**6)) / 100,
                state=state, recorded_at=AT, recorded_by="a",
            )
        )  # fmt: skip
        if self.chance.random() < 0.3:
            db.session.add(ReversedInvoice(invoice_key=invoice, recorded_at=AT, recorded_by="a"))

    def claims(self) -> list[records.Asked]:
        """A claim on each policy, and one on none, by any company with any invoice."""
        pick = self.chance.choice
        return [
            asked(company=pick(COMPANIES), policy_number=number, invoice_number=pick(self.invoices))
            for number in self.numbers
        ]


@pytest.mark.parametrize("seed", range(3))
def test_one_claims_facts_are_those_of_many(session, seed):
    group = Group(seed)
    handed_in = group.claims()
    companies = claimants()
    many = gather(handed_in, companies)
    assert len(many) > VEHICLES / 2
    for one, expected in zip(handed_in, many, strict=True):
        assert gather_one(one) == (companies[one.company], expected)
    session.commit()  # and outside of a transaction
    for one, expected in zip(handed_in, many, strict=True):
        assert gather_one(one) == (companies[one.company], expected)


@pytest.mark.parametrize("seed", range(3))
def test_of_a_vehicle_every_policy_of_the_claimed_kind_is_looked_at_and_no_other(session, seed):
    many = gather(Group(seed).claims(), claimants())
    kinds = set()
    for policy in [one.policy for one in many if one.policy]:
        kind = policy.policy.kind
        kinds.add(kind)
        vehicle = select(Policy.vehicle_id).where(Policy.policy_number == policy.policy.number)
        of_it = select(Policy.policy_number).where(
            Policy.vehicle_id.in_(vehicle), Policy.kind == kind
        )
        looked_at = [one.number for one in policy.vehicle_policies]
        assert looked_at == list(session.scalars(of_it.order_by(Policy.id)))
    assert len(kinds) == 2


def test_one_vehicles_facts_are_those_of_many(session):
    Group(7)
    every = list(facts())
    assert len(every) == VEHICLES
    assert [facts_of(one.vehicle_id) for one in every] == every


def test_a_company_out_of_scope_is_not_found(session):
    records.group()
    elsewhere = session.query(Company).filter_by(code="W1").one().id
    limit_to(Scope(frozenset({elsewhere})))
    assert gather_one(asked()) is None
    limit_to(Scope())
    assert gather_one(asked()) is None


def test_a_dead_connection_is_made_anew(session, engine):
    """A server that restarted, or closed what idled, fails no call."""
    records.group()
    assert gather_one(asked()) is not None
    if engine == "postgresql":
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        others = " WHERE pid <> pg_backend_pid() AND datname = current_database()"
        assert session.scalar(db.text(ended + others)) >= 1
        session.commit()
    assert gather_one(asked()) is not None


def test_a_value_of_a_kind_that_json_would_spoil_is_no_part_of_a_bundle(session):
    with pytest.raises(TypeError):
        Bundle(spoilt=db.select(db.column("photo", db.LargeBinary)))
