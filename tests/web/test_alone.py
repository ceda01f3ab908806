"""A verb that another comes between is run anew, and gives up with words."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from fleet.web.alone import TRIES, until_alone
from fleet.web.errors import Busy


class Verb:
    """Fails as often as it is told to; counts how often it was run."""

    def __init__(self, failures: int, error: Exception) -> None:
        self.failures, self.error, self.runs = failures, error, 0

    def __call__(self) -> str:
        self.runs += 1
        if self.runs <= self.failures:
            raise self.error
        return "done"


UNIQUE = IntegrityError("INSERT", {}, Exception("unique"))


@pytest.mark.parametrize("failures", [0, 1, TRIES - 1])
def test_it_is_run_until_nobody_comes_between(failures):
    verb = Verb(failures, UNIQUE)
    assert until_alone(verb) == "done"
    assert verb.runs == failures + 1


@pytest.mark.parametrize("failures", [TRIES, TRIES + 1])
def test_it_gives_up_in_the_end(app, failures):
    verb = Verb(failures, UNIQUE)
    with app.test_request_context(), pytest.raises(Busy) as met:
        until_alone(verb)
    assert verb.runs == TRIES
    assert met.value.again_after > 0


def test_what_does_not_tell_of_another_is_let_through():
    verb = Verb(1, LookupError())
    with pytest.raises(LookupError):
        until_alone(verb)
    assert verb.runs == 1
    assert until_alone(Verb(1, LookupError()), LookupError) == "done"
