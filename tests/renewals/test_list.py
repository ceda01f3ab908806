"""The renewals as listed: on pages, as a sheet, over HTTP, in the caller's scope."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
import time_machine
from python_calamine import load_workbook
from sqlalchemy import delete

from fleet.people.tables import Grant
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import NEW
from fleet.storage import db
from fleet.web.access import AUDITOR, COMPANY_ADMIN, FINANCE, INSURANCE_DESK
from tests.pages import soup, words
from tests.policies.records import statements
from tests.renewals.records import (
    DAY,
    X,
    bearer,
    caller,
    company,
    policy,
    run,
    sign_in,
    vehicle,
)

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)  # noon of X in the company's zone


@pytest.fixture(autouse=True)
def _at_noon_of_x():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def due(session):
    """Five renewals: two companies, one late, one due later, one renewed since."""
    policy(vehicle(1), "compulsory", X - 2 * DAY)
    policy(vehicle(2), "commercial", X)
    policy(vehicle(3, holder="B1", region="B"), "compulsory", X + 3 * DAY)
    policy(vehicle(4, holder="B1", region="B"), "compulsory", X + 14 * DAY)
    renewed = vehicle(5)
    policy(renewed, "compulsory", X)
    run(X - DAY)
    policy(renewed, "compulsory", first=X + DAY, last=X + 365 * DAY)
    run(X)
    # That nobody here has the other kind of policy is another story.
    session.execute(delete(CoverRequest).where(CoverRequest.occasion == NEW))
    session.commit()


def vins(answer) -> list[str]:
    """The last figures of the vehicles a page lists."""
    return [cell.get_text(strip=True)[-1] for cell in soup(answer).select("tbody th")]


@pytest.fixture
def page(due, client):
    """Fetches the list's page for one who sees the whole group."""
    sign_in(client, caller(AUDITOR))
    return lambda query="": client.get(f"/renewals{query}")


def test_open_ones_by_the_day_they_fall_due(page):
    answer = page()
    assert answer.status_code == 200
    assert vins(answer) == ["1", "2", "3", "4"]
    told = words(answer)
    for said in ("2 days late", "expires today", "3 days left", "14 days left"):
        assert said in told
    tiles = [" ".join(tile.get_text(" ").split()) for tile in soup(answer).select(".figures a")]
    assert tiles == ["1 late", "2 due within 7 days", "1 due later"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?state=late", "1"),
        ("?state=insured", "5"),
        ("?state=all", "12534"),
        ("?state=laid_up", ""),
        ("?state=not_reported", "1234"),
        ("?state=desk", ""),
        ("?occasion=renewal", "1234"),
        ("?occasion=new", ""),
        ("?kind=commercial", "2"),
        ("?company=B1", "34"),
        ("?region=B&kind=compulsory", "34"),
        ("?company=nobody", ""),
        ("?due_from=2026-06-30&due_to=2026-07-03", "23"),
        ("?due_from=2026-07-01", "34"),
        ("?due_to=not-a-day", "1234"),
        ("?q=00003", "3"),
        ("?q=COMM-0002", "2"),
        ("?q=comp+LTEST", "134"),
        ("?q=%25", ""),
        ("?sort=-due", "4321"),
        ("?sort=-company", "4321"),
        ("?sort=drop+table", "1234"),
    ],
)
def test_filters_and_order_stand_in_the_address(page, query, found):
    assert "".join(vins(page(query))) == found


def test_a_list_says_the_next_step_and_leads_to_each_request(page):
    found = soup(page("?q=00003")).select_one("tbody tr")
    assert found.select_one("th a")["href"].startswith("/renewals/")
    told = " ".join(found.get_text(" ").split())
    assert "Prepare it company" in told
    assert "Renewal COMP-0003" in told


def test_only_what_one_may_report_can_be_ticked(due, client):
    clerk = caller(FINANCE, "B1").grants[0].role
    user = caller(COMPANY_ADMIN, "A1")
    user.grants.append(Grant(role=clerk, company=company("B1")))
    db.session.commit()
    sign_in(client, user)
    listed = soup(client.get("/renewals")).select("tbody tr")
    ticked = [bool(one.select("input[name=ids]")) for one in listed]
    assert ticked == [True, True, False, False]


def test_more_requests_cost_no_more_statements(page):
    page()
    with statements() as few:
        page("?q=00003")
    with statements() as many:
        page()
    assert len(many) == len(few)


def test_an_export_is_what_the_list_shows(page, client):
    answer = client.get("/renewals/export?company=B1&sort=-due")
    sheet = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert sheet[0][:3] == ["VIN", "Plate", "Company"]
    assert [row[0][-1] for row in sheet[1:]] == ["4", "3"]
    assert sheet[1][6:8] == [(X + 14 * DAY), 14]
    assert sheet[1][-4:] == ["Due", "Renewal", "Prepare it", "company"]


@pytest.mark.parametrize(
    ("role", "company", "region", "seen"),
    [
        (COMPANY_ADMIN, "A1", None, "12"),
        (FINANCE, "B1", None, "34"),
        (INSURANCE_DESK, None, "B", "34"),
        (COMPANY_ADMIN, "C1", None, ""),
    ],
)
def test_each_sees_their_own(due, client, role, company, region, seen):
    user = caller(role, company, region)
    sign_in(client, user)
    answer = client.get("/renewals")
    assert "".join(vins(answer)) == seen
    told = words(answer)
    assert ("Company B1" in told) == ("3" in seen)
    rows = client.get("/api/v1/renewals?state=due", headers=bearer(user)).get_json()
    assert (rows["total"], "".join(row["vin"][-1] for row in rows["items"])) == (len(seen), seen)


def test_the_api_answers_as_promised(due, client):
    header = bearer(caller(AUDITOR))
    answer = client.get("/api/v1/renewals?state=due&page_size=1&page=2", headers=header)
    found = answer.get_json()
    assert found["items"][0].pop("id") > 0
    assert found == {
        "items": [
            {
                "vin": "LTESTA00000000002",
                "plate": None,
                "company": "A1",
                "kind": "commercial",
                "occasion": "renewal",
                "policy_number": "COMM-0002-20250701",
                "expiry_day": "2026-06-30",
                "opens_on": "2026-06-15",
                "opened_on": "2026-06-29",
                "closed_on": None,
                "state": "due",
                "late": False,
            }
        ],
        "total": 4,
        "page": 2,
        "page_size": 1,
    }


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("", 5),
        ("state=insured", 1),
        ("opened_since=2026-06-29", 5),
        ("opened_since=2026-06-30", 0),
        ("company=A1", 3),
        ("late=true", 1),
        ("kind=commercial", 1),
        ("q=00004", 1),
    ],
)
def test_the_api_filters(due, client, query, total):
    answer = client.get(f"/api/v1/renewals?{query}", headers=bearer(caller(AUDITOR)))
    assert answer.get_json()["total"] == total


@pytest.mark.one_engine
@pytest.mark.parametrize("query", ["state=opened", "page=0", "page_size=501", "opened_since=soon"])
def test_the_api_refuses_what_it_cannot_read(session, client, query):
    answer = client.get(f"/api/v1/renewals?{query}", headers=bearer(caller(AUDITOR)))
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


@pytest.mark.one_engine
def test_nobody_else_gets_in(session, client):
    assert client.get("/renewals").status_code == 302
    assert client.get("/api/v1/renewals").status_code == 401
