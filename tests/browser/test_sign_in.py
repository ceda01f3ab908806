"""Signing in: each role finds its own work, in its language, with or without a mouse."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from fleet.demo.cast import PASSWORD
from tests.browser.conftest import PHONE, Windows, sign_in
from tests.browser.look import too_wide

pytestmark = pytest.mark.browser
HOMES = {
    "admin": ["The group"],
    "desk": ["The desk's queue"],
    "company": ["Your fleet"],
    "finance": ["Reimbursement"],
    "auditor": ["The group"],
    "several": ["Your fleet", "The desk's queue", "Reimbursement"],
}
WORDS = {
    "简体中文": ("zh-Hans", ["首页", "车辆", "保单"]),
    "繁體中文": ("zh-Hant", ["首頁", "車輛", "保單"]),
}


@pytest.mark.parametrize("person", HOMES)
def test_each_role_finds_its_own_work(windows: Windows, person: str):
    with windows.open() as page:
        sign_in(page, person)
        expect(page.get_by_role("heading", level=1)).to_have_text("Home")
        for section in HOMES[person]:
            expect(page.get_by_role("heading", level=2, name=section)).to_be_visible()


def test_a_wrong_password_is_said_and_the_address_kept(windows: Windows):
    with windows.open() as page:
        page.goto("/login")
        page.get_by_label("E-mail address").fill("desk@demo.example")
        page.get_by_label("Password", exact=True).fill("not the password")
        page.keyboard.press("Enter")
        expect(page.locator(".field-error, [role=alert]").first).to_be_visible()
        expect(page.get_by_label("E-mail address")).to_have_value("desk@demo.example")


def test_one_click_fills_in_somebody_of_the_demo_group(windows: Windows):
    with windows.open() as page:
        page.goto("/login")
        page.locator("[data-fill='finance@demo.example']").click()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=2, name="Reimbursement")).to_be_visible()


def test_the_language_is_switched_and_fits_a_phone(windows: Windows):
    with windows.open("several", viewport=PHONE) as page:
        for button, (language, words) in WORDS.items():
            page.goto("/")
            page.get_by_role("button", name=button).click()
            expect(page.locator("html")).to_have_attribute("lang", language)
            places = page.locator("nav ul a")
            assert set(words) <= {one.strip() for one in places.all_text_contents()}
            for place in places.evaluate_all("all => all.map(a => a.pathname)"):
                page.goto(place)
                assert not too_wide(page), f"{place} in {language}"
        page.get_by_role("button", name="English").click()
        expect(page.locator("html")).to_have_attribute("lang", "en")


def test_the_keyboard_alone_leads_to_a_vehicle(windows: Windows):
    with windows.open() as page:
        page.goto("/login")
        expect(page.get_by_label("E-mail address")).to_be_focused()
        page.keyboard.type("desk@demo.example")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Home")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        tab_to(page, "nav a[href='/vehicles']")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Vehicles")
        tab_to(page, "tbody th a")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Standing now")).to_be_visible()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what is meant has the focus, and is seen to have it."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("what => document.activeElement.matches(what)", selector):
            width = "getComputedStyle(document.activeElement).outlineWidth"
            assert page.evaluate(width) != "0px", f"{selector} does not show the focus"
            return
    raise AssertionError(f"Tab never reaches {selector}")


def test_a_phone_has_a_menu_that_opens(windows: Windows):
    with windows.open("desk", viewport=PHONE) as page:
        page.goto("/")
        place = page.locator("nav").get_by_role("link", name="Renewals")
        expect(place).to_be_hidden()
        page.get_by_role("button", name="Menu").click()
        place.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Renewals")
