"""What a vehicle's covers are worth: its shortfalls, its standing, and its timeline.

Pure: the moment asked about and the rulebook are told. Instants given are aware; those
returned are UTC.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from fleet.rulebook.book import KINDS, Edition, Requirement, Rulebook, Terms
from fleet.words import Days, Finding, Period, midnight, plain_number, utc

STANDINGS = ("compliant", "short", "barred", "spared", "not_asked", "out_of_service")

_ZERO = Decimal(0)
_TICK = timedelta(microseconds=1)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


# The facts


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle: seats as licensed (the driver's included, 0 for a trailer) and its days."""

    vin: str
    seats: int
    energy: str
    service: Days
    lay_ups: tuple[Days, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A cover of a policy: sum in yuan (occupants: a seat), rate in percent.

    `since` and `until` stand where an endorsement added or ended it; None is the policy's own.
    """

    cover: str
    sum_insured: Decimal | None = None
    seats: int | None = None
    deductible_rate: Decimal | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        """Keep instants in UTC."""
        _keep_utc(self, "since", "until")

    def runs(self, moment: datetime) -> bool:
        """Tell whether the line itself is on at a moment in UTC; its policy may not be."""
        if self.since is not None and moment < self.since:
            return False
        return self.until is None or moment < self.until


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy; `period` is its effective one, None where it was void or is a pool's paper.

    Money is yuan, rates are percent, `ends` is exclusive. The effective end is the earlier of
    the printed end and the cancellation.
    """

    number: str
    kind: str
    is_insurance: bool
    begins: datetime
    ends: datetime
    cancelled_at: datetime | None = None
    signed_on: date | None = None
    vehicle_tax: Decimal | None = None
    tax_exempt: bool = False
    terms: str | None = None
    absolute_deductible_rate: Decimal | None = None
    absolute_deductible_amount: Decimal | None = None
    repair_restricted: bool = False
    lines: tuple[Line, ...] = ()
    period: Period | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep instants in UTC and work out the effective period once."""
        _keep_utc(self, "begins", "ends", "cancelled_at")
        ends = self.ends if self.cancelled_at is None else min(self.ends, self.cancelled_at)
        counts = self.is_insurance and self.begins < ends
        object.__setattr__(self, "period", Period(self.begins, ends) if counts else None)

    def in_force(self, moment: datetime) -> bool:
        """Tell whether it covers a moment in UTC."""
        period = self.period
        return period is not None and period.begins <= moment < period.ends


def _keep_utc(fact: Line | Policy, *names: str) -> None:
    # Two local times of one zone compare by the clock's face, wrongly across a clock change.
    for name in names:
        instant = getattr(fact, name)
        if instant is not None:
            object.__setattr__(fact, name, utc(instant))


# The answers


class Judgement(NamedTuple):
    """How one requirement stands at a moment.

    `asked` is False where it does not apply: no seats, no commercial policy for 2.5 and 2.6,
    or an edition that does not reach the vehicle; `spared` then holds what that edition would
    find. `basis` names the insurer's terms it was read by, where they decide.
    """

    requirement: str
    clause: str
    kind: str
    asked: bool
    met: bool
    findings: tuple[Finding, ...]
    spared: tuple[Finding, ...]
    basis: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A vehicle's standing at a moment; `rulebook_since` is the newest edition's day."""

    standing: str
    shortfalls: tuple[Finding, ...]
    spared: tuple[Finding, ...]
    rulebook_since: date | None


@dataclass(frozen=True, slots=True)
class Step:
    """A stretch of time over which standing and codes stay; details are as at its beginning."""

    since: datetime | None
    until: datetime | None
    standing: str
    shortfalls: tuple[Finding, ...]
    spared: tuple[Finding, ...]
    rulebook_since: date | None


def in_service(vehicle: Vehicle, book: Rulebook, moment: datetime) -> bool:
    """Tell whether the vehicle is in the fleet and not laid up at a moment."""
    moment, zone = utc(moment), book.zone
    return vehicle.service.contains_instant(moment, zone) and not any(
        days.contains_instant(moment, zone) for days in vehicle.lay_ups
    )


def shortfalls(
    vehicle: Vehicle,
    policies: Sequence[Policy],
    book: Rulebook,
    moment: datetime,
    kind: str | None = None,
) -> tuple[Finding, ...]:
    """Return what falls short at a moment under the governing editions, the vehicle in service.

    `kind` limits it to the requirements of one policy kind.
    """
    kinds = KINDS if kind is None else (kind,)
    return tuple(_weigh(vehicle, policies, book, utc(moment), kinds).short)


def standing(
    vehicle: Vehicle, policies: Sequence[Policy], book: Rulebook, moment: datetime
) -> Standing:
    """Return the vehicle's standing at a moment (4.2, 4.4)."""
    moment = utc(moment)
    newest = book.newest(moment)
    since = newest.since if newest else None
    if not in_service(vehicle, book, moment):
        return Standing("out_of_service", (), (), since)
    if newest is None:
        return Standing("not_asked", (), (), since)
    short, spared, barred = _weigh(vehicle, policies, book, moment, KINDS)
    return Standing(_named(barred, short, spared), tuple(short), tuple(spared), since)


def _named(barred: bool, short: list[Finding], spared: list[Finding]) -> str:  # noqa: FBT001
    if barred:
        return "barred"
    if short:
        return "short"
    return "spared" if spared else "compliant"


def timeline(vehicle: Vehicle, policies: Sequence[Policy], book: Rulebook) -> list[Step]:
    """Return every step of the vehicle's standing, oldest first, tiling all of time.

    The first step has no `since`, the last no `until`.
    """
    cuts = sorted(set(_cuts(vehicle, policies, book)))
    before = cuts[0] - _TICK if cuts[0] > _BEFORE_ALL else _BEFORE_ALL
    turns: list[tuple[datetime | None, Standing]] = [
        (None, standing(vehicle, policies, book, before))
    ]
    for cut in cuts:
        now = standing(vehicle, policies, book, cut)
        if _signature(now) != _signature(turns[-1][1]):
            turns.append((cut, now))
    ends = [since for since, _ in turns[1:]]
    return [
        Step(since, until, now.standing, now.shortfalls, now.spared, now.rulebook_since)
        for (since, now), until in zip(turns, [*ends, None], strict=True)
    ]


def _signature(now: Standing) -> tuple[str, frozenset[str], frozenset[str]]:
    short = frozenset(finding.code for finding in now.shortfalls)
    return now.standing, short, frozenset(finding.code for finding in now.spared)


def _cuts(vehicle: Vehicle, policies: Sequence[Policy], book: Rulebook) -> Iterator[datetime]:
    for edition in book.editions:
        yield edition.starts
    for days in (vehicle.service, *vehicle.lay_ups):
        yield midnight(days.since, book.zone)
        if days.until is not None:
            yield midnight(days.until, book.zone)
    for policy in policies:
        period = policy.period
        if period is None:
            continue
        yield period.begins
        yield period.ends
        for line in policy.lines:
            if line.since is not None and period.begins < line.since < period.ends:
                yield line.since
            if line.until is not None and period.begins < line.until < period.ends:
                yield line.until


def judgements(
    vehicle: Vehicle, policies: Sequence[Policy], book: Rulebook, moment: datetime
) -> tuple[Judgement, ...]:
    """Return how every requirement stands at a moment, in the newest edition's order.

    Empty before the first edition; the vehicle is taken as in service.
    """
    moment = utc(moment)
    newest = book.newest(moment)
    if newest is None:
        return ()
    return tuple(
        judgement
        for kind in KINDS
        for judgement in _judge(_Case.at(vehicle, policies, book, moment, kind), newest)
    )


def _judge(case: _Case, newest: Edition) -> Iterator[Judgement]:
    governing = case.governing()
    own = {one.name: one for one in governing.by_kind[case.kind]} if governing else {}
    asked = {one.name: one for one in newest.by_kind[case.kind]}
    for name in {**asked, **own}:
        verdict = CHECKS[name](own[name], case) if name in own else _NOT_ASKED
        would = CHECKS[name](asked[name], case) if name in asked else _NOT_ASKED
        codes = {finding.code for finding in verdict.findings}
        yield Judgement(
            requirement=name,
            clause=(own.get(name) or asked[name]).clause,
            kind=case.kind,
            asked=verdict.asked,
            met=not verdict.findings,
            findings=verdict.findings,
            spared=tuple(one for one in would.findings if one.code not in codes),
            basis=verdict.basis,
        )


# Weighing


class _Weighed(NamedTuple):
    short: list[Finding]
    spared: list[Finding]
    barred: bool


def _weigh(
    vehicle: Vehicle,
    policies: Sequence[Policy],
    book: Rulebook,
    moment: datetime,
    kinds: Sequence[str],
) -> _Weighed:
    newest = book.newest(moment)
    short: list[Finding] = []
    would: list[Finding] = []
    barred = False
    for kind in kinds:
        case = _Case.at(vehicle, policies, book, moment, kind)
        governing = case.governing()
        own = _findings(governing, case) if governing else []
        if governing and own and any(one.code in governing.barred_by for one in own):
            barred = True
        short += own
        if newest is not governing and newest is not None:
            would += _findings(newest, case)
    codes = {finding.code for finding in short} if would else set()
    return _Weighed(short, [one for one in would if one.code not in codes], barred)


def _findings(edition: Edition, case: _Case) -> list[Finding]:
    return [
        finding
        for requirement in edition.by_kind[case.kind]
        for finding in CHECKS[requirement.name](requirement, case).findings
    ]


@dataclass(slots=True)
class _Case:
    """One policy kind of one vehicle at one moment: what is in force, earliest begun first."""

    vehicle: Vehicle
    book: Rulebook
    moment: datetime
    kind: str
    running: list[tuple[Policy, list[Line]]]

    @classmethod
    def at(
        cls,
        vehicle: Vehicle,
        policies: Sequence[Policy],
        book: Rulebook,
        moment: datetime,
        kind: str,
    ) -> _Case:
        running = [one for one in policies if one.kind == kind and one.in_force(moment)]
        if len(running) > 1:
            running.sort(key=lambda one: (one.begins, one.number))
        lines = [(one, [line for line in one.lines if line.runs(moment)]) for one in running]
        return cls(vehicle, book, moment, kind, lines)

    def governing(self) -> Edition | None:
        earliest = self.running[0][0].begins if self.running else None
        return self.book.governing(self.moment, self.kind, earliest)

    def lines(self, cover: str) -> list[Line]:
        return [line for _, lines in self.running for line in lines if line.cover == cover]

    def terms(self, policy: Policy) -> Terms:
        stated = self.book.terms_named(policy.terms) if policy.terms else None
        return stated or self.book.terms_sold(self.vehicle.energy, policy.signed_on, policy.begins)


# The requirements, each by its name in the editions. A changed formula is a new function under
# a new name: an edition in force keeps the one it was written for.


class Verdict(NamedTuple):
    """What a requirement's function finds: nothing where it is met or not asked."""

    findings: tuple[Finding, ...]
    basis: str | None = None
    asked: bool = True


_MET = Verdict(())
_NOT_ASKED = Verdict((), asked=False)


def _missing(requirement: Requirement) -> Verdict:
    minimum = requirement.minimum
    required = plain_number(minimum) if minimum is not None else None
    code = f"{requirement.name}_missing"
    return Verdict((Finding(code, requirement.clause, None, required),))


def _compulsory(requirement: Requirement, case: _Case) -> Verdict:
    """2.1: a compulsory policy in force."""
    if not case.vehicle.seats:
        return _NOT_ASKED
    return _MET if case.running else _missing(requirement)


def _vehicle_tax(requirement: Requirement, case: _Case) -> Verdict:
    """2.1: its tax recorded as paid or not due; an amount of 0 alone records nothing."""
    if not case.vehicle.seats:
        return _NOT_ASKED
    if any(one.tax_exempt or (one.vehicle_tax or _ZERO) > 0 for one, _ in case.running):
        return _MET
    return _missing(requirement)


def _damage(requirement: Requirement, case: _Case) -> Verdict:
    """2.2: damage cover in force."""
    return _MET if case.lines("damage") else _missing(requirement)


def _third_party(requirement: Requirement, case: _Case) -> Verdict:
    """2.3: the best third-party line not under the minimum; sums are not added up."""
    sums = [line.sum_insured or _ZERO for line in case.lines("third_party")]
    if not sums:
        return _missing(requirement)
    return _below("third_party_below", requirement, max(sums)) or _MET


def _below(code: str, requirement: Requirement, found: Decimal) -> Verdict | None:
    minimum = requirement.minimum or _ZERO
    if found >= minimum:
        return None
    return Verdict((Finding(code, requirement.clause, plain_number(found), plain_number(minimum)),))


def _occupants(requirement: Requirement, case: _Case) -> Verdict:
    """2.4: every licensed seat covered, each at the minimum, seat by seat by its best line."""
    licensed = case.vehicle.seats
    if not licensed:
        return _NOT_ASKED
    drivers = [
        line.sum_insured or _ZERO
        for line in case.lines("occupants_driver")
        if line.seats is None or line.seats > 0
    ]
    passengers = [
        (line.seats, line.sum_insured or _ZERO)
        for line in case.lines("occupants_passengers")
        if line.seats is not None and line.seats > 0
    ]
    if not drivers and not passengers:
        return _missing(requirement)
    behind = min(max((seats for seats, _ in passengers), default=0), licensed - 1)
    lowest = [max(drivers)] if drivers else []
    if behind:
        # The last seat covered is reached by the fewest lines, so none has a lower best one.
        lowest.append(max(insured for seats, insured in passengers if seats >= behind))
    covered = behind + bool(drivers)
    findings: tuple[Finding, ...] = ()
    if covered < licensed:
        seats_below = "occupants_seats_below"
        findings = (Finding(seats_below, requirement.clause, str(covered), str(licensed)),)
    below = _below("occupants_sum_below", requirement, min(lowest)) if lowest else None
    return Verdict(findings + (below.findings if below else ()))


_Lack = Callable[[Policy, list[Line], Terms, Rulebook], str | None]
_NOTHING_THERE = ""


def _excess_waiver(requirement: Requirement, case: _Case) -> Verdict:
    """2.5, read by the insurer's terms."""
    return _by_terms(requirement, case, _waiver_lacks)


def _designated_repair(requirement: Requirement, case: _Case) -> Verdict:
    """2.6, read by the insurer's terms."""
    return _by_terms(requirement, case, _repair_lacks)


def _by_terms(requirement: Requirement, case: _Case, lacks: _Lack) -> Verdict:
    """Judge policy by policy: one that meets it is enough, the latest begun explains."""
    if not case.running:
        return _NOT_ASKED
    found, basis = None, None
    for policy, lines in case.running:
        terms = case.terms(policy)
        found, basis = lacks(policy, lines, terms, case.book), terms.name
        if found is None:
            return Verdict((), basis)
    code = f"{requirement.name}_missing"
    return Verdict((Finding(code, requirement.clause, found or None, basis=basis),), basis)


def _has(lines: list[Line], cover: str) -> bool:
    return any(line.cover == cover for line in lines)


def _waiver_lacks(policy: Policy, lines: list[Line], terms: Terms, book: Rulebook) -> str | None:
    if terms.reading == "line":
        return None if _has(lines, "excess_waiver") else _NOTHING_THERE
    if not _has(lines, "damage"):
        return "no_damage"
    return _absolute_deductible(policy, lines, book)


def _repair_lacks(policy: Policy, lines: list[Line], terms: Terms, _book: Rulebook) -> str | None:
    if terms.reading == "line":
        return None if _has(lines, "designated_repair") else _NOTHING_THERE
    if not _has(lines, "damage"):
        return "no_damage"
    return "repair_restricted" if policy.repair_restricted else None


def _absolute_deductible(policy: Policy, lines: list[Line], book: Rulebook) -> str | None:
    rates = [
        line.deductible_rate or _ZERO
        for line in lines
        if line.cover == "absolute_deductible" or line.cover in book.main_covers
    ]
    rate = max(policy.absolute_deductible_rate or _ZERO, *rates, _ZERO)
    if rate > 0:
        return f"{plain_number(rate)}%"
    amount = policy.absolute_deductible_amount or _ZERO
    return plain_number(amount) if amount > 0 else None


CHECKS: dict[str, Callable[[Requirement, _Case], Verdict]] = {
    "compulsory": _compulsory,
    "vehicle_tax": _vehicle_tax,
    "damage": _damage,
    "third_party": _third_party,
    "occupants": _occupants,
    "excess_waiver": _excess_waiver,
    "designated_repair": _designated_repair,
}
