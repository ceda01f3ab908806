"""The pages of vehicles and policies: what they list, say and change, and for whom."""

from __future__ import annotations

import io
import json
from datetime import date

import pytest
import time_machine
from python_calamine import load_workbook

from fleet.policies.service import policy_of
from fleet.storage import db
from fleet.vehicles.service import vehicle_of
from fleet.web.access import AUDITOR, COMPANY_ADMIN, FINANCE, GROUP_ADMINISTRATOR, INSURANCE_DESK
from tests.pages import soup, words
from tests.policies.records import (
    AT,
    DAY,
    LAST,
    company,
    covers,
    insured,
    person,
    policy,
    sign_in,
    standing_of,
    statements,
    stored_as_computed,
    vehicle,
    vin,
)

NUMBER = f"COMM-0001-A-{LAST:%Y%m%d}"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(AT, tick=False):
        yield


@pytest.fixture
def group(session):
    """1 complies, 2 is barred, 3 is short and another company's, 4 expires soon elsewhere."""
    insured(1)
    vehicle(2)
    short = vehicle(3, "S1").vin
    policy(short, "compulsory", vehicle_tax=None)
    policy(short, lines=covers())
    insured(4, "N2", last=AT.date() + 10 * DAY)


@pytest.fixture
def page(group, client):
    """Fetches a page for one who sees the whole group."""
    sign_in(client, person(GROUP_ADMINISTRATOR))
    return client.get


def listed(answer) -> str:
    """The last figures of the vehicles a list shows."""
    found = soup(answer).select("tbody th .vin")
    return "".join(cell.get_text(strip=True)[-1] for cell in found)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "1234"),
        ("?standing=barred", "2"),
        ("?standing=short", "3"),
        (f"?standing=barred&on={AT.date() + 11 * DAY}", "24"),
        ("?company=N2", "4"),
        ("?region=N", "124"),
        ("?type=tow", ""),
        ("?insurer=DEMO-A", "134"),
        ("?insurer=DEMO-B", ""),
        (f"?expires_from={AT.date()}&expires_to={AT.date() + 10 * DAY}", "4"),
        (f"?expires_to={AT.date() + 9 * DAY}", ""),
        ("?q=京A00003", "3"),
        (f"?q={NUMBER.lower()}", "1"),
        ("?sort=-plate", "4321"),
        ("?sort=standing&page_size=1000&page=7", "2143"),
        ("?sort=plate;drop&on=never&expires_from=x", "1234"),
    ],
)
def test_the_list_of_vehicles(page, query, found):
    answer = page(f"/vehicles{query}")
    assert answer.status_code == 200
    assert listed(answer) == found


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 6),
        ("?kind=commercial", 3),
        ("?state=running", 6),
        ("?state=void", 0),
        ("?company=S1&kind=compulsory", 1),
        (f"?expires_to={AT.date() + 10 * DAY}", 2),
        (f"?q={vin(4)}", 2),
        ("?q=0001-a", 2),
    ],
)
def test_the_list_of_policies(page, query, count):
    answer = page(f"/policies{query}")
    assert len(soup(answer).select("tbody tr")) == count


@pytest.mark.parametrize("path", ["/vehicles", "/policies", "/vehicles/export", "/policies/export"])
def test_a_longer_list_costs_no_more_statements(page, path):
    page(path)
    with statements() as few:
        page(path)
    for serial in range(10, 16):
        insured(serial)
    with statements() as many:
        page(path)
    assert len(many) == len(few)


def test_the_export_holds_what_is_filtered(page):
    answer = page("/vehicles/export?standing=short")
    rows = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert [row[0] for row in rows] == ["VIN", vin(3)]
    assert rows[1][8] == "No vehicle and vessel tax"
    rows = load_workbook(io.BytesIO(page("/policies/export?company=N2").data))
    assert len(rows.get_sheet_by_index(0).to_python()) == 3


def test_a_vehicle_says_what_is_what_is_asked_and_what_to_do(page):
    told = words(page(f"/vehicles/{vin(3)}"))
    for said in ("Short of cover", "No vehicle and vessel tax", "Clause 2.1", "a tax above 0"):
        assert said in told
    assert "read by the 2020 terms" in told
    told = words(page(f"/vehicles/{vin(1)}?on=2027-03-02"))
    assert "Must not be used" in told
    assert "Standing on 2027-03-02 12:00" in told


def test_every_moment_can_be_asked_about(page):
    for on in ("2012-01-16", "1900-01-01", "2999-12-31T23:59", "0001-01-01", "", "x"):
        assert page(f"/vehicles/{vin(1)}?on={on}").status_code == 200


def test_outside_the_scope_there_is_nothing(group, client):
    sign_in(client, person(COMPANY_ADMIN, "N1"))
    assert listed(client.get("/vehicles")) == "12"
    assert "COMM-0003" not in words(client.get("/policies"))
    for path in (f"/vehicles/{vin(3)}", f"/policies/{NUMBER.replace('0001', '0003')}"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "S1" not in words(answer)
    assert client.post(f"/vehicles/{vin(3)}/leave", data={"on": "2026-06-20"}).status_code == 404
    offered = [one["value"] for one in soup(client.get("/vehicles/new")).select("#company option")]
    assert offered == ["N1"]


@pytest.mark.parametrize("role", [FINANCE, AUDITOR])
def test_who_only_reads_is_offered_no_change(group, client, role):
    sign_in(client, person(role))
    for path in (f"/vehicles/{vin(1)}", f"/policies/{NUMBER}", "/vehicles", "/insurers"):
        links = {link["href"] for link in soup(client.get(path)).select("main a[href^='/']")}
        changing = ("new", "edit", "move", "lay-up", "leave", "plate", "endorse", "cancel", "end")
        assert not {link for link in links if link.partition("?")[0].endswith(changing)}, path


# Forms


@pytest.fixture
def desk(group, client):
    """The desk of region N, which posts."""
    sign_in(client, person(INSURANCE_DESK, None, "N"))
    return client.post


def test_a_vehicle_is_registered_and_a_slip_is_shown_beside_its_field(desk):
    filled = {
        "vin": vin(7),
        "plate": "京A·12345",
        "company": "N1",
        "vehicle_type": "official",
        "seats": "5",
        "energy": "petrol",
        "in_service_since": "2026-06-01",
    }
    answer = desk("/vehicles/new", data=filled | {"vin": vin(1)})
    assert f"The VIN {vin(1)} is on record already." in words(answer)
    assert soup(answer).select_one("#plate")["value"] == "京A·12345"
    assert desk("/vehicles/new", data=filled).location == f"/vehicles/{vin(7)}"
    assert vehicle_of(vin(7)).plate == "京A12345"
    assert desk("/vehicles/new", data=filled | {"company": "S1"}).status_code == 200


def test_more_seats_than_any_bus_has_are_refused_beside_their_field(desk):
    answer = desk("/vehicles/new", data={"vin": vin(7), "seats": "1001"})
    assert "at most 1000 seats" in soup(answer).find(id="seats-error").get_text()
    answer = desk("/vehicles/new", data={"vin": vin(7), "seats": "1000"})
    assert not soup(answer).find(id="seats-error")


def test_the_verbs_of_a_vehicle_are_a_form_each(desk):
    company("N2")

    def post(verb: str, **data: str) -> None:
        version = {"version": str(vehicle_of(vin(1)).version)}
        answer = desk(f"/vehicles/{vin(1)}/{verb}", data=version | data)
        assert answer.location == f"/vehicles/{vin(1)}", words(answer)

    post("plate", plate="京A54321", on="2026-06-20")
    post("lay-up", since="2026-06-20")
    assert standing_of(vin(1)) == "out_of_service"
    post("return", on="2026-06-21")
    post("edit", vehicle_type="official", seats="6", energy="petrol", in_service_since="2020-01-01")
    post("move", company="N2", on="2026-06-20")
    post("leave", on="2026-07-01")
    made = vehicle_of(vin(1))
    assert (made.plate, made.seats, made.company.code) == ("京A54321", 6, "N2")
    assert made.in_service_until == date(2026, 7, 1)
    assert stored_as_computed()
    stale = desk(f"/vehicles/{vin(1)}/leave", data={"version": "1", "on": "2026-08-01"})
    assert "Somebody changed this meanwhile" in words(stale)


def line(row: int, cover: str, insured: str = "", seats: str = "") -> dict[str, str]:
    names = {"cover": cover, "sum_insured": insured, "seats": seats}
    return {f"lines-{row}-{name}": value for name, value in names.items()}


def test_a_policy_is_recorded_corrected_endorsed_and_cancelled(desk, client):
    filled = {
        "policy_number": "P/2026 1",
        "kind": "commercial",
        "insurer": "DEMO-A",
        "first_day": "2026-06-01",
        "last_day": "2027-05-31",
        "premium": "4,000",
        **line(0, "damage", "12万"),
        **line(1, "third_party", "150,000"),
        **line(2, "occupants", "20000", "5"),
        **line(3, ""),
    }
    new = f"/vehicles/{vin(2)}/policies/new"
    assert "needs the sum insured" in words(desk(new, data=filled | line(0, "damage")))
    answer = desk(new, data=filled)
    assert answer.location == "/policies/P/2026%201", words(answer)
    made = policy_of("P/2026 1")
    assert (made.begins.isoformat(), made.ends.isoformat()) == (
        "2026-05-31T16:00:00+00:00",
        "2027-05-31T16:00:00+00:00",
    )
    covered = {one.cover: one.seats for one in made.lines}
    assert covered["occupants_driver"] == 1
    assert covered["occupants_passengers"] == 4
    assert "4,000.00" in words(client.get("/policies/P/2026 1"))

    third = next(one for one in made.lines if one.cover == "third_party")
    raised = {
        "version": str(made.version),
        "effective_at": "2026-06-20T00:00",
        "reason": "raised",
        "ended": str(third.id),
        **line(0, "third_party", "200000"),
    }
    answer = desk("/policies/P/2026 1/endorse", data=raised)
    assert answer.location == "/policies/P/2026%201", words(answer)
    assert "Somebody changed" in words(desk("/policies/P/2026 1/endorse", data=raised))
    shown = words(client.get("/policies/P/2026 1"))
    assert "raised" in shown
    assert "2026-06-20 to 2027-05-31" in shown

    kept = soup(client.get("/policies/P/2026 1/edit"))
    data = {one["name"]: one.get("value", "") for one in kept.select("form.edit input, main input")}
    data |= {
        one["name"]: (one.select_one("option[selected]") or {"value": ""})["value"]
        for one in kept.select("main select")
    }
    for box in ("tax_exempt", "repair_restricted"):
        data.pop(box)
    before = [one.id for one in policy_of("P/2026 1").lines]
    answer = desk("/policies/P/2026 1/edit", data=data | {"approval_number": "OA-1"})
    assert answer.location == "/policies/P/2026%201", words(answer)
    assert policy_of("P/2026 1").approval_number == "OA-1"
    assert [one.id for one in policy_of("P/2026 1").lines] == before

    void = {"version": str(policy_of("P/2026 1").version), "cancelled_at": "2026-06-01T00:00"}
    assert desk("/policies/P/2026 1/cancel", data=void).status_code == 302
    assert "Void" in words(client.get("/policies/P/2026 1"))
    assert stored_as_computed()


def test_immediate_effect_keeps_its_clock_time(desk):
    filled = {
        "policy_number": "P-2",
        "kind": "compulsory",
        "insurer": "DEMO-A",
        "first_day": "2026-06-01",
        "begins_at": "18:03",
        "last_day": "2027-06-01",
        "ends_at": "18:03",
        "vehicle_tax": "300",
    }
    desk(f"/vehicles/{vin(2)}/policies/new", data=filled)
    made = policy_of("P-2")
    assert made.begins.isoformat() == "2026-06-01T10:03:00+00:00"
    assert made.ends.isoformat() == "2027-06-01T10:03:00+00:00"


@pytest.mark.parametrize("clock_time", ["", "24:00", "23:59", "23:59:59"])
def test_the_last_day_is_included_however_it_is_printed(desk, clock_time):
    filled = {
        "policy_number": "P-2",
        "kind": "compulsory",
        "insurer": "DEMO-A",
        "first_day": "2026-06-01",
        "last_day": "2027-05-31",
        "ends_at": clock_time,
    }
    desk(f"/vehicles/{vin(2)}/policies/new", data=filled)
    assert policy_of("P-2").ends.isoformat() == "2027-05-31T16:00:00+00:00"


def test_an_unguarded_post_changes_nothing(group, client):
    sign_in(client, person(COMPANY_ADMIN, "N1"))
    before = policy_of(NUMBER).version
    data = {"version": str(before), "cancelled_at": "2026-06-20T00:00"}
    assert client.post(f"/policies/{NUMBER}/cancel", data=data).status_code == 403
    db.session.rollback()
    assert policy_of(NUMBER).version == before
    assert json.dumps(standing_of(vin(1))) == '"compliant"'


def test_a_request_hands_over_what_was_asked_for(page):
    """What cannot be read is left out; nothing is recorded before it is sent."""
    answer = page(
        f"/vehicles/{vin(2)}/policies/new?kind=commercial&first_day=2026-03-02&last_day=soon"
        "&line=damage,,&line=third_party,500000,&line=occupants_driver,20000,1&line=bogus,1,1"
        "&line=glass,1e9,many"
    )
    form = soup(answer)
    values = {
        field["name"]: field.get("value") or ""
        for field in form.select("main input[name]")
        if field["name"].startswith(("first", "last", "lines"))
    }
    chosen = [one["value"] for one in form.select("[name^=lines] option[selected]")]
    assert (values["first_day"], values["last_day"]) == ("2026-03-02", "")
    assert [one for one in chosen if one] == ["damage", "third_party", "occupants_driver", "glass"]
    sums = [values[f"lines-{row}-sum_insured"] for row in range(4)]
    assert sums == ["", "500000", "20000", ""]
    assert values["lines-2-seats"] == "1"
