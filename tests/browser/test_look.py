"""The eye of these tests: it must see what is wrong, or every page would pass."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Windows
from tests.browser.look import faults

pytestmark = pytest.mark.browser
GOOD = "<h1>A page</h1><main><p>Words.</p><a href='/'>On</a></main>"


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        (GOOD.replace("Words.", "<div style='width: 3000px'>Wide</div>"), "wider than the screen"),
        (GOOD.replace("h1", "h2"), "0 h1"),
        (GOOD.replace("<a href='/'>On</a>", ""), "no way on"),
        (GOOD + "<svg width='300' height='300'></svg>", "an icon of 300 by 300"),
        (GOOD + "<p style='position: absolute; top: 1em'>On top of it</p>", "overlaps"),
    ],
    ids=["too wide", "no heading", "a dead end", "a huge icon", "an overlap"],
)
def test_the_eye_sees(windows: Windows, spoilt: str, said: str):
    with windows.open() as page:
        page.set_content(spoilt)
        assert any(said in fault for fault in faults(page)), faults(page)
        page.set_content(GOOD)
        assert faults(page) == []


def test_a_complaint_of_the_console_fails_a_test(windows: Windows):
    with pytest.raises(AssertionError, match="something is wrong"), windows.open() as page:
        page.goto("/login")
        page.evaluate("console.error('something is wrong')")
