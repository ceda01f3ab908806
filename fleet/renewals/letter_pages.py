"""The pages of letters: choose a paper and its addressees, see how much it tells, have it made."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, Response, current_app, render_template, url_for

from fleet.renewals.letters import (
    DEFICIENCY,
    NOTICE,
    PAPERS,
    ZIP,
    Ordered,
    bundled,
    counted,
    file_name,
    make_letters,
)
from fleet.renewals.queries import companies_in_sight, regions_in_sight
from fleet.rulebook.book import Rulebook
from fleet.web import clock, moments
from fleet.web.access import May, needs
from fleet.web.lists import Asked, Listing, asked
from fleet.web.locale import LANGUAGES, language
from fleet.web.paper import pdf_response
from fleet.web.sheets import download
from fleet.web.words import choices

pages = Blueprint("letters", __name__, url_prefix="/letters")

FILTERS = ("paper", "region", "company", "language", "day")


@pages.get("")
@needs(May.READ)
def index() -> str:
    """Choose what is written to whom, and see how much there is to tell."""
    chosen = asked({}, "", FILTERS)
    ordered = _ordered(chosen)
    counts = counted(ordered, _book())
    return render_template(
        "renewals/letters.html",
        listing=Listing(counts, len(counts), chosen),
        ordered=ordered,
        on=_day(chosen),
        papers=choices("letter"),
        companies=companies_in_sight(),
        regions=regions_in_sight(),
        total=sum(one.entries for one in counts),
        address=_address,
    )


@pages.get("/letters.pdf")
@needs(May.READ)
def document() -> Response:
    """The letters asked for, as one PDF."""
    chosen = asked({}, "", FILTERS)
    ordered = _ordered(chosen)
    made = make_letters(ordered, _book(), lambda _done, _total: None)
    name = file_name(ordered, _day(chosen))
    if len(made) > 1:
        return download(bundled(name, made), f"{name}.zip", ZIP)
    return pdf_response(f"{name}.pdf", made[0])


def _address(ordered: Ordered, day: date, company: str = "") -> str:
    """Where the letters of an order are fetched, or those of one of its companies alone."""
    return url_for(
        "letters.document",
        paper=ordered.paper,
        region=None if company else ordered.region or None,
        company=company or ordered.company or None,
        language=ordered.language,
        day=day.isoformat() if ordered.paper == DEFICIENCY else None,
    )


def _ordered(chosen: Asked) -> Ordered:
    """What the address orders; what it may not is left at its default."""
    return Ordered(
        paper=chosen["paper"] if chosen["paper"] in PAPERS else NOTICE,
        at=_moment(chosen),
        language=chosen["language"] if chosen["language"] in LANGUAGES else language(),
        company=chosen["company"],
        region=chosen["region"],
    )


def _moment(chosen: Asked) -> datetime:
    """Now, or noon of another day; what is due is due now, whatever day is named."""
    day = _day(chosen)
    if chosen["paper"] != DEFICIENCY or day == clock.today():
        return clock.now()
    return moments.parse(day.isoformat(), clock.zone())


def _day(chosen: Asked) -> date:
    try:
        return moments.parse_day(chosen["day"])
    except ValueError:
        return clock.today()


def _book() -> Rulebook:
    book: Rulebook = current_app.extensions["rulebook"]
    return book
