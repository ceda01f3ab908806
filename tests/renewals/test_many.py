"""Many requests in one step: what is moved, and that each left out is named with its reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from fleet.renewals import service
from fleet.renewals.moving import request_of
from fleet.renewals.service import Prepared
from fleet.renewals.tables import Approval, CoverRequest
from fleet.rulebook.renewal import NEW
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web.access import COMPANY_ADMIN
from tests.pages import soup, words
from tests.renewals.records import BY, DAY, X, caller, policy, run, sign_in, vehicle

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)  # noon of X in the company's zone
WHO = {"by": BY, "at": NOW}
APPROVAL = {"number": "OA-7", "decided_on": X.isoformat(), "approver": "Somebody"}


@pytest.fixture(autouse=True)
def _at_noon_of_x():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def ids(session) -> dict[str, int]:
    """Company A1's requests: 1 and 2 to renew, 3 new and prepared, and one of B1."""
    for serial in (1, 2):
        policy(vehicle(serial), "compulsory", X + serial * DAY)
        policy(db.session.get_one(Vehicle, serial), "commercial", X + 200 * DAY)
    policy(vehicle(3), "commercial", X + 200 * DAY)
    foreign = vehicle(4, holder="B1", region="B")
    policy(foreign, "compulsory", X + DAY)
    policy(foreign, "commercial", X + 200 * DAY)
    run(X)
    rows = db.session.execute(
        select(Vehicle.vin, CoverRequest.id).join(CoverRequest).where(CoverRequest.state == "due")
    )
    return {vin[-1]: id_ for vin, id_ in rows}


@pytest.fixture
def admin(ids, client):
    sign_in(client, caller(COMPANY_ADMIN, "A1"))
    return client


def prepare(*ids: int) -> None:
    for request_id in ids:
        version = request_of(request_id).version
        service.prepare(request_id, Prepared(), version=version, **WHO)


def states(ids: dict[str, int]) -> str:
    db.session.expire_all()
    return " ".join(request_of(ids[name]).state for name in sorted(ids))


def left_out(answer: Any) -> list[tuple[str, str]]:
    """Each request that a page says was left out, by its link or number, and why."""
    rows = soup(answer).select("tbody tr")
    return [(row.th.get_text(strip=True)[:17], row.td.get_text(strip=True)) for row in rows]


def test_the_records_are_what_they_are_told_to_be(ids):
    assert sorted(ids) == ["1", "2", "3", "4"]
    assert request_of(ids["3"]).occasion == NEW


def test_all_moved_leads_back_to_the_list_as_it_was(admin, ids):
    prepare(ids["1"], ids["2"])
    sent = {"ids": [ids["1"], ids["2"]], "list_kind": "compulsory", "list_evil": "x"}
    answer = admin.post("/renewals/submit", data=sent)
    assert answer.headers["Location"] == "/renewals?kind=compulsory"
    assert "2 requests are reported to the desk." in words(admin.get("/renewals"))
    assert states(ids) == "submitted submitted due due"


def test_each_left_out_is_named_with_its_reason(admin, ids):
    prepare(ids["1"], ids["3"])
    answer = admin.post("/renewals/submit", data={"ids": list(ids.values())})
    assert "1 request is reported to the desk." in words(answer)
    assert sorted(left_out(answer)) == [
        (f"#{ids['4']}", "There is no such request here, or it is not yours to see."),
        ("LTESTA00000000002", "The request is in the state “Due”."),
        ("LTESTA00000000003", "It needs an approval in the OA first (clause 3.2)."),
    ]
    assert "LTESTA00000000004" not in answer.get_data(as_text=True)
    assert states(ids) == "submitted due prepared due"


def test_all_on_the_page_is_one_box_and_needs_no_script(admin, ids):
    prepare(ids["1"], ids["2"])
    page = soup(admin.get("/renewals?occasion=renewal"))
    shown = [box["value"] for box in page.select("input[name=shown]")]
    assert sorted(map(int, shown)) == sorted([ids["1"], ids["2"]])
    assert len(page.select("input[name=ids]")) == 2
    admin.post("/renewals/submit", data={"shown": shown})
    assert states(ids) == "prepared prepared due due", "nothing was ticked"
    admin.post("/renewals/submit", data={"all": "yes", "shown": shown})
    assert states(ids) == "submitted submitted due due"


def test_one_approval_is_noted_for_several(admin, ids):
    prepare(ids["1"], ids["3"])
    chosen = {"ids": [ids["1"], ids["3"]]}
    asked = admin.post("/renewals/approve", data=chosen)
    assert "2 requests chosen" in words(asked)
    assert not soup(asked).select(".field-error")
    assert [box["value"] for box in soup(asked).select("input[name=ids]")] == [
        str(one) for one in chosen["ids"]
    ]
    wrong = admin.post("/renewals/approve", data=chosen | APPROVAL | {"approver": ""})
    assert "Fill this in." in words(wrong)
    assert soup(wrong).find("input", attrs={"name": "number"})["value"] == "OA-7"
    admin.post("/renewals/approve", data=chosen | APPROVAL)
    assert states(ids) == "approved due approved due"
    assert len(db.session.scalars(select(Approval)).all()) == 1


def test_where_none_is_moved_the_form_stays_and_each_says_why(admin, ids):
    chosen = {"ids": [ids["1"], ids["2"]]}
    answer = admin.post("/renewals/approve", data=chosen | APPROVAL)
    told = words(answer)
    assert "None of them was moved." in told
    assert told.count("The request is in the state “Due”.") == 2
    assert soup(answer).find("input", attrs={"name": "number"})["value"] == "OA-7"
    assert states(ids) == "due due due due"


def test_several_are_withdrawn_for_one_reason(admin, ids):
    chosen = {"ids": [ids["1"], ids["2"], ids["4"]]}
    asked = admin.post("/renewals/withdraw", data=chosen)
    assert "Record too that a vehicle left the fleet" in words(asked)
    answer = admin.post("/renewals/withdraw", data=chosen | {"withdrawn_for": "scrapped"})
    assert "2 requests are withdrawn." in words(answer)
    assert [name for name, _why in left_out(answer)] == [f"#{ids['4']}"]
    assert states(ids) == "withdrawn withdrawn due due"


@pytest.mark.one_engine
@pytest.mark.parametrize("sent", [{}, {"ids": "none"}, {"ids": ["0", "-1", "99999999999"]}])
def test_nothing_chosen_leads_back_and_says_so(admin, sent):
    for step in ("submit", "approve", "withdraw"):
        answer = admin.post(f"/renewals/{step}", data=sent | {"list_state": "late"})
        assert answer.headers["Location"] == "/renewals?state=late"
        assert "No request was chosen." in words(admin.get("/renewals"))


@pytest.mark.one_engine
@pytest.mark.parametrize(("count", "status"), [(1000, 200), (1001, 422)])
def test_so_many_are_moved_in_one_step_and_no_more(admin, count, status):
    sent = {"ids": [str(number) for number in range(10_000, 10_000 + count)]}
    assert admin.post("/renewals/submit", data=sent).status_code == status
