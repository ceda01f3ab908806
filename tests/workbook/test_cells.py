"""Every way a cell is written, at its edges; and Excel's accidents, which are never values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.web import cells
from fleet.web.cells import Wrong
from fleet.words import Days, Period
from fleet.workbook import rules
from tests.workbook import books

CLOCK = ZoneInfo("Asia/Shanghai")


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CLOCK).astimezone(UTC)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-03-02", "2026/3/2", "2026年3月2日", "2026.03.02", "２０２６－０３－０２",
        "2026-03-02 00:00", " 2026-3-2 ", date(2026, 3, 2), books.excel(2026, 3, 2),
    ],
)  # fmt: skip
def test_a_day_is_written_in_many_ways(cell: cells.Cell) -> None:
    assert cells.day(cell) == date(2026, 3, 2)


@pytest.mark.parametrize(
    ("cell", "begins", "ends"),
    [
        ("2026-03-02", (2026, 3, 2), (2026, 3, 3)),
        ("2026/3/2", (2026, 3, 2), (2026, 3, 3)),
        ("2026年3月2日", (2026, 3, 2), (2026, 3, 3)),
        (date(2026, 3, 2), (2026, 3, 2), (2026, 3, 3)),
        (books.excel(2026, 3, 2), (2026, 3, 2), (2026, 3, 3)),
        ("2026-03-02 00:00", (2026, 3, 2), (2026, 3, 2)),
        ("2026-03-02 24:00", (2026, 3, 3), (2026, 3, 3)),
        ("2026年3月2日24时", (2026, 3, 3), (2026, 3, 3)),
        ("2026-03-02 23:59", (2026, 3, 2, 23, 59), (2026, 3, 3)),
        ("2026-03-02 23:59:59", (2026, 3, 2, 23, 59, 59), (2026, 3, 3)),
        (books.excel(2026, 3, 2, 23, 59, 59), (2026, 3, 2, 23, 59, 59), (2026, 3, 3)),
        ("2026-03-02 23:58", (2026, 3, 2, 23, 58), (2026, 3, 2, 23, 58)),
        ("2026-03-02 18:03", (2026, 3, 2, 18, 3), (2026, 3, 2, 18, 3)),
        ("2026-03-02T18:03:07", (2026, 3, 2, 18, 3, 7), (2026, 3, 2, 18, 3, 7)),
        ("2026-03-02　１８：０３", (2026, 3, 2, 18, 3), (2026, 3, 2, 18, 3)),
        (books.excel(2026, 3, 2, 18, 2, 59, 999_700), (2026, 3, 2, 18, 3), (2026, 3, 2, 18, 3)),
        ("2026-03-02T18:03:00+08:00", (2026, 3, 2, 18, 3), (2026, 3, 2, 18, 3)),
        ("2024-02-29", (2024, 2, 29), (2024, 3, 1)),
        ("2026-12-31 24:00", (2027, 1, 1), (2027, 1, 1)),
    ],
)
def test_begins_and_ends(cell: cells.Cell, begins: tuple[int, ...], ends: tuple[int, ...]) -> None:
    assert cells.begin(cell, CLOCK) == local(*begins)
    assert cells.end(cell, CLOCK) == local(*ends)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("1900-01-00", "excel_day"),
        ("1900/1/0", "excel_day"),
        (date(1900, 1, 1), "excel_day"),
        (books.excel(1899, 12, 31), "excel_day"),
        ("00:00:00", "excel_day"),
        ("#N/A", "error_cell"),
        ("########", "error_cell"),
        (46_083, "number_not_day"),
        (46_083.5, "number_not_day"),
        (True, "number_not_day"),
        ("2026-02-29", "no_such_day"),
        ("2026-13-01", "no_such_day"),
        ("2026-03-00", "no_such_day"),
        ("2026-03-02 25:00", "no_such_time"),
        ("2026-03-02 24:01", "no_such_time"),
        ("2026-03-02 12:60", "no_such_time"),
        ("9999-12-31", "far_day"),
        ("26-03-02", "not_a_day"),
        ("20260302", "not_a_day"),
        ("3/2/2026", "not_a_day"),
        ("tomorrow", "not_a_day"),
        ("2026-03-02 noon", "not_a_day"),
    ],
)
def test_what_is_no_day(cell: cells.Cell, code: str) -> None:
    for read in (cells.day, cells.day_of, lambda one: cells.begin(one, CLOCK)):
        with pytest.raises(Wrong) as wrong:
            read(cell)
        assert wrong.value.code == code


def test_a_day_column_takes_no_clock_time_but_a_signing_does() -> None:
    for cell in ("2026-03-02 18:03", "2026-03-02 24:00", books.excel(2026, 3, 2, 18, 3)):
        assert cells.day_of(cell) == date(2026, 3, 2)
        with pytest.raises(Wrong) as wrong:
            cells.day(cell)
        assert wrong.value.code == "day_without_clock"


@given(st.dates(date(1901, 1, 1), date(2199, 12, 30)))
def test_every_way_to_write_a_day_reads_the_same(day: date) -> None:
    ways = (
        day, day.isoformat(), f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日", books.excel(day.year, day.month, day.day),
    )  # fmt: skip
    assert {cells.day(way) for way in ways} == {day}
    assert len({cells.end(way, CLOCK) for way in (*ways, f"{day} 24:00")}) == 1


@pytest.mark.parametrize(
    ("cell", "yuan"),
    [
        ("1,270.00", "1270"), ("20万", "200000"), ("¥950", "950"), ("￥９５０", "950"),
        ("12.8万", "128000"), ("1，270．00", "1270"), ("0", "0"), (950, "950"), (950.5, "950.5"),
        (0.1 + 0.2, "0.3"), (1e6, "1000000"), (0.0, "0"), ("950元", "950"),
    ],
)  # fmt: skip
def test_money(cell: cells.Cell, yuan: str) -> None:
    assert cells.yuan(cell) == Decimal(yuan)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("-5", "below_zero"), (-5, "below_zero"), ("1,27.00", "money_form"),
        ("12.345", "money_fraction"), (12.345, "money_fraction"), ("#REF!", "error_cell"),
        ("abc", "money_form"), (True, "not_a_number"), (date(2026, 3, 2), "not_a_number"),
        (10**12, "too_much_money"), (1e300, "money_form"), ("1e5", "money_form"),
    ],
)  # fmt: skip
def test_what_is_no_money(cell: cells.Cell, code: str) -> None:
    with pytest.raises(Wrong) as wrong:
        cells.yuan(cell)
    assert wrong.value.code == code


@given(st.integers(0, 10**13))
def test_whole_fen_survive_a_float(fen: int) -> None:
    yuan = Decimal(fen).scaleb(-2)
    assert cells.yuan(float(yuan)) == yuan == cells.yuan(f"{yuan:,}")


@pytest.mark.parametrize(
    ("cell", "rate"),
    [
        ("15", "15"),
        ("15%", "15"),
        ("０．５", "0.5"),
        (5, "5"),
        (0.5, "0.5"),
        ("100", "100"),
        (0, "0"),
    ],
)
def test_percent(cell: cells.Cell, rate: str) -> None:
    assert cells.percent(cell) == Decimal(rate)


@pytest.mark.parametrize("cell", ["101", "-1", "a", "1.23456", "", "5万"])
def test_what_is_no_percentage(cell: str) -> None:
    with pytest.raises(Wrong):
        cells.percent(cell)


@pytest.mark.parametrize(("cell", "seats"), [("5", 5), (5, 5), (5.0, 5), ("５", 5), (0, 0)])
def test_seats(cell: cells.Cell, seats: int) -> None:
    assert cells.seats(cell) == seats


@pytest.mark.parametrize("cell", ["-1", "5座", 5.5, "1001", "#N/A", True])
def test_what_is_no_number_of_seats(cell: cells.Cell) -> None:
    with pytest.raises(Wrong):
        cells.seats(cell)


@pytest.mark.parametrize("cell", ["yes", "YES", "是", True, "Ｙes"])
def test_yes(cell: cells.Cell) -> None:
    assert cells.yes_or_no(cell) is True


@pytest.mark.parametrize("cell", ["no", "No", "否", False])
def test_no(cell: cells.Cell) -> None:
    assert cells.yes_or_no(cell) is False


@pytest.mark.parametrize("cell", ["maybe", "1", 1, "#N/A"])
def test_neither_yes_nor_no(cell: cells.Cell) -> None:
    with pytest.raises(Wrong):
        cells.yes_or_no(cell)


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("C001", "C001"), ("Ｃ００１", "C001"), (" C001 ", "C001"), (7, "7"), (7.0, "7"),
        (123_456_789_012_345, "123456789012345"), ("12345678901234567891", "12345678901234567891"),
        ("00000000000000000000", "00000000000000000000"), ("1234567890123456", "1234567890123456"),
        ("1.5E", "1.5E"), ("2E123456", "2E123456"),
    ],
)  # fmt: skip
def test_codes(cell: cells.Cell, code: str) -> None:
    assert cells.code(cell) == code


@pytest.mark.parametrize(
    "cell",
    [
        "1.23E+16", "1.23e16", 1.23e16, 12_345_678_901_234_567_000, "12345678901234500000",
        "12345678901234500", 10**15,
    ],
)  # fmt: skip
def test_a_number_that_lost_digits_is_no_code(cell: cells.Cell) -> None:
    for read in (cells.code, cells.vin, cells.credit_code):
        with pytest.raises(Wrong) as wrong:
            read(cell)
        assert wrong.value.code == "lost_digits"


@pytest.mark.parametrize("error", ["#N/A", "#n/a", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "###"])
def test_an_error_cell_is_nothing_in_any_column(error: str) -> None:
    for read in (cells.words, cells.code, cells.vin, cells.plate, cells.day, cells.yuan,
                 cells.percent, cells.seats, cells.yes_or_no, cells.cover):  # fmt: skip
        with pytest.raises(Wrong) as wrong:
            read(error)
        assert wrong.value.code == "error_cell"


def test_names_keep_their_signs_but_not_full_width_digits_and_letters() -> None:
    assert cells.words("测试（集团）有限公司１２Ａ") == "测试（集团）有限公司12A"
    with pytest.raises(Wrong):
        cells.words("a\x00b")


@pytest.mark.parametrize(
    ("cell", "plate"),
    [
        ("京Z·12345", "京Z12345"), ("京ｚ１２３４５", "京Z12345"), ("新车", None), ("粤B*新", None),
        ("京ZD12345", "京ZD12345"), ("not one", "NOT ONE"),
    ],
)  # fmt: skip
def test_plates(cell: str, plate: str | None) -> None:
    assert cells.plate(cell) == plate


@pytest.mark.parametrize(
    ("cell", "code"),
    [("LZZTEST", "vin_length"), ("LZZTESTOXT0000001", "vin_letters"), (123, "vin_length")],
)
def test_what_is_no_vin(cell: cells.Cell, code: str) -> None:
    with pytest.raises(Wrong) as wrong:
        cells.vin(cell)
    assert wrong.value.code == code


def test_vins_are_read_with_spaces_stars_and_small_letters() -> None:
    assert cells.vin("＊lzztest0 xt0000001*") == "LZZTEST0XT0000001"


def test_overlapping_spells_are_found_by_their_days() -> None:
    spells = [
        (Days(date(2020, 1, 1), date(2021, 1, 1)), 2),
        (Days(date(2021, 1, 1), None), 3),
        (Days(date(2025, 1, 1), date(2026, 1, 1)), 4),
        (Days(date(2019, 1, 1), date(2020, 1, 2)), 5),
    ]
    assert rules.first_overlap(spells) == [(2, 5), (4, 3)]


def test_a_cover_may_follow_itself_but_not_run_twice() -> None:
    policy = Period(local(2026, 3, 2), local(2027, 3, 2))
    turn = local(2026, 9, 1)
    lines = [
        ("damage", None, turn, 2), ("damage", turn, None, 3),
        ("third_party", None, None, 4), ("third_party", turn, None, 5),
        ("glass", local(2028, 1, 1), None, 6), ("glass", local(2028, 1, 1), None, 7),
    ]  # fmt: skip
    assert rules.clashing_covers(lines, policy) == [(5, 4)]
