"""A year of the demo group: the worker is stopped for days at random and killed as it works.

Whatever it went through, each need has exactly one request, each rung that was reached is told
once, and each message stands once in the mail server's own count. The year is as long as
FLEET_YEAR_DAYS says, with FLEET_YEAR_KILLS kills; the suite lives a shorter one.
"""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import dataclass, field, replace
from datetime import date
from datetime import time as clock_time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from fleet.demo.service import load_demo
from fleet.notices.rules import FAILED, INBOX, MAIL, QUEUED
from fleet.notices.tables import Digest, Notice
from fleet.policies import service as policies
from fleet.policies.facts import facts
from fleet.policies.service import LineDetails, PolicyDetails, Printed
from fleet.renewals import rules, service
from fleet.renewals.service import Prepared, prefill
from fleet.renewals.tables import CoverRequest
from fleet.settings import Settings
from fleet.storage import Actor, db, everyone
from fleet.storage.history import verify
from fleet.vehicles import service as vehicles
from fleet.words import Days, midnight
from tests import forks
from tests.acceptance import year_worker
from tests.acceptance.year_worker import CLOCK, DAY, at
from tests.notices.post import Mailbox, free_port, running
from tests.rulebook.test_need_spans import slowly

DAYS = int(os.environ.get("FLEET_YEAR_DAYS", "45"))
KILLS = int(os.environ.get("FLEET_YEAR_KILLS", "8"))
SEED = int(os.environ.get("FLEET_YEAR_SEED", "2012"))
FIRST = date(2026, 3, 2)
LADDER = (-15, -7, -3, -1, 0)
WINDOW = 15 * DAY
NINE = clock_time(9)
PEOPLE = Actor(None, "people of the year")
KINDS = ("compulsory", "commercial")


@dataclass
class Year:
    """A year under way: the clock, the dice, and what was seen of it."""

    settings: Settings
    told: Path
    dice: random.Random
    today: date = FIRST
    kills: int = 0
    ran: dict[date, list[list[str]]] = field(default_factory=dict)
    made: int = 0

    def read(self) -> None:
        """Read what the worker wrote down; a line it was killed over is none."""
        text = self.told.read_text() if self.told.exists() else ""
        for line in text.splitlines():
            try:
                day, rows = json.loads(line)
            except ValueError:
                continue
            self.ran[date.fromisoformat(day)] = rows


@pytest.mark.one_engine
def test_a_year_with_a_worker_that_is_stopped_and_killed(app: Flask, tmp_path: Path) -> None:
    port, mailbox = free_port(), Mailbox()
    year = Year(_settings(app, port), tmp_path / "days.jsonl", random.Random(SEED))  # noqa: S311 - invented days
    with app.app_context(), everyone():
        load_demo(PEOPLE, at(FIRST, clock_time(1)))
    with running(mailbox, port):
        _live(app, year)
        _settle(app, year)
    with app.app_context(), everyone():
        _each_rung_is_in_the_ledger(year)
        _each_message_came_once(year, mailbox)
        assert verify() is None


def _settings(app: Flask, port: int) -> Settings:
    chosen = replace(app.extensions["fleet_settings"], mail_server="127.0.0.1", mail_port=str(port))
    app.extensions["fleet_settings"] = chosen
    return chosen


# ---------------------------------------------------------------------- the year


def _live(app: Flask, year: Year) -> None:
    last = FIRST + (DAYS - 1) * DAY
    checked = 0
    while year.today <= last:
        with app.app_context(), everyone():
            _people_do_something(year)
        until = min(last, year.today + year.dice.randrange(1, 4) * DAY)
        _work(year, until)
        with app.app_context(), everyone():
            _open_requests_are_the_needs(year, until)
        checked += 1
        year.today = until + DAY
        if year.dice.random() < 0.3:  # nobody starts it again for some days
            year.today += year.dice.randrange(1, 6) * DAY
    assert checked > DAYS / 10
    assert year.kills >= min(KILLS, DAYS // 8)


def _work(year: Year, until: date, *, kills: int = KILLS) -> None:
    """Let the worker live until a day; now and then it is killed and started again."""
    context = forks.forking()
    day = year.today
    while day <= until:
        process = context.Process(
            target=year_worker.live, args=(year.settings, day, until, year.told)
        )
        process.start()
        if year.kills < kills and year.dice.random() < 0.6:
            _kill(process, year)
        process.join()
        year.read()
        day = max([day, *(one + DAY for one in year.ran)])
        assert process.exitcode in {0, -9}, process.exitcode


def _kill(process: Any, year: Year) -> None:
    """SIGKILL at a random moment; some come before the work, most within it."""
    time.sleep(year.dice.uniform(0.05, 0.5))
    if process.is_alive():
        process.kill()
        year.kills += 1


def _settle(app: Flask, year: Year) -> None:
    """Some quiet days, so that what waited for the next digest, or for a lease, went out too."""
    for _ in range(3):
        year.today = max(year.ran) + DAY
        _work(year, year.today, kills=0)
    with app.app_context():
        left = db.session.scalars(
            select(Notice.id).where(
                Notice.channel == MAIL,
                Notice.state.in_((QUEUED, FAILED)),
                Notice.day < year.today,
            )
        ).all()
        assert left == []


# ---------------------------------------------------------------------- the people


def _people_do_something(year: Year) -> None:
    """Move some requests, insure some vehicles, lay one up, let one leave."""
    now = at(year.today, clock_time(8))
    waiting = list(
        db.session.scalars(select(CoverRequest).where(CoverRequest.state.in_(rules.OPEN)))
    )
    year.dice.shuffle(waiting)
    for request in waiting[:6]:
        year.dice.choice((_move, _move, _insure, _insure, _insure, _give_up))(request, year, now)
    db.session.remove()


def _move(request: CoverRequest, year: Year, now: Any) -> None:
    ids = [request.id]
    told = {"by": PEOPLE, "at": now}
    if request.state in (rules.DUE, rules.RETURNED):
        asked = Prepared(lines=tuple(prefill(request, now)))
        service.prepare(request.id, asked, version=request.version, **told)
        service.submit(ids, **told)
    elif request.state == rules.SUBMITTED:
        if year.dice.random() < 0.7:
            service.accept(ids, **told)
        else:
            service.send_back(ids, "Once more.", **told)
    elif request.state == rules.ACCEPTED:
        service.place(ids, "DEMO-A", **told)


def _insure(request: CoverRequest, year: Year, now: Any) -> None:
    """Record a following policy: contiguous most often, sometimes with a gap or a short one."""
    gap = year.dice.choice((0, 0, 0, 0, 3))
    first = max(request.expiry_day + DAY, year.today) + gap * DAY
    days = year.dice.choice((365, 365, 365, 20))
    year.made += 1
    lines = [
        LineDetails(cover=line.cover, sum_insured=line.sum_insured, seats=line.seats)
        for line in prefill(request, now)
    ]
    for line in lines:
        if line.sum_insured is None:
            lines[lines.index(line)] = replace(line, sum_insured=100_000)
    policies.record(
        Printed(f"YEAR-{year.made:05d}", "DEMO-A", request.vehicle.vin),
        PolicyDetails(
            kind=request.kind,
            begins=midnight(first, CLOCK),
            ends=midnight(first + days * DAY, CLOCK),
            signed_on=year.today,
            tax_exempt=True,
        ),
        lines,
        by=PEOPLE,
        at=now,
    )


def _give_up(request: CoverRequest, year: Year, now: Any) -> None:
    vehicle = request.vehicle
    what = year.dice.randrange(3)
    if what == 0:
        service.withdraw([request.id], rules.OTHER, "Sold soon.", by=PEOPLE, at=now)
    elif what == 1 and not vehicle.lay_ups:
        days = Days(year.today, year.today + year.dice.randrange(2, 20) * DAY)
        vehicles.lay_up(vehicle.vin, days, by=PEOPLE, at=now)
    elif vehicle.in_service_until is None:
        vehicles.leave(
            vehicle.vin, year.today + 2 * DAY, version=vehicle.version, by=PEOPLE, at=now
        )


# ---------------------------------------------------------------------- the judges


def _open_requests_are_the_needs(year: Year, day: date) -> None:
    """Exactly one open request for each need that a second reading of the rule finds."""
    wanted = {
        (one.vehicle_id, kind, found[1])
        for one in facts()
        for kind in KINDS
        if (found := slowly(one.vehicle, one.policies, day, kind)) and found[1] - WINDOW <= day
    }
    stood = [(int(row[1]), row[2], date.fromisoformat(row[3])) for row in year.ran[day]]
    withdrawn = {
        (row.vehicle_id, row.kind, row.expiry_day)
        for row in db.session.scalars(
            select(CoverRequest).where(CoverRequest.state == rules.WITHDRAWN)
        )
    }
    assert len(stood) == len(set(stood))
    assert set(stood) == wanted - withdrawn
    db.session.remove()


def rung(expiry_day: date, day: date) -> int | None:
    """The latest rung reached, read from the paper: five before expiry, then every day."""
    passed = (day - expiry_day).days
    return passed if passed > 0 else max((one for one in LADDER if one <= passed), default=None)


def _expected(year: Year) -> set[tuple[int, str]]:
    """Request and occasion of every rung reached on a day that ran."""
    return {
        (int(row[0]), f"{row[4]}:rung:{reached}")
        for day, rows in year.ran.items()
        for row in rows
        if (reached := rung(date.fromisoformat(row[3]), day)) is not None
    }


def _each_rung_is_in_the_ledger(year: Year) -> None:
    written = db.session.execute(
        select(Notice.subject, Notice.occasion, Notice.recipient_id, Notice.channel)
    ).all()
    assert len(written) == len(set(written))
    reminded = {
        (int(subject.partition(":")[2]), occasion)
        for subject, occasion, _, channel in written
        if ":rung:" in occasion and channel == INBOX
    }
    first_run = {one for one in reminded if one[1].startswith(FIRST.isoformat())}
    assert _expected(year) <= reminded
    assert reminded - _expected(year) <= first_run  # the demo's own first day is not written down


def _each_message_came_once(year: Year, mailbox: Mailbox) -> None:
    """The mail server's own count, by Message-ID.

    SMTP leaves one gap: a worker killed between the server's yes and its own mark sends again,
    under the same Message-ID, by which servers know a duplicate. Each kill opens it once at most.
    """
    counted = mailbox.by_id()
    sent = set(db.session.scalars(select(Digest.message_id).where(Digest.channel == MAIL)))
    assert set(counted) == sent
    again = sum(count - 1 for count in counted.values())
    assert again <= year.kills
    print(  # noqa: T201 - the year's figures, for whoever lives a whole one
        f"{len(year.ran)} days ran, {year.kills} kills, {len(sent)} messages, {again} sent twice"
    )
