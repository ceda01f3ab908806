"""The application: settings, storage, rooms, sign-in, errors. Nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from flask import Flask, Response
from flask_bootstrap import Bootstrap5
from flask_wtf import CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from fleet.people.signin import init_signin
from fleet.rulebook.book import load
from fleet.settings import Settings, read_settings
from fleet.storage import init_storage
from fleet.web.api import CONFIG, api
from fleet.web.errors import init_errors, is_api
from fleet.web.furniture import init_furniture
from fleet.web.headers import init_headers
from fleet.web.locale import init_locale

ROOMS = (
    "work",
    "people",
    "notices",
    "insurers",
    "vehicles",
    "policies",
    "renewals",
    "reimbursement",
    "workbook",
    "reports",
    "demo",
)
csrf = CSRFProtect()


class Fleet(Flask):
    """Flask without coroutines, and on the API without the hooks of its extensions.

    They look after forms, cookies and sessions, and take as long as reading a claim; a call has
    a token, which no browser sends by itself.
    """

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The view or hook itself: Flask looks at each anew, ten times a request."""
        return func

    def preprocess_request(self) -> Any:
        """What is done before a view; the answer of what already gives one."""
        if not is_api():
            return super().preprocess_request()
        answers = (hook() for hook in _of_calls(self.before_request_funcs))
        return next((answer for answer in answers if answer is not None), None)

    def process_response(self, response: Response) -> Response:
        """An answer and what is done to it."""
        if not is_api():
            return super().process_response(response)
        for hook in _of_calls(self.after_request_funcs):
            response = hook(response)
        return response


# Whose hooks are for pages; any other is for calls too.
FOR_PAGES = frozenset({"flask_login", "flask_principal", "flask_wtf"})


def _of_calls(hooks: Mapping[str | None, Sequence[Callable[..., Any]]]) -> list[Callable[..., Any]]:
    every = hooks.get(None, ())
    return [hook for hook in every if hook.__module__.partition(".")[0] not in FOR_PAGES]


def create_app(settings: Settings | None = None) -> Flask:
    """Build the application from its settings, by default those of the environment."""
    settings = settings or read_settings()
    app = Fleet("app", template_folder="templates", static_folder="static")
    app.config.from_mapping(_config(settings))
    app.extensions["fleet_settings"] = settings
    app.extensions["rulebook"] = load(settings.zone)
    _trust_proxies(app, int(settings.trusted_proxies))
    init_storage(app, settings)
    init_locale(app)
    init_headers(app)
    init_errors(app)
    init_furniture(app)
    Bootstrap5(app)
    csrf.init_app(app)
    api.init_app(app)
    init_signin(app)
    _open_rooms(app)
    _hand_over_jobs(app)
    return app


def _trust_proxies(app: Flask, count: int) -> None:
    # Headers that no proxy of ours wrote would let a caller choose the address we limit by.
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]


def _config(settings: Settings) -> dict[str, object]:
    return {
        **CONFIG,
        "SECRET_KEY": settings.secret_key,
        "SECRET_KEY_FALLBACKS": [k for k in settings.secret_key_fallbacks.split(",") if k],
        "SECURITY_PASSWORD_SALT": settings.password_salt,
        "MAX_CONTENT_LENGTH": int(settings.upload_limit_mb) * 1024 * 1024,
        # A link to set a password is built from the Host header: only our names may stand there.
        "TRUSTED_HOSTS": [host for host in settings.trusted_hosts.split(",") if host] or None,
        "SESSION_COOKIE_SECURE": settings.production,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "REMEMBER_COOKIE_SECURE": settings.production,
        "REMEMBER_COOKIE_HTTPONLY": True,
        "REMEMBER_COOKIE_SAMESITE": "Lax",
        "BOOTSTRAP_SERVE_LOCAL": True,
        "WTF_CSRF_TIME_LIMIT": None,
    }


def _open_rooms(app: Flask) -> None:
    """Register what each room offers: pages, API calls, commands; a room may lack a floor.

    All rooms are read before any is registered: a higher room may add pages to a lower one's,
    as policies does to the vehicles' (a standing is known only there).
    """
    for room in ROOMS:
        _floor(room, "tables")
    for pages, calls in [(_floor(room, "pages"), _floor(room, "api")) for room in ROOMS]:
        # A large room has pages of more than one kind: it names the others in `more`.
        for blueprint in (pages.pages, *getattr(pages, "more", ())) if pages else ():
            app.register_blueprint(blueprint)
        for blueprint in (calls.calls, *getattr(calls, "more", ())) if calls else ():
            api.register_blueprint(blueprint)
    import_module("fleet.commands").init_commands(app)


def _hand_over_jobs(app: Flask) -> None:
    """Tell the room of tasks what the rooms above it let run: it may not know them."""
    for room in ROOMS:
        if jobs := _floor(room, "jobs"):
            jobs.offer(app)


def _floor(room: str, floor: str):  # noqa: ANN202 - a module, whose names mypy cannot know
    name = f"fleet.{room}.{floor}"
    return import_module(name) if find_spec(name) else None
