"""The home page of each role, the rulebook, the history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from http import HTTPStatus
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from fleet.renewals.rules import NextStep
from fleet.renewals.told import step_of
from fleet.reports import queries
from fleet.reports.names import in_words
from fleet.reports.rules import Times
from fleet.reports.verbs import words_of
from fleet.storage import Scope, seen_as
from fleet.storage.history import Broken, HistoryEntry, verify
from fleet.web import access, clock, lists
from fleet.web.access import May
from fleet.web.errors import Refusal
from fleet.web.sheets import xlsx_response

pages = Blueprint("reports", __name__)

Answer = TypeVar("Answer")


@pages.get("/")
@access.needs(May.READ)
def home() -> str:
    """What each of the caller's roles has to do and to know."""
    return render_template(
        "reports/home.html",
        times=_times(),
        step_of=_step,
        fleet=_part(queries.fleet, access.COMPANY_ADMIN),
        desk=_part(queries.desk, access.INSURANCE_DESK),
        finance=_part(queries.finance, access.FINANCE),
        group=_part(queries.group, access.GROUP_ADMINISTRATOR, access.AUDITOR),
    )


def _step(request: queries.DueRequest) -> NextStep | None:
    return step_of(request, request.region, clock.today())


def _part(answer: Callable[[Times], Answer], *roles: str) -> Answer | None:
    """A part of the home page, over the companies where the caller holds its roles."""
    scopes = [grant.scope for grant in access.caller().granted if grant.role in roles]
    if not scopes:
        return None
    companies = frozenset().union(*(scope.companies for scope in scopes))
    everything = any(scope.everything for scope in scopes)
    with seen_as(Scope(companies, everything=everything)):
        return answer(_times())


def _times() -> Times:
    at = clock.now()
    window = current_app.extensions["rulebook"].renewal_at(at).window_days
    return Times(at, clock.local(at).date(), window, clock.zone())


@pages.get("/rulebook")
@access.needs(May.READ)
def rulebook() -> str:
    """The rule as data, in the reader's language."""
    return render_template("reports/rulebook.html", book=current_app.extensions["rulebook"])


# The history

FILTERS = ("verb", "actor", "subject", "since", "until")
MOST_ROWS = 200_000
_YEARS = range(1900, 3000)


class HistoryIsTheWholeGroups(Refusal):
    """An entry belongs to no company, so who reads for a part of the group reads none."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(_("The history is the whole group's; your role covers a part of it."))


@pages.get("/history")
@access.needs(May.READ_HISTORY)
def history() -> str:
    """Who did what and when, newest first."""
    asked = _asked()
    found = queries.entries(_entries_of(asked), clock.zone())
    return render_template(
        "reports/history.html",
        listing=lists.fetch(found, asked, scalars=False),
        verbs=sorted(((verb, words_of(verb)) for verb in queries.verbs()), key=itemgetter(1)),
        words_of=words_of,
        told=in_words,
    )


@pages.get("/history/export")
@access.needs(May.READ_HISTORY)
def export_history() -> ResponseReturnValue:
    """The entries asked for as a sheet, a row for each value that changed."""
    rows = queries.sheet_rows(_entries_of(_asked()), clock.zone())
    headings = (
        *(_("Entry"), _("When"), _("Who"), _("What"), _("About")),
        *(_("How"), _("Table"), _("Row"), _("Value"), _("Before"), _("After")),
    )
    return xlsx_response("history.xlsx", headings, _at_most(MOST_ROWS, rows))


def _at_most(most: int, rows: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """Some rows; a last one says so where there are more."""
    yield from islice(rows, most)
    if next(rows, None) is not None:
        yield (_("There is more. Narrow it by day and export it again."),)


@pages.post("/history/verify")
@access.needs(May.READ_HISTORY)
def verify_history() -> ResponseReturnValue:
    """Check the whole chain, and say whether it holds."""
    _see_whole_group()
    broken = verify()
    flash(_verdict(broken), "danger" if broken else "success")
    return redirect(url_for("reports.history"))


def _verdict(broken: Broken | None) -> str:
    if broken is None:
        count = queries.last_entry()
        return ngettext(
            "The chain holds: %(num)s entry.", "The chain holds: all %(num)s entries.", count
        )
    why = {
        "entry missing before": _("an entry before it is missing"),
        "does not follow the entry before": _("it does not follow the entry before"),
        "content changed": _("its content was changed"),
        "differs from the head noted outside": _("it differs from what was noted outside"),
        "entries missing at the end": _("entries at the end are missing"),
    }
    return _(
        "The chain is broken at entry %(entry)s: %(why)s.",
        entry=broken.seq,
        why=why.get(broken.why, broken.why),
    )


def _asked() -> lists.Asked:
    _see_whole_group()
    return lists.asked({"seq": HistoryEntry.seq}, "-seq", FILTERS)


def _see_whole_group() -> None:
    if not access.caller().scope(May.READ_HISTORY).everything:
        raise HistoryIsTheWholeGroups


def _entries_of(asked: lists.Asked) -> queries.Asked:
    texts = (asked["verb"], asked["actor"], asked["subject"])
    return queries.Asked(*texts, since=_day(asked["since"]), until=_day(asked["until"]))


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if found.year in _YEARS else None
