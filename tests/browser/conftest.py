"""A real Chromium over a real server of the application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, with an empty profile of its own."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """The address on which this test's application is served."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
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

    @contextmanager
    def open(self, language: str = "en", **options: Any) -> Iterator[Page]:
        """A window that asks for a language; what its console complains of fails the test."""
        context = self.browser.new_context(base_url=self.address, locale=language, **options)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        try:
            yield page
        finally:
            context.close()
        assert not complaints, complaints


@pytest.fixture
def windows(browser: Browser, address: str) -> Windows:
    """The way to open windows on this test's application."""
    return Windows(browser, address)


@pytest.fixture
def page(windows: Windows) -> Iterator[Page]:
    """One window, in English."""
    with windows.open() as opened:
        yield opened
