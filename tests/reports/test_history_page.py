"""The history page: what was done, narrowed by the address, exported, and verified."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text
from sqlalchemy.orm import Session

import fleet
from fleet.people.tables import Company
from fleet.reports import pages
from fleet.reports.verbs import VERBS
from fleet.storage import Actor, act, db
from fleet.web.access import AUDITOR, COMPANY_ADMIN, FINANCE, GROUP_ADMINISTRATOR
from tests.pages import PageClient, soup, words
from tests.reports.records import NOW, company, sign_in, statements

DAY = timedelta(days=1)
ANN, BOB = Actor(1, "ann@example.test"), Actor(2, "bob@example.test")


@pytest.fixture
def there(session: Session) -> Session:
    """Three entries: a company made, renamed, and a fact noted two days later."""
    with act("make", by=ANN, at=NOW, subject="N1"):
        company("N1")
    with act("rename", by=BOB, at=NOW, subject="N1") as _:
        db.session.query(Company).one().name = "New & <b>bold</b>"
    with act("note", by=BOB, at=NOW + 2 * DAY, subject="100%_x") as deed:
        deed.note(file="=1+1.xlsx", rows=3)
    return session


def verbs(client: PageClient, query: str = "") -> list[str]:
    page = soup(client.get(f"/history{query}"))
    return [cell.get_text(strip=True) for cell in page.select("td[data-label=What]")]


def test_the_newest_comes_first(there: Session, client: PageClient) -> None:
    sign_in(client, (AUDITOR, None))
    assert verbs(client) == ["note", "rename", "make"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?verb=rename", ["rename"]),
        ("?actor=BOB", ["note", "rename"]),
        ("?subject=n1", ["rename", "make"]),
        ("?subject=%25_", ["note"]),
        ("?since=2026-06-22", ["note"]),
        ("?until=2026-06-21", ["rename", "make"]),
        ("?since=2026-06-20&until=2026-06-20", ["rename", "make"]),
        ("?verb=rename&actor=ann", []),
        ("?since=someday", ["note", "rename", "make"]),
        ("?page=9", ["note", "rename", "make"]),
    ],
)
def test_the_address_narrows_it(
    there: Session, client: PageClient, query: str, found: list[str]
) -> None:
    sign_in(client, (AUDITOR, None))
    assert verbs(client, query) == found


def test_a_change_reads_from_what_to_what(there: Session, client: PageClient) -> None:
    sign_in(client, (GROUP_ADMINISTRATOR, None))
    answer = client.get("/history?verb=rename")
    page = soup(answer)
    assert page.find("del").get_text() == "Company N1"  # type: ignore[union-attr]
    assert page.find("ins").get_text() == "New & <b>bold</b>"  # type: ignore[union-attr]
    assert "Name:" in words(answer)


def test_the_chain_that_holds_is_said_to_hold(there: Session, client: PageClient) -> None:
    sign_in(client, (AUDITOR, None))
    answer = client.post("/history/verify", follow_redirects=True)
    assert "The chain holds: all 3 entries." in words(answer)


def test_a_chain_that_was_tampered_with_is_said_to_be_broken(
    there: Session, client: PageClient, engine: str
) -> None:
    sign_in(client, (AUDITOR, None))
    _open_the_guard(engine)
    db.session.execute(text("UPDATE history_entries SET actor = 'nobody' WHERE seq = 2"))
    db.session.commit()
    answer = client.post("/history/verify", follow_redirects=True)
    assert "The chain is broken at entry 2: its content was changed." in words(answer)


def _open_the_guard(engine: str) -> None:
    """Do what somebody does who owns the database."""
    if engine == "postgresql":
        db.session.execute(text("ALTER TABLE history_entries DISABLE TRIGGER ALL"))
        return
    rows = db.session.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))
    for (name,) in rows.all():
        db.session.execute(text(f"DROP TRIGGER {name}"))


def test_the_sheet_has_a_row_for_each_value_and_no_formula(
    there: Session, client: PageClient
) -> None:
    sign_in(client, (AUDITOR, None))
    answer = client.get("/history/export?actor=bob")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert rows[0][:5] == ["Entry", "When", "Who", "What", "About"]
    assert [row[3] for row in rows[1:]] == ["note", "note", "rename"]
    assert rows[1][8:] == ["file", "", "=1+1.xlsx"]
    assert rows[3][8:] == ["name", "Company N1", "New & <b>bold</b>"]


def test_a_sheet_that_is_cut_off_says_so(
    there: Session, client: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_ROWS", 2)
    sign_in(client, (AUDITOR, None))
    answer = client.get("/history/export")
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert len(rows) == 4
    assert rows[3][0].startswith("There is more.")


@pytest.mark.parametrize("address", ["/history", "/history/export"])
@pytest.mark.parametrize(
    "role", [(COMPANY_ADMIN, "N1"), (FINANCE, None), (AUDITOR, "N1"), (AUDITOR, "N")]
)
def test_who_reads_for_a_part_of_the_group_reads_no_history(
    there: Session, client: PageClient, address: str, role: tuple[str, str | None]
) -> None:
    sign_in(client, role)
    assert client.get(address).status_code == 403
    assert client.post("/history/verify").status_code == 403


def test_an_empty_history_says_so(session: Session, client: PageClient) -> None:
    sign_in(client, (AUDITOR, None))
    assert "Nothing was done yet" in words(client.get("/history"))


def test_more_entries_cost_no_more_statements(there: Session, client: PageClient) -> None:
    sign_in(client, (AUDITOR, None))
    client.get("/history")
    with statements() as few:
        client.get("/history")
    for number in range(20):
        with act("note", by=ANN, at=NOW, subject=str(number)) as deed:
            deed.note(number=number)
    with statements() as many:
        client.get("/history")
    assert len(many) == len(few)


def test_every_verb_of_the_services_has_words() -> None:
    """A verb without words would stand on the page as code."""
    used = _verbs_used()
    assert used
    assert used - set(VERBS) == set()


def _verbs_used() -> set[str]:
    import re

    from fleet.renewals.daily import JOB

    sources = Path(fleet.__file__).parent.rglob("*.py")
    found = (re.findall(r"\bact\(\s*\"([^\"]+)\"", one.read_text("utf-8")) for one in sources)
    return {JOB}.union(*found)
