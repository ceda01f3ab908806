"""A verb that meets another's: who comes second looks again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import IntegrityError

from fleet.web.errors import Busy

TRIES = 5
Done = TypeVar("Done")


def until_alone(run: Callable[[], Done], *came_between: type[Exception]) -> Done:
    """What a verb answers, run anew where another came between; Busy where one always does.

    The database's unique indexes settle who was first, by IntegrityError; the next try sees it.
    Whatever else tells of another is named in `came_between`.
    """
    for _try in range(TRIES):
        try:
            return run()
        except (IntegrityError, *came_between):
            continue
    raise Busy
