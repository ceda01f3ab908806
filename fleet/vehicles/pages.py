"""The register's pages; the list and the vehicle's own page are added by policies.

A standing is known only above this room, so `fleet/policies/pages.py` tells it at `/vehicles`.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from fleet.vehicles import forms, service
from fleet.vehicles.tables import Vehicle
from fleet.web import access, clock
from fleet.web.access import May
from fleet.web.forms import done
from fleet.words import Days

pages = Blueprint("vehicles", __name__)


@pages.route("/vehicles/new", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def register() -> ResponseReturnValue:
    """Enter a vehicle into the fleet."""
    form = forms.RegisterForm(data={"in_service_since": clock.today()})

    def verb() -> Vehicle:
        names = (form.vin.data, form.plate.data, form.company.data)
        return service.register(*names, form.details(), **access.who())

    if made := done(form, verb):
        flash(form.vin.warning or _("The vehicle is on record."), "success")
        return _to_vehicle(made.vin)
    return render_template("vehicles/register.html", form=form)


@pages.route("/vehicles/<vin>/edit", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def edit(vin: str) -> ResponseReturnValue:
    """Correct what the licence states."""
    vehicle = service.vehicle_of(vin)
    form = forms.of_vehicle(forms.LicenceForm, vehicle)
    if done(form, lambda: service.edit(vin, form.details(), version=form.seen, **access.who())):
        flash(_("The change is recorded."), "success")
        return _to_vehicle(vin)
    return render_template("vehicles/edit.html", form=form, vehicle=vehicle)


@pages.route("/vehicles/<vin>/move", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def move(vin: str) -> ResponseReturnValue:
    """Hand a vehicle over to another company."""
    vehicle = service.vehicle_of(vin)
    form = forms.MoveForm(data={"version": vehicle.version, "on": clock.today()})

    def verb() -> Vehicle:
        target = (form.company.data, form.on.data)
        return service.move(vin, *target, version=form.seen, **access.who())

    if done(form, verb):
        flash(_("The vehicle is held by its new company."), "success")
        return _to_vehicle(vin)
    return render_template("vehicles/move.html", form=form, vehicle=vehicle)


@pages.route("/vehicles/<vin>/plate", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def plate(vin: str) -> ResponseReturnValue:
    """Change a vehicle's plate."""
    vehicle = service.vehicle_of(vin)
    form = forms.PlateForm(data={"version": vehicle.version, "on": clock.today()})

    def verb() -> Vehicle:
        change = (form.plate.data, form.on.data)
        return service.change_plate(vin, *change, version=form.seen, **access.who())

    if done(form, verb):
        flash(_("The plate is changed."), "success")
        return _to_vehicle(vin)
    return render_template("vehicles/plate.html", form=form, vehicle=vehicle)


@pages.route("/vehicles/<vin>/lay-up", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def lay_up(vin: str) -> ResponseReturnValue:
    """Take a vehicle off the road."""
    vehicle = service.vehicle_of(vin)
    form = forms.LayUpForm(data={"since": clock.today()})
    if done(
        form, lambda: service.lay_up(vin, Days(form.since.data, form.until.data), **access.who())
    ):
        flash(_("The vehicle is laid up."), "success")
        return _to_vehicle(vin)
    return render_template("vehicles/lay_up.html", form=form, vehicle=vehicle)


@pages.route("/vehicles/<vin>/return", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def return_to_service(vin: str) -> ResponseReturnValue:
    """Put a vehicle on the road again."""
    vehicle = service.vehicle_of(vin)
    form = forms.ReturnForm(data={"on": clock.today()})
    if done(form, lambda: service.return_to_service(vin, form.on.data, **access.who())):
        flash(_("The vehicle is back in service."), "success")
        return _to_vehicle(vin)
    return render_template("vehicles/return_to_service.html", form=form, vehicle=vehicle)


@pages.route("/vehicles/<vin>/leave", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def leave(vin: str) -> ResponseReturnValue:
    """Let a vehicle leave the fleet."""
    vehicle = service.vehicle_of(vin)
    form = forms.LeaveForm(data={"version": vehicle.version, "on": clock.today()})
    if done(form, lambda: service.leave(vin, form.on.data, version=form.seen, **access.who())):
        flash(_("The vehicle's end in the fleet is recorded."), "success")
        return _to_vehicle(vin)
    return render_template("vehicles/leave.html", form=form, vehicle=vehicle)


@pages.get("/vehicle-types")
@access.needs(May.READ)
def types() -> ResponseReturnValue:
    """The kinds of vehicle, an open list (1.1)."""
    return render_template("vehicles/types.html", choices=forms.type_choices())


@pages.route("/vehicle-types/new", methods=["GET", "POST"])
@access.needs(May.KEEP_VEHICLES)
def add_type() -> ResponseReturnValue:
    """Add a kind of vehicle for the whole group."""
    form = forms.TypeForm()
    if done(form, lambda: service.add_type(form.code.data, form.name.data, **access.who())):
        flash(_("The kind of vehicle is added."), "success")
        return redirect(url_for("vehicles.types"))
    return render_template("vehicles/add_type.html", form=form)


def _to_vehicle(vin: str) -> ResponseReturnValue:
    return redirect(url_for("vehicles.show", vin=vin))
