"""The forms of finance: a claim, and an invoice that was taken back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, HiddenField, SelectField, TextAreaField

from fleet.reimbursement import invoices, rules
from fleet.reimbursement.rules import Asked, Why
from fleet.web.forms import (
    DayField,
    Form,
    ReadField,
    TextField,
    YuanField,
    at_most,
    chosen,
    optional,
    required,
)


class NumberField(ReadField):
    """A number as a document prints it; what a spreadsheet has spoilt is refused."""

    def read_text(self, text: str) -> Any:
        """Read a number."""
        try:
            return rules.keep(self.short_name, text)
        except rules.CannotRead as error:
            raise ValueError(
                _("This cannot be read as such a number. Copy it from the document.")
            ) from error


class AmountField(YuanField):
    """An amount in yuan, within what is kept."""

    def read_text(self, text: str) -> Decimal:
        """Read an amount."""
        amount = super().read_text(text)
        if abs(amount) >= rules.MOST_YUAN:
            raise ValueError(_("This amount is too large."))
        return amount


class ClaimForm(Form):
    """A claim for a premium; the company is one of the caller's."""

    qr_text = TextAreaField(
        _l("Invoice QR text"),
        validators=[optional()],
        description=_l("Scan the code on the invoice with a hand scanner, or paste its text: 01,…"),
    )
    remark = TextAreaField(
        _l("Invoice remark"),
        validators=[optional()],
        description=_l("The remark of an invoice with which the insurer collects the vehicle tax."),
    )
    instead_of = HiddenField()
    company = SelectField(_l("Company"), validators=[required()])
    policy_number = NumberField(_l("Policy number"), validators=[required()])
    insurer = SelectField(
        _l("Insurer"),
        validators=[optional()],
        description=_l("As the invoice names it; left open, the policy on record says it."),
    )
    invoice_code = NumberField(
        _l("Invoice code"),
        validators=[optional()],
        description=_l("10 or 12 digits; a fully digital invoice has none."),
    )
    invoice_number = NumberField(
        _l("Invoice number"), validators=[required()], description=_l("8 or 20 digits.")
    )
    invoice_date = DayField(_l("Invoice date"), validators=[optional()])
    invoice_total = AmountField(
        _l("Invoice total"),
        validators=[optional()],
        minimum=None,
        description=_l("Without the vehicle tax, which stands in the invoice's remark."),
    )
    vehicle_tax = AmountField(_l("Vehicle tax"), validators=[optional()])
    late_fee = AmountField(_l("Late fee"), validators=[optional()])
    buyer_credit_code = NumberField(_l("Buyer's credit code"), validators=[optional()])
    amount = AmountField(
        _l("Amount claimed"),
        validators=[required()],
        minimum=None,
        description=_l("Premium, vehicle tax and late fee together."),
    )

    def offer(self, companies: list[tuple[str, str]], insurers: list[tuple[str, str]]) -> None:
        """Let the caller choose among these companies and insurers, each a code and its words."""
        self.company.choices = [("", _("Choose a company")), *companies]
        self.insurer.choices = [("", _("Not named")), *insurers]

    def invoice(self) -> tuple[invoices.InvoiceQr | None, invoices.Remark | None]:
        """What the QR text and the remark say."""
        return (
            invoices.read_qr(self.qr_text.data or ""),
            invoices.read_remark(self.remark.data or ""),
        )

    def asked(self) -> Asked:
        """The claim as the service takes it."""
        return Asked(
            **{column: self[column].data or None for column in rules.COLUMNS}
            | {name: self[name].data for name in rules.MONEY}
        )


class SheetForm(Form):
    """A sheet of claims to decide, and to record where that is asked for."""

    file = FileField(
        _l("Sheet of claims (.xlsx or .csv)"),
        validators=[FileRequired(_l("Choose a file."))],
        render_kw={"accept": ".xlsx,.csv", "required": True},
    )
    record = BooleanField(
        _l("Record every row as a claim"),
        description=_l("Each row becomes a claim once, also where the sheet is uploaded again."),
    )


class ReversedForm(Form):
    """An invoice that its issuer took back with a red invoice."""

    invoice_code = NumberField(
        _l("Invoice code"),
        validators=[optional()],
        description=_l("10 or 12 digits; a fully digital invoice has none."),
    )
    invoice_number = NumberField(
        _l("Invoice number"), validators=[required()], description=_l("8 or 20 digits.")
    )


class ReverseForm(Form):
    """Why a claim is reversed."""

    reason = chosen(
        _l("What happened"), "reversed_for", blank=_l("Choose"), validators=[required()]
    )
    note = TextField(
        _l("Number or note"),
        validators=[required(), at_most(rules.LONGEST_NOTE)],
        description=_l("The red invoice's number, or when and where the refund came in."),
    )

    def why(self) -> Why:
        """The reason as the service takes it."""
        return Why(self.reason.data, self.note.data)


class PaymentRuleForm(Form):
    """The amount above which a second person pays."""

    second_person_above = AmountField(
        _l("A second person pays above (yuan)"),
        validators=[optional()],
        description=_l("Exactly this amount may still be paid by who recorded it. Empty: off."),
    )
