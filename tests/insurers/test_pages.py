"""The pages of insurers and designations."""

from __future__ import annotations

import pytest
import time_machine
from sqlalchemy import select

from fleet.insurers.service import details_of, insurer_of
from fleet.insurers.tables import Designation
from fleet.people.tables import Region
from fleet.storage import db
from fleet.web.access import AUDITOR, GROUP_ADMINISTRATOR, INSURANCE_DESK
from tests.pages import soup, words
from tests.policies.records import AT, company, insurer, one_of, person, sign_in


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(AT, tick=False):
        yield


@pytest.fixture
def desk(session, client):
    """The desk of region N; region S has another."""
    insurer()
    company("N1")
    one_of(Region, "S", name="Region S")
    sign_in(client, person(INSURANCE_DESK, None, "N"))
    return client


def test_a_desk_designates_for_its_own_region(desk):
    offered = soup(desk.get("/designations/new")).select("#region option")
    assert [one["value"] for one in offered] == ["N"]
    filled = {"region": "N", "insurer": "DEMO-A", "since": "2026-01-01"}
    assert desk.post("/designations/new", data=filled | {"region": "S"}).status_code == 200
    assert desk.post("/designations/new", data=filled).location == "/insurers"
    again = desk.post("/designations/new", data=filled)
    assert "It is designated there from 2026-01-01 on already." in words(again)
    assert "designated" in words(desk.get("/insurers?region=N&on=2026-01-01"))
    assert "not designated" in words(desk.get("/insurers?on=2025-12-31"))
    number = db.session.scalar(select(Designation.id))
    desk.post(f"/designations/{number}/end", data={"until": "2026-06-01"})
    assert "not designated" in words(desk.get("/insurers"))


def test_another_desks_designation_is_not_to_be_ended(desk):
    region = db.session.scalar(select(Region.id).where(Region.code == "S"))
    one = Designation(region_id=region, insurer_id=insurer_of("DEMO-A").id, since=AT.date())
    db.session.add(one)
    db.session.commit()
    path = f"/designations/{one.id}/end"
    assert desk.post(path, data={"until": "2027-01-01"}).status_code == 404
    assert path not in desk.get("/insurers").get_data(as_text=True)


def test_an_insurer_is_registered_and_changed(session, client):
    sign_in(client, person(GROUP_ADMINISTRATOR))
    assert "No insurer is on record yet." in words(client.get("/insurers"))
    filled = {"code": "X/1", "name": "X", "kind": "insurer", "hotline": ""}
    assert client.post("/insurers/new", data=filled).location == "/insurers"
    assert "belongs to another" in words(client.post("/insurers/new", data=filled))
    seen = {"seen_name": "X", "seen_kind": "insurer", "seen_hotline": ""}
    change = {"name": "Y", "kind": "mutual_pool", "hotline": "95500"}
    assert client.post("/insurers/X/1/edit", data=change | seen).location == "/insurers"
    assert details_of(insurer_of("X/1")).kind == "mutual_pool"
    assert "Somebody changed" in words(client.post("/insurers/X/1/edit", data=change | seen))


def test_a_reader_is_offered_no_change(session, client):
    insurer()
    sign_in(client, person(AUDITOR))
    assert not soup(client.get("/insurers")).select("main a[href$=edit], main a[href$=new]")
    assert client.get("/insurers/new").status_code == 403
