"""The facts a vehicle is judged by: itself, its policies, their lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from fleet.words import Days, Period, utc


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle: seats as licensed (the driver's included, 0 for a trailer) and its days."""

    vin: str
    seats: int
    energy: str
    service: Days
    lay_ups: tuple[Days, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A cover of a policy: sum in yuan (occupants: a seat), rate in percent.

    `since` and `until` stand where an endorsement added or ended it; None is the policy's own.
    """

    cover: str
    sum_insured: Decimal | None = None
    seats: int | None = None
    deductible_rate: Decimal | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Keep instants in UTC."""
        if self.since is not None or self.until is not None:
            _keep_utc(self, "since", "until")

    def runs(self, moment: datetime) -> bool:
        """Tell whether the line itself is on at a moment in UTC; its policy may not be."""
        if self.since is not None and moment < self.since:
            return False
        return self.until is None or moment < self.until


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; `period` is its effective one, None where it was void or is a pool's paper.

    Money is yuan, rates are percent, `ends` is exclusive. The effective end is the earlier of
    the printed end and the cancellation.
    """

    number: str
    kind: str
    is_insurance: bool
    begins: datetime
    ends: datetime
    cancelled_at: datetime | None = None
    signed_on: date | None = None
    vehicle_tax: Decimal | None = None
    tax_exempt: bool = False
    terms: str | None = None
    absolute_deductible_rate: Decimal | None = None
    absolute_deductible_amount: Decimal | None = None
    repair_restricted: bool = False
    lines: tuple[Line, ...] = ()
    period: Period | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep instants in UTC and work out the effective period once."""
        _keep_utc(self, "begins", "ends", "cancelled_at")
        ends = self.ends if self.cancelled_at is None else min(self.ends, self.cancelled_at)
        counts = self.is_insurance and self.begins < ends
        object.__setattr__(self, "period", Period(self.begins, ends) if counts else None)

    def in_force(self, moment: datetime) -> bool:
        """Tell whether it covers a moment in UTC."""
        period = self.period
        return period is not None and period.begins <= moment < period.ends


def _keep_utc(fact: Line | Policy, *names: str) -> None:
    # Two local times of one zone compare by the clock's face, wrongly across a clock change.
    for name in names:
        instant = getattr(fact, name)
        if instant is not None and instant.tzinfo is not UTC:
            object.__setattr__(fact, name, utc(instant))
