"""What nobody means well by: no address answers it with an error of ours."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests import cast
from tests.cast import World

LONG = "9" * 20_000
JSON = "application/json"
HUGE = "99999999999999999999"
# As they stand in an address: a NUL, half a character, a formula, LIKE's own signs, odd numbers.
IN_QUERY = (
    *("%00", "%ED%A0%80%FF%25_", "%27%22%3E%3Cscript%3E%3D1", HUGE, "-1", "NaN"),
    *("0001-01-01", "9999-12-31", "9999-12-31T23:59-12:00", LONG),
)
QUERY = (
    *("page", "page_size", "sort", "q", "on", "company", "region", "kind", "state", "standing"),
    *("insurer", "type", "expires_from", "expires_to", "due_from", "due_to", "opened_since"),
    *("since", "until", "month", "verb", "actor", "subject", "role", "active", "late", "sheet"),
    *("policy_number", "next"),
)
IN_PATH = ("%00", "%ED%A0%80", "%FF", HUGE, "-1", "0", "..%2F..%2Fetc%2Fpasswd", "a" * 9_000)
IN_FORM = (
    *("\0", "NaN", "1e999999", "-1", HUGE, "９" * 17, "9999999999999999亿", "9999-12-31"),
    *("0001-01-01T00:00+14:00", "18:03+08:00", "'\"><script>\u2028", "長" * 2_000, ""),
)
IN_JSON = (
    *("\0", "\ud800", "NaN", float("nan"), float("inf"), 10**400, -1, True, None, [], {}, LONG),
    *("9999-12-31", "0001-01-01", "1e999999", 1e308, "=1+1", [[1]], {"a": "\0"}),
)
BODIES = (
    *(b"", b"null", b"5", b"[]", b'"text"', b"{", b"\xff\xfe", b'{"a": 1e999999}', b"NaN"),
    *(b"[" * 50_000, b'{"a":' * 50_000, b"9" * 5_000),
)
SKIPPED = ("static", "security.logout")


@pytest.fixture
def world(app: Flask) -> World:
    app.test_client_class = FlaskClient  # what pages look like is another test's
    with app.app_context():
        return cast.move_in("administrator", "finance", "desk")


def rules(app: Flask, method: str) -> Iterator[Rule]:
    for rule in app.url_map.iter_rules():
        if method in (rule.methods or ()) and not rule.endpoint.endswith(SKIPPED):
            yield rule


def filled(rule: Rule, values: dict[str, Any]) -> str:
    """A rule's address, its arguments as they are given and not checked."""
    parts = (quote(text) if not name else values[name] for name, text in _parts(rule))
    return "".join(str(part) for part in parts)


def _parts(rule: Rule) -> Iterator[tuple[str, str]]:
    rest = rule.rule
    while "<" in rest:
        before, _sign, rest = rest.partition("<")
        inside, _sign, rest = rest.partition(">")
        yield "", before
        yield inside.rpartition(":")[2], ""
    yield "", rest


def known(rule: Rule, world: World) -> dict[str, Any]:
    """Arguments that name a row on record, where there is one."""
    rows, room = world.own, rule.endpoint.partition(".")[0]
    number: Any = rows.number if room == "policies" else rows.ids.get("designation", 1)
    ids = {
        name: rows.ids.get(name.removesuffix("_id"), 1)
        for name in rule.arguments
        if name.endswith("_id")
    }
    names = {"vin": rows.vin, "number": number, "code": "INS-A", "token": "x", "secret": "x"}
    return {**names, **ids}


class Person:
    """Somebody who is signed in and holds a token, and what was answered with a 5xx."""

    def __init__(self, app: Flask, name: str) -> None:
        self.client = cast.sign_in(app.test_client(), name)
        self.token = cast.token(app, name)
        self.wrong: list[tuple[str, str, str, int]] = []

    def send(self, path: str, method: str = "GET", told: str = "", **options: Any) -> None:
        headers = self.token if path.startswith("/api/") else {}
        answer = self.client.open(path, method=method, headers=headers, **options)
        if answer.status_code >= 500:
            self.wrong.append((method, path[:120], told[:60], answer.status_code))
        elif "nosniff" not in answer.headers.get("X-Content-Type-Options", ""):
            self.wrong.append((method, path[:120], "no headers", answer.status_code))
        answer.close()


def test_no_query_breaks_a_page_or_a_call(app: Flask, world: World) -> None:
    person = Person(app, "administrator")
    for rule in rules(app, "GET"):
        path = filled(rule, known(rule, world))
        for value in IN_QUERY:
            person.send(path + "?" + "&".join(f"{name}={value}" for name in QUERY))
    assert person.wrong == []


def test_no_single_filter_breaks_a_list(app: Flask, world: World) -> None:
    """One at a time too: of two that are refused, the first hides the second."""
    person = Person(app, "administrator")
    for path in ("/api/v1/vehicles", "/api/v1/renewals", "/api/v1/reimbursements"):
        for name in QUERY:
            for value in (HUGE, "9999-12-31", "0001-01-01"):
                person.send(f"{path}?{name}={value}")
    for path in ("/history", "/vehicles", "/policies", "/renewals", "/reimbursement"):
        for name in ("q", "until", "since", "expires_to", "due_to", "month", "subject"):
            for value in ("9999-12-31", "%25" * 30_000):
                person.send(f"{path}?{name}={value}")
    assert person.wrong == []


def test_no_address_breaks(app: Flask, world: World) -> None:
    person = Person(app, "administrator")
    for method in ("GET", "POST"):
        for rule in rules(app, method):
            if rule.arguments:
                for value in IN_PATH:
                    person.send(filled(rule, dict.fromkeys(rule.arguments, value)), method)
    assert person.wrong == []


FORMS = (
    *("/vehicles/new", "/vehicle-types/new", "/insurers/new", "/designations/new", "/people/new"),
    *("/people/companies/new", "/people/regions/new", "/reimbursement", "/account/tokens"),
    *("/reimbursement/check", "/reimbursement/reversed", "/language", "/login", "/reset"),
)
DETAILS = ("edit", "move", "plate", "lay-up", "return", "leave", "policies/new")


NASTY = ("NaN", "9999999999999999亿", "9999-12-31", "0001-01-01", "18:03+08:00", "=1+1")
INSTANTS = ("0001-01-01T00:00+14:00", "9999-12-31T23:59-12:00")
FIELDS = {
    "/vehicles/{vin}/policies/new": (
        *("first_day", "last_day", "begins_at", "ends_at", "premium", "absolute_deductible_rate"),
        *("lines-0-since", "lines-0-until", "lines-0-sum_insured", "lines-0-deductible_rate"),
    ),
    "/vehicles/{vin}/lay-up": ("since", "until"),
    "/vehicles/{vin}/move": ("on", "version"),
    "/vehicles/new": ("in_service_since", "seats"),
    "/policies/{number}/endorse": ("effective_at", "lines-0-since"),
    "/policies/{number}/cancel": ("cancelled_at",),
}


def test_no_field_breaks_a_form(app: Flask, world: World) -> None:
    """One at a time, all others as they should be: a form is read to its end only then."""
    person = Person(app, "administrator")
    for path, fields in FIELDS.items():
        address = path.format(vin=world.own.vin, number=world.own.number)
        for field in fields:
            for value in (*NASTY, *INSTANTS):
                told = f"{field}={value}"
                person.send(address, "POST", told, data=form("") | GOOD | {field: value})
    assert person.wrong == []


@pytest.mark.parametrize("name", ["administrator", "finance"])
def test_no_form_breaks(app: Flask, world: World, name: str) -> None:
    person = Person(app, name)
    own, ids = world.own, world.own.ids
    paths = [*FORMS, f"/designations/{ids['designation']}/end", f"/people/{ids['user']}"]
    paths += [f"/vehicles/{own.vin}/{one}" for one in DETAILS]
    paths += [f"/policies/{own.number}/{one}" for one in ("edit", "endorse", "cancel")]
    for path in CLAIMS if name == "finance" else paths:
        for value in IN_FORM if path != "/login" else IN_FORM[:2]:  # a try costs a slow hash
            person.send(path, "POST", value, data=form(value))
    assert person.wrong == []


CLAIMS = ("/reimbursement", "/reimbursement/check", "/reimbursement/reversed", "/account/tokens")
GOOD: dict[str, str] = {
    "first_day": "2026-03-02", "last_day": "2027-03-01", "kind": "commercial",
    "insurer": "INS-A", "policy_number": "P-1", "company": "A", "vin": "LFTEST009N0000009",
    "vehicle_type": "official", "seats": "5", "energy": "petrol", "plate": "京AT9009",
    "in_service_since": "2020-01-01", "on": "2026-03-02", "since": "2026-03-02",
    "until": "2026-04-02", "effective_at": "2026-03-02T18:00", "reason": "x",
    "cancelled_at": "2026-03-02T18:00", "amount": "950", "invoice_number": "12345678",
    "code": "x1", "name": "X", "region": "N", "version": "1",
    "begins_at": "", "ends_at": "", "premium": "", "absolute_deductible_rate": "",
    "lines-0-cover": "damage", "lines-0-sum_insured": "1000", "lines-0-seats": "",
    "lines-0-deductible_rate": "", "lines-0-since": "", "lines-0-until": "",
}  # fmt: skip


def form(value: str) -> dict[str, str]:
    """Every field of every form, all with one value."""
    return dict.fromkeys((*GOOD, *MORE), value)


MORE = (
    *("email", "password", "next", "language", "grants-0-role", "grants-0-place", "credit_code"),
    *("signed_on", "vehicle_tax", "late_fee", "terms", "absolute_deductible_amount", "ended"),
    *("approval_number", "invoice_code", "invoice_date", "invoice_total", "buyer_credit_code"),
    *("first_registered", "in_service_until", "brand_model", "engine_number", "hotline"),
    *("number", "invoice_total", "lines-0-premium", "lines-9999999999-cover"),
)


def test_no_body_breaks_a_call(app: Flask, world: World) -> None:
    person = Person(app, "finance")
    good = {
        "company": "A", "policy_number": world.own.number, "invoice_number": "12345678",
        "amount": "950",
    }  # fmt: skip
    more = ("insurer", "invoice_code", "invoice_date", "invoice_total", "vehicle_tax",
            "late_fee", "buyer_credit_code")  # fmt: skip
    for path in ("/api/v1/reimbursements",):
        for field in (*good, *more):
            for value in IN_JSON:
                body = json.dumps(good | {field: value})
                person.send(path, "POST", f"{field} {value!r}", data=body, content_type=JSON)
    for path in ("/api/v1/reimbursements", "/login", "/reset"):
        for body in BODIES:
            person.send(path, "POST", repr(body[:20]), data=body, content_type=JSON)
    assert person.wrong == []


@pytest.mark.one_engine
def test_a_page_takes_no_json(app: Flask, world: World) -> None:
    """Flask-Security reads JSON as a form, and breaks on what is no object of texts."""
    answer = app.test_client().post("/login", json=[1])
    assert answer.status_code == 415


@pytest.mark.one_engine
def test_sign_in_answers_a_program_as_a_page(app: Flask, world: World) -> None:
    wrong = {"email": "x@cast.example", "password": "wrong"}
    answer = app.test_client().post("/login", data=wrong, headers={"Accept": JSON})
    assert (answer.status_code, answer.mimetype) == (200, "text/html")


@pytest.mark.one_engine
def test_no_cache_keeps_what_was_answered(app: Flask, world: World) -> None:
    person = Person(app, "finance")
    for path in ("/reimbursement/claims.xlsx", "/api/v1/vehicles", "/reimbursement/999"):
        headers = person.token if path.startswith("/api/") else {}
        assert person.client.get(path, headers=headers).headers["Cache-Control"] == "no-store"


@pytest.mark.one_engine
def test_the_cookie_that_remembers_is_kept_from_scripts_and_other_sites(app: Flask) -> None:
    assert app.config["REMEMBER_COOKIE_HTTPONLY"]
    assert app.config["REMEMBER_COOKIE_SAMESITE"] == "Lax"


@pytest.mark.one_engine
def test_another_sites_name_is_refused_and_not_an_error_of_ours(app: Flask) -> None:
    app.test_client_class = FlaskClient
    app.config["TRUSTED_HOSTS"] = ["fleet.example"]
    for path in ("/login", "/vehicles", "/api/v1/vehicles"):
        assert app.test_client().get(path, headers={"Host": "evil.example"}).status_code == 400
