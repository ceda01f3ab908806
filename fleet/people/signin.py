"""Sign-in through Flask-Security, and who is behind a request.

Pages know a person by their session, the API by a bearer token only: a browser's cookie opens
no call of the API, so that another site cannot make one.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_babel import lazy_gettext as _l
from flask_security import (
    ForgotPasswordForm,
    LoginForm,
    Security,
    SQLAlchemyUserDatastore,
    TwoFactorVerifyCodeForm,
    current_user,
    password_changed,
    password_reset,
    tf_disabled,
    tf_profile_changed,
)
from sqlalchemy import ColumnElement, FromClause, select

from fleet.people.limits import count_try, digest
from fleet.people.mail import Mail
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.settings import Settings
from fleet.storage import Actor, Bundle, Rows, Scope, act, db, told
from fleet.web import clock
from fleet.web.access import Caller, Granted, init_access
from fleet.web.errors import is_api

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class SignInForm(LoginForm):
    """The sign-in form; too many tries are refused before any password is hashed."""

    def validate(self, **options: Any) -> bool:
        """Count the try, then let Flask-Security judge it."""
        count_try("address", self.email.data or "")
        return bool(super().validate(**options))


class ForgottenForm(ForgotPasswordForm):
    """Asks for a link to set a new password; counted, or it would fill mailboxes."""

    def validate(self, **options: Any) -> bool:
        """Count the try, then let Flask-Security judge it."""
        count_try("forgotten", self.email.data or "")
        return bool(super().validate(**options))


class CodeForm(TwoFactorVerifyCodeForm):
    """The second factor's code; six digits are soon guessed by who may try on."""

    def validate(self, **options: Any) -> bool:
        """Count the try, then let Flask-Security judge it."""
        count_try("code", self.user.email if self.user else "")
        return bool(super().validate(**options))


class PageSessions(SecureCookieSessionInterface):
    """Flask's sessions, for pages; a call of the API has none: it reads and sets no cookie."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The session of a page's cookie."""
        if is_api():
            return None  # Flask's word for an empty one that nothing can be written to
        return super().open_session(app, request)


def init_signin(app: Flask) -> None:
    """Set up sign-in and guard every view by who the caller is."""
    app.config.from_mapping(_config(app.extensions["fleet_settings"]), **_messages())
    datastore = SQLAlchemyUserDatastore(db, User, Role)
    security = Security(
        app,
        datastore,
        login_form=SignInForm,
        forgot_password_form=ForgottenForm,
        two_factor_verify_code_form=CodeForm,
        mail_util_cls=Mail,
    )
    security.want_json(lambda _request: False)  # sign-in is a page; programs have tokens
    # Its own tokens are never given out; looking for one it would read every call's JSON first.
    app.login_manager.request_loader(lambda _request: None)  # type: ignore[attr-defined]
    # What a caller may is ours to say (fleet.web.access): no user is loaded before every request.
    security.principal.identity_loaders.clear()
    app.session_interface = PageSessions()
    for signal, verb in _NOTED.items():
        signal.connect(_note(verb), app, weak=False)
    init_access(app, identify)


def _config(settings: Settings) -> dict[str, Any]:
    """What Flask-Security and the mail are set to.

    One list, longer than a function should be: what is not named here keeps its default.
    """
    return {
        "SECURITY_PASSWORD_HASH": "argon2",
        "SECURITY_PASSWORD_LENGTH_MIN": 10,
        "SECURITY_TRACKABLE": False,
        "SECURITY_REGISTERABLE": False,
        "SECURITY_RECOVERABLE": True,
        "SECURITY_RESET_PASSWORD_WITHIN": timedelta(days=1),
        "SECURITY_CHANGEABLE": True,
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        # Not the secret key: that one is rotated, and the factors people set up must live on.
        "SECURITY_TOTP_SECRETS": {"1": settings.password_salt},
        "SECURITY_TOTP_ISSUER": "Fleet insurance",
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_JOIN_USER_ROLES": False,
        "SECURITY_EMAIL_SENDER": settings.mail_sender,
        "SECURITY_POST_LOGIN_VIEW": "/",
        "SECURITY_POST_LOGOUT_VIEW": "/login",
        "SECURITY_LOGOUT_METHODS": ["POST"],
        "SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS": False,
        "SECURITY_FLASH_MESSAGES": True,
        "SECURITY_EMAIL_HTML": False,
        "SECURITY_CACHE_CONTROL": None,  # its own says `no-store=True`, which no browser knows
        "SECURITY_EMAIL_SUBJECT_PASSWORD_RESET": _l("Set a new password"),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_NOTICE": _l("Your password was set"),
        "SECURITY_EMAIL_SUBJECT_PASSWORD_CHANGE_NOTICE": _l("Your password was changed"),
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TWO_FACTOR_RESCUE_MAIL": settings.mail_sender,
        "SECURITY_TWO_FACTOR_POST_SETUP_VIEW": "/account",
        "SECURITY_POST_CHANGE_VIEW": "/account",
    }


_NOTED = {
    password_changed: "change_password",
    password_reset: "reset_password",
    tf_profile_changed: "set_up_second_factor",
    tf_disabled: "remove_second_factor",
}


def _note(verb: str) -> Callable[..., None]:
    """A listener that tells the history what Flask-Security did for a user."""

    def listen(_app: Flask, user: User, **_more: Any) -> None:
        with act(verb, by=Actor(user.id, user.email), at=clock.now(), subject=user.email):
            pass

    return listen


def _messages() -> dict[str, Any]:
    """Flask-Security's words in ours, so that they are in the catalogues."""
    return {
        f"SECURITY_MSG_{name}": (words, category)
        for category, said in _SAID.items()
        for name, words in said.items()
    }


_WRONG = _l("E-mail address or password is wrong.")
_CODE = _l("This code is not right, or no longer. Enter the one that the app shows now.")
_LINK = _l("This link is no longer good. Ask for a new one.")
_SAID = {
    "error": {
        "GENERIC_AUTHN_FAILED": _WRONG,
        "UNAUTHORIZED": _l("Your role does not allow this."),
        "INVALID_PASSWORD": _l("This password is wrong."),
        "INVALID_EMAIL_ADDRESS": _l("This is no e-mail address."),
        "EMAIL_NOT_PROVIDED": _l("Enter your e-mail address."),
        "PASSWORD_NOT_PROVIDED": _l("Enter your password."),
        "PASSWORD_MISMATCH": _l("The two passwords differ."),
        "RETYPE_PASSWORD_MISMATCH": _l("The two passwords differ."),
        "PASSWORD_IS_THE_SAME": _l("The new password is the old one."),
        "PASSWORD_INVALID_LENGTH": _l("A password has at least %(length)s characters."),
        "DISABLED_ACCOUNT": _WRONG,
        "INVALID_REDIRECT": _l("That address is not one of ours."),
        "INVALID_RESET_PASSWORD_TOKEN": _LINK,
        "PASSWORD_RESET_EXPIRED": _LINK,
        "INVALID_CODE": _CODE,
        "TWO_FACTOR_INVALID_TOKEN": _CODE,
        "TWO_FACTOR_SETUP_EXPIRED": _l("Setting it up took too long. Begin again."),
        "TWO_FACTOR_PERMISSION_DENIED": _l("Sign in with your password first."),
        "TWO_FACTOR_METHOD_NOT_AVAILABLE": _l("Choose one of the two."),
        "REAUTHENTICATION_REQUIRED": _l("Enter your password once more."),
        "ANONYMOUS_USER_REQUIRED": _l("You are signed in already."),
    },
    "info": {
        "LOGIN": _l("Sign in to see this page."),
        "UNAUTHENTICATED": _l("Sign in to see this page."),
        "REFRESH": _l("Enter your password once more."),
        "GENERIC_RECOVERY": _l(
            "If this address belongs to a user, a link to set a new password is on its way."
        ),
        "PASSWORD_RESET_REQUEST": _l(
            "If %(email)s belongs to a user, a link to set a new password is on its way."
        ),
    },
    "success": {
        "PASSWORD_CHANGE": _l("Your password is changed."),
        "PASSWORD_RESET": _l("Your password is set. You are signed in."),
        "PASSWORD_RESET_NO_LOGIN": _l("Your password is set. Sign in with it."),
        "REAUTHENTICATION_SUCCESSFUL": _l("Thank you."),
        "TWO_FACTOR_LOGIN_SUCCESSFUL": _l("You are signed in."),
        "TWO_FACTOR_CHANGE_METHOD_SUCCESSFUL": _l("The second factor is set up."),
        "TWO_FACTOR_DISABLED": _l("The second factor is removed."),
    },
}


def identify(asked: Request) -> Caller | None:
    """The caller of a request: by token on the API, by session elsewhere."""
    if is_api():
        return _by_token(asked.headers.get("Authorization", ""))
    if not current_user.is_authenticated:
        return None
    return caller_of(current_user)


def _by_token(header: str) -> Caller | None:
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        return None
    rows = _OF_TOKEN.read(digest=digest(token.strip()))
    return _caller(rows) if rows["held"] else None


def caller_of(user: User) -> Caller:
    """A user as pages and the API know them, with the companies of each grant."""
    return _caller(_OF_USER.read(user=user.id))


_USER, _TOKEN = User.__table__, ApiToken.__table__
_GRANT, _ROLE = Grant.__table__, Role.__table__
_COMPANY, _REGION = Company.__table__, Region.__table__


def _granted_to(people: FromClause, *which: ColumnElement[bool]) -> Bundle:
    """What some people are granted and the companies within it, by one statement.

    Every call of the API asks it. It reads past the scope that it is about to make.
    """
    held = (
        select(
            *(_USER.c.id, _USER.c.name, _USER.c.email, _USER.c.language),
            _ROLE.c.name.label("role"),
            *(_GRANT.c.company_id, _COMPANY.c.name.label("company")),
            *(_GRANT.c.region_id, _REGION.c.name.label("region")),
        )
        .select_from(people)
        .outerjoin(_GRANT, _GRANT.c.user_id == _USER.c.id)
        .outerjoin(_ROLE, _ROLE.c.id == _GRANT.c.role_id)
        .outerjoin(_COMPANY, _COMPANY.c.id == _GRANT.c.company_id)
        .outerjoin(_REGION, _REGION.c.id == _GRANT.c.region_id)
        .where(*which)
        .order_by(_GRANT.c.id)
    )
    within = (
        select(_COMPANY.c.region_id, _COMPANY.c.id.label("company_id"))
        .select_from(people)
        .join(_GRANT, _GRANT.c.user_id == _USER.c.id)
        .join(_COMPANY, _COMPANY.c.region_id == _GRANT.c.region_id)
        .where(*which)
    )
    return Bundle(held=held, within=within)


_OF_TOKEN = _granted_to(
    _TOKEN.join(_USER, _USER.c.id == _TOKEN.c.user_id),
    _TOKEN.c.digest == told("digest", _TOKEN.c.digest),
    _TOKEN.c.revoked_at.is_(None),
    _USER.c.active,
)
_OF_USER = _granted_to(_USER, _USER.c.id == told("user", _USER.c.id))


def _caller(rows: Rows) -> Caller:
    user = rows["held"][0]
    within: dict[int, set[int]] = defaultdict(set)
    for one in rows["within"]:
        within[one.region_id].add(one.company_id)
    return Caller(
        id=user.id,
        name=user.name,
        email=user.email,
        language=user.language,
        granted=tuple(_granted(one, within) for one in rows["held"] if one.role),
    )


def _granted(row: Any, within: Mapping[int, set[int]]) -> Granted:
    if row.company_id:
        return Granted(row.role, Scope(frozenset({row.company_id})), where=row.company)
    if row.region_id:
        companies = frozenset(within.get(row.region_id, ()))
        return Granted(row.role, Scope(companies), frozenset({row.region_id}), row.region)
    return Granted(row.role, Scope(everything=True))
