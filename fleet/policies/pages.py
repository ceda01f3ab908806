"""The policies' pages, and of the vehicles' those that tell a standing: the list and each one.

They stand on the vehicles' own blueprint, because readers look for them at `/vehicles`; the
register below knows no standing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from fleet.policies import forms, queries, service
from fleet.policies.facts import facts_of
from fleet.policies.tables import Policy
from fleet.rulebook import cover
from fleet.storage import db
from fleet.vehicles.forms import type_choices
from fleet.vehicles.pages import pages as vehicle_pages
from fleet.vehicles.service import vehicle_of
from fleet.web import access, clock, lists, moments
from fleet.web.access import May
from fleet.web.forms import done
from fleet.web.furniture import yuan
from fleet.web.sheets import xlsx_response
from fleet.web.words import label

pages = Blueprint("policies", __name__)

MOST_ROWS = 200_000
_YEARS = range(1900, 3000)

# Vehicles with their standing

VEHICLE_FILTERS = (
    *("q", "company", "region", "type", "standing", "insurer"),
    *("on", "expires_from", "expires_to"),
)


@vehicle_pages.get("/vehicles")
@access.needs(May.READ)
def index() -> ResponseReturnValue:
    """The vehicles, filtered, with their standing now or at another moment."""
    asked = lists.asked(queries.VEHICLE_SORTS, "vin", VEHICLE_FILTERS)
    at, listing = _moment(asked["on"]), _vehicles(asked)
    shown = [vehicle.id for vehicle, *_rest in listing.items]
    return render_template(
        "vehicles/index.html",
        listing=listing,
        at=at,
        expiry=queries.expiry_days(shown, clock.zone()),
        offered=_offered(),
    )


@vehicle_pages.get("/vehicles/export")
@access.needs(May.READ)
def export() -> ResponseReturnValue:
    """The vehicles filtered as a sheet."""
    asked = lists.asked(queries.VEHICLE_SORTS, "vin", VEHICLE_FILTERS)
    found = queries.vehicles(_wanted(asked)).order_by(*asked.order()).limit(MOST_ROWS)
    headings = (
        *(_("VIN"), _("Plate"), _("Company"), _("Region"), _("Kind of vehicle"), _("Seats")),
        *(_("Brand and model"), _("Standing"), _("What falls short"), _("Standing changes on")),
        *(_("Compulsory until"), _("Commercial until")),
    )
    return xlsx_response("vehicles.xlsx", headings, _vehicle_rows(db.session.execute(found)))


def _vehicle_rows(found: Iterable[Any]) -> Iterator[list[Any]]:
    zone, kinds = clock.zone(), dict(type_choices())
    rows = iter(found)
    while batch := list(islice(rows, 1000)):
        expiry = queries.expiry_days([vehicle.id for vehicle, *_rest in batch], zone)
        for vehicle, standing, codes, until in batch:
            yield [
                *(vehicle.vin, vehicle.plate, vehicle.company.name, vehicle.company.region.name),
                *(kinds.get(vehicle.vehicle_type), vehicle.seats, vehicle.brand_model),
                label("standing", standing),
                _("; ").join(label("shortfall", code) for code in (codes or "").split()),
                _bounded(until),
                *(expiry.get((vehicle.id, kind)) for kind in ("compulsory", "commercial")),
            ]


def _vehicles(asked: lists.Asked) -> lists.Listing:
    wanted = _wanted(asked)
    counted = queries.vehicle_count(wanted)
    return lists.fetch(queries.vehicles(wanted), asked, scalars=False, counted=counted)


def _wanted(asked: lists.Asked) -> queries.Wanted:
    texts = ("q", "company", "region", "type", "standing", "insurer")
    return queries.Wanted(
        at=_moment(asked["on"]),
        zone=clock.zone(),
        expires_from=_day(asked["expires_from"]),
        expires_to=_day(asked["expires_to"]),
        **{name: asked[name] for name in texts},
    )


@vehicle_pages.get("/vehicles/<vin>")
@access.needs(May.READ)
def show(vin: str) -> ResponseReturnValue:
    """One vehicle: may it be used, why not, what to do; its timeline; its papers."""
    vehicle, at = vehicle_of(vin), _moment(request.args.get("on", ""))
    own, book = facts_of(vehicle.id), current_app.extensions["rulebook"]
    facts = (own.vehicle, own.policies, book)
    steps = cover.timeline(*facts)
    now = cover.standing(*facts, at)
    return render_template(
        "vehicles/show.html",
        vehicle=vehicle,
        at=at,
        asked="on" in request.args,
        now=now,
        step=next(one for one in reversed(steps) if one.since is None or one.since <= at),
        steps=steps,
        judgements=cover.judgements(*facts, at) if now.standing in cover.STANDINGS[:4] else (),
        policies=_policies_of(vehicle.id),
        state_of=queries.state_of,
        present=clock.now(),
        kinds=dict(type_choices()),
        may_keep=_may_here(May.KEEP_VEHICLES, vehicle.company_id),
        may_insure=_may_here(May.KEEP_POLICIES, vehicle.company_id),
    )


def _policies_of(vehicle_id: int) -> list[Policy]:
    found = queries.policies(queries.WantedPolicies(at=clock.now(), zone=clock.zone()))
    own = found.where(Policy.vehicle_id == vehicle_id).order_by(Policy.begins.desc(), Policy.id)
    return list(db.session.scalars(own))


# Policies

POLICY_FILTERS = (
    *("q", "company", "region", "kind", "insurer", "state"),
    *("expires_from", "expires_to"),
)


@pages.get("/policies", endpoint="index")
@access.needs(May.READ)
def policy_index() -> ResponseReturnValue:
    """The policies, filtered."""
    asked = lists.asked(queries.POLICY_SORTS, "-expiry", POLICY_FILTERS)
    return render_template(
        "policies/index.html",
        listing=lists.fetch(queries.policies(_wanted_policies(asked)), asked),
        at=clock.now(),
        state_of=queries.state_of,
        states=state_words(),
        offered=_offered(),
    )


@pages.get("/policies/export", endpoint="export")
@access.needs(May.READ)
def export_policies() -> ResponseReturnValue:
    """The policies filtered as a sheet."""
    asked = lists.asked(queries.POLICY_SORTS, "-expiry", POLICY_FILTERS)
    found = queries.policies(_wanted_policies(asked)).order_by(*asked.order()).limit(MOST_ROWS)
    headings = (
        *(_("Policy number"), _("Kind of insurance"), _("Insurer"), _("VIN"), _("Plate")),
        *(_("Company"), _("Begins"), _("Ends"), _("Cancelled at"), _("State"), _("Signed on")),
        *(_("Premium"), _("Vehicle and vessel tax"), _("OA approval number")),
    )
    return xlsx_response("policies.xlsx", headings, _policy_rows(db.session.scalars(found)))


def _policy_rows(found: Iterable[Policy]) -> Iterator[list[Any]]:
    at, states = clock.now(), state_words()
    for one in found:
        yield [
            *(one.policy_number, label("kind", one.kind), one.insurer.name, one.vehicle.vin),
            *(one.vehicle.plate, one.vehicle.company.name, one.begins, one.ends),
            *(one.cancelled_at, states[queries.state_of(one, at)], one.signed_on, one.premium),
            *(one.vehicle_tax, one.approval_number),
        ]


def _wanted_policies(asked: lists.Asked) -> queries.WantedPolicies:
    texts = ("q", "company", "region", "kind", "insurer", "state")
    return queries.WantedPolicies(
        at=clock.now(),
        zone=clock.zone(),
        expires_from=_day(asked["expires_from"]),
        expires_to=_day(asked["expires_to"]),
        **{name: asked[name] for name in texts},
    )


def state_words() -> dict[str, str]:
    """The words for a policy's state."""
    return {
        queries.RUNNING: _("In force"),
        queries.COMING: _("Begins later"),
        queries.ENDED: _("Ended"),
        queries.VOID: _("Void"),
    }


@pages.get("/policies/<path:number>", endpoint="show")
@access.needs(May.READ)
def show_policy(number: str) -> ResponseReturnValue:
    """One policy: what it prints, its lines, its endorsements."""
    policy = service.policy_of(number)
    return render_template(
        "policies/show.html",
        policy=policy,
        at=clock.now(),
        state=queries.state_of(policy, clock.now()),
        states=state_words(),
        may_insure=_may_here(May.KEEP_POLICIES, policy.vehicle.company_id),
    )


@pages.route("/vehicles/<vin>/policies/new", methods=["GET", "POST"])
@access.needs(May.KEEP_POLICIES)
def record(vin: str) -> ResponseReturnValue:
    """Put a vehicle's policy on record; a request's page hands over what was asked for."""
    vehicle, form = vehicle_of(vin), forms.record_form(request.args)

    def verb() -> Policy:
        printed = service.Printed(form.policy_number.data, form.insurer.data, vin)
        return service.record(printed, form.details(), form.line_details(), **access.who())

    if made := done(form, verb):
        flash(_("The policy is on record."), "success")
        return _to_policy(made.policy_number)
    return render_template("policies/record.html", form=form, vehicle=vehicle)


@pages.route("/policies/<path:number>/edit", methods=["GET", "POST"])
@access.needs(May.KEEP_POLICIES)
def edit(number: str) -> ResponseReturnValue:
    """Correct what was recorded of a policy."""
    policy = service.policy_of(number)
    form = forms.edit_form(policy)

    def verb() -> Policy:
        content = (form.insurer.data, form.details(), form.line_details())
        return service.edit(number, *content, version=forms.seen(form), **access.who())

    if done(form, verb):
        flash(_("The change is recorded."), "success")
        return _to_policy(number)
    return render_template("policies/edit.html", form=form, policy=policy)


@pages.route("/policies/<path:number>/endorse", methods=["GET", "POST"])
@access.needs(May.KEEP_POLICIES)
def endorse(number: str) -> ResponseReturnValue:
    """Record an endorsement of a policy."""
    policy = service.policy_of(number)
    form = forms.EndorseForm(data={"version": policy.version})
    form.ended.choices = [
        (line.id, forms.line_words(line, label("cover", line.cover), yuan(line.sum_insured)))
        for line in policy.lines
        if line.until is None or line.until > policy.begins
    ]
    form.offer_blank()

    def verb() -> Policy:
        return service.endorse(number, form.endorsing(), version=forms.seen(form), **access.who())

    if done(form, verb):
        flash(_("The endorsement is recorded."), "success")
        return _to_policy(number)
    return render_template("policies/endorse.html", form=form, policy=policy)


@pages.route("/policies/<path:number>/cancel", methods=["GET", "POST"])
@access.needs(May.KEEP_POLICIES)
def cancel(number: str) -> ResponseReturnValue:
    """Cancel a policy, or take a cancellation back."""
    policy = service.policy_of(number)
    form = forms.CancelForm(
        data={"version": policy.version, "cancelled_at": policy.cancelled_at or clock.now()}
    )

    def verb() -> Policy:
        moment, version = form.cancelled_at.data, forms.seen(form)
        return service.cancel(number, moment, version=version, **access.who())

    if done(form, verb):
        flash(_("The change is recorded."), "success")
        return _to_policy(number)
    return render_template("policies/cancel.html", form=form, policy=policy)


# What the pages share


def _offered() -> dict[str, list[tuple[str, str]]]:
    return {
        "companies": queries.companies_offered(),
        "regions": queries.regions_offered(),
        "insurers": queries.insurers_offered(),
        "types": type_choices(),
    }


def _moment(text: str) -> datetime:
    """The moment an address asks about; now where it names none that can be read."""
    try:
        found = moments.parse(text, clock.zone())
    except ValueError:
        return clock.now()
    return found if found.year in _YEARS else clock.now()


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in _YEARS else None


def _bounded(instant: datetime | None) -> datetime | None:
    return instant if instant and instant.year in _YEARS else None


def _may_here(permission: May, company_id: int) -> bool:
    return access.caller().may_for(permission, company_id)


def _to_policy(number: str) -> ResponseReturnValue:
    return redirect(url_for("policies.show", number=number))
