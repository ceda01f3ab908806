"""The verbs of requests: who, from which states, what is left out and why, which version."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from fleet.insurers.tables import Designation
from fleet.people.tables import Company
from fleet.policies import service as policies
from fleet.renewals import hearing, refusals, rules, service
from fleet.renewals.hearing import Approved
from fleet.renewals.moving import Outcome, request_of
from fleet.renewals.service import Prepared
from fleet.renewals.tables import Approval, CoverRequest, RequestMove
from fleet.rulebook.renewal import NEW, RENEWAL
from fleet.storage import EVERYTHING, Scope, db, limit_to
from fleet.vehicles import service as vehicles
from fleet.web.errors import Stale
from fleet.words import Days, midnight
from tests.renewals.life import _details as policy_details
from tests.renewals.records import BY, CLOCK, DAY, X, company, insurer, policy, run, vehicle
from tests.renewals.slow_rule import noon

ON = X - 10 * DAY
AT = noon(ON)
TOLD: dict[str, Any] = {"by": BY, "at": AT}
WORD = Approved("OA-1", date(2026, 6, 1), "Li")


@pytest.fixture
def request_id(session) -> int:
    """The renewal of a compulsory policy, due."""
    of = vehicle()
    policy(of)
    policy(of, "commercial", last=X + 300 * DAY)
    held = Designation(
        insurer=insurer("DEMO-B"), region_id=of.company.region_id, since=date(2012, 1, 17)
    )
    session.add(held)
    run(ON)
    return session.scalars(select(CoverRequest.id)).one()


def read(request_id: int) -> CoverRequest:
    db.session.rollback()
    db.session.expire_all()
    return request_of(request_id)


def put(request_id: int, state: str, occasion: str = RENEWAL) -> None:
    """Let a request be in a state, however it came there."""
    held = read(request_id)
    held.state, held.occasion = state, occasion
    db.session.commit()


VERBS: dict[str, Callable[[list[int]], Outcome]] = {
    rules.APPROVE: lambda ids: service.approve(ids, WORD, **TOLD),
    rules.SUBMIT: lambda ids: service.submit(ids, **TOLD),
    rules.ACCEPT: lambda ids: service.accept(ids, **TOLD),
    rules.RETURN: lambda ids: service.send_back(ids, "no licence", **TOLD),
    rules.PLACE: lambda ids: service.place(ids, "DEMO-B", **TOLD),
    rules.UNPLACE: lambda ids: service.take_back(ids, "declined", **TOLD),
    rules.WITHDRAW: lambda ids: service.withdraw(ids, rules.SOLD, None, **TOLD),
    rules.RESUME: lambda ids: service.resume(ids, **TOLD),
}


@pytest.mark.parametrize("move", VERBS)
def test_a_verb_moves_from_its_states_and_leaves_the_others_alone(request_id, move):
    before, after = rules.MOVES[move]
    for state in rules.STATES:
        put(request_id, state)
        version = read(request_id).version
        outcome = VERBS[move]([request_id])
        held = read(request_id)
        if state in before:
            assert (outcome.moved, outcome.left_out, held.state) == ([request_id], [], after)
            last = held.moves[-1]
            assert (last.move, last.before, last.after, last.by) == (move, state, after, BY.name)
        else:
            assert (outcome.moved, held.state, held.version) == ([], state, version)
            assert [one.why for one in outcome.left_out] == [refusals.NotFromHere(state).message]


@pytest.mark.parametrize("verb", VERBS.values())
def test_anothers_request_is_not_there(request_id, verb):
    company("B1", "B")
    db.session.commit()
    foreign = db.session.scalars(select(Company.id).where(Company.code == "B1")).one()
    limit_to(Scope(frozenset({foreign})))
    outcome = verb([request_id])
    limit_to(EVERYTHING)
    assert outcome.moved == []
    assert [(it.name, it.why) for it in outcome.left_out] == [
        (f"#{request_id}", refusals.NotYours().message)
    ]
    assert read(request_id).state == "due"


def test_one_step_over_many_moves_those_it_can_and_says_why_not(request_id):
    policy(vehicle(2))
    run(ON)
    first, second = db.session.scalars(
        select(CoverRequest.id).where(CoverRequest.kind == "compulsory").order_by(CoverRequest.id)
    )
    put(first, "submitted")
    outcome = service.accept([first, second, 999], **TOLD)
    assert outcome.moved == [first]
    assert [(it.request_id, it.why) for it in outcome.left_out] == [
        (second, refusals.NotFromHere("due").message),
        (999, refusals.NotYours().message),
    ]


# The company's part


def test_what_is_prepared_stands_and_a_stale_form_does_not(request_id):
    version = read(request_id).version
    service.prepare(request_id, Prepared(contact="Wang"), version=version, **TOLD)
    held = read(request_id)
    assert (held.state, held.contact) == ("prepared", "Wang")
    assert held.version > version
    with pytest.raises(Stale):
        service.prepare(request_id, Prepared(contact="Zhao"), version=version, **TOLD)
    assert read(request_id).contact == "Wang"


def test_a_form_is_stale_after_the_job_changed_its_request(request_id):
    version = read(request_id).version
    held = db.session.scalars(select(policies.Policy).where(policies.Policy.kind == "compulsory"))
    held.one().cancelled_at = midnight(X - 3 * DAY, CLOCK)
    run(ON)
    assert read(request_id).state == "expiry_changed"
    with pytest.raises(Stale):
        service.prepare(request_id, Prepared(), version=version, **TOLD)


def test_the_covers_of_the_rule_cannot_be_left_out_nor_asked_for_twice(request_id):
    held = read(request_id)
    held.kind = "commercial"
    db.session.commit()
    with pytest.raises(refusals.CoversLacking):
        service.prepare(request_id, Prepared(), version=read(request_id).version, **TOLD)
    lines = tuple(service.prefill(read(request_id), AT))
    with pytest.raises(refusals.CoverAskedTwice):
        twice = Prepared(lines=(*lines, lines[0]))
        service.prepare(request_id, twice, version=read(request_id).version, **TOLD)
    service.prepare(request_id, Prepared(lines=lines), version=read(request_id).version, **TOLD)
    assert [it.cover for it in read(request_id).lines] == [it.cover for it in lines]


def test_a_new_request_waits_for_its_approval_and_a_renewal_does_not(request_id):
    """Clauses 3.2 and 3.3."""
    put(request_id, "prepared", NEW)
    outcome = service.submit([request_id], **TOLD)
    assert [it.why for it in outcome.left_out] == [refusals.ApprovalMissing().message]
    service.approve([request_id], WORD, **TOLD)
    assert service.submit([request_id], **TOLD).moved == [request_id]
    put(request_id, "prepared")
    assert service.submit([request_id], **TOLD).moved == [request_id]


def test_an_approval_of_a_day_to_come_or_unlike_the_one_on_record_is_refused(request_id):
    put(request_id, "prepared")
    with pytest.raises(refusals.InTheFuture):
        service.approve([request_id], Approved("OA-2", ON + DAY, "Li"), **TOLD)
    hearing.hear(Approved("OA-1", WORD.decided_on, "Li", typed=False), [request_id], **TOLD)
    put(request_id, "prepared")
    outcome = service.approve([request_id], Approved("OA-1", WORD.decided_on, "Qian"), **TOLD)
    assert "Li" in outcome.left_out[0].why


def test_an_approval_heard_early_counts_when_the_request_is_prepared(request_id):
    hearing.hear(WORD, [request_id], **TOLD)
    assert read(request_id).state == "due"
    service.prepare(request_id, Prepared(), version=read(request_id).version, **TOLD)
    assert read(request_id).state == "approved"


@pytest.mark.parametrize(
    ("state", "after"),
    [("approved", "prepared"), ("submitted", "prepared"), ("accepted", "prepared"),
     ("placed", "placed"), ("due", "due"), ("withdrawn", "withdrawn")],
)  # fmt: skip
def test_a_withdrawal_in_the_oa_takes_back_what_is_not_placed(request_id, state, after):
    put(request_id, state)
    word = Approved("OA-1", WORD.decided_on, "Li", "withdrawn", typed=False)
    hearing.hear(word, [request_id], **TOLD)
    assert read(request_id).state == after
    assert db.session.scalars(select(Approval.state)).one() == "withdrawn"


def test_a_withdrawal_needs_its_need_to_be_taken_up_again(request_id):
    service.withdraw([request_id], rules.SOLD, "to Wu", **TOLD)
    held = read(request_id)
    assert (held.withdrawn_for, held.reason, held.closed_on) == ("sold", "to Wu", ON)
    vehicles.lay_up(held.vehicle.vin, Days(ON, X + 9 * DAY), **TOLD)
    outcome = service.resume([request_id], **TOLD)
    assert [it.why for it in outcome.left_out] == [refusals.NeedGone().message]


def test_taking_up_beside_a_request_that_the_job_just_opened_is_stale(request_id, monkeypatch):
    """Two at once, as PostgreSQL lets them: the look finds nothing, the constraint does."""
    service.withdraw([request_id], rules.SOLD, None, **TOLD)
    held = read(request_id)
    other = CoverRequest(
        vehicle_id=held.vehicle_id,
        kind=held.kind,
        occasion=RENEWAL,
        expiry_day=X + DAY,
        opens_on=ON,
        opened_on=ON,
    )
    db.session.add(other)
    db.session.commit()
    assert service.resume([request_id], **TOLD).left_out[0].why == refusals.RequestOpen().message
    monkeypatch.setattr(service, "_other_open", lambda _request: False)
    with pytest.raises(Stale):
        service.resume([request_id], **TOLD)
    assert read(request_id).state == "withdrawn"


def test_a_new_request_is_asked_for_once_and_only_where_it_is_needed(request_id):
    of = vehicle(2, since=X + 200 * DAY)
    db.session.commit()
    made = service.ask_new(of.vin, "compulsory", **TOLD)
    assert (made.occasion, made.expiry_day, made.state) == (NEW, X + 199 * DAY, "due")
    with pytest.raises(refusals.RequestOpen):
        service.ask_new(of.vin, "compulsory", **TOLD)
    with pytest.raises(refusals.NothingNeeded):
        service.ask_new(read(request_id).vehicle.vin, "compulsory", **TOLD)


# The desk's part


def test_only_an_insurer_designated_that_day_is_given_a_request(request_id):
    """Clause 3.1."""
    insurer("DEMO-C")
    db.session.commit()
    put(request_id, "accepted")
    outcome = service.place([request_id], "DEMO-C", **TOLD)
    assert outcome.placements == []
    assert "DEMO-C" in outcome.left_out[0].why
    outcome = service.place([request_id], "DEMO-B", **TOLD)
    assert [it.id for it in (read(request_id).placement,) if it] == outcome.placements
    service.take_back([request_id], "declined", **TOLD)
    assert (read(request_id).placement, read(request_id).state) == (None, "accepted")


def test_a_premium_is_expected_of_a_placed_request_only(request_id):
    version = read(request_id).version
    with pytest.raises(refusals.NotFromHere):
        service.expect(request_id, None, None, version=version, **TOLD)


# Where facts end it, and give it back


def settle(request_id: int) -> None:
    """A following policy on record, by mistake."""
    details = policy_details("compulsory", X + DAY, 364)
    vin = read(request_id).vehicle.vin
    policies.record(policies.Printed("NEXT", "DEMO-B", vin), details, **TOLD)


@pytest.mark.parametrize("state", ["prepared", "submitted", "placed"])
def test_a_policy_taken_back_lets_the_request_go_on_where_it_was(request_id, state):
    put(request_id, state)
    settle(request_id)
    held = read(request_id)
    assert (held.state, held.followed_by) == ("insured", "NEXT")
    policies.cancel("NEXT", midnight(X + DAY, CLOCK), version=1, **TOLD)
    run(ON)
    held = read(request_id)
    assert (held.state, held.followed_by, held.closed_on) == (state, None, None)
    assert [(it.move, it.before, it.after) for it in held.moves] == [
        ("ended", state, "insured"),
        ("reopened", "insured", state),
    ]


def test_what_the_oa_took_back_meanwhile_is_asked_for_again(request_id):
    hearing.hear(WORD, [request_id], **TOLD)
    put(request_id, "submitted")
    settle(request_id)
    word = Approved("OA-1", WORD.decided_on, "Li", "withdrawn", typed=False)
    hearing.hear(word, [request_id], **TOLD)
    policies.cancel("NEXT", midnight(X + DAY, CLOCK), version=1, **TOLD)
    run(ON)
    assert read(request_id).state == "prepared"


def test_carried_work_stands_on_one_row_only(request_id):
    hearing.hear(WORD, [request_id], **TOLD)
    version = read(request_id).version
    service.prepare(request_id, Prepared(contact="Wang"), version=version, **TOLD)
    held = db.session.scalars(select(policies.Policy).where(policies.Policy.kind == "compulsory"))
    held.one().cancelled_at = midnight(X - 3 * DAY, CLOCK)
    run(ON)
    new = db.session.scalars(select(CoverRequest).where(CoverRequest.state == "approved")).one()
    assert (new.expiry_day, new.contact) == (X - 4 * DAY, "Wang")
    assert hearing.requests_of("OA-1") == [new.id]
    assert (read(request_id).contact, read(request_id).approval_id) == (None, None)


def test_a_gone_by_day_ends_nothing_that_somebody_works_on(request_id):
    version = read(request_id).version
    service.prepare(request_id, Prepared(), version=version, **TOLD)
    held = db.session.scalars(select(policies.Policy).where(policies.Policy.kind == "compulsory"))
    held.one().cancelled_at = midnight(X - 3 * DAY, CLOCK)
    run(ON + DAY)
    assert read(request_id).state == "expiry_changed"
    moves = len(db.session.scalars(select(RequestMove)).all())
    run(ON)
    assert len(db.session.scalars(select(RequestMove)).all()) == moves
