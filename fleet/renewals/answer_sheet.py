"""The columns that an insurer fills in, and how a row of its answer is read.

A heading is a column's code, or its label in any language, as in a fleet workbook; a cover has
a column of its own, which holds its sum, or `yes` where the cover has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import force_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from fleet.policies.rules import COVERS_WITH_SUM, DRIVER, PASSENGERS
from fleet.policies.tables import KINDS
from fleet.renewals.answer_rules import Issued
from fleet.renewals.rules import AskedLine
from fleet.web import cells
from fleet.web.cells import Wrong, shown, word_key
from fleet.web.errors import Refusal
from fleet.web.locale import LANGUAGES
from fleet.web.reading import Cell, Table
from fleet.web.words import COVER, KIND

VIN = "vin"
NUMBER = "policy_number"
SEATS = "passenger_seats"
REQUIRED = (VIN, NUMBER, "begins", "ends")
UNDIVIDED = "occupants"  # the rule's word for both occupant lines; no line of a policy
COVERS = tuple(cover for cover in COVER if cover != UNDIVIDED)

FILLED_IN: Mapping[str, LazyString] = {
    NUMBER: _l("Policy number"),
    "begins": _l("Begins"),
    "ends": _l("Ends"),
    "signed_on": _l("Signed on"),
    "premium": _l("Premium"),
    "vehicle_tax": _l("Vehicle tax"),
    "late_fee": _l("Late fee"),
    "tax_exempt": _l("Tax exempt"),
    "insurer": _l("Insurer"),
}
MATCHED_BY: Mapping[str, LazyString] = {VIN: _l("VIN"), "kind": _l("Kind")}
LABELS: Mapping[str, LazyString] = {
    **MATCHED_BY,
    **FILLED_IN,
    **{code: COVER[code] for code in COVERS},
    SEATS: _l("Passenger seats"),
}


class NoAnswerColumns(Refusal):
    """The sheet lacks a column without which no row says anything."""

    field = "file"

    def __init__(self, columns: list[str]) -> None:
        named = _("; ").join(str(LABELS[code]) for code in columns)
        super().__init__(_("The sheet lacks these columns: %(columns)s.", columns=named))


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row cannot be taken: the column, what stands there, the code of what is asked."""

    column: str
    found: str
    code: str
    asked: str = ""


@dataclass(slots=True)
class Row:
    """A row as the file numbers it, read or not."""

    number: int
    vin: str = ""
    kind: str | None = None
    issued: Issued | None = None
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What an answer is read by: the clock, the code of each insurer's name, covers beyond ours."""

    zone: ZoneInfo
    insurers: Mapping[str, str]
    covers: frozenset[str] = frozenset()


def read_answer(table: Table, known: Known) -> list[Row]:
    """Read the rows of an answer; those that say nothing yet are left out.

    Raises NoAnswerColumns.
    """
    places = _places(table, known.covers)
    if missing := [code for code in REQUIRED if code not in places]:
        raise NoAnswerColumns(missing)
    readers = _readers(known)
    rows = (_read_row(number, found, places, readers) for number, found in table.rows)
    return [row for row in rows if row is not None]


def heading_of(cover: str) -> str:
    """The heading of a cover's column; one without words is its own."""
    return str(LABELS.get(cover, cover))


def _places(table: Table, covers: frozenset[str]) -> dict[str, int]:
    known, places = _headings() | {word_key(code): code for code in covers}, dict[str, int]()
    for place, heading in enumerate(table.headings):
        code = known.get(word_key(shown(heading))) if heading is not None else None
        if code is not None:
            places.setdefault(code, place)
    return places


@cache
def _headings() -> dict[str, str]:
    names = {word_key(code): code for code in LABELS}
    for language in LANGUAGES:
        with force_locale(language):
            for code, label in LABELS.items():
                names.setdefault(word_key(str(label)), code)
    return names


@cache
def _kinds() -> dict[str, str]:
    names = {word_key(code): code for code in KINDS}
    for language in LANGUAGES:
        with force_locale(language):
            names.update({word_key(str(KIND[code])): code for code in KINDS})
    return names


def _readers(known: Known) -> dict[str, Callable[[Any], Any]]:
    zone, insurers = known.zone, {word_key(name): code for name, code in known.insurers.items()}
    covers = (*COVERS, *known.covers)
    return {
        VIN: cells.vin,
        "kind": partial(_named, known=_kinds(), otherwise="kind_unknown"),
        NUMBER: cells.at_most(64, cells.code),
        "begins": partial(cells.begin, zone=zone),
        "ends": partial(cells.end, zone=zone),
        "signed_on": cells.day_of,
        "premium": cells.yuan,
        "vehicle_tax": cells.yuan,
        "late_fee": cells.yuan,
        "tax_exempt": cells.yes_or_no,
        "insurer": partial(_named, known=insurers, otherwise="insurer_unknown"),
        SEATS: cells.seats,
        **{cover: partial(_cover, with_sum=cover in COVERS_WITH_SUM) for cover in covers},
    }


def _named(cell: Cell, known: Mapping[str, str], otherwise: str) -> str:
    found = known.get(word_key(cells.words(cell)))  # type: ignore[arg-type]  # an empty cell is not read
    if found is None:
        raise Wrong(otherwise)
    return found


def _cover(cell: Cell, *, with_sum: bool) -> AskedLine | bool:
    """A cover's cell: its sum, or yes; False where the policy does not have it."""
    if isinstance(cell, str | bool):
        try:
            if not cells.yes_or_no(cell):
                return False
        except Wrong:
            pass
        else:
            if with_sum:
                raise Wrong("money_form")
            return AskedLine("")
    found = cells.yuan(cell)  # type: ignore[arg-type]  # an empty cell is not read
    return AskedLine("", found) if found else False


def _read_row(
    number: int,
    found: list[Cell],
    places: Mapping[str, int],
    readers: Mapping[str, Callable[[Any], Any]],
) -> Row | None:
    row, values = Row(number), dict[str, Any]()
    for code, place in places.items():
        cell = found[place] if place < len(found) else None
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            continue
        try:
            values[code] = readers[code](cell)
        except Wrong as wrong:
            row.problems.append(Problem(code, shown(cell)[:200], wrong.code, wrong.asked))
    # The schedule sent out names the vehicle and its covers; without a policy it says nothing.
    if not row.problems and not values.keys() & FILLED_IN.keys():
        return None
    row.vin, row.kind = values.get(VIN, ""), values.get("kind")
    told = {problem.column for problem in row.problems}
    row.problems += [
        Problem(code, "", "required") for code in _required(values) - told - values.keys()
    ]
    if not row.problems:
        row.issued = _issued(values)
        if row.issued.ends <= row.issued.begins:
            ends = shown(found[places["ends"]])
            row.problems.append(Problem("ends", ends, "ends_not_after_begins"))
    return row


def _required(values: Mapping[str, Any]) -> set[str]:
    """The columns that a row must fill in; a passengers' line says for how many."""
    return {*REQUIRED, SEATS} if values.get(PASSENGERS) else set(REQUIRED)


def _issued(values: Mapping[str, Any]) -> Issued:
    plain = {code: values[code] for code in (VIN, "kind", *FILLED_IN) if code in values}
    return Issued(**plain, lines=tuple(_lines(values)))


def _lines(values: Mapping[str, Any]) -> Iterator[AskedLine]:
    for cover, line in values.items():
        if isinstance(line, AskedLine):
            seats = {DRIVER: 1, PASSENGERS: values.get(SEATS)}.get(cover)
            yield AskedLine(cover, line.sum_insured, seats)
