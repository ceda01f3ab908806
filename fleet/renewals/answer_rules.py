"""What an insurer issued beside what was asked of it: the differences, said before anything else.

Pure: no storage, no language, no clock. A difference is a code with what was asked and what was
found; `fleet/web/words.py` has the words (`difference`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from fleet.renewals.rules import AskedLine

PREMIUM = "premium"
TAX = "vehicle_tax"

COVER_MISSING = "cover_missing"
COVER_ADDED = "cover_added"
SUM_LOWER = "sum_lower"
SUM_HIGHER = "sum_higher"
SEATS_DIFFER = "seats_differ"
GAP = "gap"
OVERLAP = "overlap"
BEGINS_OTHERWISE = "begins_otherwise"
ENDS_OTHERWISE = "ends_otherwise"
PREMIUM_DIFFERS = "premium_differs"
PREMIUM_UNKNOWN = "premium_unknown"
TAX_DIFFERS = "tax_differs"
TAX_UNKNOWN = "tax_unknown"
ANOTHER_INSURER = "another_insurer"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """What a placed request asks for; instants aware, money in yuan, the insurer by code.

    `covered_until` is when the cover now on record ends, None where there is none.
    """

    kind: str
    insurer: str
    begins: datetime
    ends: datetime
    covered_until: datetime | None = None
    lines: tuple[AskedLine, ...] = ()
    premium: Decimal | None = None
    vehicle_tax: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A policy as a row of the answer tells it; `ends` exclusive."""

    vin: str
    policy_number: str
    begins: datetime
    ends: datetime
    kind: str | None = None
    insurer: str | None = None
    signed_on: date | None = None
    premium: Decimal | None = None
    vehicle_tax: Decimal | None = None
    late_fee: Decimal | None = None
    tax_exempt: bool = False
    lines: tuple[AskedLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was asked for; `cover` where it is about one."""

    code: str
    asked: str = ""
    found: str = ""
    cover: str = ""


def differences(asked: AskedFor, issued: Issued) -> list[Difference]:
    """Return what an issued policy has otherwise than it was asked for, the gravest first."""
    return [
        *_insurer(asked, issued),
        *_period(asked, issued),
        *_covers(asked.lines, issued.lines),
        *_money(asked, issued),
    ]


def _insurer(asked: AskedFor, issued: Issued) -> Iterator[Difference]:
    if issued.insurer is not None and issued.insurer != asked.insurer:
        yield Difference(ANOTHER_INSURER, asked.insurer, issued.insurer)


def _period(asked: AskedFor, issued: Issued) -> Iterator[Difference]:
    """A gap or an overlap with the cover on record is said; else another day than was asked."""
    held, begins = asked.covered_until, issued.begins
    if held is not None and begins > max(held, asked.begins):
        yield Difference(GAP, held.isoformat(), begins.isoformat())
    elif held is not None and begins < held:
        yield Difference(OVERLAP, held.isoformat(), begins.isoformat())
    elif begins != asked.begins:
        yield Difference(BEGINS_OTHERWISE, asked.begins.isoformat(), begins.isoformat())
    if issued.ends != asked.ends:
        yield Difference(ENDS_OTHERWISE, asked.ends.isoformat(), issued.ends.isoformat())


def _covers(asked: Sequence[AskedLine], issued: Sequence[AskedLine]) -> Iterator[Difference]:
    got = {line.cover: line for line in issued}
    for line in asked:
        if line.cover not in got:
            yield Difference(COVER_MISSING, _text(line.sum_insured), "", line.cover)
        else:
            yield from _line(line, got[line.cover])
    wanted = {line.cover for line in asked}
    for line in issued:
        if line.cover not in wanted:
            yield Difference(COVER_ADDED, "", _text(line.sum_insured), line.cover)


def _line(asked: AskedLine, got: AskedLine) -> Iterator[Difference]:
    least, found = asked.sum_insured, got.sum_insured
    if least is not None and found != least:
        code = SUM_HIGHER if found is not None and found > least else SUM_LOWER
        yield Difference(code, _text(least), _text(found), asked.cover)
    if asked.seats is not None and asked.seats != got.seats:
        yield Difference(SEATS_DIFFER, str(asked.seats), str(got.seats or 0), asked.cover)


def _money(asked: AskedFor, issued: Issued) -> Iterator[Difference]:
    if issued.premium is None:
        yield Difference(PREMIUM_UNKNOWN, _text(asked.premium))
    elif asked.premium is not None and asked.premium != issued.premium:
        yield Difference(PREMIUM_DIFFERS, _text(asked.premium), _text(issued.premium))
    if asked.kind != "compulsory" or issued.tax_exempt:
        return
    if issued.vehicle_tax is None:
        yield Difference(TAX_UNKNOWN, _text(asked.vehicle_tax))
    elif asked.vehicle_tax is not None and asked.vehicle_tax != issued.vehicle_tax:
        yield Difference(TAX_DIFFERS, _text(asked.vehicle_tax), _text(issued.vehicle_tax))


def _text(amount: Decimal | None) -> str:
    return "" if amount is None else f"{amount:.2f}"


def repeated(keys: Iterable[tuple[int, object]]) -> dict[int, int]:
    """Return of rows that share a key the number of each, and of another that has it too."""
    rows: dict[object, list[int]] = {}
    for number, key in keys:
        rows.setdefault(key, []).append(number)
    return {
        number: next(other for other in some if other != number)
        for some in rows.values()
        if len(some) > 1
        for number in some
    }
