"""The payable rows of a sheet so far, kept in a file of their own: there may be very many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from sqlite3 import Cursor, connect
from typing import Self

from fleet.reimbursement.rules import Asked
from fleet.reimbursement.tables import PAYABLE
from fleet.rulebook.reimbursement import Decision, Facts

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA cache_size = -4096;
CREATE TABLE invoices (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE amounts (policy TEXT, amount TEXT);
CREATE INDEX by_policy ON amounts (policy);
CREATE TABLE asked (key TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_INVOICES = "SELECT key FROM invoices WHERE key IN (SELECT key FROM asked)"
_AMOUNTS = """
SELECT policy, amount FROM amounts WHERE policy IN (SELECT key FROM asked) ORDER BY rowid
"""


class Stood:
    """Invoices of earlier payable rows, and what those claim on each policy.

    In memory is only what the rows under way ask about; a file that the system deletes has the
    rest. Used as a block, at whose end it is gone.
    """

    def __init__(self) -> None:
        self.invoices: set[str] = set()
        self.amounts: dict[str, list[Decimal]] = defaultdict(list)
        self.noted: list[tuple[str, str, Decimal]] = []
        self.kept = connect("")

    def __enter__(self) -> Self:
        self.kept.executescript(_TABLES)
        return self

    def __exit__(self, *_error: object) -> None:
        self.kept.close()

    @contextmanager
    def among(self, asked: Sequence[Asked]) -> Iterator[None]:
        """Have at hand what stands before some rows; what is noted of them stands afterwards."""
        self.invoices = {row[0] for row in self._of(_INVOICES, {a.invoice_key for a in asked})}
        self.amounts = defaultdict(list)
        for policy, amount in self._of(_AMOUNTS, {a.policy_number for a in asked}):
            self.amounts[policy].append(Decimal(amount))
        yield
        self.kept.executemany(
            "INSERT OR IGNORE INTO invoices VALUES (?)", [(key,) for key, _p, _a in self.noted]
        )
        self.kept.executemany(
            "INSERT INTO amounts VALUES (?, ?)", [(policy, str(a)) for _k, policy, a in self.noted]
        )
        self.noted.clear()

    def _of(self, query: str, keys: set[str]) -> Cursor:
        self.kept.execute("DELETE FROM asked")
        self.kept.executemany("INSERT INTO asked VALUES (?)", [(key,) for key in keys])
        return self.kept.execute(query)

    def before(self, facts: Facts) -> Facts:
        """A row's facts, the earlier payable rows among them."""
        claim = facts.claim
        claimed = claim.invoice_key in self.invoices
        earlier = self.amounts.get(claim.policy_number)
        if not (claimed or earlier):
            return facts
        return replace(
            facts,
            invoice_claimed=facts.invoice_claimed or claimed,
            earlier_amounts=(*facts.earlier_amounts, *(earlier or ())),
        )

    def note(self, facts: Facts, decision: Decision) -> None:
        """Let a payable row stand before the rows below it."""
        if decision.decision == PAYABLE:
            claim = facts.claim
            self.invoices.add(claim.invoice_key)
            self.amounts[claim.policy_number].append(claim.amount)
            self.noted.append((claim.invoice_key, claim.policy_number, claim.amount))
