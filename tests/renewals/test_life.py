"""Random people and days over the life of requests (3.1 to 3.3): a state machine, and its controls.

FLEET_LIFE_EXAMPLES asks for so many random walks instead of the few that are always the same.
"""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

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
