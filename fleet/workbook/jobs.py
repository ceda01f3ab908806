"""The workbook's tasks: check an upload, import it; each may be killed and taken up again."""

from __future__ import annotations

from flask import Flask, url_for

from fleet.storage import db
from fleet.work import tasks
from fleet.work.running import Running
from fleet.workbook.known import Reach
from fleet.workbook.service import Order, UploadSettled, check_upload, confirm_upload
from fleet.workbook.tables import RECEIVED, Upload


def offer(app: Flask) -> None:
    """Let the room's tasks be run."""
    for kind, job in (("check_workbook", check), ("import_workbook", bring_in)):
        tasks.offer(app, kind, job, page=_page)


def _page(arguments: dict[str, int]) -> str:
    return url_for("workbook.show", number=arguments["upload"])


def check(running: Running) -> None:
    """Check an upload and, if that was asked, import it in the same task.

    Killed between the two, the next run finds it checked and goes on from there.
    """
    upload, then_import = _upload(running), running.arguments["import"]
    if upload.state == RECEIVED or not then_import:
        settle = _nothing if then_import else running.settle
        check_upload(upload, _order(running), progress=running.progress, settle=settle)
    if then_import:
        bring_in(running)


def bring_in(running: Running) -> None:
    """Import an upload that was checked."""
    confirm_upload(
        _upload(running), _order(running), progress=running.progress, settle=running.settle
    )


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
