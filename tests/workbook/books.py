"""Builders of workbooks: a small honest fleet to spoil, as a folder of .csv or an .xlsx."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

VIN = "LZZTEST0XT0000001"
OTHER_VIN = "LZZTEST01T0000002"
Sheets = dict[str, list[list[Any]]]


def excel(*parts: int) -> datetime:
    """An instant as a cell of Excel has it."""
    return datetime(*parts)  # noqa: DTZ001 - a cell has no zone


def fleet() -> Sheets:
    """A region, two companies, two insurers and a pool, two vehicles, three policies."""
    return {
        "regions": [["code", "name"], ["R1", "North"], ["R2", "South"]],
        "companies": [
            ["code", "name", "region_code", "credit_code"],
            ["C1", "First", "R1", "91350100M000100Y43"],
            ["C2", "Second", "R2", ""],
        ],
        "insurers": [
            ["code", "name", "kind"],
            ["I1", "Insurer", "insurer"],
            ["I2", "Another", ""],
            ["P1", "Pool", "mutual_pool"],
        ],
        "designations": [
            ["region_code", "insurer_code", "since", "until"],
            ["R1", "I1", "2012-01-17", "2020-01-01"],
            ["R1", "I1", "2020-01-01", ""],
            ["R1", "I2", "2012-01-17", ""],
        ],
        "vehicles": [
            ["vin", "plate", "vehicle_type", "company_code", "seats", "energy",
             "in_service_since", "in_service_until"],
            [VIN, "京Z12345", "official", "C1", "5", "petrol", "2020-05-01", ""],
            [OTHER_VIN, "新车", "tow", "C2", "2", "", "2021-01-01", ""],
        ],
        "policies": [
            ["policy_number", "kind", "insurer_code", "vin", "begins", "ends", "premium",
             "vehicle_tax", "cancelled_at"],
            ["JQ1", "compulsory", "I1", VIN, "2026-03-02", "2027-03-01", "950", "420", ""],
            ["SY1", "commercial", "I1", VIN, "2026-03-02", "2027-03-01", "1,270.00", "", ""],
            ["JQ2", "compulsory", "I2", OTHER_VIN, "2026-03-02", "2027-03-01", "950", "0", ""],
        ],
        "holdings": [
            ["vin", "company_code", "since", "until"],
            [VIN, "C2", "2020-05-01", "2022-01-01"],
            [VIN, "C1", "2022-01-01", ""],
        ],
        "lay_ups": [["vin", "since", "until"], [OTHER_VIN, "2026-05-01", "2026-06-01"]],
        "covers": [
            ["policy_number", "cover", "sum_insured", "seats", "since", "until"],
            ["SY1", "damage", "12.8万", "", "", ""],
            ["SY1", "third_party", "200000", "", "", ""],
            ["SY1", "occupants", "2万", "5", "", ""],
        ],
    }  # fmt: skip


def put(sheets: Sheets, sheet: str, row: int, column: str, value: Any) -> Sheets:
    """The sheets with one cell changed; rows count as in the file, the heading is row 1."""
    sheets[sheet][row - 1][sheets[sheet][0].index(column)] = value
    return sheets


def folder(path: Path, sheets: Sheets, encoding: str = "utf-8") -> Path:
    """Write the sheets as a folder of .csv."""
    path.mkdir(parents=True, exist_ok=True)
    for name, rows in sheets.items():
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        (path / f"{name}.csv").write_bytes(text.getvalue().encode(encoding))
    return path


def xlsx(path: Path, sheets: Sheets) -> Path:
    """Write the sheets as an .xlsx, days and instants as Excel's own."""
    book = xlsxwriter.Workbook(
        path, {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    )
    a_day, an_instant = (
        book.add_format({"num_format": form}) for form in ("yyyy-mm-dd", "yyyy-mm-dd hh:mm")
    )
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                if isinstance(value, datetime):
                    sheet.write_datetime(number, place, value, an_instant)
                elif isinstance(value, date):
                    sheet.write_datetime(number, place, value, a_day)
                elif value == "#N/A":
                    sheet.write_formula(number, place, "=NA()", None, "#N/A")
                elif value not in (None, ""):
                    sheet.write(number, place, value)
    book.close()
    return path


_PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.'
        'relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-'
        'officedocument.spreadsheetml.sheet.main+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>'
    ),
    "xl/workbook.xml": (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="regions" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
    ),
}
SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    "%s</sheetData></worksheet>"
)


def raw(path: Path, cells: str, **parts: str | bytes) -> Path:
    """Write an .xlsx by hand: its sheet's rows as XML, and parts beside or instead."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {
            **_PARTS,
            "xl/worksheets/sheet1.xml": SHEET % cells,
            **parts,
        }.items():
            archive.writestr(name, content)
    return path


def prefixed(xml: str) -> str:
    """The elements of a piece of XML with a prefix before their names."""
    return re.sub(r"<(/?)(?=[a-z])", r"<\1x:", xml)
