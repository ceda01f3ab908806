"""Finance's one box: green, amber or red at once, and nothing of other companies."""

from __future__ import annotations

from datetime import date

import pytest

from fleet.reimbursement.service import record, record_reversed_invoice
from fleet.storage import db
from fleet.vehicles.tables import Holding
from fleet.web.access import COMPANY_ADMIN, FINANCE
from tests.pages import soup, words
from tests.policies.records import statements
from tests.reimbursement.records import (
    AT,
    BEGINS,
    BY,
    DAY,
    INVOICE,
    NUMBER,
    asked,
    company,
    group,
    policy,
    sign_in,
    user,
)

DESK = "/reimbursement/desk"
QR = f"01,32,,{INVOICE},950.00,20260302,,7A5F"  # generated


@pytest.fixture(autouse=True)
def kept(session):
    return group()


@pytest.fixture
def finance(client, session):
    sign_in(client, user(FINANCE))
    return client


def ask(client, text: str):
    return client.get(DESK, query_string={"q": text})


def badges(answer) -> list[str]:
    return [one.get_text(strip=True) for one in soup(answer).select(".decision .badge-sign")]


def test_the_box_takes_the_keyboard_at_once(finance):
    page = soup(finance.get(DESK))
    assert page.select_one("#ask").has_attr("autofocus")
    assert soup(finance.get("/reimbursement")).select_one("form[action='/reimbursement/desk'] #ask")


@pytest.mark.parametrize("text", [NUMBER, f" {NUMBER} ", NUMBER.lower(), "京A00001", "京A·00001"])
def test_a_policy_that_would_be_paid(finance, text):
    answer = ask(finance, text)
    assert badges(answer) == ["Payable"]
    assert "A claim of the whole premium by E1 would be paid." in words(answer)
    assert "Left of it to be claimed 1,250.00 yuan" in words(answer)


def test_every_reason_has_its_clause(finance, kept):
    kept.approval_number = kept.vehicle_tax = None
    db.session.commit()
    answer = ask(finance, NUMBER)
    assert badges(answer) == ["Held"]
    assert "Clause 3.2" in words(answer)
    assert "Clause 4.2" in words(answer)


def test_what_earlier_claims_leave(finance):
    record(asked(), BY, AT)
    answer = ask(finance, NUMBER)
    assert badges(answer) == ["Refused"]
    assert "Left of it to be claimed 0.00 yuan" in words(answer)
    assert "Premium already claimed" in words(answer)
    assert soup(answer).select_one("td[data-label=State]").get_text(strip=True) == "Payable"


def test_a_vehicle_answers_with_its_policies_of_two_years(finance, kept):
    for years, number in ((1, "TEST0000000000000002"), (4, "TEST0000000000000003")):
        policy(kept.vehicle, number, BEGINS.replace(year=BEGINS.year - years))
    policy(kept.vehicle, "TEST0000000000000004", BEGINS, "commercial")
    db.session.commit()
    for text in (kept.vehicle.vin, kept.vehicle.plate):
        answer = ask(finance, text)
        found = [one.get_text(strip=True) for one in soup(answer).select("tbody th")]
        assert sorted(found) == [NUMBER, "TEST0000000000000002", "TEST0000000000000004"]
        assert len(badges(answer)) == 3


def test_a_vehicle_that_moved_is_claimed_for_by_who_held_it(finance, kept):
    kept.vehicle.company_id = company("E2").id
    for code, since, until in (
        ("E1", date(2020, 1, 1), BEGINS + DAY),
        ("E2", BEGINS + DAY, None),
    ):
        db.session.add(
            Holding(
                vehicle_id=kept.vehicle_id, company_id=company(code).id, since=since, until=until
            )
        )
    db.session.commit()
    assert "A claim of the whole premium by E1 would be paid." in words(ask(finance, NUMBER))


@pytest.mark.parametrize("text", [INVOICE, "2699 2000-0001 2345 6789", "2699200OOOO123456789", QR])
def test_an_invoice(finance, text):
    assert badges(ask(finance, text)) == ["Not claimed yet"]
    held = record(asked(buyer_credit_code=None), BY, AT)
    number = held.id
    answer = ask(finance, text)
    assert badges(answer) == ["Look at it first"]
    assert f"Claim {number}" in words(answer)
    record(asked(), BY, AT)
    assert badges(ask(finance, text)) == ["Not paid again"]


def test_a_reversed_invoice_is_red(finance):
    record_reversed_invoice(None, INVOICE, BY, AT)
    answer = ask(finance, QR)
    assert badges(answer) == ["Not paid again"]
    assert "Invoice reversed" in words(answer)


@pytest.mark.parametrize(
    ("text", "badge"),
    [
        ("999000000011 12345678", "Not paid again"),
        ("999000000011-12345678", "Not paid again"),
        ("999000000012-12345678", "Not claimed yet"),
        ("12345678", "Look at it first"),
        ("999000000011", "Look at it first"),
    ],
)
def test_an_invoice_of_code_and_number(finance, text, badge):
    record(asked(invoice_code="999000000011", invoice_number="12345678"), BY, AT)
    answer = ask(finance, text)
    assert badges(answer) == [badge]
    assert bool(soup(answer).select("tbody tr")) is (badge != "Not claimed yet")


def test_the_invoice_goes_on_to_the_form(finance):
    page = soup(ask(finance, QR))
    form = page.select_one("form[action='/reimbursement/check/fill']")
    typed = {one["name"]: one["value"] for one in form.select("input")}
    filled = soup(finance.post("/reimbursement/check/fill", data=typed))
    assert filled.select_one("#invoice_number")["value"] == INVOICE


def test_another_company_learns_what_a_check_tells_and_no_more(client, session, kept):
    record(asked(), BY, AT)
    kept_vehicle = kept.vehicle.vin
    sign_in(client, user(FINANCE, "W1"))
    for text in (NUMBER, kept_vehicle, "京A00001"):
        answer = ask(client, text)
        assert "Nothing of your companies answers this." in words(answer)
        assert "Company E1" not in words(answer)
    answer = ask(client, INVOICE)
    assert badges(answer) == ["Not paid again"]
    assert "Another company of the group has claimed it." in words(answer)
    for said in (NUMBER, "E1", "1,250.00"):
        assert said not in words(answer)


def test_claims_on_a_policy_that_is_not_on_record(client, session):
    record(asked(company="W1", policy_number="NONE-1"), BY, AT)
    sign_in(client, user(COMPANY_ADMIN, "W1"))
    assert "these claims name it" in words(ask(client, "NONE-1"))


@pytest.mark.parametrize("text", ["", "   ", "%", "x" * 9999, "01,32,,1,2", "<b>", "' OR 1=1"])
def test_any_text_is_answered(finance, text):
    assert ask(finance, text).status_code == 200


@pytest.mark.one_engine
def test_the_database_is_asked_as_little_for_many_policies_as_for_one(finance, kept):
    vin, counts = kept.vehicle.vin, []
    for number in (2, 3, 4):
        with statements() as seen:
            answer = ask(finance, vin)
        assert len(badges(answer)) == number - 1
        counts.append(len(seen))
        policy(kept.vehicle, f"TEST000000000000000{number}", BEGINS - number * DAY)
        db.session.commit()
    # Five belong to any page; nine gather what decides.
    assert max(counts) <= 17, seen
    with statements() as seen:
        ask(finance, QR)
    assert len(seen) <= 7, seen
