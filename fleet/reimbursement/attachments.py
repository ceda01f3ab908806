"""Documents on a claim: added, given out, marked wrong. None is ever taken away or changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from fleet.reimbursement.refusals import (
    AttachedBefore,
    AttachmentUnknown,
    ClaimUnknown,
    MarkedBefore,
    TooManyAttachments,
    WhyMissing,
)
from fleet.reimbursement.tables import WHY_LENGTH, Attachment, Claim
from fleet.storage import Actor, act, db, files
from fleet.web.attached import MIMETYPES, most_bytes, named, taken

MOST = 20
SUFFIX = ".attached"


def attach(claim_id: int, stream: IO[bytes], name: str, *, by: Actor, at: datetime) -> Attachment:
    """Keep a document with a claim, by its content's digest.

    Raises ClaimUnknown, DocumentRefused, DocumentTooLarge, TooManyAttachments, AttachedBefore.
    """
    # One byte more than it may have tells that it is too large, however much would follow.
    content = stream.read(most_bytes() + 1)
    with TemporaryDirectory() as folder:
        path, kind = taken(content, Path(folder))
        row = Attachment(
            claim_id=claim_id,
            name=named(name, kind),
            received_digest=hashlib.sha256(content).hexdigest(),
            size=path.stat().st_size,
            mimetype=MIMETYPES[kind],
            added_at=at,
            added_by=by.name,
        )
        try:
            with act("attach_document", by=by, at=at, subject=f"#{claim_id}"):
                _let_in(claim_id)
                with path.open("rb") as kept:
                    row.digest = files.keep(kept, SUFFIX)
                db.session.add(row)
        except IntegrityError as error:
            raise AttachedBefore from error
    return row


def _let_in(claim_id: int) -> None:
    """Keep the claim for this verb alone, so that two at once cannot both be its twentieth."""
    query = select(Claim.id).where(Claim.id == claim_id).with_for_update(of=Claim)
    if db.session.scalar(query) is None:
        raise ClaimUnknown
    counted = select(func.count()).select_from(Attachment).where(Attachment.claim_id == claim_id)
    if (db.session.scalar(counted) or 0) >= MOST:
        raise TooManyAttachments(MOST)


def attached_to(claim_id: int) -> Sequence[Attachment]:
    """A claim's documents in the order they were added."""
    query = select(Attachment).where(Attachment.claim_id == claim_id)
    return db.session.scalars(query.order_by(Attachment.id)).all()


def attachment_of(claim_id: int, attachment_id: int) -> Attachment:
    """A document of a claim of the caller's; AttachmentUnknown for any other."""
    row = db.session.scalar(
        select(Attachment).where(Attachment.id == attachment_id, Attachment.claim_id == claim_id)
    )
    if row is None:
        raise AttachmentUnknown
    return row


def content_of(row: Attachment) -> bytes:
    """What is kept; AttachmentUnknown where the file is gone or is not what was kept."""
    path = files.path_of(row.digest, SUFFIX)
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != row.digest:
        raise AttachmentUnknown
    return content


def mark_wrong(row: Attachment, why: str, *, by: Actor, at: datetime) -> None:
    """Say that a document is the wrong one, or was superseded, and why; it stays, once."""
    why = why.strip()
    if not 0 < len(why) <= WHY_LENGTH:
        raise WhyMissing
    number, name = row.id, row.audit_name()
    with act("mark_document_wrong", by=by, at=at, subject=name) as deed:
        marked = db.session.execute(
            update(Attachment)
            .where(Attachment.id == number, Attachment.wrong_at.is_(None))
            .values(wrong_why=why, wrong_at=at, wrong_by=by.name)
            .execution_options(synchronize_session=False)
        )
        if marked.rowcount != 1:  # type: ignore[attr-defined]
            raise MarkedBefore
        deed.note(table="attachments", row=name, changed={"wrong_why": [None, why]})
