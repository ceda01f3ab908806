"""Who is told what of a request, and once: the ladder, the escalation, the steps (3.3)."""

from __future__ import annotations

from collections import Counter

import pytest
from sqlalchemy import select

from fleet.notices.rules import COMPANY, DESK, GROUP, INBOX, QUEUED
from fleet.notices.tables import Notice
from fleet.people.tables import User
from fleet.renewals import rules, service
from fleet.renewals.rules import told_at
from fleet.renewals.service import Prepared
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import Actor, db
from fleet.web.access import COMPANY_ADMIN, GROUP_ADMINISTRATOR, INSURANCE_DESK
from tests import make
from tests.renewals.records import AT, BY, DAY, X, caller, policy, run, vehicle

LADDER = make.book().renewal


@pytest.fixture
def people(session) -> dict[str, User]:
    return {
        COMPANY: caller(COMPANY_ADMIN, "A1"),
        DESK: caller(INSURANCE_DESK, None, "A"),
        GROUP: caller(GROUP_ADMINISTRATOR),
        "elsewhere": caller(COMPANY_ADMIN, "B1"),
    }


@pytest.fixture
def due(people) -> CoverRequest:
    """A vehicle whose compulsory policy ends on X; a commercial one runs on beyond."""
    of = vehicle()
    policy(of)
    policy(of, "commercial", X + 300 * DAY)
    run(X - 15 * DAY)
    return db.session.scalars(select(CoverRequest).where(CoverRequest.occasion == RENEWAL)).one()


def told(channel: str = INBOX) -> Counter[tuple[str, str]]:
    """Occasion and recipient's role of all that was told by a channel, the row's day left out."""
    db.session.rollback()
    found = db.session.execute(
        select(Notice.occasion, User.name)
        .join(User, User.id == Notice.recipient_id)
        .where(Notice.channel == channel)
    )
    return Counter(
        (occasion.partition(":rung:")[2] or occasion.partition(":")[0], name)
        for occasion, name in found
    )


@pytest.mark.parametrize(
    ("state", "rung", "levels"),
    [
        (rules.DUE, -15, (COMPANY,)),
        (rules.PREPARED, -4, (COMPANY,)),
        (rules.DUE, -3, (COMPANY, DESK)),
        (rules.RETURNED, 0, (COMPANY, DESK)),
        (rules.DUE, 1, (COMPANY, DESK, GROUP)),
        (rules.SUBMITTED, -15, (DESK,)),
        (rules.PLACED, -1, (DESK,)),
        (rules.ACCEPTED, 1, (DESK, GROUP)),
    ],
)
def test_whoever_must_act_is_told_and_then_higher(state, rung, levels):
    assert told_at(state, rung, LADDER) == levels


def test_each_rung_is_told_once_however_often_the_day_runs(due):
    for offset in range(-15, 3):
        run(X + offset * DAY)
        run(X + offset * DAY)
    admin, desk, group = COMPANY_ADMIN, INSURANCE_DESK, GROUP_ADMINISTRATOR
    assert told() == Counter(
        [(str(rung), admin) for rung in (-15, -7, -3, -1, 0, 1, 2)]
        + [(str(rung), desk) for rung in (-3, -1, 0, 1, 2)]
        + [(str(rung), group) for rung in (1, 2)]
    )


def test_days_missed_are_made_up_by_the_latest_rung_alone(due):
    run(X - 2 * DAY)  # stopped since the day it opened
    assert told() == Counter(
        [("-15", COMPANY_ADMIN), ("-3", COMPANY_ADMIN), ("-3", INSURANCE_DESK)]
    )


def test_a_new_rung_takes_the_place_of_one_not_read_and_a_day_run_again_takes_none(due):
    run(X - 7 * DAY)
    run(X - 7 * DAY)
    assert queued() == 1
    run(X - 3 * DAY)
    assert queued() == 2  # the company's and the desk's


def test_rungs_of_several_requests_take_the_place_of_those_before(people):
    for serial in (1, 2, 3):
        of = vehicle(serial)
        policy(of)
        policy(of, "commercial", X + 300 * DAY)
    for offset in (-15, -7, -7):
        run(X + offset * DAY)
    assert queued() == 3


def test_where_nobody_answers_for_the_company_the_desk_is_told(session):
    of = vehicle()
    caller(INSURANCE_DESK, None, "A")
    policy(of)
    policy(of, "commercial", X + 300 * DAY)
    run(X - 15 * DAY)
    assert told() == Counter([("-15", INSURANCE_DESK)])


def test_a_reminder_to_the_company_is_dropped_once_it_has_reported(due):
    assert queued() == 1
    prepare_and_submit(due)
    assert queued("request_reminder") == 0


def prepare_and_submit(request: CoverRequest, by: Actor = BY) -> None:
    service.prepare(request.id, Prepared(), version=request.version, by=by, at=AT)
    assert service.submit([request.id], by=by, at=AT).moved == [request.id]


def queued(topic: str = "request_reminder") -> int:
    db.session.rollback()
    rows = select(Notice.id).where(Notice.state == QUEUED, Notice.topic == topic)
    return len(db.session.scalars(rows).all())


def test_steps_tell_whom_they_concern_and_not_who_made_them(due, people):
    admin = Actor(people[COMPANY].id, people[COMPANY].email)
    desk = Actor(people[DESK].id, people[DESK].email)
    prepare_and_submit(due, admin)
    service.send_back([due.id], "The seats differ from the licence.", by=desk, at=AT)
    steps = {one: count for one, count in told().items() if not one[0].startswith("-")}
    assert steps == {("submit", INSURANCE_DESK): 1, ("return", COMPANY_ADMIN): 1}
    returned = db.session.scalars(select(Notice).where(Notice.occasion.startswith("return"))).all()
    assert all(one.urgent and one.facts["reason"].startswith("The seats") for one in returned)


def test_what_is_insured_is_told_to_both_where_somebody_worked_on_it(due, people):
    prepare_and_submit(due)
    policy(due.vehicle, first=X + DAY, last=X + 365 * DAY)
    run(X - 10 * DAY)
    ended = {name for (occasion, name) in told() if occasion == "ended"}
    assert ended == {COMPANY_ADMIN, INSURANCE_DESK}
    assert queued() == 0


def test_what_nobody_touched_ends_in_silence(due):
    policy(due.vehicle, first=X + DAY, last=X + 365 * DAY)
    run(X - 10 * DAY)
    assert not any(occasion == "ended" for occasion, _ in told())
