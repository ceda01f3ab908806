"""A sheet of claims: read, decided row by row, written again with its decisions.

Facts are loaded for a few thousand rows at a time, and no more of the sheet is in memory; an
earlier payable row is an earlier claim to a later one, as is every recorded claim that is payable
or paid. Nothing is recorded here.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _

from fleet.reimbursement.facts import AT_ONCE, claimants, gather
from fleet.reimbursement.refusals import NoClaimColumns
from fleet.reimbursement.rules import COLUMNS, Asked, Cell, read
from fleet.reimbursement.sheet_out import write_table
from fleet.reimbursement.sheet_stood import Stood
from fleet.reimbursement.tables import HELD, PAYABLE, REFUSED
from fleet.rulebook.book import Rulebook
from fleet.rulebook.reimbursement import decide
from fleet.web.locale import LANGUAGES
from fleet.web.reading import LongSheet, long_sheet
from fleet.words import normalise

UNREADABLE = "unreadable"
OUTCOMES = (PAYABLE, HELD, REFUSED, UNREADABLE)
ADDED = ("decision", "reasons")
CLAIM = "claim"
Progress = Callable[[int, int], None]


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


class Said(NamedTuple):
    """A row as it was read: its number in the file, its claim, or the columns that say none."""

    row: int
    asked: Asked | None
    bad: list[str]


class Answer(NamedTuple):
    """What became of a row; `claim` is the recorded one's number."""

    decision: str
    reasons: list[str]
    claim: int | None = None


class Deciding(Protocol):
    """Answers rows, so many at once, with so many of the added columns."""

    @property
    def at_once(self) -> int: ...  # noqa: D102 - the class says it

    @property
    def added(self) -> Sequence[str]: ...  # noqa: D102 - the class says it

    def __call__(self, said: Sequence[Said], /) -> Iterator[Answer]: ...  # noqa: D102 - as above


@dataclass(slots=True)
class Result:
    """What became of a sheet's rows: how many and how much by decision, how many by reason.

    `kept` takes the rows' own answers in the sheet's order: a file, however many they are.
    """

    decided_at: datetime
    counts: Counter[str] = field(default_factory=Counter)
    yuan: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    kept: IO[str] | None = None

    @property
    def rows(self) -> int:
        """How many rows there were."""
        return sum(self.counts.values())

    @property
    def unreadable(self) -> int:
        """How many rows could not be read."""
        return self.counts[UNREADABLE]

    def add(self, said: Said, answer: Answer) -> None:
        """Take a row's answer."""
        decision, reasons, _claim = answer
        self.counts[decision] += 1
        if said.asked is not None:
            self.yuan[decision] += said.asked.amount  # type: ignore[assignment]  # it counts money
            self.reasons.update(reasons)
        if self.kept is not None:
            item = {"row": said.row, "decision": decision, "reasons": reasons}
            self.kept.write(json.dumps(item, ensure_ascii=False) + "\n")

    def as_json(self, items: Iterable[str]) -> Iterator[str]:
        """The result as `flask check-reimbursements --json` prints it, piece by piece.

        `items` are the lines that `kept` took.
        """
        counts = {name: self.counts[name] for name in OUTCOMES}
        yield json.dumps({"rows": self.rows, **counts})[:-1] + ', "items": ['
        for number, item in enumerate(items):
            yield (", " if number else "") + item.rstrip("\n")
        yield "]}\n"

    def summary(self) -> dict[str, Any]:
        """Rows and yuan by decision, rows by reason, as JSON keeps them."""
        return {
            "rows": self.rows,
            "counts": {name: self.counts[name] for name in OUTCOMES},
            "yuan": {name: str(self.yuan[name] or Decimal(0)) for name in OUTCOMES[:-1]},
            "reasons": dict(self.reasons.most_common()),
        }

    def as_text(self) -> str:
        """The result in one line."""
        return _(
            "%(rows)s rows: %(payable)s payable, %(held)s held, %(refused)s refused, "
            "%(unreadable)s unreadable",
            rows=self.rows,
            payable=self.counts[PAYABLE],
            held=self.counts[HELD],
            refused=self.counts[REFUSED],
            unreadable=self.counts[UNREADABLE],
        )


def check_sheet(path: Path, out: Path, at: datetime, kept: IO[str] | None = None) -> Result:
    """Decide a sheet of claims (.csv or .xlsx) and write it to `out` with its decisions.

    `kept` is a file for each row's answer as a line of JSON.

    Raises UnreadableFile for a file that cannot be read, NoClaimColumns where no heading is a
    claim's. Companies are those of the caller's scope.
    """
    with Stood() as stood:
        return answer_sheet(path, out, Result(at, kept=kept), Checking(stood))


def answer_sheet(
    path: Path, out: Path, result: Result, deciding: Deciding, told: Progress | None = None
) -> Result:
    """Write a sheet again with what `deciding` answers; `told` hears how many rows are done."""
    with long_sheet(path) as sheet:
        answering = _Answering(sheet, result, deciding, told or _nobody)
        write_table(out, answering.headings(), answering.rows(), like=path)
    return result


def _nobody(_done: int, _total: int) -> None:
    """Nobody asked how far it is."""


class Checking:
    """Decides rows and records nothing."""

    added = ADDED

    @property
    def at_once(self) -> int:
        """As many as facts are loaded for together."""
        return AT_ONCE

    def __init__(self, stood: Stood) -> None:
        self.stood = stood
        self.companies = claimants()

    def __call__(self, said: Sequence[Said]) -> Iterator[Answer]:
        """Decide some rows, those before them being earlier claims where they were payable."""
        book: Rulebook = current_app.extensions["rulebook"]
        readable = [one.asked for one in said if one.asked is not None]
        found = iter(gather(readable, self.companies))
        with self.stood.among(readable):
            for one in said:
                if one.asked is None:
                    yield Answer(UNREADABLE, one.bad)
                    continue
                facts = self.stood.before(next(found))
                decision = decide(facts, book)
                self.stood.note(facts, decision)
                yield Answer(decision.decision, sorted(r.code for r in decision.reasons))


class _Answering:
    """A sheet's rows with their answers, as they are written: its own columns of that name go."""

    def __init__(
        self, sheet: LongSheet, result: Result, deciding: Deciding, told: Progress
    ) -> None:
        self.sheet, self.result, self.told = sheet, result, told
        self.deciding, self.added = deciding, deciding.added
        self.columns = _columns(sheet.headings)
        self.companies = claimants()
        wide = [*sheet.headings, *[None] * (sheet.width - len(sheet.headings))]
        self.kept = [(i, cell) for i, cell in enumerate(wide) if _heading(cell) not in self.added]

    def headings(self) -> list[Cell]:
        """The sheet's headings and those of the answer."""
        return [*(cell for _place, cell in self.kept), *self.added]

    def rows(self) -> Iterator[list[Cell]]:
        """Every row with its answer; no more than a few thousand are in memory."""
        rows, done = self.sheet.rows(), 0
        self.told(done, self.sheet.count)
        while batch := list(islice(rows, self.deciding.at_once)):
            said = [Said(number, *self._read(cells)) for number, cells in batch]
            for one, answer, (_number, cells) in zip(said, self.deciding(said), batch, strict=True):
                self.result.add(one, answer)
                yield self._with(cells, answer)
            done += len(batch)
            self.told(done, self.sheet.count)

    def _read(self, cells: Sequence[Cell]) -> tuple[Asked | None, list[str]]:
        found = {c: cells[i] for c, i in self.columns.items() if i < len(cells)}
        return read(found, self.companies)

    def _with(self, cells: Sequence[Cell], answer: Answer) -> list[Cell]:
        own = [cells[place] if place < len(cells) else None for place, _cell in self.kept]
        told: list[Cell] = [answer.decision, " ".join(answer.reasons), answer.claim]
        return [*own, *told[: len(self.added)]]


# Headings


def _columns(headings: Sequence[Cell]) -> dict[str, int]:
    """Where each column of a claim stands: by its code, or by its label in any language."""
    known = _known_headings()
    found: dict[str, int] = {}
    for index, heading in enumerate(headings):
        column = known.get(_heading(heading))
        if column is not None:
            found.setdefault(column, index)
    if not found:
        raise NoClaimColumns
    return found


def _heading(cell: Cell) -> str:
    return "".join(normalise(str(cell or "")).casefold().replace("_", " ").split())


def _known_headings() -> Mapping[str, str]:
    known = {}
    for language in LANGUAGES:
        with force_locale(language):
            known.update({_heading(text): code for code, text in column_labels().items()})
    return {**known, **{_heading(code): code for code in COLUMNS}}
