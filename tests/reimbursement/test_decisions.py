"""Every reason of the rule, at its edge, on what is on record."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from fleet.insurers.tables import MUTUAL_POOL
from fleet.policies.tables import CoverLine, Policy
from fleet.reimbursement.refusals import CompanyUnknown
from fleet.reimbursement.service import check, record, record_reversed_invoice
from fleet.renewals.tables import Approval, CoverRequest
from fleet.storage import Scope, db, limit_to
from fleet.vehicles.tables import Holding
from tests.reimbursement.records import (
    AT,
    BEGINS,
    BY,
    DAY,
    DUE,
    INVOICE,
    NUMBER,
    PREMIUM,
    asked,
    company,
    designate,
    group,
    insurer,
    policy,
    vehicle,
)

CENT = Decimal("0.01")


@pytest.fixture(autouse=True)
def kept(session) -> Policy:
    return group()


def reasons(**overrides) -> list[str]:
    """The codes of a claim's reasons, each beside the first letter of its effect."""
    decision = check(asked(**overrides), AT).decision
    codes = [f"{reason.effect[0]}:{reason.code}" for reason in decision.reasons]
    effects = {code[0] for code in codes}
    expected = "refused" if "r" in effects else "held" if "h" in effects else "payable"
    assert decision.decision == expected
    return codes


def test_a_claim_that_agrees_with_everything_is_payable():
    assert reasons() == []


def test_a_company_elsewhere_is_unknown():
    limit_to(Scope(frozenset({company("W1").id})))
    with pytest.raises(CompanyUnknown):
        reasons()
    with pytest.raises(CompanyUnknown):
        reasons(company="NONE")


# 4.1


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (BEGINS - 3 * DAY, None, []),
        (BEGINS - 2 * DAY, None, ["r:insurer_not_designated"]),
        (date(2020, 1, 1), BEGINS - 2 * DAY, []),
        (date(2020, 1, 1), BEGINS - 3 * DAY, ["r:insurer_not_designated"]),
    ],
)
def test_the_insurer_was_designated_on_the_day_of_signing(kept, since, until, found):
    designate("E", "INS-B", since, until)
    kept.insurer_id = insurer("INS-B").id
    db.session.commit()
    assert reasons(insurer="INS-B") == found


def test_the_first_day_decides_where_the_signing_day_is_not_known(kept):
    designate("E", "INS-B", BEGINS)
    kept.insurer_id, kept.signed_on = insurer("INS-B").id, None
    db.session.commit()
    assert reasons(insurer=None) == []


def test_the_region_is_the_claiming_companys(kept):
    kept.vehicle.company_id = company("W1").id
    db.session.commit()
    found = reasons(company="W1", buyer_credit_code="91990000MAX0000333")
    assert found == ["r:insurer_not_designated"]


def test_a_policy_begun_before_the_rule_is_spared(session):
    policy(vehicle(2), "OLD", date(2012, 1, 16), insurer_id=insurer("INS-B").id)
    policy(vehicle(3), "NEW", date(2012, 1, 17), insurer_id=insurer("INS-B").id)
    db.session.commit()
    for one in db.session.query(Policy).filter(Policy.policy_number.in_(("OLD", "NEW"))):
        one.vehicle.in_service_since = date(2010, 1, 1)
    db.session.commit()
    assert reasons(policy_number="OLD", insurer=None) == []
    assert reasons(policy_number="NEW", insurer=None) == ["r:insurer_not_designated"]


def test_a_pools_paper_is_no_insurance(kept):
    kept.insurer_id = insurer("POOL", MUTUAL_POOL).id
    db.session.commit()
    found = reasons(insurer="POOL")
    assert {"r:insurer_not_designated", "r:not_insurance"} <= set(found)


def test_another_insurer_than_on_record():
    assert reasons(insurer="INS-B") == ["h:insurer_differs"]
    assert reasons(insurer="ins-a") == []


# Invoices and sums


def test_an_invoice_stands_on_one_claim_of_the_whole_group(session):
    policy(vehicle(2, holder="W1"), "OTHER")
    designate("W", "INS-A", date(2012, 1, 17))
    session.commit()
    record(asked(), BY, AT)
    limit_to(Scope(frozenset({company("W1").id})))
    found = reasons(company="W1", policy_number="OTHER", buyer_credit_code="91990000MAX0000333")
    assert found == ["r:invoice_already_claimed"]


@pytest.mark.parametrize(
    ("code", "number", "same"),
    [
        ("999000000011", INVOICE, True),  # a paper print of a fully digital invoice
        (None, f" {INVOICE[:10]} {INVOICE[10:]}", True),
        (None, INVOICE.translate({48 + i: 0xFF10 + i for i in range(10)}), True),
        (None, INVOICE[:-1] + "0", False),
    ],
)
def test_the_same_invoice_written_another_way(code, number, same):
    record(asked(amount=Decimal(1), invoice_total=None, vehicle_tax=None), BY, AT)  # held
    assert reasons(invoice_code=code, invoice_number=number) == []
    record(asked(), BY, AT)
    found = reasons(invoice_code=code, invoice_number=number)
    assert ("r:invoice_already_claimed" in found) is same


def test_a_code_and_a_number_together_are_an_invoice():
    record(asked(invoice_code="999000000011", invoice_number="12345678"), BY, AT)
    again = {"invoice_number": "12345678", "amount": Decimal(-1)}
    assert "r:invoice_already_claimed" in reasons(invoice_code="999000000011", **again)
    assert "r:invoice_already_claimed" not in reasons(invoice_code="999000000012", **again)


def test_a_red_invoice(session):
    assert "r:invoice_reversed" in reasons(amount=-CENT)
    assert "r:invoice_reversed" in reasons(invoice_total=-CENT)
    assert "r:invoice_reversed" not in reasons(amount=Decimal(0), invoice_total=Decimal(0))
    record_reversed_invoice("999000000011", INVOICE, BY, AT)
    assert reasons() == ["r:invoice_reversed"]


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        (DUE, Decimal("0.01"), True),
        (DUE - CENT, CENT, False),
        (DUE - CENT, 2 * CENT, True),
        (DUE, Decimal(0), False),
    ],
)
def test_claims_on_a_policy_together_come_to_no_more_than_is_due(first, second, found):
    plain = {"invoice_total": None, "vehicle_tax": None}
    assert record(asked(amount=first, **plain), BY, AT).state == "payable"
    codes = reasons(amount=second, invoice_number="26992000000123456788", **plain)
    assert ("r:premium_already_claimed" in codes) is found


def test_a_first_claim_is_not_already_claimed_however_large():
    assert "r:premium_already_claimed" not in reasons(amount=DUE * 2)


@pytest.mark.parametrize(
    ("off", "found"),
    [(CENT, []), (-CENT, []), (2 * CENT, ["h:amount_differs"]), (-2 * CENT, ["h:amount_differs"])],
)
def test_the_amount_agrees_within_a_fen(off, found):
    assert reasons(amount=DUE + off, invoice_total=PREMIUM + off) == found
    assert reasons(invoice_total=PREMIUM + off) == found
    assert reasons(amount=DUE + off, invoice_total=None) == found


def test_the_buyer():
    assert reasons(buyer_credit_code=None) == ["h:buyer_unknown"]
    assert reasons(buyer_credit_code="91990000MAX0000333") == ["r:buyer_not_company"]
    assert reasons(buyer_credit_code="91990000max0000325") == []


# The vehicle and its cover


@pytest.mark.parametrize(
    ("since", "found"),
    [
        (BEGINS, []),
        (BEGINS + 30 * DAY, []),
        (BEGINS + 31 * DAY, ["r:vehicle_not_company"]),
    ],
)
def test_a_new_car_is_insured_before_it_enters(kept, since, found):
    kept.vehicle.in_service_since = since
    db.session.commit()
    assert reasons() == found


def test_a_vehicle_that_moved_is_the_holders_of_the_first_day(kept):
    for code, since, until in (
        ("W1", date(2020, 1, 1), BEGINS),
        ("E1", BEGINS, BEGINS + DAY),
        ("W1", BEGINS + DAY, None),
    ):
        holder = company(code)
        kept.vehicle.holdings.append(Holding(company_id=holder.id, since=since, until=until))
    kept.vehicle.company_id = company("W1").id
    db.session.commit()
    assert reasons() == []
    kept.begins += DAY
    db.session.commit()
    assert reasons() == ["r:vehicle_not_company"]


def test_a_policy_that_is_not_on_record_leaves_what_can_be_judged():
    assert reasons(policy_number="NONE") == ["h:policy_unknown"]
    found = reasons(policy_number="NONE", buyer_credit_code=None, amount=Decimal(1))
    assert sorted(found) == ["h:amount_differs", "h:buyer_unknown", "h:policy_unknown"]


def test_cover_that_falls_short_when_the_policy_begins(kept):
    kept.vehicle_tax = Decimal(0)
    db.session.commit()
    plain = {"amount": PREMIUM, "vehicle_tax": None}
    assert reasons(**plain) == ["h:cover_short"]
    kept.tax_exempt = True
    db.session.commit()
    assert reasons(**plain) == []


def test_a_commercial_policy_is_judged_by_its_own_kind(session, kept):
    made = policy(kept.vehicle, "COMM", kind="commercial")
    sums = {"damage": 100_000, "third_party": 199_999, "occupants_driver": 20_000}
    made.lines = [CoverLine(cover=c, sum_insured=Decimal(s)) for c, s in sums.items()]
    made.lines.append(CoverLine(cover="occupants_passengers", sum_insured=Decimal(20_000), seats=4))
    session.commit()
    claim = asked(policy_number="COMM", amount=PREMIUM, vehicle_tax=None)
    found = check(claim, AT).decision
    assert [one.code for one in found.shortfalls] == ["third_party_below"]
    made.lines[1].sum_insured = Decimal(200_000)
    session.commit()
    assert check(claim, AT).decision.decision == "payable"


def test_the_first_policy_of_its_kind_needs_an_approval(kept):
    kept.approval_number = None
    db.session.commit()
    assert reasons() == ["h:approval_missing"]
    policy(kept.vehicle, "BEFORE", BEGINS - 365 * DAY, approval_number=None)
    db.session.commit()
    assert reasons() == []


def test_a_void_policy_was_no_earlier_one(kept):
    kept.approval_number = None
    before = policy(kept.vehicle, "BEFORE", BEGINS - 365 * DAY)
    before.cancelled_at = before.begins
    db.session.commit()
    assert reasons() == ["h:approval_missing"]


def test_a_check_records_nothing_and_asks_little(session, kept):
    from tests.reports.records import statements

    with statements() as asked_for:
        assert check(asked(policy_number=NUMBER), AT).decision.decision == "payable"
    assert len(asked_for) <= 10
    assert not session.new
    assert not session.dirty


@pytest.mark.parametrize(
    ("kind", "occasion", "state", "approval", "held"),
    [
        ("compulsory", "new", "placed", "approved", False),
        ("compulsory", "new", "insured", "approved", False),
        ("compulsory", "new", "withdrawn", "approved", True),
        ("compulsory", "new", "placed", "withdrawn", True),
        ("compulsory", "new", "placed", "rejected", True),
        ("commercial", "new", "placed", "approved", True),
        ("compulsory", "renewal", "placed", "approved", True),
    ],
)
def test_an_approved_request_stands_behind_a_first_policy(
    kept, kind, occasion, state, approval, held
):
    """Clause 3.2: an approved request or an approval number."""
    kept.approval_number = None
    heard = Approval(number="OA-9", state=approval, decided_on=BEGINS, approver="A", received_at=AT)
    asked_for = CoverRequest(
        vehicle_id=kept.vehicle_id,
        kind=kind,
        occasion=occasion,
        expiry_day=BEGINS - DAY,
        opens_on=BEGINS - 16 * DAY,
        opened_on=BEGINS - 16 * DAY,
        state=state,
        approval=heard,
    )
    db.session.add(asked_for)
    db.session.commit()
    assert reasons() == (["h:approval_missing"] if held else [])
