"""The queue of held claims: what each waits for, who supplies it where, decided again together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select

from fleet.people.tables import Company
from fleet.reimbursement import held
from fleet.reimbursement.tables import Claim
from fleet.storage import db
from fleet.web import access, clock, lists
from fleet.web.access import May
from fleet.web.findings import explain
from fleet.web.sheets import xlsx_response
from fleet.web.words import label

pages = Blueprint("held_claims", __name__, url_prefix="/reimbursement/held")

SORTS = {
    "recorded": (Claim.recorded_at, Claim.id),
    "company": (Company.code, Claim.id),
    "amount": (Claim.amount, Claim.id),
}
FILTERS = ("company", "reason")
MOST_EXPORTED = 100_000
MOST_AT_ONCE = lists.PAGE_SIZES[-1]
MOST_TOLD = 10


@pages.get("")
@access.needs(May.CHECK_CLAIMS)
def index() -> str:
    """List the held claims of the caller's companies, the oldest first."""
    asked = lists.asked(SORTS, "recorded", FILTERS)
    listing = lists.fetch(held.waiting(asked["company"], asked["reason"]), asked)
    companies = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return render_template(
        "reimbursement/held.html",
        listing=listing,
        reasons_of=held.reasons_of(listing.items),
        whereabouts=held.places(listing.items),
        counts=held.counts(asked["company"]),
        cured_by=held.CURED_BY,
        companies=[(code, f"{code} {name}") for code, name in companies],
        reasons=[(code, label("reason", code)) for code in held.codes()],
    )


@pages.get("/export")
@access.needs(May.CHECK_CLAIMS)
def export() -> Response:
    """The list as it is filtered and sorted, as a sheet."""
    asked = lists.asked(SORTS, "recorded", FILTERS)
    query = held.with_reasons(asked["company"], asked["reason"]).order_by(*asked.order())
    headings = [
        *(_("Claim"), _("Company"), _("Policy number"), _("Invoice number")),
        *(_("Amount claimed"), _("Recorded"), _("Waits for"), _("What to do")),
    ]
    found = db.session.execute(query.limit(MOST_EXPORTED))
    return xlsx_response("held-claims.xlsx", headings, _rows(found))


def _rows(found: Any) -> Iterator[list[Any]]:
    for claim, reasons in found:
        told = [explain(reason) for reason in reasons or ()]
        yield [
            *(claim.id, claim.company.code, claim.policy_number, claim.invoice_number),
            *(claim.amount, claim.recorded_at),
            *(_("; ").join(one.title for one in told), " ".join(one.to_do for one in told)),
        ]


@pages.post("/again")
@access.needs(May.RECORD_CLAIMS)
def again() -> Any:
    """Decide the chosen claims again by what is on record now."""
    names = ("ids", "shown") if request.form.get("all") else ("ids",)
    ids = [id_ for name in names for id_ in request.form.getlist(name, type=int)]
    outcome = held.decide_many(ids[:MOST_AT_ONCE], access.caller().actor, clock.now())
    _tell(outcome)
    kept = {name: request.form.get(f"list_{name}") or None for name in FILTERS}
    return redirect(url_for("held_claims.index", **kept))


def _tell(outcome: held.Outcome) -> None:
    decided = outcome.decided
    if not (decided or outcome.left_out):
        flash(_("Choose claims first."), "warning")
    for state, count in decided.items():
        words = label("claim_state", state)
        flash(
            ngettext(
                "%(num)s claim decided again: %(state)s.",
                "%(num)s claims decided again: %(state)s.",
                count,
                state=words,
            ),
            "info",
        )
    for number, why in outcome.left_out[:MOST_TOLD]:
        flash(_("Claim %(number)s was left out: %(why)s", number=number, why=why), "warning")
    if len(outcome.left_out) > MOST_TOLD:
        more = len(outcome.left_out) - MOST_TOLD
        flash(
            ngettext("%(num)s more was left out.", "%(num)s more were left out.", more), "warning"
        )
