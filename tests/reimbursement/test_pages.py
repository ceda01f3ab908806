"""The pages of finance, as each role sees and uses them."""

from __future__ import annotations

import io
from datetime import date

import pytest
from python_calamine import load_workbook

from fleet.reimbursement.service import pay, record
from fleet.reimbursement.tables import Claim
from fleet.storage import db
from fleet.web.access import AUDITOR, FINANCE
from tests.pages import soup, words
from tests.reimbursement.records import (
    AT,
    BY,
    DAY,
    INVOICE,
    NUMBER,
    asked,
    body,
    company,
    designate,
    group,
    policy,
    sign_in,
    user,
    vehicle,
)

CHECK = "/reimbursement/check"
LIST = "/reimbursement"
OTHER = "26992000000123456788"


@pytest.fixture(autouse=True)
def kept(session):
    return group()


@pytest.fixture
def finance(client, session):
    sign_in(client, user(FINANCE))
    return client


def form(**overrides) -> dict[str, str]:
    return {name: "" if v is None else str(v) for name, v in body(**overrides).items()}


def state() -> str:
    return db.session.query(Claim).one().state


# Check and record


def test_the_form_offers_the_callers_companies(client, session):
    sign_in(client, user(FINANCE, "E1"))
    page = soup(client.get(CHECK))
    offered = [one["value"] for one in page.select("#company option")]
    assert offered == ["", "E1"]
    labels = {one["for"] for one in page.select("form.form label[for]")}
    assert labels >= set(form())


def test_a_policys_page_hands_its_number_over(finance):
    page = soup(finance.get(f"{CHECK}?policy_number={NUMBER}"))
    assert page.select_one("#policy_number")["value"] == NUMBER
    assert page.select_one("#company option[selected]")["value"] == "E1"


def test_a_check_shows_the_decision_and_records_nothing(finance):
    answer = finance.post(CHECK, data=form())
    assert "Payable" in words(answer)
    assert soup(answer).select_one("[formaction='/reimbursement']") is not None
    assert db.session.query(Claim).count() == 0


def test_every_reason_has_its_clause_and_what_to_do(finance, kept):
    kept.vehicle_tax = None
    db.session.commit()
    answer = finance.post(CHECK, data=form(insurer="", buyer_credit_code=""))
    text = words(answer)
    assert "Held" in text
    assert "Clause 4.2" in text
    assert "Enter the buyer's credit code" in text
    assert "No vehicle and vessel tax" in text
    kinds = [one["class"] for one in soup(answer).select("li.finding")]
    assert ["finding", "is-held"] in kinds


def test_what_was_typed_stays_beside_what_is_wrong(finance):
    answer = finance.post(CHECK, data=form(amount="about 900", policy_number=""))
    page = soup(answer)
    assert page.select_one("#amount")["value"] == "about 900"
    assert "yuan" in page.select_one("#amount-error").get_text()
    assert page.select_one("#policy_number-error").get_text(strip=True) == "Fill this in."
    assert page.select_one("#invoice_number")["value"] == INVOICE
    assert page.select_one(".decision") is None


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("invoice_number", "9.9E+19"),
        ("invoice_date", "2026-02-30"),
        ("invoice_total", "99999999999999"),
        ("late_fee", "-1"),
        ("company", "W9"),
        ("buyer_credit_code", "x" * 41),
    ],
)
def test_what_cannot_be_kept_is_said_beside_its_field(finance, field, typed):
    for address in (CHECK, LIST):
        page = soup(finance.post(address, data=form(**{field: typed})))
        assert page.select_one(f"#{field}-error") is not None
    assert db.session.query(Claim).count() == 0


def test_a_claim_is_recorded_and_shown(finance):
    answer = finance.post(LIST, data=form(), follow_redirects=True)
    number = db.session.query(Claim).one().id
    assert answer.request.path == f"{LIST}/{number}"
    text = words(answer)
    for said in (
        "Payable",
        NUMBER,
        INVOICE,
        "1,250.00",
        "a@example.test",
        "rulebook of 2012-01-17",
    ):
        assert said in text


# Filled in from the invoice; the invoices are generated


QR = f"01,32,,{INVOICE},950.00,20260302,,7A5F"
REMARK = f"保单号:{NUMBER}; 车牌号:京A00001; 代收车船税:300.00元; 滞纳金:0元; 合计:1250.00元"
FILL = f"{CHECK}/fill"


def values(answer) -> dict[str, str]:
    inputs = soup(answer).select("form.form input.form-control")
    return {one["name"]: one.get("value", "") for one in inputs}


def test_an_invoice_fills_the_form(finance):
    empty = dict.fromkeys(form(), "") | {"company": "E1", "qr_text": QR, "remark": REMARK}
    answer = finance.post(FILL, data=empty)
    found = values(answer)
    kept = ("policy_number", "invoice_number", "invoice_date", "invoice_total", "amount")
    assert [found[name] for name in kept] == [NUMBER, INVOICE, "2026-03-02", "950", "1250"]
    assert "Filled in from the invoice: Invoice number" in words(answer)
    assert soup(answer).select_one("#company option[selected]")["value"] == "E1"
    assert soup(answer).select_one("#qr_text").get_text(strip=True) == QR
    checked = finance.post(
        CHECK, data=empty | found | {"buyer_credit_code": form()["buyer_credit_code"]}
    )
    assert "Payable" in words(checked)


def test_what_was_typed_stays_and_what_differs_is_told(finance):
    typed = form(amount="9,99", invoice_total="951", qr_text=QR, remark=REMARK)
    page = soup(finance.post(FILL, data=typed))
    assert page.select_one("#amount")["value"] == "9,99"
    assert page.select_one("#invoice_total")["value"] == "951"
    told = [one.get_text(strip=True) for one in page.select(".field-warning")]
    assert told == ["The invoice says 950.", "The invoice says 1250."]
    assert "Nothing was filled in." in page.get_text()


def test_what_is_no_code_and_no_remark_is_said(finance):
    page = soup(finance.post(FILL, data=form(qr_text="hello", remark="谢谢" * 9999)))
    assert len(page.select(".field-warning")) == 2


def test_a_code_with_the_sum_before_tax_asks_for_the_total(finance):
    paper = "01,10,999000000011,12345678,896.23,20260302,999,0C1D"
    answer = finance.post(FILL, data=form(invoice_number="", invoice_total="", qr_text=paper))
    assert "896.23 yuan. Enter the total with the tax." in words(answer)
    assert values(answer)["invoice_code"] == "999000000011"


def test_a_remark_that_does_not_fit_the_policy_is_told_beside_the_decision(finance):
    other = REMARK.replace("300.00", "325.00").replace("京A00001", "京A99999")
    answer = finance.post(CHECK, data=form(remark=other))
    assert "Payable" in words(answer)  # the remark alone decides nothing
    told = [one.get_text(strip=True) for one in soup(answer).select(".alert-warning li")]
    assert told == [
        "Vehicle tax: the remark says 325, on record is 300.",
        "Plate: the remark says 京A99999, on record is 京A00001.",
    ]
    assert not soup(finance.post(CHECK, data=form(remark=REMARK))).select(".alert-warning")


def test_nothing_of_another_companys_policy_is_told(client, session):
    sign_in(client, user(FINANCE, "W1"))
    other = form(company="W1", remark=REMARK.replace("300.00", "1.00"))
    assert not soup(client.post(CHECK, data=other)).select(".alert-warning")


# Claimed anew


def test_a_held_claim_is_claimed_anew(finance):
    old = record(asked(buyer_credit_code=None), BY, AT)
    number = old.id
    page = soup(finance.get(f"{CHECK}?instead_of={number}"))
    assert page.select_one("#policy_number")["value"] == NUMBER
    assert page.select_one("[name=instead_of]")["value"] == str(number)
    answer = finance.post(LIST, data=form(instead_of=number), follow_redirects=True)
    assert f"Takes the place of Claim {number}" in words(answer)
    assert "Claimed anew as" in words(finance.get(f"{LIST}/{number}"))
    states = [(one.state, one.replaces_id) for one in db.session.query(Claim).order_by(Claim.id)]
    assert states == [("withdrawn", None), ("payable", number)]
    again = finance.post(LIST, data=form(instead_of=number, invoice_number=OTHER))
    assert "Only a held claim can be withdrawn." in words(again)
    assert db.session.query(Claim).count() == 2


def test_a_held_claim_is_withdrawn_once(finance):
    number = record(asked(buyer_credit_code=None), BY, AT).id
    assert "is withdrawn" in words(finance.post(f"{LIST}/{number}/withdraw", follow_redirects=True))
    assert state() == "withdrawn"
    assert finance.post(f"{LIST}/{number}/withdraw").status_code == 409
    assert finance.post(f"{LIST}/{number}/again").status_code == 409


def test_nobody_withdraws_what_is_not_theirs(client, session):
    number = record(asked(buyer_credit_code=None), BY, AT).id
    sign_in(client, user(FINANCE, "W1"))
    assert client.post(f"{LIST}/{number}/withdraw").status_code == 404
    mine = form(company="W1", instead_of=number)
    client.post(LIST, data=mine)
    assert state() == "held"


# Pay and decide again


def test_a_payable_claim_is_paid_once(finance):
    number = record(asked(), BY, AT).id
    page = soup(finance.get(f"{LIST}/{number}"))
    paying = page.select_one(f"form[action='{LIST}/{number}/paid']")
    assert "1,250.00" in paying["data-confirm"]
    answer = finance.post(f"{LIST}/{number}/paid", follow_redirects=True)
    assert "is marked paid" in words(answer)
    assert soup(answer).select_one("form[data-confirm]") is None
    again = finance.post(f"{LIST}/{number}/paid")
    assert again.status_code == 409
    assert "It is paid once" in words(again)


def test_a_refusal_has_no_button(finance):
    number = record(asked(amount=-1), BY, AT).id
    page = soup(finance.get(f"{LIST}/{number}"))
    posts = [form["action"] for form in page.select(f"main form[action^='{LIST}']")]
    assert posts == [f"{LIST}/{number}/attachments"]  # a paper beside it decides nothing
    assert finance.post(f"{LIST}/{number}/paid").status_code == 409
    assert state() == "refused"


def test_a_held_claim_is_decided_again(finance, kept):
    kept.approval_number = None
    db.session.commit()
    number = record(asked(), BY, AT).id
    assert soup(finance.get(f"{LIST}/{number}")).select_one(f"form[action$='{number}/again']")
    kept.approval_number = "OA-2"
    db.session.commit()
    answer = finance.post(f"{LIST}/{number}/again", follow_redirects=True)
    assert "Decided again: Payable" in words(answer)
    assert [one.get_text(strip=True) for one in soup(answer).select("article h3")] == [
        "Payable",
        "Held",
    ]


def test_a_reversed_invoice(finance):
    record(asked(), BY, AT)
    address = f"{LIST}/reversed"
    assert "Fill this in." in words(finance.post(address, data={"invoice_number": ""}))
    answer = finance.post(address, data={"invoice_number": INVOICE}, follow_redirects=True)
    assert INVOICE in soup(answer).select_one("tbody").get_text()
    assert state() == "refused"
    again = finance.post(address, data={"invoice_number": INVOICE})
    assert "reversed already" in soup(again).select_one("#invoice_number-error").get_text()


# Who may


def test_those_who_only_look_have_no_verbs(client, session):
    number = record(asked(), BY, AT).id
    sign_in(client, user(AUDITOR))
    assert soup(client.get(f"{LIST}/{number}")).select("main form") == []
    assert "Record this claim" not in words(client.post(CHECK, data=form()))
    for address in (LIST, f"{LIST}/{number}/paid", f"{LIST}/{number}/again", f"{LIST}/reversed"):
        assert client.post(address, data=form()).status_code == 403
    assert state() == "payable"


def test_another_companys_claim_is_not_there(client, session):
    number = record(asked(), BY, AT).id
    company("W1")
    sign_in(client, user(FINANCE, "W1"))
    for address in (f"{LIST}/{number}", f"{LIST}/{number}/decision.pdf"):
        assert client.get(address).status_code == 404
    for verb in ("paid", "again"):
        answer = client.post(f"{LIST}/{number}/{verb}")
        assert answer.status_code == 404
        assert NUMBER not in words(answer)
    assert "No claim is recorded yet." in words(client.get(LIST))
    assert state() == "payable"


# The list


@pytest.fixture
def several():
    """Three claims: paid in March, held in April, of another company in April."""
    designate("W", "INS-A", date(2012, 1, 17))
    policy(vehicle(2, holder="W1"), "OTHER")
    db.session.commit()
    pay(record(asked(), BY, AT).id, BY, AT)
    record(asked(invoice_number=OTHER, insurer="INS-B", policy_number="NONE"), BY, AT + 30 * DAY)
    west = {"company": "W1", "policy_number": "OTHER", "amount": 5, "buyer_credit_code": None}
    record(asked(invoice_number="12345678", invoice_code="9990000001", **west), BY, AT + 31 * DAY)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "321"),
        ("?sort=number", "123"),
        ("?sort=amount", "312"),
        ("?sort=drop+table", "321"),
        ("?company=W1", "3"),
        ("?state=paid", "1"),
        ("?state=held&sort=number", "23"),
        ("?insurer=INS-B", "2"),
        ("?insurer=INS-A", "31"),
        ("?month=2026-03", "1"),
        ("?month=2026-04", "32"),
        ("?month=0000-13", "321"),
        ("?q=oth", "3"),
        ("?q=56788", "2"),
        ("?q=9990+0000+01", "3"),
        ("?q=%25", ""),
        ("?page=9", "321"),
    ],
)
def test_filters_and_order_stand_in_the_address(finance, several, query, found):
    rows = soup(finance.get(LIST + query)).select("tbody th")
    assert "".join(one.get_text(strip=True)[-1] for one in rows) == found


def test_the_export_is_what_the_list_shows(finance, several):
    answer = finance.get(f"{LIST}/claims.xlsx?state=held&sort=number")
    sheet = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in sheet[1:]] == [2.0, 3.0]
    assert sheet[1][7] == 1250.0
    assert len({len(row) for row in sheet}) == 1


def test_a_list_asks_as_much_for_many_as_for_one(finance, several):
    from tests.reports.records import statements

    with statements() as asked_for:
        finance.get(LIST)
    assert len(asked_for) <= 10
