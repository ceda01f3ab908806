"""Random people and days over the life of requests (3.1 to 3.3): a state machine, and its controls.

FLEET_LIFE_EXAMPLES asks for so many random walks instead of the few that are always the same.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from fleet.policies.tables import CoverNeed
from fleet.renewals import daily, finding, rules, service
from fleet.storage import EVERYTHING, db, limit_to
from tests.renewals.life import COMPANIES, INSURERS, KINDS, PEOPLE, Life

SOAK = int(os.environ.get("FLEET_LIFE_EXAMPLES", "0"))
EXAMPLES = {"sqlite": 12, "postgresql": 4}
STEPS = 40

CARS = st.integers(0, 2)
NTH = st.integers(0, 11)
WHO = st.sampled_from(PEOPLE)
OWN = st.sampled_from(("admin", "desk", "group", "group"))


class Walk(RuleBasedStateMachine):
    """Everything that `Life` can be made to do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()

    @rule(days=st.integers(0, 12))
    def run(self, days: int) -> None:
        self.life.pass_days(days)
        self.life.run()

    @rule(days=st.integers(1, 12))
    def pass_days(self, days: int) -> None:
        self.life.pass_days(days)

    @rule(back=st.integers(0, 20))
    def run_again(self, back: int) -> None:
        self.life.run_again(back)
        self.life.run()

    @rule(
        car=CARS,
        kind=st.sampled_from(KINDS),
        joins=st.sampled_from((0, 0, -3, 4)),
        length=st.sampled_from((5, 14, 20, 40)),
        code=st.sampled_from(("DEMO-A", "DEMO-A", "DEMO-B", "POOL")),
    )
    def record(self, **told: Any) -> None:
        self.life.record(**told)

    @rule(nth=NTH, after=st.sampled_from((None, 0, 3, 9)))
    def cancel(self, **told: Any) -> None:
        self.life.cancel(**told)

    @rule(nth=NTH, length=st.integers(0, 40), code=st.sampled_from(INSURERS))
    def correct(self, **told: Any) -> None:
        self.life.correct(**told)

    @rule(car=CARS, ahead=st.integers(-2, 12), length=st.sampled_from((None, 1, 5, 5, 12)))
    def lay_up(self, **told: Any) -> None:
        self.life.lay_up(**told)

    @rule(car=CARS)
    def return_to_road(self, car: int) -> None:
        self.life.return_to_road(car)

    @rule(car=CARS, ahead=st.sampled_from((None, None, 5, 20)))
    def leave(self, **told: Any) -> None:
        self.life.leave(**told)

    @rule(car=CARS, to=st.sampled_from(COMPANIES))
    def move(self, **told: Any) -> None:
        self.life.move(**told)

    @rule(nth=NTH, steps=st.integers(1, 6))
    def go_on(self, **told: Any) -> None:
        self.life.go_on(**told)

    @rule(who=WHO, nth=NTH, contact=st.sampled_from(("Wang", "Zhao")))
    def prepare(self, **told: Any) -> None:
        self.life.prepare(**told)

    @rule(who=WHO, nth=NTH, number=st.integers(1, 3))
    def approve(self, **told: Any) -> None:
        self.life.approve(**told)

    @rule(
        who=WHO,
        nth=NTH,
        verb=st.sampled_from(
            ("submit", "submit", "accept", "accept", "return", "take back", "withdraw", "resume")
        ),
    )
    def step(self, **told: Any) -> None:
        self.life.step(**told)

    @rule(who=OWN, nth=NTH, code=st.sampled_from(INSURERS))
    def place(self, **told: Any) -> None:
        self.life.place(**told)

    @rule(
        nth=NTH,
        number=st.integers(1, 3),
        said=st.sampled_from(("approved", "approved", "rejected", "withdrawn")),
    )
    def hear(self, **told: Any) -> None:
        self.life.hear(**told)

    @rule(who=OWN, car=CARS, kind=st.sampled_from(KINDS))
    def ask_new(self, **told: Any) -> None:
        self.life.ask_new(**told)


def test_random_people_and_days_keep_to_the_life_of_a_request(session, engine):
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=SOAK or EXAMPLES[engine],
            stateful_step_count=STEPS,
            derandomize=not SOAK,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink) if SOAK else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


# Controls: with one guard off, a walk that goes well otherwise must be found out


def _prepared() -> Life:
    """A renewal of the first vehicle, prepared; its policy is the first on record."""
    life = Life()
    life.record(0, "compulsory", 0, 5, "DEMO-A")
    life.run()
    life.prepare("group", life.nth(0, "compulsory"), "Wang")
    return life


def carries_on(life: Life) -> None:
    """The policy ends earlier: the work goes on with another expiry day."""
    life.cancel(0, 3)
    life.run()


def goes_on(life: Life) -> None:
    """A following policy is recorded, and was a mistake."""
    life.record(0, "compulsory", 0, 40, "DEMO-A")
    life.cancel(1, 0)
    life.run()


def stays_withdrawn(life: Life) -> None:
    life.step("group", life.nth(0, "compulsory"), "withdraw")
    life.pass_days(1)
    life.run()
    life.run_again(1)
    life.correct(0, 5, "POOL")
    life.run()
    life.correct(0, 5, "DEMO-A")
    life.run()


def is_taken_up_only_where_needed(life: Life) -> None:
    nth = life.nth(0, "compulsory")
    life.step("group", nth, "withdraw")
    life.cancel(0, 3)
    life.run()
    life.step("group", nth, "resume")
    life.run()


def skips_no_step(life: Life) -> None:
    life.step("group", life.nth(0, "compulsory"), "accept")


def is_nobody_elses(life: Life) -> None:
    life.step("stranger", life.nth(0, "compulsory"), "submit")


def opens_on_its_day(life: Life) -> None:
    life.record(1, "compulsory", 0, 20, "DEMO-A")
    life.run()
    life.pass_days(7)
    life.run()


def job_reopens_withdrawn(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(finding, "ENDED_BY_FACTS", rules.ENDED)
    patch.setattr(daily, "ENDED_BY_FACTS", rules.ENDED)


def no_turning(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(finding, "_turning", lambda _day, _last: select(CoverNeed.vehicle_id).limit(0))


def loose_moves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rules, "MOVES", {**rules.MOVES, rules.ACCEPT: (rules.OPEN, rules.ACCEPTED)})


def everybodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("tests.renewals.life.limit_to", lambda _scope: limit_to(EVERYTHING))


def no_look_at_the_need(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(service, "_needed", lambda _request, _on: True)
    patch.setattr(service, "_other_open", lambda _request: False)
    db.session.execute(text("DROP INDEX uq_cover_requests_one_open"))
    db.session.commit()


def nothing_carried(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(daily, "_carried", lambda _endings, _day: [])


def begins_anew(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(daily, "ENDED_ITSELF", "nothing of the kind")


GUARDS = [
    (carries_on, nothing_carried),
    (goes_on, begins_anew),
    (stays_withdrawn, job_reopens_withdrawn),
    (is_taken_up_only_where_needed, no_look_at_the_need),
    (skips_no_step, loose_moves),
    (is_nobody_elses, everybodys),
    (opens_on_its_day, no_turning),
]


@pytest.mark.one_engine
@pytest.mark.parametrize(("walk", "off"), GUARDS, ids=[off.__name__ for _, off in GUARDS])
def test_without_a_guard_a_walk_is_found_out(session, monkeypatch, walk, off):
    walk(_prepared())
    life = _prepared()
    off(monkeypatch)
    with pytest.raises((AssertionError, IntegrityError)):
        walk(life)
