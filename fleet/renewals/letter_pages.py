"""The pages of letters: choose a paper and its addressees, see how much it tells, have it made."""

from __future__ import annotations

from datetime import date, datetime

from flask import Blueprint, Response, current_app, redirect, render_template, url_for
from werkzeug.wrappers import Response as Answer

from fleet.renewals import letters
from fleet.renewals.jobs import ask_letters
from fleet.renewals.letters import (
    DEFICIENCY,
    NOTICE,
    PAPERS,
    ManyLetters,
    NothingToWrite,
    Ordered,
    counted,
    file_name,
    make_letters,
)
from fleet.renewals.queries import companies_in_sight, regions_in_sight
from fleet.rulebook.book import Rulebook
from fleet.web import clock, moments
from fleet.web.access import May, caller, needs
from fleet.web.lists import Asked, Listing, asked
from fleet.web.locale import LANGUAGES, language
from fleet.web.paper import pdf_response
from fleet.web.words import choices
from fleet.work.tasks import run_here_unless_worker

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
        total=sum(one.vehicles for one in counts),
        at_once=letters.MADE_AT_ONCE,
        address=_address,
    )


@pages.get("/letters.pdf")
@needs(May.READ)
def document() -> Response:
    """The letters asked for, as one PDF, where they are few."""
    ordered = _ordered(asked({}, "", FILTERS))
    if _vehicles(ordered) > letters.MADE_AT_ONCE:
        raise ManyLetters
    (made,) = make_letters(ordered, _book(), lambda _done, _total: None)
    return pdf_response(f"{file_name(ordered, clock.zone())}.pdf", made)


@pages.post("")
@needs(May.READ)
def order() -> Answer:
    """Have many letters made as a task, which leaves them to be fetched."""
    ordered = _ordered(asked({}, "", FILTERS))
    if not _vehicles(ordered):
        raise NothingToWrite
    task = ask_letters(ordered, caller(), clock.now())
    run_here_unless_worker(task)
    return redirect(url_for("work.show", task_id=task.id))


def _vehicles(ordered: Ordered) -> int:
    return sum(one.vehicles for one in counted(ordered, _book()))


def _address(endpoint: str, ordered: Ordered, day: date, company: str = "") -> str:
    """The address of an order's letters, or of those to one of its companies alone."""
    return url_for(
        endpoint,
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
