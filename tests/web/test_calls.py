"""What Flask's extensions do for pages, and what a call of the API goes without."""

from __future__ import annotations

import pytest
from flask import Flask, Response

from app import FOR_PAGES
from fleet.web.headers import ALWAYS, NOTHING
from tests import cast
from tests.pages import PageClient

pytestmark = pytest.mark.one_engine

TOKENS = "/account/tokens"
CHECK = "/api/v1/reimbursements/check"


@pytest.fixture
def guarded(app: Flask) -> Flask:
    """The application as it is served: forms carry a token against other sites."""
    app.config["WTF_CSRF_ENABLED"] = True
    with app.app_context():
        cast.move_in("finance")
    return app


@pytest.fixture
def browser(guarded: Flask) -> PageClient:
    """Finance's browser, signed in."""
    return cast.sign_in(guarded.test_client(), "finance")


def test_another_site_makes_neither_a_page_nor_a_call_act(browser: PageClient) -> None:
    assert browser.get("/account").status_code == 200
    assert browser.post(TOKENS, data={"name": "stolen"}).status_code == 400
    assert browser.post("/language", data={"language": "zh_Hans"}).status_code == 400
    assert browser.post(CHECK, json={}).status_code == 401


def test_a_program_needs_no_token_but_its_own(guarded: Flask) -> None:
    answer = guarded.test_client().post(CHECK, json={}, headers=cast.token(guarded, "finance"))
    assert answer.status_code == 422


def test_a_call_neither_reads_nor_sets_a_cookie(browser: PageClient) -> None:
    held = cast.token(browser.application, "finance")
    for headers, status in ((held, 200), ({}, 401)):
        answer = browser.get("/api/v1/vehicles", headers=headers)
        assert (answer.status_code, answer.headers.getlist("Set-Cookie")) == (status, [])
    assert browser.get("/account").status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/vehicles", "/api/v1/nothing", "/api/v1/openapi.json"])
def test_every_answer_of_the_api_says_that_it_is_no_page(guarded: Flask, path: str) -> None:
    sent = guarded.test_client().get(path).headers
    assert sent.getlist("Content-Security-Policy") == [NOTHING]
    assert [sent.getlist(name) for name, _value in ALWAYS] == [[value] for _name, value in ALWAYS]


def test_the_hooks_that_a_call_goes_without_are_known(guarded: Flask) -> None:
    """A new extension's is a decision: is it for pages?"""
    before, after = guarded.before_request_funcs, guarded.after_request_funcs
    packages = {hook.__module__.partition(".")[0] for hook in (*before[None], *after[None])}
    assert packages == {"fleet", *FOR_PAGES}
    # Those of a blueprint are looked at for pages only; none of the API's has any.
    assert {name for name in (*before, *after) if name} == set()


def test_any_other_hook_looks_at_calls_too(guarded: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[str] = []

    def note(answer: Response | None = None) -> Response | None:
        met.append("before" if answer is None else "after")
        return answer

    for hooks in (guarded.before_request_funcs, guarded.after_request_funcs):
        monkeypatch.setitem(hooks, None, [*hooks[None], note])
    assert guarded.test_client().get("/api/v1/openapi.json").status_code == 200
    assert met == ["before", "after"]
