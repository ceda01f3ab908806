"""Headers of every answer: a nonce for our scripts, and nothing embedded or sniffed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from flask import Response, g

from fleet.web.errors import is_api

if TYPE_CHECKING:
    from flask import Flask

_POLICY = (
    "default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
NOTHING = "default-src 'none'; frame-ancestors 'none'"  # what programs are told is no page
ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
    ("Cache-Control", "no-store"),  # our static files have their own
)


def init_headers(app: Flask) -> None:
    """Give every answer its policy and every template its nonce."""
    app.context_processor(lambda: {"nonce": nonce})
    app.after_request(_protect)


def nonce() -> str:
    """The one nonce of this answer."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    made: str = g.nonce
    return made


def _protect(answer: Response) -> Response:
    policy = NOTHING if is_api() else _POLICY.format(nonce=nonce())
    # One look at what stands there: werkzeug's setdefault goes through all of it for each.
    given = {name.lower() for name, _value in answer.headers}
    for name, value in (("Content-Security-Policy", policy), *ALWAYS):
        if name.lower() not in given:
            answer.headers.add(name, value)
    return answer
