"""Pages about people: one's own account, and the group administrator's users and companies."""

from __future__ import annotations

from functools import wraps
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask_babel import gettext as _
from flask_security import current_user
from sqlalchemy import func, or_, select
from werkzeug.wrappers import Response

from fleet.people import service
from fleet.people.forms import (
    GROUP,
    ChangeCompanyForm,
    ChangeRegionForm,
    ChangeUserForm,
    CompanyForm,
    RegionForm,
    TokenForm,
    UserForm,
    row_of,
)
from fleet.people.tables import ApiToken, Company, Grant, Region, Role, User
from fleet.storage import db
from fleet.web import access, clock, lists
from fleet.web.access import May, caller
from fleet.web.errors import NotFound, Refusal
from fleet.web.forms import say
from fleet.web.locale import LANGUAGES

pages = Blueprint("people", __name__)
Answer = str | Response | tuple[str, int]
REFUSED = 422


def whole_group(view: Any) -> Any:
    """Let in only who keeps people for the whole group: a grant reaches beyond a company."""

    @wraps(view)
    def guarded(*args: Any, **values: Any) -> Any:
        if not caller().scope(May.KEEP_PEOPLE).everything:
            abort(403)
        return view(*args, **values)

    return guarded


# One's own account


@pages.post("/language")
@access.public
def language() -> Response:
    """Switch the language: of this browser, and of the user where one is signed in."""
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        person = access.caller_or_none()
        if person is None:
            session["language"] = chosen
        else:
            session.pop("language", None)
            service.keep_language(person.id, chosen, by=person.actor, at=clock.now())
    return redirect(_own_path(request.form.get("next", "/")))


def _own_path(path: str) -> str:
    """A path of ours; what leads to another site is the home page."""
    away = not path.startswith("/") or path[1:2] in ("/", "\\") or "\\" in path
    return "/" if away or any(ord(letter) < 32 for letter in path) else path  # noqa: PLR2004 - control characters


@pages.get("/account")
@access.needs(May.READ)
def account() -> Answer:
    """Show one's roles, tokens, and the ways to one's password and second factor."""
    return _account(TokenForm())


@pages.post("/account/tokens")
@access.needs(May.READ)
def create_token() -> Answer:
    """Make an API token and show it, once."""
    form = TokenForm()
    if not form.validate():
        return _account(form), REFUSED
    person = caller()
    made = service.create_token(person.email, form.name.data, by=person.actor, at=clock.now())
    return _account(TokenForm(formdata=None), made)


@pages.post("/account/tokens/<int(max=2147483647):token_id>/revoke")
@access.needs(May.READ)
def revoke_token(token_id: int) -> Response:
    """End one of one's own tokens."""
    service.revoke_token(token_id, caller().id, by=caller().actor, at=clock.now())
    flash(_("The token is revoked."), "success")
    return redirect(url_for("people.account"))


def _account(form: TokenForm, made: str | None = None) -> str:
    tokens = db.session.scalars(
        select(ApiToken)
        .where(ApiToken.user_id == caller().id)
        .order_by(ApiToken.revoked_at.is_not(None), ApiToken.created_at.desc())
    ).all()
    return render_template(
        "people/account.html",
        form=form,
        tokens=tokens,
        made=made,
        second_factor=bool(current_user.tf_primary_method),
    )


# Users

USER_SORTS = {"name": User.name, "email": User.email, "active": (User.active, User.name)}


@pages.get("/people")
@access.needs(May.KEEP_PEOPLE)
@whole_group
def index() -> Answer:
    """List the users with what they may do and where."""
    asked = lists.asked(USER_SORTS, "name", ("q", "role", "active"))
    found = select(User)
    if asked["q"]:
        like = f"%{_literal(asked['q'])}%"
        found = found.where(
            or_(User.name.ilike(like, escape="\\"), User.email.ilike(like, escape="\\"))
        )
    if asked["role"]:
        found = found.where(User.grants.any(Grant.role.has(Role.name == asked["role"])))
    if asked["active"]:
        found = found.where(User.active == (asked["active"] == "yes"))
    return render_template("people/index.html", listing=lists.fetch(found, asked))


def _literal(text: str) -> str:
    """A text whose % and _ mean themselves in LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


@pages.route("/people/new", methods=["GET", "POST"])
@access.needs(May.KEEP_PEOPLE)
@whole_group
def new() -> Answer:
    """Let somebody in."""
    form = UserForm()
    form.offer(_places())
    if not form.validate_on_submit():
        return _form("people/user.html", form, user=None)
    try:
        user = service.create_user(
            form.email.data,
            form.name.data,
            form.given(),
            password=form.password.data or None,
            by=caller().actor,
            at=clock.now(),
        )
    except Refusal as refusal:
        say(form, refusal)
        return _form("people/user.html", form, user=None)
    flash(_("%(name)s is let in.", name=user.name), "success")
    return redirect(url_for("people.index"))


@pages.route("/people/<int(max=2147483647):user_id>", methods=["GET", "POST"])
@access.needs(May.KEEP_PEOPLE)
@whole_group
def edit(user_id: int) -> Answer:
    """Change a user's name and grants."""
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound(_("user"))
    rows = [row_of(service.given_of(grant)) for grant in user.grants]
    form = ChangeUserForm(name=user.name, grants=rows)
    form.offer(_places())
    if not form.validate_on_submit():
        return _form("people/user.html", form, user=user)
    try:
        service.change_user(
            user_id, form.name.data, form.given(), by=caller().actor, at=clock.now()
        )
    except Refusal as refusal:
        say(form, refusal)
        return _form("people/user.html", form, user=db.session.get(User, user_id))
    flash(_("Saved."), "success")
    return redirect(url_for("people.edit", user_id=user_id))


@pages.post("/people/<int(max=2147483647):user_id>/activate")
@access.needs(May.KEEP_PEOPLE)
@whole_group
def activate(user_id: int) -> Response:
    """Let a user sign in again."""
    service.activate(user_id, by=caller().actor, at=clock.now())
    flash(_("The user may sign in again."), "success")
    return redirect(url_for("people.edit", user_id=user_id))


@pages.post("/people/<int(max=2147483647):user_id>/deactivate")
@access.needs(May.KEEP_PEOPLE)
@whole_group
def deactivate(user_id: int) -> Response:
    """End a user's sessions and tokens."""
    service.deactivate(user_id, by=caller().actor, at=clock.now())
    flash(_("The user is signed out everywhere and cannot sign in."), "success")
    return redirect(url_for("people.edit", user_id=user_id))


@pages.post("/people/<int(max=2147483647):user_id>/second-factor/remove")
@access.needs(May.KEEP_PEOPLE)
@whole_group
def remove_second_factor(user_id: int) -> Response:
    """Take a lost phone's second factor away."""
    service.remove_second_factor(user_id, by=caller().actor, at=clock.now())
    flash(_("The second factor is removed."), "success")
    return redirect(url_for("people.edit", user_id=user_id))


def _places() -> list[tuple[str, str]]:
    """Where a role may hold: the group, the regions, the companies."""
    regions = db.session.execute(select(Region.code, Region.name).order_by(Region.code))
    companies = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return [
        (GROUP, _("The whole group")),
        *((f"region:{one.code}", _region_words(one.code, one.name)) for one in regions),
        *((f"company:{one.code}", f"{one.code}, {one.name}") for one in companies),
    ]


def _region_words(code: str, name: str) -> str:
    return _("Region %(code)s, %(name)s", code=code, name=name)


def _form(template: str, form: Any, **more: Any) -> Answer:
    """A form as it stands; answered 422 where what was sent is not taken."""
    page = render_template(template, form=form, **more)
    return (page, REFUSED) if request.method == "POST" else page


# Regions and companies

COMPANY_SORTS = {
    "code": Company.code,
    "name": Company.name,
    "region": (Region.name, Company.code),
}


@pages.get("/people/companies")
@access.needs(May.KEEP_PEOPLE)
@whole_group
def companies() -> Answer:
    """List the companies and the regions."""
    asked = lists.asked(COMPANY_SORTS, "code", ("q", "region"))
    found = select(Company).join(Region)
    if asked["q"]:
        like = f"%{_literal(asked['q'])}%"
        named = (Company.name, Company.code, Company.credit_code)
        found = found.where(or_(*(column.ilike(like, escape="\\") for column in named)))
    if asked["region"]:
        found = found.where(Region.code == asked["region"])
    counted = (
        select(Region, func.count(Company.id))
        .outerjoin(Company)
        .group_by(Region.id)
        .order_by(Region.code)
    )
    return render_template(
        "people/companies.html",
        listing=lists.fetch(found, asked),
        regions=db.session.execute(counted).all(),
    )


@pages.route("/people/companies/new", methods=["GET", "POST"])
@access.needs(May.KEEP_PEOPLE)
@whole_group
def new_company() -> Answer:
    """Enter a company."""
    form = CompanyForm()
    form.region.choices = _regions()
    if not form.validate_on_submit():
        return _form("people/company.html", form, company=None)
    told = (form.code.data, form.name.data, form.region.data, form.credit_code.data)
    try:
        service.create_company(*told, by=caller().actor, at=clock.now())
    except Refusal as refusal:
        say(form, refusal)
        return _form("people/company.html", form, company=None)
    flash(_("Saved."), "success")
    return redirect(url_for("people.companies"))


@pages.route("/people/companies/<int(max=2147483647):company_id>", methods=["GET", "POST"])
@access.needs(May.KEEP_PEOPLE)
@whole_group
def edit_company(company_id: int) -> Answer:
    """Change a company."""
    company = db.session.scalar(select(Company).where(Company.id == company_id))
    if company is None:
        raise NotFound(_("company"))
    held = {"name": company.name, "credit_code": company.credit_code}
    form = ChangeCompanyForm(**held, region=company.region_id)
    form.region.choices = _regions()
    if not form.validate_on_submit():
        return _form("people/company.html", form, company=company)
    told = (form.name.data, form.region.data, form.credit_code.data)
    service.change_company(company_id, *told, by=caller().actor, at=clock.now())
    flash(_("Saved."), "success")
    return redirect(url_for("people.companies"))


@pages.route("/people/regions/new", methods=["GET", "POST"])
@access.needs(May.KEEP_PEOPLE)
@whole_group
def new_region() -> Answer:
    """Enter a region."""
    form = RegionForm()
    if not form.validate_on_submit():
        return _form("people/region.html", form, region=None)
    try:
        service.create_region(form.code.data, form.name.data, by=caller().actor, at=clock.now())
    except Refusal as refusal:
        say(form, refusal)
        return _form("people/region.html", form, region=None)
    flash(_("Saved."), "success")
    return redirect(url_for("people.companies"))


@pages.route("/people/regions/<int(max=2147483647):region_id>", methods=["GET", "POST"])
@access.needs(May.KEEP_PEOPLE)
@whole_group
def edit_region(region_id: int) -> Answer:
    """Change a region's name."""
    region = db.session.get(Region, region_id)
    if region is None:
        raise NotFound(_("region"))
    form = ChangeRegionForm(name=region.name)
    if not form.validate_on_submit():
        return _form("people/region.html", form, region=region)
    service.change_region(region_id, form.name.data, by=caller().actor, at=clock.now())
    flash(_("Saved."), "success")
    return redirect(url_for("people.companies"))


def _regions() -> list[tuple[int, str]]:
    rows = db.session.execute(select(Region.id, Region.code, Region.name).order_by(Region.code))
    return [(row.id, f"{row.code}, {row.name}") for row in rows]
