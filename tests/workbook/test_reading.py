"""Files from outside: each is read, or refused with its reason; none takes the process along."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from fleet.web import reading, reading_child
from fleet.web.locale import init_locale
from fleet.web.reading import UnreadableFile, read_rows, read_tables
from tests.workbook import books

FIRST = '<row r="1"><c r="A1" t="str"><v>code</v></c></row>'


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    """An application that only knows languages: reading needs no more."""
    app = Flask("reading", root_path=str(Path(__file__).parents[2]))
    app.config["SECRET_KEY"] = "none"
    init_locale(app)
    with app.app_context():
        yield


def refused(path: Path) -> str:
    with pytest.raises(UnreadableFile) as refusal:
        read_tables(path)
    assert refusal.value.message
    return refusal.value.reason


def test_an_xlsx_gives_texts_numbers_days_and_instants(tmp_path: Path) -> None:
    row = ["007", 5, 5.5, date(2026, 3, 2), books.excel(2026, 3, 2, 18, 3), True]
    sheets = {"车辆": [["a", "b", "c", "d", "e", "f"], row]}
    table = read_tables(books.xlsx(tmp_path / "a.xlsx", sheets))["车辆"]
    assert table.headings == ["a", "b", "c", "d", "e", "f"]
    assert table.rows == [(2, row)]


def test_error_cells_are_not_read_as_empty(tmp_path: Path) -> None:
    path = books.xlsx(tmp_path / "a.xlsx", {"s": [["a", "b"], ["#N/A", "x"]]})
    assert read_rows(path).rows == [(2, ["#N/A", "x"])]


def test_rows_keep_their_numbers_past_empty_ones(tmp_path: Path) -> None:
    rows = [[None, "a", "b"], [], [None, "x"], [None, None, None], [None, None, "y"]]
    table = read_rows(books.xlsx(tmp_path / "a.xlsx", {"s": rows}))
    assert table.headings == [None, "a", "b"]
    assert table.rows == [(3, [None, "x"]), (5, [None, None, "y"])]


def test_headings_may_begin_below_the_first_row(tmp_path: Path) -> None:
    table = read_rows(books.xlsx(tmp_path / "a.xlsx", {"s": [[], [], ["a"], ["x"]]}))
    assert (table.heading_row, table.rows) == (3, [(4, ["x"])])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_csv_in_its_encodings(tmp_path: Path, encoding: str, separator: str) -> None:
    path = tmp_path / "片区.csv"
    path.write_bytes(f'编码{separator}名称\r\n001{separator}"华东\r\n区"\r\n'.encode(encoding))
    table = read_tables(path)["片区"]
    assert table.headings == ["编码", "名称"]
    assert table.rows == [(2, ["001", "华东\r\n区"])]


def test_a_folder_is_a_table_a_file(tmp_path: Path) -> None:
    books.folder(tmp_path / "all", books.fleet())
    assert set(read_tables(tmp_path / "all")) == set(books.fleet())


def test_a_file_of_claims_has_one_sheet(tmp_path: Path) -> None:
    one = books.xlsx(tmp_path / "a.xlsx", {"claims": [["company"], ["C1"]], "Sheet2": []})
    assert read_rows(one).name == "claims"
    two = books.xlsx(tmp_path / "b.xlsx", {"claims": [["company"]], "more": [["company"]]})
    with pytest.raises(UnreadableFile) as refusal:
        read_rows(two)
    assert refusal.value.reason == "not_one_sheet"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.xlsx", b"", "empty"),
        ("a.csv", b"", "empty"),
        ("a.xlsx", b"plain text", "not_a_workbook"),
        ("a.xlsx", b"PK\x03\x04 and no more", "damaged"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old_office"),
        ("a.csv", b"\xff\xff\xff", "encoding"),
        ("a.csv", b'code,name\r\n"R1,North\r\n', "csv_form"),
        ("a.csv", b"code" + b",x" * 64, "too_many_columns"),
    ],
)
def test_what_is_no_file_of_ours(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path / name) == reason


def test_no_file_and_no_csv(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.xlsx") == "missing"
    assert refused(tmp_path) == "no_csv"


def test_a_file_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    whole = books.xlsx(tmp_path / "a.xlsx", books.fleet()).read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        (tmp_path / "cut.xlsx").write_bytes(whole[: int(len(whole) * share)])
        assert refused(tmp_path / "cut.xlsx") == "damaged"


def test_a_zip_that_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    assert refused(tmp_path / "a.xlsx") == "damaged"


def test_too_many_parts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        for number in range(reading_child.MOST_ENTRIES + 1):
            archive.writestr(f"{number}", "")
    assert refused(tmp_path / "a.xlsx") == "too_many_entries"


def test_two_cells_far_apart(tmp_path: Path) -> None:
    cells = FIRST + '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert refused(books.raw(tmp_path / "a.xlsx", cells)) == "too_many_rows"
    wide = '<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>1</v></c></row>'
    assert refused(books.raw(tmp_path / "b.xlsx", wide)) == "too_many_columns"


def test_the_limits_are_exact(tmp_path: Path) -> None:
    rows, column = reading_child.MOST_ROWS, "BL"  # column 64
    inside = FIRST + f'<row r="{rows}"><c r="{column}{rows}"><v>1</v></c></row>'
    assert read_rows(books.raw(tmp_path / "a.xlsx", inside)).rows[0][0] == rows
    below = FIRST + f'<row r="{rows + 1}"><c r="A{rows + 1}"><v>1</v></c></row>'
    assert refused(books.raw(tmp_path / "b.xlsx", below)) == "too_many_rows"
    beside = '<row r="1"><c r="BM1"><v>1</v></c></row>'
    assert refused(books.raw(tmp_path / "c.xlsx", beside)) == "too_many_columns"


def test_cells_without_a_place_are_counted(tmp_path: Path) -> None:
    assert refused(books.raw(tmp_path / "a.xlsx", "<row>" + "<c/>" * 65 + "</row>")) == (
        "too_many_columns"
    )
    many = "<row/>" * (reading_child.MOST_ROWS + 1)
    assert refused(books.raw(tmp_path / "b.xlsx", many)) == "too_many_rows"


def test_a_prefix_hides_no_cell(tmp_path: Path) -> None:
    sheet = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<x:sheetData><x:row r="1"><x:c r="XFD1"><x:v>1</x:v></x:c></x:row></x:sheetData>'
        "</x:worksheet>"
    )
    path = books.raw(tmp_path / "a.xlsx", "", **{"xl/worksheets/sheet1.xml": sheet})
    assert refused(path) == "too_many_columns"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"])
def test_a_document_type_is_refused(tmp_path: Path, part: str, encoding: str) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom">]><worksheet>&b;</worksheet>'
    path = books.raw(tmp_path / "a.xlsx", "", **{part: bomb.encode(encoding)})
    assert refused(path) == "doctype"


def test_a_part_that_unpacks_to_too_much(tmp_path: Path) -> None:
    blank = b" " * (reading_child.ENTRY_BYTES + 1)
    assert refused(books.raw(tmp_path / "a.xlsx", FIRST, **{"xl/sharedStrings.xml": blank})) == (
        "inflates"
    )
    assert (tmp_path / "a.xlsx").stat().st_size < 100_000


def test_a_sheet_that_unpacks_to_too_much(tmp_path: Path) -> None:
    room = reading_child.ENTRY_BYTES - len(books.SHEET % FIRST)
    fits = books.raw(tmp_path / "a.xlsx", FIRST + " " * room)
    assert read_rows(fits).headings == ["code"]
    assert refused(books.raw(tmp_path / "b.xlsx", FIRST + " " * (room + 1))) == "inflates"


def test_parts_that_unpack_to_too_much_together(tmp_path: Path) -> None:
    blank = b" " * (reading_child.TOGETHER_BYTES // 3 + 1)
    parts = {f"xl/media/{number}.bin": blank for number in range(3)}
    assert refused(books.raw(tmp_path / "a.xlsx", FIRST, **parts)) == "inflates"


def test_a_header_that_lies_about_the_size(tmp_path: Path) -> None:
    """The declared size says 100 bytes; what inflates is 60 MB."""
    path = books.raw(tmp_path / "a.xlsx", FIRST, **{"xl/sharedStrings.xml": b" " * 60_000_000})
    content = bytearray(path.read_bytes())
    for size in (60_000_000,):
        while (place := content.find(struct.pack("<I", size))) >= 0:
            content[place : place + 4] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert refused(path) in {"damaged", "inflates"}


def test_a_header_that_lies_and_fits_its_checksum(tmp_path: Path) -> None:
    """The declared prefix is honest in itself: the parser gets that prefix and nothing more."""
    path = books.raw(tmp_path / "a.xlsx", FIRST, **{"xl/sharedStrings.xml": b" " * 60_000_000})
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo("xl/sharedStrings.xml")
    content = path.read_bytes().replace(struct.pack("<I", 60_000_000), struct.pack("<I", 100))
    checksum = zlib.crc32(b" " * 100)
    path.write_bytes(content.replace(struct.pack("<I", entry.CRC), struct.pack("<I", checksum)))
    assert refused(path) == "damaged"


def test_one_long_text_in_many_cells_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_SAID", 10_000_000)
    text = "x" * 1_000_000
    shared = (
        '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<si><t>{text}</t></si></sst>"
    )
    rels = books._PARTS["xl/_rels/workbook.xml.rels"].replace(
        "</Relationships>",
        '<Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
        'relationships/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
    )
    cells = "".join(
        f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 51)
    )
    parts = {"xl/sharedStrings.xml": shared, "xl/_rels/workbook.xml.rels": rels}
    assert refused(books.raw(tmp_path / "a.xlsx", cells, **parts)) == "too_much"


def test_an_abort_of_the_child_is_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aborts = tmp_path / "aborts.py"
    aborts.write_text("import os; os.abort()")
    monkeypatch.setattr(reading, "CHILD", aborts)
    assert refused(tmp_path / "any.xlsx") == "too_much"


def test_the_child_is_stopped_when_patience_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps = tmp_path / "sleeps.py"
    sleeps.write_text("import time; time.sleep(60)")
    monkeypatch.setattr(reading, "CHILD", sleeps)
    monkeypatch.setattr(reading, "PATIENCE", 0.2)
    begun = time.monotonic()
    assert refused(tmp_path / "any.xlsx") == "too_much"
    assert time.monotonic() - begun < 20


def test_the_child_runs_under_limits_and_sees_no_secret(tmp_path: Path) -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(Path(reading_child.__file__).parent)!r}); "
        "import resource, reading_child as child; child.limit(); "
        "print(resource.getrlimit(resource.RLIMIT_AS)[0], child.MEMORY)\n"
        "try: bytearray(child.MEMORY)\n"
        "except MemoryError: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    limit, memory, refusal = done.stdout.split()
    assert limit == memory
    assert refusal == "refused"
    os.environ["FLEET_SECRET"] = "seen"
    shows = tmp_path / "shows.py"
    shows.write_text("import os, json; print(json.dumps(['sheet', str(dict(os.environ))]))")
    child = reading.CHILD
    try:
        reading.CHILD = shows
        said = next(reading._child(tmp_path))
    finally:
        reading.CHILD = child
        del os.environ["FLEET_SECRET"]
    assert "seen" not in said[1]


def test_what_was_measured_is_what_is_parsed(tmp_path: Path) -> None:
    """Of two parts of one name the first is measured and passed on, and the second dropped."""
    path = books.raw(tmp_path / "a.xlsx", FIRST)
    far = books.SHEET % '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("xl/worksheets/sheet1.xml", far)
    with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as copy:
        reading_child.pack(reading_child.unpacked(path, spool), spool, 0, copy)
        with zipfile.ZipFile(copy) as archive:
            assert len(archive.namelist()) == len(set(archive.namelist()))
            assert b"XFD" not in archive.read("xl/worksheets/sheet1.xml")


# ------------------------------------------------------------------------------ long sheets

ROWS = "".join(
    f'<row r="{3 * n}"><c r="B{3 * n}" t="str"><v>{n}</v></c><c r="D{3 * n}" t="e"><v>#N/A</v></c>'
    "</row>\n<!-- <row> --><row><c/><c><v>1.5</v></c></row>"
    for n in range(1, 400)
)


def said(path: Path) -> list[tuple[str, list[Any]]]:
    """What the child says of each sheet, its pieces together."""
    found: dict[str, list[Any]] = {}
    for name, rows in reading_child.tables(path):
        found.setdefault(name, []).extend(rows)
    return list(found.items())


def cuts(path: Path) -> int:
    with tempfile.TemporaryFile() as spool:
        return max(len(part.cuts) for part in reading_child.unpacked(path, spool))


@pytest.mark.parametrize(
    ("sheet", "is_cut"),
    [
        (books.SHEET % ROWS, True),
        (books.prefixed(books.SHEET % ROWS), True),
        # The lower row stands first, or a cell below its row: only the whole says what is where.
        (books.SHEET % (ROWS + '<row r="7"><c r="A7"><v>1</v></c></row>'), False),
        (books.SHEET % (ROWS + '<row r="1300"><c r="A1400"><v>1</v></c></row>'), False),
        ('<?xml version="1.0" encoding="iso-8859-1"?>' + books.SHEET % ROWS, False),
        ("\ufeff" + books.SHEET % ROWS, False),
    ],
    ids=["plain", "prefixed", "row above", "cell below", "latin", "utf-16"],
)
def test_a_sheet_in_pieces_says_what_it_says_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sheet: str, is_cut: bool
) -> None:
    content = sheet.encode("utf-16-le" if sheet.startswith("\ufeff") else "utf-8")
    path = books.raw(tmp_path / "a.xlsx", "", **{"xl/worksheets/sheet1.xml": content})
    whole = said(path)
    assert cuts(path) <= 1
    monkeypatch.setattr(reading_child, "PIECE", 1_000)
    assert (cuts(path) > 20) == is_cut
    assert said(path) == whole
    assert len(whole[0][1]) == 798 or not is_cut


def test_days_texts_and_sheets_beside_one_another_are_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [[f"text {n % 7}", n, date(2026, 1, 1 + n % 28), "#N/A"] for n in range(300)]
    path = books.xlsx(tmp_path / "a.xlsx", {"long": rows, "none": [], "short": rows[:3]})
    whole = said(path)
    monkeypatch.setattr(reading_child, "PIECE", 1_000)
    assert cuts(path) > 20
    assert said(path) == whole
    assert [(name, len(found)) for name, found in whole] == [
        ("long", 300),
        ("none", 0),
        ("short", 3),
    ]
    lines = [["sheet", "long"], ["rows", [[1, "a"]]], ["sheet", "none"], ["rows", []]]
    lines += [["sheet", "long"], ["rows", [[2, "b"]]]]
    monkeypatch.setattr(reading, "_child", lambda _path: iter(lines))
    assert read_rows(path).rows == [(2, ["b"])]
    with reading.long_sheet(path) as sheet:
        assert list(sheet.rows()) == [(2, ["b"])]


@pytest.mark.parametrize("gap", [b"", b" ", b"\n" * 40])
def test_a_document_type_is_seen_across_chunks(gap: bytes) -> None:
    text = b'<?xml version="1.0"?><a><!-- < --></a><!' + gap + b"DocType a>"
    for size in range(1, len(text)):
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        assert reading_child.declares_type(iter(chunks))
        assert not reading_child.declares_type(iter([one.replace(b"D", b"") for one in chunks]))


def test_the_child_holds_no_more_for_more_rows(tmp_path: Path) -> None:
    """Held whole, fifty thousand rows more take fifty megabytes more."""
    least, most = (peak(tmp_path, count) for count in (5_000, 55_000))
    assert most - least < 20, (least, most)


def peak(folder: Path, count: int) -> float:
    """The child's most memory for a sheet, in megabytes."""
    cells = "<c/>" + '<c t="str"><v>text</v></c>' * 9
    path = books.raw(folder / "a.xlsx", f"<row>{cells}</row>" * count)
    script = (
        f"import runpy, sys; sys.argv = {[str(reading.CHILD), str(path)]}; "
        "runpy.run_path(sys.argv[0], run_name='__main__'); "
        "status = open('/proc/self/status').read(); "
        "sys.stderr.write(status.split('VmHWM:')[1].split()[0])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith('["end"]\n')
    return int(done.stderr) / 1024


def test_a_child_that_is_stopped_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = books.xlsx(tmp_path / "a.xlsx", {"s": [["a" * 50] * 9] * 3_000})
    place = tmp_path / "kept"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    lines = reading._child(path)
    next(lines)
    assert list(place.rglob("*.xlsx"))  # the child is under way
    lines.close()
    assert not list(place.iterdir())
