"""Requests ticked in the list, as a company admin does it in the browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Windows

pytestmark = pytest.mark.browser


def test_one_box_ticks_all_and_a_step_names_each_left_out(windows: Windows):
    with windows.open("several") as page:
        page.goto("/renewals?state=due")
        everything = page.get_by_label("All on this page")
        boxes = page.locator("input[name=ids]")
        count = boxes.count()
        assert count > 1
        everything.focus()
        page.keyboard.press("Space")
        expect(page.locator("input[name=ids]:checked")).to_have_count(count)
        boxes.first.uncheck()
        expect(everything).not_to_be_checked()
        page.get_by_role("button", name="Report to the desk").click()
        expect(page.get_by_text("None of them was moved.")).to_be_visible()
        expect(page.locator("tbody tr")).to_have_count(count - 1)
