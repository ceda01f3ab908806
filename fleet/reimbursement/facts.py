"""What is on record about claims, loaded for one or for thousands by the same few queries.

The claiming companies are those the caller may see. Invoices, earlier claims, policies and
vehicles are looked up across the whole group: the rule asks about "any company of the group",
and a policy may stand on a vehicle that another company holds by now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import bindparam, exists, or_, select

from fleet.insurers.tables import INSURER, Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.facts import VehicleFacts, facts_of
from fleet.policies.facts import facts as vehicle_facts
from fleet.policies.tables import Policy
from fleet.reimbursement.rules import Asked
from fleet.reimbursement.tables import PAID, PAYABLE, Claim, ReversedInvoice
from fleet.renewals.rules import WITHDRAWN
from fleet.renewals.tables import APPROVAL_GIVEN, Approval, CoverRequest
from fleet.rulebook.reimbursement import Facts, PolicyFacts
from fleet.rulebook.renewal import NEW
from fleet.storage import db, everyone
from fleet.vehicles.tables import Holding, Vehicle
from fleet.words import Days

AT_ONCE = 2_000  # rows whose facts are in memory together; a statement takes ten times as many
STANDS = (PAYABLE, PAID)


@dataclass(frozen=True, slots=True)
class Claimant:
    """A company that may claim: its row, its region, its credit code."""

    id: int
    code: str
    region_id: int
    region: str
    credit_code: str | None


def claimants(code: str | None = None) -> dict[str, Claimant]:
    """The companies of the caller's scope by code, or only the one of a code."""
    query = select(
        Company.id, Company.code, Company.region_id, Region.code, Company.credit_code
    ).join(Region, Region.id == Company.region_id)
    if code is not None:
        query = query.where(Company.code == code)
    return {row[1]: Claimant(*row) for row in db.session.execute(query)}


def gather(
    asked: Sequence[Asked], companies: Mapping[str, Claimant], apart_from: int = 0
) -> list[Facts]:
    """The facts of each claim, in order; a few queries for all of them together.

    A recorded claim that is decided again is no earlier claim to itself: `apart_from` is its id.
    """
    with everyone():
        policies = _policies({one.policy_number for one in asked})
        vehicles = _vehicles({row.vehicle_id for row in policies.values()})
        holdings = _holdings(set(vehicles))
        designations = _designations({row.insurer_id for row in policies.values()})
        standing = _standing(asked, apart_from)
    made = []
    for one in asked:
        company = companies[one.company]
        row = policies.get(one.policy_number)
        policy = None
        if row is not None:
            vehicle = vehicles[row.vehicle_id]
            held = holdings.get(row.vehicle_id) or _held_from_entry(row, vehicle)
            days = designations.get((company.region_id, row.insurer_id), ())
            policy = _policy_facts(row, vehicle, held, days)
        made.append(
            Facts(
                claim=one.of(company.region, company.credit_code),
                policy=policy,
                invoice_claimed=one.invoice_key in standing.invoices,
                invoice_reversed=one.invoice_key in standing.reversed,
                earlier_amounts=tuple(standing.amounts.get(one.policy_number, ())),
            )
        )
    return made


# Policies


class _PolicyRow(NamedTuple):
    id: int
    number: str
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
    .where(_POLICY.c.policy_number.in_(bindparam("numbers", expanding=True)))
)


def _policies(numbers: set[str]) -> dict[str, _PolicyRow]:
    return {row[1]: _PolicyRow._make(row) for row in _rows(_POLICIES, numbers=sorted(numbers))}


def _vehicles(ids: set[int]) -> dict[int, VehicleFacts]:
    if len(ids) <= 1:  # one claim's answer is waited for: it asks no list of vehicles first
        return {id_: facts_of(id_) for id_ in ids}
    return {one.vehicle_id: one for one in vehicle_facts(ids)}


def _policy_facts(
    row: _PolicyRow,
    vehicle: VehicleFacts,
    holdings: tuple[tuple[str, Days], ...],
    designations: Iterable[Days],
) -> PolicyFacts:
    return PolicyFacts(
        policy=next(one for one in vehicle.policies if one.number == row.number),
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
    .where(_HOLDING.c.vehicle_id.in_(bindparam("ids", expanding=True)))
    .order_by(_HOLDING.c.since)
)
_DESIGNATIONS = (
    select(
        _DESIGNATION.c.region_id,
        _DESIGNATION.c.insurer_id,
        _DESIGNATION.c.since,
        _DESIGNATION.c.until,
    )
    .join_from(_DESIGNATION, _INSURER, _INSURER.c.id == _DESIGNATION.c.insurer_id)
    .where(
        _DESIGNATION.c.insurer_id.in_(bindparam("ids", expanding=True)),
        _INSURER.c.kind == INSURER,  # a pool's paper is no insurance, whoever listed the pool
    )
    .order_by(_DESIGNATION.c.since)
)


def _holdings(vehicle_ids: set[int]) -> dict[int, tuple[tuple[str, Days], ...]]:
    if not vehicle_ids:
        return {}
    found: dict[int, list[tuple[str, Days]]] = defaultdict(list)
    for vehicle_id, company, since, until in _rows(_HOLDINGS, ids=sorted(vehicle_ids)):
        found[vehicle_id].append((company, Days(since, until)))
    return {vehicle_id: tuple(held) for vehicle_id, held in found.items()}


def _held_from_entry(row: _PolicyRow, vehicle: VehicleFacts) -> tuple[tuple[str, Days], ...]:
    """A vehicle that never moved is its company's from its entry on, open-ended."""
    return ((row.holder, Days(vehicle.vehicle.service.since)),)


def _designations(insurer_ids: set[int]) -> dict[tuple[int, int], list[Days]]:
    if not insurer_ids:
        return {}
    found: dict[tuple[int, int], list[Days]] = defaultdict(list)
    for region_id, insurer_id, since, until in _rows(_DESIGNATIONS, ids=sorted(insurer_ids)):
        found[region_id, insurer_id].append(Days(since, until))
    return found


def _rows(query: Any, **values: object) -> Iterable[Any]:
    # The connection: these are no entities, and one claim's answer is waited for.
    return db.session.connection().execute(query, values)


# Claims that stand


@dataclass(frozen=True, slots=True)
class _Standing:
    """Invoices that stand on payable or paid claims, those reversed, amounts by policy."""

    invoices: set[str]
    reversed: set[str]
    amounts: dict[str, list[Decimal]]


_STANDING = (
    select(_CLAIM.c.invoice_key, _CLAIM.c.policy_number, _CLAIM.c.amount)
    .where(
        _CLAIM.c.state.in_(STANDS),
        _CLAIM.c.id != bindparam("apart_from"),
        or_(
            _CLAIM.c.invoice_key.in_(bindparam("invoices", expanding=True)),
            _CLAIM.c.policy_number.in_(bindparam("policies", expanding=True)),
        ),
    )
    .order_by(_CLAIM.c.id)
)
_TAKEN_BACK = select(_REVERSED.c.invoice_key).where(
    _REVERSED.c.invoice_key.in_(bindparam("invoices", expanding=True))
)


def _standing(asked: Sequence[Asked], apart_from: int) -> _Standing:
    invoices = sorted({one.invoice_key for one in asked})
    policies = sorted({one.policy_number for one in asked})
    claimed: set[str] = set()
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    rows = _rows(_STANDING, invoices=invoices, policies=policies, apart_from=apart_from)
    for invoice, policy, amount in rows:
        claimed.add(invoice)
        amounts[policy].append(amount)
    taken_back = {row[0] for row in _rows(_TAKEN_BACK, invoices=invoices)}
    return _Standing(claimed, taken_back, amounts)
