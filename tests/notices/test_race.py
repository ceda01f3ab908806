"""Two processes that send at once, and processes killed between the steps."""

from __future__ import annotations

import signal
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import select

from fleet.notices.outbox import LEASE
from fleet.notices.sending import send_due
from fleet.notices.tables import Notice
from fleet.storage import db
from tests import cast
from tests.notices.post import MORNING, Mailbox, about, free_port, running, say, set_up
from tests.notices.racing import STEPS, die, race

PEOPLE = 12  # with few, one sender may be done before the other has begun


@pytest.fixture
def mailbox(app, session):
    port = free_port()
    set_up(app, mail_server="127.0.0.1", mail_port=str(port))
    group = [cast.let_in(f"p{number}").id for number in range(PEOPLE)]
    say(*(about(person, number) for person in group for number in range(3)))
    with running(Mailbox(), port) as found:
        yield found


def states() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Notice.state).where(Notice.channel == "mail")))


def test_of_two_who_send_each_digest_is_sent_by_one(app, mailbox):
    answers = race(app.extensions["fleet_settings"], 2)
    assert sum(answers) == PEOPLE
    assert list(mailbox.by_id().values()) == [1] * PEOPLE
    assert states() == {"sent": PEOPLE * 3}


def test_without_the_guard_both_send(app, mailbox):
    """The control: looking alone keeps nobody from sending what another sends."""
    answers = race(app.extensions["fleet_settings"], 2, guarded=False)
    assert sum(answers) > PEOPLE
    assert max(mailbox.by_id().values()) == 2


@pytest.mark.parametrize("step", STEPS)
def test_a_sender_killed_between_two_steps_is_made_good(app, mailbox, step):
    """Killed after the server's yes and before our mark, it sends one mail again as the same."""
    assert die(app.extensions["fleet_settings"], step) == -signal.SIGKILL
    send_due(MORNING + timedelta(seconds=1))
    send_due(MORNING + LEASE + timedelta(minutes=1))
    assert states() == {"sent": PEOPLE * 3}
    assert len(mailbox.by_id()) == PEOPLE
    assert len(mailbox.mails) == PEOPLE + (step == "taken")
    twice = [mail for mail in mailbox.mails if mailbox.by_id()[str(mail["Message-ID"])] > 1]
    assert len({(mail["Date"], mail["To"], mail.get_content()) for mail in twice}) <= 1
