"""What can be done with a policy, what is refused, and that the timeline follows."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from fleet.insurers import service as insurers
from fleet.insurers.service import InsurerDetails
from fleet.insurers.tables import MUTUAL_POOL
from fleet.policies import refusals, service
from fleet.policies.service import Endorsing, LineDetails, Printed, policy_of
from fleet.policies.tables import Policy
from fleet.storage import db
from fleet.storage.history import HistoryEntry, verify
from fleet.vehicles import service as register
from fleet.web.errors import NotFound, Stale
from fleet.words import Days
from tests.policies import records
from tests.policies.records import (
    AT,
    DAY,
    LAST,
    WHO,
    covers,
    insured,
    policy,
    policy_details,
    standing_of,
    stored_as_computed,
    vehicle,
)

pytestmark = pytest.mark.usefixtures("session")
LOW = LineDetails(cover="third_party", sum_insured=Decimal(150_000))


def commercial(of: str) -> Policy:
    return db.session.scalars(
        select(Policy).where(Policy.kind == "commercial", Policy.vehicle.has(vin=of))
    ).one()


def raising(of: str) -> Endorsing:
    """An endorsement that raises third party from now on."""
    line = next(one for one in commercial(of).lines if one.cover == "third_party")
    raised = LineDetails(cover="third_party", sum_insured=Decimal(200_000))
    return Endorsing(
        effective_at=AT, reason="sum raised", added=(raised,), ended=frozenset({line.id})
    )


def test_the_stored_timeline_follows_every_verb():
    vin = vehicle().vin
    assert standing_of(vin) == "barred"
    policy(vin, "compulsory")
    assert standing_of(vin) == "barred"
    policy(vin, "commercial", lines=covers(third_party=LOW))
    assert standing_of(vin) == "short"
    assert standing_of(vin, AT + 400 * DAY) == "barred"
    number = commercial(vin).policy_number
    service.endorse(number, raising(vin), version=commercial(vin).version, **WHO)
    assert standing_of(vin, AT - timedelta(seconds=1)) == "short"
    assert standing_of(vin) == "compliant"
    service.cancel(number, AT + 10 * DAY, version=commercial(vin).version, **WHO)
    assert standing_of(vin, AT + 10 * DAY) == "barred"
    service.cancel(number, None, version=commercial(vin).version, **WHO)
    assert standing_of(vin, AT + 10 * DAY) == "compliant"
    register.lay_up(vin, Days(AT.date() + 5 * DAY, AT.date() + 9 * DAY), **WHO)
    assert standing_of(vin, AT + 6 * DAY) == "out_of_service"
    register.leave(vin, AT.date() + 20 * DAY, version=register.vehicle_of(vin).version, **WHO)
    assert standing_of(vin, AT + 20 * DAY) == "out_of_service"
    assert stored_as_computed()
    assert verify() is None


def test_an_insurer_that_turns_out_a_pool_leaves_its_vehicles_uncovered():
    vin = insured()
    was = insurers.details_of(insurers.insurer_of("DEMO-A"))
    pool = InsurerDetails("DEMO-A", was.name, MUTUAL_POOL)
    assert standing_of(vin) == "compliant"
    insurers.edit("DEMO-A", pool, seen=was, **WHO)
    assert standing_of(vin) == "barred"
    assert stored_as_computed()


def test_a_changed_seat_count_is_judged_anew():
    vin = insured()
    version = register.vehicle_of(vin).version
    register.edit(vin, records.details(seats=7), version=version, **WHO)
    assert standing_of(vin) == "short"
    assert stored_as_computed()


def test_a_correction_replaces_the_lines_and_says_from_what_to_what():
    vin = insured()
    number, version = commercial(vin).policy_number, commercial(vin).version
    kept = {one.id for one in commercial(vin).lines if one.cover != "third_party"}
    changed = policy_details("commercial", premium=Decimal(4000))
    service.edit(number, "DEMO-A", changed, covers(third_party=LOW), version=version, **WHO)
    assert standing_of(vin) == "short"
    assert kept < {one.id for one in commercial(vin).lines}
    entry = db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq.desc())).first()
    assert (entry.verb, entry.subject) == ("edit_policy", number)
    assert '"premium": [null, "4000"]' in entry.changes
    assert stored_as_computed()


@pytest.mark.parametrize("verb", ["edit", "endorse", "cancel"])
def test_who_saw_an_earlier_version_is_told(verb):
    vin = insured()
    number, version = commercial(vin).policy_number, commercial(vin).version
    service.endorse(number, raising(vin), version=version, **WHO)
    with pytest.raises(Stale):
        if verb == "edit":
            details = policy_details("commercial")
            service.edit(number, "DEMO-A", details, covers(), version=version, **WHO)
        elif verb == "endorse":
            service.endorse(number, raising(vin), version=version, **WHO)
        else:
            service.cancel(number, AT, version=version, **WHO)


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        ((*covers(), LOW), refusals.CoverTwice),
        ((LineDetails(cover="damage"),), refusals.LineIncomplete),
        (
            (LineDetails(cover="occupants_passengers", sum_insured=Decimal(1)),),
            refusals.LineIncomplete,
        ),
        ((LineDetails(cover="glass", since=AT, until=AT),), refusals.LineOutsidePolicy),
        ((LineDetails(cover="glass", until=AT + 800 * DAY),), refusals.LineOutsidePolicy),
    ],
)
def test_lines_that_cannot_be(lines, refused):
    vin = vehicle().vin
    with pytest.raises(refused):
        policy(vin, lines=lines)


def test_the_same_cover_may_follow_itself():
    vin = vehicle().vin
    first = LineDetails(cover="third_party", sum_insured=Decimal(1), until=AT)
    then = LineDetails(cover="third_party", sum_insured=Decimal(200_000), since=AT)
    assert len(policy(vin, lines=(first, then)).lines) == 2


def test_policies_that_cannot_be():
    vin = insured()
    number = commercial(vin).policy_number
    with pytest.raises(refusals.NumberTaken):
        service.record(Printed(number, "DEMO-A", vin), policy_details("commercial"), **WHO)
    with pytest.raises(refusals.EndsBeforeItBegins):
        policy(vin, last=LAST + DAY, ends=AT - 900 * DAY)
    with pytest.raises(NotFound):
        service.record(Printed("P-1", "NOBODY", vin), policy_details("commercial"), **WHO)
    with pytest.raises(NotFound):
        service.record(Printed("P-1", "DEMO-A", "X"), policy_details("commercial"), **WHO)


def test_endorsements_and_cancellations_that_cannot_be():
    vin = insured()
    number, version = commercial(vin).policy_number, commercial(vin).version
    line = commercial(vin).lines[0]

    def endorse(**values):
        values = {"effective_at": AT, "reason": "test"} | values
        service.endorse(number, Endorsing(**values), version=version, **WHO)

    with pytest.raises(refusals.NothingEndorsed):
        endorse()
    with pytest.raises(refusals.OutsidePolicy):
        endorse(effective_at=AT + 900 * DAY, ended=frozenset({line.id}))
    with pytest.raises(refusals.LineNotRunning):
        endorse(effective_at=policy_of(number).begins, ended=frozenset({line.id}))
    with pytest.raises(NotFound):
        endorse(ended=frozenset({-1}))
    with pytest.raises(refusals.CoverTwice):
        endorse(added=(LOW,))
    with pytest.raises(refusals.CancelledAfterEnd):
        service.cancel(number, AT + 900 * DAY, version=version, **WHO)
    assert standing_of(vin) == "compliant"
    assert stored_as_computed()


def test_what_a_change_outside_the_verbs_broke_is_found_and_repaired(app):
    insured()
    db.session.execute(db.text("UPDATE cover_steps SET standing = 'compliant'"))
    db.session.commit()
    run = app.test_cli_runner().invoke
    assert run(args=["steps", "verify"]).exit_code == 1
    assert run(args=["steps", "verify", "--repair"]).exit_code == 0
    assert run(args=["steps", "verify"]).exit_code == 0
