"""Headers of every answer: a nonce for our scripts, and nothing embedded or sniffed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flask import Response, g

from fleet.web.errors import is_api

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
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
    app.response_class = Answer


def nonce() -> str:
    """The one nonce of this answer."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    made: str = g.nonce
    return made


class Answer(Response):
    """What is sent: an answer with those of our headers that it has not set itself."""

    def get_wsgi_response(
        self, environ: WSGIEnvironment
    ) -> tuple[Iterable[bytes], str, list[tuple[str, str]]]:
        """The answer as a WSGI server takes it.

        Its own headers are a plain list by then, which werkzeug's are not: to put five more
        into those takes as long as reading a claim.
        """
        body, status, headers = super().get_wsgi_response(environ)
        given = {name.lower() for name, _value in headers}
        headers += [one for one in _ours() if one[0].lower() not in given]
        return body, status, headers


def _ours() -> Sequence[tuple[str, str]]:
    return _OF_CALLS if is_api() else (_policy(_POLICY.format(nonce=nonce())), *ALWAYS)


def _policy(said: str) -> tuple[str, str]:
    return "Content-Security-Policy", said


_OF_CALLS = (_policy(NOTHING), *ALWAYS)
