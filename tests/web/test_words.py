"""Codes have words, findings say what to do, sheets run no formula, lists keep their filters."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask

from fleet.rulebook.cover import STANDINGS
from fleet.web import findings, lists, sheets, words
from fleet.web.furniture import period, yuan
from fleet.words import Finding
from fleet.workbook.columns import BUILT_IN_TYPES, COVERS
from tests import make

RATE = "an absolute deductible of 15%"
SUM = "an absolute deductible of 500 yuan"
NOTHING_LEFT = "no part of a loss left to the company"

pytestmark = pytest.mark.one_engine


def test_every_code_of_the_rule_has_its_words(app: Flask) -> None:
    book = make.book()
    reasons = book.newest(make.at(2026, 1, 1)).reimbursement.reasons
    assert set(words.STANDING) == set(STANDINGS) == set(words.STANDING_MEANS)
    assert set(words.REASON) == set(reasons)
    assert set(COVERS) <= set(words.COVER)
    assert set(words.VEHICLE_TYPE) == set(BUILT_IN_TYPES)
    assert set(findings.TO_DO) == set(words.SHORTFALL) | set(words.REASON)


@pytest.mark.parametrize(
    ("code", "found", "required"),
    [
        ("third_party_below 150000 200000", "150,000 yuan", "at least 200,000 yuan"),
        ("occupants_sum_below 9000 20000", "9,000 yuan a seat", "at least 20,000 yuan a seat"),
        ("occupants_seats_below 1 5", "1 seat", "5 seats"),
        ("excess_waiver_missing 15%", RATE, NOTHING_LEFT),
        ("excess_waiver_missing 500", SUM, NOTHING_LEFT),
        ("cover_short damage_missing", "No vehicle damage cover", None),
        ("amount_differs 900 1000.5", "900 yuan", "1,000.5 yuan"),
    ],
)
def test_a_finding_is_explained(app: Flask, code: str, found: str, required: str | None) -> None:
    name, *values = code.split()
    with app.test_request_context():
        told = findings.explain(Finding(name, "2.3", *values))
    assert (told.found, told.required) == (found, required)
    assert told.title
    assert told.to_do


def test_a_kept_reason_is_explained_like_a_finding(app: Flask) -> None:
    with app.test_request_context():
        told = findings.explain({"code": "buyer_unknown", "effect": "held", "message": "x"})
    assert told.effect == "held"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_csv_cell_is_a_formula(app: Flask, text: str) -> None:
    with app.app_context():
        assert sheets.guard(text) == "'" + text


def test_a_sheet_keeps_text_as_text(app: Flask) -> None:
    rows = [
        ["=1+1", "http://x", Decimal("1.50"), date(2026, 3, 2), datetime(2026, 3, 2, tzinfo=UTC)]
    ]
    with app.app_context():
        made = sheets.xlsx_bytes(["A", "B", "C", "D", "E"], rows)
    with zipfile.ZipFile(io.BytesIO(made)) as book:
        sheet = "".join(book.read(name).decode() for name in book.namelist())
    assert "<f>" not in sheet
    assert "=1+1" in sheet


def test_a_sort_key_that_is_not_allowed_is_not_asked(app: Flask) -> None:
    with app.test_request_context("/?sort=password&page=-3&page_size=100000&q=%20x%20"):
        asked = lists.asked({"name": 1}, "name", ("q",))
    assert (asked.sort, asked.page, asked.page_size, asked["q"]) == ("name", 1, 50, "x")


def test_a_list_keeps_its_filter_on_the_way(app: Flask) -> None:
    with app.test_request_context("/vehicles?q=a%26b&page=2"):
        listing = lists.of_items(list(range(120)), lists.asked({"name": 1}, "name", ("q",)))
        assert (listing.first, listing.last, listing.pages) == (51, 100, 3)
        assert listing.url(page=3) == "/vehicles?q=a%26b&sort=name&page=3"
        assert listing.sort_url("name") == "/vehicles?q=a%26b&sort=-name"


def test_periods_and_money_read_as_printed(app: Flask) -> None:
    with app.test_request_context():
        assert period(make.at(2026, 3, 2, 0), make.at(2027, 3, 2, 0)) == "2026-03-02 to 2027-03-01"
        assert period(make.at(2026, 3, 2, 18, 3), make.at(2027, 3, 2, 0)).startswith(
            "2026-03-02 18:03"
        )
        assert yuan(Decimal(1270)) == "1,270.00"
