"""The queue of held claims, and deciding many of them again."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from python_calamine import load_workbook

from fleet.reimbursement import held
from fleet.reimbursement.service import record
from fleet.reimbursement.tables import Claim
from fleet.storage import db
from fleet.web.access import COMPANY_ADMIN, FINANCE
from tests.pages import soup, words
from tests.policies.records import statements
from tests.reimbursement.records import AT, BY, INVOICE, NUMBER, asked, group, sign_in, user

QUEUE = "/reimbursement/held"


@pytest.fixture(autouse=True)
def kept(session):
    return group()


@pytest.fixture
def finance(client, session):
    sign_in(client, user(FINANCE))
    return client


def hold(**overrides) -> int:
    return record(asked(**overrides), BY, AT).id


def listed(answer) -> list[str]:
    return [one.get_text(strip=True) for one in soup(answer).select("tbody th")]


def states() -> list[str]:
    return [one.state for one in db.session.query(Claim).order_by(Claim.id)]


def test_the_rulebooks_holds_each_have_somebody_who_cures_them(session):
    assert set(held.codes()) == set(held.CURED_BY)


def test_the_oldest_first_by_what_they_wait_for(finance, kept):
    kept.approval_number = None
    db.session.commit()
    late = record(asked(buyer_credit_code=None), BY, AT).id
    early = record(asked(policy_number="NONE-1"), BY, AT - timedelta(days=1)).id
    other = hold(company="W1", policy_number="NONE-2", buyer_credit_code="91990000MAX0000333")
    answer = finance.get(QUEUE)
    assert listed(answer) == [f"Claim {early}", f"Claim {late}", f"Claim {other}"]
    text = words(answer)
    assert "Insurance desk: Have the desk record the policy, then decide again." in text
    assert "Have the request approved in OA and record the approval number." in text
    assert listed(finance.get(f"{QUEUE}?reason=buyer_unknown")) == [f"Claim {late}"]
    assert listed(finance.get(f"{QUEUE}?reason=approval_missing")) == [f"Claim {late}"]
    found = finance.get(f"{QUEUE}?reason=policy_unknown&company=W1")
    assert listed(found) == [f"Claim {other}"]
    assert held.counts() == {"policy_unknown": 2, "buyer_unknown": 1, "approval_missing": 1}
    assert held.counts("E1") == {"policy_unknown": 1, "buyer_unknown": 1, "approval_missing": 1}
    assert "No held claim answers" in words(finance.get(f"{QUEUE}?reason=%25"))


def test_only_the_latest_decision_counts(finance, kept):
    kept.approval_number = None
    db.session.commit()
    number = hold(buyer_credit_code=None)
    kept.approval_number = "OA-2"
    db.session.commit()
    finance.post(f"{QUEUE}/again", data={"ids": number})
    assert held.counts() == {"buyer_unknown": 1}
    assert listed(finance.get(f"{QUEUE}?reason=approval_missing")) == []


def test_each_leads_to_where_it_is_cured(finance, kept):
    kept.approval_number = None
    db.session.commit()
    number = hold(buyer_credit_code=None)
    leads = {one["href"] for one in soup(finance.get(QUEUE)).select("tbody td a")}
    assert f"/reimbursement/check?instead_of={number}" in leads
    assert f"/policies/{NUMBER}" in leads
    assert f"/vehicles/{kept.vehicle.vin}" in leads


def test_many_are_decided_again_and_the_others_named(finance, kept):
    kept.approval_number = None
    db.session.commit()
    held_still = hold(buyer_credit_code=None, invoice_number=INVOICE[:-1] + "8")
    cured = hold()
    gone = hold(policy_number="NONE-1", invoice_number=INVOICE[:-1] + "7")
    finance.post(f"/reimbursement/{gone}/withdraw")
    kept.approval_number = "OA-2"
    db.session.commit()
    chosen = {"ids": [cured, gone, 999, cured], "list_reason": "approval_missing"}
    answer = finance.post(f"{QUEUE}/again", data=chosen)
    assert answer.headers["Location"] == f"{QUEUE}?reason=approval_missing"
    text = words(finance.get(QUEUE))
    assert "1 claim decided again: Payable" in text
    assert f"Claim {gone} was left out: Only a held claim is decided again." in text
    assert "Claim 999 was left out" in text
    assert states() == ["held", "payable", "withdrawn"]
    finance.post(f"{QUEUE}/again", data={"all": "yes", "shown": [held_still]})
    assert states() == ["refused", "payable", "withdrawn"]  # its premium is claimed meanwhile
    assert "Choose claims first." in words(
        finance.post(f"{QUEUE}/again", data={}, follow_redirects=True)
    )


def test_a_company_admin_sees_what_holds_theirs_and_decides_nothing(client, session):
    mine = hold(policy_number="NONE-1")
    hold(company="W1", policy_number="NONE-2")
    sign_in(client, user(COMPANY_ADMIN, "E1"))
    answer = client.get(QUEUE)
    assert listed(answer) == [f"Claim {mine}"]
    assert not soup(answer).select("[name=ids]")
    assert client.post(f"{QUEUE}/again", data={"ids": mine}).status_code == 403
    home = soup(client.get("/"))
    assert home.select_one(f"a[href='{QUEUE}?reason=policy_unknown']")
    assert "Nothing to do" not in home.get_text()


def test_finance_decides_only_what_is_theirs(client, session, kept):
    number = hold(buyer_credit_code=None)
    sign_in(client, user(FINANCE, "W1"))
    assert listed(client.get(QUEUE)) == []
    client.post(f"{QUEUE}/again", data={"ids": number})
    assert states() == ["held"]


def test_the_queue_as_a_sheet(finance):
    hold(buyer_credit_code=None)
    answer = finance.get(f"{QUEUE}/export")
    rows = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert rows[1][2:4] == [NUMBER, INVOICE]
    assert rows[1][7] == "Enter the buyer's credit code from the invoice."


@pytest.mark.one_engine
def test_a_long_queue_asks_no_more_than_a_short_one(finance):
    counts = []
    for serial in range(3):
        hold(buyer_credit_code=None, invoice_number=f"{INVOICE[:-1]}{serial}")
        with statements() as seen:
            finance.get(QUEUE)
        counts.append(len(seen))
    assert len(set(counts)) == 1
