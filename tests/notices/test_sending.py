"""What is queued goes out once a person a day, whatever the servers and processes do."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from fleet.notices import outbox
from fleet.notices.rules import GIVE_UP, wait_after
from fleet.notices.sending import send_due
from fleet.notices.service import forget, try_again
from fleet.notices.tables import Channel, Digest, Notice
from fleet.notices.topics import offer_topic
from fleet.people import service as people
from fleet.people.service import Given
from fleet.storage import act, db, limit_to
from fleet.storage.scope import EVERYTHING
from fleet.web.access import COMPANY_ADMIN
from tests import cast
from tests.notices.post import MORNING, WHO, Mailbox, about, free_port, running, say, set_up

MINUTE = timedelta(minutes=1)
ONE_DAY = timedelta(days=1)


@pytest.fixture
def port(app):
    chosen = free_port()
    set_up(app, mail_server="127.0.0.1", mail_port=str(chosen))
    return chosen


@pytest.fixture
def mailbox(port):
    with running(Mailbox(), port) as found:
        yield found


@pytest.fixture
def ada(session):
    return cast.let_in("ada").id


@pytest.fixture
def bea(session):
    return cast.let_in("bea").id


def states(channel: str = "mail") -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Notice.state).where(Notice.channel == channel)))


def problems() -> list[str | None]:
    db.session.rollback()
    return list(db.session.scalars(select(Digest.problem).order_by(Digest.id)))


# ------------------------------------------------------------------------------- the digest


def test_a_day_is_one_mail_in_the_readers_language(session, mailbox, ada, bea):
    people.keep_language(ada, "en", **WHO)
    people.keep_language(bea, "zh_Hans", **WHO)
    say(*(about(person, number) for person in (ada, bea) for number in (1, 2)))
    assert send_due(MORNING) == 2
    assert send_due(MORNING + MINUTE) == 0
    (english,), (chinese,) = mailbox.to("ada"), mailbox.to("bea")
    assert english["Subject"] == "Fleet insurance: 2 notices"
    assert "1. Vehicles 京A00001" in english.get_content()
    assert "http://127.0.0.1:8000/notices/preferences" in english.get_content()
    assert "车辆 京A00002" in chinese.get_content()
    assert chinese["Content-Language"] == "zh-Hans"
    assert english["Auto-Submitted"] == "auto-generated"
    assert english["List-Unsubscribe"] == "<http://127.0.0.1:8000/notices/preferences>"
    assert english["Date"].datetime == MORNING
    assert english["From"] == "fleet@localhost"
    assert len(mailbox.by_id()) == 2
    assert states() == {"sent": 4}


def test_who_chose_no_language_reads_the_installations(session, mailbox, ada):
    say(about(ada, 1))
    send_due(MORNING)
    assert mailbox.mails[0]["Content-Language"] == "zh-Hans"


def test_what_comes_later_waits_for_the_next_day_unless_urgent(session, mailbox, ada):
    say(about(ada, 1))
    send_due(MORNING)
    say(about(ada, 2))
    assert send_due(MORNING + 60 * MINUTE) == 0
    say(about(ada, 3, "returned:1", urgent=True), about(ada, 4, "returned:1", urgent=True))
    assert send_due(MORNING + 61 * MINUTE) == 1
    assert "京A00003" in mailbox.mails[1].get_content()
    assert "京A00002" not in mailbox.mails[1].get_content()
    say(about(ada, 5, "returned:1", urgent=True))
    assert send_due(MORNING + 62 * MINUTE) == 1
    assert send_due(MORNING + ONE_DAY) == 1
    assert "京A00002" in mailbox.mails[3].get_content()
    assert states() == {"sent": 5}


def test_before_the_hour_only_what_is_urgent_goes(session, mailbox, ada):
    early = MORNING - timedelta(hours=2)
    say(about(ada, 1), about(ada, 2, urgent=True))
    assert send_due(early) == 1
    assert "京A00001" not in mailbox.mails[0].get_content()
    assert send_due(MORNING) == 1
    assert states() == {"sent": 2}


def test_what_is_settled_before_it_is_sent_is_not_sent(session, mailbox, ada, bea):
    say(about(ada, 1), about(bea, 1), about(bea, 2))
    outbox.gather(MORNING, date(2026, 3, 2), opened=True)
    with act("settle", **WHO):
        forget(["request:1"])
    assert send_due(MORNING) == 1
    assert mailbox.to("ada") == []
    assert "京A00001" not in mailbox.mails[0].get_content()


def test_who_lost_the_company_or_their_access_is_not_told(session, mailbox):
    world = cast.move_in("administrator")
    company = world.own.ids["company"]
    limit_to(EVERYTHING)
    admin = cast.let_in("admin", Given(COMPANY_ADMIN, company="A")).id
    moved = cast.let_in("moved", Given(COMPANY_ADMIN, company="B")).id
    out = cast.let_in("out", Given(COMPANY_ADMIN, company="A")).id
    chief = world.users["administrator"]
    say(*(about(person, 1, company_id=company) for person in (admin, moved, out, chief)))
    people.deactivate(out, **WHO)
    assert send_due(MORNING) == 2
    assert mailbox.to("admin")
    assert mailbox.to("administrator")
    assert states() == {"sent": 2, "dropped": 2}


# ----------------------------------------------------------------------------- the server


def test_a_server_that_is_down_loses_nothing_and_is_left_alone(session, port, ada, bea):
    say(about(ada, 1), about(bea, 1))
    assert send_due(MORNING) == 0
    channel = db.session.scalar(select(Channel))
    assert MINUTE <= channel.next_try_at - MORNING < 2 * MINUTE
    with running(Mailbox(), port) as mailbox:
        assert send_due(MORNING + MINUTE / 2) == 0
        assert mailbox.mails == []
        assert send_due(MORNING + 2 * MINUTE) == 2
        assert set(mailbox.by_id().values()) == {1}
    assert db.session.scalar(select(Channel)) is None
    assert states() == {"sent": 2}


def test_the_wait_for_a_server_grows(session, port, ada):
    say(about(ada, 1))
    now, waits = MORNING, []
    for _try in range(6):
        send_due(now)
        db.session.rollback()
        later = db.session.scalar(select(Channel.next_try_at))
        waits.append(round((later - now) / MINUTE))
        now = later + timedelta(seconds=1)
    assert waits == [1, 5, 15, 60, 240, 240]


def test_after_three_days_a_mail_is_given_up_and_can_be_tried_again(session, port, ada):
    say(about(ada, 1))
    send_due(MORNING)
    late = MORNING + GIVE_UP + MINUTE
    send_due(late)
    assert states() == {"failed": 1}
    assert states("inbox") == {"unread": 1}
    assert "refused" in problems()[0]
    assert try_again(**{**WHO, "at": late}) == 1
    with running(Mailbox(), port) as mailbox:
        assert send_due(late + 60 * MINUTE) == 1
        assert len(mailbox.mails) == 1
    assert states() == {"sent": 1}


def test_what_was_given_up_and_is_settled_does_not_come_back(session, port, ada):
    say(about(ada, 1))
    send_due(MORNING)
    send_due(MORNING + GIVE_UP + MINUTE)
    with act("settle", **WHO):
        forget(["request:1"])
    try_again(**WHO)
    with running(Mailbox(), port) as mailbox:
        assert send_due(MORNING + GIVE_UP + ONE_DAY) == 0
        assert mailbox.mails == []
    assert problems() == [None]


def test_a_refused_address_keeps_nobody_else_waiting(session, port, ada, bea):
    say(about(ada, 1), about(bea, 1))
    with running(Mailbox(("ada@cast.example",)), port) as mailbox:
        assert send_due(MORNING) == 1
        assert mailbox.to("bea")
        assert send_due(MORNING + MINUTE / 2) == 0
        assert "550" in problems()[0]
        mailbox.refused = ()
        assert send_due(MORNING + 2 * MINUTE) == 1
    assert states() == {"sent": 2}


def test_an_address_that_the_server_cannot_write_keeps_nobody_waiting(session, mailbox, bea):
    zhang = cast.let_in("张").id
    say(about(zhang, 1), about(bea, 1))
    assert send_due(MORNING) == 1
    assert mailbox.to("bea")
    assert "NotSupported" in str(problems())
    assert db.session.scalar(select(Channel)) is None


def test_a_topic_that_fails_keeps_nobody_else_waiting(app, session, mailbox, ada, bea):
    offer_topic(app, "broken", lambda facts: facts["missing"])
    say(about(bea, 2))
    with act("tell", **WHO):
        from fleet.notices.service import Telling, tell

        tell([Telling("x", "y", ada, "broken")], at=MORNING, day=date(2026, 3, 2))
    assert send_due(MORNING) == 1
    assert mailbox.to("bea")
    assert any("worded" in (one or "") for one in problems())


@pytest.mark.parametrize(
    ("failures", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 60), (5, 240), (40, 240)]
)
def test_the_waits(failures, minutes):
    assert wait_after(failures) == timedelta(minutes=minutes)


def test_ten_thousand_notices_of_fifty_people_take_seconds(session, mailbox):
    import time

    company = cast.move_in("administrator").own.ids["company"]
    role = Given(COMPANY_ADMIN, company="A")
    group = [cast.let_in(f"p{number}", role).id for number in range(50)]
    many = [about(person, number, company_id=company) for person in group for number in range(200)]
    begun = time.monotonic()
    say(*many)
    written = time.monotonic()
    assert send_due(MORNING) == 50
    done = time.monotonic()
    assert states() == {"sent": 10_000}
    assert written - begun < 10, written - begun
    assert done - written < 20, done - written
