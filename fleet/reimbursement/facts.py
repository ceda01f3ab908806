"""What is on record about claims: of one by one statement, of thousands by a few.

Both read the same columns by the same joins, and make the facts of them in the same way.

The claiming companies are those the caller may see. Invoices, earlier claims, policies and
vehicles are looked up across the whole group: the rule asks about "any company of the group",
and a policy may stand on a vehicle that another company holds by now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, exists, or_, select

from fleet.insurers.tables import INSURER, Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.facts import VehicleFacts, facts_in, queries_of
from fleet.policies.facts import facts as vehicle_facts
from fleet.policies.tables import Policy
from fleet.reimbursement.rules import Asked
from fleet.reimbursement.tables import PAID, PAYABLE, Claim, ReversedInvoice
from fleet.renewals.rules import WITHDRAWN
from fleet.renewals.tables import APPROVAL_GIVEN, Approval, CoverRequest
from fleet.rulebook.reimbursement import Facts, PolicyFacts
from fleet.rulebook.renewal import NEW
from fleet.storage import Bundle, Rows, Scope, db, everyone, told
from fleet.storage.scope import current as current_scope
from fleet.vehicles.tables import Holding, Vehicle
from fleet.words import Days

AT_ONCE = 2_000  # rows whose facts are in memory together; a statement takes ten times as many
STANDS = (PAYABLE, PAID)


class Claimant(NamedTuple):
    """A company that may claim: its row, its region, its credit code."""

    id: int
    code: str
    region_id: int
    region: str
    credit_code: str | None


def claimants() -> dict[str, Claimant]:
    """The companies of the caller's scope by code."""
    query = select(
        Company.id, Company.code, Company.region_id, Region.code, Company.credit_code
    ).join(Region, Region.id == Company.region_id)
    return {row[1]: Claimant(*row) for row in db.session.execute(query)}


class _Record(NamedTuple):
    """What is on record for some claims: by policy number, vehicle, region and insurer.

    Of a vehicle's policies only those of a claimed kind: no other decides a claim.
    """

    policies: Mapping[str, _PolicyRow]
    vehicles: Mapping[_OfKind, VehicleFacts]
    holdings: Mapping[int, tuple[tuple[str, Days], ...]]
    designations: Mapping[tuple[int, int], list[Days]]
    standing: _Standing


def gather(asked: Sequence[Asked], companies: Mapping[str, Claimant]) -> list[Facts]:
    """The facts of each claim, in order; a few queries for all of them together."""
    with everyone():
        policies = _policies({one.policy_number for one in asked})
        vehicles = _vehicles({(row.vehicle_id, row.kind) for row in policies.values()})
        holdings = _holdings({vehicle_id for vehicle_id, _kind in vehicles})
        designations = _designations({row.insurer_id for row in policies.values()})
        record = _Record(policies, vehicles, holdings, designations, _standing(asked))
    return [_facts(one, companies[one.company], record) for one in asked]


def gather_one(asked: Asked, apart_from: int = 0) -> tuple[Claimant, Facts] | None:
    """The facts of one claim, by one statement; None where the company is not the caller's.

    A recorded claim that is decided again is no earlier claim to itself: `apart_from` is its id.
    """
    rows = _ONE.read(
        company=asked.company,
        number=asked.policy_number,
        invoice=asked.invoice_key,
        apart_from=apart_from,
    )
    mine = _in_scope(rows["company"], current_scope())
    if mine is None:
        return None
    return mine, _facts(asked, mine, _record(rows))


def _in_scope(rows: Iterable[Any], scope: Scope) -> Claimant | None:
    """The one company found, where it is the caller's: the bundle reads past the scope."""
    return next((Claimant(*row) for row in rows if scope.holds(row.id)), None)


def _record(rows: Rows) -> _Record:
    policies = [_PolicyRow._make(row) for row in rows["policy"]]
    return _Record(
        {row.number: row for row in policies},
        {(row.vehicle_id, row.kind): facts_in(rows) for row in policies},
        _holdings_in(rows["holdings"]),
        _designations_in(rows["designations"]),
        _standing_in(rows["standing"], rows["reversed"]),
    )


def _facts(asked: Asked, company: Claimant, record: _Record) -> Facts:
    policy, row = None, record.policies.get(asked.policy_number)
    if row is not None:
        vehicle = record.vehicles[row.vehicle_id, row.kind]
        held = record.holdings.get(row.vehicle_id) or _held_from_entry(row, vehicle)
        days = record.designations.get((company.region_id, row.insurer_id), ())
        policy = _policy_facts(row, vehicle, held, days)
    return Facts(
        claim=asked.of(company.region, company.credit_code),
        policy=policy,
        invoice_claimed=asked.invoice_key in record.standing.invoices,
        invoice_reversed=asked.invoice_key in record.standing.reversed,
        earlier_amounts=tuple(record.standing.amounts.get(asked.policy_number, ())),
    )


# Policies


_OfKind = tuple[int, str]  # a vehicle's id, a kind of policy


class _PolicyRow(NamedTuple):
    id: int
    number: str
    kind: str
    vehicle_id: int
    insurer_id: int
    insurer: str
    holder: str
    premium: Decimal | None
    vehicle_tax: Decimal | None
    late_fee: Decimal | None
    approval_number: str | None
    request_approved: bool


_POLICY, _INSURER, _VEHICLE, _COMPANY, _HOLDING, _DESIGNATION, _CLAIM, _REVERSED = (
    table.__table__
    for table in (
        Policy, Insurer, Vehicle, Company, Holding, Designation, Claim, ReversedInvoice,
    )
)  # fmt: skip

# An approved request stands behind the policy: one of its vehicle and kind that was not given up.
_REQUEST, _APPROVAL = CoverRequest.__table__, Approval.__table__
_APPROVED = (
    exists()
    .where(
        _REQUEST.c.vehicle_id == _POLICY.c.vehicle_id,
        _REQUEST.c.kind == _POLICY.c.kind,
        _REQUEST.c.occasion == NEW,
        _REQUEST.c.state != WITHDRAWN,
        _APPROVAL.c.id == _REQUEST.c.approval_id,
        _APPROVAL.c.state == APPROVAL_GIVEN,
    )
    .label("request_approved")
)

_POLICIES = (
    select(
        _POLICY.c.id,
        _POLICY.c.policy_number,
        _POLICY.c.kind,
        _POLICY.c.vehicle_id,
        _POLICY.c.insurer_id,
        _INSURER.c.code,
        _COMPANY.c.code,
        _POLICY.c.premium,
        _POLICY.c.vehicle_tax,
        _POLICY.c.late_fee,
        _POLICY.c.approval_number,
        _APPROVED,
    )
    .join_from(_POLICY, _INSURER, _INSURER.c.id == _POLICY.c.insurer_id)
    .join(_VEHICLE, _VEHICLE.c.id == _POLICY.c.vehicle_id)
    .join(_COMPANY, _COMPANY.c.id == _VEHICLE.c.company_id)
)
_POLICIES_OF = _POLICIES.where(_POLICY.c.policy_number.in_(bindparam("numbers", expanding=True)))


def _policies(numbers: set[str]) -> dict[str, _PolicyRow]:
    rows = map(_PolicyRow._make, _rows(_POLICIES_OF, numbers=sorted(numbers)))
    return {row.number: row for row in rows}


def lock_policies(numbers: Iterable[str]) -> None:
    """Let one claim on a policy at a time be decided (PostgreSQL; SQLite's verb is alone).

    Always in the same order, so that two sheets do not wait for one another.
    """
    chosen = select(_POLICY.c.id).where(_POLICY.c.policy_number.in_(sorted(numbers)))
    with everyone():
        db.session.execute(chosen.order_by(_POLICY.c.id).with_for_update())


def _vehicles(claimed: Iterable[_OfKind]) -> dict[_OfKind, VehicleFacts]:
    ids: dict[str, set[int]] = defaultdict(set)
    for vehicle_id, kind in claimed:
        ids[kind].add(vehicle_id)
    return {
        (one.vehicle_id, kind): one
        for kind, of_kind in ids.items()
        for one in vehicle_facts(of_kind, _POLICY.c.kind == kind)
    }


def _policy_facts(
    row: _PolicyRow,
    vehicle: VehicleFacts,
    holdings: tuple[tuple[str, Days], ...],
    designations: Iterable[Days],
) -> PolicyFacts:
    policy = next(one for one in vehicle.policies if one.number == row.number)
    return PolicyFacts(
        policy=policy,
        insurer_code=row.insurer,
        premium=row.premium,
        vehicle_tax=row.vehicle_tax,
        late_fee=row.late_fee,
        approved=bool(row.approval_number or row.request_approved),
        vehicle=vehicle.vehicle,
        vehicle_policies=vehicle.policies,
        holdings=holdings,
        designations=tuple(designations),
    )


# Who held what, who was designated where


_HOLDINGS = (
    select(_HOLDING.c.vehicle_id, _COMPANY.c.code, _HOLDING.c.since, _HOLDING.c.until)
    .join_from(_HOLDING, _COMPANY, _COMPANY.c.id == _HOLDING.c.company_id)
    .order_by(_HOLDING.c.since, _HOLDING.c.id)
)
_HOLDINGS_OF = _HOLDINGS.where(_HOLDING.c.vehicle_id.in_(bindparam("ids", expanding=True)))
_DESIGNATIONS = (
    select(
        _DESIGNATION.c.region_id,
        _DESIGNATION.c.insurer_id,
        _DESIGNATION.c.since,
        _DESIGNATION.c.until,
    )
    .join_from(_DESIGNATION, _INSURER, _INSURER.c.id == _DESIGNATION.c.insurer_id)
    .where(_INSURER.c.kind == INSURER)  # a pool's paper is no insurance, whoever listed the pool
    .order_by(_DESIGNATION.c.since, _DESIGNATION.c.id)
)
_DESIGNATIONS_OF = _DESIGNATIONS.where(
    _DESIGNATION.c.insurer_id.in_(bindparam("ids", expanding=True))
)


def _holdings(vehicle_ids: set[int]) -> dict[int, tuple[tuple[str, Days], ...]]:
    if not vehicle_ids:
        return {}
    return _holdings_in(_rows(_HOLDINGS_OF, ids=sorted(vehicle_ids)))


def _holdings_in(rows: Iterable[Any]) -> dict[int, tuple[tuple[str, Days], ...]]:
    found: dict[int, list[tuple[str, Days]]] = defaultdict(list)
    for vehicle_id, company, since, until in rows:
        found[vehicle_id].append((company, Days(since, until)))
    return {vehicle_id: tuple(held) for vehicle_id, held in found.items()}


def _held_from_entry(row: _PolicyRow, vehicle: VehicleFacts) -> tuple[tuple[str, Days], ...]:
    """A vehicle that never moved is its company's from its entry on, open-ended."""
    return ((row.holder, Days(vehicle.vehicle.service.since)),)


def _designations(insurer_ids: set[int]) -> dict[tuple[int, int], list[Days]]:
    if not insurer_ids:
        return {}
    return _designations_in(_rows(_DESIGNATIONS_OF, ids=sorted(insurer_ids)))


def _designations_in(rows: Iterable[Any]) -> dict[tuple[int, int], list[Days]]:
    found: dict[tuple[int, int], list[Days]] = defaultdict(list)
    for region_id, insurer_id, since, until in rows:
        found[region_id, insurer_id].append(Days(since, until))
    return found


def _rows(query: Any, **values: object) -> Iterable[Any]:
    # The connection: these are no entities.
    return db.session.connection().execute(query, values)


# Claims that stand


class _Standing(NamedTuple):
    """Invoices that stand on payable or paid claims, those reversed, amounts by policy."""

    invoices: set[str]
    reversed: set[str]
    amounts: dict[str, list[Decimal]]


_STANDING = (
    # The state is looked at afterwards: asked here, SQLite would go through every claim in it.
    select(_CLAIM.c.invoice_key, _CLAIM.c.policy_number, _CLAIM.c.amount, _CLAIM.c.state).order_by(
        _CLAIM.c.id
    )
)
_STANDING_OF = _STANDING.where(
    or_(
        _CLAIM.c.invoice_key.in_(bindparam("invoices", expanding=True)),
        _CLAIM.c.policy_number.in_(bindparam("policies", expanding=True)),
    )
)
_TAKEN_BACK = select(_REVERSED.c.invoice_key)
_TAKEN_BACK_OF = _TAKEN_BACK.where(
    _REVERSED.c.invoice_key.in_(bindparam("invoices", expanding=True))
)


def _standing(asked: Sequence[Asked]) -> _Standing:
    invoices = sorted({one.invoice_key for one in asked})
    policies = sorted({one.policy_number for one in asked})
    return _standing_in(
        _rows(_STANDING_OF, invoices=invoices, policies=policies),
        _rows(_TAKEN_BACK_OF, invoices=invoices),
    )


def _standing_in(claims: Iterable[Any], taken_back: Iterable[Any]) -> _Standing:
    claimed: set[str] = set()
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for invoice, policy, amount, state in claims:
        if state in STANDS:
            claimed.add(invoice)
            amounts[policy].append(amount)
    return _Standing(claimed, {row[0] for row in taken_back}, amounts)


# One claim


def _of_one() -> dict[str, Select[Any]]:
    """The queries of one claim: those of many, each narrowed to it."""
    number, invoice = told("number", _CLAIM.c.policy_number), told("invoice", _CLAIM.c.invoice_key)
    company, apart_from = told("company", _COMPANY.c.code), told("apart_from", _CLAIM.c.id)

    claimed = select(_POLICY.c.vehicle_id, _POLICY.c.insurer_id, _POLICY.c.kind)
    claimed = claimed.where(_POLICY.c.policy_number == number).cte("claimed")
    vehicle, insurer, kind = (select(column).scalar_subquery() for column in claimed.c)
    stands = or_(_CLAIM.c.invoice_key == invoice, _CLAIM.c.policy_number == number)
    return {
        "company": _COMPANIES.where(_COMPANY.c.code == company),
        "policy": _POLICIES.where(_POLICY.c.policy_number == number),
        **queries_of(vehicle, _POLICY.c.kind == kind),
        "holdings": _HOLDINGS.where(_HOLDING.c.vehicle_id == vehicle),
        "designations": _DESIGNATIONS.where(_DESIGNATION.c.insurer_id == insurer),
        "standing": _STANDING.where(_CLAIM.c.id != apart_from, stands),
        "reversed": _TAKEN_BACK.where(_REVERSED.c.invoice_key == invoice),
    }


_REGION = Region.__table__
_COMPANIES = select(
    _COMPANY.c.id,
    _COMPANY.c.code,
    _COMPANY.c.region_id,
    _REGION.c.code.label("region"),
    _COMPANY.c.credit_code,
).join_from(_COMPANY, _REGION, _REGION.c.id == _COMPANY.c.region_id)
_ONE = Bundle(**_of_one())
