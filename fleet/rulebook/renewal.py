"""When a policy must be renewed (3.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fleet.rulebook.book import KINDS, Rulebook
from fleet.rulebook.cover import Policy, Vehicle
from fleet.words import last_day, noon

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Need:
    """A renewal that a day finds needed; `late` is after the expiry day."""

    kind: str
    policy_number: str
    expiry_day: date
    opens_on: date
    late: bool


def need(
    vehicle: Vehicle,
    policies: Sequence[Policy],
    kind: str,
    book: Rulebook,
    day: date,
    region: str | None = None,
) -> Need | None:
    """Return the renewal of a policy kind needed on a day, judged at 12:00, or None.

    `region` is the code of the region of the vehicle's company: it may have its own window.
    """
    moment = noon(day, book.zone)
    reached = cover_ends(policies, kind, moment)
    if reached is None:
        return None
    expiry_day = last_day(reached, book.zone)
    opens_on = expiry_day - book.renewal_at(moment, region).window_days * _DAY
    if day < opens_on or not (
        on_the_road(vehicle, day) and on_the_road(vehicle, expiry_day + _DAY)
    ):
        return None
    number = _ending_with(policies, kind, reached, book)
    return Need(kind, number, expiry_day, opens_on, late=day > expiry_day)


def needs(
    vehicle: Vehicle,
    policies: Sequence[Policy],
    book: Rulebook,
    day: date,
    region: str | None = None,
) -> Iterator[Need]:
    """Yield the renewals of every policy kind needed on a day."""
    for kind in KINDS:
        found = need(vehicle, policies, kind, book, day, region)
        if found is not None:
            yield found


def cover_ends(policies: Sequence[Policy], kind: str, moment: datetime) -> datetime | None:
    """Return when the cover unbroken from a moment in UTC ends; where none runs, when it ended.

    None where the vehicle never had such a policy in force.
    """
    periods = sorted(
        (one.period.begins, one.period.ends)
        for one in policies
        if one.kind == kind and one.period is not None
    )
    begun = [ends for begins, ends in periods if begins <= moment]
    if not begun:
        return None
    reached = max(begun)
    if reached <= moment:
        return reached
    for begins, ends in periods:
        if begins <= reached:
            reached = max(reached, ends)
    return reached


def on_the_road(vehicle: Vehicle, day: date) -> bool:
    """Tell whether the vehicle is in the fleet and not laid up on a day."""
    return vehicle.service.contains(day) and not any(days.contains(day) for days in vehicle.lay_ups)


def _ending_with(policies: Sequence[Policy], kind: str, reached: datetime, book: Rulebook) -> str:
    """Return the policy to renew: of those ending on that day the latest begun, then greatest."""
    expiry_day = last_day(reached, book.zone)
    return max(
        (one.begins, one.number)
        for one in policies
        if one.kind == kind
        and one.period is not None
        and one.period.ends <= reached
        and last_day(one.period.ends, book.zone) == expiry_day
    )[1]
