"""The desk's workbench: its queue, one step over many requests, the work ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Row
from werkzeug.wrappers import Response as Answer

from fleet.renewals import desk, service
from fleet.renewals.daily import run_day
from fleet.renewals.desk import Queue
from fleet.renewals.desk_forms import (
    ACCEPT,
    MOST_AT_ONCE,
    PLACE,
    RETURN,
    STEPS,
    TAKE_BACK,
    StepForm,
)
from fleet.renewals.moving import Outcome
from fleet.renewals.queries import Wanted, companies_in_sight, regions_in_sight
from fleet.renewals.rules import WITH_DESK
from fleet.renewals.workload import Workload, workload
from fleet.rulebook.book import KINDS
from fleet.storage import db
from fleet.web import clock
from fleet.web.access import May, needs, who
from fleet.web.errors import Refusal
from fleet.web.forms import say
from fleet.web.lists import Asked, asked, fetch
from fleet.web.sheets import xlsx_response
from fleet.web.words import choices, label

pages = Blueprint("workbench", __name__, url_prefix="/workbench")

FILTERS = (
    *("q", "state", "region", "company", "held_by", "placed_with"),
    *("kind", "occasion", "due_from", "due_to"),
)
LATE = "late"
WEEK = timedelta(days=7)
_LAST_ID = 2**31


# The queue


@pages.get("")
@needs(May.PLACE)
def index() -> str:
    """The requests that wait for the desk, by the day they fall due."""
    return _page(StepForm(formdata=None))


@pages.post("/look-again")
@needs(May.PLACE)
def look_again() -> Answer:
    """Run the day once more: after an import, say, nobody waits for the night."""
    report = run_day(clock.today(), **who())
    opened = len(report["opened"]) + len(report["new_opened"])
    ended = len(report["closed"]) + len(report["new_closed"])
    flash(
        _("Brought up to date: %(opened)s opened, %(ended)s ended.", opened=opened, ended=ended),
        "success",
    )
    return redirect(url_for("workbench.index"))


@pages.post("")
@needs(May.PLACE)
def step() -> str | Answer:
    """Move the ticked requests by one step; those left out stay on the page with their reasons."""
    form, ids = StepForm(), ticked()
    form.offer(_insurers())
    if not ids:
        form.form_errors.append(_("Tick the requests that you mean."))
    elif len(ids) > MOST_AT_ONCE:
        form.form_errors.append(_("At most %(most)s requests at once.", most=MOST_AT_ONCE))
    elif form.step.data not in STEPS:
        form.form_errors.append(_("Choose what to do with them."))
    elif form.validate_on_submit():
        try:
            outcome = _step(form, ids)
        except Refusal as refusal:
            db.session.rollback()
            say(form, refusal)
        else:
            return _told(form, outcome)
    return _page(form, ids)


def _step(form: StepForm, ids: list[int]) -> Outcome:
    steps: dict[str, Callable[[], Outcome]] = {
        ACCEPT: lambda: service.accept(ids, **who()),
        RETURN: lambda: service.send_back(ids, form.return_reason.data.strip(), **who()),
        PLACE: lambda: service.place(ids, form.insurer.data, note=form.note.data, **who()),
        TAKE_BACK: lambda: service.take_back(ids, form.take_back_reason.data.strip(), **who()),
    }
    return steps[form.step.data]()


def _told(form: StepForm, outcome: Outcome) -> str | Answer:
    """The list again where all moved; else the page with what was left out and why."""
    if outcome.moved:
        flash(moved_words(form.step.data, len(outcome.moved)), "success")
    if not outcome.left_out:
        return redirect(request.full_path.rstrip("?"))
    return _page(StepForm(formdata=None), [one.request_id for one in outcome.left_out], outcome)


def moved_words(step: str, count: int) -> str:
    """How many requests a step moved, in words."""
    if step == ACCEPT:
        return ngettext("%(num)s request accepted.", "%(num)s requests accepted.", count)
    if step == RETURN:
        return ngettext("%(num)s request returned.", "%(num)s requests returned.", count)
    if step == PLACE:
        return ngettext("%(num)s request placed.", "%(num)s requests placed.", count)
    return ngettext("%(num)s request taken back.", "%(num)s requests taken back.", count)


def ticked() -> list[int]:
    """The requests that are meant: the ticked ones, or all that the page showed."""
    named = request.form.getlist("id")
    if request.form.get("all"):
        named += request.form.get("shown", "").split(",")
    numbers = (int(text) for text in named if text.isascii() and text.isdigit() and len(text) < 11)  # noqa: PLR2004 - the digits of the database's integers
    return list(dict.fromkeys(number for number in numbers if number < _LAST_ID))


def _page(form: StepForm, kept: Iterable[int] = (), outcome: Outcome | None = None) -> str:
    chosen, today = asked(desk.SORTS, "due", FILTERS), clock.today()
    listing = fetch(desk.queue(_queue(chosen), today), chosen, scalars=False)
    if form.insurer.choices is None:
        form.offer(_insurers())
    return render_template(
        "renewals/workbench.html",
        form=form,
        ticked=set(kept),
        outcome=outcome,
        listing=listing,
        lacking=_lacks(listing.items, today),
        waiting=desk.waiting(today, today + WEEK),
        now=today,
        yesterday=today - timedelta(days=1),
        companies=companies_in_sight(),
        regions=regions_in_sight(),
        insurers=desk.insurers_in_sight(),
        states=[(state, label("renewal_state", state)) for state in (*WITH_DESK, LATE)],
        occasions=choices("occasion"),
    )


def _lacks(rows: Iterable[Row[Any]], today: date) -> dict[int, list[str]]:
    book, designated = current_app.extensions["rulebook"], desk.designated_on(today)
    return {row.id: desk.lacking(row, designated, book, today) for row in rows}


def _insurers() -> list[tuple[str, str]]:
    """The insurers designated today in any region of the caller's."""
    return desk.insurers_offered((code for code, _words in regions_in_sight()), clock.today())


def _queue(chosen: Asked) -> Queue:
    """The requests that the filters ask for; what cannot be read asks nothing."""
    state = chosen["state"]
    wanted = Wanted(
        states=(state,) if state in WITH_DESK else WITH_DESK,
        late=state == LATE,
        occasion=chosen["occasion"],
        kind=chosen["kind"],
        company=chosen["company"],
        region=chosen["region"],
        due_from=_day(chosen["due_from"]),
        due_to=_day(chosen["due_to"]),
        q=chosen["q"],
    )
    return Queue(wanted, chosen["held_by"], chosen["placed_with"])


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@pages.get("/export")
@needs(May.PLACE)
def export() -> Response:
    """The queue as filtered and sorted, with what each request lacks, as a sheet."""
    chosen, today = asked(desk.SORTS, "due", FILTERS), clock.today()
    found = desk.queue(_queue(chosen), today).order_by(*chosen.order())
    rows = db.session.execute(found).all()
    headings = (
        *(_("VIN"), _("Plate"), _("Company"), _("Company name"), _("Region"), _("Kind")),
        *(_("Occasion"), _("Policy"), _("Present insurer"), _("Expiry day"), _("Days left")),
        *(_("State"), _("Asked from"), _("Placed with"), _("Expected premium")),
        *(_("Contact"), _("Note"), _("Missing")),
    )
    return xlsx_response(f"workbench-{today}.xlsx", headings, _cells(rows, today))


def _cells(rows: Iterable[Row[Any]], today: date) -> Iterator[tuple[Any, ...]]:
    listed = list(rows)
    lacks = _lacks(listed, today)
    for row in listed:
        yield (
            *(row.vin, row.plate, row.company, row.company_name, row.region),
            *(label("kind", row.kind), label("occasion", row.occasion), row.policy_number),
            *(row.held_by, row.expiry_day, (row.expiry_day - today).days),
            *(label("renewal_state", row.state), row.asked_from, row.placed_with),
            *(row.expected_premium, row.contact, row.note),
            _("; ").join(label("desk_lacks", code) for code in lacks[row.id]),
        )


# The work ahead


@pages.get("/workload")
@needs(May.PLACE)
def ahead() -> str:
    """The renewals and first covers due by week for the next 90 days, from what is on record."""
    chosen, today = asked({}, "", ("region", "company")), clock.today()
    return render_template(
        "renewals/workload.html",
        load=_load(chosen),
        chosen=chosen,
        now=today,
        kinds=KINDS,
        companies=companies_in_sight(),
        regions=regions_in_sight(),
    )


@pages.get("/workload/export")
@needs(May.PLACE)
def export_workload() -> Response:
    """The work ahead by company and week, as a sheet."""
    load, today = _load(asked({}, "", ("region", "company"))), clock.today()
    headings = (
        *(_("Region"), _("Company"), _("Company name")),
        *(_("First expiry day"), _("Last expiry day"), _("Due")),
    )
    rows = (
        (one.region, one.code, one.name, week.first, week.last, one.weeks[week.number])
        for one in load.holders
        for week in load.weeks
        if one.weeks[week.number]
    )
    return xlsx_response(f"workload-{today}.xlsx", headings, rows)


def _load(chosen: Asked) -> Workload:
    return workload(clock.today(), chosen["region"], chosen["company"])
