"""Sign-in through Flask-Security, and who is behind a request.

Pages know a person by their session, the API by a bearer token only: a browser's cookie opens
no call of the API, so that another site cannot make one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from flask import Flask, abort, current_app, request
from flask_babel import lazy_gettext as _l
from flask_security import LoginForm, Security, SQLAlchemyUserDatastore, current_user
from sqlalchemy import delete, func, insert, select

from fleet.people.tables import ApiToken, Company, Grant, Region, Role, SignInTry, User
from fleet.storage import Scope, db
from fleet.web import clock
from fleet.web.access import Caller, Granted, init_access

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = timedelta(minutes=15)
TRIES_PER_ADDRESS = 10
TRIES_PER_HOST = 100
TOO_MANY = 429


class SignInForm(LoginForm):
    """The sign-in form; too many tries are refused before any password is hashed."""

    def validate(self, **options: Any) -> bool:
        """Count the try, then let Flask-Security judge it."""
        keys = {
            f"address {_digest((self.email.data or '').strip().lower())}": TRIES_PER_ADDRESS,
            f"host {_digest(request.remote_addr or '')}": TRIES_PER_HOST,
        }
        if not _within_limits(keys):
            abort(TOO_MANY)
        return bool(super().validate(**options))


def _within_limits(limits: dict[str, int]) -> bool:
    """Record a try under each key; whether all stay within their limits.

    The tries stand in the database: one process's memory knows nothing of the others'.
    """
    at = clock.now()
    db.session.execute(delete(SignInTry).where(SignInTry.at < at - WINDOW))
    db.session.execute(insert(SignInTry), [{"key": key, "at": at} for key in limits])
    counts = dict(
        db.session.execute(
            select(SignInTry.key, func.count())
            .where(SignInTry.key.in_(limits))
            .group_by(SignInTry.key)
        ).all()
    )
    db.session.commit()
    return all(counts[key] <= limit for key, limit in limits.items())


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def init_signin(app: Flask) -> None:
    """Set up sign-in and guard every view by who the caller is."""
    settings = app.extensions["fleet_settings"]
    app.config.from_mapping(
        SECURITY_PASSWORD_HASH="argon2",  # noqa: S106 - the name of the method
        SECURITY_PASSWORD_LENGTH_MIN=10,
        SECURITY_TRACKABLE=False,
        SECURITY_REGISTERABLE=False,
        SECURITY_RECOVERABLE=True,
        SECURITY_CHANGEABLE=True,
        SECURITY_TWO_FACTOR=True,
        SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator"],
        SECURITY_TOTP_SECRETS={"1": settings.secret_key},
        SECURITY_TOTP_ISSUER="Fleet insurance",
        SECURITY_RETURN_GENERIC_RESPONSES=True,
        SECURITY_JOIN_USER_ROLES=False,
        SECURITY_EMAIL_SENDER=settings.mail_sender,
        SECURITY_POST_LOGIN_VIEW="/",
        SECURITY_POST_LOGOUT_VIEW="/login",
        SECURITY_LOGOUT_METHODS=["POST"],
        SECURITY_CSRF_IGNORE_UNAUTH_ENDPOINTS=False,
        SECURITY_FLASH_MESSAGES=True,
        SECURITY_EMAIL_VALIDATOR_ARGS={"check_deliverability": False},
        MAIL_SERVER=settings.mail_server,
        MAIL_PORT=int(settings.mail_port),
        **_messages(),
    )
    datastore = SQLAlchemyUserDatastore(db, User, Role)
    Security(app, datastore, login_form=SignInForm)
    init_access(app, identify)


def _messages() -> dict[str, Any]:
    """Flask-Security's words in ours, so that they are in the catalogues."""
    wrong = _l("E-mail address or password is wrong.")
    return {
        "SECURITY_MSG_GENERIC_AUTHN_FAILED": (wrong, "error"),
        "SECURITY_MSG_LOGIN": (_l("Sign in to see this page."), "info"),
        "SECURITY_MSG_UNAUTHENTICATED": (_l("Sign in to see this page."), "info"),
        "SECURITY_MSG_UNAUTHORIZED": (_l("Your role does not allow this."), "error"),
        "SECURITY_MSG_PASSWORD_CHANGE": (_l("Your password is changed."), "success"),
        "SECURITY_MSG_PASSWORD_RESET": (_l("Your password is set. You are signed in."), "success"),
        "SECURITY_MSG_PASSWORD_RESET_REQUEST": (
            _l("If %(email)s belongs to a user, a link to set a new password is on its way."),
            "info",
        ),
        "SECURITY_MSG_PASSWORD_MISMATCH": (_l("The two passwords differ."), "error"),
        "SECURITY_MSG_PASSWORD_INVALID_LENGTH": (
            _l("A password has at least %(length)s characters."),
            "error",
        ),
        "SECURITY_MSG_INVALID_REDIRECT": (_l("That address is not one of ours."), "error"),
    }


def identify() -> Caller | None:
    """The caller of this request: by token on the API, by session elsewhere."""
    if request.path.startswith("/api/"):
        return _by_token(request.headers.get("Authorization", ""))
    if not current_user.is_authenticated:
        return None
    return caller_of(current_user)


def _by_token(header: str) -> Caller | None:
    kind, _, token = header.partition(" ")
    if kind.lower() != "bearer" or not token:
        return None
    found = db.session.scalar(
        select(User)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(
            ApiToken.digest == _digest(token.strip()), ApiToken.revoked_at.is_(None), User.active
        )
    )
    return caller_of(found) if found else None


def caller_of(user: User) -> Caller:
    """A user as pages and the API know them, with the companies of each grant."""
    places = _places(user.grants)
    return Caller(
        id=user.id,
        name=user.name,
        email=user.email,
        language=user.language,
        granted=tuple(_granted(grant, places) for grant in user.grants),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a grant holds: a company, or a region with its companies, and its name."""

    name: str
    companies: frozenset[int]


def _granted(grant: Grant, places: dict[tuple[str, int], _Place]) -> Granted:
    if grant.company_id:
        place = places["company", grant.company_id]
        return Granted(grant.role.name, Scope(place.companies), where=place.name)
    if grant.region_id:
        place = places["region", grant.region_id]
        regions = frozenset({grant.region_id})
        return Granted(grant.role.name, Scope(place.companies), regions, place.name)
    return Granted(grant.role.name, Scope(everything=True))


def _places(grants: Iterable[Grant]) -> dict[tuple[str, int], _Place]:
    """The places of grants, read past the scope that they are about to make."""
    company, region = Company.__table__.c, Region.__table__.c
    companies = {grant.company_id for grant in grants if grant.company_id}
    regions = {grant.region_id for grant in grants if grant.region_id}
    places: dict[tuple[str, int], _Place] = {}
    if companies:
        named = select(company.id, company.name).where(company.id.in_(companies))
        for row in db.session.execute(named):
            places["company", row.id] = _Place(row.name, frozenset({row.id}))
    if regions:
        held: dict[int, set[int]] = {one: set() for one in regions}
        where = select(company.region_id, company.id).where(company.region_id.in_(regions))
        for row in db.session.execute(where):
            held[row.region_id].add(row.id)
        named = select(region.id, region.name).where(region.id.in_(regions))
        for row in db.session.execute(named):
            places["region", row.id] = _Place(row.name, frozenset(held[row.id]))
    return places


def security_of(app: Flask | None = None) -> Security:
    """Flask-Security of the app."""
    found: Security = (app or current_app).extensions["security"]
    return found
