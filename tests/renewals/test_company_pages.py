"""A company admin's pages of requests: each step through the browser, and what they say."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from sqlalchemy import select

from fleet.insurers.tables import Designation
from fleet.policies.tables import CoverLine
from fleet.renewals import service
from fleet.renewals.moving import request_of
from fleet.renewals.service import Approved, Prepared
from fleet.renewals.tables import CoverRequest
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web.access import AUDITOR, COMPANY_ADMIN, INSURANCE_DESK
from tests.pages import soup, words
from tests.renewals.records import (
    BY,
    DAY,
    X,
    caller,
    company,
    insurer,
    policy,
    run,
    sign_in,
    vehicle,
)

NOW = datetime(2026, 6, 30, 4, tzinfo=UTC)  # noon of X in the company's zone
WHO = {"by": BY, "at": NOW}
ENDS = X + 3 * DAY
LINES = (
    ("damage", 120_000, None),
    ("third_party", 1_000_000, None),
    ("occupants_driver", 20_000, 1),
    ("occupants_passengers", 30_000, 4),
    ("theft", 90_000, None),
)
PREPARED = {
    "sum_third_party": "200000",
    "sum_occupants_driver": "20000",
    "sum_occupants_passengers": "20000",
    "asked_from": (ENDS + DAY).isoformat(),
}


@pytest.fixture(autouse=True)
def _at_noon_of_x():
    with time_machine.travel(NOW, tick=False):
        yield


def lines(**instead):
    return [
        CoverLine(cover=cover, sum_insured=Decimal(instead.get(cover, insured)), seats=seats)
        for cover, insured, seats in LINES
    ]


@pytest.fixture
def due(session):
    """A1: 1 to renew both kinds, 2 insured but for its commercial kind. B1: 3 to renew."""
    for serial, holder in ((1, "A1"), (3, "B1")):
        held = vehicle(serial, holder=holder)
        policy(held, "compulsory", ENDS)
        policy(held, "commercial", ENDS, lines=lines())
    policy(vehicle(2), "compulsory", X + 200 * DAY)
    run(X)


@pytest.fixture
def admin(due, client):
    """The client of company A1's admin."""
    sign_in(client, caller(COMPANY_ADMIN, "A1"))
    return client


def id_of(serial: int, kind: str = "commercial") -> int:
    found = select(CoverRequest.id).join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
    vin = f"LTESTA{serial:011d}"
    return db.session.scalar(found.where(Vehicle.vin == vin, CoverRequest.kind == kind))


def row(serial: int, kind: str = "commercial") -> CoverRequest:
    db.session.expire_all()
    return request_of(id_of(serial, kind))


def fill(client, serial: int, kind: str = "commercial", **values):
    """Send the preparing form as it is shown, with some values changed."""
    address = f"/renewals/{id_of(serial, kind)}/prepare"
    version = soup(client.get(address)).find("input", attrs={"name": "version"})["value"]
    sent = {"version": version} | PREPARED | values
    return client.post(address, data=sent)


def prepare(*serials: int) -> list[int]:
    """Prepared requests, as the service leaves them."""
    ids = [id_of(serial) for serial in serials]
    for request_id in ids:
        found = request_of(request_id)
        asked = Prepared(lines=tuple(service.required_of(found, NOW)))
        service.prepare(request_id, asked, version=found.version, **WHO)
    return ids


def follow(location, client) -> str:
    return words(client.get(location.headers["Location"]))


# Preparing


@pytest.mark.one_engine
def test_the_form_offers_the_rules_covers_at_the_sums_held_now(admin):
    page = soup(admin.get(f"/renewals/{id_of(1)}/prepare"))
    sums = {box["name"]: box.get("value") for box in page.select("input[name^=sum_]")}
    assert sums["sum_third_party"] == "1000000"
    assert sums["sum_occupants_passengers"] == "30000"
    assert sums["sum_theft"] == "90000"
    assert [box["name"] for box in page.select("input[name^=ask_][checked]")] == ["ask_theft"]
    assert page.find("input", attrs={"name": "asked_from"})["value"] == "2026-07-04"
    told = page.get_text(" ")
    assert "200,000.00 yuan or more." in told
    assert "for each of 4 seats" in told
    assert page.find("a", href="/vehicles/LTESTA00000000001/edit")


def test_a_compulsory_request_has_no_covers_to_choose(admin):
    page = soup(admin.get(f"/renewals/{id_of(1, 'compulsory')}/prepare"))
    assert not page.select("input[name^=sum_], input[name^=ask_]")
    assert fill(admin, 1, "compulsory").status_code == 302
    assert row(1, "compulsory").state == "prepared"


def test_what_is_filled_in_is_what_the_request_asks(admin):
    sent = fill(
        admin,
        1,
        sum_third_party="200万",
        ask_glass="y",
        sum_glass="5000",
        sum_scratch="2000",
        contact="Somebody 021",
        note=" until noon ",
    )
    assert sent.status_code == 302
    found = row(1)
    asked = {line.cover: (line.sum_insured, line.seats) for line in found.lines}
    assert asked == {
        "damage": (None, None),
        "third_party": (Decimal(2_000_000), None),
        "occupants_driver": (Decimal(20_000), 1),
        "occupants_passengers": (Decimal(20_000), 4),
        "glass": (Decimal(5_000), None),
    }
    assert (found.contact, found.note, found.asked_from) == (
        "Somebody 021",
        "until noon",
        ENDS + DAY,
    )
    told = follow(sent, admin)
    for said in ("Next: Report it to the desk", "2,000,000.00", "20,000.00 × 4 seats", "Glass"):
        assert said in told


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("field", "short", "exact", "clause"),
    [
        ("sum_third_party", "199999", "200000", "2.3"),
        ("sum_occupants_driver", "19999", "20000", "2.4"),
        ("sum_occupants_passengers", "19999.99", "20000", "2.4"),
    ],
)
def test_a_cover_of_the_rule_cannot_be_lowered(admin, field, short, exact, clause):
    answer = fill(admin, 1, note="kept as typed", **{field: short})
    assert answer.status_code == 200
    page = soup(answer)
    assert f"(clause {clause})" in page.find(id=f"{field}-error").get_text()
    assert page.find("input", attrs={"name": field})["value"] == short
    assert "kept as typed" in page.find("textarea").get_text()
    assert row(1).state == "due"
    assert fill(admin, 1, **{field: exact}).status_code == 302


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("sum_third_party", "", "Fill this in."),
        ("sum_third_party", "much", "An amount in yuan is asked"),
        ("asked_from", (X - DAY).isoformat(), "Cover cannot begin in the past."),
        ("note", "n" * 501, "At most 500 characters."),
    ],
)
def test_an_error_stands_beside_its_field(admin, field, value, said):
    answer = fill(admin, 1, **{field: value})
    assert said in soup(answer).find(id=f"{field}-error").get_text()
    assert row(1).state == "due"


def test_a_stale_form_changes_nothing_and_keeps_what_was_typed(admin):
    prepare(1)
    answer = fill(admin, 1, version="1", sum_third_party="3000000")
    assert "Somebody changed this meanwhile" in words(answer)
    assert 'value="3000000"' in answer.get_data(as_text=True)
    assert {line.cover: line.sum_insured for line in row(1).lines}["third_party"] == 200_000


def test_prepared_and_reported_in_one_step_where_no_approval_is_asked(admin):
    sent = fill(admin, 1, then="submit")
    assert "1 request is reported to the desk." in follow(sent, admin)
    assert row(1).state == "submitted"


def test_a_new_request_is_not_reported_before_its_approval(admin):
    page = admin.get(f"/renewals/{id_of(2)}/prepare")
    assert "Prepare and report" not in words(page)
    told = follow(fill(admin, 2, then="submit", asked_from=X.isoformat()), admin)
    assert "It needs an approval in the OA first" in told
    assert row(2).state == "prepared"


@pytest.mark.one_engine
def test_what_the_desk_has_is_not_prepared_again(admin):
    service.submit(prepare(1), **WHO)
    told = follow(admin.get(f"/renewals/{id_of(1)}/prepare"), admin)
    assert "The request is in the state “Reported”." in told
    assert "ask the desk to return it" in told


# The other steps


def test_an_approval_is_noted_and_the_request_reported(admin):
    (request_id,) = prepare(2)
    told = words(admin.get(f"/renewals/{request_id}"))
    assert "Next: Have it approved in the OA" in told
    assert "Report to the desk It needs an approval in the OA first" in told
    approval = {"number": "OA-1", "decided_on": X.isoformat(), "approver": "Somebody"}
    sent = admin.post(f"/renewals/{request_id}/approve", data=approval)
    told = follow(sent, admin)
    assert "OA number OA-1" in told
    assert "Next: Report it to the desk" in told
    assert "is reported" in follow(admin.post(f"/renewals/{request_id}/submit"), admin)
    assert row(2).state == "submitted"


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("decided_on", "said"),
    [((X + DAY).isoformat(), "This day is still to come."), ("", "Fill this in.")],
)
def test_an_approval_that_cannot_be_is_refused_beside_its_field(admin, decided_on, said):
    (request_id,) = prepare(2)
    sent = {"number": "OA-1", "decided_on": decided_on, "approver": "Somebody"}
    answer = admin.post(f"/renewals/{request_id}/approve", data=sent)
    assert said in soup(answer).find(id="decided_on-error").get_text()
    assert row(2).state == "prepared"


def test_an_approval_known_otherwise_is_refused_and_said(admin):
    first, second = prepare(2)[0], prepare(1)[0]
    service.approve([first], Approved("OA-1", X - DAY, "Another"), **WHO)
    sent = {"number": "OA-1", "decided_on": X.isoformat(), "approver": "Somebody"}
    answer = admin.post(f"/renewals/{second}/approve", data=sent)
    assert "OA-1 is on record as approved on 2026-06-29 by Another." in words(answer)
    assert row(1).approval is None


def test_why_it_is_not_renewed_is_kept_and_it_can_be_taken_up_again(admin):
    address = f"/renewals/{id_of(1)}/withdraw"
    assert "must not be used" in words(admin.get(address))
    answer = admin.post(address, data={"withdrawn_for": "other", "reason": " "})
    assert "Say why in words." in words(answer)
    told = follow(admin.post(address, data={"withdrawn_for": "sold", "reason": ""}), admin)
    assert "Why Sold" in told
    assert (row(1).state, row(1).withdrawn_for) == ("withdrawn", "sold")
    told = follow(admin.post(f"/renewals/{id_of(1)}/resume"), admin)
    assert "The request stands again." in told
    assert row(1).state == "due"


@pytest.mark.one_engine
def test_a_step_that_is_not_possible_says_why(admin):
    told = follow(admin.post(f"/renewals/{id_of(1)}/submit"), admin)
    assert "The request is in the state “Due”." in told
    assert row(1).state == "due"


# What a request's page says


@pytest.mark.one_engine
def test_a_request_tells_what_it_is_about(admin):
    answer = admin.get(f"/renewals/{id_of(1)}")
    told = words(answer)
    for said in (
        "Commercial insurance for LTESTA00000000001",
        "The cover ends on 2026-07-03.",
        "3 days left",
        "Next: Prepare it · company",
        "Policy to renew COMM-0001-20250704",
        "No following policy is on record yet.",
        "Third-party liability not yet 200,000.00 Clause 2.3",
    ):
        assert said in told
    now = soup(answer).select_one("ol.way [aria-current=step]")
    assert now.get_text(strip=True) == "Due"


@pytest.mark.one_engine
def test_the_desk_s_words_and_the_life_are_told(admin):
    service.submit(prepare(1), **WHO)
    service.send_back([id_of(1)], "The seats differ from the licence.", **WHO)
    told = words(admin.get(f"/renewals/{id_of(1)}"))
    assert "The desk returned it: The seats differ from the licence." in told
    assert "Next: Mend what was returned · company" in told
    assert "Reported to the desk test" in told
    assert "Returned by the desk test The seats differ" in told


def test_a_placement_is_told(admin):
    home = company("A1").region_id
    chosen = insurer("DEMO-A")
    db.session.add(Designation(region_id=home, insurer_id=chosen.id, since=X - DAY))
    db.session.commit()
    ids = prepare(1)
    service.submit(ids, **WHO)
    service.accept(ids, **WHO)
    service.place(ids, "DEMO-A", **WHO)
    service.expect(ids[0], Decimal(3210), None, version=row(1).version, **WHO)
    told = words(admin.get(f"/renewals/{ids[0]}"))
    assert "Insurer DEMO-A Placed on 2026-06-30 Expected premium (yuan) 3,210.00" in told
    assert "Next: Record the policy · desk" in told


def test_a_gap_is_said_while_the_request_stands(admin):
    held = db.session.get_one(Vehicle, row(1).vehicle_id)
    policy(held, "commercial", first=ENDS + 3 * DAY, last=ENDS + 367 * DAY, lines=lines())
    run(X)
    assert row(1).state == "due"
    told = words(admin.get(f"/renewals/{id_of(1)}"))
    assert "Uncovered from 2026-07-04 00:00 until 2026-07-06 00:00." in told
    assert "have the desk close the gap" in told


@pytest.mark.one_engine
@pytest.mark.parametrize(("insured", "short"), [(199_999, True), (200_000, False)])
def test_a_shortfall_of_what_follows_is_said(admin, insured, short):
    held = db.session.get_one(Vehicle, row(1).vehicle_id)
    first = ENDS + DAY
    follower = lines(third_party=insured)
    policy(held, "commercial", first=first, last=first + 364 * DAY, lines=follower)
    run(X)
    assert row(1).state == "insured"
    told = words(admin.get(f"/renewals/{id_of(1)}"))
    assert ("falls short at its beginning" in told) is short
    assert ("It follows without a gap" in told) is not short


@pytest.mark.one_engine
def test_days_that_stay_uncovered_by_what_is_asked_are_said(admin):
    sent = fill(admin, 1, asked_from=(ENDS + 3 * DAY).isoformat())
    told = follow(sent, admin)
    assert "stays uncovered from 2026-07-04 to 2026-07-05" in told


@pytest.mark.one_engine
def test_who_only_looks_has_no_buttons(due, client):
    sign_in(client, caller(AUDITOR))
    page = client.get(f"/renewals/{id_of(1)}")
    assert "You may look at it" in words(page)
    assert not soup(page).select("main form")
    assert not soup(client.get("/renewals")).select("main input[type=checkbox]")


@pytest.mark.one_engine
def test_another_companys_request_is_not_there(admin):
    foreign = id_of(3)
    for name in ("", "/prepare", "/approve", "/withdraw"):
        assert admin.get(f"/renewals/{foreign}{name}").status_code == 404
    for name in ("/prepare", "/approve", "/submit", "/withdraw", "/resume"):
        assert admin.post(f"/renewals/{foreign}{name}").status_code == 404
    assert admin.get("/renewals/2147483647").status_code == 404
    ask = admin.post("/vehicles/LTESTA00000000003/requests", data={"kind": "commercial"})
    assert ask.status_code == 404


# A vehicle's page


@pytest.mark.one_engine
def test_a_vehicles_page_leads_to_its_requests(admin):
    page = soup(admin.get("/vehicles/LTESTA00000000001"))
    panel = page.find("section", attrs={"aria-labelledby": "requests"})
    assert panel.find("a", href=f"/renewals/{id_of(1)}")
    assert "Prepare it company" in " ".join(panel.get_text(" ").split())
    assert not panel.select("form")


def test_a_first_cover_may_be_asked_for_ahead(admin):
    vehicle(4, since=X + 40 * DAY)
    db.session.commit()
    address = "/vehicles/LTESTA00000000004"
    panel = soup(admin.get(address)).find("section", attrs={"aria-labelledby": "requests"})
    assert [box["value"] for box in panel.select("input[name=kind]")] == [
        "compulsory",
        "commercial",
    ]
    told = follow(admin.post(f"{address}/requests", data={"kind": "commercial"}), admin)
    assert "The request is open. Prepare it now." in told
    assert "Cover is needed after 2026-08-08." in told
    again = admin.post(f"{address}/requests", data={"kind": "commercial"})
    assert again.status_code == 409
    nothing = admin.post("/vehicles/LTESTA00000000001/requests", data={"kind": "commercial"})
    assert nothing.status_code == 409


@pytest.mark.one_engine
def test_a_region_s_desk_may_report_in_a_company_s_stead(due, client):
    sign_in(client, caller(INSURANCE_DESK, region="A"))
    assert fill(client, 1, then="submit").status_code == 302
    assert row(1).state == "submitted"
