"""The OA's callback: who is believed, what is taken once, what each word does to a request."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select

from fleet.notices.tables import Notice
from fleet.renewals import callback, oa, rules, service
from fleet.renewals.hearing import EVENTS
from fleet.renewals.oa_tables import OaCall, OaRefusal
from fleet.renewals.tables import Approval, CoverRequest
from fleet.settings import SettingMissing, read_settings
from fleet.storage import db
from fleet.storage.history import HistoryEntry, verify
from fleet.web.access import COMPANY_ADMIN, INSURANCE_DESK
from tests.conftest import SECRET
from tests.renewals.oa_calls import (
    ADDRESS,
    DAY,
    NOW,
    call,
    headers,
    moves,
    request,
    rows,
    said,
    state,
    verbs,
)
from tests.renewals.records import BY, caller

HISTORY = ("history_entries", "history_heads")
LEDGER = (*HISTORY, "oa_calls", "oa_refusals")


@pytest.fixture(autouse=True)
def moment():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def last_entry() -> HistoryEntry:
    db.session.rollback()
    return db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq.desc())).first()


# Who is believed


BODY = json.dumps(said(1)).encode()


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in headers(BODY).items() if key != name}


REFUSED: dict[str, tuple[Any, int, str]] = {
    "no header": (dict, 401, "unsigned"),
    "no timestamp": (lambda: without("X-Fleet-Timestamp"), 401, "unsigned"),
    "no nonce": (lambda: without("X-Fleet-Nonce"), 401, "unsigned"),
    "no signature": (lambda: without("X-Fleet-Signature"), 401, "unsigned"),
    "short nonce": (lambda: headers(BODY, nonce="x" * 15), 401, "unsigned"),
    "odd nonce": (lambda: headers(BODY, nonce="x" * 20 + "\xe9"), 401, "unsigned"),
    "odd timestamp": (
        lambda: headers(BODY) | {"X-Fleet-Timestamp": "\xb2\xb2"},
        401,
        "unsigned",
    ),
    "fraction": (lambda: headers(BODY) | {"X-Fleet-Timestamp": "1.5"}, 401, "unsigned"),
    "odd signature": (
        lambda: headers(BODY) | {"X-Fleet-Signature": "\xe9" * 64},
        401,
        "bad_signature",
    ),
    "another secret": (lambda: headers(BODY, secret=SECRET + "x"), 401, "bad_signature"),
    "another body": (lambda: headers(BODY + b" "), 401, "bad_signature"),
    "another nonce": (lambda: headers(BODY) | {"X-Fleet-Nonce": "n" * 20}, 401, "bad_signature"),
    "another time": (
        lambda: headers(BODY) | {"X-Fleet-Timestamp": str(int(NOW.timestamp()) + 1)},
        401,
        "bad_signature",
    ),
    "too old": (lambda: headers(BODY, shift=-301), 401, "stale_call"),
    "too new": (lambda: headers(BODY, shift=301), 401, "stale_call"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_the_oas_changes_nothing_and_is_in_the_history(client, session, name):
    request()
    sent, status, code = REFUSED[name]
    before = rows(*LEDGER, "oa_refusals")
    answer = client.post(ADDRESS, data=BODY, headers=sent(), content_type="application/json")
    assert (answer.status_code, answer.json["code"]) == (status, code)
    assert answer.headers["WWW-Authenticate"] == "Fleet-Signature"
    assert rows(*LEDGER) == before
    assert db.session.scalars(select(OaCall)).all() == []
    entry = last_entry()
    assert (entry.verb, entry.actor) == ("refuse_oa_call", "OA")
    assert json.loads(entry.changes) == [{"table": "oa_calls", "refused": code}]
    assert SECRET not in entry.changes + entry.subject
    assert sent().get("X-Fleet-Signature", "-") not in entry.changes + entry.subject


@pytest.mark.one_engine
@pytest.mark.parametrize(("shift", "status"), [(-300, 200), (300, 200), (-301, 401), (301, 401)])
def test_the_window_is_five_minutes_to_the_second(client, session, shift, status):
    assert call(client, said(request()), shift=shift).status_code == status


@pytest.mark.one_engine
def test_a_fraction_of_a_second_of_ours_shuts_nobody_out(client, session):
    with time_machine.travel(NOW + timedelta(milliseconds=900), tick=False):
        assert call(client, said(request()), shift=-300).status_code == 200


@pytest.mark.one_engine
def test_the_signature_is_the_documented_one() -> None:
    import hmac

    expected = hmac.new(b"key", b'1772000000\nnonce-nonce-nonce\n{"a":1}', "sha256").hexdigest()
    assert oa.signature_of("key", "1772000000", "nonce-nonce-nonce", b'{"a":1}') == expected


def test_a_replayed_call_changes_nothing_and_is_in_the_history(client, session):
    body = json.dumps(said(request())).encode()
    sent = headers(body)
    assert client.post(ADDRESS, data=body, headers=sent).status_code == 200
    before, heads = rows(*HISTORY, "oa_refusals"), verbs()
    again = client.post(ADDRESS, data=body, headers=sent)
    assert (again.status_code, again.json["code"]) == (409, "nonce_used")
    assert rows(*HISTORY, "oa_refusals") == before
    assert verbs() - heads == Counter(["refuse_oa_call"])
    assert last_entry().subject == sent["X-Fleet-Nonce"]
    assert verify() is None


@pytest.mark.one_engine
def test_a_nonce_is_used_up_by_what_is_refused_and_by_what_is_repeated(client, session):
    word = said(request())
    call(client, b"{", nonce="a" * 20)
    call(client, word)
    call(client, word, nonce="b" * 20)
    for nonce in ("a" * 20, "b" * 20):
        for body in (b"{", word, said(999)):
            assert call(client, body, nonce=nonce).status_code == 409


@pytest.mark.one_engine
def test_without_a_secret_nobody_is_let_in_whatever_is_sent(app: Flask, client, session):
    """Once answered 503, as if the server were at fault; the closed door is the default."""
    app.extensions["fleet_settings"] = replace(app.extensions["fleet_settings"], oa_secret="")
    before = rows()
    for answer in (
        call(client, said(1), secret=""),
        client.post(ADDRESS),
        client.post(ADDRESS, data=b"x" * (oa.MOST_BYTES + 1)),
    ):
        assert (answer.status_code, answer.json["code"]) == (403, "oa_closed")
        assert answer.mimetype == "application/problem+json"
    assert rows() == before


@pytest.mark.one_engine
def test_an_earlier_secret_holds_while_it_is_named(app: Flask, client, session):
    id_, old, new = request(), "an old secret of the tests", "a new secret of the tests"
    settings = app.extensions["fleet_settings"]
    app.extensions["fleet_settings"] = replace(
        settings, oa_secret=new, oa_secret_fallbacks=f"unused,{old}"
    )
    assert call(client, said(id_), secret=old).status_code == 200
    assert call(client, said(id_, number="OA-2"), secret=new).status_code == 200
    app.extensions["fleet_settings"] = replace(settings, oa_secret=new)
    assert call(client, said(id_), secret=old).status_code == 401


@pytest.mark.parametrize("short", ["oa_secret", "oa_secret_fallbacks"])
def test_production_refuses_a_short_secret(short):
    good = dict.fromkeys(("secret_key", "password_salt", "history_key", "oa_secret"), SECRET)
    read_settings({}, environment="production", **good)
    with pytest.raises(SettingMissing, match=f"FLEET_{short.upper()} "):
        read_settings({}, environment="production", **good | {short: "short"})


@pytest.mark.one_engine
@pytest.mark.parametrize(("more", "status"), [(0, 400), (1, 413)])
def test_a_body_has_a_largest_size(client, session, more, status):
    body = b" " * (oa.MOST_BYTES + more)
    before = rows(*LEDGER)
    assert call(client, body).status_code == status
    assert rows(*LEDGER) == before
    assert last_entry().verb == "refuse_oa_call"


@pytest.mark.one_engine
@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_the_bodys_bytes_are_judged_whatever_they_are_said_to_be(client, session, kind):
    body = json.dumps(said(request())).encode()
    answer = client.post(ADDRESS, data=body, content_type=kind, headers=headers(body))
    assert answer.status_code == 200


@pytest.mark.one_engine
@pytest.mark.parametrize("body", [b"[" * 50_000, b"\xff", b"a=\0", b"9" * 5_000])
def test_nothing_unsigned_is_read(client, session, body):
    for kind in ("application/json", "application/x-www-form-urlencoded"):
        answer = client.post(ADDRESS, data=body, content_type=kind)
        assert (answer.status_code, answer.json["code"]) == (401, "unsigned")


# A flood


def refusals_told() -> int:
    return verbs()["refuse_oa_call"]


@pytest.mark.one_engine
def test_a_flood_is_counted_and_then_not_even_that(client, session, monkeypatch, moment):
    monkeypatch.setattr(callback, "EACH", 3)
    monkeypatch.setattr(callback, "COUNTED", 5)
    for _ in range(8):
        assert client.post(ADDRESS, data=b"{}").status_code == 401
    assert refusals_told() == 3
    assert db.session.scalars(select(OaRefusal.count)).all() == [5]
    assert call(client, said(request())).status_code == 200  # whose call is signed gets through
    assert call(client, b"{").status_code == 400
    assert refusals_told() == 4  # another reason has its own
    moment.shift(timedelta(hours=1))
    client.post(ADDRESS, data=b"{}")
    told = json.loads(last_entry().changes)
    assert {"refused": "unsigned", "table": "oa_calls"} in told
    assert [one["calls"] for one in told if "calls" in one] == [5]
    assert verify() is None


@pytest.mark.one_engine
def test_what_was_refused_or_repeated_is_forgotten_after_a_day(client, session, moment):
    word = said(request())
    call(client, word)
    call(client, word)
    call(client, b"{")
    moment.shift(timedelta(days=1, seconds=1))
    call(client, word)
    found = db.session.scalars(select(OaCall.outcome).order_by(OaCall.id)).all()
    assert found == ["heard", "repeated"]


# What each word does

STAYS: dict[str, str] = {one: one for one in rules.OPEN}
BECOMES: dict[str, dict[str, str]] = {
    "approved": STAYS | {"prepared": "approved"},
    "rejected": STAYS | {"approved": "prepared", "submitted": "prepared", "accepted": "prepared"},
    "withdrawn": STAYS | {"approved": "prepared", "submitted": "prepared", "accepted": "prepared"},
}


@pytest.mark.one_engine
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("before", rules.STATES)
def test_each_word_on_each_state(client, session, event, before):
    id_ = request(state=before)
    answer = call(client, said(id_, event=event, reason="Over budget"))
    assert answer.status_code == 200
    if before in rules.ENDED:
        assert (state(id_), moves(id_)) == (before, [])
        assert [one["id"] for one in answer.json["left_out"]] == [id_]
        assert db.session.get_one(CoverRequest, id_).approval is None
        return
    after = BECOMES[event][before]
    assert state(id_) == after
    told = answer.json["kept" if after == before else "moved"]
    assert [(one["id"], one["before"], one["after"]) for one in told] == [(id_, before, after)]
    (move,) = moves(id_)
    assert move[1:] == (before, after)
    assert (move[0] == "oa_too_late") == (before == "placed" and event != "approved")
    assert (told[0]["why"] is not None) == (move[0] == "oa_too_late")
    assert db.session.get_one(CoverRequest, id_).approval.state == event


def test_an_approval_withdrawn_takes_back_all_under_its_number(client, session):
    ids = [request(serial) for serial in (1, 2, 3)]
    call(client, said(*ids))
    service.submit(ids[:2], by=BY, at=NOW)
    service.accept(ids[:1], by=BY, at=NOW)
    answer = call(client, said(event="withdrawn", reason="Budget cut"))
    assert [one["before"] for one in answer.json["moved"]] == ["accepted", "submitted", "approved"]
    assert {state(id_) for id_ in ids} == {"prepared"}
    assert moves(ids[0])[-1] == ("unapprove", "accepted", "prepared")
    assert verify() is None


@pytest.mark.one_engine
def test_what_is_placed_stays_and_its_desk_is_told(client, session):
    placed, prepared = request(1, "placed"), request(2)
    desk, company = caller(INSURANCE_DESK, None, "A"), caller(COMPANY_ADMIN, "A1")
    call(client, said(placed, prepared))
    call(client, said(event="withdrawn"))
    db.session.rollback()
    found = db.session.execute(select(Notice.recipient_id, Notice.facts))
    told = {(row.recipient_id, row.facts["move"]) for row in found if "move" in row.facts}
    assert told == {(desk.id, "oa_too_late"), (company.id, "unapprove")}


def test_an_approval_before_the_request_is_prepared_counts_then(client, session):
    id_ = request(state="due")
    answer = call(client, said({"vin": "ltesta00000000001", "kind": "commercial"}))
    assert [one["after"] for one in answer.json["kept"]] == ["due"]
    found = db.session.get_one(CoverRequest, id_)
    lines = tuple(service.prefill(found, NOW))
    service.prepare(id_, service.Prepared(lines=lines), version=found.version, by=BY, at=NOW)
    assert state(id_) == "approved"


@pytest.mark.one_engine
def test_another_numbers_no_does_not_touch_an_approved_request(client, session):
    id_ = request()
    call(client, said(id_, number="OA-1"))
    call(client, said(id_, number="OA-2"))
    answer = call(client, said(id_, number="OA-1", event="withdrawn"))
    assert answer.json["left_out"][0]["why"] == "Another approval carries it: OA-2."
    assert state(id_) == "approved"


@pytest.mark.one_engine
def test_the_oas_word_stands_over_what_was_typed_in(client, session):
    id_ = request()
    typed = service.Approved("OA-1", NOW.date() - timedelta(days=1), "Misspelt")
    service.approve([id_], typed, by=BY, at=NOW)
    assert call(client, said(id_)).status_code == 200
    found = db.session.scalars(select(Approval)).one()
    assert (found.approver, found.typed, state(id_)) == ("Demo Approver", False, "approved")


# Which requests


@pytest.mark.one_engine
def test_unknown_requests_are_told_one_by_one(client, session):
    id_ = request()
    unknown = ({"vin": "NOBODYS", "kind": "commercial"}, 4_000)
    answer = call(client, said(id_, *unknown))
    assert [one["id"] for one in answer.json["moved"]] == [id_]
    left = [(one["id"], one["name"]) for one in answer.json["left_out"]]
    assert left == [(None, "NOBODYS commercial"), (4_000, "#4000")]


@pytest.mark.one_engine
@pytest.mark.parametrize("event", EVENTS)
def test_where_none_is_known_nothing_is_kept(client, session, event):
    before = rows(*LEDGER)
    answer = call(client, said(999, event=event))
    assert (answer.status_code, answer.json["code"]) == (404, "none_known")
    assert rows(*LEDGER) == before
    assert verbs() == Counter(["refuse_oa_call"])


@pytest.mark.one_engine
def test_one_decision_may_bring_more_requests_and_another_may_not(client, session):
    first, second, third = (request(serial) for serial in (1, 2, 3))
    call(client, said(first))
    assert call(client, said(first, second)).json["moved"][0]["id"] == second
    assert len(moves(first)) == 1  # nothing new was said of it
    before = rows(*LEDGER)
    answer = call(client, said(third, approver="Somebody else"))
    assert (answer.status_code, answer.json["code"]) == (409, "another_approval")
    assert rows(*LEDGER) == before


# Once, and in order


def test_the_same_again_is_answered_the_same_and_changes_nothing(client, session):
    ids = [request(1), request(2)]
    first = call(client, said(*ids, 999))
    before, told = rows("oa_calls"), verbs()
    again = call(client, dict(reversed(said(999, *reversed(ids)).items())))
    assert (again.status_code, again.json) == (200, first.json)
    assert (rows("oa_calls"), verbs()) == (before, told)


@pytest.mark.one_engine
def test_a_delayed_repetition_does_not_bring_an_approval_back(client, session):
    id_ = request()
    approved = said(id_)
    call(client, approved)
    call(client, said(event="withdrawn"))
    assert call(client, approved).status_code == 200
    assert state(id_) == "prepared"


AT_NINE, AT_TEN = "2026-03-02T09:00:00+08:00", "2026-03-02T10:00:00+08:00"
NO = said(event="withdrawn", decided_on="2026-03-01")
# What came first, what then, and whether the second counts.
ORDERS: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "a later day": (NO, {"decided_on": DAY}, True),
    "an earlier day": (NO, {"decided_on": "2026-02-28"}, False),
    "the same day": (NO, {"decided_on": "2026-03-01"}, False),
    "a later instant": (
        said(event="withdrawn", occurred_at=AT_NINE),
        {"occurred_at": AT_TEN},
        True,
    ),
    "an earlier instant": (
        said(event="withdrawn", occurred_at=AT_TEN),
        {"occurred_at": AT_NINE},
        False,
    ),
    "the same instant": (
        said(event="withdrawn", occurred_at=AT_TEN),
        {"occurred_at": "2026-03-02T02:00:00Z"},
        False,
    ),
    "an instant told once": (said(event="withdrawn"), {"occurred_at": AT_TEN}, False),
    "after a rejection": (said(event="rejected", decided_on="2026-03-01"), {}, True),
    "the day of a rejection": (said(event="rejected"), {}, False),
}


@pytest.mark.one_engine
@pytest.mark.parametrize("name", ORDERS)
def test_an_approval_that_comes_after_a_no(client, session, name):
    id_ = request()
    no, changes, counts = ORDERS[name]
    assert call(client, no | {"requests": [id_]}).json["outcome"] == "heard"
    answer = call(client, said(id_, **changes))
    assert answer.json["outcome"] == ("heard" if counts else "outdated")
    assert state(id_) == ("approved" if counts else "prepared")
    assert verbs()["hear_oa"] == 2


def test_a_no_that_overtakes_its_approval_is_kept(client, session):
    id_ = request()
    assert call(client, said(event="withdrawn")).status_code == 200
    late = call(client, said(id_))
    assert late.json["outcome"] == "outdated"
    assert late.json["left_out"][0]["why"].startswith("The OA's later word stands: Taken back")
    assert state(id_) == "prepared"
