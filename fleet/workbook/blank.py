"""A workbook to fill in: every sheet with its headings in the reader's language, and a help sheet.

Columns of codes and numbers are formatted as text: Excel then keeps leading zeros and all of a
long number's digits.
"""

from __future__ import annotations

import io
from typing import Any

import xlsxwriter
from flask_babel import gettext as _

from fleet.web.sheets import SAFE
from fleet.workbook.columns import HELP, SHEETS, Column

ROWS_PREPARED = 5_000
_TEXT = "@"


def blank_workbook() -> bytes:
    """The .xlsx of a blank workbook."""
    file = io.BytesIO()
    book = xlsxwriter.Workbook(file, {"in_memory": True, **SAFE})
    formats = {
        "required": book.add_format({"bold": True, "bottom": 1, "bg_color": "#DCE9F7"}),
        "optional": book.add_format({"bottom": 1, "bg_color": "#F1F3F5"}),
        "text": book.add_format({"num_format": _TEXT}),
        "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
    }
    _help_sheet(book, formats)
    for form in SHEETS:
        sheet = book.add_worksheet(str(form.label))
        for place, column in enumerate(form.columns):
            _column(sheet, place, column, formats)
        sheet.freeze_panes(1, 0)
    book.close()
    return file.getvalue()


def _column(sheet: Any, place: int, column: Column, formats: dict[str, Any]) -> None:
    heading = str(column.label)
    sheet.set_column(place, place, max(14, 2 * len(heading)), formats["text"])
    sheet.write_string(0, place, heading, formats["required" if column.required else "optional"])
    words = told(column)
    if words:
        sheet.write_comment(0, place, words, {"x_scale": 2})
    if column.choices:
        sheet.data_validation(
            1,
            place,
            ROWS_PREPARED,
            place,
            {"validate": "list", "source": list(column.choices), "error_type": "information"},
        )


def told(column: Column) -> str:
    """What a column asks, in one line."""
    parts = [str(column.help) if column.help else "", ", ".join(column.choices)]
    return _(": ").join(part for part in parts if part)


def _help_sheet(book: Any, formats: dict[str, Any]) -> None:
    sheet = book.add_worksheet(str(HELP))
    headings = (_("Sheet"), _("Heading"), _("Code"), _("Required"), _("What to enter"))
    for place, (heading, width) in enumerate(zip(headings, (18, 26, 30, 12, 70), strict=True)):
        sheet.set_column(place, place, width, formats["wrap"])
        sheet.write_string(0, place, heading, formats["required"])
    row = 0
    for form in SHEETS:
        for column in form.columns:
            row += 1
            needed = _("yes") if column.required else ""
            cells = (str(form.label), str(column.label), column.code, needed, told(column))
            for place, cell in enumerate(cells):
                sheet.write_string(row, place, cell)
    sheet.freeze_panes(1, 0)
