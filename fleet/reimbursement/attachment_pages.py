"""The pages of a claim's documents: add one, save one, mark one wrong."""

from __future__ import annotations

import io
from collections.abc import Callable

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as Answer

from fleet.reimbursement import attachments
from fleet.reimbursement.refusals import MayNotAttach
from fleet.reimbursement.service import claim_with_decisions
from fleet.reimbursement.tables import Attachment, Claim
from fleet.web.access import May, caller, needs, who
from fleet.web.attached import given_out
from fleet.web.errors import NotFound, Refusal

pages = Blueprint("attachments", __name__, url_prefix="/reimbursement")

ALL = "/<int(max=2147483647):claim_id>/attachments"
ONE = f"{ALL}/<int(max=2147483647):attachment_id>"


@pages.post(ALL)
@needs(May.CHECK_CLAIMS)
def add(claim_id: int) -> Answer:
    """Attach a document to a claim."""
    return _done(claim_id, lambda: attach(claim_id, request.files.get("file")).name)


@pages.get(ONE)
@needs(May.CHECK_CLAIMS)
def fetch(claim_id: int, attachment_id: int) -> Response:
    """A document of a claim, to be saved."""
    return saved(attachments.attachment_of(claim_id, attachment_id))


@pages.post(f"{ONE}/wrong")
@needs(May.CHECK_CLAIMS)
def mark_wrong(claim_id: int, attachment_id: int) -> Answer:
    """Mark a document wrong or superseded; it stays."""

    def mark() -> str:
        let_in(claim_id)
        row = attachments.attachment_of(claim_id, attachment_id)
        attachments.mark_wrong(row, request.form.get("why", ""), **who())
        return row.name

    return _done(claim_id, mark)


def _done(claim_id: int, verb: Callable[[], str]) -> Answer:
    """The claim's page again, with what was done or refused; who may not, and 404s, end here."""
    try:
        flash(_("%(name)s is on record.", name=verb()), "success")
    except (MayNotAttach, NotFound):
        raise
    except Refusal as refusal:
        flash(refusal.message, "error")
    address = url_for("reimbursement.show", claim_id=claim_id, _anchor="documents")
    return redirect(address)


def attach(claim_id: int, file: FileStorage | None) -> Attachment:
    """Attach an uploaded file to a claim of those whose documents the caller may add."""
    let_in(claim_id)
    sent = file or FileStorage(io.BytesIO())  # no file is an empty one, and refused as such
    return attachments.attach(claim_id, sent.stream, sent.filename or "", **who())


def let_in(claim_id: int) -> Claim:
    """The claim, where the caller may add to it; 404 where it is not theirs to see."""
    claim = claim_with_decisions(claim_id)
    if not may_attach(claim):
        raise MayNotAttach
    return claim


def may_attach(claim: Claim) -> bool:
    """Whether the caller records claims, or keeps the vehicles, of the claim's company."""
    person = caller()
    return any(
        person.may_for(permission, claim.company_id)
        for permission in (May.RECORD_CLAIMS, May.KEEP_VEHICLES)
    )


def saved(row: Attachment) -> Response:
    """A document as its browser saves it."""
    return given_out(attachments.content_of(row), row.name, row.mimetype)
