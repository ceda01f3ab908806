"""The page checker finds what it is there to find."""

from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.pages import faults

NONCE = "abc"
GOOD = f"""<!doctype html><html lang="en"><head><title>Vehicles</title>
<script nonce="{NONCE}" src="x.js"></script></head><body><h1>Vehicles</h1>
<label for="plate">Plate</label><input id="plate" aria-describedby="hint"><p id="hint">As on it</p>
<input type="hidden" name="token"><table><tr><td>12</td></tr></table>
<a href="/vehicles">All</a><img src="x.png" alt=""><button>Save</button></body></html>"""


def answer(html: str) -> TestResponse:
    app = Flask(__name__)
    policy = {"Content-Security-Policy": f"script-src 'nonce-{NONCE}' 'strict-dynamic'"}
    app.get("/")(lambda: (html, policy))
    return app.test_client().get("/")


def test_a_good_page_has_no_faults() -> None:
    assert list(faults(answer(GOOD))) == []


@pytest.mark.parametrize(
    ("good", "bad", "fault"),
    [
        (' lang="en"', "", "no lang"),
        ("<title>Vehicles</title>", "<title> </title>", "no title"),
        ("<h1>Vehicles</h1>", "", "0 h1"),
        ("<h1>Vehicles</h1>", "<h1>One</h1><h1>Two</h1>", "2 h1"),
        ("<h1>Vehicles</h1>", "<h1></h1>", "h1"),
        ('<p id="hint">', '<p id="plate">', "2 times"),
        (' id="hint"', "", "points at nothing"),
        ('for="plate"', 'for="vin"', "no label for input"),
        (">All</a>", "></a>", "no words on <a"),
        (">Save</button>", "></button>", "no words on <button"),
        (' alt=""', "", "no alt"),
        ("12", "{{ vehicle.seats }}", "leaked"),
        ("12", "%(count)s vehicles", "leaked"),
        ("12", "None", "a lone None"),
        ("<table>", '<table onclick="x()">', "inline handler onclick"),
        ("<table>", '<table style="color: red">', "inline style"),
        ('href="/vehicles"', 'href="javascript:x()"', "script in the address"),
        (f'nonce="{NONCE}"', 'nonce="old"', "without this answer's nonce"),
        ("</body>", "<script>x()</script></body>", "without this answer's nonce"),
    ],
)
def test_a_fault_is_found(good: str, bad: str, fault: str) -> None:
    assert good in GOOD
    found = list(faults(answer(GOOD.replace(good, bad))))
    assert any(fault in one for one in found), found
