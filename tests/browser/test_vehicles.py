"""The administrator's way: a list whose filters stay, a vehicle judged at any moment, a form."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Windows

pytestmark = pytest.mark.browser


def test_a_filter_lives_in_the_address(windows: Windows):
    with windows.open("admin") as page:
        page.goto("/vehicles")
        everything = page.locator("caption").inner_text()
        page.get_by_label("Standing").select_option("short")
        page.get_by_role("button", name="Filter").click()
        expect(page).to_have_url(re.compile("standing=short"))
        shown = page.locator("caption").inner_text()
        assert shown != everything
        page.get_by_role("link", name=re.compile("^Company")).click()
        expect(page).to_have_url(re.compile("standing=short.*sort=company"))
        page.reload()
        expect(page.get_by_label("Standing")).to_have_value("short")
        expect(page.locator("caption")).to_have_text(shown)
        badges = page.locator("tbody td[data-label=Standing]").all_inner_texts()
        assert {one.strip() for one in badges} == {"Short of cover"}
        with page.expect_download() as download:
            page.get_by_role("link", name="Export").click()
        assert download.value.suggested_filename == "vehicles.xlsx"
        page.get_by_role("link", name="Clear").click()
        expect(page.locator("caption")).to_have_text(everything)


def test_a_filter_that_nothing_answers_leads_on(windows: Windows):
    with windows.open("admin") as page:
        page.goto("/vehicles?q=NOWHERE")
        page.get_by_role("main").get_by_role("link", name="Show all").click()
        expect(page.locator("tbody tr").first).to_be_visible()


def test_a_shortfall_says_clause_found_asked_and_what_to_do(windows: Windows):
    with windows.open("admin") as page:
        open_first(page, "short")
        expect(page.locator(".verdict")).to_contain_text("It may be used, but")
        finding = page.locator(".standing .finding").first
        expect(finding.locator(".clause")).to_have_text(re.compile(r"^Clause 2\.\d$"))
        expect(finding).to_contain_text(re.compile("Found.*Asked", re.DOTALL))
        expect(finding.locator(".to-do")).not_to_be_empty()
        finding.locator(".clause").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Rulebook")


def test_another_moment_is_judged_anew(windows: Windows):
    with windows.open("admin") as page:
        open_first(page, "compliant")
        expect(page.locator(".verdict")).to_contain_text("Compliant")
        after_all_policies = date.today() + timedelta(days=800)  # noqa: DTZ011 - far off
        page.get_by_label("Judge another moment").fill(f"{after_all_policies}T12:00")
        page.get_by_role("button", name="Judge").click()
        expect(page).to_have_url(re.compile(f"on={after_all_policies}"))
        heading = f"Standing on {after_all_policies} 12:00"
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        expect(page.locator(".verdict")).to_contain_text("Must not be used")
        page.get_by_role("link", name="Now", exact=True).click()
        expect(page.locator(".verdict")).to_contain_text("Compliant")


def test_a_form_says_what_is_wrong_beside_the_field_and_keeps_what_was_typed(windows: Windows):
    with windows.open("admin") as page:
        page.goto("/vehicles/new")
        page.get_by_label("VIN").fill("TOO SHORT")
        page.get_by_label("Licensed seats").fill("7")
        page.get_by_role("button", name="Register").click()
        wrong = page.get_by_label("VIN")
        expect(wrong).to_have_value("TOO SHORT")
        expect(wrong).to_have_attribute("aria-invalid", "true")
        expect(wrong).to_be_focused()
        expect(page.locator(f"#{wrong.get_attribute('id')}-error")).to_be_visible()
        expect(page.get_by_label("Licensed seats")).to_have_value("7")


def open_first(page: Page, standing: str) -> None:
    page.goto(f"/vehicles?standing={standing}")
    page.locator("tbody th a").first.click()
