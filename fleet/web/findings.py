"""A finding in words: what is, what is asked, by which clause, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask_babel import format_decimal, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from fleet.web.words import REASON, SHORTFALL, Words, label
from fleet.words import Finding

# What to do, by code; a place for it in every language, and a test that none is missing.
TO_DO: Words = {
    "compulsory_missing": _l("Do not use the vehicle. Have the desk place the insurance today."),
    "vehicle_tax_missing": _l("Record the tax or the exemption that the policy shows."),
    "damage_missing": _l("Do not use the vehicle. Have the desk add damage cover."),
    "third_party_missing": _l("Do not use the vehicle. Have the desk add third-party cover."),
    "third_party_below": _l("Have the desk raise the sum insured by an endorsement."),
    "occupants_missing": _l("Do not use the vehicle. Have the desk add occupant cover."),
    "occupants_seats_below": _l("Have the desk cover every seat of the vehicle licence."),
    "occupants_sum_below": _l("Have the desk raise the sum for each seat by an endorsement."),
    "excess_waiver_missing": _l("Have the desk add the waiver or remove the absolute deductible."),
    "designated_repair_missing": _l("Have the desk add it or remove the restriction on repair."),
    "insurer_not_designated": _l("It is not reimbursed; there is no exception."),
    "not_insurance": _l("Insure the vehicle with a designated insurer."),
    "invoice_already_claimed": _l("Look up the other claim; an invoice is paid once."),
    "invoice_reversed": _l("Ask the insurer for a valid invoice and claim that one."),
    "premium_already_claimed": _l("Look up the earlier claims on this policy."),
    "buyer_not_company": _l("Have the invoice issued again in the company's name."),
    "vehicle_not_company": _l("Let the company that held the vehicle claim it."),
    "policy_unknown": _l("Have the desk record the policy, then decide again."),
    "insurer_differs": _l("Correct the claim or the policy on record, then decide again."),
    "cover_short": _l("Have the desk cure the cover, then decide again."),
    "buyer_unknown": _l("Enter the buyer's credit code from the invoice."),
    "approval_missing": _l("Have the request approved in OA and record the approval number."),
    "amount_differs": _l("Compare the claim with the policy and the invoice, and correct it."),
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A finding as a person reads it; `found` and `required` are None where nothing is told."""

    code: str
    clause: str
    title: str
    found: str | None
    required: str | None
    to_do: str
    effect: str | None = None
    basis: str | None = None

    @property
    def message(self) -> str:
        """Everything in one line."""
        parts = [self.title]
        if self.found:
            parts.append(_("Found: %(found)s", found=self.found))
        if self.required:
            parts.append(_("Asked: %(required)s", required=self.required))
        return _(". ").join(parts) + _(".")


def explain(finding: Finding | Mapping[str, Any]) -> Explained:
    """A finding, or one as a decision keeps it, in the reader's language."""
    if isinstance(finding, Mapping):
        kept = ("code", "clause", "found", "required", "effect", "basis")
        finding = Finding(**{"clause": "", **{k: finding[k] for k in kept if k in finding}})
    code = finding.code
    return Explained(
        code=code,
        clause=finding.clause,
        title=str(SHORTFALL.get(code) or REASON.get(code) or code),
        found=_found(finding),
        required=_required(finding),
        to_do=str(TO_DO.get(code, "")),
        effect=finding.effect,
        basis=label("terms", finding.basis) if finding.basis else None,
    )


_SUMS = {"third_party_below", "premium_already_claimed", "amount_differs"}
_PER_SEAT = {"occupants_missing", "occupants_sum_below"}


def _found(finding: Finding) -> str | None:
    code, found = finding.code, finding.found
    if code in {"excess_waiver_missing", "designated_repair_missing"}:
        return _terms_found(found)
    if code.endswith("_missing"):
        return _("nothing on record")
    if found is None:
        return None
    if code == "occupants_seats_below":
        return _seats(found)
    if code == "cover_short":
        return _("; ").join(label("shortfall", one) for one in found.split())
    return _sum(finding, found)


def _required(finding: Finding) -> str | None:
    code, required = finding.code, finding.required
    if required is None:
        return _required_always(code)
    if code == "occupants_seats_below":
        return _seats(required)
    if code == "insurer_not_designated":
        return _("an insurer designated for region %(region)s", region=required)
    if code in {"third_party_missing", "third_party_below"}:
        return _("at least %(sum)s", sum=_yuan(required))
    if code in _PER_SEAT:
        return _("at least %(sum)s", sum=_sum(finding, required))
    return _sum(finding, required)


def _required_always(code: str) -> str | None:
    known = {
        "compulsory_missing": _("a compulsory policy in force"),
        "vehicle_tax_missing": _("a tax above 0, or an exemption"),
        "damage_missing": _("vehicle damage cover in force"),
        "excess_waiver_missing": _("no part of a loss left to the company"),
        "designated_repair_missing": _("repair at a workshop of the company's choice"),
        "not_insurance": _("a policy of an insurer"),
        "approval_missing": _("an approved request or an approval number"),
        "buyer_not_company": _("the claiming company's credit code, which is not on record"),
    }
    return known.get(code)


def _terms_found(found: str | None) -> str:
    if found is None:
        return _("no such line in the policy")
    if found == "no_damage":
        return _("no damage cover, to which it belongs")
    if found == "repair_restricted":
        return _("a special agreement restricts where it is repaired")
    if found.endswith("%"):
        return _("an absolute deductible of %(rate)s", rate=found)
    return _("an absolute deductible of %(sum)s", sum=_yuan(found))


def _sum(finding: Finding, text: str) -> str:
    if finding.code in _PER_SEAT:
        return _("%(sum)s a seat", sum=_yuan(text))
    return _yuan(text) if finding.code in _SUMS else text


def _seats(text: str) -> str:
    return ngettext("%(num)s seat", "%(num)s seats", int(text))


def _yuan(text: str) -> str:
    return _("%(sum)s yuan", sum=format_decimal(Decimal(text)))
