"""The calendar of what is due, read back as a calendar program reads it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import time_machine
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fleet.people.service import activate, change_user, deactivate
from fleet.people.tables import User
from fleet.renewals import feed
from fleet.renewals.service import submit, withdraw
from fleet.renewals.tables import CalendarFeed, CoverRequest
from fleet.storage import db
from fleet.storage.history import HistoryEntry
from fleet.web.access import AUDITOR, COMPANY_ADMIN, GROUP_ADMINISTRATOR
from tests.pages import soup, words
from tests.renewals.records import BY, DAY, X, caller, policy, run, sign_in, vehicle

NOW = datetime(2026, 6, 20, 4, tzinfo=UTC)  # ten days before X


@pytest.fixture(autouse=True)
def _ten_days_before_x():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def due(session):
    """A renewal and a new request of A1's vehicle, the same of B1's; who administers the group."""
    one = vehicle(1)
    one.plate = "沪A00001"
    policy(one, "compulsory")
    policy(vehicle(2, holder="B1", region="B"), "compulsory")
    run(X - 10 * DAY)
    caller(GROUP_ADMINISTRATOR)


@pytest.fixture
def admin(due) -> User:
    return caller(COMPANY_ADMIN, company_code="A1")


def address(user: User) -> str:
    return f"/calendar/{feed.make_feed(user.id, 'en', by=BY, at=NOW)}.ics"


def fetch(client, path: str) -> Calendar:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.mimetype == "text/calendar"
    return Calendar.from_ical(answer.data)


def renewal(**where) -> CoverRequest:
    chosen = select(CoverRequest).where(CoverRequest.occasion == "renewal")
    return db.session.scalars(chosen.order_by(CoverRequest.id).filter_by(**where)).first()


def test_each_open_request_is_a_day(client, admin):
    told = fetch(client, address(admin))
    new, due = told.walk("VEVENT")
    assert "沪A00001" in due["SUMMARY"]
    assert "10 days left" in due["SUMMARY"]
    assert due.decoded("DTSTART") == X
    assert due.decoded("DTEND") == X + DAY
    assert "reports it to its region's desk" in due["DESCRIPTION"]
    assert due["DESCRIPTION"].endswith(f"/renewals/{renewal().id}")
    assert "new" in new["SUMMARY"]
    assert "late" in new["SUMMARY"]
    assert not told.walk("VALARM")


def test_another_companys_is_never_in_it(client, admin):
    text = client.get(address(admin)).get_data(as_text=True)
    assert "LTESTA00000000001" in text
    assert "LTESTA00000000002" not in text
    assert len(fetch(client, address(caller(AUDITOR))).walk("VEVENT")) == 4


def test_the_users_scope_is_asked_each_time(client, admin):
    path = address(admin)
    change_user(admin.id, "nobody", [], by=BY, at=NOW)
    assert not fetch(client, path).walk("VEVENT")


def test_what_is_settled_vanishes(client, admin):
    path = address(admin)
    withdraw([renewal().id], "sold", None, by=BY, at=NOW)
    assert str(X) not in str([one.decoded("DTSTART") for one in fetch(client, path).walk("VEVENT")])


def test_a_moved_request_keeps_its_name_and_counts_on(client, admin):
    path = address(admin)
    _new, before = fetch(client, path).walk("VEVENT")
    renewal().state = "prepared"
    db.session.commit()
    submit([renewal().id], by=BY, at=NOW)
    _new, after = fetch(client, path).walk("VEVENT")
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] > before["SEQUENCE"]
    assert after.decoded("LAST-MODIFIED") == NOW
    assert after.decoded("LAST-MODIFIED") > before.decoded("LAST-MODIFIED")


def test_nothing_new_is_not_sent_again(client, admin):
    path = address(admin)
    first = client.get(path)
    told = {"If-None-Match": first.headers["ETag"]}
    assert client.get(path, headers=told).status_code == 304
    with time_machine.travel(NOW + DAY, tick=False):
        assert client.get(path, headers=told).status_code == 200, "it counts days"


def test_long_chinese_lines_are_folded_and_signs_escaped(client, admin):
    admin.language = "zh_Hans"
    one = renewal(vehicle_id=1)
    one.state, one.reason = "returned", "缺行驶证，请补；见附件\n第二行 \\ " + "很长的理由" * 30
    db.session.commit()
    raw = client.get(address(admin)).data
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    for line in raw.split(b"\r\n"):
        line.decode()  # no letter is cut in two
    _new, told = Calendar.from_ical(raw).walk("VEVENT")
    assert one.reason in told["DESCRIPTION"]
    assert "交强险" in told["SUMMARY"]


def test_no_more_than_the_nearest(client, admin, monkeypatch):
    monkeypatch.setattr(feed, "MOST_EVENTS", 1)
    (nearest,) = fetch(client, address(admin)).walk("VEVENT")
    assert nearest.decoded("DTSTART") < X


def test_a_revoked_address_is_gone(client, admin):
    old = address(admin)
    new = address(admin)
    assert client.get(old).status_code == 404, "a new one takes its place"
    assert client.get(new).status_code == 200
    feed.revoke_feed(admin.id, by=BY, at=NOW)
    assert client.get(new).status_code == 404
    assert client.get("/calendar/anything.ics").status_code == 404


def test_who_is_shut_out_has_none_and_gets_none_back(client, admin):
    path = address(admin)
    other = address(caller(AUDITOR))
    deactivate(admin.id, by=BY, at=NOW)
    assert client.get(path).status_code == 404
    activate(admin.id, by=BY, at=NOW)
    assert client.get(path).status_code == 404
    assert client.get(other).status_code == 200, "nobody else loses theirs"


def test_a_user_made_inactive_by_hand_has_none(client, admin):
    path = address(admin)
    admin.active = False
    db.session.commit()
    assert client.get(path).status_code == 404


def test_nobody_between_keeps_it_or_learns_of_it(client, admin):
    headers = client.get(address(admin)).headers
    assert "private" in headers["Cache-Control"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_secret_stands_nowhere(session, admin):
    secret = feed.make_feed(admin.id, "en", by=BY, at=NOW)
    kept = db.session.scalars(select(CalendarFeed)).one()
    assert secret not in kept.digest
    entries = db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq)).all()
    assert entries[-1].verb == "make_calendar_feed"
    told = json.dumps([entry.changes for entry in entries])
    assert secret not in told
    assert kept.digest not in told


def test_it_speaks_the_language_it_was_made_in(client, admin):
    sign_in(client, admin)
    page = client.post("/account/calendar", headers={"Accept-Language": "zh-TW"})
    path = "/calendar/" + soup(page).select_one("#address").get_text().rpartition("/")[2]
    assert "商業" in client.get(path).get_data(as_text=True).replace("\r\n ", "")


# The page


def test_the_page_makes_shows_once_and_revokes(client, admin):
    sign_in(client, admin)
    assert "You have no calendar address yet." in words(client.get("/account/calendar"))
    made = soup(client.post("/account/calendar")).select_one("#address").get_text()
    assert made.startswith("http")
    path = "/calendar/" + made.rpartition("/")[2]
    assert client.get(path).status_code == 200
    assert made not in client.get("/account/calendar").get_data(as_text=True)
    answer = client.post("/account/calendar/revoke", follow_redirects=True)
    assert "The calendar address is revoked." in words(answer)
    assert client.get(path).status_code == 404


def test_one_does_not_revoke_anothers(client, admin):
    path = address(admin)
    sign_in(client, caller(COMPANY_ADMIN, company_code="B1"))
    client.post("/account/calendar/revoke")
    assert client.get(path).status_code == 200


def test_a_user_has_one_address_in_use_by_constraint(session, admin):
    feed.make_feed(admin.id, "en", by=BY, at=NOW)
    session.add(CalendarFeed(user_id=admin.id, digest="another", language="en", created_at=NOW))
    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
