"""The pages of insurers and of whom each region's desk designates, and when (3.1)."""

from __future__ import annotations

from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import contains_eager

from fleet.insurers import forms, service
from fleet.insurers.rules import runs_on
from fleet.insurers.tables import Designation, Insurer
from fleet.people.tables import Region
from fleet.storage import db
from fleet.web import access, clock
from fleet.web.access import May
from fleet.web.errors import NotFound
from fleet.web.forms import done
from fleet.words import Days

pages = Blueprint("insurers", __name__)


@pages.get("/insurers")
@access.needs(May.READ)
def index() -> ResponseReturnValue:
    """The insurers, and who is designated where on a day."""
    on = _day(request.args.get("on", ""))
    found = _designations(request.args.get("region", ""))
    return render_template(
        "insurers/index.html",
        insurers=db.session.scalars(select(Insurer).order_by(Insurer.code)).all(),
        designations=found,
        running={one.id for one in found if runs_on(Days(one.since, one.until), on)},
        on=on,
        regions=_regions(),
        region=request.args.get("region", ""),
        own=_own_regions(),
    )


@pages.route("/insurers/new", methods=["GET", "POST"])
@access.needs(May.DESIGNATE)
def register() -> ResponseReturnValue:
    """Put an insurer on record."""
    form = forms.RegisterForm()
    if done(form, lambda: service.register(form.details(), **access.who())):
        return _told(_("The insurer is on record."))
    return render_template("insurers/register.html", form=form)


@pages.route("/insurers/<path:code>/edit", methods=["GET", "POST"])
@access.needs(May.KEEP_INSURERS)
def edit(code: str) -> ResponseReturnValue:
    """Change what is recorded of an insurer."""
    insurer = service.insurer_of(code)
    form = forms.edit_form(insurer)

    def verb() -> Insurer:
        return service.edit(code, form.details(code), seen=form.seen(code), **access.who())

    if done(form, verb):
        return _told(_("The change is recorded."))
    return render_template("insurers/edit.html", form=form, insurer=insurer)


@pages.route("/designations/new", methods=["GET", "POST"])
@access.needs(May.DESIGNATE)
def designate() -> ResponseReturnValue:
    """Designate an insurer for one of the caller's regions."""
    form = forms.DesignateForm(data={"since": clock.today()})
    own = {one.code: one for one in _own_regions()}
    form.region.choices = [(code, f"{code} · {one.name}") for code, one in own.items()]

    def verb() -> Designation:
        period = Days(form.since.data, form.until.data)
        return service.designate(own[form.region.data], form.insurer.data, period, **access.who())

    if done(form, verb):
        return _told(_("The insurer is designated."))
    return render_template("insurers/designate.html", form=form)


@pages.route("/designations/<int(max=2147483647):number>/end", methods=["GET", "POST"])
@access.needs(May.DESIGNATE)
def end_designation(number: int) -> ResponseReturnValue:
    """Say from which day an insurer is no longer designated."""
    found = service.designation(number)
    if found.region_id not in {one.id for one in _own_regions()}:
        raise NotFound(_("designation"))
    form = forms.EndForm(data={"until": found.until or clock.today()})

    def verb() -> bool:
        service.end_designation(number, form.until.data, **access.who())
        return True

    if done(form, verb):
        return _told(_("The change is recorded."))
    return render_template("insurers/end_designation.html", form=form, designation=found)


def _designations(region: str) -> list[Designation]:
    found = (
        select(Designation)
        .join(Designation.region)
        .join(Designation.insurer)
        .options(contains_eager(Designation.region), contains_eager(Designation.insurer))
        .order_by(Region.code, Insurer.code, Designation.since.desc())
    )
    if region:
        found = found.where(Region.code == region)
    return list(db.session.scalars(found))


def _regions() -> list[Region]:
    return list(db.session.scalars(select(Region).order_by(Region.code)))


def _own_regions() -> list[Region]:
    """The regions whose desk the caller is; all of them for the whole group."""
    caller = access.caller()
    own = caller.regions(May.DESIGNATE)
    everything = caller.scope(May.DESIGNATE).everything
    return [one for one in _regions() if everything or one.id in own]


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return clock.today()


def _told(words: str) -> ResponseReturnValue:
    flash(words, "success")
    return redirect(url_for("insurers.index"))
