"""Builders of facts with honest defaults: a vehicle of five seats and policies that comply."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from fleet.rulebook.book import Rulebook, load
from fleet.rulebook.cover import Line, Policy, Vehicle
from fleet.words import Days, midnight

CLOCK = ZoneInfo("Asia/Shanghai")
BEGINS = date(2026, 3, 2)
ENDS = date(2027, 3, 1)  # inclusive, as printed


def book() -> Rulebook:
    """Return the company's rulebook by its own clock."""
    return load(CLOCK)


def at(year: int, month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    """Return an instant of the company's clock."""
    return datetime(year, month, day, hour, minute, tzinfo=CLOCK).astimezone(UTC)


def vehicle(**overrides: Any) -> Vehicle:
    """Return a vehicle of five seats, in service since 2010."""
    defaults: dict[str, Any] = {
        "vin": "LFTEST008N0000001",
        "seats": 5,
        "energy": "petrol",
        "service": Days(date(2010, 1, 1)),
    }
    return Vehicle(**(defaults | overrides))


def line(cover: str, insured: int | None = None, **overrides: Any) -> Line:
    """Return a cover line; the sum is yuan."""
    insured_sum = None if insured is None else Decimal(insured)
    return Line(cover=cover, sum_insured=insured_sum, **overrides)


def full_cover(**instead: Line | None) -> tuple[Line, ...]:
    """Return lines that meet 2.2 to 2.6 under any terms; None leaves a cover out."""
    lines: dict[str, Line | None] = {
        "damage": line("damage", 120_000),
        "third_party": line("third_party", 200_000),
        "occupants_driver": line("occupants_driver", 20_000, seats=1),
        "occupants_passengers": line("occupants_passengers", 20_000, seats=4),
        "excess_waiver": line("excess_waiver"),
        "designated_repair": line("designated_repair"),
    }
    return tuple(one for one in (lines | instead).values() if one is not None)


def policy(
    kind: str = "commercial",
    first: date | datetime = BEGINS,
    last: date | datetime | None = None,
    **overrides: Any,
) -> Policy:
    """Return a policy from its first day to its last, both included, or between two instants."""
    if last is None:
        last = ENDS if first == BEGINS else first + timedelta(days=364)
    defaults: dict[str, Any] = {
        "number": f"{kind[:3].upper()}-{first:%Y%m%d}",
        "kind": kind,
        "is_insurance": True,
        "begins": first if isinstance(first, datetime) else midnight(first, CLOCK),
        "ends": last if isinstance(last, datetime) else midnight(last + timedelta(days=1), CLOCK),
    }
    return Policy(**(defaults | overrides))


def compulsory(
    first: date | datetime = BEGINS, last: date | datetime | None = None, **overrides: Any
) -> Policy:
    """Return a compulsory policy with its vehicle tax."""
    return policy("compulsory", first, last, **({"vehicle_tax": Decimal(300)} | overrides))


def commercial(
    first: date | datetime = BEGINS, last: date | datetime | None = None, **overrides: Any
) -> Policy:
    """Return a commercial policy with every cover the rule asks for five seats."""
    return policy("commercial", first, last, **({"lines": full_cover()} | overrides))
