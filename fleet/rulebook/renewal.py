"""When a vehicle needs cover: a policy renewed (3.3), or a first one placed (3.2).

A need is a step function of days, known the moment the policies are known. `need_spans` gives
the whole of it at once; what a day finds needed is a look-up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from fleet.rulebook.book import KINDS, Rulebook
from fleet.rulebook.cover import Policy, Vehicle
from fleet.words import Days, last_day, local_day, noon

RENEWAL = "renewal"
NEW = "new"
OCCASIONS = (RENEWAL, NEW)
COMPULSORY = "compulsory"

_DAY = timedelta(days=1)
_EVER = date.min


@dataclass(frozen=True, slots=True)
class Need:
    """Cover that a day finds needed; `late` is after the expiry day.

    The expiry day is the last one that needs nothing: of a renewal the last day covered, of a
    new request, which has no policy number, the day before the vehicle is on the road.
    """

    kind: str
    policy_number: str | None
    expiry_day: date
    opens_on: date
    late: bool
    occasion: str = RENEWAL


@dataclass(frozen=True, slots=True)
class NeedSpan:
    """The days on which one need stands, the window within which it is asked for left aside."""

    kind: str
    occasion: str
    policy_number: str | None
    expiry_day: date
    days: Days


class _Stretch(NamedTuple):
    """Days, judged at noon, on which cover is in force or not, and the expiry day reached."""

    since: date
    until: date | None
    covered: bool
    expiry_day: date | None
    policy_number: str | None


def need(
    vehicle: Vehicle,
    policies: Sequence[Policy],
    kind: str,
    book: Rulebook,
    day: date,
    region: str | None = None,
) -> Need | None:
    """Return the need of a policy kind on a day, judged at 12:00, or None.

    `region` is the code of the region of the vehicle's company: it may have its own window.
    """
    for span in need_spans(vehicle, policies, kind, book):
        if span.days.contains(day):
            window = book.renewal_at(noon(day, book.zone), region).window_days
            return _within(span, day, window * _DAY)
    return None


def needs(
    vehicle: Vehicle,
    policies: Sequence[Policy],
    book: Rulebook,
    day: date,
    region: str | None = None,
) -> Iterator[Need]:
    """Yield the needs of every policy kind on a day."""
    for kind in KINDS:
        found = need(vehicle, policies, kind, book, day, region)
        if found is not None:
            yield found


def _within(span: NeedSpan, day: date, window: timedelta) -> Need | None:
    opens_on = span.expiry_day - window
    if day < opens_on:
        return None
    return Need(
        span.kind,
        span.policy_number,
        span.expiry_day,
        opens_on,
        late=day > span.expiry_day,
        occasion=span.occasion,
    )


def need_spans(
    vehicle: Vehicle, policies: Sequence[Policy], kind: str, book: Rulebook
) -> list[NeedSpan]:
    """Return every need of a policy kind with the days on which it stands, oldest first.

    On no day do two stand. A renewal goes before a new request (3.3, 3.2): it stands while the
    vehicle is on the road, where it is so on the day after the expiry day too. Else a vehicle
    on the road, or about to be, without cover needs a new one.
    """
    road = spells(vehicle)
    if not road:
        return []
    own = [one for one in policies if one.kind == kind and one.period is not None]
    asked = _asked(vehicle, kind)
    if len(road) == 1 and not own:
        return _never_insured(road[0], kind, book) if asked else []
    stretches = list(_stretches(own, kind, book))
    if len(road) == 1:
        found = list(_on_one_spell(road[0], stretches, kind, book, asked=asked))
    else:
        found = [
            *_renewals(road, stretches, kind),
            *(_new(road, stretches, kind, book) if asked else ()),
        ]
        found.sort(key=lambda span: span.days.since)
    return list(_joined(found)) if len(found) > 1 else found


# Most vehicles are never laid up, and an import of a portfolio judges every one of them: the two
# shorter ways below give what `_renewals` and `_new` would, for a third of their time.


def _never_insured(spell: Days, kind: str, book: Rulebook) -> list[NeedSpan]:
    asked = Days(book.first_day, spell.until)
    if not _any_day(asked):
        return []
    return [NeedSpan(kind, NEW, None, max(spell.since, book.first_day) - _DAY, asked)]


def _on_one_spell(
    spell: Days, stretches: Sequence[_Stretch], kind: str, book: Rulebook, *, asked: bool
) -> Iterator[NeedSpan]:
    first, begins, until = book.first_day, spell.since, spell.until
    new = max(begins, first) - _DAY
    if asked and first < begins and not _covered_on(stretches, begins):
        yield NeedSpan(kind, NEW, None, new, Days(first, begins))
    for since, ends, covered, expiry_day, number in stretches:
        renewable = expiry_day is not None and spell.contains(expiry_day + _DAY)
        if not renewable and (covered or not asked):
            continue
        start = max(since, begins) if renewable else max(since, begins, first)
        stop = ends if until is None or (ends is not None and ends < until) else until
        if stop is not None and stop <= start:
            continue
        if renewable and expiry_day is not None:
            yield NeedSpan(kind, RENEWAL, number, expiry_day, Days(start, stop))
        else:
            yield NeedSpan(kind, NEW, None, new, Days(start, stop))


def _asked(vehicle: Vehicle, kind: str) -> bool:
    """Tell whether a first policy of the kind is asked for: a trailer's compulsory is not."""
    return kind != COMPULSORY or vehicle.seats > 0


def _renewals(road: Sequence[Days], stretches: Iterable[_Stretch], kind: str) -> Iterator[NeedSpan]:
    for one in stretches:
        if one.expiry_day is not None and _renewable(one, road):
            for spell in road:
                if days := _common(one, spell):
                    yield NeedSpan(kind, RENEWAL, one.policy_number, one.expiry_day, days)


def _new(
    road: Sequence[Days], stretches: Sequence[_Stretch], kind: str, book: Rulebook
) -> Iterator[NeedSpan]:
    wanting = [spell for spell in road if not _covered_on(stretches, spell.since)]
    for spell in road:
        for one in stretches:
            days = _common(one, spell)
            if days is None or (one.expiry_day is not None and _renewable(one, road)):
                continue
            target = spell if not one.covered else _next(road, spell)
            if target is not None and (not one.covered or target in wanting):
                yield from _from_first_day(kind, target, days, book)
    for spell in wanting:
        before = max((other.until for other in road if other.since < spell.since), default=_EVER,
                     key=lambda day: day or _EVER)  # fmt: skip
        yield from _from_first_day(kind, spell, Days(before or _EVER, spell.since), book)


def _from_first_day(kind: str, spell: Days, days: Days, book: Rulebook) -> Iterator[NeedSpan]:
    """The new need of a spell over some days; the rule asks for it from its own first day on."""
    asked = Days(max(days.since, book.first_day), days.until)
    if _any_day(asked):
        yield NeedSpan(kind, NEW, None, max(spell.since, book.first_day) - _DAY, asked)


def _renewable(one: _Stretch, road: Iterable[Days]) -> bool:
    return one.expiry_day is not None and any(
        spell.contains(one.expiry_day + _DAY) for spell in road
    )


def _next(road: Sequence[Days], spell: Days) -> Days | None:
    return next((other for other in road if other.since > spell.since), None)


def _covered_on(stretches: Iterable[_Stretch], day: date) -> bool:
    return any(
        one.covered and one.since <= day and (one.until is None or day < one.until)
        for one in stretches
    )


def _common(one: _Stretch, spell: Days) -> Days | None:
    since = max(one.since, spell.since)
    ends = [until for until in (one.until, spell.until) if until is not None]
    until = min(ends) if ends else None
    return Days(since, until) if until is None or since < until else None


def _joined(spans: Iterable[NeedSpan]) -> Iterator[NeedSpan]:
    """Spans of one need that follow each other without a day between are one."""
    last: NeedSpan | None = None
    for span in spans:
        if last is not None and _continues(last, span):
            last = NeedSpan(
                last.kind,
                last.occasion,
                last.policy_number,
                last.expiry_day,
                Days(last.days.since, span.days.until),
            )
            continue
        if last is not None:
            yield last
        last = span
    if last is not None:
        yield last


def _continues(last: NeedSpan, span: NeedSpan) -> bool:
    same = (last.occasion, last.expiry_day, last.policy_number)
    return last.days.until == span.days.since and same == (
        span.occasion,
        span.expiry_day,
        span.policy_number,
    )


# Cover as it runs on


def _stretches(policies: Sequence[Policy], kind: str, book: Rulebook) -> Iterator[_Stretch]:
    """Split all days by whether cover is in force at noon, and by the expiry day then reached."""
    islands = _islands(policies, kind)
    begins = [_first_noon(begin, book) for begin, _ in islands]
    if not islands:
        yield _Stretch(_EVER, None, covered=False, expiry_day=None, policy_number=None)
        return
    if begins[0] > _EVER:
        yield _Stretch(_EVER, begins[0], covered=False, expiry_day=None, policy_number=None)
    for (_, end), since, until in zip(islands, begins, [*begins[1:], None], strict=True):
        over, expiry_day = _first_noon(end, book), last_day(end, book.zone)
        number = _ending_with(policies, kind, end, book)
        if since < over:
            yield _Stretch(since, over, covered=True, expiry_day=expiry_day, policy_number=number)
        if until is None or over < until:
            yield _Stretch(over, until, covered=False, expiry_day=expiry_day, policy_number=number)


def _islands(policies: Iterable[Policy], kind: str) -> list[tuple[datetime, datetime]]:
    """Return the unbroken stretches of cover of a kind; a policy that begins at an end joins."""
    islands: list[tuple[datetime, datetime]] = []
    for begins, ends in _periods(policies, kind):
        if islands and begins <= islands[-1][1]:
            islands[-1] = (islands[-1][0], max(islands[-1][1], ends))
        else:
            islands.append((begins, ends))
    return islands


def _periods(policies: Iterable[Policy], kind: str) -> list[tuple[datetime, datetime]]:
    return sorted(
        (one.period.begins, one.period.ends)
        for one in policies
        if one.kind == kind and one.period is not None
    )


def _first_noon(instant: datetime, book: Rulebook) -> date:
    """Return the first day whose noon is not before an instant."""
    day = local_day(instant, book.zone)
    return day if instant <= noon(day, book.zone) else day + _DAY


def cover_ends(policies: Sequence[Policy], kind: str, moment: datetime) -> datetime | None:
    """Return when the cover unbroken from a moment in UTC ends; where none runs, when it ended.

    None where the vehicle never had such a policy in force.
    """
    begun = [ends for begins, ends in _islands(policies, kind) if begins <= moment]
    return begun[-1] if begun else None


def following(
    policies: Iterable[Policy], kind: str, expiry_day: date, book: Rulebook
) -> Policy | None:
    """Return the policy of a kind that covers past an expiry day, the earliest begun, or None."""
    past = [
        one
        for one in policies
        if one.kind == kind
        and one.period is not None
        and last_day(one.period.ends, book.zone) > expiry_day
    ]
    return min(past, key=lambda one: (one.begins, one.number), default=None)


# The days on the road


def spells(vehicle: Vehicle) -> list[Days]:
    """Return the stretches of days on which a vehicle is in the fleet and not laid up, in order."""
    if not vehicle.lay_ups:
        return [vehicle.service] if _any_day(vehicle.service) else []
    found, since, until = [], vehicle.service.since, vehicle.service.until
    for rest in sorted(vehicle.lay_ups, key=lambda days: days.since):
        if rest.until is not None and rest.until <= max(since, rest.since):
            continue
        if rest.since > since:
            found.append(Days(since, rest.since if until is None else min(rest.since, until)))
        if rest.until is None:
            return [days for days in found if _any_day(days)]
        since = max(since, rest.until)
    found.append(Days(since, until))
    return [days for days in found if _any_day(days)]


def _any_day(days: Days) -> bool:
    return days.until is None or days.since < days.until


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
