"""Processes that send at the same moment, or die at a named step."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

from fleet.settings import Settings
from tests import forks

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

STEPS = ("claimed", "taken", "marked")


def race(settings: Settings, processes: int, *, guarded: bool = True) -> list[Any]:
    """Send in some processes at once; answers how many each sent, or its error's name."""
    return forks.at_once(_send, [(settings, guarded)] * processes)


def _send(settings: Settings, guarded: bool, start: Barrier, answers: Any) -> None:
    from app import create_app
    from fleet.notices import outbox, sending
    from tests.notices.post import MORNING, set_up

    due, won = outbox.due, outbox._won

    def lingering(*args: Any) -> Any:
        """Stay between looking and claiming, where another process could come in."""
        found = due(*args)
        time.sleep(0.5)
        return found

    outbox.due = lingering
    if not guarded:
        outbox._won = lambda *args: won(*args) or True
    app = create_app(settings)
    set_up(app)
    with app.app_context():
        start.wait()
        try:
            answers.put(sending.send_due(MORNING))
        except Exception as error:  # noqa: BLE001 - whichever it is, the test tells
            answers.put(type(error).__name__)


def die(settings: Settings, step: str) -> int:
    """Send in a process that kills itself at a step of its first digest; answers how it ended."""
    process = forks.forking().Process(target=_die, args=(settings, step))
    process.start()
    process.join(60)
    return process.exitcode or 0


def _die(settings: Settings, step: str) -> None:
    from app import create_app
    from fleet.notices import outbox, sending
    from fleet.web import mail
    from tests.notices.post import MORNING, set_up

    def then_die(module: Any, name: str) -> None:
        whole = getattr(module, name)

        def dying(*args: Any, **options: Any) -> Any:
            whole(*args, **options)
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(module, name, dying)

    then_die(*_AFTER[step](outbox, mail))
    app = create_app(settings)
    set_up(app)
    with app.app_context():
        sending.send_due(MORNING)


_AFTER: dict[str, Any] = {
    "claimed": lambda outbox, _mail: (outbox, "claim"),
    "taken": lambda _outbox, mail: (mail, "post"),
    "marked": lambda outbox, _mail: (outbox, "sent"),
}
