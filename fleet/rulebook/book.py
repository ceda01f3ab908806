"""The rulebook as data: its editions, the insurers' terms, the rulings still open.

Everything is read from the TOML files beside this module; no number of the rule stands in code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from fleet.words import midnight

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

HERE = Path(__file__).parent
KINDS = ("compulsory", "commercial")
LANGUAGES = ("en", "zh_Hans", "zh_Hant")

_Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """One text in the product's languages."""

    en: str
    zh_Hans: str  # noqa: N815 - the locale's own name
    zh_Hant: str  # noqa: N815

    def of(self, locale: str) -> str:
        """Return the text for a locale such as `zh_Hant_TW`; English where it is another."""
        if not locale.startswith("zh"):
            return self.en
        traditional = any(mark in locale for mark in ("Hant", "TW", "HK", "MO"))
        return self.zh_Hant if traditional else self.zh_Hans


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause of the rule: its number and our restatement."""

    number: str
    words: Words
    since: date


@dataclass(frozen=True, eq=False, slots=True)
class Requirement:
    """One thing asked of every vehicle; `name` picks the function in `cover.py`.

    `minimum` is yuan: an accident for third party, a seat for occupants.
    """

    name: str
    clause: str
    kind: str
    minimum: Decimal | None


@dataclass(frozen=True, slots=True)
class RenewalRule:
    """When a renewal opens and who is reminded when (3.3), in days from the expiry day.

    `ladder` counts from the expiry day, -15 being fifteen days before; after the last rung a
    reminder falls due every `late_every_days`. From the rung `desk_from` on the desk is told
    too, from `group_from` on the group. `approval_asked` tells whether a renewal needs an
    approval in the OA, as a new request does (3.2).
    """

    clause: str
    window_days: int
    ladder: tuple[int, ...]
    late_every_days: int
    desk_from: int
    group_from: int
    approval_asked: bool

    def rung(self, expiry_day: date, day: date) -> int | None:
        """Return the latest rung reached on a day, None before the first.

        A day that a stopped server missed is so made up by the next, once: the same rung again
        is the same reminder.
        """
        passed = (day - expiry_day).days
        reached = [rung for rung in self.ladder if rung <= passed]
        if not reached or reached[-1] != self.ladder[-1]:
            return reached[-1] if reached else None
        return passed - (passed - self.ladder[-1]) % self.late_every_days


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a claim is not paid: its effect (`refused`, `held`) and clause (may be empty)."""

    code: str
    effect: str
    clause: str


@dataclass(frozen=True, slots=True)
class ReimbursementRule:
    """What a claim is decided by (4.1, 4.2, 3.2); `tolerance` is yuan."""

    entry_days: int
    tolerance: Decimal
    reasons: Mapping[str, Reason]


@dataclass(frozen=True, eq=False)
class Edition:
    """One version of the rule; `starts` is the first instant of its day `since`."""

    since: date
    starts: datetime
    spares_running: bool
    use_clause: str
    barred_by: frozenset[str]
    requirements: tuple[Requirement, ...]
    by_kind: Mapping[str, tuple[Requirement, ...]]
    clauses: Mapping[str, Clause]
    renewal: RenewalRule
    regional_renewal: Mapping[str, RenewalRule]
    reimbursement: ReimbursementRule

    def reaches(self, earliest_begun: datetime | None) -> bool:
        """Tell whether it reaches a vehicle whose earliest running policy began then (4.4)."""
        return not self.spares_running or earliest_begun is None or earliest_begun >= self.starts


@dataclass(frozen=True, slots=True)
class Terms:
    """An insurer's wording; `reading` says how 2.5 and 2.6 are read under it."""

    name: str
    since: date | None
    starts: datetime | None
    new_energy_only: bool
    reading: str
    words: Words

    def sold_on(self, day: date | None, begins: datetime) -> bool:
        """Tell whether it was on sale on the signing day, else when the policy began."""
        if self.since is None or self.starts is None:
            return True
        return begins >= self.starts if day is None else day >= self.since


@dataclass(frozen=True, slots=True)
class OpenRuling:
    """A doubt of reading that no user has settled, how we read it, and the test named for it."""

    name: str
    clauses: tuple[str, ...]
    question: Words
    ruling: Words
    test: str


@dataclass(frozen=True, eq=False)
class Rulebook:
    """Every edition of the rule, oldest first, read by the company's clock `zone`."""

    zone: ZoneInfo
    editions: tuple[Edition, ...]
    terms: tuple[Terms, ...]
    new_energy: frozenset[str]
    main_covers: frozenset[str]
    open_rulings: tuple[OpenRuling, ...]

    @property
    def first_day(self) -> date:
        """The day the first edition took effect (5.1)."""
        return self.editions[0].since

    @property
    def clauses(self) -> Mapping[str, Clause]:
        """Every clause by its number, as the latest edition words it."""
        return {number: it for edition in self.editions for number, it in edition.clauses.items()}

    @property
    def renewal(self) -> RenewalRule:
        """The renewal rule of the latest edition, where a region has none of its own."""
        return self.editions[-1].renewal

    def newest(self, moment: datetime) -> Edition | None:
        """Return the newest edition in force at a moment in UTC, None before the first."""
        for edition in reversed(self.editions):
            if edition.starts <= moment:
                return edition
        return None

    def governing(
        self,
        moment: datetime,
        kind: str,  # noqa: ARG002 - a kind is judged by its own policies, whose begin follows
        earliest_begun: datetime | None,
    ) -> Edition | None:
        """Return the edition that governs a policy kind at a moment (4.4).

        `earliest_begun` is when the earliest begun of the vehicle's running policies of that
        kind began; None where none runs.
        """
        for edition in reversed(self.editions):
            if edition.starts <= moment and edition.reaches(earliest_begun):
                return edition
        return None

    def renewal_at(self, moment: datetime, region: str | None = None) -> RenewalRule:
        """Return the renewal rule at a moment, of a region where it has its own."""
        edition = self.newest(moment) or self.editions[0]
        return edition.regional_renewal.get(region or "", edition.renewal)

    def terms_named(self, name: str) -> Terms | None:
        """Return the wording of that name."""
        return next((terms for terms in self.terms if terms.name == name), None)

    def terms_sold(self, energy: str, signed_on: date | None, begins: datetime) -> Terms:
        """Return the wording on sale for a vehicle's energy on the day of signing.

        Where the signing day is not known the policy's first day decides.
        """
        new_energy = energy in self.new_energy
        return [
            terms
            for terms in self.terms
            if terms.sold_on(signed_on, begins) and (new_energy or not terms.new_energy_only)
        ][-1]


def load(zone: ZoneInfo | str, folder: Path = HERE) -> Rulebook:
    """Read the rulebook by a zone's clock; the same zone and folder give the same book."""
    return _load(ZoneInfo(zone) if isinstance(zone, str) else zone, folder)


@lru_cache(maxsize=16)
def _load(zone: ZoneInfo, folder: Path) -> Rulebook:
    terms = _read(folder / "terms.toml")
    editions = [_edition(_read(path), zone) for path in (folder / "editions").glob("*.toml")]
    return Rulebook(
        zone=zone,
        editions=tuple(sorted(editions, key=lambda edition: edition.since)),
        terms=tuple(_terms(table, zone) for table in terms["terms"]),
        new_energy=frozenset(terms["new_energy"]),
        main_covers=frozenset(terms["main_covers"]),
        open_rulings=tuple(_ruling(table) for table in _read(folder / "rulings.toml")["rulings"]),
    )


def _read(path: Path) -> _Table:
    with path.open("rb") as file:
        return tomllib.load(file, parse_float=Decimal)


def _edition(table: _Table, zone: ZoneInfo) -> Edition:
    since: date = table["since"]
    requirements = tuple(_requirement(one) for one in table["requirements"])
    regions = {**table["renewal"]}.pop("regions", {})
    return Edition(
        since=since,
        starts=midnight(since, zone),
        spares_running=table["spares_running"],
        use_clause=table["use"]["clause"],
        barred_by=frozenset(table["use"]["barred_by"]),
        requirements=requirements,
        by_kind={kind: tuple(one for one in requirements if one.kind == kind) for kind in KINDS},
        clauses={one["number"]: _clause(one, since) for one in table["clauses"]},
        renewal=_renewal(table["renewal"]),
        regional_renewal={
            region: _renewal({**table["renewal"], **own}) for region, own in regions.items()
        },
        reimbursement=_reimbursement(table["reimbursement"]),
    )


def _clause(table: _Table, since: date) -> Clause:
    return Clause(table["number"], Words(**table["words"]), since)


def _requirement(table: _Table) -> Requirement:
    minimum = Decimal(table["minimum"]) if "minimum" in table else None
    return Requirement(table["name"], table["clause"], table["kind"], minimum)


def _renewal(table: _Table) -> RenewalRule:
    return RenewalRule(
        clause=table["clause"],
        window_days=table["window_days"],
        ladder=tuple(sorted(table["ladder"])),
        late_every_days=table["late_every_days"],
        desk_from=table["desk_from"],
        group_from=table["group_from"],
        approval_asked=table["approval_asked"],
    )


def _reimbursement(table: _Table) -> ReimbursementRule:
    reasons = [
        Reason(one["code"], one["effect"], one.get("clause", "")) for one in table["reasons"]
    ]
    return ReimbursementRule(
        entry_days=table["entry_days"],
        tolerance=Decimal(table["tolerance"]),
        reasons={reason.code: reason for reason in reasons},
    )


def _terms(table: _Table, zone: ZoneInfo) -> Terms:
    since: date | None = table.get("since")
    return Terms(
        name=table["name"],
        since=since,
        starts=midnight(since, zone) if since else None,
        new_energy_only=table["new_energy_only"],
        reading=table["reading"],
        words=Words(**table["words"]),
    )


def _ruling(table: _Table) -> OpenRuling:
    return OpenRuling(
        name=table["name"],
        clauses=tuple(table["clauses"]),
        question=Words(**table["question"]),
        ruling=Words(**table["ruling"]),
        test=table["test"],
    )
