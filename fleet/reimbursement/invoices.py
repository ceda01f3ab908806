"""What an invoice says of itself: the text of its QR code, and the remark with the vehicle tax.

Pure readings. What is not sure is left open: a wrong sum filled in is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from fleet.reimbursement import rules
from fleet.words import NotWellFormed, Plate, normalise, parse_money, plain_number

LONGEST_QR = 1_000
LONGEST_REMARK = 5_000

# Kinds as the second field of the QR text gives them.
_DIGITAL = frozenset({"31", "32"})  # fully digital: the sum is the total, tax included
_BEFORE_TAX = frozenset({"01", "04", "08", "10"})  # of a code and a number: the sum before tax
_HEAD = "01"
_FIELDS = 6  # up to the day; the rest is a check code and a checksum
_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff]")


# The QR code


@dataclass(frozen=True, slots=True)
class InvoiceQr:
    """An invoice as its QR text names it; `total` has the tax in it, `before_tax` has not."""

    kind: str
    code: str | None
    number: str
    total: Decimal | None
    before_tax: Decimal | None
    issued_on: date | None

    @property
    def key(self) -> str:
        """What the invoice is known by."""
        return rules.invoice_key(self.code, self.number)


def read_qr(text: str) -> InvoiceQr | None:
    """Read `01,kind,code,number,sum,yyyymmdd,check code,…`; None where it is no such text.

    A hand scanner's accidents are mended: full-width signs, line ends, the text twice.
    """
    fields = _fields_of(text)
    if len(fields) < _FIELDS or fields[0] != _HEAD or not re.fullmatch("[0-9]{2}", fields[1]):
        return None
    kind, amount = fields[1], _sum(fields[4])
    number = rules.digits(fields[3], rules.NUMBERS)
    code = rules.digits(fields[2], rules.PAPER_CODES)
    if number is None or (code is None) == (len(number) == rules.PAPER_NUMBER):
        return None
    return InvoiceQr(
        kind=kind,
        code=code,
        number=number,
        total=amount if kind in _DIGITAL else None,
        before_tax=amount if kind in _BEFORE_TAX else None,
        issued_on=_day(fields[5]),
    )


def _fields_of(text: str) -> list[str]:
    if len(text) > LONGEST_QR:
        return []
    plain = _UNSEEN.sub("", normalise(text)).replace("\N{IDEOGRAPHIC COMMA}", ",")
    lines = {"".join(line.split()) for line in plain.splitlines() if line.strip()}
    if len(lines) != 1:
        return []
    return _once(lines.pop()).split(",")


def _once(line: str) -> str:
    """A line that a scanner sent twice, once."""
    half, odd = divmod(len(line), 2)
    if not odd and line[:half] == line[half:]:
        return line[:half]
    if odd and line[half] == "," and line[:half] == line[half + 1 :]:
        return line[:half]
    return line


def _sum(text: str) -> Decimal | None:
    try:
        return parse_money(text)
    except NotWellFormed:
        return None


def _day(text: str) -> date | None:
    if not re.fullmatch("[0-9]{8}", text):
        return None
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day, no instant
    except ValueError:
        return None


# The remark


@dataclass(frozen=True, slots=True)
class Remark:
    """What an insurer's invoice says of the tax it collects; `tax_months` are first days."""

    vehicle_tax: Decimal | None = None
    tax_months: tuple[date, date] | None = None
    late_fee: Decimal | None = None
    total: Decimal | None = None
    policy_numbers: tuple[str, ...] = ()
    plate: str | None = None


# Every repetition is bounded, so that no text makes a search slow.
_YUAN = (
    r" ?(?:\(元\))? ?[:=]? ?[¥]? ?"
    r"(-?(?:[0-9]{1,3}(?:,[0-9]{3}){1,3}|[0-9]{1,12})(?:\.[0-9]{1,2})?)(?![0-9.])"
)
_TAX = re.compile(r"[车車]船[使用]{0,2}[税稅](?:[税稅]?[额額]|金[额額])?" + _YUAN)
_LATE = re.compile(r"[滞滯][纳納]金(?:金[额額])?" + _YUAN)
_TOTAL = re.compile(r"(?<![税稅])合[计計](?:金[额額])?" + _YUAN)
_MONTH = r"([0-9]{4}) ?[年\-./]? ?([0-9]{1,2}) ?月?"
_DAY_OF = r"(?: ?[\-./]? ?[0-9]{1,2} ?日?)?"
_PERIOD = r"[税稅]款所[属屬][时時]?期[间間]? ?:? ?" + _MONTH + _DAY_OF
_MONTHS = re.compile(_PERIOD + r" ?[-~\u2013\u2014至到]{1,2} ?" + _MONTH + _DAY_OF)
_ONE_MONTH = re.compile(_PERIOD)
_ONE_NUMBER = "[A-Z0-9]{8,64}"
_NUMBERS = re.compile(
    rf"[保批][险險]?[\\/(|]?[批]?\)?[单單](?:[号號][码碼]?) ?:? ?"
    rf"({_ONE_NUMBER}(?:[ ,;/、和及]{{1,3}}{_ONE_NUMBER}){{0,9}})(?![A-Z0-9])"
)
_PLATE = re.compile(
    r"(?:[车車]牌照?|[号號]牌)(?:[号號][码碼]?)? ?:? ?"
    r"([\u4e00-\u9fff][A-Z] ?[·.•]? ?[A-Z0-9]{4,6}[挂学警港澳使领试超]?)"
)


def read_remark(text: str) -> Remark | None:
    """Read the remark of an invoice with which an insurer collects the tax; None for no such."""
    if len(text) > LONGEST_REMARK:
        return None
    plain = " ".join(_UNSEEN.sub("", normalise(text)).upper().split())
    remark = Remark(
        vehicle_tax=_yuan(_TAX, plain),
        tax_months=_months(plain),
        late_fee=_yuan(_LATE, plain),
        total=_yuan(_TOTAL, plain),
        policy_numbers=_policy_numbers(plain),
        plate=_plate(plain),
    )
    return None if remark == Remark() else remark


def _yuan(label: re.Pattern[str], text: str) -> Decimal | None:
    found = label.search(text)
    return _sum(found[1]) if found else None


def _months(text: str) -> tuple[date, date] | None:
    found = _MONTHS.search(text) or _ONE_MONTH.search(text)
    if not found:
        return None
    numbers = [int(group) for group in found.groups()]
    try:
        return date(*numbers[:2], 1), date(*numbers[-2:], 1)
    except ValueError:
        return None


def _policy_numbers(text: str) -> tuple[str, ...]:
    numbers = (
        number
        for found in _NUMBERS.finditer(text)
        for number in re.findall(_ONE_NUMBER, found[1])
        if any(sign.isdigit() for sign in number)
    )
    return tuple(dict.fromkeys(numbers))


def _plate(text: str) -> str | None:
    found = _PLATE.search(text)
    if not found:
        return None
    try:
        return str(Plate.parse(found[1]))
    except NotWellFormed:
        return None


# The form they fill in


@dataclass(frozen=True, slots=True)
class FilledIn:
    """A claim's fields as texts, those that were filled in, and what was typed otherwise.

    `differs` has, by field, what the invoice says where something else was typed; that stays.
    """

    values: dict[str, str]
    filled: tuple[str, ...]
    differs: dict[str, str]


def fill_in(typed: Mapping[str, str], qr: InvoiceQr | None, remark: Remark | None) -> FilledIn:
    """Fill the empty fields of a claim with what its invoice says; nothing typed is changed."""
    values, filled, differs = dict(typed), [], {}
    for name, said in _said(typed, qr, remark):
        if not typed.get(name, "").strip():
            values[name] = said
            filled.append(name)
        elif not _same(name, typed[name], said):
            differs[name] = said
    return FilledIn(values, tuple(filled), differs)


def _said(
    typed: Mapping[str, str], qr: InvoiceQr | None, remark: Remark | None
) -> Iterator[tuple[str, str]]:
    if qr:
        yield "invoice_number", qr.number
        if qr.code:
            yield "invoice_code", qr.code
        if qr.issued_on:
            yield "invoice_date", qr.issued_on.isoformat()
        yield from _sums(invoice_total=qr.total)
    if remark:
        number = rules.squeezed(typed.get("policy_number", ""))
        if len(remark.policy_numbers) == 1 or (number and remark.policy_numbers):
            numbers = remark.policy_numbers
            yield "policy_number", number if number in numbers else numbers[0]
        yield from _sums(
            vehicle_tax=remark.vehicle_tax, late_fee=remark.late_fee, amount=remark.total
        )


def _sums(**sums: Decimal | None) -> Iterator[tuple[str, str]]:
    return ((name, plain_number(value)) for name, value in sums.items() if value is not None)


def _same(name: str, typed: str, said: str) -> bool:
    try:
        one, other = rules.keep(name, typed), rules.keep(name, said)
    except rules.CannotRead:
        return False
    if isinstance(one, str) and isinstance(other, str):
        return rules.squeezed(one) == rules.squeezed(other)
    return one == other


# The policy they are held against


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record of the policy claimed for; no sum is 0."""

    policy_number: str
    plate: str | None
    vehicle_tax: Decimal
    late_fee: Decimal
    due: Decimal


@dataclass(frozen=True, slots=True)
class Differs:
    """A field of the remark that is not what is on record; texts, sums in yuan."""

    field: str
    said: str
    on_record: str | None


def differences(remark: Remark, policy: OnRecord) -> list[Differs]:
    """What the remark says otherwise than the policy on record; what it leaves out is not told."""
    found = [
        Differs(name, plain_number(said), plain_number(kept))
        for name, said, kept in (
            ("vehicle_tax", remark.vehicle_tax, policy.vehicle_tax),
            ("late_fee", remark.late_fee, policy.late_fee),
            ("total", remark.total, policy.due),
        )
        if said is not None and said != kept
    ]
    numbers = remark.policy_numbers
    if numbers and rules.squeezed(policy.policy_number) not in numbers:
        found.append(Differs("policy_number", " ".join(numbers), policy.policy_number))
    if remark.plate and remark.plate != policy.plate:
        found.append(Differs("plate", remark.plate, policy.plate))
    return found
