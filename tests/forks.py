"""Processes of a test that run at the same moment.

They are forked from a server that has read the application's code already: a process that reads it
anew takes seconds, and there are hundreds. What one changes in a module is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext


def forking() -> ForkServerContext:
    """Where such processes come from; none may be started by another context of the kind."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.forks_warm"])
    return context


def at_once(
    does: Callable[..., None], plans: Sequence[tuple[Any, ...]], timeout: float = 120
) -> list[Any]:
    """Run `does(*plan, start, answers)` for each plan, a process each; answers what each put.

    Every process waits at `start` for the others, and puts one answer; they come in any order.
    """
    context = forking()
    start, answers = context.Barrier(len(plans)), context.Queue()
    started = [context.Process(target=does, args=(*plan, start, answers)) for plan in plans]
    for process in started:
        process.start()
    found = [answers.get(timeout=timeout) for _ in started]
    for process in started:
        process.join()
    return found
