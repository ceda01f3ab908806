"""Finance: a premium is asked about, its claim recorded, marked paid, and filed as a PDF."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from fleet.insurers.tables import Designation
from fleet.policies.tables import Policy
from fleet.reimbursement.tables import Claim
from fleet.storage import EVERYTHING, db, limit_to
from tests.browser.conftest import Windows

pytestmark = pytest.mark.browser


@pytest.fixture
def unclaimed(demo: Flask) -> Policy:
    """A renewed compulsory policy, in force, that nobody has claimed yet."""
    now = datetime.now(UTC)
    earlier = aliased(Policy)
    renews = exists().where(
        earlier.vehicle_id == Policy.vehicle_id,
        earlier.kind == Policy.kind,
        earlier.begins < Policy.begins,
    )
    found = select(Policy).where(
        ~exists().where(Claim.policy_number == Policy.policy_number),
        exists().where(Designation.insurer_id == Policy.insurer_id, Designation.until.is_(None)),
        renews,
        *(Policy.kind == "compulsory", Policy.vehicle_tax > 0),
        *(Policy.begins <= now, Policy.ends > now),
    )
    with demo.app_context():
        limit_to(EVERYTHING)
        policy = db.session.scalars(found.order_by(Policy.id)).first()
        assert policy is not None
        assert policy.vehicle.company.code
        assert policy.insurer.code
        db.session.expunge_all()
        db.session.remove()
    return policy


def test_a_claim_is_checked_recorded_paid_and_filed(windows: Windows, unclaimed: Policy):
    policy, company = unclaimed, unclaimed.vehicle.company
    with windows.open("finance") as page:
        page.goto("/")
        page.get_by_label("May this premium be reimbursed?").fill(policy.policy_number)
        page.get_by_role("button", name="Check").click()
        expect(page.locator(".decision")).to_contain_text("Payable")
        page.get_by_role("link", name="Check a claim on it").click()
        expect(page.get_by_label("Policy number")).to_have_value(policy.policy_number)
        page.get_by_label("Company").select_option(company.code)
        page.get_by_label("Buyer's credit code").fill(company.credit_code or "")
        page.get_by_label("Invoice number").fill("26000000000000009999")
        page.get_by_label("Invoice total").fill(str(policy.premium))
        page.get_by_label("Vehicle tax").fill(str(policy.vehicle_tax))
        due = (policy.premium or Decimal(0)) + (policy.vehicle_tax or Decimal(0))
        page.get_by_label("Amount claimed").fill(str(due))
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.locator(".decision")).to_contain_text("Payable")
        page.get_by_role("button", name="Record this claim").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^Claim \d+$"))
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Mark paid").click()
        expect(page.locator(".page-head")).to_contain_text("Paid")
        expect(page.get_by_role("button", name="Mark paid")).to_have_count(0)
        paper = page.get_by_role("link", name="Decision as PDF").get_attribute("href")
        answer = page.request.get(str(paper))
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.body().startswith(b"%PDF-")


def test_a_claim_of_an_insurer_not_designated_is_refused_by_its_clause(windows: Windows):
    with windows.open("finance") as page:
        page.goto("/reimbursement?state=refused")
        for number in range(page.locator("tbody tr").count()):
            page.locator("tbody th a").nth(number).click()
            if page.get_by_text("Clause 4.1").count():
                break
            page.go_back()
        expect(page.get_by_role("link", name="Clause 4.1").first).to_be_visible()
        expect(page.get_by_role("button", name="Mark paid")).to_have_count(0)


def test_an_amount_that_is_none_is_said_beside_the_field(windows: Windows):
    with windows.open("finance") as page:
        page.goto("/reimbursement/check")
        page.get_by_label("Policy number").fill("DEMO-JQ-1")
        page.get_by_label("Amount claimed").fill("much")
        page.get_by_role("button", name="Check", exact=True).click()
        expect(page.get_by_label("Amount claimed")).to_have_value("much")
        expect(page.get_by_label("Amount claimed")).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_label("Policy number")).to_have_value("DEMO-JQ-1")
