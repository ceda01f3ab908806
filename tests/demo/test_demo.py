"""The demo group: generated, marked as such, and with every case in it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy import func, select

from fleet.demo.cast import CAST, PASSWORD
from fleet.demo.service import (
    NotInProduction,
    OthersAreHere,
    invent,
    is_loaded,
    load_demo,
)
from fleet.insurers.tables import Insurer
from fleet.people.tables import Company, Region, Role, User
from fleet.policies.steps import differing
from fleet.policies.tables import CoverStep, Policy
from fleet.reimbursement.tables import Claim, Decision
from fleet.renewals.rules import DUE
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.book import load
from fleet.rulebook.cover import STANDINGS
from fleet.settings import Settings
from fleet.storage import Actor, db
from fleet.storage.history import verify
from fleet.vehicles.tables import Vehicle
from fleet.web.access import ROLES
from fleet.words import CreditCode, Plate, Vin
from fleet.work.service import last_run

AT = datetime(2026, 3, 2, 4, tzinfo=UTC)
TODAY = date(2026, 3, 2)
BY = Actor(None, "test")


@pytest.fixture
def demo(session) -> str:
    return load_demo(by=BY, at=AT)


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def standings_today() -> dict[str, int]:
    at = (CoverStep.since <= AT, CoverStep.until > AT)
    rows = db.session.execute(
        select(CoverStep.standing, func.count()).where(*at).group_by(CoverStep.standing)
    )
    return {row[0]: row[1] for row in rows}


def test_everything_is_there(session):
    started = time.process_time()  # a busy machine is no fault of ours
    said = load_demo(by=BY, at=AT)
    assert time.process_time() - started < 15
    assert (count(Region), count(Company), count(Vehicle)) == (4, 15, 600)
    kinds = set(db.session.scalars(select(Vehicle.vehicle_type).distinct()))
    assert kinds == {"official", "test_drive", "replacement", "business", "tow", "shuttle"}
    assert set(db.session.scalars(select(Policy.kind))) == {"compulsory", "commercial"}
    _has_every_standing()
    _has_every_reason()
    _has_renewals()
    _lets_every_role_in(said)
    assert verify() is None
    assert list(differing()) == []


def _has_every_standing():
    assert set(db.session.scalars(select(CoverStep.standing).distinct())) == set(STANDINGS)
    today = standings_today()
    assert set(today) == set(STANDINGS) - {"not_asked"}  # only ever before the rule came
    assert today["compliant"] > 500


def _has_every_reason():
    book = load("Asia/Shanghai")
    found = {
        reason["code"]
        for reasons in db.session.scalars(select(Decision.reasons))
        for reason in reasons
    }
    assert found == set(book.editions[-1].reimbursement.reasons)
    assert set(db.session.scalars(select(Claim.state))) == {"payable", "held", "refused", "paid"}


def _has_renewals():
    rows = db.session.execute(
        select(CoverRequest.kind, CoverRequest.expiry_day).where(CoverRequest.state == DUE)
    ).all()
    for kind in ("compulsory", "commercial"):
        days = [day for of, day in rows if of == kind]
        assert min(days) < TODAY < max(days)
    assert last_run("run-day") == TODAY


def _lets_every_role_in(said):
    assert set(db.session.scalars(select(Role.name).join(User.roles).distinct())) == set(ROLES)
    assert PASSWORD in said
    for person in CAST:
        assert person.email in said
    assert any(len({grant.company for grant in person.grants}) > 2 for person in CAST)


def test_a_second_load_changes_nothing(demo):
    before = [count(table) for table in (Vehicle, Policy, Claim, CoverRequest, User)]
    said = load_demo(by=BY, at=AT, if_empty=True)
    assert "loaded already" in said
    assert PASSWORD in said
    assert [count(table) for table in (Vehicle, Policy, Claim, CoverRequest, User)] == before


def test_a_company_added_to_the_demo_leaves_it_loaded(demo, session):
    session.add(Company(code="MINE", name="Mine", region=session.scalars(select(Region)).first()))
    session.commit()
    assert PASSWORD in load_demo(by=BY, at=AT, if_empty=True)


def test_what_an_interrupted_load_left_out_is_added(session, monkeypatch):
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("fleet.demo.service._claim", interrupted)
        load_demo(by=BY, at=AT)
    assert not is_loaded()
    load_demo(by=BY, at=AT, if_empty=True)
    assert is_loaded()
    assert count(Claim) > 20


def test_a_real_group_is_not_mixed_with_an_invented_one(session):
    session.add(Company(code="REAL", name="Real", region=Region(code="R", name="R")))
    session.commit()
    with pytest.raises(OthersAreHere):
        load_demo(by=BY, at=AT)
    assert "not loaded" in load_demo(by=BY, at=AT, if_empty=True)
    assert count(Vehicle) == 0


@pytest.mark.one_engine
def test_production_refuses_it(app: Flask, settings: Settings):
    kept = {name: getattr(settings, name) for name in Settings.__dataclass_fields__}
    app.extensions["fleet_settings"] = Settings(**{**kept, "environment": "production"})
    with app.app_context():
        with pytest.raises(NotInProduction):
            load_demo(by=BY, at=AT)
        assert "not loaded" in load_demo(by=BY, at=AT, if_empty=True)


@pytest.mark.parametrize("today", [TODAY, date(2028, 2, 29), date(2027, 12, 31), date(2031, 1, 1)])
def test_what_is_invented_is_marked_and_well_formed(today):
    book, _papers = invent(today)
    for row in book.rows["vehicles"]:
        assert Vin.parse(row["vin"]).check_digit_holds
        assert row["vin"].startswith("LDEM0DEM")
        assert Plate.not_yet(row["plate"]) or Plate.parse(row["plate"])
    assert len({row["vin"] for row in book.rows["vehicles"]}) == 600
    for row in book.rows["companies"]:
        assert str(CreditCode.parse(row["credit_code"]))[2:8] == "990000"
    for sheet in ("regions", "companies", "insurers"):
        for row in book.rows[sheet]:
            assert row["code"].startswith("DEMO-")
            assert row["name"].startswith("演示")
    assert all(row["policy_number"].startswith("DEMO-") for row in book.rows["policies"])


def test_the_same_day_gives_the_same_group():
    assert invent(TODAY)[0].rows == invent(TODAY)[0].rows


@pytest.mark.one_engine
@pytest.mark.parametrize("day", [date(2028, 2, 29), date(2027, 1, 1)])
def test_it_never_goes_stale(session, day):
    load_demo(by=BY, at=datetime(day.year, day.month, day.day, 4, tzinfo=UTC))
    _has_every_reason()
    assert count(CoverRequest) > 20
    assert db.session.scalar(select(func.count()).select_from(Insurer)) == 6


@pytest.mark.one_engine
def test_the_sign_in_page_tells_the_sign_ins(demo, client):
    page = client.get("/login").get_data(as_text=True)
    assert "admin@demo.example" in page
    assert PASSWORD in page


@pytest.mark.one_engine
def test_without_the_demo_the_sign_in_page_tells_nothing(session, client):
    assert "demo.example" not in client.get("/login").get_data(as_text=True)


@pytest.mark.one_engine
def test_each_sign_in_opens_the_door(demo, app):
    for person in CAST:
        client = app.test_client()
        answer = client.post("/login", data={"email": person.email, "password": PASSWORD})
        assert answer.status_code == 302, person.email
        assert client.get("/renewals").status_code == 200
