"""Placements: the list, one of it, what the insurer expects, and taking back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal

import pytest
import time_machine
from python_calamine import load_workbook

from fleet.renewals import service
from fleet.renewals.moving import request_of
from fleet.renewals.tables import Placement
from fleet.storage import db
from tests.pages import soup, words
from tests.renewals.desk_records import NOW, WHO, as_desk, placed, reported, states
from tests.renewals.records import DAY, X, caller, policy, sign_in

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture(autouse=True)
def _noon() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def test_the_list_counts_what_waits_and_what_is_insured(client):
    number, ids = placed(1, 2)
    placed(3, code="INS-B", region="B")
    request = request_of(ids[0])
    policy(request.vehicle, request.kind, X + 365 * DAY, X + DAY)
    service.expect(ids[1], None, None, version=request_of(ids[1]).version, **WHO)  # any verb
    page = as_desk(client).get("/placements")
    rows = [row.get_text(" ", strip=True) for row in soup(page).select("tbody tr")]
    assert rows == [f"Placement {number} 2026-06-20 INS-A Region A 4 3 1 first batch"]


@pytest.mark.parametrize(
    ("query", "found"),
    [("", 2), ("?region=B", 1), ("?insurer=INS-A", 1), ("?insurer=DEMO-A", 0), ("?open=yes", 1)],
)
def test_the_list_filters(client, query, found):
    _number, ids = placed(1)
    placed(2, code="INS-B", region="B")
    service.take_back(ids, "declined", **WHO)
    sign_in(client, caller("group_administrator"))
    page = client.get(f"/placements{query}")
    assert len(soup(page).select("tbody tr")) == found
    sheet = client.get(f"/placements/export{query}").data
    assert len(load_workbook(io.BytesIO(sheet)).get_sheet_by_index(0).to_python()) == found + 1


def test_another_regions_placement_is_not_there(client):
    number, ids = placed(1, code="INS-B", region="B")
    placed(2)
    as_desk(client)
    for path in ("", "/schedule.pdf", "/schedule.xlsx"):
        assert client.get(f"/placements/{number}{path}").status_code == 404
    assert client.post(f"/placements/{number}/answers").status_code == 404
    assert client.post(f"/placements/{number}/take-back").status_code == 404
    assert client.post(f"/placements/{number}/requests/{ids[0]}").status_code == 404


def test_a_placements_page_lists_its_requests(client):
    number, _ids = placed(1, 2)
    page = as_desk(client).get(f"/placements/{number}")
    assert len(soup(page).select("tbody tr")) == 4
    assert "INS-A, region Region A, placed on 2026-06-20" in words(page)


# What the insurer expects


def expect(client, number: int, request_id: int, **fields):
    version = request_of(request_id).version
    data = {"version": version, **fields}
    return client.post(f"/placements/{number}/requests/{request_id}", data=data)


def test_premium_and_tax_are_noted(client):
    number, ids = placed(1)
    as_desk(client)
    assert expect(client, number, ids[0], premium="1,270.00", tax="420").status_code == 302
    request = request_of(ids[0])
    assert (request.expected_premium, request.expected_tax) == (Decimal(1270), Decimal(420))
    inputs = soup(client.get(f"/placements/{number}")).select("input[name=premium]")
    assert "1270.00" in {one["value"] for one in inputs}


@pytest.mark.parametrize("premium", ["much", "-3", "1.005"])
def test_what_is_no_amount_is_shown_again(client, premium):
    number, ids = placed(1)
    answer = expect(as_desk(client), number, ids[0], premium=premium)
    wrong = soup(answer).select_one("input[aria-invalid]")
    assert wrong["value"] == premium
    assert request_of(ids[0]).expected_premium is None


def test_a_premium_that_somebody_changed_meanwhile_is_not_overwritten(client):
    number, ids = placed(1)
    as_desk(client)
    answer = expect(client, number, ids[0], premium="900", version=request_of(ids[0]).version - 1)
    assert "Somebody changed this meanwhile" in words(answer)
    assert request_of(ids[0]).expected_premium is None


def test_a_request_of_another_placement_is_not_there(client):
    number, _ids = placed(1)
    other = db.session.get_one(Placement, number)
    other_id, more = _second(other.insurer.code)
    assert expect(as_desk(client), number, more[0], premium="1").status_code == 404
    assert expect(client, other_id, more[0], premium="1").status_code == 302


def _second(code: str) -> tuple[int, list[int]]:
    ids = reported(7)
    service.accept(ids, **WHO)
    return service.place(ids, code, **WHO).placements[0], ids


# Taking back


def test_ticked_requests_are_taken_back(client):
    number, ids = placed(1)
    data = {"id": ids[:1], "reason": "They declined."}
    as_desk(client).post(f"/placements/{number}/take-back", data=data)
    assert states(ids) == ["accepted", "placed"]
    assert "1 request taken back." in words(client.get(f"/placements/{number}"))


@pytest.mark.parametrize(
    ("tick", "reason", "told"),
    [(False, "declined", "Tick the requests that you mean."), (True, "", "Fill this in.")],
)
def test_nothing_is_taken_back_by_mistake(client, tick, reason, told):
    number, ids = placed(1)
    data = {"id": ids if tick else [], "reason": reason}
    answer = as_desk(client).post(f"/placements/{number}/take-back", data=data)
    assert told in words(answer)
    assert states(ids) == ["placed"] * 2


def test_a_placement_without_requests_says_so(client):
    number, ids = placed(1)
    service.take_back(ids, "declined", **WHO)
    page = as_desk(client).get(f"/placements/{number}")
    assert "all were taken back" in words(page)
    assert "Schedule" not in words(page)
