"""Sign-in, tokens, language, limits; whoever is out stays out."""

from __future__ import annotations

import pytest
from flask import Flask

from fleet.people import limits, service
from fleet.storage import db
from fleet.storage.history import HistoryEntry
from tests import cast
from tests.pages import PageClient, soup, words


@pytest.fixture
def person(app: Flask) -> int:
    with app.app_context():
        cast.move_in("company")
        return cast.let_in("ada", *cast.GRANTS["administrator"], password=cast.PASSWORD).id


def sign_in(client: PageClient, email: str, password: str):
    return client.post("/login?next=/account", data={"email": email, "password": password})


def test_the_right_password_opens_and_leads_on(client: PageClient, person: int) -> None:
    answer = sign_in(client, " Ada@Cast.example ", cast.PASSWORD)
    assert answer.headers["Location"] == "/account"
    assert client.get("/account").status_code == 200


def test_a_wrong_password_and_an_unknown_user_read_the_same(
    client: PageClient, person: int
) -> None:
    wrong = sign_in(client, "ada@cast.example", "not this one")
    unknown = sign_in(client, "nobody@cast.example", "not this one")
    assert words(wrong) == words(unknown)
    assert "E-mail address or password is wrong." in words(wrong)


def test_an_unknown_user_costs_a_hash_too(
    client: PageClient, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask_security import forms

    hashed = []
    monkeypatch.setattr(forms, "hash_password", lambda text: hashed.append(text) or "x")
    sign_in(client, "nobody@cast.example", "not this one")
    assert hashed == ["not this one"]


def test_too_many_tries_are_refused_before_any_hash(
    client: PageClient, person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "TRIES_PER_ADDRESS", 2)
    answers = [sign_in(client, "nobody@cast.example", "x").status_code for _ in range(3)]
    assert answers == [200, 200, 429]
    assert sign_in(client, "ada@cast.example", cast.PASSWORD).status_code == 302


@pytest.mark.parametrize("path", ["//evil.example/x", "https://evil.example", "/\\evil.example"])
def test_the_language_switch_leads_to_our_own_pages_only(client: PageClient, path: str) -> None:
    answer = client.post("/language", data={"language": "zh_Hans", "next": path})
    assert answer.headers["Location"] == "/"


def test_the_language_is_kept_signed_out_and_on_the_user(client: PageClient, person: int) -> None:
    client.post("/language", data={"language": "zh_Hant"})
    assert 'lang="zh-Hant"' in client.get("/login").text
    sign_in(client, "ada@cast.example", cast.PASSWORD)
    client.post("/language", data={"language": "zh_Hans"})
    other = cast.sign_in(client.application.test_client(), "ada")
    assert 'lang="zh-Hans"' in other.get("/account").text


def test_the_api_knows_a_token_and_no_session(app: Flask, person: int) -> None:
    client = cast.sign_in(app.test_client(), "ada")
    assert client.get("/api/v1/vehicles").status_code == 401
    held = cast.token(app, "ada")
    assert client.get("/api/v1/vehicles", headers=held).status_code == 200
    assert client.get("/account", headers=held).status_code == 200  # by the session
    assert app.test_client().get("/account", headers=held).status_code == 302


def test_a_revoked_token_is_refused(app: Flask, person: int) -> None:
    client = cast.sign_in(app.test_client(), "ada")
    page = client.post("/account/tokens", data={"name": "a program"})
    made = page.text.partition('<code id="token">')[2].partition("<")[0]
    held = {"Authorization": f"Bearer {made}"}
    assert client.get("/api/v1/vehicles", headers=held).status_code == 200
    assert made not in client.get("/account").text
    revoke = soup(page).select_one("form[action$='/revoke']")["action"]
    assert client.post(revoke).status_code == 302
    assert client.get("/api/v1/vehicles", headers=held).status_code == 401


def test_a_deactivated_user_is_out_at_once(app: Flask, person: int) -> None:
    client, held = cast.sign_in(app.test_client(), "company"), cast.token(app, "company")
    assert client.get("/account").status_code == 200
    with app.app_context():
        who = db.session.scalar(db.select(service.User.id).filter_by(email="company@cast.example"))
        service.deactivate(who, by=cast.SYSTEM, at=cast.AT)
    assert client.get("/account").status_code == 302
    assert client.get("/api/v1/vehicles", headers=held).status_code == 401


def test_a_changed_password_is_in_the_history(app: Flask, person: int) -> None:
    client = app.test_client()
    sign_in(client, "ada@cast.example", cast.PASSWORD)
    new = "another password entirely"
    told = {"password": cast.PASSWORD, "new_password": new, "new_password_confirm": new}
    assert client.post("/change", data=told).status_code == 302
    with app.app_context():
        verbs = db.session.scalars(db.select(HistoryEntry.verb).order_by(HistoryEntry.seq)).all()
    assert verbs[-1] == "change_password"


@pytest.mark.parametrize("path", ["/login", "/change", "/tf-setup", "/reset", "/account"])
def test_no_browser_keeps_a_page_of_signing_in(app: Flask, person: int, path: str) -> None:
    """Flask-Security sent `private=True, no-store=True`, which is no directive of Cache-Control."""
    signed_in = cast.sign_in(app.test_client(), "ada")
    for client in (app.test_client(), signed_in):
        assert client.get(path).headers["Cache-Control"] == "no-store"
