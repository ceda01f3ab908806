"""The child that parses a file from outside, so that a parser's abort is a message, no outage.

Run by `reading.py` as a script of its own: `python -I reading_child.py PATH`. It imports nothing
of ours (a script's folder would shadow the standard library), limits its memory and processor
time first, and writes JSON lines: `["sheet", name]`, `["rows", [[row number, cell, …], …]]`, and
at the end `["end"]` or `["unreadable", code, found]`. Days and instants are `{"d": …}`, `{"t": …}`.
"""

from __future__ import annotations

import csv
import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from xml.parsers import expat

MEGABYTE = 1024 * 1024
MEMORY = 3 * 1024 * MEGABYTE
SECONDS = 300

MOST_ENTRIES = 1_000
ENTRY_BYTES = 50 * MEGABYTE
TOGETHER_BYTES = 100 * MEGABYTE
MOST_ROWS = 200_000
MOST_COLUMNS = 64

# A folder of .csv has no way to unpack into more than it weighs: it may hold a whole portfolio.
CSV_BYTES = 200 * MEGABYTE
CSV_TOGETHER_BYTES = 400 * MEGABYTE
CSV_ROWS = 2_000_000

BATCH = 1_000
ZIP = b"PK\x03\x04"
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ERROR_CELL = re.compile(rb"(<(?:\w+:)?c\b[^>]*?\bt\s*=\s*)([\"'])e\2")
_CELL = re.compile(r"([A-Z]{1,7})([0-9]{1,9})")


class Unreadable(Exception):
    """The file is not one that can be read; `code` says why, `found` names the place."""

    def __init__(self, code: str, found: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.found = found


# ------------------------------------------------------------------------- what is asked for


def tables(path: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    """Every sheet's name and its rows, each a row number and then the cells."""
    if path.is_dir():
        yield from _folder(path)
    elif not path.is_file():
        raise Unreadable("missing", path.name)
    else:
        yield from _file(path)


def _file(path: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        raise Unreadable("empty")
    if start == ZIP:
        yield from _workbook(path)
    elif start == OLD_OFFICE:
        raise Unreadable("old_office")
    elif path.suffix.lower() in (".csv", ".txt"):
        yield path.stem, csv_rows(path)
    else:
        raise Unreadable("not_a_workbook")


def _folder(path: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    files = sorted(one for one in path.iterdir() if one.suffix.lower() == ".csv")
    if not files:
        raise Unreadable("no_csv")
    if sum(one.stat().st_size for one in files) > CSV_TOGETHER_BYTES:
        raise Unreadable("csv_too_large", path.name)
    for one in files:
        yield one.stem, csv_rows(one)


# ------------------------------------------------------------------------------------- .csv


def csv_rows(path: Path) -> Iterator[list[Any]]:
    """The rows of a .csv in UTF-8 (with a byte order mark or without) or GB18030."""
    if path.stat().st_size > CSV_BYTES:
        raise Unreadable("csv_too_large", path.name)
    encoding, number = _encoding(path), 0
    with path.open(encoding=encoding, newline="") as file:
        delimiter = _delimiter(file.readline())
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            for number, cells in enumerate(reader, 1):
                if number > CSV_ROWS:
                    raise Unreadable("too_many_rows", path.name)
                if row := _trimmed(number, cells, path.name):
                    yield row
        except csv.Error as error:
            raise Unreadable("csv_form", f"{path.name}, {number + 1}") from error


def _encoding(path: Path) -> str:
    """In which of the two the whole file reads; it is read again, so that none of it is held."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            with path.open(encoding=encoding, newline="") as file:
                while file.read(MEGABYTE):
                    pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise Unreadable("encoding", path.name)


def _delimiter(heading: str) -> str:
    return max(",;\t", key=heading.count)


def _trimmed(number: int, cells: list[Any], sheet: str) -> list[Any] | None:
    """The row without empty cells at its end; None where all are empty."""
    while cells and cells[-1] in ("", None):
        cells.pop()
    if len(cells) > MOST_COLUMNS:
        raise Unreadable("too_many_columns", f"{sheet}, {number}")
    return [number, *(None if cell == "" else cell for cell in cells)] if cells else None


# ------------------------------------------------------------------------------------ .xlsx


def _workbook(path: Path) -> Iterator[tuple[str, Iterator[list[Any]]]]:
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum  # noqa: PLC0415

    try:
        book = CalamineWorkbook.from_filelike(checked_copy(path))
        for sheet in book.sheets_metadata:
            if sheet.typ == SheetTypeEnum.WorkSheet:
                yield sheet.name, _sheet_rows(book.get_sheet_by_name(sheet.name))
    except CalamineError as error:
        raise Unreadable("damaged") from error


def _sheet_rows(sheet: Any) -> Iterator[list[Any]]:
    if sheet.start is None:
        return
    # The reader gives the empty rows before the first cell, and leaves out the empty columns.
    before = [None] * sheet.start[1]
    for number, cells in enumerate(sheet.iter_rows(), 1):
        if row := _trimmed(number, before + [_plain(cell) for cell in cells], sheet.name):
            yield row


def _plain(cell: Any) -> Any:
    """A cell as JSON carries it."""
    kind = type(cell)
    if kind is str:
        return cell
    if kind is float:
        return int(cell) if cell.is_integer() else cell
    if kind is datetime:
        return {"t": cell.isoformat()}
    if kind is date:
        return {"d": cell.isoformat()}
    if kind is time:
        # A day column shows the number 0 as this day, which no calendar has.
        return "1900-01-00" if cell == time() else cell.isoformat()
    return str(cell) if kind is timedelta else cell


def checked_copy(path: Path) -> io.BytesIO:
    """The archive's XML parts, measured while inflating, packed anew without compression.

    The parser gets this copy: what was measured is what it reads, whatever the headers said.
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as packed:
            for name, content in inflated(archive):
                if name.endswith((".xml", ".rels")):
                    packed.writestr(name, checked_part(name, content))
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise Unreadable("damaged") from error
    except RuntimeError as error:  # zipfile's word for an encrypted entry
        raise Unreadable("old_office") from error
    copy.seek(0)
    return copy


def inflated(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Every entry's name and bytes; refused as soon as there are more than may be read."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise Unreadable("too_many_entries", str(len(entries)))
    left, seen = TOGETHER_BYTES, set()
    for entry in entries:
        most = min(ENTRY_BYTES, left)
        content = _inflate(archive, entry, most)
        left -= len(content)
        if entry.filename not in seen:
            seen.add(entry.filename)
            yield entry.filename, content


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """An entry's bytes; refused as soon as it inflates to more than it may."""
    import zlib  # noqa: PLC0415 - only for the name of its error

    parts, size = [], 0
    try:
        with archive.open(entry) as stream:
            while part := stream.read(256 * 1024):
                size += len(part)
                if size > most:
                    raise Unreadable("inflates", entry.filename)
                parts.append(part)
    except zlib.error as error:
        raise Unreadable("damaged", entry.filename) from error
    return b"".join(parts)


def checked_part(name: str, content: bytes) -> bytes:
    """The XML of a part; refused where it declares a document type or lies too far out.

    Error cells (`#N/A`) become texts: the parser would hand them over as empty.
    """
    if _DOCTYPE.search(content.replace(b"\0", b"")):
        raise Unreadable("doctype", name)
    if name.endswith(".xml"):
        Extent(name).measure(content)
    return _ERROR_CELL.sub(rb"\1\2str\2", content) if b"worksheet" in content[:2048] else content


class Extent:
    """Follows a worksheet's XML and refuses a row or column beyond the limits."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root = ""
        self.row = 0
        self.column = 0

    def measure(self, content: bytes) -> None:
        """Read the part once, in a stream."""
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._first
        self.parser = parser
        try:
            parser.Parse(content, True)  # noqa: FBT003 - expat takes no keywords
        except expat.ExpatError as error:
            raise Unreadable("damaged", self.name) from error

    def _doctype(self, *_declared: object) -> None:
        raise Unreadable("doctype", self.name)

    def _first(self, tag: str, _attributes: list[str]) -> None:
        is_sheet = tag.rpartition(":")[2] == "worksheet"
        self.parser.StartElementHandler = self._element if is_sheet else None

    def _element(self, tag: str, attributes: list[str]) -> None:
        if tag == "v":
            return
        local = tag.rpartition(":")[2]
        if local == "c":
            self._cell(attributes)
        elif local == "row":
            self.row, self.column = self.row + 1, 0
            if "r" in attributes[::2]:
                self.row = int(attributes[attributes.index("r") + 1])
            self._within()

    def _cell(self, attributes: list[str]) -> None:
        self.column += 1
        if attributes and attributes[0] == "r":
            reference: str | None = attributes[1]
        else:
            reference = dict(zip(attributes[::2], attributes[1::2], strict=True)).get("r")
        if reference is not None:
            self._place(reference)
        self._within()

    def _place(self, reference: str) -> None:
        match = _CELL.fullmatch(reference)
        if not match:
            raise Unreadable("damaged", self.name)
        self.row = int(match[2])
        self.column = 0
        for letter in match[1]:
            self.column = self.column * 26 + ord(letter) - 64

    def _within(self) -> None:
        if self.row > MOST_ROWS:
            raise Unreadable("too_many_rows", self.name)
        if self.column > MOST_COLUMNS:
            raise Unreadable("too_many_columns", f"{self.name}, {self.row}")


# --------------------------------------------------------------------------------- the script


def limit() -> None:
    """Let this process have no more memory and processor time than a file may need."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(path: Path) -> None:
    """Write the file's tables as JSON lines."""
    try:
        for name, rows in tables(path):
            _say(["sheet", name])
            batch: list[list[Any]] = []
            for row in rows:
                batch.append(row)
                if len(batch) == BATCH:
                    _say(["rows", batch])
                    batch = []
            _say(["rows", batch])
    except Unreadable as found:
        _say(["unreadable", found.code, found.found])
    except MemoryError:
        _say(["unreadable", "too_much", ""])
    else:
        _say(["end"])


def _say(line: list[Any]) -> None:
    sys.stdout.write(json.dumps(line, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    limit()
    main(Path(sys.argv[1]))
