"""Which language a person reads: their choice, else the browser's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import g, has_request_context, request, session
from flask_babel import Babel, get_locale

from fleet.web.errors import is_api

if TYPE_CHECKING:
    from flask import Flask

LANGUAGES = {"en": "English", "zh_Hans": "简体中文", "zh_Hant": "繁體中文"}
_BROWSER = {
    "en": "en",
    "zh-hans": "zh_Hans",
    "zh-cn": "zh_Hans",
    "zh-sg": "zh_Hans",
    "zh-hant": "zh_Hant",
    "zh-tw": "zh_Hant",
    "zh-hk": "zh_Hant",
    "zh-mo": "zh_Hant",
    "zh": "zh_Hans",
}
babel = Babel()


def init_locale(app: Flask) -> None:
    """Let texts, dates and numbers follow the reader's language and the company's clock."""
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "fleet/translations"
    # As babel.cfg says too, or a text over several lines would miss its translation.
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    babel.init_app(
        app,
        locale_selector=choose_language,
        timezone_selector=lambda: str(app.extensions["fleet_settings"].zone),
    )
    app.context_processor(
        lambda: {"languages": LANGUAGES, "language": language(), "html_lang": html_lang()}
    )


def choose_language() -> str:
    """The caller's kept choice, this browser's choice, the browser's setting, or English."""
    if not has_request_context():
        return "en"
    caller = g.get("caller")
    kept = session.get("language") if not is_api() else None
    chosen = kept or (caller.language if caller else None)
    return chosen if chosen in LANGUAGES else _browser_language()


def _browser_language() -> str:
    for tag, _quality in request.accept_languages:
        parts = tag.lower().split("-")
        while parts:
            if found := _BROWSER.get("-".join(parts)):
                return found
            parts.pop()
    return "en"


def language() -> str:
    """The language of this answer: en, zh_Hans or zh_Hant."""
    found = str(get_locale() or "en")
    return found if found in LANGUAGES else "en"


def html_lang() -> str:
    """The language of this answer as HTML names it."""
    return language().replace("_", "-")
