"""An insurer's answer: read, its differences shown, and recorded once or dropped.

Nothing is written before a person has seen what differs from what was asked. The policies are
then recorded in one transaction, and what they end is followed in the same (`following.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import datetime, timedelta
from typing import IO, Any

from flask import current_app
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import select, update

from fleet.insurers.tables import Insurer
from fleet.policies.service import LineDetails, PolicyDetails, Printed, put_on_record
from fleet.policies.tables import Policy
from fleet.renewals import following
from fleet.renewals.answer_rules import AskedFor, Issued, differences, repeated
from fleet.renewals.answer_sheet import COVERS, Known, Problem, Row, read_answer
from fleet.renewals.rules import AskedLine
from fleet.renewals.schedule import Item, items_of
from fleet.renewals.tables import (
    ANSWER_CHECKED,
    ANSWER_DROPPED,
    ANSWER_RECORDED,
    CoverRequest,
    Placement,
    PlacementAnswer,
)
from fleet.rulebook.book import Rulebook
from fleet.storage import Actor, act, db, everyone, files
from fleet.vehicles.tables import Vehicle
from fleet.web.errors import NotFound, Refusal
from fleet.web.reading import UnreadableFile, read_rows
from fleet.words import midnight

__all__ = ["following"]  # read here, so that what an answer records ends its requests

SUFFIX = ".answer.xlsx"
MOST_ROWS = 10_000
NAME_LENGTH = 255
_DAY = timedelta(days=1)
Report = dict[str, Any]


class AnswerSettled(Refusal):
    """The answer was recorded or dropped already, or its file is gone."""

    def __init__(self) -> None:
        super().__init__(_("This answer was recorded or dropped already. Upload the file again."))


class AnswerChanged(Refusal):
    """What the answer is held against changed since its differences were shown."""

    def __init__(self) -> None:
        super().__init__(
            _("Something on record changed meanwhile. Look at the differences once more.")
        )


class RowsRefused(Refusal):
    """Rows cannot be taken, and nobody said that they shall be left out."""

    def __init__(self, count: int) -> None:
        super().__init__(
            ngettext(
                "%(num)s row cannot be recorded. Correct the file, or leave the row out.",
                "%(num)s rows cannot be recorded. Correct the file, or leave them out.",
                count,
            )
        )


class NothingToRecord(Refusal):
    """No row of the answer can be taken."""

    def __init__(self) -> None:
        super().__init__(_("No row of this answer can be recorded."))


class TooManyRows(Refusal):
    """The sheet has more rows than any placement."""

    field = "file"

    def __init__(self) -> None:
        super().__init__(_("The sheet has more than %(most)s rows.", most=MOST_ROWS))


class _Changed(Exception):
    """The answer weighs otherwise now; it undoes the verb and brings the new report."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


@dataclass(frozen=True, slots=True)
class Taking:
    """A row that can be recorded, and the request it answers."""

    issued: Issued
    item: Item


# The verbs


def check_answer(
    placement: Placement, stream: IO[bytes], name: str, *, by: Actor, at: datetime
) -> PlacementAnswer:
    """Keep an insurer's answer with what differs from what was asked; nothing else is written.

    Raises UnreadableFile, NoAnswerColumns or TooManyRows, and keeps nothing then.
    """
    digest, name = files.keep(stream, SUFFIX), _tidy(name)
    try:
        report, _takings = _weigh(_read(digest, placement), placement)
    except Refusal:
        _forget(digest)
        raise
    with act("check_answer", by=by, at=at, subject=f"{placement.audit_name()} {name}"):
        answer = PlacementAnswer(
            placement_id=placement.id,
            name=name,
            digest=digest,
            state=ANSWER_CHECKED,
            uploaded_at=at,
            uploaded_by=by.name,
            report=report,
        )
        db.session.add(answer)
    return answer


def confirm_answer(
    answer_id: int, *, leave_out_refused: bool, by: Actor, at: datetime
) -> list[Policy]:
    """Record the policies of an answer, all in one transaction, once.

    Raises AnswerSettled, AnswerChanged, RowsRefused or NothingToRecord; nothing is written then.
    """
    answer = answer_of(answer_id)
    placement, digest, kept = answer.placement, answer.digest, answer.report
    subject = f"{placement.audit_name()} {answer.name}"
    if answer.state != ANSWER_CHECKED:
        raise AnswerSettled
    try:
        rows = _read(digest, placement)
    except UnreadableFile as error:  # whoever settled it meanwhile has deleted the file
        raise AnswerSettled from error
    try:
        with act("record_answer", by=by, at=at, subject=subject) as deed:
            _move(answer_id, {"state": ANSWER_RECORDED})
            policies, left_out = _record(rows, placement, kept, leave_out=leave_out_refused)
            deed.note(digest=digest, policies=len(policies), left_out=left_out)
    except _Changed as changed:
        with act("check_answer", by=by, at=at, subject=subject):
            _move(answer_id, {"report": changed.report})
        raise AnswerChanged from None
    _forget(digest)
    return policies


def drop_answer(answer_id: int, *, by: Actor, at: datetime) -> None:
    """Forget an answer that was checked; its report stays. Raises AnswerSettled."""
    answer = answer_of(answer_id)
    digest, subject = answer.digest, f"{answer.placement.audit_name()} {answer.name}"
    with act("drop_answer", by=by, at=at, subject=subject):
        _move(answer_id, {"state": ANSWER_DROPPED})
    _forget(digest)


def answer_of(answer_id: int) -> PlacementAnswer:
    """The answer of a number within the caller's scope; NotFound where there is none."""
    chosen = select(PlacementAnswer).where(PlacementAnswer.id == answer_id)
    found = db.session.scalar(chosen)
    if found is None:
        raise NotFound(_("answer"))
    return found


def _move(answer_id: int, values: dict[str, Any]) -> None:
    """Change an answer that waits, if nobody settled it since: of two confirmations one wins."""
    moved = db.session.execute(
        update(PlacementAnswer)
        .where(PlacementAnswer.id == answer_id, PlacementAnswer.state == ANSWER_CHECKED)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        raise AnswerSettled
    db.session.expire_all()


def _record(
    rows: Sequence[Row], placement: Placement, kept: Report, *, leave_out: bool
) -> tuple[list[Policy], int]:
    """Record what can be, where it still weighs as it was shown; answers how many are left out."""
    _lock(placement)
    report, takings = _weigh(rows, placement)
    if report != kept:
        raise _Changed(report)
    refused = sum(1 for row in report["rows"] if row["problems"])
    if refused and not leave_out:
        raise RowsRefused(refused)
    if not takings:
        raise NothingToRecord
    # In the order of their VINs: two that lock the same vehicles never wait in a ring.
    takings.sort(key=lambda one: (one.issued.vin, one.issued.policy_number))
    return [_put(one, placement) for one in takings], refused


def _lock(placement: Placement) -> None:
    """Hold the requests, so that none is taken back while its policy is recorded."""
    chosen = select(CoverRequest.id).where(CoverRequest.placement_id == placement.id)
    db.session.execute(chosen.order_by(CoverRequest.id).with_for_update()).all()


def _put(one: Taking, placement: Placement) -> Policy:
    issued, approval = one.issued, one.item.request.approval
    printed = Printed(issued.policy_number, issued.insurer or placement.insurer.code, issued.vin)
    details = PolicyDetails(
        kind=one.item.request.kind,
        begins=issued.begins,
        ends=issued.ends,
        signed_on=issued.signed_on,
        premium=issued.premium,
        vehicle_tax=issued.vehicle_tax,
        late_fee=issued.late_fee,
        tax_exempt=issued.tax_exempt,
        approval_number=approval.number if approval else None,
    )
    return put_on_record(printed, details, [LineDetails(**asdict(line)) for line in issued.lines])


# What it reads


def _read(digest: str, placement: Placement) -> list[Row]:
    table = read_rows(files.path_of(digest, SUFFIX))
    if len(table.rows) > MOST_ROWS:
        raise TooManyRows
    asked = {line.cover for item in items_of(placement) for line in item.request.lines}
    insurers: dict[str, str] = {}
    for code, name in db.session.execute(select(Insurer.code, Insurer.name)):
        insurers |= {name: code, code: code}
    book: Rulebook = current_app.extensions["rulebook"]
    return read_answer(table, Known(book.zone, insurers, frozenset(asked - set(COVERS))))


def _tidy(name: str) -> str:
    """A file's name as people may read it: printable, and not longer than its column."""
    shown = "".join(letter for letter in name if letter.isprintable()).strip()
    return shown[-NAME_LENGTH:] or "answer.xlsx"


def _forget(digest: str) -> None:
    """Delete a kept file that no other answer still waits with."""
    waits = select(PlacementAnswer.id).where(
        PlacementAnswer.digest == digest, PlacementAnswer.state == ANSWER_CHECKED
    )
    with everyone():
        if db.session.scalars(waits.limit(1)).first() is None:
            files.forget(digest, SUFFIX)


# Held against what was asked


def _weigh(rows: Sequence[Row], placement: Placement) -> tuple[Report, list[Taking]]:
    """What each row says beside its request, the requests without a row, and what can be taken."""
    items = {(one.vehicle.vin, one.request.kind): one for one in items_of(placement)}
    _match(rows, items, _settled(placement))
    _repeats(rows)
    _known_numbers(rows)
    told, takings = [], []
    for row in rows:
        item = items.get((row.vin, row.kind or ""))
        told.append(_told(row, item, placement))
        if not row.problems and row.issued is not None and item is not None:
            takings.append(Taking(row.issued, item))
    answered = {(row.vin, row.kind) for row in rows}
    lacking = [_named(item) for key, item in items.items() if key not in answered]
    return {"rows": told, "without_row": lacking}, takings


def _match(
    rows: Iterable[Row],
    items: Mapping[tuple[str, str], Item],
    settled: Mapping[tuple[str, str], str],
) -> None:
    """Find each row's request by VIN and kind; a kind left out is that of the VIN's only one."""
    kinds: dict[str, list[str]] = {}
    for vin, kind in items:
        kinds.setdefault(vin, []).append(kind)
    for row in rows:
        if row.vin and row.kind is None and len(kinds.get(row.vin, ())) == 1:
            row.kind = kinds[row.vin][0]
        if not row.vin or any(one.column == "kind" for one in row.problems):
            continue
        if row.kind is None and row.vin in kinds:
            row.problems.append(Problem("kind", "", "required"))
        elif (row.vin, row.kind) not in items:
            state = settled.get((row.vin, row.kind or ""))
            code = "not_placed_any_more" if state else "not_in_placement"
            row.problems.append(Problem("vin", row.vin, code, state or ""))


def _settled(placement: Placement) -> dict[tuple[str, str], str]:
    """The state of every request that the placement ever held and still names, by VIN and kind."""
    found = (
        select(Vehicle.vin, CoverRequest.kind, CoverRequest.state)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .where(CoverRequest.placement_id == placement.id)
    )
    return {(vin, kind): state for vin, kind, state in db.session.execute(found)}


def _repeats(rows: Iterable[Row]) -> None:
    """Refuse every row of a vehicle and kind, or of a policy number, that stands there twice."""
    listed = list(rows)
    vehicles = repeated((row.number, (row.vin, row.kind)) for row in listed if row.vin)
    numbers = repeated(
        (row.number, row.issued.policy_number) for row in listed if row.issued is not None
    )
    for row in listed:
        if other := vehicles.get(row.number):
            row.problems.append(Problem("vin", row.vin, "duplicate", str(other)))
        elif (other := numbers.get(row.number)) and row.issued:
            number = row.issued.policy_number
            row.problems.append(Problem("policy_number", number, "duplicate", str(other)))


def _known_numbers(rows: Iterable[Row]) -> None:
    """Refuse the rows whose policy number is on record, whoever's it is: numbers are unique."""
    by_number = {row.issued.policy_number: row for row in rows if row.issued is not None}
    with everyone():
        taken = db.session.scalars(
            select(Policy.policy_number).where(Policy.policy_number.in_(by_number))
        ).all()
    for number in taken:
        by_number[number].problems.append(Problem("policy_number", number, "on_record"))


def _told(row: Row, item: Item | None, placement: Placement) -> dict[str, Any]:
    """A row as the report keeps it: plain values, in nobody's language."""
    issued = row.issued
    differing = (
        [] if item is None or issued is None else differences(_asked(item, placement), issued)
    )
    return {
        "row": row.number,
        "vin": row.vin,
        "kind": row.kind,
        "plate": item.vehicle.plate if item else None,
        "request": item.request.id if item else None,
        "policy_number": issued.policy_number if issued else None,
        "begins": issued.begins.isoformat() if issued else None,
        "ends": issued.ends.isoformat() if issued else None,
        "premium": str(issued.premium) if issued and issued.premium is not None else None,
        "differences": [list(astuple(one)) for one in differing],
        "problems": [list(astuple(one)) for one in row.problems],
    }


def _asked(item: Item, placement: Placement) -> AskedFor:
    book: Rulebook = current_app.extensions["rulebook"]
    request = item.request
    return AskedFor(
        kind=request.kind,
        insurer=placement.insurer.code,
        begins=midnight(item.first_day, book.zone),
        ends=midnight(item.last_day + _DAY, book.zone),
        covered_until=item.covered_until,
        lines=tuple(AskedLine(one.cover, one.sum_insured, one.seats) for one in request.lines),
        premium=request.expected_premium,
        vehicle_tax=request.expected_tax,
    )


def _named(item: Item) -> dict[str, Any]:
    return {
        "request": item.request.id,
        "vin": item.vehicle.vin,
        "plate": item.vehicle.plate,
        "kind": item.request.kind,
    }
