"""A sheet of claims, decided row by row and written again."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import xlsxwriter
from python_calamine import load_workbook

from fleet.reimbursement.rules import COLUMNS
from fleet.reimbursement.service import check_sheet, record
from fleet.reimbursement.tables import Claim
from fleet.storage import Scope, db, limit_to
from tests.reimbursement.records import (
    AT,
    BY,
    INVOICE,
    asked,
    body,
    company,
    group,
    policy,
    vehicle,
)

OTHER = "26992000000123456788"


@pytest.fixture(autouse=True)
def kept(session):
    return group()


def row(**overrides) -> dict[str, str]:
    return {name: "" if cell is None else str(cell) for name, cell in body(**overrides).items()}


def write(path: Path, rows: list[dict[str, str]], encoding: str = "utf-8", **more) -> Path:
    file = io.StringIO()
    writer = csv.DictWriter(file, [*(rows[0] if rows else COLUMNS)], **more)
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(file.getvalue().encode(encoding))
    return path


def told(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def decisions(path: Path, rows: list[dict[str, str]]) -> list[tuple[str, str]]:
    out = path / "out.csv"
    check_sheet(write(path / "claims.csv", rows), out, AT)
    return [(one["decision"], one["reasons"]) for one in told(out)]


def test_the_result_is_the_sheet_with_two_columns(tmp_path):
    rows = [
        row(amount="1,250.00"),
        row(invoice_number=OTHER, amount="-950.00", insurer="INS-B"),
        row(company="N1", amount=""),
        row(policy_number="=1+1", invoice_number="12345678"),
    ]
    out = tmp_path / "out.csv"
    kept = io.StringIO()
    result = check_sheet(write(tmp_path / "claims.csv", rows), out, AT, kept)
    found = told(out)
    assert [*found[0]] == [*COLUMNS, "decision", "reasons"]
    for before, after in zip(rows, found, strict=True):
        assert {k: after[k].removeprefix("'") for k in COLUMNS} == before
    assert found[3]["policy_number"] == "'=1+1"
    assert [(one["decision"], one["reasons"]) for one in found] == [
        ("payable", ""),
        ("refused", "amount_differs insurer_differs invoice_reversed"),
        ("unreadable", "amount company"),
        ("held", "policy_unknown"),
    ]
    assert result.unreadable == 1
    assert json.loads("".join(result.as_json(kept.getvalue().splitlines()))) == {
        "rows": 4,
        "payable": 1,
        "held": 1,
        "refused": 1,
        "unreadable": 1,
        "items": [
            {"row": 2, "decision": "payable", "reasons": []},
            {
                "row": 3,
                "decision": "refused",
                "reasons": ["amount_differs", "insurer_differs", "invoice_reversed"],
            },
            {"row": 4, "decision": "unreadable", "reasons": ["amount", "company"]},
            {"row": 5, "decision": "held", "reasons": ["policy_unknown"]},
        ],
    }
    assert "1 payable" in result.as_text()
    assert db.session.query(Claim).count() == 0


def test_an_earlier_payable_row_is_an_earlier_claim(tmp_path):
    policy(vehicle(2), "OTHER")
    db.session.commit()
    found = decisions(
        tmp_path,
        [
            row(insurer="INS-B"),  # held: it stands before nobody
            row(),
            row(policy_number="OTHER"),
            row(invoice_number=OTHER),
            row(policy_number="OTHER", invoice_number=OTHER),
        ],
    )
    assert found == [
        ("held", "insurer_differs"),
        ("payable", ""),
        ("refused", "invoice_already_claimed"),
        ("refused", "premium_already_claimed"),
        ("payable", ""),
    ]


def test_a_recorded_claim_that_stands_is_an_earlier_one(tmp_path):
    record(asked(insurer="INS-B", invoice_number=OTHER), BY, AT)  # held
    assert decisions(tmp_path, [row(invoice_number=OTHER)]) == [("payable", "")]
    record(asked(), BY, AT)
    assert decisions(tmp_path, [row(), row(invoice_number=OTHER)]) == [
        ("refused", "invoice_already_claimed premium_already_claimed"),
        ("refused", "premium_already_claimed"),
    ]


def test_rows_beyond_one_loading_follow_one_another(tmp_path, monkeypatch):
    from fleet.reimbursement import sheet

    monkeypatch.setattr(sheet, "AT_ONCE", 2)
    found = decisions(tmp_path, [row(amount="x"), row(), row(company=""), row(), row()])
    assert [decision for decision, _reasons in found] == [
        *("unreadable", "payable", "unreadable", "refused", "refused"),
    ]


def test_other_columns_stay_and_headings_may_be_labels(tmp_path):
    names = {"company": "COMPANY", "policy_number": "Policy number", "amount": "Amount claimed"}
    one = {names.get(k, k): v for k, v in row().items()} | {"备注": "第一张", "decision": "old"}
    out = tmp_path / "out.csv"
    check_sheet(write(tmp_path / "claims.csv", [one], "gb18030"), out, AT)
    (found,) = told(out)
    assert found["备注"] == "第一张"
    assert [*found].count("decision") == 1
    assert found["decision"] == "payable"


def test_a_byte_order_mark_stays(tmp_path):
    out = tmp_path / "out.csv"
    check_sheet(write(tmp_path / "claims.csv", [row()], "utf-8-sig"), out, AT)
    assert out.read_bytes().startswith(b"\xef\xbb\xbfcompany")
    check_sheet(write(tmp_path / "claims.csv", [row()]), out, AT)
    assert out.read_bytes().startswith(b"company")


def test_a_workbook_in_and_out(tmp_path):
    path, out = tmp_path / "claims.xlsx", tmp_path / "out.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        cells = row() | {"amount": 1250, "invoice_total": 950.0, "vehicle_tax": 300}
        sheet.write_row(1, 0, [cells[name] for name in COLUMNS])
        spoilt = cells | {"invoice_number": float(INVOICE)}
        sheet.write_row(2, 0, [spoilt[name] for name in COLUMNS])
        sheet.write_string(3, 0, "=1+1")
    kept = io.StringIO()
    check_sheet(path, out, AT, kept)
    items = [json.loads(one) for one in kept.getvalue().splitlines()]
    assert [one["decision"] for one in items] == ["payable", "unreadable", "unreadable"]
    assert items[1]["reasons"] == ["invoice_number"]
    found = load_workbook(out).get_sheet_by_index(0).to_python()
    assert found[0] == [*COLUMNS, "decision", "reasons"]
    assert found[1][-3:] == [1250.0, "payable", ""]
    assert found[3][0] == "=1+1"


def test_a_sheet_of_headings_alone(tmp_path):
    assert decisions(tmp_path, []) == []


def test_companies_are_those_of_the_caller(tmp_path):
    limit_to(Scope(frozenset({company("W1").id})))
    assert decisions(tmp_path, [row()]) == [("unreadable", "company")]


def test_the_command(tmp_path, app):
    out = tmp_path / "out.csv"
    runner = app.test_cli_runner()
    good = write(tmp_path / "good.csv", [row()])
    done = runner.invoke(args=["check-reimbursements", str(good), "--out", str(out), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.output)["payable"] == 1
    bad = write(tmp_path / "bad.csv", [row(), row(amount="x")])
    done = runner.invoke(args=["check-reimbursements", str(bad), "--out", str(out)])
    assert done.exit_code == 1
    other = write(tmp_path / "other.csv", [{"name": "x"}])
    for path in (other, tmp_path / "missing.csv"):
        done = runner.invoke(args=["check-reimbursements", str(path), "--out", str(out)])
        assert done.exit_code == 2
