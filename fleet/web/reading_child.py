"""The child that parses a file from outside, so that a parser's abort is a message, no outage.

Run by `reading.py` as a script of its own: `python -I reading_child.py PATH`. It imports nothing
of ours (a script's folder would shadow the standard library), limits its memory and processor
time first, and writes JSON lines: `["sheet", name]`, `["rows", [[row number, cell, …], …]]`, and
at the end `["end"]` or `["unreadable", code, found]`. Days and instants are `{"d": …}`, `{"t": …}`.
"""

from __future__ import annotations

import csv
import errno
import io
import json
import re
import resource
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any
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
CHUNK = 256 * 1024
PIECE = 2 * MEGABYTE  # of a worksheet's XML, parsed at once
ZIP = b"PK\x03\x04"
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_DOCTYPE_BEGUN = re.compile(rb"<(?:!\s*[A-Z]{0,7})?", re.IGNORECASE)
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
    """Every sheet's rows, a long sheet's a piece at a time: its name comes with each piece.

    Handed the whole file, the parser would hold every cell of a sheet at once.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum  # noqa: PLC0415

    with tempfile.TemporaryFile() as spool:
        parts = unpacked(path, spool)
        for turn in range(max([1, *(len(part.cuts) for part in parts)])):
            with tempfile.NamedTemporaryFile(suffix=".xlsx") as copy:
                pack(parts, spool, turn, copy)
                try:
                    book = CalamineWorkbook.from_path(copy.name)
                    sheets = {one.name: one.typ for one in book.sheets_metadata}
                    for name, kind in sheets.items():
                        if kind == SheetTypeEnum.WorkSheet:
                            yield name, _sheet_rows(book.get_sheet_by_name(name))
                except CalamineError as error:
                    raise Unreadable("damaged") from error


def _sheet_rows(sheet: Any) -> Iterator[list[Any]]:
    if sheet.start is None:
        return
    # The reader gives the empty rows before the first cell, and leaves out the empty columns.
    first, column = sheet.start
    before = [None] * column
    for number, cells in enumerate(islice(sheet.iter_rows(), first, None), first + 1):
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


class Part:
    """A part of the archive: where its bytes stand in the spool, and where its rows may be cut.

    A cut is a row's place in the part and the number of the row before; the first is the first
    row. A part without cuts is no worksheet, or one that is only read whole.
    """

    def __init__(self, name: str, start: int) -> None:
        self.name = name
        self.start = start
        self.size = 0
        self.is_sheet = False
        self.prefix = ""
        self.cuts: list[tuple[int, int]] = []

    def bytes(self, spool: IO[bytes]) -> Iterator[bytes]:
        """All of it, a chunk at a time."""
        return _chunks(spool, self.start, self.start + self.size)


def unpacked(path: Path, spool: IO[bytes]) -> list[Part]:
    """The archive's XML parts in a file, measured while inflating, each checked."""
    parts = []
    try:
        with zipfile.ZipFile(path) as archive:
            for part in inflated(archive, spool):
                if part.name.endswith((".xml", ".rels")):
                    check(part, spool)
                    parts.append(part)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        is_full = isinstance(error, OSError) and error.errno == errno.ENOSPC
        raise Unreadable("too_much" if is_full else "damaged") from error
    except RuntimeError as error:  # zipfile's word for an encrypted entry
        raise Unreadable("old_office") from error
    return parts


def inflated(archive: zipfile.ZipFile, spool: IO[bytes]) -> Iterator[Part]:
    """Every entry, its bytes in the spool; refused as soon as there are more than may be read."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise Unreadable("too_many_entries", str(len(entries)))
    left, seen = TOGETHER_BYTES, set()
    for entry in entries:
        part = Part(entry.filename, spool.seek(0, io.SEEK_END))
        part.size = _inflate(archive, entry, min(ENTRY_BYTES, left), spool)
        left -= part.size
        if part.name not in seen:
            seen.add(part.name)
            yield part


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, spool: IO[bytes]) -> int:
    """Write an entry's bytes; refused as soon as it inflates to more than it may."""
    size = 0
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > most:
                    raise Unreadable("inflates", entry.filename)
                spool.write(chunk)
    except zlib.error as error:
        raise Unreadable("damaged", entry.filename) from error
    return size


def _chunks(spool: IO[bytes], start: int, end: int) -> Iterator[bytes]:
    spool.seek(start)
    while start < end and (chunk := spool.read(min(CHUNK, end - start))):
        start += len(chunk)
        yield chunk


def pack(parts: list[Part], spool: IO[bytes], turn: int, copy: IO[bytes]) -> None:
    """Write a workbook for the parser, of each long worksheet one piece only.

    What was measured is what it reads, whatever the archive's headers said.
    """
    with zipfile.ZipFile(copy, "w") as archive:
        for part in parts:
            if part.is_sheet:
                archive.writestr(part.name, _piece(part, spool, turn))
            else:
                with archive.open(part.name, "w") as out:
                    for chunk in part.bytes(spool):
                        out.write(chunk)
    copy.flush()


def _piece(part: Part, spool: IO[bytes], turn: int) -> bytes:
    """A worksheet of the rows between two cuts; one without rows where the part has ended.

    Error cells (`#N/A`) become texts: the parser would hand them over as empty.
    """
    if turn >= max(1, len(part.cuts)):
        return b"<worksheet><sheetData/></worksheet>"
    opening, closing, start, end, mark = "", "", 0, part.size, part.prefix
    if turn > 0:
        start, before = part.cuts[turn]
        # The row before, empty: a row that tells no number is the one after it.
        opening = f'<{mark}worksheet><{mark}sheetData><{mark}row r="{before}"/>'
    if turn + 1 < len(part.cuts):
        end = part.cuts[turn + 1][0]
        closing = f"</{mark}sheetData></{mark}worksheet>"
    rows = b"".join(_chunks(spool, part.start + start, part.start + end))
    return opening.encode() + _ERROR_CELL.sub(rb"\1\2str\2", rows) + closing.encode()


def check(part: Part, spool: IO[bytes]) -> None:
    """Refuse XML that declares a document type or lies too far out; find where to cut it."""
    if declares_type(part.bytes(spool)):
        raise Unreadable("doctype", part.name)
    if part.name.endswith(".xml"):
        extent = Extent(part.name)
        extent.measure(part.bytes(spool))
        part.is_sheet, part.prefix, part.cuts = extent.is_sheet, extent.prefix, extent.cuts


def declares_type(chunks: Iterator[bytes]) -> bool:
    """Whether XML declares a document type, at the end of a chunk or anywhere else."""
    held = b""
    for chunk in chunks:
        text = held + chunk.replace(b"\0", b"")
        if _DOCTYPE.search(text):
            return True
        begun = _DOCTYPE_BEGUN.fullmatch(text[text.rfind(b"<") :])
        held = b"".join(begun[0].split()) if begun else b""
    return False


class Extent:
    """Follows a worksheet's XML and refuses a row or column beyond the limits.

    `cuts` are the rows at which it may be cut; none where only the whole says what stands where.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.row = 0
        self.column = 0
        self.is_sheet = False
        self.prefix = ""
        self.in_one = False
        self.cuts: list[tuple[int, int]] = []

    def measure(self, chunks: Iterator[bytes]) -> None:
        """Read the part once, in a stream."""
        parser = expat.ParserCreate()
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._doctype
        parser.StartElementHandler = self._first
        self.parser = parser
        try:
            for chunk in chunks:
                # UTF-16 may come without a declaration, and a piece's own tags are UTF-8.
                self.in_one = self.in_one or b"\0" in chunk
                parser.Parse(chunk, False)  # noqa: FBT003 - expat takes no keywords
            parser.Parse(b"", True)  # noqa: FBT003 - as above
        except expat.ExpatError as error:
            raise Unreadable("damaged", self.name) from error
        if self.in_one:
            self.cuts.clear()

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in ("utf-8", "us-ascii"):
            self.in_one = True

    def _doctype(self, *_declared: object) -> None:
        raise Unreadable("doctype", self.name)

    def _first(self, tag: str, _attributes: list[str]) -> None:
        self.prefix = tag.removesuffix("worksheet")
        self.is_sheet = tag.rpartition(":")[2] == "worksheet"
        self.parser.StartElementHandler = self._element if self.is_sheet else None

    def _element(self, tag: str, attributes: list[str]) -> None:
        if tag == "v":
            return
        local = tag.rpartition(":")[2]
        if local == "c":
            self._cell(attributes)
        elif local == "row":
            before = self.row
            self.row, self.column = self.row + 1, 0
            if "r" in attributes[::2]:
                self.row = int(attributes[attributes.index("r") + 1])
            self._within()
            self._cut(tag, before)

    def _cut(self, tag: str, before: int) -> None:
        """Cut before a row, where enough stands above it and all of that lies above it."""
        if self.row <= before or tag != f"{self.prefix}row":
            self.in_one = True
        place = self.parser.CurrentByteIndex
        if not self.cuts or place - self.cuts[-1][0] > PIECE:
            self.cuts.append((place, before))

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
        if self.row != (row := int(match[2])):
            self.row, self.in_one = row, True
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
