"""Deciding again, years later, from the facts that a decision kept: the same must come out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from fleet.reimbursement import rules
from fleet.reimbursement.tables import Decision
from fleet.rulebook import cover
from fleet.rulebook import reimbursement as heart
from fleet.rulebook.book import Rulebook
from fleet.storage import db
from fleet.storage.history import HistoryEntry
from fleet.words import Days

AT_ONCE = 500
_DIGEST = re.compile('"facts_digest": "([0-9a-f]{64})"')
Kept = dict[str, Any]


class FactsUnreadable(ValueError):
    """What was kept is not the facts of a claim."""


# The facts from what was kept


def facts_from(kept: Kept) -> heart.Facts:
    """The facts that `rules.plain` kept; FactsUnreadable where it did not make them.

    Of the vehicle's policies those of the claimed kind are there: no other decides.
    """
    try:
        return heart.Facts(
            claim=_with_money(heart.Claim, kept["claim"], *rules.MONEY),
            policy=None if kept["policy"] is None else _policy_facts(kept["policy"]),
            invoice_claimed=kept["invoice_claimed"],
            invoice_reversed=kept["invoice_reversed"],
            earlier_amounts=tuple(Decimal(one) for one in kept["earlier_amounts"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise FactsUnreadable from error


def _policy_facts(kept: Kept) -> heart.PolicyFacts:
    return heart.PolicyFacts(
        policy=_policy(kept["policy"]),
        insurer_code=kept["insurer_code"],
        premium=_money(kept["premium"]),
        vehicle_tax=_money(kept["vehicle_tax"]),
        late_fee=_money(kept["late_fee"]),
        approved=kept["approved"],
        vehicle=_vehicle(kept["vehicle"]),
        vehicle_policies=tuple(_policy(one) for one in kept["vehicle_policies"]),
        holdings=tuple((code, _days(days)) for code, days in kept["holdings"]),
        designations=tuple(_days(days) for days in kept["designations"]),
    )


def _policy(kept: Kept) -> cover.Policy:
    instants = {name: _instant(kept[name]) for name in ("begins", "ends", "cancelled_at")}
    lines = tuple(_line(one) for one in kept["lines"])
    signed = kept["signed_on"]
    day = None if signed is None else date.fromisoformat(signed)
    said = kept | instants | {"lines": lines, "signed_on": day}
    money = ("vehicle_tax", "absolute_deductible_rate", "absolute_deductible_amount")
    return _with_money(cover.Policy, said, *money)


def _line(kept: Kept) -> cover.Line:
    instants = {name: _instant(kept[name]) for name in ("since", "until")}
    return _with_money(cover.Line, kept | instants, "sum_insured", "deductible_rate")


def _vehicle(kept: Kept) -> cover.Vehicle:
    lay_ups = tuple(_days(one) for one in kept["lay_ups"])
    return cover.Vehicle(**kept | {"service": _days(kept["service"]), "lay_ups": lay_ups})


def _with_money(kind: Any, kept: Kept, *names: str) -> Any:
    # A field of today that was none when this was kept has its default.
    return kind(**kept | {name: _money(kept[name]) for name in names if name in kept})


def _money(kept: str | None) -> Decimal | None:
    return None if kept is None else Decimal(kept)


def _instant(kept: str | None) -> datetime | None:
    return None if kept is None else datetime.fromisoformat(kept)


def _days(kept: Kept) -> Days:
    until = kept["until"]
    since = date.fromisoformat(kept["since"])
    return Days(since, None if until is None else date.fromisoformat(until))


# Decide again


def differs(decision: Decision, book: Rulebook) -> str | None:
    """What comes out otherwise than it was kept, None where all is the same.

    `facts`, `rulebook`, `decision` or `reasons`.
    """
    try:
        facts = facts_from(decision.facts)
    except FactsUnreadable:
        return "facts"
    then = as_of(book, decision.rulebook_since)
    if then is None:
        return "rulebook"
    again = heart.decide(facts, then)
    if rules.digest(rules.plain(facts)) != rules.digest(decision.facts):
        return "facts"
    if again.decision != decision.decision:
        return "decision"
    return "reasons" if rules.kept_reasons(again) != decision.reasons else None


def as_of(book: Rulebook, since: date) -> Rulebook | None:
    """The rulebook with the version of a day as its newest; None where there is none.

    A version that came later says nothing about a decision made before.
    """
    editions = tuple(one for one in book.editions if one.since <= since)
    if not editions or editions[-1].since != since:
        return None
    return replace(book, editions=editions)


# All that is on record


@dataclass(frozen=True, slots=True)
class Differing:
    """A decision that does not come out as it was kept, and in what; `history` is its digest."""

    claim_id: int
    decision_id: int
    what: str


def differing(book: Rulebook) -> Iterator[Differing]:
    """Replay every decision, the oldest first; the caller sees the whole group."""
    known = _known_digests()
    query = select(Decision).order_by(Decision.id).execution_options(yield_per=AT_ONCE)
    for decision in db.session.scalars(query):
        what = differs(decision, book)
        if what is None and rules.digest(decision.facts) not in known:
            what = "history"
        if what is not None:
            yield Differing(decision.claim_id, decision.id, what)


def _known_digests() -> set[str]:
    """The digests that the signed history says were decided by."""
    told = select(HistoryEntry.changes).where(HistoryEntry.changes.contains('"facts_digest"'))
    rows = db.session.scalars(told.execution_options(yield_per=AT_ONCE))
    return {digest for changes in rows for digest in _DIGEST.findall(changes)}
