"""A real Chromium over a real server of the application, with the demo group in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright
from werkzeug.serving import make_server

from fleet.demo.cast import PASSWORD
from fleet.demo.service import load_demo
from fleet.storage import EVERYTHING, Actor, db, limit_to
from tests.conftest import _create_app, _migrate, _settings

if TYPE_CHECKING:
    from flask import Flask

CHROMIUM = "/usr/bin/chromium"
# No sandbox, since root cannot have one; nothing that would look for hosts outside.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000  # milliseconds; a busy machine is no fault of a page
DESK: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, with an empty profile of its own."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application as it is served, forgery protection included, over the demo group."""
    folder = tmp_path_factory.mktemp("demo")
    settings = _settings(folder, f"sqlite:///{folder / 'fleet.sqlite3'}")
    _migrate(settings)
    made = _create_app(settings)
    with made.app_context():
        limit_to(EVERYTHING)
        load_demo(by=Actor(None, "tests"), at=datetime.now(UTC))
        db.session.remove()
    return made


@pytest.fixture(scope="session")
def address(demo: Flask) -> Iterator[str]:
    """The address on which the demo group is served."""
    server = make_server("127.0.0.1", 0, demo, threaded=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Windows:
    """Opens windows of the browser, each a person of its own."""

    browser: Browser
    address: str
    signed_in: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def open(self, person: str = "", **options: Any) -> Iterator[Page]:
        """A window in English, signed in where a person is named; a complaint in it fails."""
        if person and person not in self.signed_in:
            self._sign_in(person)
        options.setdefault("locale", "en")
        options.setdefault("viewport", DESK)
        with self._window(storage_state=self.signed_in.get(person), **options) as page:
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
            yield page
            assert not complaints, complaints

    def _sign_in(self, person: str) -> None:
        """Sign in once a session, and keep the cookies: a password's hash is slow on purpose."""
        with self._window(locale="en") as page:
            sign_in(page, person)
            self.signed_in[person] = page.context.storage_state()

    @contextmanager
    def _window(self, **options: Any) -> Iterator[Page]:
        context = self.browser.new_context(base_url=self.address, **options)
        context.set_default_timeout(PATIENCE)
        try:
            yield context.new_page()
        finally:
            context.close()


def sign_in(page: Page, person: str) -> None:
    """Sign somebody of the demo group in through the form."""
    page.goto("/login")
    page.get_by_label("E-mail address").fill(f"{person}@demo.example")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Sign out").wait_for()


@pytest.fixture(scope="session")
def windows(browser: Browser, address: str) -> Windows:
    """The way to open windows on the demo group."""
    return Windows(browser, address)
