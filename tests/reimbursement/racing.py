"""Processes of many threads that claim and pay the same invoices, and processes that die on it."""

from __future__ import annotations

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import TYPE_CHECKING, Any

from fleet.settings import Settings
from tests import forks

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask

Told = Counter[str]


USER = 1


# Many at once


@dataclass(frozen=True)
class Race:
    """Who runs against whom for what; `guarded` is off for the negative control."""

    processes: int
    threads: int
    invoices: int
    guarded: bool = True


def run(settings: Settings, race: Race) -> Told:
    """Let every thread claim and pay every invoice; answers what they were told, counted."""
    told = [(settings, race, number) for number in range(race.processes)]
    return sum(forks.at_once(_in_process, told, timeout=1800), Counter())


def _in_process(settings: Settings, race: Race, number: int, start: Any, answers: Any) -> None:
    app = _app(settings)
    if not race.guarded:
        _take_guards_away()
    together = Barrier(race.threads)

    def one(thread: int) -> Told:
        together.wait()
        first = (number * race.threads + thread) * 7
        return _claim_and_pay(app, [(first + n) % race.invoices for n in range(race.invoices)])

    start.wait()
    with ThreadPoolExecutor(race.threads) as pool:
        answers.put(sum(pool.map(one, range(race.threads)), Counter()))


def _app(settings: Settings) -> Flask:
    from app import create_app
    from fleet.storage import db
    from fleet.storage.database import READER

    app = create_app(settings)
    with app.app_context():
        # Fifty threads share fifteen connections: each waits for its turn, however long.
        for engine in {db.engine, app.extensions[READER].engine}:
            engine.pool._timeout = 1800
    return app


def invoice(serial: int) -> str:
    return f"26992000000{serial:09d}"


def policy_number(serial: int) -> str:
    return f"RACE{serial:016d}"


def _claim_and_pay(app: Flask, serials: list[int]) -> Told:
    from fleet.storage import EVERYTHING, db, limit_to

    told: Told = Counter()
    for serial in serials:
        with app.app_context():
            limit_to(EVERYTHING)
            told += _one(serial)
            db.session.rollback()
    return told


def _one(serial: int) -> Told:
    from sqlalchemy import select

    from fleet.reimbursement import service
    from fleet.reimbursement.tables import PAID, PAYABLE, Claim
    from fleet.storage import db
    from tests.reimbursement.records import AT, BY, asked

    mine = asked(policy_number=policy_number(serial), invoice_number=invoice(serial))
    told = Counter([_said(lambda: f"claim: {service.record(mine, BY, AT).state}")])
    stands = Claim.state.in_((PAYABLE, PAID))
    query = select(Claim.id).where(Claim.invoice_key == invoice(serial), stands)
    for claim_id in db.session.scalars(query).all():
        told[_said(lambda one=claim_id: f"pay: {service.pay(one, BY, AT).state}")] += 1
    return told


def _said(run_it: Callable[[], str]) -> str:
    from sqlalchemy.exc import OperationalError

    from fleet.storage import db, is_busy
    from fleet.web.errors import Refusal

    try:
        return run_it()
    except Refusal as refusal:
        return f"refusal: {refusal.code}"
    except OperationalError as error:  # as fleet.web.errors tells it
        db.session.rollback()
        return "refusal: busy" if is_busy(error) else f"error: {error.orig}"
    except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
        db.session.rollback()
        return f"error: {type(error).__name__}"


def _take_guards_away() -> None:
    """Pay whatever the claim's state is, instead of where it is payable."""
    from fleet.reimbursement import service
    from fleet.reimbursement.tables import Claim

    def pay_blindly(claim_id: int, by: Any, at: Any) -> Claim:
        with service.act("pay_claim", by=by, at=at, subject=f"#{claim_id}") as deed:
            claim = service.claim_with_decisions(claim_id)
            claim.state = service.PAID
            deed.note(table="claims", row=f"#{claim_id}", changed={"state": ["payable", "paid"]})
        return service.claim_with_decisions(claim_id)

    service.pay = pay_blindly


# Killed on the way


class Nursery:
    """A process that has the application and lets a child of its own die at each step asked for.

    A new process for each would spend its time on starting.
    """

    def __init__(self, settings: Settings) -> None:
        context = forks.forking()
        self._here, there = context.Pipe()
        self._process = context.Process(target=_nurse, args=(settings, there))
        self._process.start()

    def run(self, serial: int, step: int | None) -> tuple[int, int]:
        """Claim and pay in a child that dies before a step; answers how it ended, its steps."""
        self._here.send((serial, step))
        assert self._here.poll(120), "the child hangs"
        found: tuple[int, int] = self._here.recv()
        return found

    def close(self) -> None:
        self._here.send(None)
        self._process.join(30)


def _nurse(settings: Settings, pipe: Any) -> None:
    app = _app(settings)
    while (asked := pipe.recv()) is not None:
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            steps = count_steps(app, asked[1])
            claim_and_pay_once(app, asked[0])
            os.write(writing, str(len(steps)).encode())
            os._exit(0)
        os.close(writing)
        _pid, status = os.waitpid(child, 0)
        pipe.send((os.waitstatus_to_exitcode(status), int(os.read(reading, 20) or 0)))
        os.close(reading)


def count_steps(app: Flask, last: int | None) -> list[str]:
    """Note each step that the database sees; kill this process before the step `last`."""
    from sqlalchemy import event

    from fleet.storage import db, deeds

    seen: list[str] = []

    def step(name: str) -> None:
        if last is not None and len(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        seen.append(name)

    with app.app_context():
        engine = db.engine

    @event.listens_for(engine, "before_cursor_execute")
    def _before(_c: Any, _cur: Any, statement: str, *_more: Any) -> None:
        step(f"before {statement[:60]}")

    @event.listens_for(engine, "after_cursor_execute")
    def _after(_c: Any, _cur: Any, statement: str, *_more: Any) -> None:
        step(f"after {statement[:60]}")

    @event.listens_for(engine, "commit")
    def _commit(_c: Any) -> None:
        step("before commit")

    write_head = deeds.write_head

    def head(*args: Any) -> None:
        step("committed, head not written")
        write_head(*args)
        step("head written")

    deeds.write_head = head
    return seen


def claim_and_pay_once(app: Flask, serial: int) -> tuple[int, dict[str, Any], str]:
    """A claim by its idempotency key, then its payment; as a caller repeats them."""
    from fleet.reimbursement import service
    from fleet.reimbursement.api import _recorded, _refused
    from fleet.reimbursement.refusals import AlreadyPaid
    from fleet.storage import EVERYTHING, limit_to
    from tests.reimbursement.records import AT, BY, asked

    mine = asked(policy_number=policy_number(serial), invoice_number=invoice(serial))
    with app.test_request_context("/api/v1/reimbursements"):  # the answer is kept in words
        limit_to(EVERYTHING)
        once = service.Once(USER, f"key {serial}", f"digest {serial}", _recorded, _refused)
        status, body = service.record_once(mine, once, BY, AT)
        try:
            state = service.pay(body["id"], BY, AT).state
        except AlreadyPaid:
            state = "paid"
        return status, body, state
