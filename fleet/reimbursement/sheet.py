"""A sheet of claims: read, decided row by row, written again with its decisions.

Facts are loaded for a few thousand rows at a time; an earlier payable row is an earlier claim
to a later one, as is every recorded claim that is payable or paid. Nothing is recorded.
"""

from __future__ import annotations

import gc
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from fleet.reimbursement.facts import AT_ONCE, Claimant, claimants, gather
from fleet.reimbursement.refusals import NoClaimColumns
from fleet.reimbursement.rules import COLUMNS, Asked, Cell, read
from fleet.reimbursement.sheet_out import write_table
from fleet.reimbursement.tables import HELD, PAYABLE, REFUSED
from fleet.rulebook.book import Rulebook
from fleet.rulebook.reimbursement import Decision, Facts, decide
from fleet.web.locale import LANGUAGES
from fleet.web.reading import Table, read_rows
from fleet.words import normalise

UNREADABLE = "unreadable"
ADDED = ("decision", "reasons")
Row = tuple[int, list[Cell]]


def column_labels() -> dict[str, str]:
    """What each column of a claim is called, in the language in force."""
    return {
        "company": _("Company"),
        "policy_number": _("Policy number"),
        "insurer": _("Insurer"),
        "invoice_code": _("Invoice code"),
        "invoice_number": _("Invoice number"),
        "invoice_date": _("Invoice date"),
        "invoice_total": _("Invoice total"),
        "vehicle_tax": _("Vehicle tax"),
        "late_fee": _("Late fee"),
        "buyer_credit_code": _("Buyer's credit code"),
        "amount": _("Amount claimed"),
    }


@dataclass(slots=True)
class Result:
    """What became of a sheet's rows; `items` in the sheet's order."""

    decided_at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    items: list[dict[str, Any]] = field(default_factory=list)

    @property
    def unreadable(self) -> int:
        """How many rows could not be read."""
        return self.counts[UNREADABLE]

    def add(self, row: int, decision: str, reasons: list[str]) -> None:
        """Take a row's answer; `row` is its number in the file."""
        self.counts[decision] += 1
        self.items.append({"row": row, "decision": decision, "reasons": reasons})

    def as_dict(self) -> dict[str, Any]:
        """The result as `flask check-reimbursements --json` prints it."""
        counts = {name: self.counts[name] for name in (PAYABLE, HELD, REFUSED, UNREADABLE)}
        return {"rows": len(self.items), **counts, "items": self.items}

    def as_text(self) -> str:
        """The result in one line."""
        return _(
            "%(rows)s rows: %(payable)s payable, %(held)s held, %(refused)s refused, "
            "%(unreadable)s unreadable",
            rows=len(self.items),
            payable=self.counts[PAYABLE],
            held=self.counts[HELD],
            refused=self.counts[REFUSED],
            unreadable=self.counts[UNREADABLE],
        )


def check_sheet(path: Path, out: Path, at: datetime) -> Result:
    """Decide a sheet of claims (.csv or .xlsx) and write it to `out` with its decisions.

    Raises UnreadableFile for a file that cannot be read, NoClaimColumns where no heading is a
    claim's. Companies are those of the caller's scope.
    """
    table = read_rows(path)
    columns = _columns(table)
    result = Result(at)
    companies = claimants()
    stood = _Stood()
    with _settled():
        for start in range(0, len(table.rows), AT_ONCE):
            rows = table.rows[start : start + AT_ONCE]
            for answer in _decided(rows, columns, companies, stood):
                result.add(*answer)
    write_table(out, *_with_decisions(table, result), like=path)
    return result


@contextmanager
def _settled() -> Iterator[None]:
    """Let the garbage collector leave alone what is there by now.

    A sheet's million cells hold no cycles; walking them again and again took 4 seconds of 10.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _decided(
    rows: Sequence[Row],
    columns: Mapping[str, int],
    companies: Mapping[str, Claimant],
    stood: _Stood,
) -> Iterator[tuple[int, str, list[str]]]:
    book: Rulebook = current_app.extensions["rulebook"]
    said = [(number, *_read(cells, columns, companies)) for number, cells in rows]
    readable = [asked for _number, asked, _bad in said if asked is not None]
    found = iter(gather(readable, companies))
    for number, asked, bad in said:
        if asked is None:
            yield number, UNREADABLE, bad
            continue
        facts = stood.before(next(found))
        decision = decide(facts, book)
        stood.note(facts, decision)
        yield number, decision.decision, sorted(reason.code for reason in decision.reasons)


def _read(
    cells: Sequence[Cell], columns: Mapping[str, int], companies: Mapping[str, Claimant]
) -> tuple[Asked | None, list[str]]:
    return read({c: cells[i] for c, i in columns.items() if i < len(cells)}, companies)


class _Stood:
    """The payable rows so far: their invoices, and what they claim on each policy."""

    def __init__(self) -> None:
        self.invoices: set[str] = set()
        self.amounts: dict[str, list[Decimal]] = defaultdict(list)

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
            self.invoices.add(facts.claim.invoice_key)
            self.amounts[facts.claim.policy_number].append(facts.claim.amount)


# Headings


def _columns(table: Table) -> dict[str, int]:
    """Where each column of a claim stands: by its code, or by its label in any language."""
    known = _known_headings()
    found: dict[str, int] = {}
    for index, heading in enumerate(table.headings):
        column = known.get(_heading(heading))
        if column is not None:
            found.setdefault(column, index)
    if not found:
        raise NoClaimColumns
    return found


def _heading(cell: Cell) -> str:
    return "".join(normalise(str(cell or "")).casefold().replace("_", " ").split())


def _known_headings() -> dict[str, str]:
    known = {}
    for language in LANGUAGES:
        with force_locale(language):
            known.update({_heading(text): code for code, text in column_labels().items()})
    return {**known, **{_heading(code): code for code in COLUMNS}}


def _with_decisions(table: Table, result: Result) -> tuple[list[Cell], Iterator[list[Cell]]]:
    """The sheet's headings and rows with the two columns added; its own of that name go."""
    width = max([len(table.headings), *(len(cells) for _number, cells in table.rows)])
    headings = [*table.headings, *[None] * (width - len(table.headings))]
    kept = [i for i in range(width) if _heading(headings[i]) not in ADDED]

    def rows() -> Iterator[list[Cell]]:
        for (_number, cells), item in zip(table.rows, result.items, strict=True):
            own = [cells[i] if i < len(cells) else None for i in kept]
            yield [*own, item["decision"], " ".join(item["reasons"])]

    return [*(headings[i] for i in kept), *ADDED], rows()
