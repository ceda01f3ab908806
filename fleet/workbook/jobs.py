"""The workbook's tasks: check an upload, import it; each may be killed and taken up again."""

from __future__ import annotations

from flask import Flask, url_for

from fleet.storage import db
from fleet.work import tasks
from fleet.work.running import Running
from fleet.workbook.known import Reach
from fleet.workbook.service import (
    CHECK,
    IMPORT,
    Order,
    Progress,
    UploadSettled,
    check_upload,
    confirm_upload,
)
from fleet.workbook.tables import RECEIVED, Upload


def offer(app: Flask) -> None:
    """Let the room's tasks be run."""
    for kind, job in ((CHECK, check), (IMPORT, bring_in)):
        tasks.offer(app, kind, job, page=_page)


def _page(arguments: dict[str, int]) -> str:
    return url_for("workbook.show", number=arguments["upload"])


def check(running: Running) -> None:
    """Check an upload, and leave it to be confirmed."""
    check_upload(
        _upload(running), _order(running), progress=running.progress, settle=running.settle
    )


def bring_in(running: Running) -> None:
    """Import an upload, and check it first where nobody did.

    Killed between the two, the next run finds it checked and goes on from there.
    """
    upload, progress = _upload(running), running.progress
    if upload.state == RECEIVED:
        check_upload(upload, _order(running), progress=_half(running, 0), settle=_nothing)
        progress = _half(running, 1)
    confirm_upload(_upload(running), _order(running), progress=progress, settle=running.settle)


def _half(running: Running, before: int) -> Progress:
    """Tells the rows of one pass of two as a half of the task, which goes over them twice."""
    return lambda done, total: running.progress((before * total + done) // 2, total)


def _upload(running: Running) -> Upload:
    upload = db.session.get(Upload, running.arguments["upload"])
    if upload is None:
        raise UploadSettled
    return upload


def _order(running: Running) -> Order:
    reach = Reach(running.scope, frozenset(running.arguments["regions"]))
    return Order(running.by, running.at, reach, running.arguments["leave_out"])


def _nothing() -> None:
    """The task goes on after this step."""
