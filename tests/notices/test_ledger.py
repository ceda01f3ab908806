"""What is told is written once, for each channel of who may sign in; who stands in for whom."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from fleet.notices.recipients import audience
from fleet.notices.rules import COMPANY, DESK, GROUP, LEVELS, escalated
from fleet.notices.service import Telling, forget, tell
from fleet.notices.tables import Notice
from fleet.people import service as people
from fleet.people.service import Given
from fleet.storage import act, db
from fleet.web.access import COMPANY_ADMIN, FINANCE, GROUP_ADMINISTRATOR, INSURANCE_DESK
from tests import cast

DAY = date(2026, 3, 2)
WHO = {"by": cast.SYSTEM, "at": cast.AT}


def say(*tellings: Telling, day: date = DAY) -> None:
    with act("tell", **WHO):
        tell(tellings, at=cast.AT, day=day)


def ledger() -> Counter[tuple[str, str]]:
    rows = db.session.execute(select(Notice.channel, Notice.state)).all()
    return Counter((channel, state) for channel, state in rows)


@pytest.fixture
def ada(session):
    return cast.let_in("ada").id


def test_a_telling_is_written_once_whoever_repeats_it(ada):
    one = Telling("request:17", "rung:-15", ada, "due")
    say(one, one)
    say(one, day=DAY + timedelta(days=1))
    assert ledger() == {("inbox", "unread"): 1, ("mail", "queued"): 1}
    say(Telling("request:17", "rung:-7", ada, "due"))
    assert ledger() == {("inbox", "unread"): 2, ("mail", "queued"): 2}


def test_who_is_shut_out_is_told_nothing(ada):
    cast.let_in("first", Given(GROUP_ADMINISTRATOR))
    eve = cast.let_in("eve").id
    people.deactivate(eve, **WHO)
    say(Telling("request:17", "rung:-15", eve, "due"))
    assert ledger() == {}


def test_what_is_settled_is_forgotten(ada):
    say(Telling("request:17", "rung:-15", ada, "due"), Telling("request:18", "x", ada, "due"))
    with act("settle", **WHO):
        forget(["request:17"])
    assert ledger() == {
        ("inbox", "unread"): 1,
        ("mail", "queued"): 1,
        ("inbox", "dropped"): 1,
        ("mail", "dropped"): 1,
    }


@pytest.mark.parametrize("link", ["https://evil.example", "//evil.example", ""])
def test_a_link_is_a_path_of_ours(link):
    with pytest.raises(ValueError, match="a path"):
        Telling("request:17", "rung:-15", 1, "due", link=link)


def test_nothing_is_told_by_a_verb_that_fails(ada):
    with pytest.raises(ZeroDivisionError), act("tell", **WHO):
        tell([Telling("request:17", "rung:-15", ada, "due")], at=cast.AT, day=DAY)
        1 / 0  # noqa: B018 - it fails on purpose
    assert ledger() == {}


@pytest.mark.parametrize(
    ("level", "present", "told"),
    [
        (COMPANY, {COMPANY, DESK, GROUP}, COMPANY),
        (COMPANY, {DESK, GROUP}, DESK),
        (COMPANY, {GROUP}, GROUP),
        (COMPANY, {COMPANY}, COMPANY),
        (COMPANY, set(), GROUP),
        (DESK, {COMPANY, DESK, GROUP}, DESK),
        (DESK, {COMPANY, GROUP}, GROUP),
        (DESK, {COMPANY}, GROUP),
        (GROUP, {COMPANY, DESK, GROUP}, GROUP),
    ],
)
def test_a_missing_level_falls_back_upwards(level, present, told):
    assert escalated(level, present) == told


@given(st.sampled_from(LEVELS), st.sets(st.sampled_from(LEVELS)))
def test_nobody_below_is_told_in_place_of_somebody(level, present):
    told = escalated(level, present)
    assert LEVELS.index(told) >= LEVELS.index(level)
    assert told in present or told == GROUP
    passed = LEVELS[LEVELS.index(level) : LEVELS.index(told)]
    assert not present & set(passed)


def test_the_audience_of_a_company(session):
    world = cast.move_in("company", "desk", "finance", "administrator")
    ids = world.users
    everywhere = cast.let_in("everywhere", Given(COMPANY_ADMIN)).id
    of_region = cast.let_in("region", Given(COMPANY_ADMIN, region="N")).id
    half = cast.let_in("half", Given(GROUP_ADMINISTRATOR, region="N"), Given(FINANCE)).id
    own, foreign = world.own.ids["company"], world.foreign.ids["company"]
    found = audience([own, foreign])
    assert set(found.of(own, COMPANY)) == {ids["company"], everywhere, of_region}
    assert found.of(own, DESK) == (ids["desk"],)
    assert found.of(own, GROUP) == (ids["administrator"],)
    assert half not in found.of(own, GROUP)
    assert found.of(foreign, COMPANY) == (everywhere,)
    assert found.at(foreign, DESK) == ()
    assert found.of(foreign, DESK) == (ids["administrator"],)
    people.deactivate(everywhere, **WHO)
    assert audience([foreign]).of(foreign, COMPANY) == (ids["administrator"],)


def test_the_desk_of_the_whole_group_is_every_regions(session):
    world = cast.move_in("administrator")
    desk = cast.let_in("desk", Given(INSURANCE_DESK)).id
    found = audience([world.own.ids["company"]])
    assert found.of(world.own.ids["company"], COMPANY) == (desk,)
