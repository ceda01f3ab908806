"""The verbs about people: users with what they may do and where, tokens, regions, companies."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask_babel import gettext as _
from flask_security import hash_password
from sqlalchemy import exists, insert, select
from sqlalchemy.exc import IntegrityError

from fleet.people.limits import digest
from fleet.people.mail import plain_address
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.storage import Actor, act, db
from fleet.web.access import GROUP_ADMINISTRATOR, ROLES
from fleet.web.errors import NotFound, Refusal
from fleet.web.locale import LANGUAGES

TOKEN_BYTES = 32
TOKEN_MARK = "fleet_"  # noqa: S105 - tells what it is where one is found


class EmailTaken(Refusal):
    """Another user has the address."""

    field = "email"

    def __init__(self, email: str) -> None:
        super().__init__(_("%(email)s is a user already.", email=email))


class NoAddress(Refusal):
    """The text is no e-mail address."""

    field = "email"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, text: str) -> None:
        super().__init__(_("%(text)s is no e-mail address.", text=text))


class CodeTaken(Refusal):
    """Another region or company has the code."""

    field = "code"

    def __init__(self, code: str) -> None:
        super().__init__(_("The code %(code)s is taken.", code=code))


class LastAdministrator(Refusal):
    """Without a group administrator nobody could let anybody in again."""

    def __init__(self) -> None:
        super().__init__(_("The last group administrator of the whole group stays."))


class UnknownPlace(Refusal):
    """A role is given for a company or a region that is not there."""

    field = "grants"
    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, code: str) -> None:
        super().__init__(_("There is no company or region %(code)s.", code=code))


@dataclass(frozen=True, slots=True)
class Given:
    """A role for a company, a region (by code), or (neither) the whole group."""

    role: str
    company: str | None = None
    region: str | None = None


def create_user(
    email: str,
    name: str,
    grants: Iterable[Given],
    *,
    by: Actor,
    at: datetime,
    password: str | None = None,
    language: str | None = None,
) -> User:
    """Let somebody in; without a password they set their own through the link of a mail."""
    address = plain_address(email)
    if address is None:
        raise NoAddress(email)
    hashed = hash_password(password) if password else None
    user = User(
        email=address,
        name=name,
        password=hashed,
        active=True,
        language=language if language in LANGUAGES else None,
        fs_uniquifier=uuid.uuid4().hex,
    )
    with _unique(EmailTaken(address)), act("create_user", by=by, at=at, subject=address):
        if db.session.scalar(select(exists().where(User.email == address))):
            raise EmailTaken(address)
        db.session.add(user)
        user.grants = _made(grants)
    return user


def change_user(
    user_id: int, name: str, grants: Iterable[Given], *, by: Actor, at: datetime
) -> None:
    """Give a user another name and other roles; those not named any more end at once."""
    with act("change_user", by=by, at=at) as deed:
        user = _user(user_id)
        deed.subject = user.email
        user.name = name
        _regrant(user, grants)
        _insist_on_administrator()


def activate(user_id: int, *, by: Actor, at: datetime) -> None:
    """Let a user sign in again."""
    with act("activate_user", by=by, at=at) as deed:
        user = _user(user_id)
        deed.subject = user.email
        user.active = True


def deactivate(user_id: int, *, by: Actor, at: datetime) -> None:
    """End a user's sessions and tokens; what they did stays in the history."""
    with act("deactivate_user", by=by, at=at) as deed:
        user = _user(user_id)
        deed.subject = user.email
        user.active = False
        user.fs_uniquifier = uuid.uuid4().hex
        for token in db.session.scalars(
            select(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
        ):
            token.revoked_at = at
        _insist_on_administrator()


def remove_second_factor(user_id: int, *, by: Actor, at: datetime) -> None:
    """Let a user who lost their phone sign in by password alone, and set up another."""
    with act("remove_second_factor", by=by, at=at) as deed:
        user = _user(user_id)
        deed.subject = user.email
        user.tf_primary_method = user.tf_totp_secret = None


def keep_language(user_id: int, language: str, *, by: Actor, at: datetime) -> None:
    """Keep the language a user chose."""
    with act("choose_language", by=by, at=at, subject=by.name):
        _user(user_id).language = language


def create_token(email: str, name: str, *, by: Actor, at: datetime) -> str:
    """Make an API token of a user and answer it, once: only its digest is kept."""
    token = TOKEN_MARK + secrets.token_urlsafe(TOKEN_BYTES)
    address = plain_address(email) or email
    with act("create_token", by=by, at=at, subject=address):
        user = db.session.scalar(select(User).where(User.email == address, User.active))
        if user is None:
            raise NotFound(_("user"))
        db.session.add(ApiToken(user=user, name=name, digest=digest(token), created_at=at))
    return token


def revoke_token(token_id: int, user_id: int, *, by: Actor, at: datetime) -> None:
    """End a token of a user for good."""
    with act("revoke_token", by=by, at=at, subject=by.name):
        token = db.session.get(ApiToken, token_id)
        if token is None or token.user_id != user_id:
            raise NotFound(_("token"))
        token.revoked_at = token.revoked_at or at


def create_region(code: str, name: str, *, by: Actor, at: datetime) -> Region:
    """Enter a region."""
    region = Region(code=code, name=name)
    with _unique(CodeTaken(code)), act("create_region", by=by, at=at, subject=code):
        db.session.add(region)
    return region


def change_region(region_id: int, name: str, *, by: Actor, at: datetime) -> None:
    """Give a region another name; its code stays, other systems know it."""
    with act("change_region", by=by, at=at) as deed:
        region = db.session.get(Region, region_id)
        if region is None:
            raise NotFound(_("region"))
        deed.subject = region.code
        region.name = name


def create_company(
    code: str, name: str, region_id: int, credit_code: str | None, *, by: Actor, at: datetime
) -> Company:
    """Enter a company of the group."""
    company = Company(code=code, name=name, region_id=region_id, credit_code=credit_code)
    with _unique(CodeTaken(code)), act("create_company", by=by, at=at, subject=code):
        db.session.add(company)
    return company


def change_company(
    company_id: int, name: str, region_id: int, credit_code: str | None, *, by: Actor, at: datetime
) -> None:
    """Change a company's name, region or credit code; its code stays."""
    with act("change_company", by=by, at=at) as deed:
        company = db.session.scalar(select(Company).where(Company.id == company_id))
        if company is None:
            raise NotFound(_("company"))
        deed.subject = company.code
        company.name, company.region_id, company.credit_code = name, region_id, credit_code


@contextmanager
def _unique(refusal: Refusal) -> Iterator[None]:
    """Say in words what a unique constraint refused: somebody else was faster."""
    try:
        yield
    except IntegrityError as error:
        raise refusal from error


def _user(user_id: int) -> User:
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound(_("user"))
    return user


def _made(grants: Iterable[Given]) -> list[Grant]:
    """The grants as rows, each once: NULLs are equal to no unique constraint."""
    return [_grant(one) for one in dict.fromkeys(grants)]


def _grant(given: Given) -> Grant:
    company = region = None
    if given.company:
        company = db.session.scalar(select(Company).where(Company.code == given.company))
    elif given.region:
        region = db.session.scalar(select(Region).where(Region.code == given.region))
    wanted = given.company or given.region
    if wanted and company is None and region is None:
        raise UnknownPlace(wanted)
    return Grant(role=_role(given.role), company=company, region=region)


def _role(name: str) -> Role:
    """A role's row; a database that lost or never had it gets it."""
    role = db.session.scalar(select(Role).where(Role.name == name))
    if role is None and name in ROLES:
        db.session.execute(insert(Role).values(name=name))
        role = db.session.scalar(select(Role).where(Role.name == name))
    if role is None:
        raise NotFound(_("role"))
    return role


def _regrant(user: User, grants: Iterable[Given]) -> None:
    """Add and take away what differs; what stays keeps its row."""
    wanted = list(dict.fromkeys(grants))
    held = {given_of(grant): grant for grant in user.grants}
    for given, grant in held.items():
        if given not in wanted:
            user.grants.remove(grant)
    user.grants.extend(_grant(given) for given in wanted if given not in held)


def given_of(grant: Grant) -> Given:
    """A grant by codes."""
    return Given(
        grant.role.name,
        company=grant.company.code if grant.company else None,
        region=grant.region.code if grant.region else None,
    )


def _insist_on_administrator() -> None:
    """Refuse what would leave nobody who may let people in.

    The role's row is the lock: two administrators who remove each other at once wait here.
    """
    db.session.flush()
    role = db.session.scalar(select(Role).where(Role.name == GROUP_ADMINISTRATOR).with_for_update())
    remaining = (
        select(Grant.id)
        .join(User, User.id == Grant.user_id)
        .where(Grant.role == role, Grant.company_id.is_(None), Grant.region_id.is_(None))
        .where(User.active)
    )
    if db.session.scalar(select(exists(remaining))) is False:
        raise LastAdministrator
