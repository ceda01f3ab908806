"""What the pages read: a fixed number of statements for each answer, however large the group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import aliased

from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverStep
from fleet.reimbursement.held import counts as held_claims
from fleet.reimbursement.tables import HELD, PAYABLE, Claim
from fleet.renewals.desk import Waiting, waiting
from fleet.renewals.rules import OPEN, WITH_COMPANY, WITH_DESK
from fleet.renewals.tables import CoverRequest
from fleet.reports import rules
from fleet.reports.rules import LATE, LATER, THIS_WEEK, RegionSum, Times
from fleet.storage import db
from fleet.storage.history import HistoryEntry
from fleet.vehicles.tables import Vehicle
from fleet.words import midnight

BARRED = "barred"
SHORT = "short"
SOON = "barred_soon"
SHOWN = 10

Measure = dict[int, Counter[str]]


# ---------------------------------------------------------------------- the answers


class Task(NamedTuple):
    """A vehicle that stands barred or short, since when, and the codes of what it lacks."""

    vin: str
    plate: str | None
    company: str
    since: datetime
    shortfalls: str

    @property
    def codes(self) -> list[str]:
        """What it lacks, by code."""
        return self.shortfalls.split()


class DueRequest(NamedTuple):
    """A request that its company is to move on, and its vehicle; `region` is a code."""

    id: int
    vin: str
    plate: str | None
    company: str
    region: str
    kind: str
    occasion: str
    state: str
    policy_number: str | None
    expiry_day: date


class DueDay(NamedTuple):
    """How many renewals fall due on a day."""

    day: date
    count: int


class WaitingClaim(NamedTuple):
    """A claim that waits for finance."""

    id: int
    company: str
    policy_number: str
    invoice_number: str
    amount: Decimal
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Fleet:
    """A company admin's fleet: its standing, and what to do first."""

    regions: list[RegionSum]
    counts: Counter[str]
    barred: list[Task]
    requests: list[DueRequest]
    states: Counter[str]
    short: list[Task]
    held: dict[str, int]

    @property
    def to_move(self) -> int:
        """How many requests wait for the company."""
        return sum(self.states[state] for state in WITH_COMPANY)

    @property
    def with_desk(self) -> int:
        """How many requests wait for the desk."""
        return sum(self.states[state] for state in WITH_DESK)


@dataclass(frozen=True, slots=True)
class Desk:
    """The insurance desk's queue: by urgency, by day, by region and company, and by who has it."""

    regions: list[RegionSum]
    counts: Counter[str]
    days: list[DueDay]
    waiting: Waiting


@dataclass(frozen=True, slots=True)
class Finance:
    """What waits for finance: the oldest of each, how many there are, and yuan to pay."""

    counts: Counter[str]
    held: list[WaitingClaim]
    payable: list[WaitingClaim]
    to_pay: Decimal


@dataclass(frozen=True, slots=True)
class Group:
    """The group by region and company: standing, renewals, claims."""

    regions: list[RegionSum]
    counts: Counter[str]


def fleet(times: Times) -> Fleet:
    """What a company admin sees: barred vehicles, then requests by day, then short ones."""
    regions = rules.by_region(
        companies(), standings(times), barred_soon(times), renewals_due(times)
    )
    return Fleet(
        regions=regions,
        counts=rules.total(regions),
        barred=_standing_now(BARRED, times),
        requests=_next_requests(),
        states=_requests_by_state(),
        short=_standing_now(SHORT, times),
        held=held_claims(),
    )


def desk(times: Times) -> Desk:
    """What an insurance desk sees of the renewals that stand."""
    regions = rules.by_region(companies(), renewals_due(times), barred_soon(times))
    busy = [
        rules.RegionSum(one.code, one.name, [it for it in one.companies if any_due(it)], one.counts)
        for one in regions
    ]
    waits = waiting(times.today, times.week_ends)
    return Desk(busy, rules.total(regions), _due_days(times), waits)


def any_due(company: rules.CompanySum) -> bool:
    """Whether a company has anything in the desk's queue."""
    return any(company.counts.values())


def finance(_times: Times) -> Finance:
    """What finance sees: held claims to look at, payable ones to pay."""
    counts: Counter[str] = Counter()
    for found in claims_by_state().values():
        counts.update(found)
    to_pay = db.session.scalar(select(func.sum(Claim.amount)).where(Claim.state == PAYABLE))
    return Finance(counts, _oldest(HELD), _oldest(PAYABLE), to_pay or Decimal(0))


def group(times: Times) -> Group:
    """What group administrators and auditors see: every company under its region."""
    regions = rules.by_region(
        companies(),
        standings(times),
        barred_soon(times),
        renewals_due(times),
        claims_by_state(),
    )
    return Group(regions, rules.total(regions))


# ---------------------------------------------------------------------- what is counted


def companies() -> list[rules.Company]:
    """The companies in scope with their regions, by code."""
    rows = db.session.execute(
        select(Company.id, Company.code, Company.name, Region.code, Region.name)
        .join(Region, Region.id == Company.region_id)
        .order_by(Region.code, Company.code)
    )
    return [rules.Company(*row) for row in rows]


def standings(times: Times) -> Measure:
    """How many vehicles of each company have which standing at the moment."""
    return _measure(
        select(Vehicle.company_id, CoverStep.standing, func.count())
        .join(CoverStep, CoverStep.vehicle_id == Vehicle.id)
        .where(CoverStep.since <= times.at, CoverStep.until > times.at)
        .group_by(Vehicle.company_id, CoverStep.standing)
    )


def barred_soon(times: Times) -> Measure:
    """How many vehicles not barred now will be within the renewal window, unless renewed (4.2).

    Cover that ends on the window's last day bars from the midnight after, which counts.
    """
    now = aliased(CoverStep)
    barred_now = (
        select(now.vehicle_id)
        .where(
            now.vehicle_id == CoverStep.vehicle_id,
            now.since <= times.at,
            now.until > times.at,
            now.standing == BARRED,
        )
        .exists()
    )
    rows = db.session.execute(
        select(Vehicle.company_id, func.count(CoverStep.vehicle_id.distinct()))
        .join(Vehicle, Vehicle.id == CoverStep.vehicle_id)
        .where(
            CoverStep.standing == BARRED,
            CoverStep.since > times.at,
            CoverStep.since <= times.horizon,
            ~barred_now,
        )
        .group_by(Vehicle.company_id)
    )
    return {company_id: Counter({SOON: count}) for company_id, count in rows}


def renewals_due(times: Times) -> Measure:
    """How many renewals of each company are late, due this week, or due later."""
    urgency = case(
        (CoverRequest.expiry_day < times.today, LATE),
        (CoverRequest.expiry_day <= times.week_ends, THIS_WEEK),
        else_=LATER,
    ).label("urgency")
    open_ones = (
        select(Vehicle.company_id, urgency)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .where(CoverRequest.state.in_(OPEN))
        .subquery()
    )
    # Grouped outside: PostgreSQL takes the expression's parameters for others when repeated.
    columns = open_ones.c
    return _measure(
        select(columns.company_id, columns.urgency, func.count()).group_by(
            columns.company_id, columns.urgency
        )
    )


def claims_by_state() -> Measure:
    """How many claims of each company are in which state."""
    return _measure(
        select(Claim.company_id, Claim.state, func.count()).group_by(Claim.company_id, Claim.state)
    )


def _measure(statement: Select[Any]) -> Measure:
    found: Measure = defaultdict(Counter)
    for company_id, key, count in db.session.execute(statement):
        found[company_id][key] = count
    return found


# ---------------------------------------------------------------------- what is listed


def _standing_now(standing: str, times: Times) -> list[Task]:
    rows = db.session.execute(
        select(Vehicle.vin, Vehicle.plate, Company.name, CoverStep.since, CoverStep.shortfalls)
        .join(CoverStep, CoverStep.vehicle_id == Vehicle.id)
        .join(Company, Company.id == Vehicle.company_id)
        .where(
            CoverStep.standing == standing,
            CoverStep.since <= times.at,
            CoverStep.until > times.at,
        )
        .order_by(CoverStep.since, Vehicle.vin)
        .limit(SHOWN)
    )
    return [Task(*row) for row in rows]


def _next_requests() -> list[DueRequest]:
    rows = db.session.execute(
        select(
            CoverRequest.id,
            Vehicle.vin,
            Vehicle.plate,
            Company.name,
            Region.code,
            CoverRequest.kind,
            CoverRequest.occasion,
            CoverRequest.state,
            CoverRequest.policy_number,
            CoverRequest.expiry_day,
        )
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .join(Company, Company.id == Vehicle.company_id)
        .join(Region, Region.id == Company.region_id)
        .where(CoverRequest.state.in_(WITH_COMPANY))
        .order_by(CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind)
        .limit(SHOWN)
    )
    return [DueRequest(*row) for row in rows]


def _requests_by_state() -> Counter[str]:
    rows = db.session.execute(
        select(CoverRequest.state, func.count())
        .where(CoverRequest.state.in_(OPEN))
        .group_by(CoverRequest.state)
    )
    return Counter(dict(rows.all()))


def _due_days(times: Times) -> list[DueDay]:
    """The days from today on at which renewals fall due; the late ones are one number elsewhere."""
    rows = db.session.execute(
        select(CoverRequest.expiry_day, func.count())
        .where(CoverRequest.state.in_(OPEN), CoverRequest.expiry_day >= times.today)
        .group_by(CoverRequest.expiry_day)
        .order_by(CoverRequest.expiry_day)
    )
    return [DueDay(*row) for row in rows]


def _oldest(state: str) -> list[WaitingClaim]:
    rows = db.session.execute(
        select(
            Claim.id,
            Company.name,
            Claim.policy_number,
            Claim.invoice_number,
            Claim.amount,
            Claim.recorded_at,
        )
        .join(Company, Company.id == Claim.company_id)
        .where(Claim.state == state)
        .order_by(Claim.recorded_at, Claim.id)
        .limit(SHOWN)
    )
    return [WaitingClaim(*row) for row in rows]


# ---------------------------------------------------------------------- the history


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries of the history are asked for; days are local and both included."""

    verb: str = ""
    actor: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None


def entries(asked: Asked, zone: ZoneInfo) -> Select[Any]:
    """The entries asked for, in no order, as (seq, at, actor, verb, subject, changes)."""
    found = select(
        HistoryEntry.seq,
        HistoryEntry.at,
        HistoryEntry.actor,
        HistoryEntry.verb,
        HistoryEntry.subject,
        HistoryEntry.changes,
    )
    if asked.verb:
        found = found.where(HistoryEntry.verb == asked.verb)
    if asked.actor:
        found = found.where(HistoryEntry.actor.icontains(asked.actor, autoescape=True))
    if asked.subject:
        found = found.where(HistoryEntry.subject.icontains(asked.subject, autoescape=True))
    if asked.since:
        found = found.where(HistoryEntry.at >= midnight(asked.since, zone))
    if asked.until:
        found = found.where(HistoryEntry.at < midnight(asked.until + timedelta(days=1), zone))
    return found


def verbs() -> list[str]:
    """Every verb the history knows."""
    return list(
        db.session.scalars(select(HistoryEntry.verb).distinct().order_by(HistoryEntry.verb))
    )


def last_entry() -> int:
    """The number of the newest entry, which is how many there are."""
    return db.session.scalar(select(func.max(HistoryEntry.seq))) or 0


def sheet_rows(asked: Asked, zone: ZoneInfo) -> Iterator[tuple[Any, ...]]:
    """The entries asked for, newest first, a row for each value that changed."""
    statement = entries(asked, zone).order_by(HistoryEntry.seq.desc())
    for entry in db.session.execute(statement.execution_options(yield_per=500)):
        front = (entry.seq, entry.at, entry.actor, entry.verb, entry.subject)
        changes = rules.told_of(entry.changes)
        if not changes:
            yield front
        for change in changes:
            for value in change.values:
                what = (change.how, change.table, change.row, value.name)
                yield (*front, *what, value.before, value.after)
