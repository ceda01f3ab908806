"""Recording, deciding again, paying: what each leaves behind, and what two at once do."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select, text

from fleet.people.tables import Company
from fleet.reimbursement import ledger, refusals, reversing, service
from fleet.reimbursement.reversing import reverse
from fleet.reimbursement.rules import RED_INVOICE, REFUNDED, Why
from fleet.reimbursement.tables import Claim, Decision, IdempotencyKey, MoneyEntry
from fleet.storage import EVERYTHING, Scope, act, db, limit_to
from fleet.storage.history import HistoryEntry, verify
from tests.reimbursement.records import (
    AT,
    BY,
    DAY,
    DUE,
    INVOICE,
    NUMBER,
    PREMIUM,
    asked,
    company,
    group,
    policy,
    vehicle,
)


@pytest.fixture(autouse=True)
def kept(session):
    return group()


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


# What a verb leaves behind


def test_a_recorded_claim_keeps_its_decision_and_facts():
    claim = service.record(asked(insurer="INS-B"), BY, AT)
    assert (claim.state, claim.recorded_by, claim.recorded_at) == ("held", BY.name, AT)
    decision = claim.decisions[0]
    assert decision.decision == "held"
    assert [one["code"] for one in decision.reasons] == ["insurer_differs"]
    assert decision.reasons[0]["required"] == "INS-A"
    assert decision.rulebook_since.isoformat() == "2012-01-17"
    facts = decision.facts
    assert facts["claim"]["amount"] == "1250"
    assert facts["policy"]["policy"]["number"] == NUMBER
    assert facts["policy"]["holdings"] == [["E1", {"since": "2020-01-01", "until": None}]]
    assert facts["earlier_amounts"] == []


def test_history_tells_the_verb_and_not_the_facts_at_length():
    claim = service.record(asked(), BY, AT)
    entry = db.session.scalars(select(HistoryEntry)).one()
    assert (entry.verb, entry.subject, entry.actor) == ("record_claim", claim.audit_name(), BY.name)
    assert "facts_digest" in entry.changes
    assert "vehicle_policies" not in entry.changes
    assert verify() is None


def test_another_companys_claim_is_not_there():
    claim = service.record(asked(), BY, AT)
    limit_to(Scope(frozenset({company("W1").id})))
    for verb in (service.pay, service.decide_again):
        with pytest.raises(refusals.ClaimUnknown):
            verb(claim.id, BY, AT)
    with pytest.raises(refusals.CompanyUnknown):
        service.record(asked(), BY, AT)
    limit_to(EVERYTHING)
    assert service.claim_with_decisions(claim.id).state == "payable"
    assert count(Claim) == 1


def test_a_held_claim_is_decided_again_by_what_is_on_record_now(kept):
    kept.approval_number = None
    db.session.commit()
    claim = service.record(asked(), BY, AT)
    assert service.decide_again(claim.id, BY, AT + DAY).state == "held"
    kept.approval_number = "OA-2"
    db.session.commit()
    claim = service.decide_again(claim.id, BY, AT + 2 * DAY)
    assert claim.state == "payable"
    assert [one.decision for one in claim.decisions] == ["held", "held", "payable"]
    with pytest.raises(refusals.NotHeld):
        service.decide_again(claim.id, BY, AT)


def test_a_refused_claim_has_no_way_to_be_paid():
    claim = service.record(asked(amount=Decimal(-1)), BY, AT)
    assert claim.state == "refused"
    with pytest.raises(refusals.NotPayable):
        service.pay(claim.id, BY, AT)
    with pytest.raises(refusals.NotHeld):
        service.decide_again(claim.id, BY, AT)


def test_a_claim_is_paid_once():
    claim = service.record(asked(), BY, AT)
    paid = service.pay(claim.id, BY, AT + DAY)
    assert (paid.state, paid.paid_at, paid.paid_by) == ("paid", AT + DAY, BY.name)
    with pytest.raises(refusals.AlreadyPaid):
        service.pay(claim.id, BY, AT)
    with pytest.raises(refusals.ClaimUnknown):
        service.pay(claim.id + 1, BY, AT)
    assert service.record(asked(), BY, AT).state == "refused"


def test_an_invoice_reversed_later_stops_its_payable_claim():
    claim = service.record(asked(), BY, AT)
    _note, stood = service.record_reversed_invoice(None, INVOICE, BY, AT + DAY)
    assert stood is not None
    assert (stood.id, stood.state) == (claim.id, "refused")
    assert [one["code"] for one in stood.decisions[-1].reasons] == ["invoice_reversed"]
    with pytest.raises(refusals.NotPayable):
        service.pay(claim.id, BY, AT)
    with pytest.raises(refusals.ReversedBefore):
        service.record_reversed_invoice("", f" {INVOICE} ", BY, AT)


def test_anothers_invoice_is_noted_by_its_own_finance():
    """Anybody's finance could once stop another company's payable claim by its number."""
    claim = service.record(asked(), BY, AT)
    other = db.session.scalars(select(Company.id).where(Company.code != asked().company)).first()
    limit_to(Scope(frozenset({other})))
    with pytest.raises(refusals.AnothersInvoice):
        service.record_reversed_invoice(None, INVOICE, BY, AT)
    limit_to(EVERYTHING)
    assert service.claim_with_decisions(claim.id).state == "payable"


def test_an_invoice_reversed_after_payment_stays_paid_and_is_told():
    claim = service.record(asked(), BY, AT)
    service.pay(claim.id, BY, AT)
    _note, stood = service.record_reversed_invoice(None, INVOICE, BY, AT)
    assert stood is not None
    assert stood.state == "paid"
    assert [claim.id for _note, claim in service.reversed_of_mine()] == [claim.id]


def test_a_reversal_between_decision_and_payment_is_seen(session):
    claim = service.record(asked(), BY, AT)
    session.execute(
        text("INSERT INTO reversed_invoices VALUES (:key, :at, 'x')"), {"key": INVOICE, "at": AT}
    )
    session.commit()
    with pytest.raises(refusals.InvoiceTakenBack):
        service.pay(claim.id, BY, AT)


# Two at once


@pytest.fixture
def together(app, monkeypatch) -> Callable[..., list[Any]]:
    """Runs calls at the same moment, a thread and a session each; answers or errors."""
    decided = service.check

    def lingering(*args: Any) -> Any:
        found = decided(*args)
        time.sleep(0.3)  # between looking and writing, where another could come in
        return found

    def run(*calls: Callable[[], Any]) -> list[Any]:
        with act("begin_history", by=BY, at=AT):
            pass  # or the two would meet at the chain's first entry, and one would decide again
        monkeypatch.setattr(service, "check", lingering)
        ready = Barrier(len(calls))

        def one(call: Callable[[], Any]) -> Any:
            with app.app_context():
                limit_to(EVERYTHING)
                ready.wait()
                try:
                    return call()
                except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
                    return type(error).__name__

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls))

    return run


def recorded(**overrides: Any) -> Callable[[], str]:
    return lambda: service.record(asked(**overrides), BY, AT).state


def test_one_invoice_on_two_policies_at_once(together):
    policy(vehicle(2), "OTHER")
    db.session.commit()
    found = together(recorded(), recorded(policy_number="OTHER"))
    assert sorted(found) == ["payable", "refused"]
    assert verify() is None


def test_without_the_index_one_invoice_is_payable_twice(together, engine):
    """The control: SQLite's verbs follow one another anyway, PostgreSQL's need the index."""
    policy(vehicle(2), "OTHER")
    db.session.execute(text("DROP INDEX uq_claims_invoice_key_stands"))
    db.session.commit()
    found = together(recorded(), recorded(policy_number="OTHER"))
    assert sorted(found) == ["payable", "refused" if engine == "sqlite" else "payable"]


HALF = {"amount": DUE, "invoice_total": None, "vehicle_tax": None}


def test_one_premium_on_two_invoices_at_once(together):
    found = together(recorded(**HALF), recorded(**HALF, invoice_number="26992000000123456788"))
    assert sorted(found) == ["payable", "refused"]


def test_without_the_lock_one_premium_is_payable_twice(together, monkeypatch, engine):
    """The control: nothing unique stands between two claims on one policy."""
    monkeypatch.setattr(service, "_lock_policy", lambda _number: None)
    found = together(recorded(**HALF), recorded(**HALF, invoice_number="26992000000123456788"))
    assert sorted(found) == ["payable", "refused" if engine == "sqlite" else "payable"]


def test_eight_people_pay_one_claim(together):
    claim_id = service.record(asked(), BY, AT).id
    found = together(*[lambda: service.pay(claim_id, BY, AT).state] * 8)
    assert sorted(found) == ["AlreadyPaid"] * 7 + ["paid"]
    entries = select(func.count()).where(HistoryEntry.verb == "pay_claim")
    assert db.session.scalar(entries) == 1


def test_eight_people_reverse_one_claim(together):
    claim_id = service.record(asked(), BY, AT).id
    service.pay(claim_id, BY, AT)
    why = Why(RED_INVOICE, "26992000000199999999")
    found = together(*[lambda: reverse(claim_id, why, BY, AT).state] * 8)
    assert sorted(found) == ["ReversedAlready"] * 7 + ["reversed"]
    kinds = db.session.scalars(select(MoneyEntry.kind).order_by(MoneyEntry.id)).all()
    assert kinds == ["paid", "reversed"]
    assert verify() is None


def test_without_the_guard_a_claim_is_given_back_eight_times(together, monkeypatch):
    """The control: the statement that takes back takes what is taken back already."""
    claim_id = service.record(asked(), BY, AT).id
    service.pay(claim_id, BY, AT)
    monkeypatch.setattr(reversing, "PAYABLE", "reversed")
    again = [lambda: reverse(claim_id, Why(REFUNDED, "bank"), BY, AT).state] * 8
    assert sorted(together(*again)) == ["Busy"] * 7 + ["reversed"]
    assert count(MoneyEntry) == 2  # no guard, and yet the constraint lets one entry through
    entered: list[Any] = []
    monkeypatch.setattr(ledger, "enter_reversed", lambda *entry: entered.append(entry))
    assert together(*again) == ["reversed"] * 8
    assert len(entered) == 8


@pytest.fixture
def anew() -> Callable[[], str]:
    """Claims a held claim anew, the buyer's code filled in."""
    old = service.record(asked(buyer_credit_code=None), BY, AT)
    assert old.state == "held"
    old_id = old.id
    return lambda: service.record(asked(), BY, AT, instead_of=old_id).state


def in_its_place() -> int | None:
    """How many claims stand instead of another."""
    db.session.rollback()
    return db.session.scalar(select(func.count(Claim.replaces_id)))


def test_eight_people_claim_a_held_claim_anew(together, anew):
    assert sorted(together(*[anew] * 8)) == ["NotWithdrawable"] * 7 + ["payable"]
    assert in_its_place() == 1
    states = db.session.scalars(select(Claim.state).order_by(Claim.id)).all()
    assert states == ["withdrawn", "payable"]
    assert verify() is None


def test_without_its_end_the_index_still_lets_one_claim_follow(together, anew, monkeypatch):
    """The control: nobody withdraws the old claim, nor finds it withdrawn."""
    monkeypatch.setattr(service, "end", lambda _claim_id: None)
    assert sorted(together(anew, anew)) == ["Busy", "payable"]
    assert in_its_place() == 1
    db.session.execute(text("DROP INDEX ix_claims_replaces_id"))
    db.session.commit()
    assert together(anew, anew) == ["refused"] * 2  # the invoice is claimed, at least
    assert in_its_place() == 3


def test_one_pays_while_another_reverses(together):
    """Whoever is first, every yuan that went out is entered, and came back or stays."""
    claim_id = service.record(asked(), BY, AT).id
    why = Why(RED_INVOICE, "26992000000199999999")
    together(
        lambda: service.pay(claim_id, BY, AT).state,
        lambda: reverse(claim_id, why, BY, AT).state,
    )
    claim = service.claim_with_decisions(claim_id)
    kinds = db.session.scalars(select(MoneyEntry.kind).order_by(MoneyEntry.id)).all()
    assert claim.state == "reversed"
    assert kinds == (["paid", "reversed"] if claim.paid_at else [])


def test_two_people_decide_a_held_claim_again(together, kept):
    kept.approval_number = None
    db.session.commit()
    claim_id = service.record(asked(), BY, AT).id
    kept.approval_number = "OA-2"
    db.session.commit()
    found = together(*[lambda: service.decide_again(claim_id, BY, AT).state] * 2)
    assert sorted(found) == ["NotHeld", "payable"]
    assert count(Decision) == 2


# A key of the caller's own


def once(**overrides: Any) -> service.Once:
    values = {
        "user_id": overrides.pop("user_id"),
        "key": "k-1",
        "request_digest": "d-1",
        "answer": lambda claim: (201, {"id": claim.id}),
        "refused": lambda refusal: (int(refusal.status), {"code": refusal.code}),
    }
    return service.Once(**(values | overrides))


@pytest.fixture
def who() -> int:
    from tests.reimbursement.records import user

    return user("finance").id


def test_a_key_is_answered_the_same_again(who):
    first = service.record_once(asked(), once(user_id=who), BY, AT)
    assert service.record_once(asked(), once(user_id=who), BY, AT + DAY) == first
    assert count(Claim) == 1
    with pytest.raises(refusals.KeyUsedForAnother):
        service.record_once(asked(), once(user_id=who, request_digest="d-2"), BY, AT)


def test_a_refusal_is_answered_the_same_again(who):
    unknown = asked(company="N1")
    first = service.record_once(unknown, once(user_id=who), BY, AT)
    assert first == (404, {"code": "company_unknown"})
    company("N1")
    db.session.commit()
    assert service.record_once(unknown, once(user_id=who), BY, AT) == first
    assert (count(Claim), count(IdempotencyKey)) == (0, 1)


def test_one_key_at_once_records_one_claim(together, who):
    found = together(*[lambda: service.record_once(asked(), once(user_id=who), BY, AT)] * 4)
    assert found == [found[0]] * 4
    assert found[0][0] == 201
    assert count(Claim) == 1


def test_a_premium_may_come_in_parts():
    parts = {"invoice_total": None, "vehicle_tax": None}
    first = service.record(asked(amount=PREMIUM, **parts), BY, AT)
    assert first.state == "held"  # an instalment differs from what is due
