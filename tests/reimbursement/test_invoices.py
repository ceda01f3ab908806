"""What an invoice's QR text and remark say. Every invoice, policy and plate here is generated."""

from __future__ import annotations

import re
import time
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.reimbursement.invoices import (
    Differs,
    InvoiceQr,
    OnRecord,
    Remark,
    differences,
    fill_in,
    read_qr,
    read_remark,
)
from fleet.reimbursement.rules import digits, invoice_key, plain_invoice_number
from fleet.words import normalise

pytestmark = pytest.mark.one_engine

TWENTY = "26992000000123456789"
DIGITAL = f"01,32,,{TWENTY},950.00,20260302,,7A5F"
PAPER = "01,10,999000000011,12345678,896.23,20260302,99900011122233344455,0C1D,"
REMARK = (
    "保\\批单号:TEST0000000000000001; 车牌号:津A12345; 代收车船税:325.00元,"
    "税款所属期:2026年01月-2026年12月; 滞纳金:0.00元; 合计:1059.50元;"
)
POLICY = OnRecord("TEST0000000000000001", "津A12345", Decimal(325), Decimal(0), Decimal("1059.50"))

numbers = st.one_of(
    st.integers(0, 10**8 - 1).map(lambda n: f"{n:08}"),
    st.integers(2 * 10**19, 3 * 10**19 - 1).map(str),
)


# The number


@pytest.mark.parametrize(
    "said",
    [
        TWENTY,
        "2699 2000 0001 2345 6789",
        "2699-2000-0001-2345-6789",
        "２６９９２００００００１２３４５６７８９",
        "2699200OOOO123456789",
        "26992oooooo123456789",
        "26992000000I23456789",
        "26992000000l23456789",
        "26992000000丨23456789",
        "\ufeff26992000000123456789\u200b",
        "2699–2000–0001–2345–6789",
    ],
)
def test_the_same_twenty_digits_however_read(said):
    assert invoice_key(None, said) == TWENTY
    assert invoice_key("999000000011", said) == TWENTY


@pytest.mark.parametrize(
    ("code", "number", "key"),
    [
        ("99900000OO11", "1234567B", "999000000011-1234567B"),
        ("9990 0000 0011", "l2345678", "999000000011-12345678"),
        ("999000000l", "12345678", "9990000001-12345678"),
        # A code before its number keeps its hyphen: without it, it would be other 20 digits.
        (None, "999000000011-12345678", "999000000011-12345678"),
        ("999000000011", "999000000011-12345678", "999000000011-12345678"),
        # Plainly no such number: it stays what it is.
        (None, "OIL", "OIL"),
        (None, "OOOOOOO1", "OOOOOOO1"),
        (None, "INV-2026-1", "INV-2026-1"),
        (None, "1234567", "1234567"),
        ("A-1", "12345678", "A-1-12345678"),
    ],
)
def test_only_what_is_plainly_such_a_number_is_read_as_one(code, number, key):
    assert invoice_key(code, number) == key


@given(
    numbers,
    st.sets(st.integers(0, 19), max_size=9),
    st.sampled_from(["Oo", "OI", "ol"]),
    st.integers(0, 20),
    st.sampled_from(["", " ", "\u3000", "-", "\u2014"]),
)
def test_accidents_make_no_other_invoice(number, letters, how, at, between):
    wrong = {"0": how[0], "1": how[1] if how[1] in "Il" else "l"}
    few = sorted(letters)[: len(number) // 2 - 1]
    said = "".join(wrong.get(sign, sign) if i in few else sign for i, sign in enumerate(number))
    said = said[:at] + between + said[at:]
    if said == normalise(said) and re.fullmatch("[0-9]{12}-[0-9]{8}", said):
        return  # there a hyphen parts a code from its number
    assert invoice_key(None, said) == number
    assert plain_invoice_number(plain_invoice_number(said)) == plain_invoice_number(said)


@given(st.text("0123456789OIl- AB／－", max_size=30))
def test_any_text_has_a_key_that_is_its_own(text):
    assert invoice_key(None, invoice_key(None, text)) == invoice_key(None, text)
    assert digits(text, (8, 20)) is None or digits(text, (8, 20)).isdigit()


# The QR text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (DIGITAL, InvoiceQr("32", None, TWENTY, Decimal(950), None, date(2026, 3, 2))),
        (
            DIGITAL.replace(",32,", ",31,"),
            InvoiceQr("31", None, TWENTY, Decimal(950), None, date(2026, 3, 2)),
        ),
        (
            PAPER,
            InvoiceQr("10", "999000000011", "12345678", None, Decimal("896.23"), date(2026, 3, 2)),
        ),
        # Of a roll nobody is sure which sum it is; a digital one on paper carries a code too.
        (
            "01,11,999000000011,12345678,896.23,20260302,,0C1D",
            InvoiceQr("11", "999000000011", "12345678", None, None, date(2026, 3, 2)),
        ),
        (
            f"01,32,,{TWENTY},about 950,20261302,,7A5F",
            InvoiceQr("32", None, TWENTY, None, None, None),
        ),
        (
            f"01,32,,{TWENTY},-950.00,20260302,,7A5F",
            InvoiceQr("32", None, TWENTY, Decimal(-950), None, date(2026, 3, 2)),
        ),
    ],
)
def test_a_qr_text(text, found):
    assert read_qr(text) == found


@pytest.mark.parametrize(
    "said",
    [
        DIGITAL + "\r\n",
        DIGITAL.replace(",", "，"),
        DIGITAL.replace(",", "、"),
        DIGITAL + DIGITAL,
        DIGITAL + "," + DIGITAL,
        DIGITAL + "\r\n" + DIGITAL + "\r\n",
        "\ufeff " + DIGITAL + " ",
        DIGITAL.replace("0123", "O1 23"),
        DIGITAL.translate({48 + i: 0xFF10 + i for i in range(10)}),
    ],
)
def test_a_hand_scanners_accidents(said):
    assert read_qr(said) == read_qr(DIGITAL)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TWENTY,
        "https://example.test/?a=1,2,3,4,5,6",
        DIGITAL.replace("01,", "02,", 1),
        DIGITAL.replace(TWENTY, TWENTY[1:]),
        DIGITAL.replace(",32,,", ",32,123,").replace(TWENTY, "12345"),
        "01,10,,12345678,896.23,20260302,,0C1D",
        DIGITAL + "\n" + PAPER,
        DIGITAL + "," * 2000,
    ],
)
def test_what_is_no_qr_text(text):
    assert read_qr(text) is None


@given(
    st.sampled_from(["01", "04", "08", "10"]),
    st.integers(10**9, 10**10 - 1).map(str) | st.integers(10**11, 10**12 - 1).map(str),
    st.integers(0, 10**8 - 1).map(lambda n: f"{n:08}"),
    st.decimals(-(10**8), 10**8, places=2),
    st.dates(date(2000, 1, 1), date(2099, 12, 31)),
)
def test_a_qr_text_written_and_read(kind, code, number, amount, day):
    found = read_qr(f"01,{kind},{code},{number},{amount},{day:%Y%m%d},12345,ABCD,")
    assert found == InvoiceQr(kind, code, number, None, amount, day)
    assert found.key == f"{code}-{number}"


# The remark


@pytest.mark.parametrize(
    "text",
    [
        REMARK,
        REMARK.replace(":", "：").replace(";", "；").replace(",", "，"),
        REMARK.replace("元", ""),
        REMARK.replace("保\\批单号", "保险单号").replace("1059.50", "1,059.50"),
        REMARK.replace("保\\批单号", "保/批单号").replace("; ", "\r\n"),
        REMARK.replace("保\\批单号", "保(批)单号").replace("年01月-2026年12月", "01-202612"),
        REMARK.replace("保\\批单号", "保单号").replace("2026年01月-2026年12月", "2026-01至2026-12"),
        REMARK.replace("2026年01月-2026年12月", "2026年1月1日至2026年12月31日"),
        REMARK.replace("2026年01月-2026年12月", "2026-01-01至2026-12-31"),
        REMARK.replace("津A12345", "津A·12345").replace("车牌号", "车牌号码"),
        REMARK.replace("代收车船税", "車船稅").replace("滞纳金", "滯納金").replace("合计", "合計"),
        "价税合计:734.50元; " + REMARK,
        REMARK.replace("; ", " "),
        REMARK.replace("; ", "").replace("TEST0000000000000001", "test0000000000000001"),
    ],
)
def test_a_remark_however_written(text):
    assert read_remark(text) == Remark(
        vehicle_tax=Decimal(325),
        tax_months=(date(2026, 1, 1), date(2026, 12, 1)),
        late_fee=Decimal(0),
        total=Decimal("1059.50"),
        policy_numbers=("TEST0000000000000001",),
        plate="津A12345",
    )


def test_a_remark_of_several_policies():
    said = (
        "交强险保单号:TEST0000000000000001 商业险保单号:TEST0000000000000002、TEST0000000000000003"
    )
    found = read_remark(said)
    assert found is not None
    assert found.policy_numbers == tuple(f"TEST000000000000000{i}" for i in (1, 2, 3))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", None),
        ("谢谢惠顾", None),
        ("车船税:元", None),
        ("代收车船税:325.001元", None),
        ("税款所属期:2026年13月", None),
        ("车牌号:新车", None),
        ("滞纳金=12.5", Remark(late_fee=Decimal("12.50"))),
    ],
)
def test_a_remark_that_says_little(text, found):
    assert read_remark(text) == found


@given(st.decimals(0, 10**7, places=2), st.decimals(0, 10**5, places=2), st.dates(date(2000, 1, 1)))
def test_a_remark_written_and_read(tax, late, month):
    said = f"代收车船税:{tax}元,税款所属期:{month.year:04}年{month.month:02}月; 滞纳金:{late}元"
    first = month.replace(day=1)
    assert read_remark(said) == Remark(tax, (first, first), late)


HOSTILE = [
    "保单号:" * 999,
    "保单号:" + "A1" * 2000,
    "9" * 4900,
    "车船税" * 1500,
    "税款所属期:2026" * 400,
    "合计 " * 1600,
    "2026-" * 900,
    "税款所属期:" + "2026年01月-" * 400,
]


@pytest.mark.parametrize("piece", [*HOSTILE, "x" * 100_000, DIGITAL * 1700, REMARK * 700])
def test_no_text_makes_it_slow(piece):
    began = time.process_time()
    for text in (piece, piece[:5000], piece[:1000]):
        read_remark(text)
        read_qr(text)
    assert time.process_time() - began < 0.5


@given(st.text())
def test_any_text_is_read_or_not(text):
    read_qr(text)
    read_remark(text)


# The form


def test_empty_fields_are_filled_and_typed_ones_stay():
    typed = {"invoice_number": TWENTY, "amount": "1000", "late_fee": " ", "company": "E1"}
    found = fill_in(typed, read_qr(DIGITAL), read_remark(REMARK))
    assert found.values == {
        "company": "E1",
        "invoice_number": TWENTY,
        "invoice_date": "2026-03-02",
        "invoice_total": "950",
        "policy_number": "TEST0000000000000001",
        "vehicle_tax": "325",
        "late_fee": "0",
        "amount": "1000",
    }
    assert "amount" not in found.filled
    assert found.differs == {"amount": "1059.5"}


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("invoice_number", "2699 2000 0001 2345 6789"),
        ("invoice_total", "¥950.00"),
        ("policy_number", "test0000000000000001"),
    ],
)
def test_the_same_written_another_way_is_no_difference(field, typed):
    found = fill_in({field: typed}, read_qr(DIGITAL), read_remark(REMARK))
    assert found.differs == {}
    assert found.values[field] == typed


def test_which_of_several_policies_is_not_guessed():
    two = read_remark("保单号:TEST0000000000000001,TEST0000000000000002")
    assert "policy_number" not in fill_in({}, None, two).values
    assert fill_in({"policy_number": "TEST0000000000000002"}, None, two).differs == {}


# The policy


def test_a_remark_that_fits_the_policy():
    assert differences(read_remark(REMARK), POLICY) == []
    assert differences(Remark(), POLICY) == []


def test_what_differs_from_the_policy_is_told():
    other = OnRecord("TEST0000000000000009", None, Decimal(300), Decimal(1), Decimal(1000))
    assert differences(read_remark(REMARK), other) == [
        Differs("vehicle_tax", "325", "300"),
        Differs("late_fee", "0", "1"),
        Differs("total", "1059.5", "1000"),
        Differs("policy_number", "TEST0000000000000001", "TEST0000000000000009"),
        Differs("plate", "津A12345", None),
    ]
