"""Reversing a claim, the entries of money, who may pay how much, and what the migration fills."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import flask_migrate
import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from fleet.reimbursement import ledger, refusals, service
from fleet.reimbursement.reversing import reverse
from fleet.reimbursement.rules import RED_INVOICE, REFUNDED, Why
from fleet.reimbursement.tables import Claim, Decision, MoneyEntry, PaymentRule, ReversedInvoice
from fleet.storage import EVERYTHING, Actor, Scope, db, limit_to
from fleet.storage.history import HistoryEntry, verify
from fleet.web.access import FINANCE, GROUP_ADMINISTRATOR
from tests.conftest import ROOT
from tests.reimbursement.records import (
    AT,
    BY,
    DAY,
    DUE,
    INVOICE,
    asked,
    bearer,
    body,
    company,
    group,
    sign_in,
    user,
)

OTHER = "26992000000123456788"
REFUND = Why(REFUNDED, "bank entry of 2026-03-12")
RED = Why(RED_INVOICE, "26992000000199999999")
FEN = Decimal("0.01")


@pytest.fixture
def kept(session):
    return group()


def entries() -> list[tuple[str, Decimal]]:
    rows = db.session.execute(select(MoneyEntry.kind, MoneyEntry.amount).order_by(MoneyEntry.id))
    return [(kind, amount) for kind, amount in rows]


# Reverse


def test_a_paid_claim_that_was_refunded_is_reversed_once(kept):
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    assert entries() == [("paid", DUE)]
    back = reverse(claim.id, REFUND, BY, AT + DAY)
    assert (back.state, back.reversed_for, back.reversal_note) == (
        "reversed",
        REFUNDED,
        REFUND.note,
    )
    assert (back.reversed_at, back.reversed_by, back.paid_at) == (AT + DAY, BY.name, AT)
    assert entries() == [("paid", DUE), ("reversed", -DUE)]
    with pytest.raises(refusals.ReversedAlready):
        reverse(claim.id, REFUND, BY, AT)
    with pytest.raises(refusals.NotPayable):
        service.pay(claim.id, BY, AT)
    with pytest.raises(refusals.NotHeld):
        service.decide_again(claim.id, BY, AT)
    assert verify() is None


def test_a_reversal_frees_the_invoice_and_the_premium(kept):
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    assert service.record(asked(invoice_number=OTHER), BY, AT).state == "refused"
    reverse(claim.id, REFUND, BY, AT)
    again = service.record(asked(), BY, AT)
    assert again.state == "payable"
    reverse(again.id, REFUND, BY, AT)
    assert entries() == [("paid", DUE), ("reversed", -DUE)]  # no money moved for the second
    assert service.record(asked(invoice_number=OTHER), BY, AT).state == "payable"


def test_a_red_invoice_closes_its_claim_and_is_never_claimed_again(kept):
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    reverse(claim.id, RED, BY, AT)
    assert db.session.get(ReversedInvoice, INVOICE) is not None
    old, new = service.record(asked(), BY, AT), service.record(asked(invoice_number=OTHER), BY, AT)
    assert (old.state, new.state) == ("refused", "payable")


def test_a_reversed_invoice_noted_before_is_no_hindrance(kept):
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    service.record_reversed_invoice(None, INVOICE, BY, AT)
    assert reverse(claim.id, RED, BY, AT).state == "reversed"


@pytest.mark.parametrize("change", [{"amount": Decimal(-1)}, {"buyer_credit_code": None}])
def test_what_does_not_stand_is_not_reversed(kept, change):
    claim = service.record(asked(**change), BY, AT)
    assert claim.state in ("refused", "held")
    with pytest.raises(refusals.NotReversible):
        reverse(claim.id, RED, BY, AT)
    assert db.session.get(ReversedInvoice, INVOICE) is None


def test_another_companys_claim_is_not_there_to_reverse(kept):
    claim = service.record(asked(), BY, AT)
    limit_to(Scope(frozenset({company("W1").id})))
    with pytest.raises(refusals.ClaimUnknown):
        reverse(claim.id, RED, BY, AT)
    limit_to(EVERYTHING)
    assert service.claim_with_decisions(claim.id).state == "payable"


@pytest.mark.parametrize("change", ["UPDATE money_entries SET amount = 1", "DELETE FROM {}"])
def test_the_database_changes_no_entry(kept, change):
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    with pytest.raises(DBAPIError, match="append-only"):
        db.session.execute(text(change.format("money_entries")))
    db.session.rollback()


# Maker and checker

MAKER, CHECKER = Actor(11, "maker@example.test"), Actor(12, "checker@example.test")


@pytest.mark.parametrize(
    ("limit", "by", "may"),  # on both engines: it is the statement that decides
    [
        (None, MAKER, True),
        (DUE, MAKER, True),
        (DUE - FEN, MAKER, False),
        (DUE - FEN, CHECKER, True),
        (Decimal(0), MAKER, False),
        (DUE - FEN, replace(MAKER, name="renamed@example.test"), False),
        (DUE - FEN, replace(MAKER, id=None), False),
    ],
)
def test_above_the_groups_amount_a_second_person_pays(kept, limit, by, may):
    ledger.change_second_person_above(limit, BY, AT)
    claim = service.record(asked(), MAKER, AT)
    if may:
        assert service.pay(claim.id, by, AT).state == "paid"
        return
    with pytest.raises(refusals.SecondPersonNeeded):
        service.pay(claim.id, by, AT)
    assert service.claim_with_decisions(claim.id).state == "payable"
    assert entries() == []


def test_without_an_id_on_record_the_name_decides(kept):
    ledger.change_second_person_above(Decimal(0), BY, AT)
    claim = service.record(asked(), MAKER, AT)
    db.session.execute(update(Claim).values(recorded_by_id=None))
    db.session.commit()
    with pytest.raises(refusals.SecondPersonNeeded):
        service.pay(claim.id, MAKER, AT)
    assert service.pay(claim.id, CHECKER, AT).state == "paid"


def test_the_rule_stands_in_the_history(kept):
    ledger.change_second_person_above(DUE, BY, AT)
    ledger.change_second_person_above(DUE, BY, AT)  # nothing changes: no entry
    ledger.change_second_person_above(None, BY, AT)
    assert db.session.scalars(select(PaymentRule.second_person_above)).all() == [None]
    told = db.session.scalars(select(HistoryEntry.changes).order_by(HistoryEntry.seq)).all()
    assert [('"1250' in one, "null" in one) for one in told] == [(True, True), (True, True)]


# Pages and calls


@pytest.mark.one_engine
def test_the_page_and_the_call_refuse_the_maker(kept, client):
    ledger.change_second_person_above(Decimal(1000), BY, AT)
    maker, other = user(FINANCE), user(FINANCE, name="b")
    sign_in(client, maker)
    made = client.post("/api/v1/reimbursements", json=body(), headers=bearer(maker)).get_json()
    page = client.post(f"/reimbursement/{made['id']}/paid")
    assert page.status_code == 409
    assert "Above 1,000.00 yuan somebody else marks it paid" in page.get_data(as_text=True)
    path = f"/api/v1/reimbursements/{made['id']}"
    refused = client.post(f"{path}/paid", headers=bearer(maker))
    assert (refused.status_code, refused.get_json()["code"]) == (409, "second_person_needed")
    assert client.post(f"{path}/paid", headers=bearer(other)).get_json()["state"] == "paid"
    back = {"reason": "refunded", "note": " bank entry 7 "}
    answer = client.post(f"{path}/reversed", json=back, headers=bearer(maker)).get_json()
    assert (answer["state"], answer["reversed_for"]) == ("reversed", "refunded")
    assert answer["reversal_note"] == "bank entry 7"
    again = client.post(f"{path}/reversed", json=back, headers=bearer(maker))
    assert (again.status_code, again.get_json()["code"]) == (409, "reversed_already")
    for bad in ({"reason": "mood", "note": "x"}, {"reason": "refunded", "note": " "}):
        assert client.post(f"{path}/reversed", json=bad, headers=bearer(maker)).status_code == 422


@pytest.mark.one_engine
def test_finance_reverses_on_the_claims_page(kept, client):
    sign_in(client, user(FINANCE))
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    service.record_reversed_invoice(None, INVOICE, BY, AT)
    address = f"/reimbursement/{claim.id}"
    assert "taken back after this claim was paid" in client.get(address).get_data(as_text=True)
    assert "Fill this in" in client.post(f"{address}/reversed", data={}).get_data(as_text=True)
    said = {"reason": RED.reason, "note": RED.note}
    page = client.post(f"{address}/reversed", data=said, follow_redirects=True)
    text_ = page.get_data(as_text=True)
    assert "A red invoice took the invoice back" in text_
    assert RED.note in text_
    assert "/reversed" not in text_.replace("/reimbursement/reversed", "")  # nothing left to press


@pytest.mark.one_engine
def test_the_whole_groups_administrator_sets_the_amount(kept, client):
    sign_in(client, user(GROUP_ADMINISTRATOR))
    where = "/reimbursement/payment-rule"
    client.post(where, data={"second_person_above": "20万"})
    assert ledger.second_person_above() == 200_000
    assert 'value="200000"' in client.get(where).get_data(as_text=True)
    client.post(where, data={"second_person_above": "-1"})
    assert ledger.second_person_above() == 200_000
    client.post(where, data={"second_person_above": ""})
    assert ledger.second_person_above() is None


@pytest.mark.one_engine
def test_who_administers_a_company_sets_nothing(kept, client):
    sign_in(client, user(GROUP_ADMINISTRATOR, "E1"))
    where = "/reimbursement/payment-rule"
    assert client.get(where).status_code == 403
    assert client.post(where, data={"second_person_above": "1"}).status_code == 403
    assert ledger.second_person_above() is None


# Decisions follow one another


def test_decisions_are_one_line(kept):
    kept.approval_number = None
    db.session.commit()
    claim = service.record(asked(), BY, AT)
    claim = service.decide_again(claim.id, BY, AT)
    claim = service.decide_again(claim.id, BY, AT)
    first, second, third = claim.decisions
    assert [first.previous_id, second.previous_id, third.previous_id] == [
        None,
        first.id,
        second.id,
    ]
    for forked in (None, first.id):
        with pytest.raises(DBAPIError):
            db.session.execute(
                update(Decision).where(Decision.id == third.id).values(previous_id=forked)
            )
        db.session.rollback()


def test_the_migration_fills_what_was_recorded_before(kept, app):
    who = user(FINANCE)
    maker = Actor(who.id, who.email)
    kept.approval_number = None
    db.session.commit()
    claim_id = service.record(asked(), maker, AT).id
    kept.approval_number = "OA-9"
    db.session.commit()
    service.decide_again(claim_id, BY, AT)
    service.pay(claim_id, BY, AT)
    db.session.remove()
    folder = str(ROOT / "migrations")
    flask_migrate.downgrade(directory=folder, revision="0008_oa")
    flask_migrate.upgrade(directory=folder)
    limit_to(EVERYTHING)
    claim = service.claim_with_decisions(claim_id)
    assert (claim.recorded_by_id, claim.state) == (maker.id, "paid")
    assert claim.decisions[1].previous_id == claim.decisions[0].id
    entry = db.session.scalars(select(MoneyEntry)).one()
    assert (entry.claim_id, entry.kind, entry.amount) == (claim_id, "paid", DUE)
    assert (entry.at, entry.by) == (AT, BY.name)
    assert db.session.scalar(select(func.count()).select_from(PaymentRule)) == 1
