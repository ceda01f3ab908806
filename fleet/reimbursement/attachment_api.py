"""A claim's documents over HTTP: add one, list them, fetch one."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response
from marshmallow import Schema, fields

from fleet.reimbursement import attachments
from fleet.reimbursement.attachment_pages import attach, let_in, saved
from fleet.reimbursement.service import claim_with_decisions
from fleet.reimbursement.tables import Attachment
from fleet.web import clock, moments
from fleet.web.access import May, needs
from fleet.web.api import BINARY, MULTIPART, File, blueprint, first
from fleet.web.attached import MIMETYPES

calls = blueprint("attachments", "Documents of a claim")
ALL = "/reimbursements/<int(max=2147483647):claim_id>/attachments"


class DocumentForm(Schema):
    """A document."""

    file = File(required=True, metadata={"description": "PDF, OFD, XML, JPEG or PNG"})


class AttachmentAnswer(Schema):
    """A document on a claim; the digests are SHA-256.

    `digest` is of what is kept and given out, `received_digest` of the file as it was handed in:
    they differ for a picture, which is drawn anew. `wrong_why` tells why a document is marked
    wrong; it stays all the same.
    """

    id = fields.Integer(required=True)
    name = fields.String(required=True)
    size = fields.Integer(required=True)
    mimetype = fields.String(required=True)
    digest = fields.String(required=True)
    received_digest = fields.String(required=True)
    added_at = fields.String(required=True)
    added_by = fields.String(required=True)
    wrong_why = fields.String(required=True, allow_none=True)
    wrong_at = fields.String(required=True, allow_none=True)
    wrong_by = fields.String(required=True, allow_none=True)


class AttachmentsAnswer(Schema):
    """The documents of a claim, in the order they were added."""

    items = fields.List(fields.Nested(AttachmentAnswer), required=True)


_SENT = {"file": {"contentType": ", ".join(MIMETYPES.values())}}


@calls.post(ALL)
@needs(May.CHECK_CLAIMS)
@first(let_in)
@calls.doc(requestBody={"content": {MULTIPART: {"encoding": _SENT}}})
@calls.arguments(DocumentForm, location="multipart")
@calls.response(HTTPStatus.CREATED, AttachmentAnswer)
def attach_document(form: dict[str, Any], claim_id: int) -> dict[str, Any]:
    """Attach a document; by finance or who keeps the company's vehicles. Its content says what."""
    return _answer(attach(claim_id, form["file"]))


@calls.get(ALL)
@needs(May.CHECK_CLAIMS)
@calls.response(HTTPStatus.OK, AttachmentsAnswer)
def list_documents(claim_id: int) -> dict[str, Any]:
    """The documents of a claim."""
    claim = claim_with_decisions(claim_id)
    return {"items": [_answer(row) for row in attachments.attached_to(claim.id)]}


_KEPT = {mimetype: {"schema": BINARY} for mimetype in MIMETYPES.values()}


@calls.get(f"{ALL}/<int(max=2147483647):attachment_id>")
@needs(May.CHECK_CLAIMS)
@calls.doc(responses={"200": {"description": "OK", "content": _KEPT}})
def fetch_document(claim_id: int, attachment_id: int) -> Response:
    """A document as it is kept."""
    return saved(attachments.attachment_of(claim_id, attachment_id))


def _answer(row: Attachment) -> dict[str, Any]:
    zone = clock.zone()
    plain = ("id", "name", "size", "mimetype", "digest", "received_digest", "added_by")
    return {name: getattr(row, name) for name in (*plain, "wrong_why", "wrong_by")} | {
        name: moments.instant(getattr(row, name), zone) for name in ("added_at", "wrong_at")
    }
