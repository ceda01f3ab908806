"""The kinds of vehicle, an open list (1.1)."""

from __future__ import annotations

from fleet.web.access import COMPANY_ADMIN, FINANCE
from tests.pages import words
from tests.policies.records import person, sign_in


def test_a_company_may_add_a_kind(session, client):
    sign_in(client, person(COMPANY_ADMIN, "N1"))
    filled = {"code": "forklift", "name": "Forklift"}
    assert client.post("/vehicle-types/new", data=filled).location == "/vehicle-types"
    assert "There is a vehicle type forklift already." in words(
        client.post("/vehicle-types/new", data=filled)
    )
    assert "Small letters" in words(client.post("/vehicle-types/new", data=filled | {"code": "Ä"}))
    told = words(client.get("/vehicle-types"))
    assert "Forklift" in told
    assert "Tow truck" in told


def test_who_keeps_no_vehicles_adds_none(session, client):
    sign_in(client, person(FINANCE))
    assert client.post("/vehicle-types/new", data={}).status_code == 403
