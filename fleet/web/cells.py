"""What a cell of a sheet says: pure readings of text, numbers and Excel's own dates.

Every reading takes a cell that is not empty and answers its value, or raises Wrong with a code
(`words.py` has the words, `cell_wrong`). Excel's accidents are errors, never values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from fleet.words import (
    CreditCode,
    NotWellFormed,
    Plate,
    Vin,
    midnight,
    normalise,
    parse_money,
    utc,
)

Cell = str | int | float | bool | date | datetime
A_DAY = timedelta(days=1)
CENTURY_BEGINS = 1901  # Excel's day 0 and day 1 lie in 1900
CENTURIES_END = 2200
EXCEL_DIGITS = 15
LOST_FROM = 17
MOST_SEATS = 1_000
PLATE_LENGTH = 10
HUNDRED = Decimal(100)
MOST_YUAN = Decimal(10) ** 12


class Wrong(ValueError):
    """A cell does not say what its column asks; `code` says why, `asked` what is asked."""

    def __init__(self, code: str, asked: str = "") -> None:
        """Keep the reason's code and the neutral value of what is asked."""
        super().__init__(code)
        self.code = code
        self.asked = asked


# -------------------------------------------------------------------------- Excel's accidents

_ERRORS = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
)
_EXPONENT = re.compile(r"[0-9](?:\.[0-9]+)?E\+[0-9]{2,3}|[0-9]\.[0-9]+E[0-9]{1,3}", re.IGNORECASE)
_FILLED = re.compile("#{3,}")


def accident(text: str) -> str | None:
    """The code of the accident a text is, or None."""
    if text.upper() in _ERRORS or _FILLED.fullmatch(text):
        return "error_cell"
    return None


def lost_digits(text: str) -> bool:
    """Whether a text is a long number whose digits past the fifteenth were lost to zeros."""
    return (
        len(text) >= LOST_FROM
        and text[0] != "0"
        and text.isascii()
        and text.isdigit()
        and not text[EXCEL_DIGITS:].strip("0")
    )


# ------------------------------------------------------------------------------------- texts

_PLAIN = {
    **{full: full - 0xFEE0 for full in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B))},
    **{full: full - 0xFEE0 for full in range(0xFF41, 0xFF5B)},
    0x3000: 0x20,
    0x00A0: 0x20,
}
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def shown(cell: object) -> str:
    """A cell as a person would read it in the sheet."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, datetime):
        return cell.isoformat(" ", "minutes" if not cell.second else "seconds")
    return str(cell)


def words(cell: Cell) -> str:
    """A cell of a text column, signs as typed but full-width digits and letters as plain ones.

    Raises Wrong for an error cell, for a number of more digits than Excel keeps, for control
    characters.
    """
    if isinstance(cell, str):
        text = cell.strip() if cell.isascii() else cell.translate(_PLAIN).strip()
        if text[:1] == "#" and accident(text):
            raise Wrong("error_cell")
        if _CONTROL.search(text):
            raise Wrong("control_characters")
        return text
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _number_as_text(cell)
    return shown(cell)


def _number_as_text(number: float) -> str:
    if abs(number) >= 10**EXCEL_DIGITS:
        raise Wrong("lost_digits")
    return str(int(number)) if number == int(number) else str(number)


def code(cell: Cell) -> str:
    """A code, a policy or approval number: full-width signs as plain ones.

    Raises Wrong also for a number that lost digits: `1.23E+16`, or zeros past the fifteenth.
    """
    text = words(cell)
    if not text.isascii():
        text = normalise(text)
    if _EXPONENT.fullmatch(text) or lost_digits(text):
        raise Wrong("lost_digits")
    return text


def at_most(length: int, read: Callable[[Cell], str]) -> Callable[[Cell], str]:
    """The same reading, refusing a text longer than the column that keeps it."""

    def reading(cell: Cell) -> str:
        text = read(cell)
        if len(text) > length:
            raise Wrong("too_long", str(length))
        return text

    return reading


def vin(cell: Cell) -> str:
    """A VIN of seventeen characters."""
    try:
        return Vin.parse(code(cell)).value
    except NotWellFormed as error:
        raise Wrong(error.code) from error


def check_digit_holds(value: str) -> bool:
    """Whether a VIN's ninth character fits the rest; imports may lack it, so a note only."""
    return Vin(value).check_digit_holds


def plate(cell: Cell) -> str | None:
    """A plate; None where there is none yet (`新车`). One of another form is kept as typed."""
    text = code(cell)
    if Plate.not_yet(text):
        return None
    try:
        return Plate.parse(text).value
    except NotWellFormed:
        if len(text) > PLATE_LENGTH:
            raise Wrong("too_long", str(PLATE_LENGTH)) from None
        return text.upper()


def plate_is_well_formed(value: str) -> bool:
    """Whether a plate has one of the forms of GA 36-2018."""
    try:
        return Plate.parse(value).value == value
    except NotWellFormed:
        return False


def credit_code(cell: Cell) -> str:
    """A unified social credit code whose check sign holds."""
    try:
        return CreditCode.parse(code(cell)).value
    except NotWellFormed as error:
        raise Wrong(error.code) from error


def word_key(text: str) -> str:
    """A word by which headings, sheet names and choices are compared."""
    return re.sub(r"[\s_\-*●()]+", "", normalise(text).casefold())


# ------------------------------------------------------------------------------ days, instants

_MOMENT = re.compile(
    r"(?P<year>[0-9]{4})\s?[-/.年]\s?(?P<month>[0-9]{1,2})\s?[-/.月]\s?(?P<day>[0-9]{1,2})\s?日?"
    r"(?:(?:\s*T?\s*)(?P<hour>[0-9]{1,2})(?:[:时時点點]"
    r"(?:(?P<minute>[0-9]{1,2})(?:[:分](?:(?P<second>[0-9]{1,2})(?:\.0+)?秒?)?)?)?)"
    r"\s*(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_ONLY_CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?")
MIDNIGHT = time(0)
_LAST_MINUTE = (time(23, 59), time(23, 59, 59))


@dataclass(frozen=True, slots=True)
class Written:
    """A moment as written: a day, with a clock time or without; 24:00 is the next day's 0:00."""

    day: date
    clock: time | None = None
    end_of_day: bool = False
    offset: str | None = None

    def instant(self, zone: ZoneInfo) -> datetime:
        """The instant it names; a day alone is its 00:00."""
        if self.offset is not None:
            text = f"{self.day.isoformat()}T{(self.clock or MIDNIGHT).isoformat()}{self.offset}"
            return utc(datetime.fromisoformat(text))
        if self.end_of_day:
            return midnight(self.day + A_DAY, zone)
        if self.clock is None or self.clock == MIDNIGHT:
            return midnight(self.day, zone)
        return utc(datetime.combine(self.day, self.clock, zone))


@lru_cache(maxsize=65_536)
def written(text: str) -> Written:
    """Read `2026-03-02`, `2026/3/2`, `2026年3月2日`, each with `18:03`, `18:03:05` or `24:00`.

    Raises Wrong `not_a_day`, `no_such_day`, `no_such_time`, or `excel_day` for the year 1900.
    """
    plain = normalise(text)
    if accident(plain):
        raise Wrong("error_cell")
    match = _MOMENT.fullmatch(plain)
    if not match:
        raise Wrong("excel_day" if _ONLY_CLOCK.fullmatch(plain) else "not_a_day")
    day = _calendar(int(match["year"]), int(match["month"]), int(match["day"]))
    if match["hour"] is None:
        return Written(day)
    clock = (int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0))
    if clock == (24, 0, 0):
        if match["offset"]:
            raise Wrong("no_such_time")
        return Written(day, MIDNIGHT, end_of_day=True)
    try:
        return Written(day, time(*clock), offset=match["offset"])
    except ValueError as error:
        raise Wrong("no_such_time") from error


def _calendar(year: int, month: int, day: int) -> date:
    if year < CENTURY_BEGINS:
        raise Wrong("excel_day")
    if year >= CENTURIES_END:
        raise Wrong("far_day")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise Wrong("no_such_day") from error


def _moment(cell: Cell) -> Written:
    if isinstance(cell, str):
        return written(cell)
    if isinstance(cell, datetime):
        rounded = (cell + timedelta(milliseconds=500)).replace(microsecond=0)
        day = _calendar(rounded.year, rounded.month, rounded.day)
        # Excel keeps a day and that day's 0:00 as the same number: it is the day.
        return Written(day, rounded.time() if rounded.time() != MIDNIGHT else None)
    if isinstance(cell, date):
        return Written(_calendar(cell.year, cell.month, cell.day))
    raise Wrong("number_not_day")


def day(cell: Cell) -> date:
    """A day; a clock time beside it other than 0:00 is refused."""
    found = _moment(cell)
    if found.end_of_day or found.offset or found.clock not in (None, MIDNIGHT):
        raise Wrong("day_without_clock")
    return found.day


def day_of(cell: Cell) -> date:
    """The day of a moment, such as a signing printed with its clock time."""
    return _moment(cell).day


def begin(cell: Cell, zone: ZoneInfo) -> datetime:
    """The instant something begins or is cancelled; a day means its 00:00."""
    return _moment(cell).instant(zone)


def end(cell: Cell, zone: ZoneInfo) -> datetime:
    """A printed end as the first instant no longer covered.

    A day counts whole; `24:00`, `23:59` and `23:59:59` are the next 00:00.
    """
    found = _moment(cell)
    if found.offset is None and (found.clock is None or found.clock in _LAST_MINUTE):
        return midnight(found.day + A_DAY, zone)
    return found.instant(zone)


# ----------------------------------------------------------------------------------- numbers


def _plain_number(cell: Cell) -> str:
    if isinstance(cell, str):
        text = normalise(cell)
        if accident(text):
            raise Wrong("error_cell")
        return text
    if isinstance(cell, bool | date):
        raise Wrong("not_a_number")
    return str(cell)


@lru_cache(maxsize=65_536)
def _yuan(text: str) -> Decimal:
    try:
        found = parse_money(text)
    except NotWellFormed as error:
        raise Wrong(error.code) from error
    if found < 0:
        raise Wrong("below_zero")
    if found >= MOST_YUAN:
        raise Wrong("too_much_money")
    return found


def yuan(cell: Cell) -> Decimal:
    """An amount in yuan, not below 0: `1,270.00`, `20万`, `¥950`, or a number of whole fen."""
    if isinstance(cell, float) and abs(cell) < MOST_YUAN:
        # Excel's own sums carry dust of the float far below a fen; half a fen is no dust.
        fen = round(Decimal(repr(cell)) * 100, 6)
        return _yuan(f"{fen / 100:.2f}" if fen == fen.to_integral_value() else repr(cell))
    return _yuan(_plain_number(cell))


_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)\s?%?")


@lru_cache(maxsize=4_096)
def _percent(text: str) -> Decimal:
    match = _PERCENT.fullmatch(text)
    if not match:
        raise Wrong("not_a_percentage")
    found = Decimal(match[1])
    if found > HUNDRED or found != round(found, 4):
        raise Wrong("not_a_percentage")
    return found


def percent(cell: Cell) -> Decimal:
    """A percentage from 0 to 100: `15`, `15%`, `0.5`."""
    return _percent(_plain_number(cell))


def seats(cell: Cell) -> int:
    """A whole number of seats, 0 or more."""
    text = _plain_number(cell).removesuffix(".0")
    if not (text.isascii() and text.isdigit()):
        raise Wrong("not_a_whole_number")
    found = int(text)
    if found > MOST_SEATS:
        raise Wrong("too_many_seats", str(MOST_SEATS))
    return found


# ----------------------------------------------------------------------------------- choices

_YES = frozenset({"yes", "y", "true", "是", "有"})
_NO = frozenset({"no", "n", "false", "否", "无", "無"})


def yes_or_no(cell: Cell) -> bool:
    """`yes` or `no`, `是` or `否`, or Excel's own TRUE and FALSE."""
    text = code(cell).casefold()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise Wrong("not_yes_or_no")


def choice(cell: Cell, allowed: Iterable[str]) -> str:
    """One of the codes, in whatever case."""
    text = code(cell)
    known = {one.casefold(): one for one in allowed}
    found = known.get(text.casefold())
    if found is None:
        raise Wrong("not_one_of", ", ".join(known.values()))
    return found


_COVER = re.compile(r"[a-z][a-z0-9_]*")


def cover(cell: Cell) -> str:
    """A cover's code, in whatever case; the list of optional covers is open."""
    text = code(cell).casefold()
    if not _COVER.fullmatch(text):
        raise Wrong("not_a_cover")
    return text
