"""Plates, VINs and credit codes, against vectors that no one here made."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.words import CreditCode, NotWellFormed, Plate, Vin

VECTORS = Path(__file__).parents[2].parent / "shared/conformance"
beside = pytest.mark.skipif(not VECTORS.exists(), reason="vectors stand beside the repository only")


def vectors(name: str) -> list[list[str]]:
    path = VECTORS / name
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def well_formed(kind: type[Plate | Vin | CreditCode], text: str) -> bool:
    try:
        kind.parse(text)
    except NotWellFormed:
        return False
    return True


@beside
def test_published_plates() -> None:
    rows = vectors("plates.txt")
    assert len(rows) == 8
    assert [well_formed(Plate, plate) for plate, _ in rows] == [says == "valid" for _, says in rows]


@beside
def test_published_vins() -> None:
    rows = vectors("vin.txt")
    assert len(rows) == 550
    wrong = [vin for vin, says in rows if Vin.parse(vin).check_digit_holds != (says == "holds")]
    assert not wrong


@beside
def test_published_credit_codes() -> None:
    rows = vectors("uscc-valid.txt")
    assert len(rows) == 99
    assert [code for (code,) in rows if CreditCode.parse(code).value != code] == []


@beside
@given(st.data())
def test_one_changed_character_of_a_credit_code_is_noticed(data: st.DataObject) -> None:
    (code,) = data.draw(st.sampled_from(vectors("uscc-valid.txt")))
    place = data.draw(st.integers(0, 17))
    other = data.draw(st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
    changed = code[:place] + other + code[place + 1 :]
    assert well_formed(CreditCode, changed) is (changed == code)


@pytest.mark.parametrize(
    ("typed", "plate"),
    [
        ("沪A12345", "沪A12345"),
        (" 沪a·12345 ", "沪A12345"),
        ("沪Ａ１２３４５", "沪A12345"),
        ("沪A-1234B", "沪A1234B"),
        ("沪A1234挂", "沪A1234挂"),
        ("粤Z1234港", "粤Z1234港"),
        ("沪AD12345", "沪AD12345"),
        ("沪AG1234K", None),
        ("沪A12345D", "沪A12345D"),
        ("沪A1234I", None),
        ("沪A1234O", None),
        ("沪O12345", "沪O12345"),
        ("A12345", None),
        ("沪A1234", None),
        ("沪A123456", None),
        ("", None),
    ],
)
def test_plates(typed: str, plate: str | None) -> None:
    if plate is None:
        with pytest.raises(NotWellFormed) as refused:
            Plate.parse(typed)
        assert refused.value.code == "plate_form"
        assert refused.value.found == typed
    else:
        assert str(Plate.parse(typed)) == plate


@pytest.mark.parametrize(
    ("text", "not_yet"),
    [("", True), ("新车", True), ("粤B*新", True), ("*-*", True), ("沪A12345", False)],
)
def test_what_is_printed_for_a_car_without_plate(text: str, *, not_yet: bool) -> None:
    assert Plate.not_yet(text) is not_yet


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("LFTEST008N0000001", None),
        ("lftest008 n0000001", None),
        ("＊LFTEST008N0000001＊", None),
        ("LFTEST003N000000", "vin_length"),
        ("LFTEST008N00000012", "vin_length"),
        ("LFTEST003NO000001", "vin_letters"),
        ("LFTESTI03N0000001", "vin_letters"),
        ("LFTESTQ03N0000001", "vin_letters"),
        ("LFTEST003N00000.1", "vin_letters"),
        ("1.23E+16", "vin_length"),
    ],
)
def test_vins(typed: str, code: str | None) -> None:
    if code is None:
        assert str(Vin.parse(typed)) == "LFTEST008N0000001"
    else:
        with pytest.raises(NotWellFormed) as refused:
            Vin.parse(typed)
        assert refused.value.code == code


def test_a_check_digit_that_fails_is_told_and_not_refused() -> None:
    assert not Vin.parse("LFTEST009N0000009").check_digit_holds


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("91310115MA1K3BTP2C", "credit_code_check"),
        ("91310115MA1K3BTP2", "credit_code_form"),
        ("91310115MA1K3BTPIB", "credit_code_form"),
        ("", "credit_code_form"),
    ],
)
def test_credit_codes_refused(typed: str, code: str) -> None:
    with pytest.raises(NotWellFormed) as refused:
        CreditCode.parse(typed)
    assert refused.value.code == code


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Plate, Vin, CreditCode):
        well_formed(kind, text)
