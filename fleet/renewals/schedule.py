"""The submission schedule: what a placement asks of its insurer, as PDF and as a sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload, selectinload

from fleet.insurers.tables import Insurer
from fleet.policies.rules import PASSENGERS
from fleet.policies.tables import Policy
from fleet.renewals.answer_sheet import COVERS, FILLED_IN, LABELS, SEATS, heading_of
from fleet.renewals.rules import PLACED, period_placed
from fleet.renewals.tables import AskedCover, CoverRequest, Placement
from fleet.storage import Actor, db
from fleet.storage.scope import current as current_scope
from fleet.vehicles.tables import Vehicle
from fleet.web.paper import render_together
from fleet.web.sheets import xlsx_bytes
from fleet.web.words import label
from fleet.work import tasks
from fleet.work.tables import Task

PDF = "application/pdf"
SCHEDULE = "schedule"
AT_ONCE = 50  # requests that a reader waits for, about a second


@dataclass(frozen=True, slots=True)
class Item:
    """A request as its insurer is asked: the vehicle, the covers, the period, days inclusive."""

    request: CoverRequest
    first_day: date
    last_day: date
    present_insurer: str | None = None
    covered_until: datetime | None = None

    @property
    def vehicle(self) -> Vehicle:
        """The vehicle to be insured."""
        return self.request.vehicle


def items_of(placement: Placement) -> list[Item]:
    """The requests of a placement that wait for their policies, by plate and VIN."""
    chosen = (
        select(CoverRequest)
        .join(Vehicle, Vehicle.id == CoverRequest.vehicle_id)
        .where(CoverRequest.placement_id == placement.id, CoverRequest.state == PLACED)
        .options(
            joinedload(CoverRequest.vehicle).joinedload(Vehicle.company),
            joinedload(CoverRequest.approval),
            selectinload(CoverRequest.lines),
        )
        .order_by(Vehicle.plate, Vehicle.vin, CoverRequest.kind.desc())
    )
    requests = db.session.scalars(chosen).all()
    held = _held({one.policy_number for one in requests if one.policy_number})
    return [
        _item(one, placement, *held.get(one.policy_number or "", (None, None))) for one in requests
    ]


def _item(
    request: CoverRequest, placement: Placement, insurer: str | None, until: datetime | None
) -> Item:
    first, last = period_placed(request.expiry_day, request.asked_from, placement.placed_on)
    return Item(request, first, last, insurer, until)


def _held(numbers: set[str]) -> dict[str, tuple[str, datetime]]:
    """Insurer and end of the policies on record of some numbers."""
    rows = db.session.execute(
        select(Policy.policy_number, Insurer.name, Policy.covers_until)
        .join(Insurer, Insurer.id == Policy.insurer_id)
        .where(Policy.policy_number.in_(numbers))
    )
    return {number: (name, until) for number, name, until in rows}


def as_pdf(placement: Placement, told: Callable[[int], None] = lambda _parts: None) -> bytes:
    """The schedule as one document for all its vehicles, in the reader's language.

    Laid out a part of AT_ONCE requests at a time; `told` hears how many parts are done, and may
    end it by raising.
    """
    items = items_of(placement)
    parts = (
        {"placement": placement, "items": items[start : start + AT_ONCE], "before": start}
        for start in range(0, max(len(items), 1), AT_ONCE)
    )
    return render_together(
        "submission_schedule", (part | {"total": len(items)} for part in parts), told
    )


def waiting_in(placement: Placement) -> int:
    """How many requests of a placement wait for their policies."""
    chosen = select(func.count()).select_from(CoverRequest)
    chosen = chosen.where(CoverRequest.placement_id == placement.id, CoverRequest.state == PLACED)
    return db.session.scalar(chosen) or 0


def ask_for_pdf(placement: Placement, language: str, *, by: Actor, at: datetime) -> Task:
    """Ask for the task that lays a long schedule out."""
    return tasks.ask(
        SCHEDULE,
        {"placement": placement.id},
        user_id=by.id or 0,
        scope=current_scope(),
        language=language,
        by=by,
        at=at,
        total=waiting_in(placement),
    )


def name_of(placement: Placement) -> str:
    """What a schedule's files are called."""
    return f"schedule-{placement.id}-{placement.placed_on}"


def as_xlsx(placement: Placement) -> bytes:
    """The schedule as a sheet; the insurer fills in its last columns and sends it back."""
    items = items_of(placement)
    covers = _covers(items)
    headings = [*_told(), *(heading_of(cover) for cover in covers), str(LABELS[SEATS])]
    headings += [str(words) for words in FILLED_IN.values()]
    return xlsx_bytes(headings, (_row(item, covers) for item in items))


def _covers(items: list[Item]) -> list[str]:
    """The covers that any vehicle asks for; a column each."""
    asked = {line.cover for item in items for line in item.request.lines}
    return [*(cover for cover in COVERS if cover in asked), *sorted(asked - set(COVERS))]


def _told() -> tuple[str, ...]:
    return (
        *(_("VIN"), _("Plate"), _("Kind"), _("Brand and model"), _("Engine number")),
        *(_("First registered"), _("Energy"), _("Vehicle type"), _("Seats")),
        *(_("First day asked"), _("Last day asked"), _("Present policy"), _("Present insurer")),
        *(_("Company"), _("Credit code"), _("Contact"), _("Note")),
    )


def _row(item: Item, covers: list[str]) -> Iterator[Any]:
    request, vehicle, company = item.request, item.vehicle, item.vehicle.company
    yield from (vehicle.vin, vehicle.plate, label("kind", request.kind))
    yield from (vehicle.brand_model, vehicle.engine_number, vehicle.first_registered)
    yield from (label("energy", vehicle.energy), label("vehicle_type", vehicle.vehicle_type))
    yield from (vehicle.seats, item.first_day, item.last_day)
    yield from (request.policy_number, item.present_insurer)
    yield from (company.name, company.credit_code, request.contact, request.note)
    lines = {line.cover: line for line in request.lines}
    for cover in covers:
        yield _asked(lines.get(cover))
    yield lines[PASSENGERS].seats if PASSENGERS in lines else None


def _asked(line: AskedCover | None) -> Any:
    """A cover's cell: its sum, `yes` where it has none; empty where the insurer values it."""
    if line is None or line.sum_insured is not None:
        return line and line.sum_insured
    return None if line.cover == "damage" else _("yes")
