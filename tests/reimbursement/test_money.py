"""The money view: its sums are those of the entries, its lines come to one total."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from python_calamine import load_workbook
from sqlalchemy import event, func, select

from fleet.reimbursement import service
from fleet.reimbursement.money import Window, money
from fleet.reimbursement.reversing import reverse
from fleet.reimbursement.rules import REFUNDED, Why
from fleet.reimbursement.tables import Claim, MoneyEntry
from fleet.storage import Scope, db, limit_to
from fleet.web.access import FINANCE
from tests.make import CLOCK
from tests.pages import words
from tests.reimbursement.records import (
    AT,
    BY,
    DUE,
    asked,
    company,
    designate,
    group,
    insurer,
    policy,
    sign_in,
    user,
    vehicle,
)

# Midnight of 1 April on the company's clock is still March in UTC.
MARCH_ENDS = datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC)
APRIL = datetime(2026, 3, 31, 16, tzinfo=UTC)
MONTHS = (date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1))
ALL = Window(MONTHS, CLOCK)


@pytest.fixture
def kept(session):
    """Claims of two companies: paid, given back, held, refused, payable."""
    made = group()
    designate("W", "INS-B", date(2012, 1, 17))
    foreign = policy(vehicle(2, holder="W1"), "WEST", insurer_id=insurer("INS-B").id)
    db.session.commit()
    paid = service.record(asked(), BY, AT)
    service.pay(paid.id, BY, MARCH_ENDS)
    reverse(paid.id, Why(REFUNDED, "bank"), BY, APRIL)
    second = service.record(asked(invoice_number=number(2)), BY, MARCH_ENDS)
    service.pay(second.id, BY, APRIL)
    service.record(asked(invoice_number=number(3)), BY, APRIL)  # refused: the premium is claimed
    service.record(asked(invoice_number=number(2), amount=Decimal(-1)), BY, AT)  # refused: three
    west = {"company": "W1", "policy_number": foreign.policy_number, "insurer": "INS-B"}
    service.record(
        asked(**west, invoice_number=number(4), buyer_credit_code="91990000MAX0000333"), BY, AT
    )
    service.record(asked(policy_number="NOWHERE", invoice_number=number(5), insurer=None), BY, AT)
    return made


def number(serial: int) -> str:
    return f"269920000001234567{serial:02d}"


def test_the_sums_are_those_of_the_entries(kept):
    found = money(ALL)
    entered = db.session.scalar(select(func.sum(MoneyEntry.amount)))
    paid = db.session.scalar(select(func.sum(Claim.amount)).where(Claim.state == "paid"))
    assert found.total.kept == entered == paid == DUE
    assert (found.total.paid, found.total.given_back) == (2 * DUE, DUE)
    assert found.total.claims == 6
    assert found.total.claimed == 5 * DUE - 1
    assert found.total.refused == DUE - 1


def test_every_table_comes_to_the_same_total(kept):
    found = money(ALL)
    for lines in (found.companies, found.insurers, found.months):
        for what in ("claims", "claimed", "waiting", "refused", "paid", "given_back"):
            assert sum(getattr(one, what) for one in lines.values()) == getattr(found.total, what)


def test_money_counts_in_the_companys_month_and_its_insurer(kept):
    found = money(ALL)
    march, april = found.months["2026-03"], found.months["2026-04"]
    assert (march.claims, march.paid, march.given_back) == (5, DUE, 0)
    assert (april.claims, april.paid, april.given_back) == (1, DUE, DUE)
    assert {code: one.claims for code, one in found.insurers.items()} == {
        "INS-A": 4,
        "INS-B": 1,
        "": 1,
    }
    assert {code: one.waiting for code, one in found.companies.items()} == {"E1": DUE, "W1": DUE}


def test_what_is_claimed_anew_counts_once(session):
    group()
    old = service.record(asked(buyer_credit_code=None), BY, AT)
    service.record(asked(), BY, AT, instead_of=old.id)
    assert money(ALL).total.claims == 1
    assert money(ALL).total.claimed == DUE


def test_why_it_was_refused(kept):
    assert [(one.code, one.claims, one.amount) for one in money(ALL).reasons] == [
        ("invoice_already_claimed", 1, Decimal(-1)),
        ("invoice_reversed", 1, Decimal(-1)),
        ("premium_already_claimed", 1, DUE),
    ]


def test_a_claim_that_was_payable_before_counts_once(kept):
    before = {one.code: one.claims for one in money(ALL).reasons}
    service.record_reversed_invoice(None, number(4), BY, AT)
    after = {one.code: one.claims for one in money(ALL).reasons}
    assert after == {**before, "invoice_reversed": before["invoice_reversed"] + 1}


@pytest.mark.parametrize(
    ("window", "claims"),
    [
        (Window(MONTHS, CLOCK, company="W1"), 1),
        (Window(MONTHS, CLOCK, insurer="INS-A"), 4),
        (Window(MONTHS, CLOCK, company="W1", insurer="INS-A"), 0),
        (Window(MONTHS[:2], CLOCK), 5),
        (Window((date(2025, 1, 1), date(2025, 2, 1)), CLOCK), 0),
    ],
)
def test_filters(kept, window, claims):
    found = money(window)
    assert (found.total.claims, found.is_empty) == (claims, claims == 0)


def test_only_ones_own_money_is_seen_by_few_statements(kept):
    limit_to(Scope(frozenset({company("W1").id})))
    asked_: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *a: asked_.append(a[2]))
    found = money(ALL)
    assert list(found.companies) == ["W1"]
    assert (found.total.claimed, found.total.paid) == (DUE, 0)
    assert not found.reasons
    assert len(asked_) == 3


# The page


@pytest.fixture
def finance(kept, client):
    sign_in(client, user(FINANCE))
    return client


MONEY = "/reimbursement/money?since=2026-03&until=2026-04"


@pytest.mark.one_engine
def test_the_page_says_words_and_numbers_beside_the_picture(finance):
    page = finance.get(MONEY)
    text = words(page)
    for said in ("Why claims were refused", "Invoice reversed", "6,249.00", "1,250.00", "2026-04"):
        assert said in text
    assert "<svg" in page.get_data(as_text=True)
    assert "style=" not in page.get_data(as_text=True)


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "query", ["since=2020-01&until=2020-02", "since=x&until=2199-99", "since=2026-05&until=2020-01"]
)
def test_months_without_money_and_months_that_are_none(finance, query):
    assert finance.get(f"/reimbursement/money?{query}").status_code == 200
    if "x" not in query:
        assert "No money moved" in words(finance.get(f"/reimbursement/money?{query}"))


@pytest.mark.one_engine
def test_it_is_taken_away_as_a_sheet(finance):
    answer = finance.get(MONEY.replace("money?", "money.xlsx?"))
    rows = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert rows[0][:4] == ["Summed by", "Code", "Name", "Claims"]
    assert rows[-1][0] == "All"
    assert rows[-1][3:] == [6, 6249, 2500, 1249, 2500, 1250, 1250]
