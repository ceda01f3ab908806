"""What is asked of a vehicle (2.1 to 2.6), each requirement by its name in the editions.

A changed formula is a new function under a new name: an edition in force keeps the one that it
was written for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from fleet.rulebook.book import Edition, Requirement, Rulebook, Terms
from fleet.rulebook.facts import Line, Policy, Vehicle
from fleet.words import Finding, plain_number

_ZERO = Decimal(0)


@dataclass(slots=True)
class Case:
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
    ) -> Case:
        """Gather the policies of a kind, and their lines, in force at a moment in UTC."""
        running = [one for one in policies if one.kind == kind and one.in_force(moment)]
        if len(running) > 1:
            running.sort(key=lambda one: (one.begins, one.number))
        lines = [(one, [line for line in one.lines if line.runs(moment)]) for one in running]
        return cls(vehicle, book, moment, kind, lines)

    def governing(self) -> Edition | None:
        """Return the edition that reaches the earliest begun of the running policies (4.4)."""
        earliest = self.running[0][0].begins if self.running else None
        return self.book.governing(self.moment, self.kind, earliest)

    def lines(self, cover: str) -> list[Line]:
        """Return every line of a cover in force, of whichever policy."""
        return [line for _, lines in self.running for line in lines if line.cover == cover]

    def terms(self, policy: Policy) -> Terms:
        """Return the wording a policy states, else the one on sale when it was signed."""
        stated = self.book.terms_named(policy.terms) if policy.terms else None
        return stated or self.book.terms_sold(self.vehicle.energy, policy.signed_on, policy.begins)


class Verdict(NamedTuple):
    """What a requirement's function finds: nothing where it is met or not asked."""

    findings: tuple[Finding, ...]
    basis: str | None = None
    asked: bool = True


MET = Verdict(())
NOT_ASKED = Verdict((), asked=False)


@lru_cache(maxsize=256)
def _missing(requirement: Requirement) -> Verdict:
    minimum = requirement.minimum
    required = plain_number(minimum) if minimum is not None else None
    code = f"{requirement.name}_missing"
    return Verdict((Finding(code, requirement.clause, None, required),))


def _compulsory(requirement: Requirement, case: Case) -> Verdict:
    """2.1: a compulsory policy in force."""
    if not case.vehicle.seats:
        return NOT_ASKED
    return MET if case.running else _missing(requirement)


def _vehicle_tax(requirement: Requirement, case: Case) -> Verdict:
    """2.1: its tax recorded as paid or not due; an amount of 0 alone records nothing."""
    if not case.vehicle.seats:
        return NOT_ASKED
    if any(one.tax_exempt or (one.vehicle_tax or _ZERO) > 0 for one, _ in case.running):
        return MET
    return _missing(requirement)


def _damage(requirement: Requirement, case: Case) -> Verdict:
    """2.2: damage cover in force."""
    return MET if case.lines("damage") else _missing(requirement)


def _third_party(requirement: Requirement, case: Case) -> Verdict:
    """2.3: the best third-party line not under the minimum; sums are not added up."""
    sums = [line.sum_insured or _ZERO for line in case.lines("third_party")]
    if not sums:
        return _missing(requirement)
    return _below("third_party_below", requirement, max(sums)) or MET


def _below(code: str, requirement: Requirement, found: Decimal) -> Verdict | None:
    minimum = requirement.minimum or _ZERO
    if found >= minimum:
        return None
    return Verdict((Finding(code, requirement.clause, plain_number(found), plain_number(minimum)),))


def _occupants(requirement: Requirement, case: Case) -> Verdict:
    """2.4: every licensed seat covered, each at the minimum, seat by seat by its best line."""
    licensed = case.vehicle.seats
    if not licensed:
        return NOT_ASKED
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


def _excess_waiver(requirement: Requirement, case: Case) -> Verdict:
    """2.5, read by the insurer's terms."""
    return _by_terms(requirement, case, _waiver_lacks)


def _designated_repair(requirement: Requirement, case: Case) -> Verdict:
    """2.6, read by the insurer's terms."""
    return _by_terms(requirement, case, _repair_lacks)


def _by_terms(requirement: Requirement, case: Case, lacks: _Lack) -> Verdict:
    """Judge policy by policy: one that meets it is enough, the latest begun explains."""
    if not case.running:
        return NOT_ASKED
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


CHECKS: dict[str, Callable[[Requirement, Case], Verdict]] = {
    "compulsory": _compulsory,
    "vehicle_tax": _vehicle_tax,
    "damage": _damage,
    "third_party": _third_party,
    "occupants": _occupants,
    "excess_waiver": _excess_waiver,
    "designated_repair": _designated_repair,
}
