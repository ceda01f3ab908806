"""The pages about money: the view over it, taking a claim back, the rule about paying."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, Response, abort, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company
from fleet.reimbursement import ledger, reversing, service
from fleet.reimbursement.forms import PaymentRuleForm, ReverseForm
from fleet.reimbursement.money import Money, Sums, Window, money
from fleet.storage import db
from fleet.web import access, clock, lists
from fleet.web.access import May, who
from fleet.web.forms import done
from fleet.web.sheets import xlsx_response
from fleet.web.words import label

pages = Blueprint("money", __name__, url_prefix="/reimbursement")

FILTERS = ("company", "insurer", "since", "until")
MONTHS = 12  # as many are shown where none are asked for
MOST_MONTHS = 60
CLAIM = "/<int(max=2147483647):claim_id>"


# The view


@pages.get("/money")
@access.needs(May.CHECK_CLAIMS)
def index() -> str:
    """What was claimed, paid and refused, and why."""
    asked = lists.asked({}, "", FILTERS)
    window = _window(asked)
    return render_template(
        "reimbursement/money.html",
        listing=lists.of_items([], asked),
        window=window,
        money=money(window),
        companies=_names(Company),
        insurers=_names(Insurer),
    )


@pages.get("/money.xlsx")
@access.needs(May.CHECK_CLAIMS)
def export() -> Response:
    """The view as a sheet, a row for each of its lines."""
    found = money(_window(lists.asked({}, "", FILTERS)))
    headings = (
        *(_("Summed by"), _("Code"), _("Name"), _("Claims"), _("Claimed"), _("Held or payable")),
        *(_("Refused"), _("Paid"), _("Given back"), _("Paid and kept")),
    )
    return xlsx_response("money.xlsx", headings, _rows(found))


def _rows(found: Money) -> Iterator[tuple[Any, ...]]:
    companies, insurers = _names(Company), _names(Insurer)
    for by, lines, names in (
        (_("Company"), found.companies, companies),
        (_("Insurer"), found.insurers, insurers),
        (_("Month"), found.months, {}),
    ):
        for code, sums in sorted(lines.items()):
            yield (by, code, names.get(code, ""), *_cells(sums))
    for why in found.reasons:
        name = label("reason", why.code)
        yield (_("Refused because"), why.code, name, why.claims, None, None, why.amount)
    yield (_("All"), "", "", *_cells(found.total))


def _cells(sums: Sums) -> tuple[Any, ...]:
    return (
        *(sums.claims, sums.claimed, sums.waiting, sums.refused),
        *(sums.paid, sums.given_back, sums.kept),
    )


def _names(table: type[Company | Insurer]) -> dict[str, str]:
    rows = db.session.execute(select(table.code, table.name).order_by(table.code))
    return {code: name for code, name in rows}  # noqa: C416 - rows are no pairs to mypy


def _window(asked: lists.Asked) -> Window:
    """The months asked for, oldest first; the last twelve where none are."""
    last = _month(asked["until"]) or clock.today().replace(day=1)
    first = _month(asked["since"]) or _later(last, 1 - MONTHS)
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    count = min(max(count, 1), MOST_MONTHS)
    months = tuple(_later(last, step) for step in range(1 - count, 2))
    return Window(months, clock.zone(), asked["company"] or None, asked["insurer"] or None)


def _month(text: str) -> date | None:
    match = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    if not match or not 1950 <= int(match[1]) <= 2199:  # noqa: PLR2004 - as forms read years
        return None
    return date(int(match[1]), int(match[2]), 1)


def _later(month: date, by: int) -> date:
    number = month.year * 12 + month.month - 1 + by
    return date(number // 12, number % 12 + 1, 1)


# Take a claim back


@pages.get(f"{CLAIM}/reversed")
@access.needs(May.PAY_CLAIMS)
def reverse(claim_id: int) -> str:
    """Ask why a claim is reversed."""
    return _reverse_page(claim_id, ReverseForm(formdata=None))


@pages.post(f"{CLAIM}/reversed")
@access.needs(May.PAY_CLAIMS)
def reverse_claim(claim_id: int) -> Any:
    """Reverse a payable or paid claim, once."""
    service.claim_with_decisions(claim_id)  # what is not the caller's answers 404, form or not
    form = ReverseForm()
    if done(form, lambda: reversing.reverse(claim_id, form.why(), **who())) is None:
        return _reverse_page(claim_id, form)
    flash(_("Claim %(number)s is reversed.", number=claim_id), "success")
    return redirect(url_for("reimbursement.show", claim_id=claim_id))


def _reverse_page(claim_id: int, form: ReverseForm) -> str:
    claim = service.claim_with_decisions(claim_id)
    return render_template("reimbursement/reverse.html", form=form, claim=claim)


# The rule about paying


@pages.get("/payment-rule")
@access.needs(May.RULE_PAYMENTS)
def payment_rule() -> str:
    """Ask for the amount above which a second person pays."""
    _insist_on_whole_group()
    known = {"second_person_above": ledger.second_person_above()}
    return _rule_page(PaymentRuleForm(formdata=None, data=known))


@pages.post("/payment-rule")
@access.needs(May.RULE_PAYMENTS)
def change_payment_rule() -> Any:
    """Set the amount above which a second person pays, or none."""
    _insist_on_whole_group()
    form = PaymentRuleForm()
    if not form.validate_on_submit():
        return _rule_page(form)
    ledger.change_second_person_above(form.second_person_above.data, **who())
    flash(_("Saved."), "success")
    return redirect(url_for("money.payment_rule"))


def _rule_page(form: PaymentRuleForm) -> str:
    return render_template("reimbursement/payment_rule.html", form=form)


def _insist_on_whole_group() -> None:
    """403 for who administers a part: the rule is the whole group's."""
    if not access.caller().scope(May.RULE_PAYMENTS).everything:
        abort(403)
