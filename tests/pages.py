"""A client that checks every page it fetches, as a careful reader of its HTML would."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextvars import Context
from typing import Any

from bs4 import BeautifulSoup, Tag
from flask import has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from fleet.storage import db

LEAKS = ("{{", "}}", "{%", "%}", "lazy_gettext", "<built-in", "object at 0x", "Decimal(", "%(")
CELLS = ("td", "dd", "li", "span", "p", "a", "strong", "h1", "h2", "h3")
UNLABELLED = {"hidden", "submit", "button", "reset", "image"}


class PageClient(FlaskClient):
    """A test client; every HTML page it is answered must pass `faults`."""

    def open(self, *args: Any, **options: Any) -> TestResponse:
        """Send a request; a redirect followed is checked where it ends."""
        # In an empty context, or a test's open application context would lend the request
        # its `g` and its database session, which no request in service has.
        answer: TestResponse = Context().run(super().open, *args, **options)
        if has_app_context():
            db.session.rollback()  # what the request committed is what the test sees next
        if answer.mimetype == "text/html" and not 300 <= answer.status_code < 400:
            found = list(faults(answer))
            assert not found, f"{answer.request.path}: " + "; ".join(found)
        return answer


def soup(answer: TestResponse) -> BeautifulSoup:
    """The page of an answer, to look things up in."""
    return BeautifulSoup(answer.get_data(as_text=True), "html.parser")


def words(answer: TestResponse) -> str:
    """The page's text, every run of white space one space."""
    return " ".join(soup(answer).get_text(" ").split())


def faults(answer: TestResponse) -> Iterator[str]:
    """Say everything that is wrong with a page."""
    page = soup(answer)
    yield from _frame(page)
    yield from _ids(page)
    yield from _names(page)
    yield from _leaks(page)
    yield from _policy(page, answer.headers.get("Content-Security-Policy", ""))


def _frame(page: BeautifulSoup) -> Iterator[str]:
    if page.html is None or not page.html.get("lang"):
        yield "no lang on <html>"
    if page.title is None or not page.title.get_text(strip=True):
        yield "no title"
    headings = page.find_all("h1")
    if len(headings) != 1 or not headings[0].get_text(strip=True):
        yield f"{len(headings)} h1 instead of one with words"


def _ids(page: BeautifulSoup) -> Iterator[str]:
    ids = Counter(tag["id"] for tag in page.find_all(id=True))
    yield from (f"id {name!r} {times} times" for name, times in ids.items() if times > 1)
    for attribute in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
        for tag in page.select(f"[{attribute}]"):
            for name in _text(tag, attribute).split():
                if name not in ids:
                    yield f"{attribute}={name!r} points at nothing"


def _names(page: BeautifulSoup) -> Iterator[str]:
    labelled = {label["for"] for label in page.select("label[for]")}
    for control in page.find_all(("input", "select", "textarea")):
        named = control.get("id") in labelled or control.find_parent("label") or _aria(control)
        if control.get("type") not in UNLABELLED and not named:
            yield f"no label for {control.name} {control.get('name')!r}"
    for tag in page.find_all(("a", "button")):
        picture = tag.find("img", alt=True)
        if not (tag.get_text(strip=True) or _aria(tag) or (picture and picture["alt"])):
            yield f"no words on {tag}"
    yield from (f"no alt on {tag}" for tag in page.find_all("img") if not tag.has_attr("alt"))


def _leaks(page: BeautifulSoup) -> Iterator[str]:
    text = str(page)
    yield from (f"{leak!r} leaked into the page" for leak in LEAKS if leak in text)
    for tag in page.find_all(CELLS):
        if tag.get_text(strip=True) in {"None", "Undefined", "[]", "()", "True", "False"}:
            yield f"a lone {tag.get_text(strip=True)} in <{tag.name}>"


def _policy(page: BeautifulSoup, policy: str) -> Iterator[str]:
    nonce = re.search(r"script-src 'nonce-([^']+)'", policy)
    if nonce is None:
        yield "no nonce in the content security policy"
    for script in page.find_all("script"):
        if nonce is None or script.get("nonce") != nonce[1]:
            yield f"script without this answer's nonce: {script.get('src', 'inline')}"
    for tag in page.find_all(True):
        for name in tag.attrs:
            if name.startswith("on"):
                yield f"inline handler {name} on <{tag.name}>"
            elif name == "style":
                yield f"inline style on <{tag.name}>, which the policy ignores"
        if _text(tag, "href").lower().startswith("javascript:"):
            yield f"script in the address of {tag}"


def _aria(tag: Tag) -> bool:
    return bool(tag.get("aria-label") or tag.get("aria-labelledby"))


def _text(tag: Tag, attribute: str) -> str:
    value = tag.get(attribute, "")
    return " ".join(value) if isinstance(value, list) else str(value or "")
