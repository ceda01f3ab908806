"""What other programs hold on to (`formats/interfaces.md`), asked as they ask."""

from __future__ import annotations

import csv
import json
from io import BytesIO
from typing import Any

import pytest

from fleet.people.service import Given
from fleet.storage import db, everyone
from fleet.web.access import COMPANY_ADMIN, FINANCE, GROUP_ADMINISTRATOR
from tests.cast import let_in, token
from tests.workbook.books import OTHER_VIN, VIN, fleet, folder, put, xlsx

STEP = ["standing", "since", "until", "shortfalls", "spared", "rulebook_since"]
ITEM = {"vin", "kind", "policy_number", "expiry_day", "opens_on", "late"}
CLAIM = {
    "company": "C1",
    "policy_number": "JQ1",
    "insurer": "I1",
    "invoice_number": "26992000000123456789",
    "invoice_total": 950,
    "vehicle_tax": 420.0,
    "buyer_credit_code": "91350100M000100Y43",
    "amount": 1370.0,
}


@pytest.fixture
def flask(app):
    """The commands of `flask --app app`, as the shell calls them."""
    runner = app.test_cli_runner()

    def call(*words: object, ends: int = 0) -> str:
        found = runner.invoke(args=[str(word) for word in words])
        assert found.exit_code == ends, found.output
        return found.stdout

    return call


@pytest.fixture
def group(flask, tmp_path) -> None:
    sheets = fleet()
    sheets["policies"][0].append("approval_number")
    for row in sheets["policies"][1:]:
        row.append("OA-1")
    flask("import", xlsx(tmp_path / "fleet.xlsx", sheets))


@pytest.fixture
def ask(app, client, group):
    """Call the API as the group's administrator, as C1's finance, or as C2's administrator."""
    with app.app_context(), everyone():
        let_in("all", Given(GROUP_ADMINISTRATOR))
        let_in("finance", Given(FINANCE, company="C1"))
        let_in("second", Given(COMPANY_ADMIN, company="C2"))
        db.session.remove()
    tokens = {name: token(app, name) for name in ("all", "finance", "second")} | {"": {}}

    def call(way: str, *, status: int = 200, by: str = "all", header: Any = None, **more: Any):
        method, path = way.split(" ")
        headers = {**tokens[by], **(header or {})}
        found = client.open("/api/v1" + path, method=method, headers=headers, **more)
        assert found.status_code == status, found.get_data(as_text=True)
        kind = "application/problem+json" if status >= 400 else "application/json"
        assert found.mimetype == kind
        return found.json

    return call


def told(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.one_engine
def test_import_says_by_its_exit_what_became_of_the_file(flask, tmp_path) -> None:
    for name, content in (("empty.xlsx", b""), ("words.xlsx", b"words")):
        (tmp_path / name).write_bytes(content)
        flask("import", tmp_path / name, ends=2)
    whole = xlsx(tmp_path / "fleet.xlsx", fleet())
    (tmp_path / "cut.xlsx").write_bytes(whole.read_bytes()[:3000])
    flask("import", tmp_path / "cut.xlsx", ends=2)
    flask("import", tmp_path / "none.xlsx", ends=2)
    spoilt = xlsx(tmp_path / "spoilt.xlsx", put(fleet(), "vehicles", 3, "seats", "many"))
    refused = told(flask("import", spoilt, "--json", ends=1))[0]["refused"]
    assert {"sheet", "row", "column", "found", "message"} <= refused[0].keys()
    flask("import", whole, "--dry-run")
    assert flask("standing", "--json") == ""
    flask("import", spoilt, "--leave-out-refused", ends=1)
    assert [one["vin"] for one in told(flask("standing", "--json"))] == [VIN]
    flask("import", whole)
    again = told(flask("import", whole, "--json"))[0]["sheets"]
    assert not any(n["new"] or n["changed"] or n["removed"] for n in again.values())


@pytest.mark.one_engine
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_folder_comes_in_by_chinese_names(flask, tmp_path, encoding) -> None:
    sheets = {"车辆": fleet()["vehicles"], "公司": fleet()["companies"], "片区": fleet()["regions"]}
    head = ["VIN", "号牌", "车辆类型", "公司代码", "座位数", "能源类型", "投入使用日",
            "停止使用日（不含）"]  # fmt: skip
    sheets["车辆"][0] = head
    flask("import", folder(tmp_path / "fleet", sheets, encoding))
    assert len(told(flask("standing", "--json"))) == 2


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("on", "instant"),
    [
        ("2026-03-02", "2026-03-02T12:00:00+08:00"),
        ("2026-03-02T18:03", "2026-03-02T18:03:00+08:00"),
        ("2026-03-02T10:03Z", "2026-03-02T18:03:00+08:00"),
        ("2026-03-01T20:03:00-05:00", "2026-03-02T09:03:00+08:00"),
        ("2011-01-01", "2011-01-01T12:00:00+08:00"),
        ("9999-12-31", "9999-12-31T12:00:00+08:00"),
    ],
)
def test_an_instant_is_a_noon_a_local_time_or_has_its_offset(flask, ask, on, instant) -> None:
    answers = told(flask("standing", "--on", on, "--json"))
    assert [list(one) for one in answers] == [["vin", "on", *STEP]] * 2
    assert {one["on"] for one in answers} == {instant}
    asked = ask("GET /standing/summary", query_string={"on": on})
    assert asked["on"] == instant
    assert sum(asked["counts"].values()) == 2
    for one in answers:
        path = f"GET /vehicles/{one['vin']}/standing"
        assert ask(path, query_string={"on": on}) == one
        assert asked["counts"][one["standing"]] >= 1
    assert ask(f"GET /vehicles/{VIN}/standing?on=2026-03-02T18:03:00+08:00")["vin"] == VIN


@pytest.mark.one_engine
@pytest.mark.parametrize("on", ["20260302", "2026-W10-1", "", "9999-12-31T23:59Z", "2026-02-30"])
def test_what_is_no_instant_is_refused(flask, ask, on) -> None:
    flask("standing", "--on", on, ends=2)
    flask("run-day", "--on", on, ends=2)
    for path in ("/vehicles", f"/vehicles/{VIN}/standing", "/standing/summary"):
        ask(f"GET {path}", query_string={"on": on}, status=422)


def test_steps_and_renewals_over_both_ways(flask, ask) -> None:
    lives = told(flask("timeline", "--json"))
    for life in lives:
        assert [*life] == ["vin", "steps"]
        assert [list(step) for step in life["steps"]] == [STEP] * len(life["steps"])
        assert ask(f"GET /vehicles/{life['vin']}/timeline") == life
        ends = [step["until"] for step in life["steps"]]
        assert [None, *ends] == [*(step["since"] for step in life["steps"]), None]
    (day,) = told(flask("run-day", "--on", "2027-02-14", "--json"))
    assert {"on", "opened", "closed"} <= day.keys()
    assert [one.keys() for one in day["opened"]] == [ITEM] * 3
    assert {one["opens_on"] for one in day["opened"]} == {"2027-02-14"}
    (again,) = told(flask("run-day", "--on", "2027-02-14", "--json"))
    assert (again["opened"], again["closed"]) == ([], [])
    listed = ask("GET /renewals?opened_since=2027-02-14&state=due&company=C1")
    assert {one["vin"] for one in listed["items"]} == {VIN}
    assert (listed["total"], listed["page"]) == (2, 1)


@pytest.mark.one_engine
def test_lists_have_pages_and_scopes(ask) -> None:
    page = ask("GET /vehicles?page=2&page_size=1")
    assert {key: page[key] for key in ("total", "page", "page_size")} == {
        "total": 2,
        "page": 2,
        "page_size": 1,
    }
    for path in ("/vehicles", "/renewals", "/reimbursements"):
        assert ask(f"GET {path}?page_size=500")["page_size"] == 500
        ask(f"GET {path}?page_size=501", status=422)
        ask(f"GET {path}?company=C1", by="second", status=404)
        ask(f"GET {path}?company=NOBODY", status=404)
        ask(f"GET {path}", by="", status=401)
    for part in ("", "/standing", "/timeline"):
        foreign = ask(f"GET /vehicles/{VIN}{part}", by="second", status=404)
        assert foreign == ask(f"GET /vehicles/NONE{part}", by="second", status=404)
        ask(f"GET /vehicles/{OTHER_VIN}{part}", by="second")


@pytest.mark.one_engine
def test_a_claim_is_checked_recorded_and_paid_once(ask) -> None:
    decided = ask("POST /reimbursements/check", json=CLAIM)
    assert [decided[key] for key in ("decision", "reasons", "policy_number")] == [
        "payable",
        [],
        "JQ1",
    ]
    said = set()
    for language in ("zh-CN", "zh-TW", "en"):
        header = {"Accept-Language": language}
        answer = ask("POST /reimbursements/check", json=CLAIM | {"amount": 1}, header=header)
        (reason,) = answer["reasons"]
        said.add(reason.pop("message"))
        assert reason == {
            "code": "amount_differs",
            "clause": None,
            "effect": "held",
            "found": "1",
            "required": "1370",
        }
    assert len(said) == 3
    ask("POST /reimbursements/check", json=CLAIM, by="second", status=404)
    key = {"Idempotency-Key": "once"}
    record, by = "POST /reimbursements", "finance"
    ask(record, json=CLAIM, by="second", status=403)
    first = ask(record, json=CLAIM, header=key, by=by, status=201)
    assert ask(record, json=CLAIM, header=key, by=by, status=201) == first
    ask(record, json=CLAIM | {"amount": 1}, header=key, by=by, status=422)
    assert ask(f"GET /reimbursements/{first['id']}") == first
    assert ask(f"{record}/{first['id']}/paid", by=by)["state"] == "paid"
    again = ask(f"{record}/{first['id']}/paid", by=by, status=409)
    assert again["code"] == "already_paid"


@pytest.mark.one_engine
def test_a_sheet_of_claims_keeps_its_columns(flask, group, tmp_path) -> None:
    columns = ["remark", *reversed(CLAIM)]
    rows = [CLAIM | {"remark": "a"}, CLAIM | {"remark": "b", "company": "?", "amount": "x"}]
    with (tmp_path / "claims.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows([rows[0], rows[0], rows[1]])
    sheet, out = tmp_path / "claims.csv", tmp_path / "out.csv"
    flask("check-reimbursements", sheet, "--out", out, "--json", ends=1)
    with out.open(newline="", encoding="utf-8-sig") as file:
        found = list(csv.reader(file))
    assert found[0] == [*columns, "decision", "reasons"]
    assert [row[-2:] for row in found[1:]] == [
        ["payable", ""],
        ["refused", "invoice_already_claimed premium_already_claimed"],
        ["unreadable", "amount company"],
    ]
    flask("check-reimbursements", sheet, "--out", tmp_path / "no" / "out.csv", ends=2)


@pytest.mark.one_engine
def test_an_import_is_told_of(ask, tmp_path) -> None:
    spoilt = xlsx(tmp_path / "spoilt.xlsx", put(fleet(), "vehicles", 3, "seats", "many"))
    form = {"file": (BytesIO(spoilt.read_bytes()), "fleet.xlsx"), "dry_run": "true"}
    begun = ask("POST /imports", data=form, status=202)
    answer = ask(f"GET /imports/{begun['id']}", header={"Accept-Language": "zh-CN"})
    assert {"state", "done", "total", "refused"} <= answer.keys()
    assert {"sheet", "row", "column", "found", "message"} == answer["refused"][0].keys()
    ask(f"GET /imports/{begun['id']}", by="second", status=403)


@pytest.mark.one_engine
def test_the_document_describes_every_call(ask) -> None:
    document = ask("GET /openapi.json")
    paths = {path.removeprefix("/api/v1"): calls for path, calls in document["paths"].items()}
    reading = {"/vehicles", "/vehicles/{vin}", "/vehicles/{vin}/standing", "/standing/summary",
               "/vehicles/{vin}/timeline", "/renewals", "/imports/{number}"}  # fmt: skip
    writing = {"/reimbursements", "/reimbursements/check", "/reimbursements/{claim_id}/paid",
               "/imports"}  # fmt: skip
    assert all("get" in paths[path] for path in reading)
    assert all("post" in paths[path] for path in writing)
    places = {
        parameter["in"]
        for calls in paths.values()
        for call in calls.values()
        if isinstance(call, dict)
        for parameter in call.get("parameters", ())
    }
    assert places <= {"query", "path", "header", "cookie"}  # a form is a body in OpenAPI 3
    form = document["components"]["schemas"]["Form"]["properties"]
    assert {"file", "dry_run"} <= form.keys()


@pytest.mark.one_engine
def test_a_token_is_only_for_a_user(flask) -> None:
    assert flask("token", "create", "nobody@cast.example", ends=2) == ""


def test_the_history_holds_or_names_its_first_broken_entry(flask, group, session) -> None:
    assert flask("history", "verify")
    table = "ALTER TABLE history_entries DISABLE TRIGGER USER"
    if db.engine.dialect.name == "sqlite":
        table = "DROP TRIGGER history_entries_no_update"
    for statement in (table, "UPDATE history_entries SET actor = 'another' WHERE seq = 1"):
        session.execute(db.text(statement))
    session.commit()
    flask("history", "verify", ends=1)
