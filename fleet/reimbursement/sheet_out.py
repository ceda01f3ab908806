"""A table written to a .csv or an .xlsx in which no text becomes a formula."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path

import xlsxwriter

from fleet.reimbursement.rules import Cell

BOM = b"\xef\xbb\xbf"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[-+][0-9,]*\.?[0-9]+%?")


def write_table(
    path: Path, headings: Sequence[Cell], rows: Iterable[Sequence[Cell]], like: Path
) -> None:
    """Write a table, whole or not at all; a .csv has a byte order mark where `like` has one."""
    part = path.with_name(path.name + ".part")
    try:
        if path.suffix.lower() == ".xlsx":
            _write_xlsx(part, headings, rows)
        else:
            _write_csv(part, headings, rows, "utf-8-sig" if _marked(like) else "utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _marked(path: Path) -> bool:
    """Whether a file's readers are used to a byte order mark: it has one, or is Excel's own."""
    with path.open("rb") as file:
        start = file.read(len(BOM))
    return start == BOM or start[:2] == b"PK"


def _write_csv(
    path: Path, headings: Sequence[Cell], rows: Iterable[Sequence[Cell]], encoding: str
) -> None:
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow([guarded(cell) for cell in headings])
        writer.writerows([guarded(cell) for cell in row] for row in rows)


def guarded(cell: Cell) -> str:
    """A cell as text that no spreadsheet takes for a formula; numbers stay as they are."""
    if cell is None:
        return ""
    text = cell.isoformat(" ") if isinstance(cell, datetime) else str(cell)
    if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text):
        return "'" + text
    return text


def _write_xlsx(path: Path, headings: Sequence[Cell], rows: Iterable[Sequence[Cell]]) -> None:
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet("claims")
        sheet.freeze_panes(1, 0)
        bold = book.add_format({"bold": True})
        formats = {
            datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
        }
        for column, heading in enumerate(headings):
            sheet.write_string(0, column, str(heading or ""), bold)
        for line, row in enumerate(rows, 1):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    sheet.write_string(line, column, cell)
                elif isinstance(cell, date):
                    sheet.write_datetime(line, column, cell, formats[type(cell)])
                elif cell is not None:
                    sheet.write(line, column, cell)
