"""Refusals and errors: what the rooms raise, and the HTTP answer each becomes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from flask import Request, Response, abort, jsonify, render_template, request
from flask_babel import gettext as _
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, SecurityError

from fleet.storage import behind, db, is_busy

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)
View = TypeVar("View", bound=Callable[..., object])


class Refusal(Exception):
    """Something a room does not do, with a message for the person who asked.

    A subclass for each reason builds its message inside; `status` is the HTTP answer, `field`
    the form field it belongs to, `code` a name that programs can hold on to. `challenge` is
    what a 401 asks for, `again_after` the seconds to wait before asking again, `errors` what is
    wrong field by field.
    """

    status = HTTPStatus.CONFLICT
    field: str | None = None
    challenge: str | None = None
    again_after: int | None = None
    errors: Mapping[str, object] | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def code(self) -> str:
        """The refusal's name for programs: its class name in snake case."""
        name = type(self).__name__
        return "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_")


class NotFound(Refusal):
    """There is no such thing, or it is not the caller's to see."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self, what: str) -> None:
        super().__init__(_("There is no %(what)s here, or it is not yours to see.", what=what))


class Stale(Refusal):
    """Somebody else changed the row since it was read."""

    def __init__(self) -> None:
        super().__init__(_("Somebody changed this meanwhile. Look at it again and repeat."))


class Busy(Refusal):
    """Others wrote for as long as a write waits for its turn."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    again_after = 5

    def __init__(self) -> None:
        super().__init__(
            _("Others are writing just now. Nothing was changed; try again in a moment.")
        )


def raw(view: View) -> View:
    """Let a view read its request's body itself, which nobody looks into before."""
    view.fleet_raw = True  # type: ignore[attr-defined]
    return view


def is_api() -> bool:
    """Whether the request is one of the API's."""
    return behind.request().path.startswith("/api/")


def problem(status: int, title: str, detail: str = "", **more: object) -> Response:
    """An RFC 9457 problem document."""
    body = {"type": "about:blank", "title": title, "status": status, **more}
    if detail:
        body["detail"] = detail
    answer = jsonify(body)
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    return answer


def init_errors(app: Flask) -> None:
    """Answer refusals and errors as a page, or on the API as a problem document."""
    app.before_request(_refuse_unreadable)
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(OperationalError, _operational)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)


def _refuse_unreadable() -> None:
    """Refuse what no view should have to read; a view that reads its body itself is left it."""
    asked = behind.request()
    view = behind.app().view_functions.get(asked.endpoint or "")
    body = not getattr(view, "fleet_raw", False)
    _refuse_nul(asked, form=body and not asked.is_json)
    if body and asked.is_json:
        _refuse_json(asked)


def _refuse_nul(asked: Request, *, form: bool) -> None:
    """Refuse a NUL in what is asked: no text holds one, and PostgreSQL fails on it."""
    query = asked.args.values() if asked.query_string else ()
    said = (asked.path, *query, *(asked.form.values() if form else ()))
    if any("\0" in text for text in said):
        abort(HTTPStatus.BAD_REQUEST)


def _refuse_json(asked: Request) -> None:
    """Refuse JSON sent to a page, and on the API what no reader of JSON gets through.

    Brackets nested too deep and a number of too many digits are no JSONDecodeError, so that
    the API's own parser would let them out as errors of ours.
    """
    if not is_api():
        abort(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        if asked.get_data():
            asked.get_json()
    except RecursionError:
        abort(HTTPStatus.BAD_REQUEST)


def _refused(refusal: Refusal) -> Response:
    db.session.rollback()
    answer = _refusal(refusal) if is_api() else _page(refusal.status, refusal.message)
    if refusal.again_after:
        answer.headers["Retry-After"] = str(refusal.again_after)
    return answer


def _refusal(refusal: Refusal) -> Response:
    more = {"errors": refusal.errors} if refusal.errors else {}
    answer = problem(refusal.status, refusal.message, code=refusal.code, **more)
    if refusal.challenge:
        answer.headers["WWW-Authenticate"] = refusal.challenge
    return answer


def _operational(error: OperationalError) -> Response:
    if not is_busy(error):
        return _unexpected(error)
    log.warning("busy at %s: %s", request.path, error.orig)
    return _refused(Busy())


def _http(error: HTTPException) -> Response | HTTPException:
    if error.code is None or error.code < HTTPStatus.BAD_REQUEST:
        return error
    if is_api():
        more = getattr(error, "data", None) or {}
        errors = more.get("messages")
        answer = problem(error.code, error.name, **({"errors": errors} if errors else {}))
        if error.code == HTTPStatus.UNAUTHORIZED:
            answer.headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return answer
    if isinstance(error, SecurityError):  # under a name not ours no page can build its links
        return error
    return _page(error.code, _words(error))


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error at %s", request.path, exc_info=error)
    db.session.rollback()
    if is_api():
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal Server Error")
    return _page(HTTPStatus.INTERNAL_SERVER_ERROR, _("Something went wrong on our side."))


def _words(error: HTTPException) -> str:
    known = {
        HTTPStatus.BAD_REQUEST: _("This request cannot be read."),
        HTTPStatus.FORBIDDEN: _("Your role does not allow this."),
        HTTPStatus.NOT_FOUND: _("There is nothing at this address, or it is not yours to see."),
        HTTPStatus.METHOD_NOT_ALLOWED: _("This address cannot be used this way."),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("This file is too large."),
        HTTPStatus.TOO_MANY_REQUESTS: _("Too many tries. Wait a minute and try again."),
    }
    return known.get(HTTPStatus(error.code or 500), error.name)


def _page(status: int, message: str) -> Response:
    return Response(render_template("error.html", status=int(status), message=message), status)
