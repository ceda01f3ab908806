"""One's own tasks: how far they are, what came of them, cancelling."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from werkzeug.wrappers import Response as Answer

from fleet.storage import db, files
from fleet.web import clock
from fleet.web.access import May, caller, needs, who
from fleet.web.errors import NotFound
from fleet.web.furniture import number
from fleet.web.lists import asked, fetch
from fleet.web.sheets import download
from fleet.web.words import label
from fleet.work import tasks
from fleet.work.running import suffix
from fleet.work.tables import Task

pages = Blueprint("work", __name__, url_prefix="/tasks")

SORTS = {"asked": (Task.asked_at, Task.id)}


@pages.get("")
@needs(May.READ)
def index() -> str:
    """The caller's tasks, the newest first."""
    chosen = asked(SORTS, "-asked", ("state",))
    mine = select(Task).where(Task.user_id == caller().id)
    if chosen["state"]:
        mine = mine.where(Task.state == chosen["state"])
    listing = fetch(mine, chosen)
    return render_template("work/index.html", listing=listing, told=told)


@pages.get("/<int(max=2147483647):task_id>")
@needs(May.READ)
def show(task_id: int) -> str:
    """A task: how far it is, and at its end its result or why it has none."""
    task = own(task_id)
    job = tasks.offered(task.kind)
    return render_template(
        "work/show.html",
        task=task,
        progress=told(task),
        subject=job.page(task.arguments) if job and job.page else None,
        stuck=tasks.is_stuck(task, clock.now()),
        kept=result_of(task) is not None,
    )


@pages.get("/<int(max=2147483647):task_id>/progress")
@needs(May.READ)
def progress(task_id: int) -> dict[str, Any]:
    """How far a task is, for the page that shows it."""
    return told(own(task_id))


@pages.post("/<int(max=2147483647):task_id>/cancel")
@needs(May.READ)
def cancel(task_id: int) -> Answer:
    """End a task that waits, or ask a running one to end."""
    task = own(task_id)
    tasks.cancel(task, **who())
    if task.is_open:
        flash(_("The task was asked to end."), "success")
    else:
        flash(_("The task is cancelled."), "success")
    return redirect(url_for("work.show", task_id=task_id))


@pages.post("/<int(max=2147483647):task_id>/run")
@needs(May.READ)
def run(task_id: int) -> Answer:
    """Run a task at once that no worker would take up."""
    tasks.run_here_unless_worker(own(task_id))
    return redirect(url_for("work.show", task_id=task_id))


@pages.get("/<int(max=2147483647):task_id>/result")
@needs(May.READ)
def result(task_id: int) -> Response:
    """The file that a task left."""
    task = own(task_id)
    content = result_of(task)
    if content is None:
        raise NotFound(_("result"))
    return download(content, task.result_name or "", task.result_mimetype or "")


def own(task_id: int) -> Task:
    """A task of the caller's own; NotFound for anybody else's, whatever their role."""
    task = db.session.scalar(select(Task).where(Task.id == task_id, Task.user_id == caller().id))
    if task is None:
        raise NotFound(_("task"))
    return task


def result_of(task: Task) -> bytes | None:
    """What a task left, as long as it is kept."""
    if task.result_digest is None:
        return None
    path = files.path_of(task.result_digest, suffix(task.id))
    return path.read_bytes() if path.exists() else None


def told(task: Task) -> dict[str, Any]:
    """How far a task is, in numbers and in the reader's words."""
    beat = tasks.how_far(task)
    return {
        "state": task.state,
        "open": task.is_open,
        "done": beat.done,
        "total": beat.total,
        "words": _words(task, beat.done, beat.total),
    }


def _words(task: Task, done: int, total: int) -> str:
    if tasks.waits_for_cancel(task):
        return _("It ends at its next step.")
    if not task.is_open or not total:
        return label("task_state", task.state)
    return _(
        "%(state)s: %(done)s of %(total)s",
        state=label("task_state", task.state),
        done=number(done),
        total=number(total),
    )
