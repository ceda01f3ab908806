"""The daily job: which renewals open, which are needed no more (3.3); and the renewals listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from flask import current_app
from sqlalchemy import ColumnElement, Select, bindparam, case, func, insert, or_, select, update

from fleet.insurers.tables import INSURER, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.facts import VehicleFacts, facts
from fleet.policies.tables import Policy
from fleet.renewals.rules import Open, why_closed
from fleet.renewals.tables import DUE, Renewal
from fleet.rulebook.book import Rulebook
from fleet.rulebook.renewal import Need, needs
from fleet.storage import Actor, Deed, act, db, everyone
from fleet.vehicles.tables import LayUp, Vehicle
from fleet.words import last_day, midnight, noon
from fleet.work.service import note_run, take_turn

JOB = "run-day"

# The tables, not the entities: the job sees the whole group, and reads tens of thousands of rows.
_policies = Policy.__table__.c
_vehicles = Vehicle.__table__.c
_companies = Company.__table__.c
_renewals = Renewal.__table__.c

_DAY = timedelta(days=1)
_ROWS = 5_000


class Key(NamedTuple):
    """What a renewal is known by: vehicle, policy kind, expiry day."""

    vehicle_id: int
    kind: str
    expiry_day: date


class _Kept(NamedTuple):
    """A renewal as the table holds it."""

    id: int
    opened_on: date
    closed_on: date | None
    opens_on: date
    policy_number: str


@dataclass(frozen=True, slots=True)
class _Found:
    """A need that the heart found, and whose it is."""

    vin: str
    need: Need


def run_day(day: date, by: Actor, at: datetime) -> dict[str, Any]:
    """Open what a day finds needed and close what it finds needed no more.

    Answers `{"on", "opened": […], "closed": […]}` as `flask run-day --json` prints it. Running
    a day again, or two processes at once, changes nothing more; a day earlier than a closing
    does not undo it. The whole group is looked at, whoever asks.
    """
    with everyone(), act(JOB, by=by, at=at, subject=day.isoformat()) as deed:
        take_turn(JOB, at)
        report = _run(day, current_app.extensions["rulebook"], deed)
        note_run(JOB, day, at)
    return report


def _run(day: date, book: Rulebook, deed: Deed) -> dict[str, Any]:
    regions = _regions()
    kept = _open()
    standing, asked = _look(day, book, kept, regions)
    gone = {key: row for key, row in kept.items() if key not in standing and row.opened_on <= day}
    looked_at = {one.vehicle_id: one for one in facts(asked | {key.vehicle_id for key in gone})}
    found = _found(looked_at, day, book, regions)
    opened = _to_open(found, kept, day)
    closed = [
        (key, kept[key], _why(looked_at[key.vehicle_id], key, book, day))
        for key in gone
        if key not in found
    ]
    _write_opened(opened, day)
    _write_closed([(row.id, why) for _, row, why in closed], day)
    report = {
        "on": day.isoformat(),
        "opened": _sorted(_item(found[key].vin, found[key].need, day) for key, _ in opened),
        "closed": _sorted(
            {**_item(looked_at[key.vehicle_id].vehicle.vin, _as_need(key, row), day), "why": why}
            for key, row, why in closed
        ),
    }
    for change in ("opened", "closed"):
        if report[change]:
            deed.note(table="renewals", **{change: [_line(item) for item in report[change]]})
    return report


# What the day looks at


class Candidate(NamedTuple):
    """A vehicle in service whose begun cover of a kind ends before the window does.

    `ends` is the latest end of the policies begun; `follows` tells that another begins later.
    """

    vehicle_id: int
    kind: str
    ends: datetime
    follows: bool
    since: date
    until: date | None
    region_id: int


def candidates(day: date, book: Rulebook) -> Iterator[Candidate]:
    """Return every vehicle and kind that the day may find in need of renewal, and few more.

    A need reaches no further than the longest window, and cover reaches at least as far as the
    latest end of the policies begun: whoever that end excludes, the heart would exclude.
    """
    moment = noon(day, book.zone)
    horizon = midnight(day + (_longest_window(moment, book) + 1) * _DAY, book.zone)
    pools = select(Insurer.id).where(Insurer.kind != INSURER)
    ends = func.max(case((_policies.begins <= moment, _policies.covers_until)))
    ending = (
        select(
            _policies.vehicle_id,
            _policies.kind,
            ends.label("ends"),
            (func.max(_policies.begins) > moment).label("follows"),
        )
        .where(_policies.begins < _policies.covers_until, _policies.insurer_id.not_in(pools))
        .group_by(_policies.vehicle_id, _policies.kind)
        .having(ends <= horizon)
        .subquery()
    )
    rows = db.session.execute(
        select(
            ending,
            _vehicles.in_service_since,
            _vehicles.in_service_until,
            _companies.region_id,
        )
        .join(_vehicles.id.table, _vehicles.id == ending.c.vehicle_id)
        .join(_companies.id.table, _companies.id == _vehicles.company_id)
        .where(
            _vehicles.in_service_since <= day,
            or_(_vehicles.in_service_until.is_(None), _vehicles.in_service_until > day),
        )
    )
    return map(Candidate._make, rows)


def _longest_window(moment: datetime, book: Rulebook) -> int:
    edition = book.newest(moment) or book.editions[0]
    rules = (edition.renewal, *edition.regional_renewal.values())
    return max(rule.window_days for rule in rules)


def _look(
    day: date, book: Rulebook, kept: dict[Key, _Kept], regions: dict[int, str]
) -> tuple[set[Key], set[int]]:
    """Tell the open renewals that plainly still stand from the vehicles to look at closely.

    Most of a fleet's open renewals stand from day to day; their vehicles' facts are not loaded.
    """
    moment, rested = noon(day, book.zone), _ever_laid_up()
    windows = {
        id_: book.renewal_at(moment, code).window_days * _DAY for id_, code in regions.items()
    }
    standing: set[Key] = set()
    asked: set[int] = set()
    for one in candidates(day, book):
        key = Key(one.vehicle_id, one.kind, last_day(one.ends, book.zone))
        plain = (
            key in kept
            and not one.follows
            and one.vehicle_id not in rested
            and key.expiry_day - windows[one.region_id] <= day
            and one.since <= key.expiry_day + _DAY
            and (one.until is None or key.expiry_day + _DAY < one.until)
        )
        if plain:
            standing.add(key)
        else:
            asked.add(one.vehicle_id)
    return standing, asked


def _ever_laid_up() -> set[int]:
    return set(db.session.scalars(select(LayUp.vehicle_id).distinct()))


def _regions() -> dict[int, str]:
    return {id_: code for id_, code in db.session.execute(select(Region.id, Region.code))}  # noqa: C416 - rows are no pairs to mypy


_KEPT = select(
    _renewals.vehicle_id,
    _renewals.kind,
    _renewals.expiry_day,
    _renewals.id,
    _renewals.opened_on,
    _renewals.closed_on,
    _renewals.opens_on,
    _renewals.policy_number,
)


def _open() -> dict[Key, _Kept]:
    return _by_key(_KEPT.where(_renewals.state == DUE))


def _earlier(vehicle_ids: Iterable[int]) -> dict[Key, _Kept]:
    """Closed renewals of some vehicles."""
    found: dict[Key, _Kept] = {}
    for some in _parts(vehicle_ids):
        found.update(_by_key(_KEPT.where(_renewals.state != DUE, _renewals.vehicle_id.in_(some))))
    return found


def _by_key(statement: Select[Any]) -> dict[Key, _Kept]:
    rows = db.session.execute(statement)
    return {Key(*row[:3]): _Kept(*row[3:]) for row in rows}


def _parts(ids: Iterable[int]) -> Iterator[list[int]]:
    """Some ids at a time: a statement takes only so many."""
    every = sorted(set(ids))
    return (every[start : start + _ROWS] for start in range(0, len(every), _ROWS))


# What it finds


def _found(
    looked_at: dict[int, VehicleFacts], day: date, book: Rulebook, regions: dict[int, str]
) -> dict[Key, _Found]:
    region_of = _region_of(looked_at)
    return {
        Key(id_, need.kind, need.expiry_day): _Found(one.vehicle.vin, need)
        for id_, one in looked_at.items()
        for need in needs(one.vehicle, one.policies, book, day, regions[region_of[id_]])
    }


def _region_of(vehicle_ids: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in _parts(vehicle_ids):
        rows = db.session.execute(
            select(Vehicle.id, Company.region_id)
            .join(Company, Company.id == Vehicle.company_id)
            .where(Vehicle.id.in_(some))
        )
        found.update((row[0], row[1]) for row in rows)
    return found


def _to_open(
    found: dict[Key, _Found], kept: dict[Key, _Kept], day: date
) -> list[tuple[Key, tuple[_Found, _Kept | None]]]:
    """The needs to open, each with the closed row it opens again; what a later day closed stays."""
    new = {key: one for key, one in found.items() if key not in kept}
    earlier = _earlier(key.vehicle_id for key in new)
    return [
        (key, (one, row))
        for key, one in new.items()
        if (row := earlier.get(key)) is None or row.closed_on is None or row.closed_on <= day
    ]


def _why(one: VehicleFacts, key: Key, book: Rulebook, day: date) -> str:
    return why_closed(one.vehicle, one.policies, Open(key.kind, key.expiry_day), book, day)


# What it writes and says


def _write_opened(opened: list[tuple[Key, tuple[_Found, _Kept | None]]], day: date) -> None:
    fresh, again = [], []
    for key, (found, row) in opened:
        values = {
            "opens_on": found.need.opens_on,
            "policy_number": found.need.policy_number,
            "state": DUE,
            "opened_on": day,
            "closed_on": None,
        }
        if row is None:
            fresh.append({**key._asdict(), **values})
        else:
            again.append({**values, "row": row.id})
    if fresh:
        db.session.execute(insert(Renewal.__table__), fresh)
    _change(again)


def _write_closed(closed: list[tuple[int, str]], day: date) -> None:
    _change([{"row": id_, "state": why, "closed_on": day} for id_, why in closed])


def _change(rows: list[dict[str, Any]]) -> None:
    # The connection, not the session: the session's bulk update would want whole rows.
    if rows:
        table = Renewal.__table__
        db.session.connection().execute(
            update(table).where(table.c.id == bindparam("row")),  # type: ignore[arg-type]
            rows,
        )
        db.session.expire_all()


def _as_need(key: Key, row: _Kept) -> Need:
    return Need(key.kind, row.policy_number, key.expiry_day, row.opens_on, late=False)


def _item(vin: str, need: Need, day: date) -> dict[str, Any]:
    return {
        "vin": vin,
        "kind": need.kind,
        "policy_number": need.policy_number,
        "expiry_day": need.expiry_day.isoformat(),
        "opens_on": need.opens_on.isoformat(),
        "late": day > need.expiry_day,
    }


def _sorted(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: (item["expiry_day"], item["vin"], item["kind"]))


def _line(item: dict[str, Any]) -> str:
    words = (item["vin"], item["kind"], item["policy_number"], item["expiry_day"])
    return " ".join((*words, item["why"]) if "why" in item else words)


# What the list shows, in the caller's scope


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which renewals a list asks for; codes of company and region, days inclusive."""

    state: str | None = None
    kind: str | None = None
    company: str | None = None
    region: str | None = None
    due_from: date | None = None
    due_to: date | None = None
    late: bool = False
    opened_since: date | None = None
    q: str | None = None


def listed(wanted: Wanted, today: date) -> Select[Any]:
    """Select id, vehicle, company and days of the renewals wanted; the caller sorts them."""
    return (
        select(
            Renewal.id,
            Renewal.kind,
            Renewal.policy_number,
            Renewal.expiry_day,
            Renewal.opens_on,
            Renewal.opened_on,
            Renewal.closed_on,
            Renewal.state,
            Vehicle.vin,
            Vehicle.plate,
            Vehicle.vehicle_type,
            Company.code.label("company"),
            Company.name.label("company_name"),
            Region.code.label("region"),
        )
        .join(Vehicle, Vehicle.id == Renewal.vehicle_id)
        .join(Company, Company.id == Vehicle.company_id)
        .join(Region, Region.id == Company.region_id)
        .where(*_conditions(wanted, today))
    )


def _conditions(wanted: Wanted, today: date) -> Iterator[ColumnElement[bool]]:
    equal = {
        Renewal.state: wanted.state,
        Renewal.kind: wanted.kind,
        Company.code: wanted.company,
        Region.code: wanted.region,
    }
    yield from (column == value for column, value in equal.items() if value)
    if wanted.due_from:
        yield Renewal.expiry_day >= wanted.due_from
    if wanted.due_to:
        yield Renewal.expiry_day <= wanted.due_to
    if wanted.late:
        yield Renewal.state == DUE
        yield Renewal.expiry_day < today
    if wanted.opened_since:
        yield Renewal.opened_on >= wanted.opened_since
    for word in (wanted.q or "").split():
        sought = (Vehicle.vin, Vehicle.plate, Renewal.policy_number)
        yield or_(*(column.icontains(word, autoescape=True) for column in sought))


def due_counts(today: date) -> dict[str, int]:
    """How many open renewals are late, due within a week, and due after that."""
    week = today + 7 * _DAY
    late, soon = Renewal.expiry_day < today, Renewal.expiry_day.between(today, week)
    row = db.session.execute(
        select(
            func.count(case((late, 1))),
            func.count(case((soon, 1))),
            func.count(case((Renewal.expiry_day > week, 1))),
        )
        .select_from(Renewal)
        .where(Renewal.state == DUE)
    ).one()
    return dict(zip(("late", "week", "later"), row, strict=True))


def companies_in_sight() -> list[tuple[str, str]]:
    """Code and name of the companies whose renewals the caller may see."""
    rows = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return [(code, f"{code} {name}") for code, name in rows]


def regions_in_sight() -> list[tuple[str, str]]:
    """Code and name of the regions of those companies."""
    rows = db.session.execute(
        select(Region.code, Region.name)
        .join(Company, Company.region_id == Region.id)
        .distinct()
        .order_by(Region.code)
    )
    return [(code, f"{code} {name}") for code, name in rows]
