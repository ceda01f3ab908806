"""What this room refuses to do, one class each."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

from flask_babel import gettext as _

from fleet.web.errors import NotFound, Refusal
from fleet.web.furniture import yuan


class CompanyUnknown(NotFound):
    """The claiming company is none, or not the caller's."""

    field = "company"

    def __init__(self, code: str) -> None:
        Refusal.__init__(
            self, _("There is no company %(code)s here, or it is not yours to see.", code=code)
        )


class ClaimUnknown(NotFound):
    """There is no such claim, or it is not the caller's."""

    def __init__(self) -> None:
        super().__init__(_("claim"))


class AlreadyPaid(Refusal):
    """A claim is paid once."""

    def __init__(self) -> None:
        super().__init__(_("This claim has been paid already. It is paid once."))


class NotPayable(Refusal):
    """Only a payable claim is paid; nobody may override a refusal or a hold."""

    def __init__(self) -> None:
        super().__init__(_("Only a payable claim can be marked paid. There is no exception."))


class InvoiceTakenBack(Refusal):
    """The claim's invoice was recorded as reversed after the claim was decided."""

    def __init__(self) -> None:
        super().__init__(_("The invoice has been reversed since. It is not paid."))


class SecondPersonNeeded(Refusal):
    """Above the group's amount, who recorded a claim is not who marks it paid."""

    def __init__(self, above: Decimal | None) -> None:
        super().__init__(
            _(
                "You recorded this claim. Above %(sum)s yuan somebody else marks it paid.",
                sum=yuan(above),
            )
        )


class NotReversible(Refusal):
    """Only what stands, payable or paid, is reversed."""

    def __init__(self) -> None:
        super().__init__(_("Only a payable or paid claim can be reversed."))


class ReversedAlready(Refusal):
    """A claim is reversed once."""

    def __init__(self) -> None:
        super().__init__(_("This claim has been reversed already. It is reversed once."))


class NotHeld(Refusal):
    """Only a held claim is decided again; what was refused or paid stays so."""

    def __init__(self) -> None:
        super().__init__(
            _("Only a held claim is decided again. For a new invoice, record a new claim.")
        )


class NotWithdrawable(Refusal):
    """Only a held claim is withdrawn; what was decided for good stays on record."""

    def __init__(self) -> None:
        super().__init__(_("Only a held claim can be withdrawn."))


class ReversedBefore(Refusal):
    """The invoice stands in the list of reversed ones already."""

    field = "invoice_number"

    def __init__(self, key: str) -> None:
        super().__init__(_("Invoice %(key)s is recorded as reversed already.", key=key))


class NoClaimColumns(Refusal):
    """A sheet without any heading of a claim."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    field = "file"

    def __init__(self) -> None:
        super().__init__(
            _("No heading of this sheet is a claim's: company, policy_number, amount and so on.")
        )


class MayNotRecord(Refusal):
    """Only finance records claims; others may have them decided."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(_("You may check claims but not record them."))


class MayNotAttach(Refusal):
    """Who looks only adds nothing."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(
            _("Only finance and those who keep the company's vehicles may add or mark documents.")
        )


class AttachmentUnknown(NotFound):
    """There is no such document on the claim, or its file is gone or no longer what it was."""

    def __init__(self) -> None:
        super().__init__(_("document"))


class AttachedBefore(Refusal):
    """The same file stands on the claim already."""

    field = "file"

    def __init__(self) -> None:
        super().__init__(_("This document is attached to the claim already."))


class TooManyAttachments(Refusal):
    """A claim has as many documents as it may."""

    field = "file"

    def __init__(self, most: int) -> None:
        super().__init__(_("A claim may have %(most)s documents at most.", most=most))


class MarkedBefore(Refusal):
    """The document is marked wrong already."""

    def __init__(self) -> None:
        super().__init__(_("This document is marked wrong already."))


class WhyMissing(Refusal):
    """A document is not marked wrong without a reason."""

    field = "why"

    def __init__(self) -> None:
        super().__init__(_("Say why the document is wrong, in 500 characters at most."))


class SheetGone(Refusal):
    """The file of a sheet is no longer there."""

    def __init__(self) -> None:
        super().__init__(_("The sheet is no longer there. Upload the file again."))


class SheetNotDone(Refusal):
    """A sheet is asked for its decisions that is still waiting or under way, or came to nothing."""

    def __init__(self, state: str) -> None:
        super().__init__(_("The sheet has no result; its state is: %(state)s.", state=state))


class AnothersInvoice(Refusal):
    """The invoice stands on a claim of a company that is not the caller's."""

    field = "invoice_number"
    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(_("This invoice stands on another company's claim; its finance notes it."))


class KeyUsedForAnother(Refusal):
    """An idempotency key came again with another request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__(_("This Idempotency-Key was used for another request."))


class KeyUnreadable(Refusal):
    """An idempotency key that is no plain text."""

    status = HTTPStatus.BAD_REQUEST

    def __init__(self) -> None:
        super().__init__(_("An Idempotency-Key is plain ASCII text."))
