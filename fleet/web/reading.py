"""Files from outside: the sheets of an .xlsx, of a .csv or of a folder of .csv, read safely.

The parser runs in a child process (`reading_child.py`) with little memory, little time and an
empty environment; what it says is data (JSON), never code.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any

from flask_babel import gettext as _

from fleet.web.errors import Refusal

Cell = str | int | float | bool | date | datetime | None

CHILD = Path(__file__).with_name("reading_child.py")
PATIENCE = 600  # seconds; the child's own limit is on processor time
MOST_SAID = 1024 * 1024 * 1024


class UnreadableFile(Refusal):
    """A file that is not what it should be, or more than may be read.

    `reason` is its code and `found` the place, of which its words can be made again in another
    language.
    """

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    field = "file"

    def __init__(self, reason: str, found: str = "") -> None:
        self.reason = reason
        self.found = found
        super().__init__(_why(reason, found))


def _why(reason: str, found: str) -> str:
    """The words of a reason that the child gives."""
    known = {
        "missing": _("There is no file %(found)s.", found=found),
        "empty": _("The file is empty: it holds 0 bytes."),
        "old_office": _(
            "The file is an old .xls, or protected by a password. "
            "Save it as .xlsx without a password."
        ),
        "not_a_workbook": _("The file is neither an .xlsx workbook nor a .csv."),
        "no_csv": _("There is no .csv file in this folder."),
        "csv_too_large": _("%(found)s is larger than may be read at once.", found=found),
        "too_many_rows": _(
            "%(found)s has more rows than may be read at once (200,000 in an .xlsx sheet).",
            found=found,
        ),
        "too_many_columns": _(
            "%(found)s: a cell stands beyond column 64. Delete the columns at the far right.",
            found=found,
        ),
        "csv_form": _("%(found)s: from this row on it is not a well-formed .csv.", found=found),
        "encoding": _("%(found)s is neither UTF-8 nor GB18030.", found=found),
        "damaged": _("The file is damaged or was cut off. Save it again and send it whole."),
        "too_many_entries": _(
            "The file packs %(found)s parts; no workbook needs that.", found=found
        ),
        "inflates": _(
            "The file unpacks to more than may be read: 50 MB in one part, 100 MB together."
        ),
        "doctype": _("The file declares a document type, which no workbook needs."),
        "no_sheet": _("None of its sheets is one of a fleet workbook: %(found)s.", found=found),
        "not_one_sheet": _("A file with one sheet is needed; this one has %(found)s.", found=found),
    }
    return known.get(reason) or _("Reading the file took more memory or time than is allowed.")


@dataclass(slots=True)
class Table:
    """A sheet: its name, its headings, its rows as (row number in the file, cells).

    The heading is the first row that is not empty; cells are as many as the headings at most,
    or more where a row has cells without a heading.
    """

    name: str
    headings: list[Cell] = field(default_factory=list)
    heading_row: int = 1
    rows: list[tuple[int, list[Cell]]] = field(default_factory=list)


def read_tables(path: Path) -> dict[str, Table]:
    """Read every sheet of an .xlsx, of a .csv or of a folder of .csv; by name, in order.

    Raises UnreadableFile with its reason.
    """
    tables: dict[str, Table] = {}
    table = Table("")
    for line in _child(path):
        if line[0] == "sheet":
            table = tables.setdefault(line[1], Table(line[1]))  # named again, it goes on
        else:
            _add(table, line[1])
    return tables


def look_at(path: Path) -> None:
    """Refuse at once what is no workbook, is cut off, or unpacks into too much.

    Raises UnreadableFile; what only a whole reading finds is found by `read_tables`.
    """
    lines = _child(path)
    next(lines, None)
    lines.close()


def read_rows(path: Path) -> Table:
    """Read a file of one sheet, such as a sheet of claims; empty sheets beside it do not count.

    Raises UnreadableFile with its reason.
    """
    tables = [table for table in read_tables(path).values() if table.headings]
    if len(tables) != 1:
        raise UnreadableFile("not_one_sheet", str(len(tables)))
    return tables[0]


@dataclass(slots=True)
class LongSheet:
    """A file's one sheet, kept outside of memory; cells are as in a Table.

    `width` is the longest row's, `count` the number of rows below the headings.
    """

    spool: IO[str]
    headings: list[Cell] = field(default_factory=list)
    width: int = 0
    count: int = 0

    def rows(self) -> Iterator[tuple[int, list[Cell]]]:
        """Every row below the headings as (row number in the file, cells), from the first on."""
        self.spool.seek(0)
        headed = False
        for text in self.spool:
            for number, *cells in json.loads(text, object_hook=_moment)[1]:
                if headed:
                    yield number, cells
                headed = True

    def take(self, batch: list[list[Any]]) -> None:
        """Count rows and remember the first as the headings."""
        for row in batch:
            self.width = max(self.width, len(row) - 1)
            if self.headings:
                self.count += 1
            else:
                self.headings = row[1:]


@contextmanager
def long_sheet(path: Path) -> Iterator[LongSheet]:
    """Read a file of one sheet as `read_rows` does, in little memory however long it is.

    The whole file is read, and refused with UnreadableFile, before its first row is given.
    """
    with tempfile.TemporaryFile("w+", encoding="ascii") as spool:
        sheet, name, found = LongSheet(spool), "", set[str]()
        for line in _child(path):
            if line[0] == "sheet":
                name = line[1]
            elif line[1]:
                found.add(name)
                if len(found) == 1:
                    sheet.take(line[1])
                    spool.write(json.dumps(line, default=_as_said, separators=(",", ":")) + "\n")
        if len(found) != 1:
            raise UnreadableFile("not_one_sheet", str(len(found)))
        yield sheet


def _as_said(moment: date) -> dict[str, str]:
    return {"t" if isinstance(moment, datetime) else "d": moment.isoformat()}


def _add(table: Table, batch: list[list[Any]]) -> None:
    for number, *cells in batch:
        if not table.headings:
            table.headings, table.heading_row = cells, number
        else:
            table.rows.append((number, cells))


# ------------------------------------------------------------------------------ the child


def _child(path: Path) -> Generator[list[Any], None, None]:
    """What the child says of a file, line by line, until it is done."""
    with _started(path) as output:
        for text in _lines(output):
            line = json.loads(text, object_hook=_moment)
            if line[0] == "unreadable":
                raise UnreadableFile(line[1], line[2])
            if line[0] == "end":
                return
            yield line
    raise UnreadableFile("too_much")  # it ended without a word: aborted or killed


@contextmanager
def _started(path: Path) -> Iterator[IO[str]]:
    command = [sys.executable, "-I", str(CHILD), str(path.absolute())]
    # What it keeps on disk lies in a folder of ours: killed, it would leave that behind.
    with (
        tempfile.TemporaryDirectory(prefix="fleet-reading-") as folder,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"TMPDIR": folder},
            text=True,
            encoding="ascii",
        ) as child,
    ):
        alarm = threading.Timer(PATIENCE, child.kill)
        alarm.start()
        try:
            assert child.stdout is not None  # noqa: S101 - Popen was asked for a pipe
            yield child.stdout
        finally:
            alarm.cancel()
            child.kill()


def _lines(output: IO[str]) -> Iterator[str]:
    """The child's lines; one string in a million cells must not fill our memory instead."""
    said = 0
    while line := output.readline(MOST_SAID):
        said += len(line)
        if said > MOST_SAID or not line.endswith("\n"):
            raise UnreadableFile("too_much")
        yield line


def _moment(found: dict[str, str]) -> date | datetime:
    if "d" in found:
        return date.fromisoformat(found["d"])
    return datetime.fromisoformat(found["t"])  # an Excel instant has no zone: it is local
