"""Sheets we write: text stays text, so that nobody's cell becomes a formula."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import xlsxwriter
from flask import Response

from fleet.web import clock

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_LIVE = ("=", "+", "-", "@", "\t", "\r")
SAFE = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_LONGEST = 32_767  # characters in a cell of Excel
_WIDEST = 48


def guard(value: object) -> str:
    """A value as a csv cell; a text that a spreadsheet would run as a formula gets a `'`."""
    if isinstance(value, bool) or value is None:
        return "yes" if value else ""
    if isinstance(value, int | Decimal):
        return str(value)
    text = _plain(value)
    return "'" + text if text.startswith(_LIVE) else text


def xlsx_response(name: str, headings: Sequence[Any], rows: Iterable[Sequence[Any]]) -> Response:
    """An xlsx download of one sheet; Decimal is yuan, instants are on the company's clock."""
    return download(xlsx_bytes(headings, rows), name, XLSX)


def xlsx_bytes(headings: Sequence[Any], rows: Iterable[Sequence[Any]]) -> bytes:
    """One sheet with a frozen heading and a filter over it."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, "constant_memory": True, **SAFE})
    sheet = book.add_worksheet()
    formats = {
        "heading": book.add_format({"bold": True, "bottom": 1}),
        "day": book.add_format({"num_format": "yyyy-mm-dd"}),
        "instant": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        "yuan": book.add_format({"num_format": "#,##0.00"}),
    }
    for column, heading in enumerate(headings):
        sheet.set_column(column, column, min(_WIDEST, max(14, 2 * len(str(heading)))))
        sheet.write_string(0, column, str(heading), formats["heading"])
    last = 0
    for last, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            _write(sheet, last, column, cell, formats)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, last, max(len(headings) - 1, 0))
    book.close()
    return file.getvalue()


def _write(sheet: Any, row: int, column: int, cell: object, formats: dict[str, Any]) -> None:
    if cell is None:
        return
    if isinstance(cell, datetime):
        local = clock.local(cell) if cell.tzinfo else cell
        sheet.write_datetime(row, column, local.replace(tzinfo=None), formats["instant"])
    elif isinstance(cell, date):
        sheet.write_datetime(row, column, datetime(cell.year, cell.month, cell.day), formats["day"])  # noqa: DTZ001 - a cell has no zone
    elif isinstance(cell, Decimal):
        sheet.write_number(row, column, cell, formats["yuan"])
    elif isinstance(cell, int) and not isinstance(cell, bool):
        sheet.write_number(row, column, cell)
    else:
        sheet.write_string(row, column, _plain(cell)[:_LONGEST])


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{clock.local(value):%Y-%m-%d %H:%M}" if value.tzinfo else str(value)
    return str(value)


def download(body: str | bytes, name: str, mimetype: str) -> Response:
    """A file that the browser saves under a name and never shows."""
    answer = Response(body, mimetype=mimetype)
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return answer
