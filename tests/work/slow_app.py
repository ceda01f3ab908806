"""The application with a job that takes its time, for the processes that tests start."""

from __future__ import annotations

import time

from flask import Flask

from app import create_app as create
from fleet.storage import act
from fleet.work import tasks
from fleet.work.running import Running


def create_app() -> Flask:
    """The application as it is served, and the job `slow`."""
    app = create()
    tasks.offer(app, "slow", slow)
    return app


def slow(running: Running) -> None:
    """Take a tenth of a second a step; then write one entry and be done in one transaction."""
    steps = running.arguments["steps"]
    for step in range(1, steps + 1):
        time.sleep(0.1)
        running.progress(step, steps)
    with act("slow", by=running.by, at=running.at):
        running.settle({"attempt": running.attempt})
