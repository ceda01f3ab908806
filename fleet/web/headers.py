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
_NOTHING = "default-src 'none'; frame-ancestors 'none'"  # what programs are told is no page


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
    policy = _NOTHING if is_api() else _POLICY.format(nonce=nonce())
    answer.headers.setdefault("Content-Security-Policy", policy)
    answer.headers.setdefault("X-Content-Type-Options", "nosniff")
    answer.headers.setdefault("Referrer-Policy", "same-origin")
    answer.headers.setdefault("X-Frame-Options", "DENY")
    if "Cache-Control" not in answer.headers:  # our static files have their own
        answer.headers["Cache-Control"] = "no-store"
    return answer
