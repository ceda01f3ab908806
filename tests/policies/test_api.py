"""Vehicles and their standing over HTTP, to the letter of the interface, in the caller's scope."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
import time_machine

from fleet.web.access import AUDITOR, COMPANY_ADMIN, INSURANCE_DESK
from tests.policies.records import AT, DAY, bearer, insured, person, vehicle, vin

API = "/api/v1"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(AT, tick=False):
        yield


@pytest.fixture
def group(session):
    """1 complies and expires, 2 and 3 are barred; 3 is another company's."""
    insured(1)
    vehicle(2)
    vehicle(3, "S1")


@pytest.fixture
def ask(group, client):
    """Asks the API as one who sees the whole group, or as a person with a role."""

    def call(path: str, role: str = AUDITOR, *where: str | None):
        headers = bearers.setdefault((role, *where), None) or bearer(person(role, *where))
        bearers[role, *where] = headers
        return client.get(API + path, headers=headers)

    bearers: dict = {}
    return call


def test_a_standing_has_the_moment_the_step_and_the_rulebook(ask):
    told = ask(f"/vehicles/{vin(1)}/standing?on=2026-06-01").get_json()
    assert told == {
        "vin": vin(1),
        "on": "2026-06-01T12:00:00+08:00",
        "standing": "compliant",
        "since": "2026-03-02T00:00:00+08:00",
        "until": "2027-03-02T00:00:00+08:00",
        "shortfalls": [],
        "spared": [],
        "rulebook_since": "2012-01-17",
    }


def test_a_shortfall_has_its_clause_and_what_is_found_and_asked(ask):
    told = ask(f"/vehicles/{vin(2)}/standing").get_json()
    assert told["standing"] == "barred"
    assert told["until"] is None
    third = next(one for one in told["shortfalls"] if one["code"] == "third_party_missing")
    assert third == {
        "code": "third_party_missing",
        "clause": "2.3",
        "found": None,
        "required": "200000",
    }


def test_a_timeline_tiles_all_of_time(ask):
    told = ask(f"/vehicles/{vin(1)}/timeline").get_json()
    assert told["vin"] == vin(1)
    steps = told["steps"]
    assert (steps[0]["since"], steps[-1]["until"]) == (None, None)
    assert all(one["until"] == then["since"] for one, then in pairwise(steps))
    assert [one["standing"] for one in steps] == [
        *("out_of_service", "barred", "compliant", "barred"),
    ]


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ("", (1, 2)),
        ("?on=2027-03-01T23:59", (1, 2)),
        ("?on=2027-03-02T00:00", (0, 3)),
        ("?on=2027-03-02T00:00%2B08:00", (0, 3)),
        ("?company=N1", (1, 1)),
        ("?region=S", (0, 1)),
        ("?region=N&company=N1", (1, 1)),
    ],
)
def test_the_summary_counts_every_standing(ask, query, counts):
    told = ask(f"/standing/summary{query}").get_json()["counts"]
    assert (told["compliant"], told["barred"]) == counts
    assert sorted(told) == sorted(
        ("compliant", "short", "barred", "spared", "not_asked", "out_of_service")
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "123"),
        ("?standing=barred", "23"),
        ("?standing=barred&on=2027-04-01", "123"),
        ("?company=S1", "3"),
        ("?type=tow", ""),
        ("?q=京A00002", "2"),
        ("?q=京a·00002", "2"),
        ("?q=comp-0001", "1"),
        ("?q=%25", ""),
        ("?page_size=1&page=2", "2"),
        ("?page_size=1&page=9", ""),
    ],
)
def test_the_list_of_vehicles(ask, query, found):
    told = ask(f"/vehicles{query}").get_json()
    assert "".join(one["vin"][-1] for one in told["items"]) == found
    assert set(told) == {"items", "total", "page", "page_size"}


def test_one_vehicle(ask):
    told = ask(f"/vehicles/{vin(2).lower()}").get_json()
    assert (told["vin"], told["company"], told["standing"]) == (vin(2), "N1", "barred")
    assert told["in_service_since"] == date(2020, 1, 1).isoformat()


@pytest.mark.parametrize(
    "path",
    [
        "/vehicles/{}",
        "/vehicles/{}/standing",
        "/vehicles/{}/timeline",
        "/vehicles?company=S1",
        "/standing/summary?company=S1",
        "/standing/summary?region=S",
    ],
)
def test_what_is_outside_is_as_what_does_not_exist(ask, path):
    there = ask(path.format(vin(3)), COMPANY_ADMIN, "N1")
    nowhere = ask(path.format(vin(9)).replace("S1", "X1").replace("=S", "=X"), COMPANY_ADMIN, "N1")
    assert there.status_code == nowhere.status_code == 404
    assert there.get_json() == nowhere.get_json()
    assert there.mimetype == "application/problem+json"


def test_lists_and_counts_keep_to_the_scope(ask):
    told = ask("/vehicles", INSURANCE_DESK, None, "N").get_json()
    assert [one["vin"] for one in told["items"]] == [vin(1), vin(2)]
    counts = ask("/standing/summary", INSURANCE_DESK, None, "N").get_json()["counts"]
    assert sum(counts.values()) == 2


@pytest.mark.parametrize("query", ["on=yesterday", "on=0001-01-01", "page=0", "page_size=501"])
def test_what_cannot_be_read_is_a_problem(ask, query):
    answer = ask(f"/vehicles?{query}")
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"


@pytest.mark.parametrize(
    "path", ["/vehicles/%00", "/vehicles?q=%00", "/standing/summary?region=%00"]
)
def test_a_nul_is_no_name(ask, path):
    assert ask(path).status_code in {200, 400, 404, 422}


def test_without_a_token_nothing_is_told(client, group):
    assert client.get(f"{API}/vehicles").status_code == 401


def test_the_command_answers_as_the_call_does(app, ask):
    told = ask(f"/vehicles/{vin(1)}/standing").get_json()
    lines = app.test_cli_runner().invoke(args=["standing", "--json"]).output.splitlines()
    assert app.json.loads(lines[0]) == told
    day = (AT + DAY).date().isoformat()
    assert app.test_cli_runner().invoke(args=["standing", "--on", day]).exit_code == 0
