"""The desk's workbench: whose queue, by what, one step over many, and nothing lost on the way."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine
from python_calamine import load_workbook
from sqlalchemy import select

from fleet.insurers.tables import Designation
from fleet.renewals import service
from fleet.renewals.moving import request_of
from fleet.renewals.tables import Approval, Placement
from fleet.storage import db
from tests.pages import soup, words
from tests.renewals.desk_records import (
    NOW,
    TODAY,
    WHO,
    as_desk,
    designate,
    ids_of,
    insured,
    placed,
    reported,
    states,
)
from tests.renewals.records import DAY, X, caller, policy, run, sign_in
from tests.reports.records import statements

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def listed(answer) -> list[str]:
    """The last figure of each vehicle a page lists, and the kind's first letters."""
    rows = soup(answer).select("tbody tr")
    return [f"{row.th.get_text(' ', strip=True)[-1]}{_kind(row)}" for row in rows if row.th]


def _kind(row) -> str:
    return row.find("td", attrs={"data-label": "Kind"}).get_text(strip=True)[:4]


def ticked(answer) -> set[int]:
    return {int(box["value"]) for box in soup(answer).select("input[name=id][checked]")}


def test_the_queue_holds_what_is_with_the_desk(client):
    ids = reported(1, 2)
    insured(3, region="B")
    run(TODAY)
    service.accept(ids[:1], **WHO)
    page = as_desk(client).get("/workbench")
    assert sorted(listed(page)) == ["1Comm", "1Comp", "2Comm", "2Comp"]
    told = words(page)
    assert "3 reported, to accept 1 accepted, to place 0 placed, to be insured" in told
    assert "0 not yet reported" in told, "vehicle 3 is another region's"


FILTERED = {
    "?state=accepted": 2,
    "?state=late": 0,
    "?state=due": 6,
    "?kind=commercial": 3,
    "?region=A&company=A1": 6,
    "?region=B": 0,
    "?held_by=DEMO-A": 6,
    "?held_by=INS-A": 0,
    "?placed_with=INS-A": 2,
    "?occasion=new": 0,
    "?q=A00002": 2,
    "?due_from=2026-07-01": 0,
    "?due_to=no+day": 6,
    "?sort=-plate&page=7": 6,
    "?sort=drop+table": 6,
}


def test_filters_stand_in_the_address(client):
    designate("INS-A", "A")
    ids = reported(1, 2, 3)
    service.accept(ids[:4], **WHO)
    service.place(ids[:2], "INS-A", **WHO)
    as_desk(client)
    found = {query: len(listed(client.get(f"/workbench{query}"))) for query in FILTERED}
    assert found == FILTERED


def test_the_export_is_what_the_list_shows(client):
    reported(1, 2)
    answer = as_desk(client).get("/workbench/export?kind=commercial&sort=-plate")
    sheet = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert [row[1] for row in sheet[1:]] == ["京A00002", "京A00001"]
    assert sheet[0][-1] == "Missing"
    assert sheet[1][-1] == "Licence data incomplete; The company's credit code is missing"


@pytest.mark.one_engine
def test_a_page_asks_the_same_number_of_questions_however_long(client):
    reported(1)
    desk = as_desk(client)
    with statements() as few:
        desk.get("/workbench")
    reported(*range(2, 12))
    with statements() as many:
        assert len(listed(desk.get("/workbench"))) == 22
    assert len(many) == len(few) < 25


# One step over many


def send(client, step: str, ids=(), **fields):
    return client.post("/workbench", data={"step": step, "id": [str(one) for one in ids], **fields})


def test_accept(client):
    ids = reported(1, 2)
    answer = send(as_desk(client), "accept", ids[:3])
    assert answer.status_code == 302
    assert states(ids) == ["accepted"] * 3 + ["submitted"]
    assert "3 requests accepted." in words(client.get("/workbench"))


def test_all_on_the_page_without_ticking_each(client):
    ids = reported(1, 2)
    page = soup(as_desk(client).get("/workbench?kind=commercial"))
    shown = page.find("input", attrs={"name": "shown"})["value"]
    send(client, "accept", all="yes", shown=shown)
    assert states(ids) == ["submitted", "accepted"] * 2


def test_what_cannot_move_stays_ticked_and_says_why(client):
    ids = reported(1)
    service.accept(ids[:1], **WHO)
    answer = send(as_desk(client), "accept", ids)
    assert answer.status_code == 200
    assert "1 request accepted." in words(answer)
    left = soup(answer).find("section", attrs={"role": "alert"}).get_text(" ", strip=True)
    assert left.startswith("1 request was left out LTESTA00000000001 Compulsory traffic insurance")
    assert left.endswith("The request is in the state “Accepted”.")
    assert ticked(answer) == {ids[0]}
    assert states(ids) == ["accepted"] * 2


def test_another_regions_request_is_left_out_as_if_it_were_not_there(client):
    own, foreign = reported(1), reported(2, region="B")
    answer = send(as_desk(client), "accept", [*own, *foreign])
    assert states(own + foreign) == ["accepted"] * 2 + ["submitted"] * 2
    told = words(answer)
    assert "2 requests were left out" in told
    assert "LTESTA00000000002" not in told
    assert f"#{foreign[0]}" in told


def test_return_asks_for_a_reason(client):
    ids = reported(1)
    answer = send(as_desk(client), "return", ids, return_reason="  ")
    assert "Say what the company is to mend." in words(answer)
    assert ticked(answer) == set(ids)
    assert states(ids) == ["submitted"] * 2
    send(client, "return", ids, return_reason="The engine number is wrong.")
    assert states(ids) == ["returned"] * 2
    assert request_of(ids[0]).reason == "The engine number is wrong."


def test_place_and_take_back(client):
    designate("INS-A", "A")
    ids = reported(1)
    service.accept(ids, **WHO)
    send(as_desk(client), "place", ids, insurer="INS-A", note="first batch")
    made = db.session.scalars(select(Placement)).one()
    assert (states(ids), made.note) == (["placed"] * 2, "first batch")
    assert "Say why it is taken back." in words(send(client, "take_back", ids))
    send(client, "take_back", ids, take_back_reason="They declined.")
    assert states(ids) == ["accepted"] * 2


def test_place_asks_for_an_insurer(client):
    ids = reported(1)
    service.accept(ids, **WHO)
    assert "Choose an insurer." in words(send(as_desk(client), "place", ids))
    assert states(ids) == ["accepted"] * 2


@pytest.mark.parametrize(
    ("since", "until", "may"),
    [
        (TODAY + DAY, None, False),  # today is the day before
        (TODAY, None, True),
        (TODAY - DAY, TODAY + DAY, True),  # today is the last day
        (TODAY - DAY, TODAY, False),
    ],
)
def test_an_insurer_is_offered_and_taken_on_the_days_of_its_designation(client, since, until, may):
    designate("INS-A", "A", since, until)
    ids = reported(1)
    service.accept(ids, **WHO)
    page = as_desk(client).get("/workbench")
    offered = {option["value"] for option in soup(page).select("#insurer option")}
    assert ("INS-A" in offered) == may
    answer = send(client, "place", ids, insurer="INS-A")
    assert states(ids) == [("placed" if may else "accepted")] * 2
    if not may:
        assert "is not designated for region A on 2026-06-20 (clause 3.1)" in words(answer)


def test_an_insurer_of_one_region_leaves_the_others_requests(client):
    designate("INS-A", "A")
    designate("INS-B", "B")
    ids = reported(1) + reported(2, region="B")
    service.accept(ids, **WHO)
    sign_in(client, caller("group_administrator"))
    answer = send(client, "place", ids, insurer="INS-B")
    assert states(ids) == ["accepted"] * 2 + ["placed"] * 2
    assert words(answer).count("INS-B is not designated for region A") == 2
    assert ticked(answer) == set(ids[:2])


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "Tick the requests that you mean."),
        ({"id": "no number"}, "Tick the requests that you mean."),
        ({"id": "99999999999999"}, "Tick the requests that you mean."),
        ({"id": "1", "step": "insure"}, "Choose what to do with them."),
        ({"id": "1", "step": ""}, "Choose what to do with them."),
        ({"all": "yes", "shown": ",".join(map(str, range(1001)))}, "At most 1000 requests"),
    ],
)
def test_what_is_sent_in_error_moves_nothing(client, fields, told):
    ids = reported(1)
    answer = as_desk(client).post("/workbench", data=fields)
    assert told in words(answer)
    assert states(ids) == ["submitted"] * 2


# What is missing


def lacking(client) -> list[str]:
    cells = soup(client.get("/workbench")).select('td[data-label="Missing"]')
    return [cell.get_text(" ", strip=True) for cell in cells]


ALWAYS = "Licence data incomplete The company's credit code is missing"


def test_what_a_placed_request_lacks(client):
    placed(1)
    assert lacking(as_desk(client)) == [f"No expected premium {ALWAYS}"] * 2


@pytest.mark.parametrize(("days", "lost"), [(0, False), (1, True)])
def test_an_insurer_that_is_designated_no_more_is_said(client, days, lost):
    placed(1)
    for one in db.session.scalars(select(Designation)):
        one.until = TODAY + DAY
    db.session.commit()
    as_desk(client)
    with time_machine.travel(NOW + timedelta(days=days), tick=False):
        told = lacking(client)
    assert all(("not designated any more" in one) == lost for one in told)


def test_nothing_is_missing_where_all_is_known(client):
    _placement, ids = placed(1)
    for number in ids:
        request = request_of(number)
        car, holder = request.vehicle, request.vehicle.company
        car.brand_model, car.engine_number, car.first_registered = "Model", "E1", X
        holder.credit_code = "91350100M000100Y43"
        service.expect(number, Decimal(900), None, version=request.version, **WHO)
    db.session.commit()
    assert lacking(as_desk(client)) == ["nothing"] * 2


@pytest.mark.parametrize(("state", "lost"), [("approved", False), ("withdrawn", True)])
def test_an_approval_that_the_oa_took_back_is_said(client, state, lost):
    for number in reported(1):
        told = {"number": f"OA-{number}", "approver": "Ms Wu", "decided_on": TODAY}
        request_of(number).approval = Approval(**told, state=state, received_at=NOW)
    db.session.commit()
    assert all(("No OA approval stands" in one) == lost for one in lacking(as_desk(client)))


def test_late_and_a_first_day_gone_by_are_said(client):
    ids = reported(1)
    for number in ids:
        request_of(number).asked_from = X + DAY
    db.session.commit()
    as_desk(client)
    with time_machine.travel(NOW + timedelta(days=12), tick=False):
        assert lacking(client) == [f"Late The first day asked is past {ALWAYS}"] * 2
        assert len(listed(client.get("/workbench?state=late"))) == 2


def test_what_companies_have_not_reported_leads_to_it(client):
    reported(1)
    insured(2)
    run(TODAY)
    page = soup(as_desk(client).get("/workbench"))
    link = next(one for one in page.select(".figures a") if "not yet reported" in one.text)
    assert "2" in link.text
    found = client.get(link["href"])
    assert len(soup(found).select("tbody tr")) == len(ids_of(state="due")) == 2


def test_the_home_page_leads_to_the_workbench(client):
    placed(1)
    insured(2)
    run(TODAY)
    page = soup(as_desk(client).get("/"))
    tiles = {link.get_text(" ", strip=True): link["href"] for link in page.select(".figures a")}
    assert tiles["2 Placed, to be insured"] == "/workbench?state=placed"
    late = next(href for told, href in tiles.items() if "Not yet reported, due later" in told)
    assert len(soup(client.get(late)).select("tbody tr")) == 2


def test_what_an_import_brought_is_looked_at_at_once(client):
    """An import ends no request by itself: the day's run does, now or at night."""
    ids = reported(1)
    of = request_of(ids[0]).vehicle
    policy(of, "compulsory", first=X + DAY, last=X + 365 * DAY)
    db.session.commit()
    before = states(ids)
    told = words(as_desk(client).post("/workbench/look-again", follow_redirects=True))
    assert "Brought up to date: 0 opened, 1 ended." in told
    assert sorted(before) != sorted(states(ids))
    assert "insured" in states(ids)
