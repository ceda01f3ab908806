"""Letters to companies: what is due, and which vehicles lack what, by company and in bulk.

A renewal notice tells a company its open requests (3.2, 3.3), a deficiency letter its vehicles
that are short of cover or must not be used at a moment (4.2). Facts are read by a fixed number
of statements however large the group, in the scope of whoever asks.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from http import HTTPStatus
from itertools import groupby
from typing import Any, NamedTuple
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy import Select, case, distinct, func

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company, Region
from fleet.policies import queries as standings
from fleet.policies.facts import VehicleFacts, facts
from fleet.policies.tables import CoverStep, Policy
from fleet.renewals.queries import Wanted, listed
from fleet.renewals.rules import OPEN, RETURNED, WITH_COMPANY
from fleet.renewals.tables import CoverRequest
from fleet.renewals.telling import asked_in
from fleet.rulebook.book import Edition, Rulebook
from fleet.rulebook.cover import standing
from fleet.rulebook.renewal import NEW
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web.errors import Refusal
from fleet.web.paper import render_together
from fleet.words import Finding, last_day, local_day

NOTICE = "renewal_notice"
DEFICIENCY = "deficiency_letter"
PAPERS = (NOTICE, DEFICIENCY)
ZIP = "application/zip"
MADE_AT_ONCE = 30  # vehicles; more are a task
BARRED, SHORT = "barred", "short"

# A letter is laid out whole, within the seconds that a child has: what is beyond these lines goes
# on in the company's next one.
LINES_A_LETTER = 150
# A document is held in memory until it is written: 0.2 MB a line.
LINES_A_DOCUMENT = 2_000

Told = Callable[[int, int], None]


class ManyLetters(Refusal):
    """So many are not made while a browser waits."""

    def __init__(self) -> None:
        super().__init__(
            _("So many letters are made as a task; ask for them on the page of letters.")
        )


class NothingToWrite(Refusal):
    """No company asked for has anything to be told."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self) -> None:
        super().__init__(_("There is nothing to write: nothing is due, or no vehicle is short."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Which letters are asked for: the paper, to whom by codes, as of when, in which language."""

    paper: str
    at: datetime
    language: str
    company: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Count:
    """How much a company's letter would tell; `grave` of it is late, or must not be used."""

    company: str
    name: str
    vehicles: int
    entries: int
    grave: int


class Due(NamedTuple):
    """An open request as the notice tells it; `company_acts` where the next step is its own."""

    vin: str
    plate: str | None
    model: str | None
    kind: str
    occasion: str
    policy_number: str | None
    insurer: str | None
    expiry_day: date
    state: str
    asked: str
    reason: str | None
    late: bool
    company_acts: bool

    @property
    def lines(self) -> int:
        """How many lines of the table it takes."""
        return 1

    @property
    def clauses(self) -> set[str]:
        """By which clause it is asked."""
        return {"3.2" if self.occasion == NEW else "3.3"}


@dataclass(frozen=True, slots=True)
class Lack:
    """A shortfall, and the policy to be mended; `at_once` where the vehicle must not be used."""

    finding: Finding
    at_once: bool
    policy_number: str | None = None
    expiry_day: date | None = None


@dataclass(frozen=True, slots=True)
class Deficient:
    """A vehicle that is short of cover or must not be used, with all that it lacks."""

    vin: str
    plate: str | None
    model: str | None
    standing: str
    lacks: tuple[Lack, ...]

    @property
    def lines(self) -> int:
        """How many lines of the table it takes."""
        return len(self.lacks)

    @property
    def clauses(self) -> set[str]:
        """Which clauses it falls short of, and 4.2 where it must not be used."""
        found = {lack.finding.clause for lack in self.lacks}
        return found | {"4.2"} if self.standing == BARRED else found


class Addressee(NamedTuple):
    """A company, and the region whose desk writes to it."""

    company: str
    name: str
    region: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What one company is told; `part` of `parts` where it takes more than one letter."""

    to: Addressee
    entries: Sequence[Due] | Sequence[Deficient]
    part: int = 1
    parts: int = 1

    @property
    def lines(self) -> int:
        """How many lines its table has."""
        return sum(entry.lines for entry in self.entries)

    @property
    def clauses(self) -> list[str]:
        """The clauses that it cites, each once, in order."""
        found = {clause for entry in self.entries for clause in entry.clauses}
        return sorted(found, key=lambda number: [int(part) for part in number.split(".")])


# How much there is to tell


def counted(ordered: Ordered, book: Rulebook) -> list[Count]:
    """How much each company's letter would tell, by company."""
    rows = db.session.execute(_COUNTS[ordered.paper](ordered, book))
    return [Count(*row) for row in rows]


def _requests_counted(ordered: Ordered, book: Rulebook) -> Select[Any]:
    today = local_day(ordered.at, book.zone)
    wanted = Wanted(states=OPEN, company=ordered.company, region=ordered.region)
    return _by_company(
        listed(wanted, today).with_only_columns(
            Company.code,
            Company.name,
            func.count(distinct(CoverRequest.vehicle_id)),
            func.count(CoverRequest.id),
            func.sum(case((CoverRequest.expiry_day < today, 1), else_=0)),
            maintain_column_froms=True,
        )
    )


def _vehicles_counted(ordered: Ordered, book: Rulebook) -> Select[Any]:
    found = standings.standings_of(_asked(ordered, book), (BARRED, SHORT))
    return _by_company(
        found.with_only_columns(
            Company.code,
            Company.name,
            func.count(Vehicle.id),
            func.count(Vehicle.id),
            func.sum(case((CoverStep.standing == BARRED, 1), else_=0)),
            maintain_column_froms=True,
        )
    )


def _by_company(counts: Select[Any]) -> Select[Any]:
    return counts.group_by(Company.code, Company.name).order_by(Company.code)


_COUNTS: Mapping[str, Callable[[Ordered, Rulebook], Select[Any]]] = {
    NOTICE: _requests_counted,
    DEFICIENCY: _vehicles_counted,
}


def _asked(ordered: Ordered, book: Rulebook) -> standings.Wanted:
    return standings.Wanted(
        at=ordered.at, zone=book.zone, company=ordered.company, region=ordered.region
    )


# The letters


def make_letters(ordered: Ordered, book: Rulebook, told: Told) -> list[bytes]:
    """The letters as PDF, each company's on its own pages, in the language asked for.

    One document, or several where there are very many. `told` hears how many of how many
    letters are laid out. Raises NothingToWrite, or PaperFailed.
    """
    with force_locale(ordered.language):
        made = letters_of(ordered, book)
        if not made:
            raise NothingToWrite
        return list(_documents(ordered, _shared(ordered, book), made, told))


def file_name(ordered: Ordered, zone: ZoneInfo) -> str:
    """The name that the letters are saved under, without its ending."""
    to = ordered.company or ordered.region or "all"
    return f"{ordered.paper}-{to}-{local_day(ordered.at, zone)}"


def bundled(name: str, documents: Sequence[bytes]) -> bytes:
    """Several documents in one archive, numbered."""
    made = io.BytesIO()
    with ZipFile(made, "w") as archive:
        for number, document in enumerate(documents, start=1):
            archive.writestr(f"{name}-{number}.pdf", document)
    return made.getvalue()


def _documents(
    ordered: Ordered, shared: dict[str, Any], letters: Sequence[Letter], told: Told
) -> Iterator[bytes]:
    done = 0
    for volume in _filled(letters, LINES_A_DOCUMENT):
        each = (shared | {"letter": letter} for letter in volume)
        yield render_together(ordered.paper, each, partial(_told_on, told, done, len(letters)))
        done += len(volume)


def _told_on(told: Told, before: int, total: int, count: int) -> None:
    told(before + count, total)


def _filled(told: Iterable[Any], most: int) -> Iterator[list[Any]]:
    """What has lines, in lists of as much as fits, of one at least."""
    held: list[Any] = []
    lines = 0
    for one in told:
        if held and lines + one.lines > most:
            yield held
            held, lines = [], 0
        held.append(one)
        lines += one.lines
    if held:
        yield held


def letters_of(ordered: Ordered, book: Rulebook) -> list[Letter]:
    """Every company's letter, by company; a long one in parts."""
    rows = _ROWS[ordered.paper](ordered, book)
    return [
        letter
        for to, entries in groupby(rows, key=lambda row: row[0])
        for letter in _in_parts(to, [entry for _to, entry in entries])
    ]


def _in_parts(to: Addressee, entries: Sequence[Any]) -> Iterator[Letter]:
    parts = list(_filled(entries, LINES_A_LETTER))
    for number, part in enumerate(parts, start=1):
        yield Letter(to, part, number, len(parts))


def _shared(ordered: Ordered, book: Rulebook) -> dict[str, Any]:
    """What every letter prints alike: the day, the rule's words, which clauses."""
    words = {number: one.words.of(ordered.language) for number, one in book.clauses.items()}
    return {
        "on": local_day(ordered.at, book.zone),
        "clauses": words,
        "window": book.renewal_at(ordered.at).window_days,
    }


# Renewal notice


def _due(ordered: Ordered, book: Rulebook) -> Iterator[tuple[Addressee, Due]]:
    """Every open request, by company and expiry day."""
    today = local_day(ordered.at, book.zone)
    wanted = Wanted(states=OPEN, company=ordered.company, region=ordered.region)
    found = (
        listed(wanted, today)
        .add_columns(
            CoverRequest.reason,
            Vehicle.brand_model,
            Insurer.name.label("insurer"),
            Region.name.label("region_name"),
        )
        .outerjoin(Policy, Policy.policy_number == CoverRequest.policy_number)
        .outerjoin(Insurer, Insurer.id == Policy.insurer_id)
        .order_by(Company.code, CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind)
    )
    for row in db.session.execute(found):
        yield Addressee(row.company, row.company_name, row.region_name), _told_of(row, today)


def _told_of(row: Any, today: date) -> Due:
    return Due(
        vin=row.vin,
        plate=row.plate,
        model=row.brand_model,
        kind=row.kind,
        occasion=row.occasion,
        policy_number=row.policy_number,
        insurer=row.insurer,
        expiry_day=row.expiry_day,
        state=row.state,
        asked=asked_in(row.state, row.occasion),
        reason=row.reason if row.state == RETURNED else None,
        late=row.expiry_day < today,
        company_acts=row.state in WITH_COMPANY,
    )


# Deficiency letter


class _Found(NamedTuple):
    """A vehicle of the letters as the stored steps name it."""

    to: Addressee
    vehicle_id: int
    plate: str | None
    model: str | None


def _deficient(ordered: Ordered, book: Rulebook) -> Iterator[tuple[Addressee, Deficient]]:
    """Every vehicle that is short or barred, by company, those that must not be used first."""
    found = list(_short_or_barred(ordered, book))
    known = {one.vehicle_id: one for one in facts({one.vehicle_id for one in found})}
    edition = book.newest(ordered.at) or book.editions[0]
    for one in found:
        yield one.to, _judged(one, known[one.vehicle_id], ordered.at, book, edition)


def _short_or_barred(ordered: Ordered, book: Rulebook) -> Iterator[_Found]:
    chosen = standings.standings_of(_asked(ordered, book), (BARRED, SHORT))
    rows = db.session.execute(chosen.order_by(Company.code, CoverStep.standing, Vehicle.vin))
    for row in rows:
        to = Addressee(row.company, row.company_name, row.region_name)
        yield _Found(to, row.id, row.plate, row.brand_model)


def _judged(
    one: _Found, known: VehicleFacts, at: datetime, book: Rulebook, edition: Edition
) -> Deficient:
    now = standing(known.vehicle, known.policies, book, at)
    running = _running(known, at, book)
    kinds = {requirement.clause: requirement.kind for requirement in edition.requirements}
    lacks = tuple(
        Lack(
            finding,
            finding.code in edition.barred_by,
            *running.get(kinds.get(finding.clause, ""), (None, None)),
        )
        for finding in now.shortfalls
    )
    return Deficient(known.vehicle.vin, one.plate, one.model, now.standing, lacks)


def _running(known: VehicleFacts, at: datetime, book: Rulebook) -> dict[str, tuple[str, date]]:
    """Of each kind the policy in force that ends first: its number and expiry day."""
    running: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for policy in known.policies:
        if policy.period is not None and policy.period.contains(at):
            running[policy.kind].append((policy.period.ends, policy.number))
    first = {kind: min(policies) for kind, policies in running.items()}
    return {kind: (number, last_day(ends, book.zone)) for kind, (ends, number) in first.items()}


_ROWS: Mapping[str, Callable[[Ordered, Rulebook], Iterator[tuple[Addressee, Any]]]] = {
    NOTICE: _due,
    DEFICIENCY: _deficient,
}
