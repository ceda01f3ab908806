"""Sheets of claims as tasks: on the page, over HTTP, recorded once whatever dies meanwhile."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage

from fleet.reimbursement import jobs, sheet, sheet_record
from fleet.reimbursement.sheet_record import Recording
from fleet.reimbursement.tables import Claim, SheetClaim
from fleet.storage import EVERYTHING, db, files, limit_to
from fleet.storage.history import HistoryEntry, verify
from fleet.web import clock
from fleet.web.access import COMPANY_ADMIN, FINANCE
from fleet.work import tasks
from fleet.work.pulse import pulses
from fleet.work.running import Interrupted
from fleet.work.tables import Task
from tests.pages import soup, words
from tests.reimbursement.records import AT, BY, bearer, body, group, policy, sign_in, user, vehicle
from tests.reimbursement.test_verbs import together  # noqa: F401 - a fixture
from tests.work.processes import starting
from tests.work.tasking import until

PAGE = "/reimbursement/sheets"
API = "/api/v1/reimbursements/sheets"


@pytest.fixture(autouse=True)
def kept(session):
    return group()


@pytest.fixture
def finance(client, session):
    somebody = user(FINANCE)
    sign_in(client, somebody)
    client.headers = bearer(somebody)
    return client


@pytest.fixture
def worker(session) -> Iterator[None]:
    """A worker that lives and takes nothing up by itself."""
    pulses().worker_lives(clock.now())
    yield
    pulses().worker_ends()


def invoice(serial: int) -> str:
    return f"26992000{serial:012d}"


def row(**overrides: Any) -> dict[str, str]:
    return {name: "" if cell is None else str(cell) for name, cell in body(**overrides).items()}


def sheet_of(*rows: dict[str, str]) -> bytes:
    file = io.StringIO()
    writer = csv.DictWriter(file, [*rows[0]])
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


FOUR = sheet_of(
    row(),
    row(invoice_number=invoice(2)),  # the same premium again
    row(amount="x", invoice_number=invoice(3)),
    row(insurer="INS-B", invoice_number=invoice(4), amount="0.5", invoice_total="0.5"),
)


def handed_in(content: bytes = FOUR, name: str = "三月.csv", **more: Any) -> dict[str, Any]:
    return {"data": {"file": FileStorage(io.BytesIO(content), name), **more}}


def told(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def counted(table: Any = Claim) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def latest() -> Task:
    db.session.rollback()
    return db.session.scalars(select(Task).order_by(Task.id.desc())).first()


def uploads() -> list[str]:
    return sorted(path.name for path in files._folder().iterdir() if ".claims-" in path.name)


# On the page


@pytest.mark.one_engine
def test_a_sheet_is_decided_and_nothing_recorded(finance):
    page = finance.post(PAGE, **handed_in(), follow_redirects=True)
    assert "Nothing of this sheet is recorded" in words(page)
    cells = [[c.get_text(strip=True) for c in r.select("th,td")] for r in soup(page).select("tr")]
    assert ["Payable", "1", "1,250.00"] in cells
    assert ["Unreadable", "1", ""] in cells
    assert ["Premium already claimed", "2"] in cells
    link = soup(page).select_one("a[href$='/result']")
    result = finance.get(link["href"])
    assert result.headers["Content-Disposition"].startswith("attachment")
    assert [one["decision"] for one in told(result.data)] == [
        *("payable", "refused", "unreadable", "refused"),
    ]
    assert "claim" not in told(result.data)[0]
    assert counted() == 0
    assert uploads() == []
    assert "三月.csv" in words(finance.get(PAGE))


def test_recorded_where_it_is_asked_and_once(finance):
    page = finance.post(PAGE, **handed_in(record="y"), follow_redirects=True)
    assert "3 rows of this sheet are recorded as claims." in words(page)
    result = told(finance.get(soup(page).select_one("a[href$='/result']")["href"]).data)
    assert [one["claim"] for one in result] == ["1", "2", "", "3"]
    assert [(c.id, c.state) for c in db.session.scalars(select(Claim).order_by(Claim.id))] == [
        *((1, "payable"), (2, "refused"), (3, "refused")),
    ]
    page = finance.post(PAGE, **handed_in(name="again.csv", record="y"), follow_redirects=True)
    assert told(finance.get(soup(page).select_one("a[href$='/result']")["href"]).data) == result
    assert (counted(), counted(SheetClaim)) == (3, 3)
    assert verify() is None


@pytest.mark.one_engine
def test_what_no_table_keeps_is_not_recorded(finance):
    odd = sheet_of(row(amount="1250.001"), row(policy_number="P" * 65))
    finance.post(PAGE, **handed_in(odd, record="y"))
    assert latest().summary["counts"]["unreadable"] == 2
    assert counted() == 0


@pytest.mark.one_engine
def test_only_who_records_claims_may_let_a_sheet_be_recorded(client, session):
    admin = user(COMPANY_ADMIN, "E1")
    sign_in(client, admin)
    assert not soup(client.get(PAGE)).select("[name=record]")
    client.post(PAGE, **handed_in(record="y"))
    assert latest().kind == jobs.CHECK
    answer = client.post(API, **handed_in(record="true"), headers=bearer(admin))
    assert answer.status_code == 403
    assert counted(Task) == 1
    assert counted() == 0


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.csv", "0 bytes"),
        (b"\xd0\xcf\x11\xe0", "a.xlsx", "old .xls"),
        (b"company\n", "a.exe", "neither"),
    ],
)
def test_what_is_no_sheet_is_said_at_once(finance, content, name, says):
    assert says in words(finance.post(PAGE, **handed_in(content, name)))
    assert counted(Task) == 0
    assert uploads() == []


@pytest.mark.one_engine
def test_a_sheet_without_a_claims_heading_fails_with_its_words(finance):
    page = finance.post(PAGE, **handed_in(b"name\nx\n"), follow_redirects=True)
    assert "No heading of this sheet is a claim's" in words(page)
    assert "recorded" in words(page)


@pytest.mark.one_engine
def test_a_cancelled_sheets_file_goes_with_the_next_one(finance, worker):
    finance.post(PAGE, **handed_in())
    page = finance.get(f"{PAGE}/1")
    assert soup(page).select("[data-progress] progress")
    assert len(uploads()) == 1
    finance.post("/tasks/1/cancel")
    finance.post(PAGE, **handed_in())
    (left,) = uploads()
    assert left.endswith(db.session.get(Task, 2).arguments["kept"])


# Over HTTP


@pytest.mark.one_engine
def test_over_http_it_is_taken_told_of_and_fetched(finance, worker):
    headers = finance.headers
    answer = finance.post(API, **handed_in(record="true"), headers=headers)
    assert (answer.status_code, answer.json) == (202, {"id": 1})
    before = finance.get(f"{API}/1", headers=headers).json
    assert (before["state"], before["record"], before["result"]) == ("queued", True, None)
    early = finance.get(f"{API}/1/result", headers=headers)
    assert (early.status_code, early.json["code"]) == (409, "sheet_not_done")
    assert tasks.run_next(clock.now())
    after = finance.get(f"{API}/1", headers=headers).json
    assert (after["state"], after["done"], after["total"]) == ("done", 4, 4)
    assert after["counts"] == {"payable": 1, "held": 0, "refused": 2, "unreadable": 1}
    assert after["yuan"] == {"payable": "1250.00", "held": "0", "refused": "1250.50"}
    assert after["reasons"]["premium_already_claimed"] == 2
    result = finance.get(after["result"], headers=headers)
    assert result.mimetype == "text/csv"
    assert [one["claim"] for one in told(result.data)] == ["1", "2", "", "3"]


@pytest.mark.one_engine
def test_a_sheet_that_cannot_be_read_is_named_as_its_maker_named_it(finance):
    """Its task once told the name under which we keep it, which says nothing to anybody."""
    finance.post(API, **handed_in(b"\x15\x1b\xff\xfb\xb6"), headers=finance.headers)
    failed = finance.get(f"{API}/1", headers=finance.headers).json
    assert failed["problem"] == "三月.csv is neither UTF-8 nor GB18030."
    result = finance.get(f"{API}/1/result", headers=finance.headers)
    assert (result.status_code, result.json["code"]) == (409, "sheet_not_done")


@pytest.mark.one_engine
@pytest.mark.parametrize("said", ["", "1", "yes", "True", "on"])
def test_whether_a_sheet_is_recorded_is_true_or_false(finance, said):
    answer = finance.post(API, **handed_in(record=said), headers=finance.headers)
    assert answer.status_code == 422
    assert answer.json["errors"] == {"multipart": {"record": ["Not a valid boolean."]}}
    assert latest() is None


@pytest.mark.one_engine
def test_the_example_of_the_description_is_a_sheet(finance):
    paths = finance.get("/api/v1/openapi.json", headers=finance.headers).json["paths"]
    form = paths[API]["post"]["requestBody"]["content"]["multipart/form-data"]
    example = form["example"]["file"].replace("DEMO-02", body()["company"])
    finance.post(API, **handed_in(example.encode()), headers=finance.headers)
    counts = finance.get(f"{API}/1", headers=finance.headers).json["counts"]
    assert (sum(counts.values()), counts["unreadable"]) == (1, 0)
    links = paths[API]["post"]["responses"]["202"]["links"]
    linked = {link["operationId"] for link in links.values()}
    calls = [call for path in paths.values() for call in path.values() if "responses" in call]
    assert linked <= {call.get("operationId") for call in calls}


@pytest.mark.one_engine
def test_a_sheet_is_its_makers_alone(finance, session):
    finance.post(PAGE, **handed_in())
    other = user(FINANCE, name="b")
    for address in (f"{API}/1", f"{API}/1/result"):
        assert finance.get(address, headers=bearer(other)).status_code == 404
    sign_in(finance, other)
    assert finance.get(f"{PAGE}/1").status_code == 404
    assert "三月.csv" not in words(finance.get(PAGE))


# Once


def long_sheet(count: int) -> bytes:
    serials = range(1, count + 1)
    return sheet_of(*(row(invoice_number=invoice(n), insurer="INS-B") for n in serials))


def test_interrupted_anywhere_each_row_is_recorded_once(finance, worker, monkeypatch):
    monkeypatch.setattr(Recording.__init__, "__defaults__", ((*sheet.ADDED, "claim"), 2))
    finance.post(PAGE, **handed_in(long_sheet(7), record="y"))
    whole = sheet.Result.add
    for broken in range(1, 4):

        def add(result, said, answer, last=2 * broken):
            whole(result, said, answer)
            if said.row == last:
                raise Interrupted

        monkeypatch.setattr(sheet.Result, "add", add)
        assert tasks.run_next(clock.now())
        assert (latest().state, counted()) == ("queued", 2 * broken)
    monkeypatch.setattr(sheet.Result, "add", whole)
    assert tasks.run_next(clock.now())
    assert (latest().state, counted(), counted(SheetClaim)) == ("done", 7, 7)
    assert latest().summary["counts"]["held"] == 7
    assert db.session.scalar(select(func.count(Claim.invoice_key.distinct()))) == 7


def test_killed_in_the_middle_each_row_is_recorded_once(finance, worker, settings):
    finance.post(PAGE, **handed_in(long_sheet(1000), record="y"))
    with starting(settings) as start:
        first = start("worker", "--lease", "1.5")
        until(lambda: counted() >= 200, 90)
        first.kill()
        first.wait()
        before = counted()
        assert before % 200 == 0
        start("worker", "--lease", "1.5")
        until(lambda: latest().state == "done", 90)
    assert latest().attempts == 2
    assert before < counted() == counted(SheetClaim) == 1000
    entries = select(func.count()).where(HistoryEntry.verb == "record_claims")
    assert db.session.scalar(entries) == 5
    assert verify() is None


def test_one_sheet_by_two_at_once_and_two_that_share_invoices(together, session):  # noqa: F811
    policy(vehicle(2), "OTHER")
    db.session.commit()
    rows = [row(), row(policy_number="OTHER", invoice_number=invoice(2))]
    said = [
        sheet.Said(n, *sheet_record.rules.read(one, {"E1"})) for n, one in enumerate(rows, start=2)
    ]

    def recorded(digest: str, said: list[Any]) -> Any:
        return lambda: [answer.decision for answer in Recording(digest, "a", BY, AT)(said)]

    found = together(recorded("a" * 64, said), recorded("a" * 64, said))
    assert found == [["payable", "payable"]] * 2
    assert counted() == 2
    found = together(recorded("b" * 64, said[::-1]), recorded("c" * 64, said))
    assert found == [["refused", "refused"]] * 2
    limit_to(EVERYTHING)
    assert counted() == 6
