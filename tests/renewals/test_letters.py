"""Letters to companies, by the text of their PDF: what each tells, to whom, in which language."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from zipfile import ZipFile

import pytest
import time_machine
from pypdf import PdfReader
from sqlalchemy import event
from werkzeug.test import TestResponse

from fleet.policies.tables import CoverLine
from fleet.renewals import letters
from fleet.renewals.letters import DEFICIENCY, NOTICE, NothingToWrite, Ordered, make_letters
from fleet.storage import Scope, db, limit_to
from fleet.web.access import AUDITOR, COMPANY_ADMIN, INSURANCE_DESK
from tests.pages import soup, words
from tests.renewals.records import DAY, X, caller, company, policy, run, sign_in, vehicle

NOW = datetime(2026, 6, 20, 4, tzinfo=UTC)  # ten days before X
HOSTILE = "甲<b>公司</b> & </td>"


@pytest.fixture(autouse=True)
def _ten_days_before_x():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def fleet(session):
    """Company A1 of region A: one barred, one short, one whole; B1 of region B: one barred."""
    barred, short, whole = vehicle(1), vehicle(2), vehicle(3)
    barred.plate, short.plate = "沪A00001", "沪A00002"
    policy(barred, "compulsory", tax_exempt=True)
    for one, driver in ((short, 10_000), (whole, 20_000)):
        policy(one, "compulsory", X + 100 * DAY, tax_exempt=True)
        policy(one, "commercial", X + 5 * DAY, terms="2020").lines = lines(driver)
    foreign = vehicle(4, holder="B1", region="B")
    policy(foreign, "compulsory", X)
    company().name = HOSTILE
    run(X - 10 * DAY)


def lines(driver: int) -> list[CoverLine]:
    return [
        CoverLine(cover="damage"),
        CoverLine(cover="third_party", sum_insured=1_000_000),
        CoverLine(cover="occupants_driver", sum_insured=driver, seats=1),
        CoverLine(cover="occupants_passengers", sum_insured=20_000, seats=4),
    ]


def make(app, paper: str, language: str = "en", **more) -> str:
    """The text of the letters without blanks; Chinese breaks anywhere."""
    told = []
    ordered = Ordered(paper=paper, at=NOW, language=language, **more)
    with app.test_request_context():
        limit_to(Scope(everything=True))
        made = make_letters(
            ordered, app.extensions["rulebook"], lambda *so_far: told.append(so_far)
        )
    assert told[-1][0] == told[-1][1]
    return plain(*made)


def plain(document: bytes) -> str:
    pages = PdfReader(io.BytesIO(document)).pages
    return squeeze("".join(page.extract_text() for page in pages))


def squeeze(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "Clause 2.4: Occupant liability insurance on every seat",
                "No third-party liability cover",
                "at least 200,000 yuan",
                "nothing on record",
                "Do not use the vehicle. Have the desk add third-party cover.",
                "At once",
                "Occupant liability below the minimum per seat",
                "at least 20,000 yuan a seat",
                "10,000 yuan a seat",
                "Have the desk raise the sum for each seat by an endorsement.",
                "Without delay",
            ),
        ),
        (
            "zh_Hans",
            (
                "车上人员责任险，按行驶证核定座位数足额投保",
                "未投保的车辆不得使用",
                "不低于200,000元",
                "请勿使用该车辆",
            ),
        ),
        ("zh_Hant", ("未投保的車輛不得使用",)),
    ],
)
def test_a_deficiency_letter_tells_each_shortfall_and_its_cure(app, fleet, language, said):
    text = make(app, DEFICIENCY, language, company="A1")
    for words_ in said:
        assert squeeze(words_) in text
    for serial in (1, 2):
        assert text.count(f"LTESTA{serial:011d}") == 1, "every vehicle once"
    assert f"LTESTA{3:011d}" not in text, "a whole one is not written about"
    assert "COMM-0002" in text, "the policy to be mended"
    assert (X + 5 * DAY).isoformat() in text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            (
                "Clause 3.3: For a vehicle already insured, the company reports to the desk",
                "Clause 3.2: For a new cover the company first has the request approved",
                "The company prepares the request and reports it",
                f"By {X}",
            ),
        ),
        (
            "zh_Hans",
            ("已投保车辆，由公司在保单到期前15日内报片区保险部门", "新投保车辆须先经OA审批"),
        ),
    ],
)
def test_a_renewal_notice_tells_what_is_asked_by_when(app, fleet, language, said):
    text = make(app, NOTICE, language, company="A1")
    for words_ in said:
        assert squeeze(words_) in text
    assert text.count(f"LTESTA{1:011d}") == 2, "a renewal and a first cover"
    assert "COMP-0001-20250701" in text
    assert "DEMO-A" in text, "the insurer"
    assert str(X) in text


def test_what_is_late_is_asked_at_once(app, fleet):
    run(X + DAY)
    with time_machine.travel(NOW + 11 * DAY, tick=False):
        ordered = Ordered(paper=NOTICE, at=NOW + 11 * DAY, language="en", company="A1")
        with app.test_request_context():
            limit_to(Scope(everything=True))
            text = plain(*make_letters(ordered, app.extensions["rulebook"], lambda *_: None))
    assert "Atonce" in text


@pytest.mark.parametrize("paper", letters.PAPERS)
def test_names_are_told_as_they_are_and_each_company_has_its_own_pages(app, fleet, paper):
    with app.test_request_context():
        limit_to(Scope(everything=True))
        ordered = Ordered(paper=paper, at=NOW, language="en")
        (made,) = make_letters(ordered, app.extensions["rulebook"], lambda *_: None)
    pages = [squeeze(page.extract_text()) for page in PdfReader(io.BytesIO(made)).pages]
    assert len(pages) == 2
    assert squeeze(HOSTILE) in pages[0]
    assert "CompanyB1" not in pages[0]
    assert "CompanyB1" in pages[1]
    assert all("1/1" in page for page in pages), "each counts its own pages"


@pytest.mark.one_engine
def test_a_long_letter_goes_on_in_parts(app, fleet, monkeypatch):
    monkeypatch.setattr(letters, "LINES_A_LETTER", 1)
    text = make(app, DEFICIENCY, company="A1")
    assert "Part1of2" in text
    assert "Part2of2" in text


@pytest.fixture
def many(client, fleet, monkeypatch):
    """One vehicle is many here; answers what the task leaves."""
    monkeypatch.setattr(letters, "MADE_AT_ONCE", 1)
    sign_in(client, caller(INSURANCE_DESK, region="A"))

    def order(query: str) -> TestResponse:
        answer = client.post(f"/letters?{query}", follow_redirects=True)
        assert "Done" in words(answer)
        return client.get(f"{answer.request.path}/result")

    return order


def test_many_letters_are_a_task(client, many):
    assert client.get("/letters/letters.pdf?paper=deficiency_letter").status_code == 409
    assert "made as a task" in words(client.get("/letters?paper=deficiency_letter"))
    left = many("paper=deficiency_letter&language=zh_Hans")
    assert left.mimetype == "application/pdf"
    assert "deficiency_letter-all-2026-06-20.pdf" in left.headers["Content-Disposition"]
    text = plain(left.data)
    assert "未投保的车辆不得使用" in text, "the language chosen, not the reader's"
    assert "CompanyB1" not in text, "the asker's rows"
    assert f"{4:011d}" not in text


@pytest.mark.one_engine
def test_very_many_letters_are_several_documents(many, monkeypatch):
    monkeypatch.setattr(letters, "LINES_A_LETTER", 1)
    monkeypatch.setattr(letters, "LINES_A_DOCUMENT", 1)
    left = many("paper=deficiency_letter&language=en&company=A1")
    assert left.mimetype == "application/zip"
    with ZipFile(io.BytesIO(left.data)) as archive:
        names = archive.namelist()
        told = [plain(archive.read(name)) for name in names]
    assert names == [f"deficiency_letter-A1-2026-06-20-{number}.pdf" for number in (1, 2)]
    assert f"LTESTA{1:011d}" in told[0]
    assert f"LTESTA{2:011d}" not in told[0]
    assert f"LTESTA{2:011d}" in told[1]


def test_no_task_is_asked_for_nothing(client, many):
    assert client.post("/letters?company=B1").status_code == 404


@pytest.mark.one_engine
@pytest.mark.parametrize("paper", letters.PAPERS)
def test_statements_do_not_grow_with_the_fleet(app, fleet, paper):
    def statements() -> int:
        counted = []
        listener = lambda *_: counted.append(1)  # noqa: E731 - taken off again below
        event.listen(db.engine, "before_cursor_execute", listener)
        letters.letters_of(Ordered(paper=paper, at=NOW, language="en"), app.extensions["rulebook"])
        event.remove(db.engine, "before_cursor_execute", listener)
        return len(counted)

    few = statements()
    for serial in range(10, 30):
        policy(vehicle(serial, holder=f"C{serial}"), "compulsory", X)
    run(X - 9 * DAY)
    assert statements() == few


def test_progress_may_end_it(app, fleet):
    class Enough(Exception):
        pass

    def told(_done: int, _total: int) -> None:
        raise Enough

    with app.test_request_context(), pytest.raises(Enough):
        limit_to(Scope(everything=True))
        ordered = Ordered(paper=NOTICE, at=NOW, language="en")
        make_letters(ordered, app.extensions["rulebook"], told)


def test_nothing_to_tell_is_said(app, fleet):
    with app.test_request_context(), pytest.raises(NothingToWrite):
        make(app, NOTICE, company="NOBODY")


# The pages


def test_the_page_tells_how_much_there_is(client, fleet):
    sign_in(client, caller(AUDITOR))
    page = words(client.get("/letters?paper=deficiency_letter"))
    assert "Letters to 2 companies" in page
    assert HOSTILE in page
    assert "Company B1" in page
    page = words(client.get("/letters?region=B"))
    assert "Letters to 1 company" in page
    assert "Nothing is due." in words(client.get("/letters?company=NOBODY"))


def test_the_document_speaks_the_language_chosen(client, fleet):
    sign_in(client, caller(AUDITOR))
    answer = client.get("/letters/letters.pdf?paper=deficiency_letter&language=zh_Hans&company=A1")
    assert answer.mimetype == "application/pdf"
    assert "deficiency_letter-A1-2026-06-20.pdf" in answer.headers["Content-Disposition"]
    assert "未投保的车辆不得使用" in plain(answer.data)


@pytest.mark.parametrize(
    ("role", "place"), [(COMPANY_ADMIN, {"company_code": "A1"}), (INSURANCE_DESK, {"region": "A"})]
)
@pytest.mark.parametrize("paper", letters.PAPERS)
def test_a_foreign_company_is_in_none(client, fleet, role, place, paper):
    sign_in(client, caller(role, **place))
    page = words(client.get(f"/letters?paper={paper}"))
    assert "Letters to 1 company" in page
    assert "Company B1" not in page
    answer = client.get(f"/letters/letters.pdf?paper={paper}")
    text = plain(answer.data)
    assert squeeze(HOSTILE) in text
    assert "CompanyB1" not in text
    assert f"{4:011d}" not in text
    assert client.get(f"/letters/letters.pdf?paper={paper}&company=B1").status_code == 404


def test_a_day_asked_is_the_day_judged(client, fleet):
    sign_in(client, caller(AUDITOR))
    page = soup(client.get(f"/letters?paper=deficiency_letter&day={X + 50 * DAY}&company=A1"))
    assert [cell.get_text() for cell in page.select("td.number")] == ["3", "3"]
    answer = client.get(
        f"/letters/letters.pdf?paper=deficiency_letter&day={X + 50 * DAY}&company=A1&language=en"
    )
    text = plain(answer.data)
    assert all(f"LTESTA{serial:011d}" in text for serial in (1, 2, 3))
