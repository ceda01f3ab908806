"""Money as people type it."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.words import NotWellFormed, parse_money, plain_number


@pytest.mark.parametrize(
    ("typed", "yuan"),
    [
        ("1,270.00", "1270.00"),
        ("20万", "200000"),
        ("20 万元", "200000"),
        ("20萬", "200000"),
        ("1.2345万", "12345"),
        ("1亿", "100000000"),
        ("¥950", "950"),
        ("￥９５０．５０", "950.50"),
        ("１，２７０", "1270"),
        ("950元", "950"),
        ("人民币950元", "950"),
        ("RMB 950", "950"),
        (".5", "0.5"),
        ("0", "0"),
        ("-950.10", "-950.10"),
        ("¥-950.10", "-950.10"),
        ("-¥950.10", "-950.10"),
        ("\N{MINUS SIGN}950", "-950"),
        ("1270.100", "1270.10"),
    ],
)
def test_amounts(typed: str, yuan: str) -> None:
    assert parse_money(typed) == Decimal(yuan)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "money_form"),
        ("元", "money_form"),
        ("-", "money_form"),
        ("1,27", "money_form"),
        ("1,2700", "money_form"),
        ("1.2.3", "money_form"),
        ("1e5", "money_form"),
        ("nan", "money_form"),
        ("Infinity", "money_form"),
        ("--5", "money_form"),
        ("-¥-5", "money_form"),
        ("#N/A", "money_form"),
        ("5 apples", "money_form"),
        ("9" * 21, "money_form"),
        ("0.001", "money_fraction"),
        ("1.23456万", None),
        ("1.2345678万", "money_fraction"),
    ],
)
def test_amounts_refused(typed: str, code: str | None) -> None:
    if code is None:
        assert parse_money(typed)
        return
    with pytest.raises(NotWellFormed) as refused:
        parse_money(typed)
    assert refused.value.code == code


@given(st.decimals(-(10**12), 10**12, places=2))
def test_what_is_written_is_read_back(amount: Decimal) -> None:
    assert parse_money(f"{amount:,}") == amount
    assert parse_money(f"¥ {amount}") == amount
    assert Decimal(plain_number(amount)) == amount


@given(st.text() | st.from_regex(r"[-¥0-9.,万亿元１]{0,24}", fullmatch=True))
def test_any_text_is_an_amount_or_refused(text: str) -> None:
    with suppress(NotWellFormed):
        assert parse_money(text).is_finite()


@given(st.from_regex(r"[0-9]{1,14}(\.[0-9]{1,4})?", fullmatch=True))
def test_a_plain_amount_is_read_as_one_with_its_unit(plain: str) -> None:
    """Plain ones are read on a short way; the unit sends the same amount on the long one."""
    assert _read(plain) == _read(f"{plain}元")


def _read(typed: str) -> str:
    try:
        return repr(parse_money(typed))
    except NotWellFormed as error:
        return error.code
