"""The desk brings vehicles in: upload, read the report, confirm; a broken file changes nothing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

from fleet.web import clock
from fleet.work.pulse import pulses
from fleet.work.tasks import run_next
from tests.browser.conftest import Windows
from tests.browser.look import faults
from tests.workbook import books

if TYPE_CHECKING:
    from flask import Flask

pytestmark = pytest.mark.browser
HEADINGS = ["vin", "plate", "vehicle_type", "company_code", "seats", "in_service_since"]
GOOD = ["LZZTEST0XT0000001", "", "official", "DEMO-01", "5", "2026-01-01"]
OTHER = ["LZZTEST01T0000002", "", "official", "DEMO-01", "5", "2026-01-01"]
WAITS = ["LZZTEST05T0000004", "", "official", "DEMO-01", "5", "2026-01-01"]
BROKEN = ["LZZTEST03T0000003", "", "official", "DEMO-01", "many", "2026-01-01"]


def test_a_workbook_is_checked_and_then_written(windows: Windows, tmp_path: Path):
    with windows.open("desk") as page:
        upload(page, tmp_path, GOOD)
        expect(page.get_by_role("status")).to_contain_text("Every row can be written.")
        assert not known(page, GOOD[0])
        page.go_back()
        page.get_by_role("main").get_by_role("button", name="Import", exact=True).click()
        expect(page.get_by_role("heading", name="What changed")).to_be_visible()
        assert known(page, GOOD[0])


def test_a_broken_workbook_is_reported_and_nothing_is_written(windows: Windows, tmp_path: Path):
    with windows.open("desk") as page:
        upload(page, tmp_path, OTHER, BROKEN)
        expect(page.get_by_role("status")).to_contain_text("1 problem refuses rows.")
        problem = page.get_by_role("row").filter(has_text="many")
        expect(problem).to_contain_text("3")  # the row of the sheet
        expect(page.get_by_role("heading", name="What would change")).to_be_visible()
        assert not known(page, OTHER[0])
        assert not known(page, BROKEN[0])


def test_what_is_no_workbook_is_said_beside_the_field(windows: Windows, tmp_path: Path):
    with windows.open("desk") as page:
        file = tmp_path / "fleet.xlsx"
        file.write_bytes(b"not a workbook")
        send(page, file)
        expect(page.locator(".field-error")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("Import")


def upload(page: Page, folder: Path, *rows: list[Any]) -> None:
    send(page, books.xlsx(folder / "fleet.xlsx", {"vehicles": [HEADINGS, *rows]}))


def send(page: Page, file: Path) -> None:
    page.goto("/imports")
    page.get_by_label("Workbook").set_input_files(file)
    page.get_by_role("button", name="Check the workbook").click()


def known(page: Page, vin: str) -> bool:
    page.goto(f"/vehicles?q={vin}")
    return page.locator("tbody tr").count() > 0


def test_a_page_follows_its_task_to_the_end(windows: Windows, demo: Flask, tmp_path: Path):
    """With a worker somewhere the page shows how far it is, survives a reload, and ends itself."""
    with demo.app_context():
        pulses().worker_lives(clock.now() + timedelta(minutes=5))
    with windows.open("desk") as page:
        upload(page, tmp_path, WAITS)
        expect(page.get_by_role("progressbar")).to_be_visible()
        expect(page.get_by_role("status")).to_contain_text("Waits for its turn")
        page.reload()
        expect(page.get_by_role("status")).to_contain_text("Waits for its turn")
        page.get_by_role("link", name="The task, and how to cancel it").click()
        expect(page.get_by_role("button", name="Cancel this task")).to_be_visible()
        page.go_back()
        with demo.app_context():
            pulses().worker_ends()
            assert run_next(clock.now())
        expect(page.get_by_role("status")).to_contain_text("Every row can be written.")
        assert faults(page) == []
