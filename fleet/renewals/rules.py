"""A request's life: which move leads where, why a need ended, which covers are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from fleet.notices.rules import COMPANY, DESK, GROUP
from fleet.rulebook.book import RenewalRule, Requirement, Rulebook
from fleet.rulebook.cover import Policy, Vehicle, shortfalls
from fleet.rulebook.renewal import NEW, cover_ends, following
from fleet.words import Finding, Period, last_day, midnight, noon

# Where a request stands. Late is a fact of the date, not a state.
DUE = "due"
PREPARED = "prepared"
APPROVED = "approved"
SUBMITTED = "submitted"
RETURNED = "returned"
ACCEPTED = "accepted"
PLACED = "placed"
INSURED = "insured"
WITHDRAWN = "withdrawn"
LEFT_FLEET = "left_fleet"
LAID_UP = "laid_up"
EXPIRY_CHANGED = "expiry_changed"

WITH_COMPANY = (DUE, PREPARED, APPROVED, RETURNED)
WITH_DESK = (SUBMITTED, ACCEPTED, PLACED)
OPEN = (*WITH_COMPANY, *WITH_DESK)
ENDED_BY_FACTS = (INSURED, LEFT_FLEET, LAID_UP, EXPIRY_CHANGED)
ENDED = (*ENDED_BY_FACTS, WITHDRAWN)
STATES = (*OPEN, *ENDED)

# What people do. Facts on record end a request by themselves; nobody ticks it off.
PREPARE = "prepare"
APPROVE = "approve"
UNAPPROVE = "unapprove"
SUBMIT = "submit"
ACCEPT = "accept"
RETURN = "return"
PLACE = "place"
UNPLACE = "unplace"
WITHDRAW = "withdraw"
RESUME = "resume"

MOVES: Mapping[str, tuple[tuple[str, ...], str]] = {
    PREPARE: ((DUE, PREPARED, APPROVED, RETURNED), PREPARED),
    APPROVE: ((PREPARED,), APPROVED),
    UNAPPROVE: ((APPROVED, SUBMITTED, ACCEPTED), PREPARED),
    SUBMIT: ((PREPARED, APPROVED), SUBMITTED),
    ACCEPT: ((SUBMITTED,), ACCEPTED),
    RETURN: ((SUBMITTED, ACCEPTED), RETURNED),
    PLACE: ((ACCEPTED,), PLACED),
    UNPLACE: ((PLACED,), ACCEPTED),
    WITHDRAW: (OPEN, WITHDRAWN),
    RESUME: ((WITHDRAWN,), DUE),
}

# What the OA said that moved nothing; the last: a no to what is placed already.
OA_APPROVED = "oa_approved"
OA_REJECTED = "oa_rejected"
OA_WITHDRAWN = "oa_withdrawn"
OA_TOO_LATE = "oa_too_late"

SOLD, SCRAPPED, OTHER = "sold", "scrapped", "other"
WITHDRAWN_FOR = (SOLD, SCRAPPED, LAID_UP, OTHER)

# What is asked next of a request beside the moves themselves.
GET_APPROVAL = "get_approval"
MEND = "mend"
RECORD = "record"

DRIVER = "occupants_driver"
PASSENGERS = "occupants_passengers"
# Under the terms now on sale both belong to damage and are no lines of their own (2.5, 2.6).
_WITHIN_DAMAGE = {"excess_waiver", "designated_repair"}

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Open:
    """An open request as the rule sees it: which kind of policy, which expiry day."""

    kind: str
    expiry_day: date


def leads_to(move: str, state: str) -> str | None:
    """Return the state that a move leads to from a state, None where it is no legal move."""
    before, after = MOVES[move]
    return after if state in before else None


def moves_from(state: str) -> list[str]:
    """Return the moves that a state allows."""
    return [move for move, (before, _) in MOVES.items() if state in before]


def told_at(state: str, rung: int, ladder: RenewalRule) -> tuple[str, ...]:
    """Return the levels that are reminded of a request at a rung, each beside the ones before.

    Whoever has to act, company or desk; then the desk, then the group, as the ladder says.
    """
    levels = [DESK if state in WITH_DESK else COMPANY]
    if rung >= ladder.desk_from and DESK not in levels:
        levels.append(DESK)
    if rung >= ladder.group_from:
        levels.append(GROUP)
    return tuple(levels)


def approval_asked(occasion: str, region: str, book: Rulebook, day: date) -> bool:
    """Tell whether an approval in the OA stands before submission: always of a new one (3.2)."""
    return occasion == NEW or book.renewal_at(noon(day, book.zone), region).approval_asked


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is asked next of an open request, of whom, by which clause."""

    what: str
    of: str
    clause: str


def next_step(state: str, occasion: str, *, approval_asked: bool) -> NextStep | None:
    """Return what an open request waits for (3.1 to 3.3), None where it has ended."""
    reported_by = "3.2" if occasion == NEW else "3.3"
    steps = {
        DUE: NextStep(PREPARE, COMPANY, reported_by),
        RETURNED: NextStep(MEND, COMPANY, reported_by),
        PREPARED: NextStep(GET_APPROVAL, COMPANY, "3.2")
        if approval_asked
        else NextStep(SUBMIT, COMPANY, reported_by),
        APPROVED: NextStep(SUBMIT, COMPANY, reported_by),
        SUBMITTED: NextStep(ACCEPT, DESK, reported_by),
        ACCEPTED: NextStep(PLACE, DESK, "3.1"),
        PLACED: NextStep(RECORD, DESK, reported_by),
    }
    return steps.get(state)


# Where it stands on its way: done, now, still ahead, or passed over.
DONE, NOW, AHEAD, PASSED = "done", "now", "ahead", "passed"
_WAY = (DUE, PREPARED, APPROVED, SUBMITTED, ACCEPTED, PLACED, INSURED)


def progress(state: str, been: Iterable[str], *, approval_asked: bool) -> list[tuple[str, str]]:
    """Return the states of a request's way, each with whether it is done, now, ahead or passed.

    `been` are the states it was brought to. Approval is on the way where it is asked or was
    given. What was returned is mended before it is reported again; what ended otherwise than
    insured goes no further, and an insured one may have passed over steps.
    """
    visited = {DUE, *been}
    way = [one for one in _WAY if one != APPROVED or approval_asked or APPROVED in visited]
    if state == RETURNED:
        way.insert(way.index(SUBMITTED), RETURNED)
    elif state not in way:
        return [*((one, DONE) for one in way if one in visited and one != INSURED), (state, NOW)]
    here = way.index(state)
    skipped = {one for one in way[:here] if state == INSURED and one not in visited}
    before = [(one, PASSED if one in skipped else DONE) for one in way[:here]]
    return [*before, (state, NOW), *((one, AHEAD) for one in way[here + 1 :])]


# What follows the cover that ends


@dataclass(frozen=True, slots=True)
class Followed:
    """The policy that follows, the time uncovered before it, and what it lacks at its beginning."""

    policy: Policy
    gap: Period | None
    short: tuple[Finding, ...]


def followed(
    vehicle: Vehicle, policies: Sequence[Policy], request: Open, book: Rulebook
) -> Followed | None:
    """Return what covers past an expiry day, with its gap and shortfall; None where nothing does.

    It is judged from its beginning on, at the earliest when it stands without the cover that
    ends. Time uncovered counts from the end of the cover before it, or, for a vehicle that was
    not on the road then, from its first day there.
    """
    policy = following(policies, request.kind, request.expiry_day, book)
    if policy is None or policy.period is None:
        return None
    first, begins = midnight(request.expiry_day + _DAY, book.zone), policy.period.begins
    ended = [
        one.period.ends
        for one in policies
        if one.kind == request.kind and one.period is not None and one.period.begins < begins
    ]
    since = max(ended, default=first)
    if last_day(since, book.zone) < request.expiry_day:
        since = first  # off the road between the two
    short = shortfalls(vehicle, policies, book, max(begins, first), request.kind)
    return Followed(policy, Period(since, begins) if since < begins else None, short)


def why_closed(
    vehicle: Vehicle, policies: Sequence[Policy], request: Open, book: Rulebook, day: date
) -> str:
    """Return why a request is not needed on a day any more, the first that applies (3.3).

    `insured`: cover reaches past the expiry day. `left_fleet`, `laid_up`: on that day, or the
    day after the expiry day, the vehicle is not in service. `expiry_changed`: the policy was
    cancelled, corrected or taken away, so that cover ends on another day.
    """
    after = request.expiry_day + _DAY
    reached = cover_ends(policies, request.kind, noon(max(day, after), book.zone))
    if reached is not None and last_day(reached, book.zone) > request.expiry_day:
        return INSURED
    asked = (day, after)
    if not all(vehicle.service.contains(one) for one in asked):
        return LEFT_FLEET
    if any(days.contains(one) for days in vehicle.lay_ups for one in asked):
        return LAID_UP
    return EXPIRY_CHANGED


# What is asked of the insurer


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A cover asked for: sum in yuan (occupants: a seat; None: as the insurer values it)."""

    cover: str
    sum_insured: Decimal | None = None
    seats: int | None = None


def required_lines(
    requirements: Iterable[Requirement], kind: str, vehicle: Vehicle
) -> list[AskedLine]:
    """Return the cover lines that the rule asks of a kind, at their least sums (2.1 to 2.6).

    A compulsory policy has no lines: the tax goes with it.
    """
    lines: list[AskedLine] = []
    for one in requirements:
        if one.kind == kind and one.name not in _WITHIN_DAMAGE:
            lines += _lines_of(one, vehicle)
    return lines if kind != "compulsory" else []


def _lines_of(one: Requirement, vehicle: Vehicle) -> list[AskedLine]:
    if one.name != "occupants":
        return [AskedLine(one.name, one.minimum)]
    passengers = vehicle.seats - 1
    lines = [AskedLine(DRIVER, one.minimum, 1)] if vehicle.seats else []
    return [*lines, AskedLine(PASSENGERS, one.minimum, passengers)] if passengers > 0 else lines


def prefilled(required: Sequence[AskedLine], expiring: Sequence[AskedLine]) -> list[AskedLine]:
    """Return the required lines, each at the expiring policy's sum where that is higher.

    Optional covers of the expiring policy follow; the company may leave them out (2.7).
    """
    held = {line.cover: line for line in expiring}
    lines = [_raised(line, held.get(line.cover)) for line in required]
    named = {line.cover for line in lines} | _WITHIN_DAMAGE | {"absolute_deductible"}
    return [*lines, *(line for line in expiring if line.cover not in named)]


def _raised(line: AskedLine, held: AskedLine | None) -> AskedLine:
    if held is None or held.sum_insured is None or line.sum_insured is None:
        return line
    return AskedLine(line.cover, max(line.sum_insured, held.sum_insured), line.seats)


def clause_of(requirements: Iterable[Requirement], cover: str) -> str:
    """Return the clause that asks for a cover; 2.7 where it is the company's own choice."""
    name = "occupants" if cover in {DRIVER, PASSENGERS} else cover
    return next((one.clause for one in requirements if one.name == name), "2.7")


def still_lacking(required: Iterable[AskedLine], asked: Iterable[AskedLine]) -> list[AskedLine]:
    """Return the required lines that what is asked for leaves out or asks too little of."""
    best = {line.cover: line for line in asked}
    return [line for line in required if not _meets(best.get(line.cover), line)]


def _meets(asked: AskedLine | None, line: AskedLine) -> bool:
    if asked is None or (line.seats or 0) > (asked.seats or 0):
        return False
    least = line.sum_insured
    return least is None or (asked.sum_insured is not None and asked.sum_insured >= least)


def period_asked(expiry_day: date, today: date) -> tuple[date, date]:
    """Return the first and last day of a year of cover: from the day after expiry, else today.

    Cover cannot be bought for the past: a late request asks from today on.
    """
    first = max(expiry_day + _DAY, today)
    return first, last_of_year(first)


def period_placed(expiry_day: date, asked_from: date | None, placed_on: date) -> tuple[date, date]:
    """Return the days asked of an insurer: from the company's own first day where it is later.

    As on the day of placing, so that what is printed later says the same.
    """
    if asked_from is not None and asked_from > placed_on:
        return asked_from, last_of_year(asked_from)
    return period_asked(expiry_day, placed_on)


def last_of_year(first: date) -> date:
    """Return the last day of a year of cover as insurers print it: the day before its return.

    A year over a 29 February has 366 days; one that begins on it ends on 28 February.
    """
    try:
        return first.replace(year=first.year + 1) - _DAY
    except ValueError:
        return date(first.year + 1, 2, 28)
