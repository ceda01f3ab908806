"""Who is told what of a request: the ladder of reminders, and the steps that concern others.

Whoever has to act is reminded; the nearer the expiry day, the higher it is told (3.3). Each
telling is written once, with the change or the day's run that causes it; `notices/` sends it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from flask import Flask
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Row, Select, select

from fleet.notices.recipients import Audience, audience
from fleet.notices.rules import COMPANY, DESK
from fleet.notices.service import Telling, forget, supersede, tell
from fleet.notices.topics import Line, offer_topic
from fleet.people.tables import Company, Region
from fleet.renewals import rules
from fleet.renewals.tables import CoverRequest, RequestMove
from fleet.rulebook.book import RenewalRule, Rulebook
from fleet.rulebook.renewal import NEW
from fleet.storage import Actor, db
from fleet.vehicles.tables import Vehicle
from fleet.web.words import label
from fleet.words import noon

REMINDER = "request_reminder"
STEP = "request_step"

_requests = CoverRequest.__table__.c
_vehicles = Vehicle.__table__.c
_companies = Company.__table__.c

# Whom a step concerns beside the one who made it; some need somebody to act at once.
_TOLD: Mapping[str, str] = {
    rules.SUBMIT: DESK,
    rules.PLACE: COMPANY,
    rules.RETURN: COMPANY,
    rules.UNAPPROVE: COMPANY,
    rules.OA_REJECTED: COMPANY,
    rules.OA_WITHDRAWN: COMPANY,
    rules.OA_TOO_LATE: DESK,
}
_URGENT = {rules.RETURN, rules.UNAPPROVE, rules.OA_TOO_LATE}


class _Open(NamedTuple):
    """An open request as a reminder tells it."""

    id: int
    vin: str
    plate: str | None
    kind: str
    occasion: str
    expiry_day: date
    state: str
    opened_on: date
    company_id: int
    region_id: int


def subject_of(request_id: int) -> str:
    """What notices know a request by."""
    return f"request:{request_id}"


# The ladder


def remind(day: date, last: date | None, book: Rulebook, at: datetime) -> None:
    """Tell, within the day's run, who has to act on the requests that reached a new rung.

    `last` is the day that ran before: days missed are made up by one telling, the latest. The
    condition is that a rung is reached, never that the day is exactly its own.
    """
    people = audience(db.session.scalars(select(_companies.id)))
    if not any(held for level in people.levels.values() for held in level.values()):
        return
    ladders = _ladders(book, day)
    reminders = [
        telling
        for one in _waiting(day)
        for telling in _reminders(one, ladders[one.region_id], people, day, last)
    ]
    # Whoever has not read the last rung needs this one only, not a line for every day late.
    supersede(reminders)
    tell(reminders, at=at, day=day)


def _ladders(book: Rulebook, day: date) -> dict[int, RenewalRule]:
    moment = noon(day, book.zone)
    rows = db.session.execute(select(Region.id, Region.code))
    return {id_: book.renewal_at(moment, code) for id_, code in rows}


def _waiting(day: date) -> Iterator[_Open]:
    rows = db.session.execute(
        _facts().where(_requests.state.in_(rules.OPEN), _requests.opened_on <= day)
    )
    return (_Open(*row) for row in rows)


def _facts() -> Select[Any]:
    return (
        select(
            _requests.id,
            _vehicles.vin,
            _vehicles.plate,
            _requests.kind,
            _requests.occasion,
            _requests.expiry_day,
            _requests.state,
            _requests.opened_on,
            _vehicles.company_id,
            _companies.region_id,
        )
        .join(_vehicles.id.table, _vehicles.id == _requests.vehicle_id)
        .join(_companies.id.table, _companies.id == _vehicles.company_id)
    )


def _reminders(
    one: _Open, ladder: RenewalRule, people: Audience, day: date, last: date | None
) -> Iterator[Telling]:
    rung = ladder.rung(one.expiry_day, day)
    told = last is not None and one.opened_on <= last and rung == ladder.rung(one.expiry_day, last)
    if rung is None or told:
        return
    for recipient in _recipients(one, rules.told_at(one.state, rung, ladder), people):
        yield Telling(
            subject_of(one.id),
            f"{one.opened_on}:rung:{rung}",
            recipient,
            REMINDER,
            _told_of(one) | {"state": one.state, "rung": rung},
            link=f"/renewals/{one.id}",
            company_id=one.company_id,
        )


def _recipients(one: _Open, levels: Iterable[str], people: Audience) -> list[int]:
    return sorted({person for level in levels for person in people.of(one.company_id, level)})


def _told_of(one: _Open | Row[Any]) -> dict[str, Any]:
    return {
        "vin": one.vin,
        "plate": one.plate,
        "kind": one.kind,
        "occasion": one.occasion,
        "expiry_day": one.expiry_day.isoformat(),
    }


# The steps


def moved(
    made: Sequence[tuple[CoverRequest, RequestMove]], by: Actor, at: datetime, day: date
) -> None:
    """Tell, within the verb under way, whom the steps of people concern.

    What was still to be told of a request that moved on spoke of where it stood before: it is
    dropped.
    """
    forget(subject_of(request.id) for request, move in made if move.before != move.after)
    steps = {request.id: move for request, move in made if move.move in _TOLD}
    _tell_steps(steps, by, at, day)


def ended(
    worked_on: Mapping[int, str], settled: Iterable[int], by: Actor, at: datetime, day: date
) -> None:
    """Tell, within the verb or the run under way, how requests ended that people had worked on.

    `worked_on` gives why, by request; nothing more is said of any that is settled.
    """
    forget(subject_of(id_) for id_ in settled)
    if not worked_on:
        return
    people = _people_of(worked_on)
    tell(
        (
            _step(one, f"ended:{day}", {"move": "ended", "state": worked_on[one.id]}, recipient)
            for one in _open_facts(worked_on)
            for recipient in _recipients(one, (COMPANY, DESK), people)
            if recipient != by.id
        ),
        at=at,
        day=day,
    )


def _tell_steps(steps: Mapping[int, RequestMove], by: Actor, at: datetime, day: date) -> None:
    if not steps:
        return
    people = _people_of(steps)
    tell(
        (
            _step(
                one,
                f"{steps[one.id].move}:{steps[one.id].id}",
                {"move": steps[one.id].move, "reason": steps[one.id].reason},
                recipient,
                urgent=steps[one.id].move in _URGENT,
            )
            for one in _open_facts(steps)
            for recipient in _recipients(one, (_TOLD[steps[one.id].move],), people)
            if recipient != by.id
        ),
        at=at,
        day=day,
    )


def _step(
    one: _Open, occasion: str, facts: dict[str, Any], recipient: int, *, urgent: bool = False
) -> Telling:
    return Telling(
        subject_of(one.id),
        occasion,
        recipient,
        STEP,
        _told_of(one) | facts,
        link=f"/renewals/{one.id}",
        urgent=urgent,
        company_id=one.company_id,
    )


def _open_facts(ids: Iterable[int]) -> Iterator[_Open]:
    return (_Open(*row) for row in db.session.execute(_facts().where(_requests.id.in_(list(ids)))))


def _people_of(ids: Iterable[int]) -> Audience:
    return audience({one.company_id for one in _open_facts(ids)})


# The words


def offer_topics(app: Flask) -> None:
    """Give notices the words of a reminder and of a step."""
    offer_topic(app, REMINDER, _reminder_words)
    offer_topic(app, STEP, _step_words)


def _reminder_words(facts: Mapping[str, Any]) -> Line:
    what = what_of(facts)
    if facts["rung"] > 0:
        late = ngettext(
            "%(what)s: %(num)s day late", "%(what)s: %(num)s days late", facts["rung"], what=what
        )
    else:
        late = _("%(what)s: due by %(day)s", what=what, day=facts["expiry_day"])
    return Line(late, asked_in(facts["state"], facts["occasion"]))


def asked_in(state: str, occasion: str) -> str:
    """What is asked of whom, in a state."""
    if occasion == NEW and state in (rules.DUE, rules.PREPARED):
        return _("The company has it approved in the OA, then reports it to its desk (3.2).")
    return {
        rules.DUE: _("The company prepares the request and reports it to its region's desk (3.3)."),
        rules.PREPARED: _(
            "The company has it approved in the OA where that is asked, and reports it (3.2, 3.3)."
        ),
        rules.APPROVED: _("The company reports the request to its region's desk (3.2, 3.3)."),
        rules.RETURNED: _("The company mends what the desk returned, and reports it again."),
        rules.SUBMITTED: _("The desk accepts or returns the request."),
        rules.ACCEPTED: _("The desk places it with a designated insurer (3.1)."),
        rules.PLACED: _("The desk records the policy when the insurer has issued it."),
    }.get(state, "")


def _step_words(facts: Mapping[str, Any]) -> Line:
    step = label("request_move", facts["move"])
    if facts["move"] == "ended":
        step = label("renewal_state", facts["state"])
    title = _("%(what)s: %(step)s", what=what_of(facts), step=step)
    return Line(title, facts.get("reason") or "")


def what_of(facts: Mapping[str, Any]) -> str:
    """What a request is about: the vehicle, the kind, and whether it is its first cover."""
    vehicle, kind = facts["plate"] or facts["vin"], label("kind", facts["kind"])
    if facts["occasion"] == NEW:
        return _("%(vehicle)s, new %(kind)s", vehicle=vehicle, kind=kind)
    return _("%(vehicle)s, renewal of %(kind)s", vehicle=vehicle, kind=kind)
