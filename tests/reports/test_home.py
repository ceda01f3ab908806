"""The home page: each role its own part, over its own companies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from sqlalchemy.orm import Session

from fleet.storage import db
from fleet.web.access import AUDITOR, COMPANY_ADMIN, FINANCE, GROUP_ADMINISTRATOR, INSURANCE_DESK
from tests.pages import PageClient, soup, words
from tests.reports.records import NOW, TODAY, claim, group, sign_in, statements, vehicle

PARTS = ("fleet", "desk", "finance", "group")


@pytest.fixture(autouse=True)
def _clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def there(session: Session) -> Session:
    group()
    return session


def parts(client: PageClient) -> tuple[str, ...]:
    page = soup(client.get("/"))
    return tuple(name for name in PARTS if page.find("h2", id=name))


@pytest.mark.parametrize(
    ("roles", "shown"),
    [
        ([(COMPANY_ADMIN, "N1")], ("fleet",)),
        ([(INSURANCE_DESK, "N")], ("desk",)),
        ([(FINANCE, None)], ("finance",)),
        ([(GROUP_ADMINISTRATOR, None)], ("group",)),
        ([(AUDITOR, None)], ("group",)),
        ([(GROUP_ADMINISTRATOR, None), (AUDITOR, None)], ("group",)),
        ([(COMPANY_ADMIN, "N1"), (FINANCE, "N2"), (INSURANCE_DESK, "S")], PARTS[:3]),
    ],
)
def test_each_role_sees_its_part(
    there: Session, client: PageClient, roles: list[tuple[str, str | None]], shown: tuple[str, ...]
) -> None:
    sign_in(client, *roles)
    assert parts(client) == shown


def test_each_part_keeps_to_the_companies_of_its_role(there: Session, client: PageClient) -> None:
    sign_in(client, (COMPANY_ADMIN, "S1"), (FINANCE, "N1"))
    answer = client.get("/")
    text = words(answer)
    assert "Nothing to do" in text, "the barred vehicles are N1's, where the role is finance"
    assert "Held claims" in text
    assert "Company N2" not in text


def test_a_company_admin_is_told_what_to_do_first(there: Session, client: PageClient) -> None:
    sign_in(client, (COMPANY_ADMIN, "N1"))
    text = words(client.get("/"))
    barred, late, short = (
        text.index(words_)
        for words_ in (
            "Take these off the road",
            "Move these requests for cover on",
            "Have these cured",
        )
    )
    assert barred < late < short
    assert "No compulsory traffic insurance" in text
    assert "1 day late" in text
    assert "No vehicle and vessel tax" in text


def test_the_desk_sees_its_queue_by_day(there: Session, client: PageClient) -> None:
    sign_in(client, (INSURANCE_DESK, "N"))
    text = words(client.get("/"))
    assert "2026-06-23 in 3 days 2" in text
    assert "2026-07-05 in 15 days 2" in text
    assert f"Before {TODAY} late 2" in text
    assert "Company S1" not in text


def test_the_desk_with_nothing_due_is_told_so(session: Session, client: PageClient) -> None:
    vehicle("N1", last=TODAY.replace(year=2027))
    sign_in(client, (INSURANCE_DESK, "N"))
    assert "The queue is empty" in words(client.get("/"))


def test_finance_has_one_box_for_all_it_asks(there: Session, client: PageClient) -> None:
    sign_in(client, (FINANCE, None))
    page = soup(client.get("/"))
    box = page.select_one("form[action='/reimbursement/desk'] #ask")
    assert box is not None
    assert box["name"] == "q"
    assert "300.03" in page.get_text()


def test_the_group_sees_every_company_under_its_region(there: Session, client: PageClient) -> None:
    sign_in(client, (AUDITOR, None))
    text = words(client.get("/"))
    for name in ("Region N", "Company N1", "Company N2", "Region S", "Company S1"):
        assert name in text


def test_a_group_without_companies_is_told_what_to_do(session: Session, client: PageClient) -> None:
    sign_in(client, (GROUP_ADMINISTRATOR, None))
    assert "No companies yet" in words(client.get("/"))


@pytest.mark.parametrize(
    ("roles", "least"),
    [
        ([(AUDITOR, None)], 21),
        ([(INSURANCE_DESK, "N")], 9),
        ([(COMPANY_ADMIN, "N1")], 3),
        ([(FINANCE, None)], 2),
    ],
)
def test_a_number_leads_to_a_list_of_as_many(
    there: Session, client: PageClient, roles: list[tuple[str, str | None]], least: int
) -> None:
    sign_in(client, *roles)
    followed = 0
    for link in soup(client.get("/")).select("a.count, a.figure"):
        number = link.get_text(" ", strip=True).split()[0]
        address = str(link["href"])
        listed = client.get(address)
        assert listed.status_code == 200, address
        # What is barred soon leads to what will be barred then, with what is barred already.
        if "on=" not in address and number.isdigit():
            followed += 1
            pages = soup(listed).select_one("nav.pages p")
            assert pages is not None, address
            assert pages.get_text(strip=True).endswith(f"of {number}"), address
    assert followed >= least


def test_who_is_not_signed_in_is_asked_to(client: PageClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert "/login" in answer.headers["Location"]


def test_who_holds_no_role_sees_nothing(session: Session, client: PageClient) -> None:
    sign_in(client)
    assert client.get("/").status_code == 403


@pytest.mark.parametrize("language", ["zh-CN", "zh-TW"])
def test_the_page_speaks_the_readers_language(
    there: Session, client: PageClient, language: str
) -> None:
    sign_in(client, (COMPANY_ADMIN, "N1"), (INSURANCE_DESK, None), (FINANCE, None), (AUDITOR, None))
    answer = client.get("/", headers={"Accept-Language": language})
    assert answer.status_code == 200


def test_a_larger_group_costs_no_more_statements(there: Session, client: PageClient) -> None:
    sign_in(
        client,
        *((COMPANY_ADMIN, "N1"), (INSURANCE_DESK, None), (FINANCE, None), (AUDITOR, None)),
    )
    client.get("/")
    with statements() as few:
        client.get("/")
    for number in range(3, 9):
        vehicle(f"N{number}", last=TODAY)
        vehicle(f"N{number}")
        claim("held", f"S{number}")
    db.session.commit()
    with statements() as many:
        client.get("/")
    assert len(many) == len(few) < 40
