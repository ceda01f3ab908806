"""The list of renewals: what opened, what is late, what was renewed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template
from flask_babel import gettext as _
from sqlalchemy import Row, Select

from fleet.people.tables import Company
from fleet.renewals import feed_pages, letter_pages
from fleet.renewals.queries import (
    Wanted,
    companies_in_sight,
    due_counts,
    listed,
    regions_in_sight,
)
from fleet.renewals.rules import OPEN, STATES
from fleet.renewals.tables import CoverRequest
from fleet.renewals.telling import offer_topics
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web import clock
from fleet.web.access import May, needs
from fleet.web.lists import Asked, asked, fetch
from fleet.web.sheets import xlsx_response
from fleet.web.words import choices, label

pages = Blueprint("renewals", __name__, url_prefix="/renewals")
pages.record(lambda state: offer_topics(state.app))
# The desk's pages and the papers, each a file of its own.
more: tuple[Blueprint, ...] = (letter_pages.pages, feed_pages.pages)

SORTS = {
    "due": (CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
    "vin": (Vehicle.vin, CoverRequest.expiry_day),
    "plate": (Vehicle.plate, Vehicle.vin, CoverRequest.expiry_day),
    "company": (Company.code, CoverRequest.expiry_day, Vehicle.vin),
    "kind": (CoverRequest.kind, CoverRequest.expiry_day, Vehicle.vin),
    "opened": (CoverRequest.opened_on, CoverRequest.expiry_day, Vehicle.vin),
    "state": (CoverRequest.state, CoverRequest.expiry_day, Vehicle.vin),
}
FILTERS = ("q", "region", "company", "kind", "state", "due_from", "due_to")
EVERY = "all"
OPEN_ONES = "open"
LATE = "late"
WEEK = timedelta(days=7)


@pages.get("")
@needs(May.READ)
def index() -> str:
    """Open renewals by the day they fall due; filters, page and order stand in the address."""
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
    )


def _states() -> list[tuple[str, str]]:
    """The states to choose from beside the open ones, which are shown where none is chosen."""
    return [*choices("renewal_state"), (EVERY, _("All, open and closed"))]


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
    )
    return xlsx_response(f"renewals-{clock.today()}.xlsx", headings, _cells(rows))


def _wanted(chosen: Asked) -> Select[Any]:
    """The renewals that the filters ask for; a day that cannot be read asks nothing."""
    state = chosen["state"] or OPEN_ONES
    wanted = Wanted(
        states=_meant(state),
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
    if state in STATES:
        return (state,)
    return OPEN if state == OPEN_ONES else ()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _cells(rows: Any) -> Iterator[tuple[Any, ...]]:
    today = clock.today()
    for row in rows:
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
        )


def _state(row: Row[Any]) -> str:
    late = row.state in OPEN and row.expiry_day < clock.today()
    return label("renewal_state", LATE if late else row.state)
