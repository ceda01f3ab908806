"""The check's form beside its invoice: what fills it, and what the invoice says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import joinedload
from werkzeug.datastructures import MultiDict

from fleet.policies.tables import Policy
from fleet.reimbursement import invoices, rules, service
from fleet.reimbursement.forms import ClaimForm
from fleet.storage import db
from fleet.web.furniture import yuan

KNOWN = ("company", "policy_number", "invoice_code", "invoice_number", "qr_text")


def as_claimed(claim_id: int) -> dict[str, Any]:
    """A held claim of the caller's as it was typed, for one that is claimed in its stead."""
    claim = service.claim_with_decisions(claim_id)
    known = {name: getattr(claim, name) for name in rules.COLUMNS if name != "company"}
    return {**known, "company": claim.company.code, "instead_of": claim.id}


def filled(typed: Mapping[str, str]) -> tuple[ClaimForm, list[str]]:
    """The form with its empty fields filled by the invoice, and the names of those fields."""
    qr, remark = ClaimForm(MultiDict(typed)).invoice()
    claimed = {name: typed.get(name, "") for name in rules.COLUMNS}
    found = invoices.fill_in(claimed, qr, remark)
    form = ClaimForm(MultiDict({**typed, **found.values}))
    return form, [str(form[name].label.text) for name in found.filled]


def warn(form: ClaimForm) -> None:
    """Say beside each field what the invoice says otherwise; what was typed stays."""
    qr, remark = form.invoice()
    if form.qr_text.data and qr is None:
        form.qr_text.warning = _("This cannot be read as the text of an invoice's code.")
    if form.remark.data and remark is None:
        form.remark.warning = _("Nothing is found in this remark.")
    typed = {name: _typed(form, name) for name in rules.COLUMNS}
    for name, said in invoices.fill_in(typed, qr, remark).differs.items():
        form[name].warning = _("The invoice says %(said)s.", said=said)
    if qr and qr.before_tax is not None and not typed["invoice_total"]:
        form.invoice_total.warning = _(
            "The code has only the sum before tax, %(sum)s yuan. Enter the total with the tax.",
            sum=yuan(qr.before_tax),
        )


def _typed(form: ClaimForm, name: str) -> str:
    field = form[name]
    if field.raw_data:
        return str(field.raw_data[0])
    return "" if field.data is None else str(field.data)


def against_policy(form: ClaimForm, number: str) -> list[str]:
    """What the remark says otherwise than the policy on record, where the caller may see that."""
    _qr, remark = form.invoice()
    query = select(Policy).where(Policy.policy_number == number)
    policy = db.session.scalar(query.options(joinedload(Policy.vehicle))) if remark else None
    if remark is None or policy is None:
        return []
    return [_told(form, one) for one in invoices.differences(remark, _on_record(policy))]


def _on_record(policy: Policy) -> invoices.OnRecord:
    tax, late_fee = policy.vehicle_tax or Decimal(0), policy.late_fee or Decimal(0)
    return invoices.OnRecord(
        policy_number=policy.policy_number,
        plate=policy.vehicle.plate,
        vehicle_tax=tax,
        late_fee=late_fee,
        due=(policy.premium or Decimal(0)) + tax + late_fee,
    )


def _told(form: ClaimForm, differs: invoices.Differs) -> str:
    names = {"total": _("Total"), "plate": _("Plate")}
    return _(
        "%(what)s: the remark says %(said)s, on record is %(kept)s.",
        what=names.get(differs.field) or form[differs.field].label.text,
        said=differs.said,
        kept=differs.on_record or _("nothing"),
    )
