"""The rulebook page prints the rulebook's data, all of it, in three languages."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from fleet.web.access import ROLES
from tests.make import book
from tests.pages import PageClient, soup, words
from tests.reports.records import sign_in

LANGUAGES = {"en": "en", "zh-CN": "zh_Hans", "zh-TW": "zh_Hant"}
pytestmark = pytest.mark.one_engine


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_clause_ruling_and_wording_is_there_in_the_readers_language(
    session: Session, client: PageClient, language: str
) -> None:
    sign_in(client, ("auditor", None))
    text = words(client.get("/rulebook", headers={"Accept-Language": language}))
    locale, rules = LANGUAGES[language], book()
    said = [clause.words for clause in rules.clauses.values()]
    said += [terms.words for terms in rules.terms]
    said += [one for ruling in rules.open_rulings for one in (ruling.question, ruling.ruling)]
    for one in said:
        assert " ".join(one.of(locale).split()) in text


def test_every_clause_has_an_anchor_that_others_lead_to(
    session: Session, client: PageClient
) -> None:
    sign_in(client, ("auditor", None))
    page = soup(client.get("/rulebook"))
    anchors = {f"clause-{number.replace('.', '-')}" for number in book().clauses}
    assert anchors == {str(row["id"]) for row in page.select("tr[id^=clause-]")}
    led_to = {str(a["href"]).partition("#")[2] for a in page.select("a.clause")}
    assert led_to <= anchors


def test_every_reason_is_there_with_its_effect_and_every_number_of_the_rule(
    session: Session, client: PageClient
) -> None:
    sign_in(client, ("auditor", None))
    page = client.get("/rulebook")
    text = words(page)
    edition = book().editions[-1]
    for code in edition.reimbursement.reasons:
        assert code in text
    assert text.count("Refused") == 7
    for number in ("200,000", "20,000 a seat", "15 days before", "within 30 days", "by 0.01 yuan"):
        assert number in text


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_read_it(session: Session, client: PageClient, role: str) -> None:
    sign_in(client, (role, None))
    assert client.get("/rulebook").status_code == 200
