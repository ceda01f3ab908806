"""The vocabulary every room shares: days and instants, periods, identifiers, money, findings.

Standard library and python-stdnum only. Instants are aware and kept in UTC; days are `date`;
money is `Decimal` yuan; every interval is half-open.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from stdnum.cn import uscc

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_TICK = timedelta(microseconds=1)
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)


class NotWellFormed(ValueError):
    """A text is not what it claims to be; `code` says why, `found` is the text as given."""

    def __init__(self, code: str, found: str) -> None:
        """Keep the reason's code and the text."""
        super().__init__(f"{code}: {found!r}")
        self.code = code
        self.found = found


# Days and instants


def utc(instant: datetime) -> datetime:
    """Return the same instant in UTC; a naive one raises ValueError."""
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        message = f"an instant needs an offset: {instant.isoformat()}"
        raise ValueError(message)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return _EARLIEST if instant.year == 1 else _LATEST


@lru_cache(maxsize=65_536)
def _at(day: date, clock: time, zone: ZoneInfo) -> datetime:
    # fold=0 reads a midnight that a clock change skips as the change itself, and a repeated
    # one as its first occurrence: both are the first instant of the day.
    return utc(datetime.combine(day, clock, zone))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day, in UTC."""
    return _at(day, time.min, zone)


def noon(day: date, zone: ZoneInfo) -> datetime:
    """Return 12:00 of a local day, in UTC: the moment meant by a day given alone."""
    return _at(day, time(12), zone)


@lru_cache(maxsize=65_536)
def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the local day an instant falls on."""
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.date()


def last_day(ends: datetime, zone: ZoneInfo) -> date:
    """Return the expiry day: the local day of the last instant before a half-open end."""
    return local_day(ends - _TICK if ends > _EARLIEST else ends, zone)


@dataclass(frozen=True, slots=True)
class Period:
    """Time from `begins` up to, not including, `ends`; empty where `ends` is not later."""

    begins: datetime
    ends: datetime

    def __post_init__(self) -> None:
        """Keep both in UTC: two local times of one zone compare by the clock's face, wrongly."""
        if self.begins.tzinfo is not UTC or self.ends.tzinfo is not UTC:
            object.__setattr__(self, "begins", utc(self.begins))
            object.__setattr__(self, "ends", utc(self.ends))

    @classmethod
    def of_days(cls, first: date, last: date, zone: ZoneInfo) -> Self:
        """Return the period from 00:00 of the first day to 24:00 of the last, both included."""
        return cls(midnight(first, zone), midnight(last + timedelta(days=1), zone))

    @property
    def is_empty(self) -> bool:
        """Tell whether it holds no instant at all."""
        return self.ends <= self.begins

    def contains(self, instant: datetime) -> bool:
        """Tell whether an instant lies inside; the end does not."""
        return self.begins <= utc(instant) < self.ends

    def overlaps(self, other: Period) -> bool:
        """Tell whether the two share an instant."""
        return self.intersect(other) is not None

    def intersect(self, other: Period) -> Period | None:
        """Return what the two share, or None where they share nothing."""
        begins, ends = max(self.begins, other.begins), min(self.ends, other.ends)
        return Period(begins, ends) if begins < ends else None

    def share_of_year(self, zone: ZoneInfo) -> Fraction:
        """Return the years covered: local days over 365, or over 366 in a leap year, summed.

        A day counts in full where any instant of it is inside.
        """
        if self.is_empty:
            return Fraction(0)
        first, last = local_day(self.begins, zone), last_day(self.ends, zone)
        return sum(
            (_share(first, last, year) for year in range(first.year, last.year + 1)), Fraction(0)
        )


def _share(first: date, last: date, year: int) -> Fraction:
    new_year, old_year = date(year, 1, 1), date(year, 12, 31)
    inside = (min(last, old_year) - max(first, new_year)).days + 1
    return Fraction(inside, (old_year - new_year).days + 1)


@dataclass(frozen=True, slots=True)
class Days:
    """Local days from `since` up to, not including, `until`; None is open-ended."""

    since: date
    until: date | None = None

    def contains(self, day: date) -> bool:
        """Tell whether a day lies inside."""
        return self.since <= day and (self.until is None or day < self.until)

    def overlaps(self, other: Days) -> bool:
        """Tell whether the two share a day."""
        since = max(self.since, other.since)
        return self.contains(since) and other.contains(since)

    def contains_instant(self, instant: datetime, zone: ZoneInfo) -> bool:
        """Tell whether an instant in UTC falls on one of the days."""
        if instant < midnight(self.since, zone):
            return False
        return self.until is None or instant < midnight(self.until, zone)


# Texts as people type them


def normalise(text: str) -> str:
    """Return the text with full-width forms made plain and blanks around it gone."""
    return (text if text.isascii() else unicodedata.normalize("NFKC", text)).strip()


def _squeeze(text: str, dropped: str) -> str:
    return re.sub(f"[{dropped}]", "", normalise(text)).upper()


_PROVINCE = "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼]"
_SERIAL = "[A-HJ-NP-Z0-9]"
_PLATE = re.compile(
    f"{_PROVINCE}[A-Z]"
    f"(?:{_SERIAL}{{4}}(?:{_SERIAL}|[挂学警港澳使领试超])"
    f"|[ABCDEFGHJK]{_SERIAL}[0-9]{{4}}|[0-9]{{5}}[ABCDEFGHJK])"
)


@dataclass(frozen=True, slots=True)
class Plate:
    """A number plate of the mainland's registration (GA 36-2018)."""

    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a plate; raises NotWellFormed `plate_form`."""
        value = _squeeze(text, r"\s.·•・\-")
        if not _PLATE.fullmatch(value):
            raise NotWellFormed("plate_form", text)
        return cls(value)

    @staticmethod
    def not_yet(text: str) -> bool:
        """Tell whether a text is what insurers print for a car without a plate."""
        plain = _squeeze(text, r"\s")
        return plain in ("", "新车", "新車", "*-*", "-") or plain.endswith(("*新", "*-*"))

    def __str__(self) -> str:
        """Return the plate without dots or blanks."""
        return self.value


_VIN_VALUES = dict(
    zip("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", (*range(10), *range(1, 9), 1, 2, 3, 4, 5, 7, 9,
        *range(2, 10)), strict=True)
)  # fmt: skip
_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_LENGTH = 17
_VIN_CHECK_AT = 8


@dataclass(frozen=True, slots=True)
class Vin:
    """A vehicle identification number (GB 16735)."""

    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a VIN; raises NotWellFormed `vin_length` or `vin_letters` (I, O, Q, others)."""
        value = _squeeze(text, r"\s*★")
        if len(value) != _VIN_LENGTH:
            raise NotWellFormed("vin_length", text)
        if not all(letter in _VIN_VALUES for letter in value):
            raise NotWellFormed("vin_letters", text)
        return cls(value)

    @property
    def check_digit_holds(self) -> bool:
        """Tell whether position 9 fits the rest; a warning only, for imports may lack it."""
        pairs = zip(self.value, _VIN_WEIGHTS, strict=True)
        left = sum(_VIN_VALUES[letter] * weight for letter, weight in pairs) % 11
        return self.value[_VIN_CHECK_AT] == "0123456789X"[left]

    def __str__(self) -> str:
        """Return its seventeen characters."""
        return self.value


_CREDIT_CODE = re.compile("[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}")


@dataclass(frozen=True, slots=True)
class CreditCode:
    """A unified social credit code (GB 32100-2015): a company's tax number."""

    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a code; raises NotWellFormed `credit_code_form` or `credit_code_check`."""
        value = _squeeze(text, r"\s\-")
        if not _CREDIT_CODE.fullmatch(value):
            raise NotWellFormed("credit_code_form", text)
        if uscc.calc_check_digit(value[:-1]) != value[-1]:
            raise NotWellFormed("credit_code_check", text)
        return cls(value)

    def __str__(self) -> str:
        """Return its eighteen characters."""
        return self.value


_MONEY = re.compile(
    r"(?P<sign>[-+]?)(?:¥|RMB|CNY|人民币|人民幣)?(?P<sign2>[-+]?)"
    r"(?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?P<part>\.[0-9]+)?"
    r"(?P<unit>[万萬亿億]?)(?:元|圆|圓|YUAN)?",
)
_PLAIN_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
_UNITS = {"": 1, "万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_FEN = Decimal("0.01")
_MONEY_DIGITS = 16  # of them and the point; with 亿 still well inside exact decimals


def parse_money(text: str) -> Decimal:
    """Read an amount in yuan: `1,270.00`, `20万`, `¥950`, full-width forms, a leading minus.

    Raises NotWellFormed `money_form`, or `money_fraction` for less than a whole fen.
    """
    if _PLAIN_MONEY.fullmatch(text):  # as most are; what follows takes six times as long
        return Decimal(text).quantize(_FEN)
    plain = _squeeze(text, r"\s").replace("\N{MINUS SIGN}", "-")
    match = _MONEY.fullmatch(plain)
    if not match or (match["sign"] and match["sign2"]):
        raise NotWellFormed("money_form", text)
    digits = (match["whole"] or "").replace(",", "") + (match["part"] or "")
    if not 0 < len(digits) <= _MONEY_DIGITS:
        raise NotWellFormed("money_form", text)
    yuan = Decimal(digits) * _UNITS[match["unit"]]
    if yuan % _FEN:
        raise NotWellFormed("money_fraction", text)
    return (-yuan if "-" in (match["sign"], match["sign2"]) else yuan).quantize(_FEN)


def plain_number(number: Decimal) -> str:
    """Return a number without exponent or trailing zeros: `200000`, `12.5`, `0`."""
    text = f"{number:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


# What is found


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found wanting: its code, the clause, what is there and what is asked.

    `found` and `required` are neutral values, never words (see `rulebook/README.md` for each
    code); `effect` is `held` or `refused` for a reason of reimbursement; `basis` names the
    insurer's terms that a requirement was read by.
    """

    code: str
    clause: str
    found: str | None = None
    required: str | None = None
    effect: str | None = None
    basis: str | None = None
