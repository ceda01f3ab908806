"""What a claim says, and which invoice it names: pure readings of texts and cells."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from fleet.rulebook.reimbursement import Claim, Decision
from fleet.words import Finding, NotWellFormed, normalise, parse_money

Cell = str | int | float | bool | date | datetime | None

COLUMNS = (
    "company",
    "policy_number",
    "insurer",
    "invoice_code",
    "invoice_number",
    "invoice_date",
    "invoice_total",
    "vehicle_tax",
    "late_fee",
    "buyer_credit_code",
    "amount",
)
REQUIRED = ("company", "policy_number", "invoice_number", "amount")
MONEY = ("invoice_total", "vehicle_tax", "late_fee", "amount")
MOST_YUAN = Decimal(10) ** 10
FEN = Decimal("0.01")
LONGEST = {  # what the table keeps
    "company": 40,
    "policy_number": 64,
    "insurer": 40,
    "invoice_code": 20,
    "invoice_number": 40,
    "buyer_credit_code": 40,
}

EXCEL_DIGITS = 15
PAPER_NUMBER = 8
PAPER_CODES = (10, 12)
NUMBERS = (PAPER_NUMBER, 20)
FIRST_CENTURY, LAST_CENTURY = 1901, 2200  # Excel's day 0 and day 1 lie in 1900


class CannotRead(ValueError):
    """A cell does not say what its column asks."""


# The invoice


_ALL_DIGITAL = re.compile("[0-9]{20}")
_CODE_AND_NUMBER = re.compile("([0-9]{10}|[0-9]{12})-([0-9]{8})")
# Signs that are no part of a number: hyphens of every length, signs without width.
_ASIDE = re.compile("[-\u2010-\u2015\u2212\u200b-\u200f\u2060\ufeff]")
_TAKEN_FOR = str.maketrans("OIL|\u4e28", "01111")  # what OCR and typists take a digit for


def squeezed(text: str) -> str:
    """A number as it is compared: full-width signs plain, no blanks, upper case."""
    return "".join(normalise(text).split()).upper()


def digits(text: str, lengths: Container[int]) -> str | None:
    """The digits of a number that has only digits, so many of them; None where it is no such.

    Hyphens and blanks go, O is 0, I and l are 1; more than half must be digits as they stand.
    """
    plain = _ASIDE.sub("", squeezed(text))
    made = plain.translate(_TAKEN_FOR)
    as_they_stand = sum(sign in "0123456789" for sign in plain)
    if len(made) in lengths and made.isascii() and made.isdigit() and as_they_stand * 2 > len(made):
        return made
    return None


def plain_invoice_number(text: str) -> str:
    """An invoice's number as printed: 8 or 20 digits where it plainly is one, else as it stands."""
    if _only_digits(text):
        return text
    if _CODE_AND_NUMBER.fullmatch(squeezed(text)):
        return text  # without its hyphen it would be another invoice's 20 digits
    return digits(text, NUMBERS) or text


def plain_invoice_code(text: str) -> str:
    """An invoice's code as printed: 10 or 12 digits where it plainly is one, else as it stands."""
    return text if _only_digits(text) else digits(text, PAPER_CODES) or text


def _only_digits(text: str) -> bool:
    """Whether nothing in a number could be read as a digit that is none, or left out."""
    return text.isascii() and text.isdigit()


@lru_cache(maxsize=1024)  # every reading of one claim asks for it anew
def invoice_key(code: str | None, number: str) -> str:
    """What an invoice is known by: its 20 digits alone, else its code and number.

    A paper print of a fully digital invoice carries a code too; its 20 digits are the same
    invoice without it. OCR's accidents in either make no other invoice of it.
    """
    number = squeezed(plain_invoice_number(number))
    code = squeezed(plain_invoice_code(code or ""))
    if not code or _ALL_DIGITAL.fullmatch(number):
        return number
    if (both := _CODE_AND_NUMBER.fullmatch(number)) and both[1] == code:
        return number
    return f"{code}-{number}"


# The claim


@dataclass(frozen=True, slots=True)
class Asked:
    """A claim as it was handed in; money is yuan, company and insurer are codes."""

    company: str
    policy_number: str
    invoice_number: str
    amount: Decimal
    insurer: str | None = None
    invoice_code: str | None = None
    invoice_date: date | None = None
    invoice_total: Decimal | None = None
    vehicle_tax: Decimal | None = None
    late_fee: Decimal | None = None
    buyer_credit_code: str | None = None

    @property
    def invoice_key(self) -> str:
        """What the claim's invoice is known by."""
        return invoice_key(self.invoice_code, self.invoice_number)

    def of(self, region: str, credit_code: str | None) -> Claim:
        """The claim as the heart takes it, of a company of that region and credit code."""
        return Claim(
            company_code=self.company,
            company_region=region,
            company_credit_code=credit_code,
            policy_number=self.policy_number,
            insurer=self.insurer,
            invoice_key=self.invoice_key,
            invoice_total=self.invoice_total,
            vehicle_tax=self.vehicle_tax,
            late_fee=self.late_fee,
            buyer_credit_code=self.buyer_credit_code,
            amount=self.amount,
        )


def read(cells: Mapping[str, Cell], companies: Container[str]) -> tuple[Asked | None, list[str]]:
    """Read a row of a sheet; answers the claim, or None and the columns that cannot be read.

    `companies` are the codes of those that may claim.
    """
    values: dict[str, Any] = {}
    bad: list[str] = []
    for column, reading in _READINGS.items():
        cell = cells.get(column)
        try:
            values[column] = None if cell is None or cell == "" else reading(cell)
        except CannotRead:
            bad.append(column)
    lacking = [c for c in REQUIRED if c not in bad and values[c] in (None, "")]
    if not (lacking or bad) and values["company"] in companies:
        return Asked(**values), []
    if values.get("company") not in companies and "company" not in (*lacking, *bad):
        bad.append("company")
    return None, sorted({*bad, *lacking})


def keep(column: str, said: str) -> str | Decimal | date | None:
    """A field of a claim that is to be recorded, as it is kept; None where it is empty.

    CannotRead where it is not what its column asks, too long, too much, or parts of a fen.
    """
    value = _READINGS[column](said)
    return None if value is None or value == "" else _as_kept(column, value)


def to_record(asked: Asked) -> tuple[Asked | None, list[str]]:
    """A claim of a sheet as it is kept; None and the columns that do not fit where any does not."""
    values: dict[str, Any] = {}
    bad: list[str] = []
    for column in COLUMNS:
        value = getattr(asked, column)
        try:
            values[column] = None if value is None else _as_kept(column, value)
        except CannotRead:
            bad.append(column)
    return (None, sorted(bad)) if bad else (Asked(**values), [])


def _as_kept(column: str, value: str | Decimal | date) -> str | Decimal | date:
    if isinstance(value, Decimal):
        if abs(value) >= MOST_YUAN:
            raise CannotRead
        kept = value.quantize(FEN)  # as the table gives it back
        if kept != value:
            raise CannotRead
        return kept
    if isinstance(value, str) and not _fits(column, value):
        raise CannotRead
    return value


def _fits(column: str, value: str) -> bool:
    if len(value) > LONGEST[column]:
        return False
    # Other letters may grow when an invoice's key is made of them.
    return value.isascii() or column not in {"invoice_code", "invoice_number"}


# Taken back

REFUNDED = "refunded"
RED_INVOICE = "red_invoice"
REVERSALS = (REFUNDED, RED_INVOICE)
LONGEST_NOTE = 200


@dataclass(frozen=True, slots=True)
class Why:
    """Why a claim is reversed; `note` is the red invoice's number, or where the refund came in."""

    reason: str
    note: str

    @property
    def takes_invoice_back(self) -> bool:
        """Whether the claim's invoice is one that its issuer took back."""
        return self.reason == RED_INVOICE


# Cells


_PLAIN_DECIMAL = re.compile(r"[-+]?[0-9]{1,12}\.[0-9]{1,12}")
# Shown as a power of ten, or twenty digits of which five were lost; a JSON Schema reads it too.
SPOILT = "[0-9]([.][0-9]+)?[Ee][+]?[0-9]+|[0-9]{15}0{5}"
_SPOILT = re.compile(f"#.*|{SPOILT}", re.DOTALL)
_DAY = re.compile(
    r"([0-9]{4})\s?[-/.年]\s?([0-9]{1,2})\s?[-/.月]\s?([0-9]{1,2})\s?日?([ T]+[0-9:.]{4,15})?"
)


# Named once: `int | float` made anew for each cell takes longer than looking at the cell.
_NUMBERS = (int, float)
_NO_TEXT = (bool, date, float)
_NO_MONEY = (bool, date)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def text(cell: Cell) -> str:
    """A cell of a text column, full-width signs as plain ones.

    CannotRead for control characters and halves of characters: no database keeps them.
    """
    if isinstance(cell, str):
        if not cell.isprintable() and _CONTROL.search(cell):
            raise CannotRead
        return normalise(cell)
    if isinstance(cell, _NO_TEXT) and not _whole(cell):
        raise CannotRead
    return str(cell)


def _whole(cell: object) -> bool:
    return isinstance(cell, float) and cell.is_integer()


def number(cell: Cell) -> str:
    """A document's number as printed; CannotRead for one that a spreadsheet has spoilt.

    Excel's accidents are errors, never values: `#N/A`, `9.93E+19`, twenty digits of which the
    last five were lost to zeros, a number of more digits than Excel keeps.
    """
    if isinstance(cell, _NUMBERS) and abs(cell) >= 10**EXCEL_DIGITS:
        raise CannotRead
    found = text(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
    if _SPOILT.fullmatch(found):
        raise CannotRead
    return found


def _invoice_number(cell: Cell) -> str:
    # Kept as a number, a paper invoice's has lost its leading zeros: it names another invoice.
    if not isinstance(cell, str) and len(number(cell)) < PAPER_NUMBER:
        raise CannotRead
    return plain_invoice_number(number(cell))


def _invoice_code(cell: Cell) -> str:
    if not isinstance(cell, str) and len(number(cell)) not in PAPER_CODES:
        raise CannotRead
    return plain_invoice_code(number(cell))


def money(cell: Cell) -> Decimal | None:
    """An amount in yuan, below 0 too: `1,270.00`, `20万`, `¥950`, a number; None where empty.

    Parts of a fen are read as they stand: a claim is decided, not kept, by them.
    """
    if isinstance(cell, _NO_MONEY):
        raise CannotRead
    if isinstance(cell, float):
        return _of_float(cell)
    plain = text(cell)
    if not plain:
        return None
    try:
        return parse_money(plain)
    except NotWellFormed as error:
        if error.code == "money_fraction" and _PLAIN_DECIMAL.fullmatch(plain):
            return Decimal(plain)
        raise CannotRead from error


def _of_float(cell: float) -> Decimal:
    """A number of a sheet without the noise of its last binary digits."""
    if cell != cell or abs(cell) >= float(10**EXCEL_DIGITS):  # noqa: PLR0124 - NaN alone differs
        raise CannotRead
    return Decimal(repr(round(cell, 6)))


def day(cell: Cell) -> date | None:
    """A day, a clock time beside it left out; None where empty."""
    if isinstance(cell, datetime):
        return _of_this_age(cell.date())
    if isinstance(cell, date):
        return _of_this_age(cell)
    if not isinstance(cell, str):
        raise CannotRead
    plain = normalise(cell)
    match = _DAY.fullmatch(plain)
    if not match:
        if plain:
            raise CannotRead
        return None
    try:
        return _of_this_age(date(int(match[1]), int(match[2]), int(match[3])))
    except ValueError as error:
        raise CannotRead from error


def _of_this_age(found: date) -> date:
    if not FIRST_CENTURY <= found.year < LAST_CENTURY:
        raise CannotRead
    return found


def _or_none(cell: Cell) -> str | None:
    found = text(cell)
    if found[:1] == "#":
        raise CannotRead
    return found or None


_READINGS: dict[str, Callable[[Cell], str | Decimal | date | None]] = {
    "company": text,
    "policy_number": number,
    "insurer": _or_none,
    "invoice_code": _invoice_code,
    "invoice_number": _invoice_number,
    "invoice_date": day,
    "invoice_total": money,
    "vehicle_tax": money,
    "late_fee": money,
    "buyer_credit_code": _or_none,
    "amount": money,
}


# What is kept of a decision


def kept_reasons(decision: Decision) -> list[dict[str, Any]]:
    """The reasons as JSON: code, clause, effect, found, required; `cover_short` with its own."""
    reasons = [_kept(reason) for reason in decision.reasons]
    for reason in reasons:
        if reason["code"] == "cover_short":
            reason["shortfalls"] = [_kept(short) for short in decision.shortfalls]
    return reasons


def _kept(finding: Finding) -> dict[str, Any]:
    return {field.name: getattr(finding, field.name) for field in fields(finding)}


@cache  # asked of every value of every claim of a sheet: each time anew it is a quarter of it
def _kept_names(kind: type) -> tuple[str, ...]:
    return tuple(one.name for one in fields(kind) if one.init) if is_dataclass(kind) else ()


def plain(value: object) -> Any:
    """A fact as JSON holds it: money, days and instants as text."""
    if names := _kept_names(type(value)):  # type: ignore[arg-type]  # mypy: a class has a hash
        return {name: plain(getattr(value, name)) for name in names}
    if isinstance(value, tuple | list):
        return [plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def digest(*parts: object) -> str:
    """The SHA-256 of a request's parts, by which the same request is known again."""
    said = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(said.encode()).hexdigest()
