"""The pages of finance: check a claim, record it, look it up, pay it."""

from __future__ import annotations

import re
from datetime import date
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
from sqlalchemy import select

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company
from fleet.policies.tables import Policy
from fleet.reimbursement import (
    attachment_pages,
    checking,
    desk_pages,
    held,
    held_pages,
    ledger,
    ledger_pages,
    rules,
    service,
    sheet_pages,
    verify_pages,
)
from fleet.reimbursement.attachments import MOST, attached_to
from fleet.reimbursement.forms import ClaimForm, ReversedForm
from fleet.reimbursement.replay import differs
from fleet.reimbursement.service import Checked, Wanted, shown
from fleet.reimbursement.tables import PAID, WITHDRAWN, Claim, Decision
from fleet.rulebook.book import Rulebook
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web import access, clock, lists
from fleet.web.access import May
from fleet.web.errors import Refusal
from fleet.web.forms import say
from fleet.web.locale import language
from fleet.web.paper import pdf_response, render
from fleet.web.qr import code_of
from fleet.web.sheets import xlsx_response
from fleet.web.words import CLAIM_STATE, label
from fleet.words import Days

pages = Blueprint("reimbursement", __name__, url_prefix="/reimbursement")
more: tuple[Blueprint, ...] = (
    ledger_pages.pages,
    verify_pages.verify,
    sheet_pages.pages,
    attachment_pages.pages,
    desk_pages.pages,
    held_pages.pages,
)

SORTS = {
    "number": Claim.id,
    "recorded": (Claim.recorded_at, Claim.id),
    "company": (Company.code, Claim.id),
    "policy": (Claim.policy_number, Claim.id),
    "amount": (Claim.amount, Claim.id),
    "state": (Claim.state, Claim.id),
}
FILTERS = ("company", "state", "insurer", "month", "q")
MOST_EXPORTED = 100_000
CLAIM = "/<int(max=2147483647):claim_id>"


# Check and record


@pages.get("/check")
@access.needs(May.CHECK_CLAIMS)
def check() -> str:
    """Ask for a claim's facts; a policy's page or a held claim hands some over in the address."""
    known = {name: request.args[name] for name in checking.KNOWN if name in request.args}
    holder = select(Company.code).join(Vehicle).join(Policy)
    number = known.get("policy_number", "")
    if code := db.session.scalar(holder.where(Policy.policy_number == number)):
        known.setdefault("company", code)
    if instead_of := request.args.get("instead_of", type=int):
        known = checking.as_claimed(instead_of)
    return _check_page(ClaimForm(formdata=None, data=known))


@pages.post("/check")
@access.needs(May.CHECK_CLAIMS)
def check_claim() -> str:
    """Decide a claim and record nothing."""
    form = _claim_form()
    if form.validate_on_submit():
        try:
            return _check_page(form, service.check(form.asked(), clock.now()))
        except Refusal as refusal:
            say(form, refusal)
    return _check_page(form)


@pages.post("/check/fill")
@access.needs(May.CHECK_CLAIMS)
def fill_in() -> str:
    """Fill the form's empty fields with what the invoice's QR text and remark say."""
    form, filled = checking.filled(request.form)
    return _check_page(form, filled=filled)


@pages.post("")
@access.needs(May.RECORD_CLAIMS)
def record_claim() -> Any:
    """Record a claim with its decision and show it."""
    form = _claim_form()
    if form.validate_on_submit():
        instead_of = request.form.get("instead_of", type=int)
        try:
            claim = service.record(form.asked(), access.caller().actor, clock.now(), instead_of)
        except Refusal as refusal:
            say(form, refusal)
        else:
            flash(_("Claim %(number)s is recorded.", number=claim.id), "success")
            return redirect(url_for("reimbursement.show", claim_id=claim.id))
    return _check_page(form)


def _claim_form() -> ClaimForm:
    form = ClaimForm()
    form.offer(_companies(), _insurers())
    return form


def _check_page(form: ClaimForm, checked: Checked | None = None, filled: Any = None) -> str:
    if form.company.choices is None:
        form.offer(_companies(), _insurers())
    checking.warn(form)
    found = None
    if checked is not None:
        found = {
            "decision": checked.decision.decision,
            "reasons": shown(rules.kept_reasons(checked.decision)),
            "policy_number": checked.asked.policy_number,
            "decided_at": checked.decided_at,
            "differs": checking.against_policy(form, checked.asked.policy_number),
        }
    return render_template("reimbursement/check.html", form=form, found=found, filled=filled)


def _companies() -> list[tuple[str, str]]:
    rows = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return [(code, f"{code} {name}") for code, name in rows]


def _insurers() -> list[tuple[str, str]]:
    rows = db.session.execute(select(Insurer.code, Insurer.name).order_by(Insurer.code))
    return [(code, f"{code} {name}") for code, name in rows]


# Look up


@pages.get("")
@access.needs(May.CHECK_CLAIMS)
def index() -> str:
    """List the claims of the caller's companies."""
    asked = lists.asked(SORTS, "-recorded", FILTERS)
    return render_template(
        "reimbursement/index.html",
        listing=lists.fetch(service.claims_like(_wanted(asked)), asked),
        companies=_companies(),
        insurers=_insurers(),
        states=[(code, str(words)) for code, words in CLAIM_STATE.items()],
    )


@pages.get("/claims.xlsx")
@access.needs(May.CHECK_CLAIMS)
def export() -> Response:
    """The list as it is filtered and sorted, as a sheet."""
    asked = lists.asked(SORTS, "-recorded", FILTERS)
    query = service.claims_like(_wanted(asked)).order_by(*asked.order()).limit(MOST_EXPORTED)
    headings = [
        *(_("Claim"), _("Company"), _("Policy number"), _("Insurer"), _("Invoice code")),
        *(_("Invoice number"), _("Invoice date"), _("Amount claimed"), _("State")),
        *(_("Recorded"), _("Recorded by"), _("Paid"), _("Paid by")),
    ]
    rows = (_exported(claim) for claim in db.session.scalars(query))
    return xlsx_response("claims.xlsx", headings, rows)


def _exported(claim: Claim) -> list[Any]:
    return [
        *(claim.id, claim.company.code, claim.policy_number, claim.insurer, claim.invoice_code),
        *(claim.invoice_number, claim.invoice_date, claim.amount),
        *(label("claim_state", claim.state), claim.recorded_at, claim.recorded_by),
        *(claim.paid_at, claim.paid_by),
    ]


def _wanted(asked: lists.Asked) -> Wanted:
    return Wanted(
        company=asked["company"],
        state=asked["state"],
        insurer=asked["insurer"],
        month=_month(asked["month"]),
        text=asked["q"],
    )


def _month(text: str) -> Days | None:
    match = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    if not match or not 1 < int(match[1]) < 9999:  # noqa: PLR2004 - the calendar's own ends
        return None
    year, month = int(match[1]), int(match[2])
    return Days(date(year, month, 1), date(year + month // 12, month % 12 + 1, 1))


@pages.get(CLAIM)
@access.needs(May.CHECK_CLAIMS)
def show(claim_id: int) -> str:
    """A claim: its facts, every decision on it, what can be done."""
    return _claim_page(service.claim_with_decisions(claim_id))


def _claim_page(found: Claim, refusal: Refusal | None = None) -> str:
    decisions = [_told(one) for one in reversed(found.decisions)]
    policy = db.session.scalar(select(Policy).where(Policy.policy_number == found.policy_number))
    return render_template(
        "reimbursement/show.html",
        claim=found,
        decisions=decisions,
        policy=policy,
        refusal=refusal,
        anew=held.claimed_anew_as(found.id) if found.state == WITHDRAWN else None,
        taken_back=service.is_taken_back(found),
        above=ledger.second_person_above(),
        attachments=attached_to(found.id),
        may_attach=attachment_pages.may_attach(found),
        most_attached=MOST,
    )


def _told(decision: Decision) -> dict[str, Any]:
    """A decision with its reasons, what it was decided by, and whether it comes out again."""
    return {
        "row": decision,
        "reasons": shown(decision.reasons),
        "policy": decision.facts.get("policy"),
        "digest": rules.digest(decision.facts),
        "differs": differs(decision, current_app.extensions["rulebook"]),
    }


@pages.get(f"{CLAIM}/decision.pdf")
@access.needs(May.CHECK_CLAIMS)
def paper(claim_id: int) -> Response:
    """The latest decision on a claim, as a page of paper in the reader's language."""
    found = service.claim_with_decisions(claim_id)
    decision = found.decisions[-1]
    book: Rulebook = current_app.extensions["rulebook"]
    reader = language()
    words = {number: clause.words.of(reader) for number, clause in book.clauses.items()}
    document = render(
        "reimbursement_decision",
        claim=found,
        decision=decision,
        reasons=shown(decision.reasons),
        clauses=words,
        policy=decision.facts.get("policy"),
        digest=rules.digest(decision.facts),
        code=code_of(verify_pages.address_of(decision)),
    )
    return pdf_response(f"reimbursement-{found.id}.pdf", document)


# Pay, decide again


@pages.post(f"{CLAIM}/paid")
@access.needs(May.PAY_CLAIMS)
def mark_paid(claim_id: int) -> Any:
    """Mark a payable claim paid, once."""
    try:
        service.pay(claim_id, access.caller().actor, clock.now())
    except Refusal as refusal:
        return _refused(claim_id, refusal)
    flash(_("Claim %(number)s is marked paid.", number=claim_id), "success")
    return redirect(url_for("reimbursement.show", claim_id=claim_id))


@pages.post(f"{CLAIM}/withdraw")
@access.needs(May.RECORD_CLAIMS)
def withdraw(claim_id: int) -> Any:
    """End a held claim that is not pursued."""
    try:
        held.withdraw(claim_id, access.caller().actor, clock.now())
    except Refusal as refusal:
        return _refused(claim_id, refusal)
    flash(_("Claim %(number)s is withdrawn.", number=claim_id), "success")
    return redirect(url_for("reimbursement.show", claim_id=claim_id))


@pages.post(f"{CLAIM}/again")
@access.needs(May.RECORD_CLAIMS)
def again(claim_id: int) -> Any:
    """Decide a held claim by what is on record now."""
    try:
        found = service.decide_again(claim_id, access.caller().actor, clock.now())
    except Refusal as refusal:
        return _refused(claim_id, refusal)
    flash(_("Decided again: %(decision)s.", decision=label("claim_state", found.state)), "info")
    return redirect(url_for("reimbursement.show", claim_id=claim_id))


def _refused(claim_id: int, refusal: Refusal) -> tuple[str, int]:
    """The claim's page with what was refused; a claim that is not the caller's answers 404."""
    db.session.rollback()
    return _claim_page(service.claim_with_decisions(claim_id), refusal), int(refusal.status)


# Reversed invoices


@pages.get("/reversed")
@access.needs(May.RECORD_CLAIMS)
def reversed_invoices() -> str:
    """Ask for an invoice that was taken back; list those that stand on the caller's claims."""
    return _reversed_page(ReversedForm(formdata=None))


@pages.post("/reversed")
@access.needs(May.RECORD_CLAIMS)
def record_reversed() -> Any:
    """Note that an invoice was taken back."""
    form = ReversedForm()
    if form.validate_on_submit():
        try:
            note, stood = service.record_reversed_invoice(
                form.invoice_code.data,
                form.invoice_number.data,
                access.caller().actor,
                clock.now(),
            )
        except Refusal as refusal:
            say(form, refusal)
        else:
            _tell_reversed(note.invoice_key, stood)
            return redirect(url_for("reimbursement.reversed_invoices"))
    return _reversed_page(form)


def _tell_reversed(key: str, stood: Claim | None) -> None:
    flash(_("Invoice %(key)s is recorded as reversed.", key=key), "success")
    if stood is not None and stood.state == PAID:
        paid = _(
            "Claim %(number)s was paid already: ask for the money back, then reverse the claim.",
            number=stood.id,
        )
        flash(paid, "warning")


def _reversed_page(form: ReversedForm) -> str:
    return render_template(
        "reimbursement/reversed_invoices.html", form=form, found=service.reversed_of_mine()
    )
