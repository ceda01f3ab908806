"""The objects behind Flask's proxies, for what every call does.

A name asked of a proxy is first not found there, which costs an exception, and then looked up
by two more functions: five times what the same name costs of the object itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import flask

if TYPE_CHECKING:
    from flask import Flask, Request
    from flask.ctx import _AppCtxGlobals
    from werkzeug.local import LocalProxy


def app() -> Flask:
    """The application of this context; RuntimeError where there is none."""
    return cast("LocalProxy[Flask]", flask.current_app)._get_current_object()  # noqa: SLF001


def context() -> _AppCtxGlobals:
    """What is kept for the length of this context; RuntimeError where there is none."""
    return cast("LocalProxy[_AppCtxGlobals]", flask.g)._get_current_object()  # noqa: SLF001


def request() -> Request:
    """The request that is being answered; RuntimeError where there is none."""
    return cast("LocalProxy[Request]", flask.request)._get_current_object()  # noqa: SLF001
