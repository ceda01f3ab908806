"""Commands of ours as processes over a test's database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[str]]


@contextmanager
def starting(settings: Settings) -> Iterator[Start]:
    """Starts a command of ours over this test's database; what still runs is killed after."""
    started: list[subprocess.Popen[str]] = []
    environment = {
        **os.environ,
        "FLEET_INSTANCE": settings.instance,
        "FLEET_DATABASE_URL": settings.database_url,
        "FLEET_SECRET_KEY": settings.secret_key,
        "FLEET_PASSWORD_SALT": settings.password_salt,
        "FLEET_HISTORY_KEY": settings.history_key,
    }

    def run(*command: str, app: str = "app") -> subprocess.Popen[str]:
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", app, *command],
            cwd=ROOT,
            env=environment,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait()
