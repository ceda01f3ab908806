"""Every page that a role finds by following links: it works, fits, and leads on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import DESK, PHONE, Windows
from tests.browser.look import faults

pytestmark = pytest.mark.browser
FILES = re.compile(r"/export$|\.(xlsx|pdf|json)$")
# How many links from home each person is followed; the deepest pages are the administrator's.
FOLLOW = {"admin": 3, "desk": 1, "company": 1, "finance": 2, "auditor": 1, "several": 1}


@pytest.mark.parametrize("person", FOLLOW)
def test_every_page_works_fits_and_leads_on(windows: Windows, person: str):
    wrong: list[str] = []
    with windows.open(person) as page:
        found, edge = {"/"}, ["/"]
        for _ in range(FOLLOW[person] + 1):
            next_edge: list[str] = []
            for address in edge:
                wrong += visit(page, address)
                for path in links(page):
                    if kind(path) not in found:
                        found.add(kind(path))
                        next_edge.append(path)
            edge = next_edge
    assert not wrong, "\n".join(wrong)


def visit(page: Page, address: str) -> list[str]:
    """What is wrong with a page, on a desk and on a phone."""
    answer = page.goto(address, wait_until="domcontentloaded")
    if answer is None or not answer.ok:
        return [f"{address}: {answer and answer.status}"]
    wrong = []
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        wrong += [f"{size['width']} wide, {fault}" for fault in faults(page)]
    return wrong


def links(page: Page) -> Iterator[str]:
    """The paths of our own pages that a page links to."""
    here = urlsplit(page.url).netloc
    for link in page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
        parts = urlsplit(link)
        if parts.netloc == here and not FILES.search(parts.path):
            yield parts.path


def kind(path: str) -> str:
    """The address without whom it is about: `/vehicles/…/plate`."""
    path = re.sub(r"^/(vehicles|policies)/(?!new\b)[^/]+", r"/\1/…", path)
    path = re.sub(r"^/insurers/(?!new\b|designate)[^/]+/edit", "/insurers/…/edit", path)
    return re.sub(r"/\d+\b", "/…", path)
