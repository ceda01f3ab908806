"""Every page that links lead to, crawled in three languages."""

from __future__ import annotations

import pytest
from flask import Flask

from fleet.web.locale import LANGUAGES
from tests import cast
from tests.pages import soup

pytestmark = pytest.mark.one_engine
FILES = (".xlsx", ".json", "/export", ".pdf")


@pytest.mark.parametrize(
    ("who", "language"),
    [*(("administrator", one) for one in LANGUAGES), ("desk", "en"), ("several", "en")],
)
def test_a_crawl_finds_no_faulty_page(app: Flask, who: str, language: str) -> None:
    """The client checks each page it fetches: policy, nonce, labels, ids, leaks."""
    with app.app_context():
        cast.move_in("administrator", "desk")
        cast.let_in("several", *cast.GRANTS["company"], *cast.GRANTS["finance"])
    client = cast.sign_in(app.test_client(), who)
    client.post("/language", data={"language": language})
    seen, open_paths = set(), ["/"]
    while open_paths and len(seen) < 45:
        path = open_paths.pop(0)
        if path in seen or path.partition("?")[0].endswith(FILES):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code in {200, 302}, path
        if answer.mimetype == "text/html":
            page = soup(answer)
            if answer.status_code == 200:
                assert page.html["lang"] == language.replace("_", "-"), path
            hrefs = [link["href"] for link in page.select("a[href]")]
            open_paths += [href.partition("#")[0] for href in hrefs if href.startswith("/")]
    assert len(seen) > 10


def test_what_a_caller_may_not_do_is_not_in_the_navigation(app: Flask) -> None:
    with app.app_context():
        cast.move_in("company", "administrator")
    for who, shown in (("company", False), ("administrator", True)):
        page = soup(cast.sign_in(app.test_client(), who).get("/"))
        places = [link["href"] for link in page.select("nav.side a")]
        assert ("/people" in places) is shown
        assert ("/imports" in places) is shown
        assert "/vehicles" in places
