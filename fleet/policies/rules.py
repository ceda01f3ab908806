"""What a policy's lines must keep to: no cover twice over the same time, each inside its policy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from fleet.words import Period

COVERS_WITH_SUM = frozenset({"damage", "third_party", "occupants_driver", "occupants_passengers"})
DRIVER = "occupants_driver"
PASSENGERS = "occupants_passengers"


class Run(NamedTuple):
    """A cover and the time over which its line runs, its policy's where it has none."""

    cover: str
    period: Period


def covered_twice(runs: Iterable[Run]) -> str | None:
    """The first cover of which two lines of one policy run at the same time, or None."""
    seen: dict[str, list[Period]] = defaultdict(list)
    for run in runs:
        if any(run.period.overlaps(other) for other in seen[run.cover]):
            return run.cover
        seen[run.cover].append(run.period)
    return None


def outside(runs: Iterable[Run], policy: Period) -> str | None:
    """The first cover whose line is empty or leaves the policy's printed period, or None."""
    for run in runs:
        begins, ends = run.period.begins, run.period.ends
        if not policy.begins <= begins < ends <= policy.ends:
            return run.cover
    return None
