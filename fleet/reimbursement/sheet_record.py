"""Records the claims of a sheet, each row once, however often its task is taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import selectinload

from fleet.reimbursement import rules
from fleet.reimbursement.facts import claimants, gather, lock_policies
from fleet.reimbursement.rules import Asked
from fleet.reimbursement.service import claim_of, decided
from fleet.reimbursement.sheet import ADDED, CLAIM, UNREADABLE, Answer, Said
from fleet.reimbursement.sheet_stood import Stood
from fleet.reimbursement.tables import Claim, SheetClaim
from fleet.storage import Actor, Deed, act, db, everyone
from fleet.web.alone import until_alone


@dataclass(frozen=True, slots=True)
class Recording:
    """Records rows of the sheet of a digest, so many in one verb, and answers with the claims.

    What was recorded of the sheet before, by this run or another, is answered as it stands.
    """

    digest: str
    name: str
    by: Actor
    at: datetime
    added: Sequence[str] = (*ADDED, CLAIM)
    at_once: int = 200

    def __call__(self, said: Sequence[Said]) -> Iterator[Answer]:
        """Record some rows, all of them or none."""
        # Two sheets may name the same invoices in another order: PostgreSQL ends one of them.
        return iter(until_alone(lambda: self._record(said), OperationalError))

    def _record(self, said: Sequence[Said]) -> list[Answer]:
        fitting = [_fitting(one) for one in said]
        with act("record_claims", by=self.by, at=self.at, subject=self.name) as deed:
            known = self._recorded_before([one.row for one in said])
            new = [one for one in fitting if one.asked is not None and one.row not in known]
            known |= self._made(new, deed)
            deed.silent = not new
        return [known.get(one.row) or Answer(UNREADABLE, one.bad) for one in fitting]

    def _recorded_before(self, rows: Sequence[int]) -> dict[int, Answer]:
        query = (
            select(SheetClaim.row, Claim)
            .join(Claim, Claim.id == SheetClaim.claim_id)
            .where(SheetClaim.digest == self.digest, SheetClaim.row.in_(rows))
            .options(selectinload(Claim.decisions))
        )
        with everyone():
            return {row: _answer(claim) for row, claim in db.session.execute(query)}

    def _made(self, new: Sequence[Said], deed: Deed) -> dict[int, Answer]:
        asked = [one.asked for one in new if one.asked is not None]
        claims = dict(zip((one.row for one in new), _claims(asked, deed), strict=True))
        db.session.add_all(claims.values())
        db.session.flush()
        for row, claim in claims.items():
            db.session.add(SheetClaim(digest=self.digest, row=row, claim_id=claim.id))
        return {row: _answer(claim) for row, claim in claims.items()}


def recorded_of(digest: str) -> int:
    """How many rows of a sheet are recorded as claims."""
    counted = select(func.count()).where(SheetClaim.digest == digest)
    return db.session.scalar(counted) or 0


def _claims(asked: Sequence[Asked], deed: Deed) -> list[Claim]:
    """The claims of some rows in order, an earlier payable one before the later ones."""
    if not asked:
        return []
    lock_policies({one.policy_number for one in asked})
    companies, made = claimants(), []
    with Stood() as stood:
        for one, found in zip(asked, gather(asked, companies), strict=True):
            facts = stood.before(found)
            checked = decided(one, companies[one.company].id, facts, deed.at)
            stood.note(facts, checked.decision)
            made.append(claim_of(checked, deed))
    return made


def _fitting(said: Said) -> Said:
    """A row whose claim can be kept; a check alone is not so strict."""
    if said.asked is None:
        return said
    return Said(said.row, *rules.to_record(said.asked))


def _answer(claim: Claim) -> Answer:
    last = claim.decisions[-1]
    return Answer(last.decision, sorted(one["code"] for one in last.reasons), claim.id)
