"""The company's pages: the list of requests, each one, and what a company does with them.

A vehicle's requests stand on the vehicle's own page, which the register and policies below
fill: they know no request, so that what is told of them is handed in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Row, Select

from fleet.people.tables import Company
from fleet.renewals import (
    feed_pages,
    forms,
    letter_pages,
    placements,
    refusals,
    rules,
    service,
    told,
    workbench,
)
from fleet.renewals.moving import Outcome, request_of
from fleet.renewals.queries import (
    Wanted,
    companies_in_sight,
    due_counts,
    listed,
    named,
    regions_in_sight,
)
from fleet.renewals.rules import OPEN, STATES, AskedLine, NextStep
from fleet.renewals.tables import APPROVAL_GIVEN, CoverRequest
from fleet.renewals.telling import offer_topics
from fleet.storage import db
from fleet.vehicles.forms import type_choices
from fleet.vehicles.pages import pages as vehicle_pages
from fleet.vehicles.service import vehicle_of
from fleet.vehicles.tables import Vehicle
from fleet.web import clock
from fleet.web.access import May, caller, needs, who
from fleet.web.forms import done
from fleet.web.lists import Asked, asked, fetch
from fleet.web.sheets import xlsx_response
from fleet.web.words import choices, label

pages = Blueprint("renewals", __name__, url_prefix="/renewals")
pages.record(lambda state: offer_topics(state.app))
# The desk's pages and the papers, each a file of its own.
more: tuple[Blueprint, ...] = (
    letter_pages.pages,
    feed_pages.pages,
    workbench.pages,
    placements.pages,
)

SORTS = {
    "due": (CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
    "vin": (Vehicle.vin, CoverRequest.expiry_day),
    "plate": (Vehicle.plate, Vehicle.vin, CoverRequest.expiry_day),
    "company": (Company.code, CoverRequest.expiry_day, Vehicle.vin),
    "kind": (CoverRequest.kind, CoverRequest.expiry_day, Vehicle.vin),
    "opened": (CoverRequest.opened_on, CoverRequest.expiry_day, Vehicle.vin),
    "state": (CoverRequest.state, CoverRequest.expiry_day, Vehicle.vin),
}
FILTERS = ("q", "region", "company", "occasion", "kind", "state", "due_from", "due_to")
REQUEST = "/<int(max=2147483647):request_id>"
MOST_AT_ONCE = 1000
LARGEST_ID = 2_147_483_647
EVERY = "all"
OPEN_ONES = "open"
LATE = "late"
NOT_REPORTED = "not_reported"
WITH_DESK = "desk"
GROUPS = {OPEN_ONES: OPEN, NOT_REPORTED: rules.WITH_COMPANY, WITH_DESK: rules.WITH_DESK}
WEEK = timedelta(days=7)


@pages.get("")
@needs(May.READ)
def index() -> str:
    """Open requests by the day they fall due; filters, page and order stand in the address."""
    chosen, now = asked(SORTS, "due", FILTERS), clock.today()
    return render_template(
        "renewals/index.html",
        listing=fetch(_wanted(chosen), chosen, scalars=False),
        counts=due_counts(now),
        now=now,
        window=current_app.extensions["rulebook"].renewal_at(clock.now()).window_days,
        week_ends=now + WEEK,
        later_from=now + WEEK + timedelta(days=1),
        companies=companies_in_sight(),
        regions=regions_in_sight(),
        states=_states(),
        step_of=_step,
        reports=caller().scope(May.REPORT),
    )


def _states() -> list[tuple[str, str]]:
    """The states to choose from beside the open ones, which are shown where none is chosen."""
    return [
        (NOT_REPORTED, _("Not yet reported to the desk")),
        (WITH_DESK, _("With the desk")),
        *choices("renewal_state"),
        (EVERY, _("All, open and closed")),
    ]


def _step(row: Row[Any]) -> NextStep | None:
    return told.step_of(row, row.region, clock.today())


@pages.get("/export")
@needs(May.READ)
def export() -> Response:
    """The list as filtered and sorted, as a sheet."""
    chosen = asked(SORTS, "due", FILTERS)
    rows = db.session.execute(_wanted(chosen).order_by(*chosen.order()))
    headings = (
        _("VIN"),
        _("Plate"),
        _("Company"),
        _("Company name"),
        _("Kind"),
        _("Policy"),
        _("Expiry day"),
        _("Days left"),
        _("Opens on"),
        _("Opened on"),
        _("Closed on"),
        _("State"),
        _("Occasion"),
        _("Next step"),
        _("Whose"),
    )
    return xlsx_response(f"renewals-{clock.today()}.xlsx", headings, _cells(rows))


def _wanted(chosen: Asked) -> Select[Any]:
    """The renewals that the filters ask for; a day that cannot be read asks nothing."""
    state = chosen["state"] or OPEN_ONES
    wanted = Wanted(
        states=_meant(state),
        occasion=chosen["occasion"],
        kind=chosen["kind"],
        company=chosen["company"],
        region=chosen["region"],
        due_from=_day(chosen["due_from"]),
        due_to=_day(chosen["due_to"]),
        late=state == LATE,
        q=chosen["q"],
    )
    return listed(wanted, clock.today())


def _meant(state: str) -> tuple[str, ...]:
    """The states that a choice of the filter means; none for all, late ones and open ones."""
    return (state,) if state in STATES else GROUPS.get(state, ())


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _cells(rows: Any) -> Iterator[tuple[Any, ...]]:
    today = clock.today()
    for row in rows:
        step = _step(row)
        yield (
            row.vin,
            row.plate,
            row.company,
            row.company_name,
            label("kind", row.kind),
            row.policy_number,
            row.expiry_day,
            (row.expiry_day - today).days if row.state in OPEN else None,
            row.opens_on,
            row.opened_on,
            row.closed_on,
            _state(row),
            label("occasion", row.occasion),
            label("next_step", step.what) if step else None,
            label("next_step_of", step.of) if step else None,
        )


def _state(row: Row[Any]) -> str:
    late = row.state in OPEN and row.expiry_day < clock.today()
    return label("renewal_state", LATE if late else row.state)


# One request


@pages.get(REQUEST)
@needs(May.READ)
def show(request_id: int) -> str:
    """One request: what it is about, what is asked next of whom, its covers, its life."""
    found = request_of(request_id)
    return render_template(
        "renewals/show.html",
        one=found,
        told=told.of_request(found, clock.now()),
        now=clock.today(),
        may_move=caller().may_for(May.REPORT, found.vehicle.company_id),
    )


@pages.route(f"{REQUEST}/prepare", methods=["GET", "POST"])
@needs(May.REPORT)
def prepare(request_id: int) -> ResponseReturnValue:
    """Confirm the vehicle, choose the covers; or lead to saying why it is not renewed."""
    found = request_of(request_id)
    if rules.leads_to(rules.PREPARE, found.state) is None:
        flash(refusals.NotFromHere(found.state).message, "warning")
        return _to_request(request_id)
    form = _prepare_form(found)

    def verb() -> CoverRequest:
        return service.prepare(request_id, form.prepared(), version=form.seen, **who())

    if done(form, verb):
        if request.form.get("then") == rules.SUBMIT:
            return _told_of_one(request_id, service.submit([request_id], **who()), _reported)
        flash(_("The request is prepared."), "success")
        return _to_request(request_id)
    return render_template(
        "renewals/prepare.html",
        form=form,
        one=found,
        reports=_can_report(found),
        kinds=dict(type_choices()),
    )


def _prepare_form(found: CoverRequest) -> forms.PrepareForm:
    """The form filled with what was asked before, else with what is insured now."""
    at, today = clock.now(), clock.today()
    must = service.required_of(found, at)
    book = current_app.extensions["rulebook"]
    requirements = (book.newest(at) or book.editions[0]).requirements
    offered = rules.period_asked(found.expiry_day, today)[0]
    held = [AskedLine(line.cover, line.sum_insured, line.seats) for line in found.lines]
    return forms.prepare_form(
        found.kind,
        must,
        held or service.prefill(found, at),
        {line.cover: rules.clause_of(requirements, line.cover) for line in must},
        version=found.version,
        asked_from=max(found.asked_from or offered, today),
        contact=found.contact or caller().name,
        note=found.note,
    )


def _can_report(found: CoverRequest) -> bool:
    """Whether a request may be reported as soon as it is prepared."""
    region, book = found.vehicle.company.region.code, current_app.extensions["rulebook"]
    given = found.approval is not None and found.approval.state == APPROVAL_GIVEN
    return given or not rules.approval_asked(found.occasion, region, book, clock.today())


@pages.route(f"{REQUEST}/approve", methods=["GET", "POST"])
@needs(May.REPORT)
def approve(request_id: int) -> ResponseReturnValue:
    """Note that the OA approved a request (3.2)."""
    found, form = request_of(request_id), forms.ApproveForm()
    outcome = done(form, lambda: service.approve([request_id], form.approved(), **who()))
    if outcome and outcome.moved:
        return _told_of_one(request_id, outcome, _approved)
    _say_left_out(form, outcome)
    return render_template("renewals/approve.html", form=form, one=found)


@pages.post(f"{REQUEST}/submit")
@needs(May.REPORT)
def submit(request_id: int) -> ResponseReturnValue:
    """Report a prepared request to the region's desk (3.3)."""
    request_of(request_id)
    return _told_of_one(request_id, service.submit([request_id], **who()), _reported)


@pages.route(f"{REQUEST}/withdraw", methods=["GET", "POST"])
@needs(May.REPORT)
def withdraw(request_id: int) -> ResponseReturnValue:
    """Say why a vehicle is not insured further."""
    found, form = request_of(request_id), forms.WithdrawForm()
    outcome = done(form, lambda: service.withdraw([request_id], *_why(form), **who()))
    if outcome and outcome.moved:
        return _told_of_one(request_id, outcome, _withdrawn)
    _say_left_out(form, outcome)
    return render_template("renewals/withdraw.html", form=form, one=found)


@pages.post(f"{REQUEST}/resume")
@needs(May.REPORT)
def resume(request_id: int) -> ResponseReturnValue:
    """Take a withdrawn request up again."""
    request_of(request_id)
    outcome = service.resume([request_id], **who())
    return _told_of_one(request_id, outcome, lambda _num: _("The request stands again."))


@vehicle_pages.post("/vehicles/<vin>/requests")
@needs(May.REPORT)
def request_cover(vin: str) -> ResponseReturnValue:
    """Ask for a vehicle's first policy of a kind ahead of the day it opens by itself (3.2)."""
    vehicle_of(vin)
    made = service.ask_new(vin, request.form.get("kind", ""), **who())
    flash(_("The request is open. Prepare it now."), "success")
    return _to_request(made.id)


@vehicle_pages.context_processor
def _requests() -> Mapping[str, Any]:
    """Let a vehicle's page tell the requests that stand for it."""
    return {"cover_requests": lambda vehicle: told.of_vehicle(vehicle, clock.now())}


# Many in one step


@pages.post("/submit")
@needs(May.REPORT)
def submit_many() -> ResponseReturnValue:
    """Report every request chosen to its region's desk."""
    return _told_of_many(service.submit(_chosen(), **who()), _reported)


@pages.post("/approve")
@needs(May.REPORT)
def approve_many() -> ResponseReturnValue:
    """Ask for the OA's number, day and approver of the requests chosen, then note it."""
    ids = _chosen()
    form = forms.ApproveForm() if "number" in request.form else forms.ApproveForm(formdata=None)
    outcome = _done_many(form, "number", lambda: service.approve(ids, form.approved(), **who()))
    if outcome and outcome.moved:
        return _told_of_many(outcome, _approved)
    return _many_page("renewals/approve_many.html", form, ids, outcome)


@pages.post("/withdraw")
@needs(May.REPORT)
def withdraw_many() -> ResponseReturnValue:
    """Ask why the requests chosen are not renewed, then withdraw them."""
    ids, sent = _chosen(), "withdrawn_for" in request.form
    form = forms.WithdrawForm() if sent else forms.WithdrawForm(formdata=None)
    outcome = _done_many(form, "withdrawn_for", lambda: service.withdraw(ids, *_why(form), **who()))
    if outcome and outcome.moved:
        return _told_of_many(outcome, _withdrawn)
    return _many_page("renewals/withdraw_many.html", form, ids, outcome)


def _done_many(form: forms.Form, sign: str, verb: Callable[[], Outcome]) -> Outcome | None:
    """What a step did; None while its form is still to be filled in, which `sign` tells."""
    outcome: Outcome | None = done(form, verb) if sign in request.form else None
    return outcome


def _many_page(template: str, form: forms.Form, ids: list[int], outcome: Outcome | None) -> str:
    """The form of a step, the requests chosen, and where none was moved, why not."""
    return render_template(
        template,
        form=form,
        ids=ids,
        found=named(ids, clock.today()),
        why={one.request_id: one.why for one in outcome.left_out} if outcome else {},
        back=_back(),
        kept=_kept(),
    )


@pages.errorhandler(refusals.NothingChosen)
def nothing_chosen(refusal: refusals.NothingChosen) -> ResponseReturnValue:
    """Lead back to the list, where something can be ticked."""
    flash(refusal.message, "warning")
    return redirect(_back())


def _chosen() -> list[int]:
    """The requests ticked, or all that the page showed; raises NothingChosen, TooManyChosen."""
    names = ("ids", "shown") if request.form.get("all") else ("ids",)
    given = [id_ for name in names for id_ in request.form.getlist(name, type=int)]
    ids = [id_ for id_ in dict.fromkeys(given) if 0 < id_ <= LARGEST_ID]
    if not ids:
        raise refusals.NothingChosen
    if len(ids) > MOST_AT_ONCE:
        raise refusals.TooManyChosen(MOST_AT_ONCE)
    return ids


def _told_of_many(outcome: Outcome, words: Callable[[int], str]) -> ResponseReturnValue:
    """The list again where all were moved, else a page that names each left out and why."""
    told_ = words(len(outcome.moved))
    if not outcome.left_out:
        flash(told_, "success")
        return redirect(_back())
    return render_template(
        "renewals/outcome.html",
        moved=told_ if outcome.moved else None,
        left_out=outcome.left_out,
        found=named([one.request_id for one in outcome.left_out], clock.today()),
        back=_back(),
    )


def _told_of_one(
    request_id: int, outcome: Outcome, words: Callable[[int], str]
) -> ResponseReturnValue:
    for one in outcome.left_out:
        flash(one.why, "warning")
    if outcome.moved:
        flash(words(1), "success")
    return _to_request(request_id)


def _say_left_out(form: forms.Form, outcome: Outcome | None) -> None:
    form.form_errors.extend(one.why for one in (outcome.left_out if outcome else ()))


def _why(form: forms.WithdrawForm) -> tuple[str, str | None]:
    return form.withdrawn_for.data, form.told


def _reported(num: int) -> str:
    return ngettext(
        "%(num)s request is reported to the desk.",
        "%(num)s requests are reported to the desk.",
        num,
    )


def _approved(num: int) -> str:
    return ngettext("%(num)s request is approved.", "%(num)s requests are approved.", num)


def _withdrawn(num: int) -> str:
    return ngettext("%(num)s request is withdrawn.", "%(num)s requests are withdrawn.", num)


def _back() -> str:
    """The list as it was filtered when the requests were chosen."""
    return url_for("renewals.index", **_kept())


def _kept() -> dict[str, str]:
    known = (*FILTERS, "sort", "page", "page_size")
    return {name: value for name in known if (value := request.form.get(f"list_{name}"))}


def _to_request(request_id: int) -> ResponseReturnValue:
    return redirect(url_for("renewals.show", request_id=request_id))
