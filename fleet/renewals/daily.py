"""The daily job: which requests open, which are needed no more (3.2, 3.3).

The needs of every vehicle are stored beside its timeline (`fleet/policies/steps.py`); the job
compares them with the requests, in statements over the whole group. Only for the few requests
that end are a vehicle's facts loaded, to tell why.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import (
    ColumnElement,
    and_,
    bindparam,
    exists,
    insert,
    or_,
    select,
    update,
)

from fleet.people.tables import Company, Region
from fleet.policies.facts import VehicleFacts, facts
from fleet.policies.steps import rewrite_steps
from fleet.policies.tables import CoverNeed, Policy
from fleet.renewals import telling
from fleet.renewals.rules import (
    DUE,
    ENDED_BY_FACTS,
    EXPIRY_CHANGED,
    INSURED,
    OPEN,
    Open,
    why_closed,
)
from fleet.renewals.tables import AskedCover, CoverRequest, RequestMove
from fleet.rulebook.book import Rulebook
from fleet.rulebook.renewal import RENEWAL, following
from fleet.storage import Actor, Deed, act, db, everyone
from fleet.vehicles.tables import Vehicle
from fleet.words import noon
from fleet.work.service import last_run_before, note_run, take_turn

JOB = "run-day"
CARRIED = "carried"
ENDED_ITSELF = "ended"

# The tables, not the entities: the job sees the whole group, and reads tens of thousands of rows.
_needs = CoverNeed.__table__.c
_vehicles = Vehicle.__table__.c
_companies = Company.__table__.c
_requests = CoverRequest.__table__.c

_DAY = timedelta(days=1)
_ROWS = 5_000
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


class Key(NamedTuple):
    """What a request is known by: vehicle, policy kind, expiry day."""

    vehicle_id: int
    kind: str
    expiry_day: date


class Arising(NamedTuple):
    """A need without an open request of its own, and the ended row of its key if there is one."""

    vehicle_id: int
    kind: str
    expiry_day: date
    occasion: str
    policy_number: str | None
    vin: str
    region_id: int
    row: int | None

    @property
    def key(self) -> Key:
        """What its request is known by."""
        return Key(self.vehicle_id, self.kind, self.expiry_day)


class Standing(NamedTuple):
    """A request that is open."""

    id: int
    vehicle_id: int
    kind: str
    expiry_day: date
    occasion: str
    opens_on: date
    policy_number: str | None
    state: str
    vin: str

    @property
    def key(self) -> Key:
        """What it is known by."""
        return Key(self.vehicle_id, self.kind, self.expiry_day)


class Ending(NamedTuple):
    """An open request that ends, why, and by which policy where it is insured."""

    request: Standing
    why: str
    followed_by: str | None


@dataclass(slots=True)
class Day:
    """A day under way: the book, each region's window, and what is found."""

    on: date
    book: Rulebook
    at: datetime
    windows: dict[int, timedelta] = field(default_factory=dict)

    def opens_on(self, arising: Arising) -> date:
        """The first day of a need's window."""
        return arising.expiry_day - self.windows[arising.region_id]


def run_day(day: date, by: Actor, at: datetime) -> dict[str, Any]:
    """Open what a day finds needed and close what it finds needed no more.

    Answers `{"on", "opened": […], "closed": […]}` of renewals as `flask run-day --json` prints
    it, and the same of new requests as `new_opened` and `new_closed`. Running a day again, or
    two processes at once, changes nothing more; a day earlier than a closing does not undo it,
    and what a person withdrew stays so. The whole group is looked at, whoever asks.
    """
    with everyone(), act(JOB, by=by, at=at, subject=day.isoformat()) as deed:
        take_turn(JOB, at)
        _fill_needs()
        report = _run(_day(day, at), deed)
        telling.remind(day, last_run_before(JOB, day), current_app.extensions["rulebook"], at)
        note_run(JOB, day, at)
    return report


def _day(day: date, at: datetime) -> Day:
    book: Rulebook = current_app.extensions["rulebook"]
    moment = noon(day, book.zone)
    rows = db.session.execute(select(Region.id, Region.code))
    windows = {id_: book.renewal_at(moment, code).window_days * _DAY for id_, code in rows}
    return Day(day, book, at, windows)


def _fill_needs() -> None:
    """Store the needs of a database that was filled before needs were stored."""
    stored = db.session.scalar(select(exists().where(_needs.vehicle_id > 0)))
    if not stored and db.session.scalar(select(exists().where(Policy.id > 0))):
        rewrite_steps(db.session.scalars(select(_vehicles.id)))


def _run(day: Day, deed: Deed) -> dict[str, Any]:
    arising, endings = _arising(day), endings_of(gone(day), day)
    carried = _carried(endings, day)
    arising = _openable([*arising, *(one for _, one in carried)], endings)
    write_ended(endings, day, deed.by)
    _write_opened(arising, day)
    _carry_over(carried, day, deed.by.name)
    report = _report(arising, endings, day)
    for change in ("opened", "closed", "new_opened", "new_closed"):
        if report[change]:
            lines = [_line(item) for item in report[change]]
            deed.note(table="cover_requests", **{change: lines})
    return report


# What the day finds


def _arising(day: Day, vehicle_ids: Iterable[int] | None = None) -> list[Arising]:
    """The needs inside their window that have no open request, and were not withdrawn."""
    ended = and_(
        _requests.state.in_(ENDED_BY_FACTS),
        or_(_requests.closed_on.is_(None), _requests.closed_on <= day.on),
    )
    other = and_(_requests.state.in_(OPEN), _requests.occasion != _needs.occasion)
    found = (
        select(
            _needs.vehicle_id,
            _needs.kind,
            _needs.expiry_day,
            _needs.occasion,
            _needs.policy_number,
            _vehicles.vin,
            _companies.region_id,
            _requests.id,
        )
        .join(_vehicles.id.table, _vehicles.id == _needs.vehicle_id)
        .join(_companies.id.table, _companies.id == _vehicles.company_id)
        .outerjoin(
            _requests.id.table,
            and_(
                _requests.vehicle_id == _needs.vehicle_id,
                _requests.kind == _needs.kind,
                _requests.expiry_day == _needs.expiry_day,
            ),
        )
        .where(_needs.since <= day.on, _needs.until > day.on, _in_window(day))
        .where(or_(_requests.id.is_(None), ended, other))
    )
    if vehicle_ids is not None:
        found = found.where(_needs.vehicle_id.in_(vehicle_ids))
    return [Arising(*row) for row in db.session.execute(found)]


def _in_window(day: Day) -> ColumnElement[bool]:
    """The need's window is open: each region has its own."""
    spans = set(day.windows.values())
    if len(spans) <= 1:
        return _needs.expiry_day <= day.on + max(spans, default=timedelta(0))
    return or_(
        *(
            and_(
                _needs.expiry_day <= day.on + span,
                _companies.region_id.in_([id_ for id_, own in day.windows.items() if own == span]),
            )
            for span in spans
        )
    )


def gone(day: Day, vehicle_ids: Iterable[int] | None = None) -> list[Standing]:
    """The open requests whose need does not stand on the day; those opened later are left."""
    stands = exists().where(
        _needs.vehicle_id == _requests.vehicle_id,
        _needs.kind == _requests.kind,
        _needs.expiry_day == _requests.expiry_day,
        _needs.since <= day.on,
        _needs.until > day.on,
    )
    found = (
        select(
            _requests.id,
            _requests.vehicle_id,
            _requests.kind,
            _requests.expiry_day,
            _requests.occasion,
            _requests.opens_on,
            _requests.policy_number,
            _requests.state,
            _vehicles.vin,
        )
        .join(_vehicles.id.table, _vehicles.id == _requests.vehicle_id)
        .where(_requests.state.in_(OPEN), _requests.opened_on <= day.on, ~stands)
    )
    if vehicle_ids is not None:
        found = found.where(_requests.vehicle_id.in_(vehicle_ids))
    return [Standing(*row) for row in db.session.execute(found)]


def endings_of(gone: list[Standing], day: Day) -> list[Ending]:
    """Why requests whose need does not stand end, and by which policy."""
    looked_at = {one.vehicle_id: one for one in facts({one.vehicle_id for one in gone})}
    return [_ending(one, looked_at[one.vehicle_id], day) for one in gone]


def _ending(request: Standing, known: VehicleFacts, day: Day) -> Ending:
    asked = Open(request.kind, request.expiry_day)
    why = why_closed(known.vehicle, known.policies, asked, day.book, day.on)
    policy = (
        following(known.policies, request.kind, request.expiry_day, day.book)
        if why == INSURED
        else None
    )
    return Ending(request, why, policy.number if policy else None)


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
    found = _arising(ever, {vehicle_id for vehicle_id, _ in moved}) if moved else []
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
    for some in _parts(key.vehicle_id for key in each):
        rows = select(_requests.vehicle_id, _requests.kind, _requests.id).where(
            _requests.state.in_(OPEN), _requests.vehicle_id.in_(some)
        )
        held.update({(row[0], row[1]): row[2] for row in db.session.execute(rows)})
    return [
        one
        for one in each.values()
        if held.get((one.vehicle_id, one.kind)) in {None, one.row, *ending}
    ]


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


def _note_moves(moves: list[tuple[int, str, str, str]], day: Day, by: str) -> None:
    if moves:
        names = ("request_id", "move", "before", "after")
        rows = [dict(zip(names, one, strict=True)) | {"at": day.at, "by": by} for one in moves]
        db.session.execute(insert(RequestMove.__table__), rows)


def _write_opened(arising: list[Arising], day: Day) -> None:
    fresh, again = [], []
    for one in arising:
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
    if fresh:
        db.session.execute(insert(CoverRequest.__table__), fresh)
    _reopen([one["row"] for one in again])
    _change(again)


def _reopen(rows: list[int]) -> None:
    """A need that ended and stands again begins anew; one still open only changed its clause."""
    for some in _parts(rows):
        db.session.execute(
            update(CoverRequest.__table__)
            .where(_requests.id.in_(some), _requests.state.in_(ENDED_BY_FACTS))
            .values(state=DUE)
        )


def _carry_over(carried: list[tuple[Standing, Arising]], day: Day, by: str) -> None:
    table, lines = CoverRequest.__table__, AskedCover.__table__
    for ended, one in carried:
        work = db.session.execute(select(*_WORK).where(_requests.id == ended.id)).one()._asdict()
        target = db.session.scalar(
            update(table)
            .where(_requests.vehicle_id == one.vehicle_id, _requests.kind == one.kind)
            .where(_requests.expiry_day == one.expiry_day)
            .values(**work, state=ended.state)
            .returning(_requests.id)
        )
        if target is not None:
            db.session.execute(
                update(lines).where(lines.c.request_id == ended.id).values(request_id=target)
            )
            _note_moves([(target, CARRIED, DUE, ended.state)], day, by)


def _change(rows: list[dict[str, Any]]) -> None:
    # The connection, not the session: the session's bulk update would want whole rows.
    if rows:
        table = CoverRequest.__table__
        db.session.connection().execute(
            update(table).where(table.c.id == bindparam("row")),  # type: ignore[arg-type]
            rows,
        )
        db.session.expire_all()


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    """Some ids at a time: a statement takes only so many."""
    every = sorted(set(ids))
    return (every[start : start + _ROWS] for start in range(0, len(every), _ROWS))


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
