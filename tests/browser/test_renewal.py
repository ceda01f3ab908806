"""One renewal from due to insured and paid back, handed through by three people, in 简体中文."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from fleet.people.tables import Company
from fleet.renewals.rules import DUE
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import EVERYTHING, db, limit_to
from fleet.vehicles.tables import Vehicle
from tests.browser.conftest import Windows

pytestmark = pytest.mark.browser

CHINESE = {"locale": "zh-CN"}
SHOTS = os.environ.get("FLEET_SCREENSHOTS")  # a folder, for whoever wants to look


@pytest.fixture
def due(demo: Flask) -> tuple[int, str]:
    """The number and VIN of a renewal that company 02 has not touched yet."""
    found = (
        select(CoverRequest.id, Vehicle.vin)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .join(Company, Company.id == Vehicle.company_id)
        .where(Company.code == "DEMO-02", CoverRequest.kind == "commercial")
        .where(CoverRequest.state == DUE, CoverRequest.occasion == RENEWAL)
    )
    with demo.app_context():
        limit_to(EVERYTHING)
        row = db.session.execute(found.order_by(CoverRequest.id)).first()
        db.session.remove()
    assert row is not None
    return row.id, row.vin


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_a_renewal_goes_from_due_to_insured_by_three_hands(windows: Windows, due: tuple[int, str]):
    request_id, vin = due
    with windows.open("company", **CHINESE) as page:
        _reports(page, request_id)
    with windows.open("desk", **CHINESE) as page:
        _accepts_and_places(page, vin)
        _records_the_policy(page, request_id)
    with windows.open("company", **CHINESE) as page:
        page.goto(f"/renewals/{request_id}")
        expect(page.locator(".verdict")).to_contain_text("已投保")
        shot(page, "6-company-insured")
    with windows.open("finance", **CHINESE) as page:
        _finds_it_payable(page)


def _reports(page: Page, request_id: int) -> None:
    """The company confirms the vehicle and what is asked, and reports it to its desk."""
    page.goto("/renewals")
    shot(page, "1-company-list")
    page.goto(f"/renewals/{request_id}/prepare")
    expect(page.get_by_label("第三者责任险")).not_to_have_value("")
    shot(page, "2-company-prepare")
    page.get_by_role("button", name="准备并上报片区保险部门").click()
    expect(page.locator(".verdict")).to_contain_text("已上报")
    shot(page, "3-company-reported")


def _accepts_and_places(page: Page, vin: str) -> None:
    page.goto(f"/workbench?q={vin}&kind=commercial")
    page.locator("input[name=id]").first.check()
    page.get_by_role("button", name="受理", exact=True).click()
    expect(page.locator("tbody")).to_contain_text("已受理")
    page.locator("input[name=id]").first.check()
    page.locator("select[name=insurer]").select_option("DEMO-A")
    page.get_by_role("button", name="交保险公司出单").click()
    page.goto(f"/workbench?q={vin}&kind=commercial")
    expect(page.locator("tbody")).to_contain_text("待出单")
    shot(page, "4-desk-placed")


def _records_the_policy(page: Page, request_id: int) -> None:
    """The request's page hands what was asked for over to the policy's form."""
    page.goto(f"/renewals/{request_id}")
    page.get_by_role("link", name="登记保单").click()
    page.get_by_label("保单号", exact=True).fill("TEST-BROWSER-SY-1")
    expect(page.locator("[name=insurer]")).to_have_value("DEMO-A")
    expect(page.locator("[name='lines-0-cover']")).to_have_value("damage")
    page.locator("[name='lines-0-sum_insured']").fill("120000")
    page.locator("[name=premium]").fill("4200")
    shot(page, "5-desk-policy")
    page.locator("main form .btn-primary").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("TEST-BROWSER-SY-1")
    page.goto(f"/renewals/{request_id}")
    expect(page.locator(".verdict")).to_contain_text("已投保")


def _finds_it_payable(page: Page) -> None:
    page.goto("/reimbursement/check?policy_number=TEST-BROWSER-SY-1")
    page.locator("[name=invoice_number]").fill("26000000000000007777")
    page.locator("[name=amount]").fill("4200")
    page.locator("[name=invoice_total]").fill("4200")
    page.locator("[name=buyer_credit_code]").fill(_credit_code())
    page.get_by_role("button", name="核查", exact=True).or_(
        page.locator("main form .btn-primary")
    ).first.click()
    expect(page.locator(".decision")).to_contain_text(re.compile("可报销|准予报销|可支付"))
    shot(page, "7-finance-payable")


def _credit_code() -> str:
    from fleet.demo.group import company

    return company("DEMO-02").credit_code
