"""What a vehicle's covers are worth: its shortfalls, its standing, and its timeline.

Pure: the moment asked about and the rulebook are told. Instants given are aware; those
returned are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from fleet.rulebook.book import KINDS, Edition, Rulebook
from fleet.rulebook.facts import Line, Policy, Vehicle
from fleet.rulebook.requirements import CHECKS, NOT_ASKED, Case
from fleet.words import Finding, midnight, utc

__all__ = [
    "STANDINGS",
    "Judgement",
    "Line",
    "Policy",
    "Standing",
    "Step",
    "Vehicle",
    "in_service",
    "judgements",
    "shortfalls",
    "standing",
    "timeline",
]

STANDINGS = ("compliant", "short", "barred", "spared", "not_asked", "out_of_service")

_TICK = timedelta(microseconds=1)
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


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
        for judgement in _judge(Case.at(vehicle, policies, book, moment, kind), newest)
    )


def _judge(case: Case, newest: Edition) -> Iterator[Judgement]:
    governing = case.governing()
    own = {one.name: one for one in governing.by_kind[case.kind]} if governing else {}
    asked = {one.name: one for one in newest.by_kind[case.kind]}
    for name in {**asked, **own}:
        verdict = CHECKS[name](own[name], case) if name in own else NOT_ASKED
        would = CHECKS[name](asked[name], case) if name in asked else NOT_ASKED
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
        case = Case.at(vehicle, policies, book, moment, kind)
        governing = case.governing()
        own = _findings(governing, case) if governing else []
        if governing and own and any(one.code in governing.barred_by for one in own):
            barred = True
        short += own
        if newest is not governing and newest is not None:
            would += _findings(newest, case)
    codes = {finding.code for finding in short} if would else set()
    return _Weighed(short, [one for one in would if one.code not in codes], barred)


def _findings(edition: Edition, case: Case) -> list[Finding]:
    return [
        finding
        for requirement in edition.by_kind[case.kind]
        for finding in CHECKS[requirement.name](requirement, case).findings
    ]
