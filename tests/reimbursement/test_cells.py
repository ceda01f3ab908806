"""What a cell of a sheet of claims says, and which invoice a claim names."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import pytest

from fleet.reimbursement.rules import CannotRead, day, digest, invoice_key, money, read
from fleet.reimbursement.sheet_out import guarded
from tests.reimbursement.records import BEGINS

TWENTY = "26992000000123456789"
ROW = {"company": "E1", "policy_number": "P1", "invoice_number": TWENTY, "amount": "950"}


@pytest.mark.parametrize(
    ("code", "number", "key"),
    [
        (None, TWENTY, TWENTY),
        ("999000000011", TWENTY, TWENTY),
        ("999000000011", "12345678", "999000000011-12345678"),
        ("", "12345678", "12345678"),
        (" 9990 0000 0011 ", "１２３４５６７８", "999000000011-12345678"),
        (None, "ab 12", "AB12"),
        ("999000000011", TWENTY + "1", f"999000000011-{TWENTY}1"),
    ],
)
def test_an_invoices_key(code, number, key):
    assert invoice_key(code, number) == key


@pytest.mark.parametrize(
    ("cell", "yuan"),
    [
        ("1,270.00", "1270.00"),
        ("20万", "200000"),
        ("¥950", "950"),
        ("－９５０", "-950"),
        ("950.005", "950.005"),
        (950, "950"),
        (1059.5, "1059.5"),
        (1059.4999999999998, "1059.5"),
        ("", None),
        (" ", None),
    ],
)
def test_money(cell, yuan):
    assert money(cell) == (None if yuan is None else Decimal(yuan))


@pytest.mark.parametrize(
    "cell",
    [
        "about 900",
        "#N/A",
        "NaN",
        "none",
        "1e3",
        "9.9.9",
        True,
        date(2026, 3, 2),
        float("nan"),
        1e300,
    ],
)
def test_no_money(cell):
    with pytest.raises(CannotRead):
        money(cell)


@pytest.mark.parametrize(
    "cell",
    [
        *("2026-03-02", "2026/3/2", "2026年3月2日", "２０２６-03-02", "2026-03-02 10:15"),
        BEGINS,
        datetime(2026, 3, 2, 10),  # noqa: DTZ001 - a cell has no zone
    ],
)
def test_a_day(cell):
    assert day(cell) == BEGINS


@pytest.mark.parametrize("cell", ["1900-01-00", "2026-02-30", "#N/A", "soon", 46083, "99999-1-1"])
def test_no_day(cell):
    with pytest.raises(CannotRead):
        day(cell)


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({}, []),
        ({"company": "NONE"}, ["company"]),
        ({"company": None}, ["company"]),
        ({"company": " "}, ["company"]),
        ({"policy_number": ""}, ["policy_number"]),
        ({"policy_number": "#N/A"}, ["policy_number"]),
        ({"policy_number": 123456789012345678}, ["policy_number"]),
        ({"invoice_number": "9.93E+19"}, ["invoice_number"]),
        ({"invoice_number": "269920000001234" + "00000"}, ["invoice_number"]),
        ({"invoice_number": 1234567}, ["invoice_number"]),
        ({"invoice_number": 12345678}, []),
        ({"invoice_code": 99900000001}, ["invoice_code"]),
        ({"invoice_code": 9990000001}, []),
        ({"invoice_number": "a\0"}, ["invoice_number"]),
        ({"amount": ""}, ["amount"]),
        ({"amount": "x", "late_fee": "y", "company": "z"}, ["amount", "company", "late_fee"]),
        ({"invoice_total": "#REF!"}, ["invoice_total"]),
        ({"vehicle_tax": "none"}, ["vehicle_tax"]),
        ({"invoice_date": "1900-01-00"}, ["invoice_date"]),
        ({"insurer": "#N/A"}, ["insurer"]),
    ],
)
def test_the_columns_that_cannot_be_read(cells, columns):
    asked, bad = read(ROW | cells, {"E1"})
    assert bad == columns
    assert (asked is None) is bool(columns)


def test_a_request_is_known_by_what_it_says():
    assert digest("POST", {"a": 1, "b": 2}) == digest("POST", {"b": 2, "a": 1})
    assert digest("POST", {"a": 1}) != digest("POST", {"a": "1"})


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("-5+cmd", "'-5+cmd"),
        ("-950.00", "-950.00"),
        ("-1,270.00", "-1,270.00"),
        ("+5", "+5"),
        ("\tx", "'\tx"),
        ("P-1", "P-1"),
        (-5, "-5"),
        (None, ""),
        (date(2026, 3, 2), "2026-03-02"),
    ],
)
def test_no_text_of_a_csv_becomes_a_formula(cell, text):
    assert guarded(cell) == text
