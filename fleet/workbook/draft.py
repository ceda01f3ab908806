"""A workbook's sheets as values: each cell read by its column's rule, each row with its number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from fleet.web.cells import Wrong, shown, word_key
from fleet.web.reading import Cell, Table, UnreadableFile
from fleet.workbook.columns import (
    FORMS,
    SHEETS,
    Column,
    SheetForm,
    headings,
    help_names,
    words_for,
)
from fleet.workbook.columns import sheet_names as names
from fleet.workbook.report import Counts, Problem, Report


@dataclass(slots=True)
class Row:
    """A row as the file numbers it: its cells as found and the values they were read as."""

    number: int
    cells: list[Cell]
    values: dict[str, Any]
    refused: bool = False


@dataclass(slots=True)
class Sheet:
    """A sheet that was read; `places` says in which cell of a row each column stands.

    `whole` is False where a required column is missing: its rows are all refused.
    """

    form: SheetForm
    places: dict[str, int]
    rows: list[Row] = field(default_factory=list)
    whole: bool = True

    @property
    def code(self) -> str:
        """The sheet's code."""
        return self.form.code

    def found(self, row: Row, column: str) -> str:
        """What the file has in a row's column."""
        place = self.places.get(column)
        if place is None or place >= len(row.cells) or row.cells[place] is None:
            return ""
        return shown(row.cells[place])[:200]


@dataclass(slots=True)
class Draft:
    """A workbook as read, before anything is known of the records; and what was found so far."""

    sheets: dict[str, Sheet]
    report: Report

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return sum(len(sheet.rows) for sheet in self.sheets.values())

    def refuse(self, sheet: Sheet, row: Row, column: str, code: str, asked: object = "") -> None:
        """Refuse a row because of a column."""
        row.refused = True
        self.report.refused.append(
            Problem(sheet.code, row.number, column, sheet.found(row, column), code, str(asked))
        )

    def note(self, sheet: Sheet, row: Row, column: str, code: str, asked: object = "") -> None:
        """Say something of a row that does not stop it."""
        self.report.notes.append(
            Problem(sheet.code, row.number, column, sheet.found(row, column), code, str(asked))
        )


def read_draft(tables: dict[str, Table], zone: ZoneInfo) -> Draft:
    """Read every sheet of the workbook; raises UnreadableFile where none is one."""
    draft = Draft({}, Report())
    known = names()
    for table in tables.values():
        code = known.get(word_key(table.name))
        if code is None:
            _unknown_sheet(draft, table)
        elif code in draft.sheets:
            draft.report.refused.append(Problem(code, 1, "", table.name, "sheet_twice"))
            for row in draft.sheets[code].rows:
                row.refused = True
        else:
            draft.sheets[code] = _read_sheet(draft, table, FORMS[code], zone)
    if not draft.sheets:
        raise UnreadableFile("no_sheet", ", ".join(form.code for form in SHEETS))
    draft.sheets = {code: draft.sheets[code] for code in FORMS if code in draft.sheets}
    draft.report.sheets = {code: Counts() for code in draft.sheets}
    return draft


def _unknown_sheet(draft: Draft, table: Table) -> None:
    if word_key(table.name) not in help_names():
        draft.report.notes.append(Problem(table.name, 1, "", table.name, "sheet_unknown"))


def _read_sheet(draft: Draft, table: Table, form: SheetForm, zone: ZoneInfo) -> Sheet:
    sheet = Sheet(form, {})
    if not table.headings:
        return sheet
    _place(draft, table, sheet)
    for column in form.columns:
        if column.required and column.code not in sheet.places:
            sheet.whole = False
            draft.report.refused.append(
                Problem(form.code, table.heading_row, column.code, "", "column_missing")
            )
    plan = [
        (sheet.places[column.code], column, _reader(column, zone))
        for column in form.columns
        if column.code in sheet.places
    ]
    for number, cells in table.rows:
        row = Row(number, cells, {}, refused=not sheet.whole)
        if _read_row(draft, sheet, row, plan):
            sheet.rows.append(row)
    return sheet


def _reader(column: Column, zone: ZoneInfo) -> Callable[[Cell], Any]:
    """How a cell of a column is read; a word of its vocabulary is read as its code."""
    read: Callable[[Cell], Any] = column.read
    if column.zoned:
        read = partial(column.read, zone=zone)
    if column.vocabulary is None:
        return read
    codes, words = frozenset(column.choices), words_for(column.vocabulary)

    def read_word(cell: Cell) -> Any:
        known = cell in codes or not isinstance(cell, str)
        return read(cell if known else words.get(word_key(cell), cell))

    return read_word


def _place(draft: Draft, table: Table, sheet: Sheet) -> None:
    """Find which cell of a row each column is; unknown headings are noted."""
    known = headings(sheet.code)
    for place, cell in enumerate(table.headings):
        if cell is None or not (heading := shown(cell).strip()):
            continue
        code = known.get(word_key(heading))
        if code is None:
            problem = Problem(sheet.code, table.heading_row, heading, heading, "column_unknown")
            draft.report.notes.append(problem)
        elif code in sheet.places:
            sheet.whole = False
            problem = Problem(sheet.code, table.heading_row, code, heading, "column_twice")
            draft.report.refused.append(problem)
        else:
            sheet.places[code] = place


def _read_row(draft: Draft, sheet: Sheet, row: Row, plan: list[tuple[int, Column, Any]]) -> bool:
    """Read a row's cells into its values; answers whether it had any."""
    cells, values = row.cells, row.values
    width, any_cell = len(cells), False
    wrong: list[tuple[Column, Wrong]] = []
    for place, column, read in plan:
        cell = cells[place] if place < width else None
        if cell is None or (type(cell) is str and not cell.strip("\t\r\n \u3000\xa0")):
            values[column.code] = column.default
            continue
        any_cell = True
        try:
            values[column.code] = read(cell)
        except Wrong as error:
            values[column.code] = None
            wrong.append((column, error))
    for column, error in wrong:
        draft.refuse(sheet, row, column.code, error.code, error.asked)
    if any_cell:
        _require(draft, sheet, row, {column.code for column, _ in wrong})
    return any_cell


def _require(draft: Draft, sheet: Sheet, row: Row, wrong: set[str]) -> None:
    for column in sheet.form.columns:
        if (
            column.required
            and column.code in sheet.places
            and row.values[column.code] is None
            and column.code not in wrong
        ):
            draft.refuse(sheet, row, column.code, "required")
