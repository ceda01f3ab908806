"""What an import found and did: counts by sheet, refused rows, notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext

from fleet.workbook.columns import FORMS
from fleet.workbook.messages import say

SHOWN_NOTES = 20
MOST_KEPT = 10_000
_ORDER = {code: place for place, code in enumerate(FORMS)}


@dataclass(slots=True)
class Counts:
    """How many rows of a sheet are new, change what is on record, or say the same.

    `removed` are rows on record that a set in the file no longer has.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0

    @property
    def writes(self) -> bool:
        """Whether the sheet changes anything on record."""
        return bool(self.new or self.changed or self.removed)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong in a row, as the file numbers it (the heading is row 1)."""

    sheet: str
    row: int
    column: str
    found: str
    code: str
    asked: str = ""

    @property
    def message(self) -> str:
        """What is asked, in the reader's language."""
        return say(self.code, self.asked)

    def as_dict(self) -> dict[str, Any]:
        """The problem as JSON gives it."""
        return {
            "sheet": self.sheet,
            "row": self.row,
            "column": self.column,
            "found": self.found,
            "message": self.message,
            "code": self.code,
            "asked": self.asked,
        }

    def as_text(self) -> str:
        """The problem as one line."""
        found = f" [{self.found}]" if self.found else ""
        return f"{self.sheet} {self.row} {self.column}{found}: {self.message}"


@dataclass(slots=True)
class Report:
    """What an import found and did; `written` says whether its rows now stand on record."""

    dry_run: bool = False
    written: bool = False
    digest: str = ""
    rows: int = 0
    sheets: dict[str, Counts] = field(default_factory=dict)
    refused: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether anything on record changes."""
        return any(counts.writes for counts in self.sheets.values())

    def sort(self) -> None:
        """Put what was found into the order of the file."""
        for problems in (self.refused, self.notes):
            problems.sort(key=_place)

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON gives it, messages in the reader's language."""
        return {
            "written": self.written,
            "dry_run": self.dry_run,
            "digest": self.digest,
            "rows": self.rows,
            "sheets": {code: asdict(counts) for code, counts in self.sheets.items()},
            "refused": [problem.as_dict() for problem in self.refused],
            "notes": [problem.as_dict() for problem in self.notes],
        }

    def kept(self) -> dict[str, Any]:
        """The report as an upload keeps it: all counts, the first of very many problems."""
        told = self.as_dict()
        return told | {
            "refused": told["refused"][:MOST_KEPT],
            "notes": told["notes"][:MOST_KEPT],
            "refused_total": len(self.refused),
            "notes_total": len(self.notes),
        }

    def as_text(self) -> str:
        """The report as lines for a terminal; every refused row, the first of the notes."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterable[str]:
        for code, counts in self.sheets.items():
            yield _(
                "%(sheet)s: %(new)s new, %(changed)s changed, %(unchanged)s unchanged",
                sheet=code,
                new=counts.new,
                changed=counts.changed,
                unchanged=counts.unchanged,
            )
        yield from (problem.as_text() for problem in self.refused)
        yield from (problem.as_text() for problem in self.notes[:SHOWN_NOTES])
        if len(self.notes) > SHOWN_NOTES:
            left = len(self.notes) - SHOWN_NOTES
            yield ngettext("… and one more note", "… and %(num)s more notes", left)
        yield self.verdict()

    def verdict(self) -> str:
        """One sentence: what became of the file."""
        return verdict(
            len(self.refused), written=self.written, dry_run=self.dry_run, writes=self.writes
        )


def verdict_of(kept: Mapping[str, Any]) -> str:
    """The sentence of a report that an upload keeps."""
    writes = any(
        counts[how] for counts in kept["sheets"].values() for how in ("new", "changed", "removed")
    )
    told = {name: kept[name] for name in ("written", "dry_run")}
    return verdict(kept["refused_total"], writes=writes, **told)


def verdict(refused: int, *, written: bool, dry_run: bool, writes: bool) -> str:
    """One sentence: what became of a file with so many problems."""
    if refused and not written:
        return ngettext(
            "One problem; nothing was written.", "%(num)s problems; nothing was written.", refused
        )
    if dry_run:
        return _("Nothing is wrong; this was a dry run and wrote nothing.")
    if refused:
        return ngettext(
            "Written; one problem, its row was left out.",
            "Written; %(num)s problems, their rows were left out.",
            refused,
        )
    if not writes:
        return _("All of it stands on record already; nothing changed.")
    return _("All rows are written.")


def _place(problem: Problem) -> tuple[int, str, int]:
    return _ORDER.get(problem.sheet, len(_ORDER)), problem.sheet, problem.row
