"""The life of requests, walked by anybody in any order, and judged after every step.

`Life` is a small group with three vehicles, and all that people, days and facts can do to it.
What must hold is read from the tables alone and judged by `slow_rule`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlalchemy import delete, select

from fleet.insurers.tables import INSURER, MUTUAL_POOL, Designation, Insurer
from fleet.people.tables import Company
from fleet.policies import service as policies
from fleet.policies.service import PolicyDetails, Printed
from fleet.policies.steps import differing
from fleet.policies.tables import Policy
from fleet.renewals import hearing, service
from fleet.renewals.daily import run_day
from fleet.renewals.hearing import Approved
from fleet.renewals.service import Prepared
from fleet.renewals.tables import Approval, CoverRequest, RequestMove
from fleet.storage import EVERYTHING, Actor, Base, Scope, db, limit_to
from fleet.vehicles import service as vehicles
from fleet.vehicles.service import VehicleDetails
from fleet.vehicles.tables import LayUp, Vehicle
from fleet.web.errors import Refusal
from fleet.words import Days, midnight
from tests.renewals import slow_rule
from tests.renewals.records import CLOCK, DAY, company, insurer, vehicle
from tests.renewals.slow_rule import BY_FACTS, LEGAL, OPEN, WORKED_ON, Car, Paper, noon

FIRST = date(2026, 3, 2)
KINDS = ("compulsory", "commercial")
PEOPLE = ("admin", "desk", "group", "stranger")
COMPANIES = ("A1", "A2", "B1")
INSURERS = ("DEMO-A", "DEMO-B", "POOL")
KEPT = {
    *("alembic_version", "history_entries", "history_heads", "roles", "vehicle_types"),
    "money_entries",  # append-only, and nothing here is paid
}


class Row(NamedTuple):
    """A request as its tables tell it."""

    id: int
    vehicle_id: int
    kind: str
    expiry_day: date
    occasion: str
    state: str
    version: int
    opened_on: date
    withdrawn_for: str | None
    followed_by: str | None
    approval_id: int | None
    contact: str | None
    lines: tuple[tuple[str, Any], ...]

    @property
    def work(self) -> tuple[Any, ...]:
        return self.state, self.contact, self.lines, self.approval_id

    @property
    def of(self) -> tuple[int, str]:
        return self.vehicle_id, self.kind


class Life:
    """The group under way: the day, the last run, and what is counted up."""

    def __init__(self) -> None:
        self.today, self.ran, self.number = FIRST, FIRST, 0
        self.left: dict[int, Row] = {}  # worked-on requests as they were when facts ended them
        self._empty()
        self._found()

    def _empty(self) -> None:
        db.session.rollback()
        for table in reversed(Base.metadata.sorted_tables):
            if table.name not in KEPT:
                db.session.execute(delete(table))
        db.session.commit()
        db.session.expunge_all()

    def _found(self) -> None:
        self.vins = [
            vehicle(serial, date(2024, 1, 1), None, *home).vin
            for serial, home in enumerate((("A1", "A"), ("A2", "A"), ("B1", "B")), 1)
        ]
        insurer("POOL", MUTUAL_POOL)
        for code, region in (("DEMO-A", "A1"), ("DEMO-B", "B1")):
            held = Designation(
                insurer=insurer(code, INSURER),
                region_id=company(region, region[0]).region_id,
                since=date(2012, 1, 17),
            )
            db.session.add(held)
        db.session.commit()
        ids = dict(db.session.execute(select(Company.code, Company.id)).all())
        self.scopes = {
            "admin": Scope(frozenset({ids["A1"]})),
            "desk": Scope(frozenset({ids["A1"], ids["A2"]})),
            "group": EVERYTHING,
            "stranger": Scope(frozenset({ids["B1"]})),
        }

    # ------------------------------------------------------------------ days and facts

    def pass_days(self, days: int) -> None:
        self.today += days * DAY

    def run(self) -> None:
        """The day's run, which makes up what was missed; a second one changes nothing."""
        with self._step(job=True):
            self._run_day(self.today)
        self._every_need_is_known()

    def run_again(self, back: int) -> None:
        """A day gone by is run once more."""
        with self._step(job=True):
            self._run_day(self.today - back * DAY)

    def _run_day(self, day: date) -> None:
        self.ran = day
        run_day(day, by=Actor(None, "job"), at=noon(self.today))

    def record(self, car: int, kind: str, joins: int, length: int, code: str) -> None:
        """A policy put on record: it joins the cover reached, overlaps it, or leaves a gap."""
        self.number += 1
        own = [one for one in self.papers(self.car(car)) if one.kind == kind]
        reached = slow_rule.reached(own, self.today) or self.today - DAY
        first = reached + (1 + joins) * DAY
        printed = Printed(f"P{self.number}", code, self.vins[car])
        with self._step():
            policies.record(printed, _details(kind, first, length), by=BY, at=noon(self.today))

    def cancel(self, nth: int, after: int | None) -> None:
        """A policy cancelled some days after its beginning (0: void), or that taken back."""
        if (held := self._policy(nth)) is not None:
            moment = None if after is None else held.begins + timedelta(days=after)
            number, version = held.policy_number, held.version
            with self._step():
                policies.cancel(number, moment, version=version, by=BY, at=noon(self.today))

    def correct(self, nth: int, length: int, code: str) -> None:
        """A policy whose last day, or whose insurer, was recorded wrongly."""
        if (held := self._policy(nth)) is not None:
            first = held.begins.astimezone(CLOCK).date()
            number, version, kind = held.policy_number, held.version, held.kind
            with self._step():
                policies.edit(
                    number,
                    code,
                    _details(kind, first, length),
                    (),
                    version=version,
                    by=BY,
                    at=noon(self.today),
                )

    def lay_up(self, car: int, ahead: int, length: int | None) -> None:
        since = self.today + ahead * DAY
        days = Days(since, None if length is None else since + length * DAY)
        with self._step():
            vehicles.lay_up(self.vins[car], days, by=BY, at=noon(self.today))

    def return_to_road(self, car: int) -> None:
        with self._step():
            vehicles.return_to_service(self.vins[car], self.today, by=BY, at=noon(self.today))

    def leave(self, car: int, ahead: int | None) -> None:
        """A vehicle leaves the fleet; None: that it left was a mistake."""
        held = self._vehicle(car)
        until = None if ahead is None else self.today + ahead * DAY
        details = VehicleDetails(
            vehicle_type="official",
            seats=held.seats,
            energy="petrol",
            in_service_since=held.in_service_since,
            in_service_until=until,
        )
        vin, version = held.vin, held.version
        with self._step():
            vehicles.edit(vin, details, version=version, by=BY, at=noon(self.today))

    def move(self, car: int, to: str) -> None:
        version = self._vehicle(car).version
        with self._step():
            vehicles.move(
                self.vins[car], to, self.today, version=version, by=BY, at=noon(self.today)
            )

    # ---------------------------------------------------------------------- people

    def prepare(self, who: str, nth: int, contact: str) -> None:
        """What is asked for, as prefilled; the page was opened just before."""
        if (row := self._row(nth)) is None:
            return
        with self._step(who, row):
            request = db.session.get(CoverRequest, row.id)
            lines = tuple(service.prefill(request, noon(self.today))) if request else ()
            asked = Prepared(lines=lines, contact=contact)
            service.prepare(row.id, asked, version=row.version, by=BY, at=noon(self.today))

    def step(self, who: str, nth: int, verb: str) -> None:
        """One of the verbs over one request."""
        if (row := self._row(nth)) is None:
            return
        ids, told = [row.id], {"by": BY, "at": noon(self.today)}
        does: dict[str, Callable[[], Any]] = {
            "submit": lambda: service.submit(ids, **told),
            "accept": lambda: service.accept(ids, **told),
            "return": lambda: service.send_back(ids, "the licence is missing", **told),
            "take back": lambda: service.take_back(ids, "declined", **told),
            "withdraw": lambda: service.withdraw(ids, "sold", None, **told),
            "resume": lambda: service.resume(ids, **told),
        }
        with self._step(who, row):
            does[verb]()

    def place(self, who: str, nth: int, code: str) -> None:
        if (row := self._row(nth)) is not None:
            with self._step(who, row):
                service.place([row.id], code, by=BY, at=noon(self.today))

    def approve(self, who: str, nth: int, number: int) -> None:
        if (row := self._row(nth)) is not None:
            with self._step(who, row):
                service.approve([row.id], self._word(number), by=BY, at=noon(self.today))

    def hear(self, nth: int, number: int, said: str) -> None:
        """The OA's callback, on requests that it names or that stand under its number."""
        if (row := self._row(nth)) is not None:
            word = self._word(number, said, typed=False)
            with self._step():
                ids = sorted({row.id, *hearing.requests_of(word.number)})
                hearing.hear(word, ids, by=BY, at=noon(self.today))

    def go_on(self, nth: int, steps: int) -> None:
        """A request handed on step by step, as it goes where nothing comes between."""
        if (row := self._row(nth)) is None:
            return
        for _ in range(steps):
            rows = self.rows()
            nth = 4 * list(rows).index(row.id)  # `_row` finds it by this among all
            match rows[row.id].state:
                case "due" | "returned":
                    self.prepare("group", nth, "Wang")
                case "prepared":
                    self.approve("group", nth, row.id + 10)
                case "approved":
                    self.step("group", nth, "submit")
                case "submitted":
                    self.step("group", nth, "accept")
                case "accepted":
                    self.place("group", nth, "DEMO-A")

    def ask_new(self, who: str, car: int, kind: str) -> None:
        with self._step(who):
            service.ask_new(self.vins[car], kind, by=BY, at=noon(self.today))

    def _word(self, number: int, said: str = "approved", *, typed: bool = True) -> Approved:
        return Approved(f"OA-{number}", FIRST, "Li", said, typed=typed)

    # ------------------------------------------------------------------ what is there

    def rows(self) -> dict[int, Row]:
        # Nobody meets what another person loaded: in the product each has a session of their own.
        db.session.rollback()
        db.session.expunge_all()
        found = db.session.scalars(select(CoverRequest).order_by(CoverRequest.id)).all()
        return {one.id: _row(one) for one in found}

    def car(self, nth: int) -> Car:
        held = self._vehicle(nth)
        rests = db.session.execute(
            select(LayUp.since, LayUp.until).where(LayUp.vehicle_id == held.id)
        ).all()
        return Car(
            held.id,
            held.seats,
            held.in_service_since,
            held.in_service_until,
            tuple((one.since, one.until) for one in rests),
        )

    def papers(self, car: Car) -> list[Paper]:
        rows = db.session.execute(
            select(Policy, Insurer.kind)
            .join(Insurer, Insurer.id == Policy.insurer_id)
            .where(Policy.vehicle_id == car.vehicle_id)
        ).all()
        return [
            Paper(
                one.policy_number, one.kind, one.begins, one.ends, one.cancelled_at, kind == INSURER
            )
            for one, kind in rows
        ]

    def _vehicle(self, nth: int) -> Vehicle:
        return db.session.scalars(select(Vehicle).where(Vehicle.vin == self.vins[nth])).one()

    def _policy(self, nth: int) -> Policy | None:
        held = db.session.scalars(select(Policy).order_by(Policy.id)).all()
        return held[nth % len(held)] if held else None

    def nth(self, car: int, kind: str) -> int:
        """By which number the first request of a vehicle and kind is asked for."""
        of = (self._vehicle(car).id, kind)
        return 4 * [one.of for one in self.rows().values()].index(of)

    def _row(self, nth: int) -> Row | None:
        """A request, an open one where there is: those that ended are met less often."""
        rows = list(self.rows().values())
        if nth % 4 == 0:
            return rows[nth // 4 % len(rows)] if rows else None
        wanted = [one for one in rows if one.state in OPEN]
        return wanted[nth % len(wanted)] if wanted else None

    # ----------------------------------------------------------------- what must hold

    @contextmanager
    def _step(self, who: str = "group", row: Row | None = None, *, job: bool = False) -> Any:
        before, known = self.rows(), self._moves()
        foreign = row is not None and not self._sees(who, row)
        limit_to(self.scopes[who])
        try:
            yield
        except Refusal:
            db.session.rollback()
        finally:
            limit_to(EVERYTHING)
        after = self.rows()
        if foreign:
            assert after == before, "a stranger changed something"
        moved = self._moves()
        self._nothing_moves_by_itself(before, after, moved[len(known) :], job=job)
        self._one_open(after)
        self._insured_only_by_a_policy(before, after)
        self._work_is_kept(
            before, after, {one[0] for one in moved[len(known) :] if one[1] == "resume"}
        )
        assert list(differing()) == []

    def _sees(self, who: str, row: Row) -> bool:
        scope = self.scopes[who]
        holder = db.session.scalar(select(Vehicle.company_id).where(Vehicle.id == row.vehicle_id))
        return scope.everything or holder in scope.companies

    def _moves(self) -> list[tuple[int, str, str, str]]:
        columns = (RequestMove.request_id, RequestMove.move, RequestMove.before, RequestMove.after)
        found = db.session.execute(select(*columns).order_by(RequestMove.id))
        return [tuple(one) for one in found]

    def _nothing_moves_by_itself(
        self, before: dict[int, Row], after: dict[int, Row], moves: list[Any], *, job: bool
    ) -> None:
        for request_id, move, left, entered in moves:
            assert (move, left, entered) in LEGAL, (request_id, move, left, entered)
        for id_, row in after.items():
            was = before[id_].state if id_ in before else "due"
            chain = [one for one in moves if one[0] == id_]
            for _, _, left, entered in chain:
                assert left == was, (row, chain)
                was = entered
            # Nobody had worked on it: facts may end it, and the job open it again, in silence.
            silent = {("due", it) for it in BY_FACTS} | ({(it, "due") for it in BY_FACTS} if job
                else set())  # fmt: skip
            assert was == row.state or (was, row.state) in silent, (was, row)
            if id_ in before and before[id_]._replace(version=0) != row._replace(version=0):
                assert row.version > before[id_].version, (before[id_], row)
        assert before.keys() <= after.keys()

    def _one_open(self, rows: dict[int, Row]) -> None:
        opened = [one.of for one in rows.values() if one.state in OPEN]
        assert len(opened) == len(set(opened)), rows
        keys = [(*one.of, one.expiry_day) for one in rows.values()]
        assert len(keys) == len(set(keys)), rows

    def _insured_only_by_a_policy(self, before: dict[int, Row], after: dict[int, Row]) -> None:
        for id_, row in after.items():
            if row.state == "insured" and (id_ not in before or before[id_].state != "insured"):
                papers = self.papers(self._car_of(row))
                past = [it for it in papers if it.real and it.kind == row.kind]
                past = [it for it in past if it.last_day > row.expiry_day]
                assert row.followed_by in {it.number for it in past}, (row, papers)

    def _work_is_kept(
        self, before: dict[int, Row], after: dict[int, Row], resumed: set[int]
    ) -> None:
        """What a person withdrew stays so, but for a person; work goes on, or on its ended row."""
        for id_, was in before.items():
            now = after[id_]
            if was.state == "withdrawn" and id_ not in resumed:
                assert (now.state, now.withdrawn_for) == ("withdrawn", was.withdrawn_for)
            if was.state in BY_FACTS and now.state in OPEN and id_ in self.left:
                self._goes_on(self.left.pop(id_), now)
            if was.state in WORKED_ON and now.state in BY_FACTS:
                self._ended_or_carried(was, now, after)

    def _goes_on(self, was: Row, now: Row) -> None:
        assert (now.contact, now.lines) == (was.contact, was.lines)
        if now.state != was.state:
            word = db.session.get(Approval, now.approval_id) if now.approval_id else None
            assert now.state == "prepared", (was, now)
            assert word is not None, (was, now)
            assert word.state != "approved", (was, now)

    def _ended_or_carried(self, was: Row, now: Row, after: dict[int, Row]) -> None:
        if now.state != "expiry_changed":
            assert was.work[1:] == now.work[1:]
            self.left[was.id] = was
            return
        heirs = [it for it in after.values() if it.of == was.of and it.state in OPEN]
        needed = slow_rule.need(
            self._car_of(was), self.papers(self._car_of(was)), was.kind, self.ran
        )
        stopped = {
            it.expiry_day for it in after.values() if it.of == was.of and it.state == "withdrawn"
        }
        if needed is not None and needed[1] not in stopped:
            assert [it.work for it in heirs] == [was.work], (was, heirs)
            for it in heirs:
                self.left.pop(it.id, None)

    def _car_of(self, row: Row) -> Car:
        vin = db.session.scalar(select(Vehicle.vin).where(Vehicle.id == row.vehicle_id))
        return self.car(self.vins.index(vin))

    def _every_need_is_known(self) -> None:
        """After the day's run: each need in its window is asked for, or somebody said why not."""
        rows = self.rows().values()
        for nth in range(len(self.vins)):
            car = self.car(nth)
            papers = self.papers(car)
            for kind in KINDS:
                of = (car.vehicle_id, kind)
                opened = {
                    (it.occasion, it.expiry_day) for it in rows if it.of == of and it.state in OPEN
                }
                stopped = {
                    it.expiry_day
                    for it in rows
                    if it.of == of and it.state == "withdrawn" and it.withdrawn_for
                }
                needed = slow_rule.need(car, papers, kind, self.today)
                due = slow_rule.falls_due(car, papers, kind, self.today)
                assert opened <= {needed}, (self.today, opened, needed)
                if due is not None and due[1] not in stopped:
                    assert opened == {due}, (self.today, kind, opened, due)


BY = Actor(None, "somebody")


def _details(kind: str, first: date, length: int) -> PolicyDetails:
    return PolicyDetails(
        kind=kind,
        begins=midnight(first, CLOCK),
        ends=midnight(first + (length + 1) * DAY, CLOCK),
    )


def _row(one: CoverRequest) -> Row:
    return Row(
        one.id,
        one.vehicle_id,
        one.kind,
        one.expiry_day,
        one.occasion,
        one.state,
        one.version,
        one.opened_on,
        one.withdrawn_for,
        one.followed_by,
        one.approval_id,
        one.contact,
        tuple(sorted((it.cover, it.sum_insured) for it in one.lines)),
    )
