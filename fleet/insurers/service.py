"""The verbs of insurers and designations: register, edit, designate, end a designation (3.1)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from fleet.insurers.rules import overlapping
from fleet.insurers.tables import INSURER, Designation, Insurer
from fleet.people.tables import Region
from fleet.storage import Actor, act, db
from fleet.web.errors import NotFound, Refusal, Stale
from fleet.words import Days


class CodeTaken(Refusal):
    """Another insurer has the code."""

    field = "code"

    def __init__(self, code: str) -> None:
        super().__init__(_("The code %(code)s belongs to another insurer.", code=code))


class PoolNotDesignable(Refusal):
    """A mutual-aid pool 车辆统筹 is no insurer and cannot be designated (4.1)."""

    field = "insurer"

    def __init__(self, name: str) -> None:
        super().__init__(
            _("%(name)s is a mutual-aid pool, no insurer: it cannot be designated.", name=name)
        )


class StillDesignated(Refusal):
    """An insurer that was ever designated cannot become a pool."""

    field = "kind"

    def __init__(self) -> None:
        super().__init__(_("It is or was designated, which a mutual-aid pool never can be."))


class AlreadyDesignated(Refusal):
    """The insurer's designations in a region may not share a day."""

    field = "since"

    def __init__(self, other: Days) -> None:
        words = (
            _("It is designated there from %(since)s on already.", since=other.since)
            if other.until is None
            else _(
                "It is designated there from %(since)s until before %(until)s already.",
                since=other.since,
                until=other.until,
            )
        )
        super().__init__(words)


class EndsBeforeItBegins(Refusal):
    """The first day no longer designated lies on or before the first day designated."""

    field = "until"

    def __init__(self, since: date) -> None:
        super().__init__(_("The end must be later than the beginning, %(since)s.", since=since))


@dataclass(frozen=True, slots=True)
class InsurerDetails:
    """What is recorded of an issuer of policies."""

    code: str
    name: str
    kind: str = INSURER
    hotline: str | None = None


def register(details: InsurerDetails, *, by: Actor, at: datetime) -> Insurer:
    """Record an insurer or a pool."""
    try:
        with act("register_insurer", by=by, at=at, subject=details.code):
            insurer = Insurer(**asdict(details))
            db.session.add(insurer)
            db.session.flush()
    except IntegrityError:
        raise CodeTaken(details.code) from None
    return insurer


def details_of(insurer: Insurer) -> InsurerDetails:
    """What stands on record, as a form shows it."""
    return InsurerDetails(insurer.code, insurer.name, insurer.kind, insurer.hotline)


def edit(
    code: str, details: InsurerDetails, *, seen: InsurerDetails, by: Actor, at: datetime
) -> Insurer:
    """Change an insurer from what the person saw (`seen`) to `details`; the code stays.

    All its policies are judged anew where it becomes a pool or an insurer.
    """
    with act("edit_insurer", by=by, at=at, subject=code):
        insurer = _locked(code)
        if details_of(insurer) != seen:
            raise Stale
        if details.kind != INSURER and _periods(insurer.id):
            raise StillDesignated
        insurer.name, insurer.kind, insurer.hotline = details.name, details.kind, details.hotline
    return insurer


def designate(region: Region, code: str, period: Days, *, by: Actor, at: datetime) -> Designation:
    """Let a region's desk cooperate with an insurer over some days (3.1)."""
    if period.until is not None and period.until <= period.since:
        raise EndsBeforeItBegins(period.since)
    region_id, subject = region.id, f"{region.code} {code}"
    with act("designate", by=by, at=at, subject=subject):
        insurer = _locked(code)
        if insurer.kind != INSURER:
            raise PoolNotDesignable(insurer.name)
        if other := overlapping(period, _periods(insurer.id, region_id)):
            raise AlreadyDesignated(other)
        made = Designation(
            region_id=region_id, insurer_id=insurer.id, since=period.since, until=period.until
        )
        db.session.add(made)
    return made


def end_designation(designation_id: int, until: date | None, *, by: Actor, at: datetime) -> None:
    """Set the first day on which an insurer is no longer designated; None keeps it open."""
    found = designation(designation_id)
    region, code = found.region, found.insurer.code
    with act("end_designation", by=by, at=at, subject=f"{region.code} {code}"):
        insurer = _locked(code)
        found = designation(designation_id)
        if until is not None and until <= found.since:
            raise EndsBeforeItBegins(found.since)
        others = _periods(insurer.id, found.region_id, but=found.id)
        if other := overlapping(Days(found.since, until), others):
            raise AlreadyDesignated(other)
        found.until = until


def insurer_of(code: str) -> Insurer:
    """The insurer of a code; NotFound where there is none."""
    found = db.session.scalar(select(Insurer).where(Insurer.code == code))
    if found is None:
        raise NotFound(_("insurer"))
    return found


def designation(designation_id: int) -> Designation:
    """A designation; NotFound where there is none."""
    found = db.session.get(Designation, designation_id)
    if found is None:
        raise NotFound(_("designation"))
    return found


def _locked(code: str) -> Insurer:
    """The insurer, its row locked: PostgreSQL would let two writers find no overlap at once."""
    found = db.session.scalar(select(Insurer).where(Insurer.code == code).with_for_update())
    if found is None:
        raise NotFound(_("insurer"))
    return found


def _periods(insurer_id: int, region_id: int | None = None, but: int | None = None) -> list[Days]:
    """An insurer's designations, of one region where it is given."""
    found = select(Designation.since, Designation.until).where(
        Designation.insurer_id == insurer_id, Designation.id != (but or 0)
    )
    if region_id is not None:
        found = found.where(Designation.region_id == region_id)
    return [Days(since, until) for since, until in db.session.execute(found)]
