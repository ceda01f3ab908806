"""Sign-in through Flask-Security, and who is behind a request.

Pages know a person by their session, the API by a bearer token only: a browser's cookie opens
no call of the API, so that another site cannot make one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, request
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
from sqlalchemy import ColumnElement, Select, select

from fleet.people.limits import count_try, digest
from fleet.people.mail import Mail
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.settings import Settings
from fleet.storage import Actor, Bundle, Rows, Scope, act, db, told
from fleet.web import clock
from fleet.web.access import Caller, Granted, init_access

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


API = "/api/"


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
        if request.path.startswith(API):
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


def identify() -> Caller | None:
    """The caller of this request: by token on the API, by session elsewhere."""
    if request.path.startswith(API):
        return _by_token(request.headers.get("Authorization", ""))
    if not current_user.is_authenticated:
        return None
    return caller_of(current_user)


def _by_token(header: str) -> Caller | None:
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        return None
    rows = _OF_TOKEN.read(digest=digest(token.strip()))
    if not rows["held"]:
        return None
    held = [_Held(*row[4:]) for row in rows["held"] if row.role]
    return _caller(rows["held"][0], held, _places(rows))


def _of_token() -> Bundle:
    """A token's user, grants and their places, by one statement: every call of the API asks it."""
    user, grant = User.__table__.c, Grant.__table__.c
    token, role = ApiToken.__table__.c, Role.__table__.c
    good = token.digest == told("digest", token.digest), token.revoked_at.is_(None)
    held = (
        select(
            *(user.id, user.name, user.email, user.language),
            *(role.name.label("role"), grant.company_id, grant.region_id),
        )
        .join_from(ApiToken.__table__, User.__table__, user.id == token.user_id)
        .outerjoin(Grant.__table__, grant.user_id == user.id)
        .outerjoin(Role.__table__, role.id == grant.role_id)
        .where(*good, user.active)
        .order_by(grant.id)
    )
    return Bundle(held=held, **_places_of(select(token.user_id).where(*good).scalar_subquery()))


def _places_of(user_id: ColumnElement[int]) -> dict[str, Select[Any]]:
    """The queries of the places of a user's grants, read past the scope they are about to make."""
    company, region, grant = Company.__table__.c, Region.__table__.c, Grant.__table__.c

    def granted(place: ColumnElement[Any]) -> Select[Any]:
        return select(place).where(grant.user_id == user_id, place.is_not(None))

    regions = select(region.id, region.name, company.id.label("company_id")).join_from(
        Region.__table__, Company.__table__, company.region_id == region.id, isouter=True
    )
    named = select(company.id, company.name)
    return {
        "companies": named.where(company.id.in_(granted(grant.company_id))),
        "regions": regions.where(region.id.in_(granted(grant.region_id))),
    }


_OF_TOKEN = _of_token()
_OF_USER = Bundle(**_places_of(told("user", User.__table__.c.id)))


@dataclass(frozen=True, slots=True)
class _Held:
    """A role and where it was granted."""

    role: str
    company_id: int | None
    region_id: int | None


def caller_of(user: User) -> Caller:
    """A user as pages and the API know them, with the companies of each grant."""
    held = [_Held(one.role.name, one.company_id, one.region_id) for one in user.grants]
    return _caller(user, held, _places(_OF_USER.read(user=user.id)))


def _caller(user: Any, held: Sequence[_Held], places: dict[tuple[str, int], _Place]) -> Caller:
    return Caller(
        id=user.id,
        name=user.name,
        email=user.email,
        language=user.language,
        granted=tuple(_granted(one, places) for one in held),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a grant holds: a company, or a region with its companies, and its name."""

    name: str
    companies: frozenset[int]


def _granted(grant: _Held, places: dict[tuple[str, int], _Place]) -> Granted:
    if grant.company_id:
        place = places["company", grant.company_id]
        return Granted(grant.role, Scope(place.companies), where=place.name)
    if grant.region_id:
        place = places["region", grant.region_id]
        regions = frozenset({grant.region_id})
        return Granted(grant.role, Scope(place.companies), regions, place.name)
    return Granted(grant.role, Scope(everything=True))


def _places(rows: Rows) -> dict[tuple[str, int], _Place]:
    places = {
        ("company", row.id): _Place(row.name, frozenset({row.id})) for row in rows["companies"]
    }
    held: dict[tuple[int, str], set[int]] = {}
    for row in rows["regions"]:
        companies = held.setdefault((row.id, row.name), set())
        companies |= set() if row.company_id is None else {row.company_id}
    for (region, name), companies in held.items():
        places["region", region] = _Place(name, frozenset(companies))
    return places
