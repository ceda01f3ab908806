"""The daily job: which requests open, which are needed no more (3.2, 3.3).

The needs of every vehicle are stored beside its timeline (`fleet/policies/steps.py`); the job
compares them with the requests, see `finding.py`. Only for the few requests that end are a
vehicle's facts loaded, to tell why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, exists, func, insert, or_, select, update

from fleet.policies.steps import note_changed, rewrite_steps, rewritten
from fleet.policies.tables import CoverNeed, Policy
from fleet.renewals import telling
from fleet.renewals.finding import (
    Arising,
    Day,
    Ending,
    Key,
    Standing,
    arising,
    day_of,
    endings_of,
    gone,
    parts,
    to_look_at,
)
from fleet.renewals.rules import (
    ACCEPTED,
    APPROVED,
    DUE,
    ENDED_BY_FACTS,
    EXPIRY_CHANGED,
    OPEN,
    PREPARED,
    SUBMITTED,
)
from fleet.renewals.tables import APPROVAL_GIVEN, Approval, AskedCover, CoverRequest, RequestMove
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import Actor, Deed, act, db, everyone, upsert
from fleet.vehicles.tables import Vehicle
from fleet.work.service import last_run, last_run_before, note_run, take_turn

JOB = "run-day"
CARRIED = "carried"
ENDED_ITSELF = "ended"
REOPENED = "reopened"

_table = CoverRequest.__table__
_requests = _table.c
_lines = AskedCover.__table__
_moves = RequestMove.__table__

_EVER = timedelta(days=200_000)
_WORK = (
    _requests.contact,
    _requests.note,
    _requests.reason,
    _requests.approval_id,
    _requests.placement_id,
    _requests.expected_premium,
    _requests.expected_tax,
)


def run_day(day: date, by: Actor, at: datetime) -> dict[str, Any]:
    """Open what a day finds needed and close what it finds needed no more.

    Answers `{"on", "opened": […], "closed": […]}` of renewals as `flask run-day --json` prints
    it, and the same of new requests as `new_opened` and `new_closed`. Running a day again, or
    two processes at once, changes nothing more; a day gone by undoes no closing after it, and
    ends nothing that somebody works on; what a person withdrew stays so. The whole group is
    looked at, whoever asks.
    """
    with everyone(), act(JOB, by=by, at=at, subject=day.isoformat()) as deed:
        take_turn(JOB, at)
        _fill_needs()
        today = day_of(day, at)
        report = _run(today, deed)
        telling.remind(day, last_run_before(JOB, day), today.book, at)
        note_run(JOB, day, at)
    return report


def _fill_needs() -> None:
    """Store the needs of a database that was filled before needs were stored."""
    stored = db.session.scalar(select(exists().where(CoverNeed.vehicle_id > 0)))
    if not stored and db.session.scalar(select(exists().where(Policy.id > 0))):
        rewrite_steps(db.session.scalars(select(Vehicle.__table__.c.id)))
        rewritten(db.session())  # the day's run looks at them, not the verb's followers


def _run(day: Day, deed: Deed) -> dict[str, Any]:
    last = last_run(JOB)
    look_at, gone_by = to_look_at(day, last), last is not None and day.on < last
    ended = [one for one in gone(day, look_at) if one.state == DUE or not gone_by]
    found, endings = arising(day, look_at), endings_of(ended, day)
    carried = _carried(endings, day)
    found = _openable([*found, *(one for _, one in carried)], endings)
    write_ended(endings, day, deed.by)
    found = _write_opened(found, day, deed.by.name)
    _carry_over(carried, day, deed.by.name)
    if gone_by:
        # What stood on a day gone by need not stand now: the next run looks at it again.
        note_changed({one.vehicle_id for one in (*found, *(it.request for it in endings))})
    report = _report(found, endings, day)
    for change in ("opened", "closed", "new_opened", "new_closed"):
        if report[change]:
            lines = [_line(item) for item in report[change]]
            deed.note(table="cover_requests", **{change: lines})
    return report


# Where work goes on, and what cannot open


def _carried(endings: list[Ending], day: Day) -> list[tuple[Standing, Arising]]:
    """Where the work on an ended request goes on: its cover ends on another day now.

    A person's work is never undone by a job, so the need's new request takes it over, also
    before its window opens.
    """
    moved = {
        (one.request.vehicle_id, one.request.kind): one.request
        for one in endings
        if one.why == EXPIRY_CHANGED and one.request.state != DUE
    }
    ever = Day(day.on, day.book, day.at, dict.fromkeys(day.windows, _EVER))
    found = arising(ever, {vehicle_id for vehicle_id, _ in moved}) if moved else []
    return [
        (moved[one.vehicle_id, one.kind], one)
        for one in found
        if (one.vehicle_id, one.kind) in moved
    ]


def _openable(wanted: Iterable[Arising], endings: list[Ending]) -> list[Arising]:
    """The needs to open: none where another request of the vehicle and kind stays open.

    That is so where a day gone by is run again after a later one.
    """
    each = {one.key: one for one in wanted}
    ending = {one.request.id for one in endings}
    held: dict[tuple[int, str], int] = {}
    for some in parts(key.vehicle_id for key in each):
        rows = select(_requests.vehicle_id, _requests.kind, _requests.id).where(
            _requests.state.in_(OPEN), _requests.vehicle_id.in_(some)
        )
        held.update({(row[0], row[1]): row[2] for row in db.session.execute(rows)})
    return [one for one in each.values() if _free(one, held, ending)]


def _free(one: Arising, held: dict[tuple[int, str], int], ending: set[int]) -> bool:
    holder = held.get((one.vehicle_id, one.kind))
    return holder is None or holder == one.row or holder in ending


# What it writes


def write_ended(endings: list[Ending], day: Day, by: Actor) -> None:
    """End requests, and note so of those that somebody had worked on."""
    _change(
        [
            {
                "row": one.request.id,
                "state": one.why,
                "closed_on": day.on,
                "followed_by": one.followed_by,
            }
            for one in endings
        ]
    )
    worked_on = [one for one in endings if one.request.state != DUE]
    _note_moves(
        [(one.request.id, ENDED_ITSELF, one.request.state, one.why) for one in worked_on],
        day,
        by.name,
    )
    why = {one.request.id: one.why for one in worked_on}
    telling.ended(why, [one.request.id for one in endings], by, day.at, day.on)


def _note_moves(moves: Sequence[tuple[int, str, str, str]], day: Day, by: str) -> None:
    if moves:
        names = ("request_id", "move", "before", "after")
        rows = [dict(zip(names, one, strict=True)) | {"at": day.at, "by": by} for one in moves]
        db.session.execute(insert(_moves), rows)


def _write_opened(found: list[Arising], day: Day, by: str) -> list[Arising]:
    """Open what is found; answers what was opened: not what somebody asked for meanwhile."""
    fresh, again = [], []
    for one in found:
        values = {
            "opens_on": day.opens_on(one),
            "policy_number": one.policy_number,
            "occasion": one.occasion,
            "opened_on": day.on,
            "closed_on": None,
            "followed_by": None,
        }
        if one.row is None:
            fresh.append({**one.key._asdict(), **values, "state": DUE, "version": 1})
        else:
            again.append({**values, "row": one.row})
    made = _insert(fresh)
    _reopen([one["row"] for one in again], day, by)
    _change(again)
    return [one for one in found if one.row is not None or one.key in made]


def _insert(fresh: list[dict[str, Any]]) -> set[Key]:
    """Add rows; a person's request of the same moment goes before, and fails no run."""
    if not fresh:
        return set()
    added: Any = upsert(_table).on_conflict_do_nothing()
    key = (_requests.vehicle_id, _requests.kind, _requests.expiry_day)
    return {Key(*row) for row in db.session.execute(added.returning(*key), fresh)}


def _reopen(rows: list[int], day: Day, by: str) -> None:
    """A need that ended and stands again goes on where it was; a new clause changes no state.

    Facts recorded by mistake, or a lay-up, thus cost nobody their work. What the OA took back
    meanwhile is asked for again.
    """
    ended, back = [], []
    for some in parts(rows):
        states = select(_requests.id, _requests.state).where(
            _requests.id.in_(some), _requests.state.in_(ENDED_BY_FACTS)
        )
        ended += [tuple(row) for row in db.session.execute(states)]
        back += db.session.execute(_left_in(some)).all()
    state = dict.fromkeys((id_ for id_, _ in ended), DUE)
    state |= {id_: PREPARED if taken else before for id_, before, taken in back if id_ in state}
    _change([{"row": id_, "state": after} for id_, after in state.items()])
    was = dict(ended)
    _note_moves([(id_, REOPENED, was[id_], to) for id_, to in state.items() if to != DUE], day, by)


def _left_in(rows: list[int]) -> Any:
    """Select the state in which worked-on requests ended, and whether its approval is void now."""
    # The OA's word on an ended request is noted too, and moves nothing.
    moved = or_(_moves.c.before != _moves.c.after, _moves.c.move == CARRIED)
    last = select(func.max(_moves.c.id)).where(_moves.c.request_id.in_(rows), moved)
    approval = Approval.__table__.c
    taken_back = _moves.c.before.in_((APPROVED, SUBMITTED, ACCEPTED)) & (
        approval.state != APPROVAL_GIVEN
    )
    return (
        select(_requests.id, _moves.c.before, func.coalesce(taken_back, False))
        .join(_moves, _moves.c.request_id == _requests.id)
        .outerjoin(Approval.__table__, approval.id == _requests.approval_id)
        .where(_moves.c.id.in_(last.group_by(_moves.c.request_id)))
        .where(_moves.c.move == ENDED_ITSELF)
    )


def _carry_over(carried: list[tuple[Standing, Arising]], day: Day, by: str) -> None:
    """Move the work on, lines and approval with it: two rows never stand for one piece of work."""
    for ended, one in carried:
        work = db.session.execute(select(*_WORK).where(_requests.id == ended.id)).one()._asdict()
        target = db.session.execute(
            select(_requests.id, _requests.state).where(
                _requests.vehicle_id == one.vehicle_id,
                _requests.kind == one.kind,
                _requests.expiry_day == one.expiry_day,
                _requests.state.in_(OPEN),
            )
        ).first()
        if target is None:
            continue
        db.session.execute(_lines.delete().where(_lines.c.request_id == target.id))
        moved = update(_lines).where(_lines.c.request_id == ended.id)
        db.session.execute(moved.values(request_id=target.id))
        _change([{"row": target.id, **work, "asked_from": None, "state": ended.state}])
        _change([{"row": ended.id, **dict.fromkeys(work)}])
        _note_moves(
            [
                (ended.id, CARRIED, EXPIRY_CHANGED, EXPIRY_CHANGED),
                (target.id, CARRIED, target.state, ended.state),
            ],
            day,
            by,
        )


def _change(rows: list[dict[str, Any]]) -> None:
    """Change rows, each to a new version: a page that was open meanwhile is told so."""
    # The connection, not the session: the session's bulk update would want whole rows.
    if rows:
        changed = update(_table).where(_requests.id == bindparam("row"))
        db.session.connection().execute(changed.values(version=_requests.version + 1), rows)
        db.session.expire_all()


# What it says


def _report(arising: list[Arising], endings: list[Ending], day: Day) -> dict[str, Any]:
    report: dict[str, Any] = {"on": day.on.isoformat()}
    for prefix, renewal in (("", True), ("new_", False)):
        report[f"{prefix}opened"] = _sorted(
            _item(one.vin, one, day.opens_on(one), day.on)
            for one in arising
            if (one.occasion == RENEWAL) is renewal
        )
        report[f"{prefix}closed"] = _sorted(
            _ended(one, day) for one in endings if (one.request.occasion == RENEWAL) is renewal
        )
    return report


def _item(vin: str, one: Arising | Standing, opens_on: date, day: date) -> dict[str, Any]:
    return {
        "vin": vin,
        "kind": one.kind,
        "policy_number": one.policy_number,
        "expiry_day": one.expiry_day.isoformat(),
        "opens_on": opens_on.isoformat(),
        "late": day > one.expiry_day,
    }


def _ended(one: Ending, day: Day) -> dict[str, Any]:
    request = one.request
    return {**_item(request.vin, request, request.opens_on, day.on), "why": one.why}


def line_of(one: Ending, day: Day) -> str:
    """A request that ended as the history tells it."""
    return _line(_ended(one, day))


def _sorted(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: (item["expiry_day"], item["vin"], item["kind"]))


def _line(item: dict[str, Any]) -> str:
    words = (item["vin"], item["kind"], item["policy_number"] or "-", item["expiry_day"])
    return " ".join((*words, item["why"]) if "why" in item else words)
