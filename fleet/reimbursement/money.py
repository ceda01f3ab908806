"""The money view: premiums claimed, paid and refused, by company, insurer and month.

Two statements group the claims and the entries, one the reasons of what is refused; the sums of
the tables are made of those groups, so that every table comes to the same total.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Select, case, func, select, true
from sqlalchemy.orm import InstrumentedAttribute

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company
from fleet.policies.tables import Policy
from fleet.reimbursement.tables import (
    HELD,
    PAID,
    PAYABLE,
    REFUSED,
    REVERSED,
    WITHDRAWN,
    Claim,
    Decision,
    MoneyEntry,
)
from fleet.storage import db
from fleet.words import midnight

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Window:
    """Which money is shown: whole months, and of one company or insurer where one is named."""

    months: tuple[date, ...]  # the first day of each, and of the month after the last
    zone: ZoneInfo
    company: str | None = None
    insurer: str | None = None


@dataclass(slots=True)
class Sums:
    """Yuan of a company, an insurer, a month or all: by claims recorded and by entries made."""

    code: str
    claims: int = 0
    claimed: Decimal = _ZERO
    waiting: Decimal = _ZERO
    refused: Decimal = _ZERO
    paid: Decimal = _ZERO
    given_back: Decimal = _ZERO

    @property
    def has_any(self) -> bool:
        """Whether anything was claimed or any money moved."""
        return bool(self.claims or self.paid or self.given_back)

    @property
    def kept(self) -> Decimal:
        """What was paid and did not come back."""
        return self.paid - self.given_back

    def add_claims(self, state: str, count: int, amount: Decimal) -> None:
        """Add claims of a state."""
        self.claims += count
        self.claimed += amount
        if state in (HELD, PAYABLE):
            self.waiting += amount
        elif state == REFUSED:
            self.refused += amount

    def add_entries(self, kind: str, amount: Decimal) -> None:
        """Add entries of a kind; those of what came back are below 0."""
        if kind == PAID:
            self.paid += amount
        elif kind == REVERSED:
            self.given_back -= amount


@dataclass(frozen=True, slots=True)
class Why:
    """How many claims, and how many yuan, a reason refuses; a claim may have several."""

    code: str
    claims: int
    amount: Decimal


@dataclass(slots=True)
class Money:
    """The whole view."""

    total: Sums = field(default_factory=lambda: Sums(""))
    companies: dict[str, Sums] = field(default_factory=dict)
    insurers: dict[str, Sums] = field(default_factory=dict)
    months: dict[str, Sums] = field(default_factory=dict)
    reasons: Sequence[Why] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was claimed and no money moved."""
        return not self.companies


def money(window: Window) -> Money:
    """The money of the caller's companies in a window."""
    made = Money(months={f"{day:%Y-%m}": Sums(f"{day:%Y-%m}") for day in window.months[:-1]})
    for *keys, state, count, amount in db.session.execute(_claims(window)):
        _add(made, keys, lambda sums, s=state, c=count, a=amount: sums.add_claims(s, c, a))
    for *keys, kind, amount in db.session.execute(_entries(window)):
        _add(made, keys, lambda sums, k=kind, a=amount: sums.add_entries(k, a))
    made.reasons = [Why(*row) for row in db.session.execute(_reasons(window))]
    return made


def _add(made: Money, keys: Sequence[str], add: Callable[[Sums], None]) -> None:
    company, insurer, month = keys
    add(made.total)
    add(made.companies.setdefault(company, Sums(company)))
    add(made.insurers.setdefault(insurer, Sums(insurer)))
    add(made.months[month])


# The statements

_POLICIES, _INSURERS = Policy.__table__, Insurer.__table__
# Whoever's vehicle the policy stands on: the insurer of a claim of mine is no secret.
_INSURER = func.coalesce(
    select(_INSURERS.c.code)
    .join_from(_POLICIES, _INSURERS, _INSURERS.c.id == _POLICIES.c.insurer_id)
    .where(_POLICIES.c.policy_number == Claim.policy_number)
    .correlate(Claim)
    .scalar_subquery(),
    Claim.insurer,
    "",
)


def _claims(window: Window) -> Select[Any]:
    keys = _keys(window, Claim.recorded_at)
    found = select(*keys, Claim.state, Claim.amount).join(Claim.company)
    # What is claimed anew would count twice.
    found = found.where(Claim.state != WITHDRAWN)
    inner = _within(found, window, Claim.recorded_at).subquery().c
    by = (inner.company, inner.insurer, inner.month, inner.state)
    return select(*by, func.count(), func.sum(inner.amount)).group_by(*by).order_by(*by)


def _entries(window: Window) -> Select[Any]:
    keys = _keys(window, MoneyEntry.at)
    found = select(*keys, MoneyEntry.kind, MoneyEntry.amount).join(MoneyEntry.claim)
    inner = _within(found.join(Claim.company), window, MoneyEntry.at).subquery().c
    by = (inner.company, inner.insurer, inner.month, inner.kind)
    return select(*by, func.sum(inner.amount)).group_by(*by).order_by(*by)


def _keys(window: Window, at: InstrumentedAttribute[Any]) -> tuple[ColumnElement[str], ...]:
    ends = [midnight(day, window.zone) for day in window.months[1:]]
    names = [f"{day:%Y-%m}" for day in window.months[:-1]]
    month = case(*((at < end, name) for end, name in zip(ends, names, strict=True)))
    return Company.code.label("company"), _INSURER.label("insurer"), month.label("month")


def _within(query: Select[Any], window: Window, at: InstrumentedAttribute[datetime]) -> Select[Any]:
    first, end = (midnight(day, window.zone) for day in (window.months[0], window.months[-1]))
    query = query.where(at >= first, at < end)
    if window.company:
        query = query.where(Company.code == window.company)
    return query.where(window.insurer == _INSURER) if window.insurer else query


def _reasons(window: Window) -> Select[Any]:
    """The refusing reasons of refused claims, the most first.

    They stand in a claim's last decision and in none before: what was refused is not decided again.
    """
    each, code, effect = _reasons_apart()
    found = (
        select(code.label("code"), Claim.amount)
        .select_from(Decision)
        .join(Decision.claim)
        .join(Claim.company)
        .join(each, true())
        .where(Claim.state == REFUSED, effect == REFUSED)
    )
    inner = _within(found, window, Claim.recorded_at).subquery().c
    count = func.count()
    return (
        select(inner.code, count, func.sum(inner.amount))
        .group_by(inner.code)
        .order_by(count.desc(), inner.code)
    )


def _reasons_apart() -> tuple[Any, ColumnElement[str], ColumnElement[str]]:
    """A decision's kept reasons as rows: each engine takes JSON apart in its own words."""
    if db.engine.dialect.name == "sqlite":
        each = func.json_each(Decision.reasons).table_valued("value", name="each_reason")
        return (
            each,
            func.json_extract(each.c.value, "$.code"),
            func.json_extract(each.c.value, "$.effect"),
        )
    found = func.json_array_elements(Decision.reasons).table_valued("value", name="each_reason")
    each = found.render_derived()
    return each, each.c.value.op("->>")("code"), each.c.value.op("->>")("effect")
