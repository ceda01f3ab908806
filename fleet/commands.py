"""The commands of `flask --app app`, each a few lines over a room's service."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import wraps
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, NoReturn

import click
from flask import current_app
from flask.cli import with_appcontext

from fleet.storage import Actor, everyone
from fleet.storage.history import verify
from fleet.web import clock, moments
from fleet.web.access import ROLES
from fleet.web.errors import Refusal

if TYPE_CHECKING:
    from flask import Flask

SHELL = Actor(None, "command line")
REFUSED_ROWS = 1
UNREADABLE = 2


def init_commands(app: Flask) -> None:
    """Register every command on the app."""
    for command in (
        import_command,
        standing,
        timeline,
        run_day,
        check_reimbursements,
        user,
        token,
        history,
        decisions,
        steps,
        demo,
        serve,
        worker,
    ):
        app.cli.add_command(command)


def for_group(run: Callable[..., Any]) -> Callable[..., Any]:
    """Run a command over the whole group; a refusal is one line and exit 2."""

    @wraps(run)
    @with_appcontext
    def call(*args: Any, **options: Any) -> Any:
        try:
            with everyone():
                return run(*args, **options)
        except Refusal as refusal:
            stop(refusal.message, UNREADABLE)

    return call


def stop(message: str, code: int) -> NoReturn:
    """Say why on the error output and leave with a code."""
    click.echo(message, err=True)
    sys.exit(code)


def lines(objects: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object a line."""
    for item in objects:
        sys.stdout.write(json.dumps(item, ensure_ascii=False) + "\n")


def _moment(text: str | None) -> datetime:
    if text is None:
        return clock.now()
    try:
        return moments.parse(text, clock.zone())
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--on") from error


def _day(text: str | None) -> date:
    try:
        return moments.parse_day(text) if text is not None else clock.today()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--on") from error


as_json = click.option("--json", "as_json", is_flag=True, help="JSON on the output.")
existing = click.argument("path", type=click.Path(path_type=Path))


@click.command("import")
@existing
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@click.option("--leave-out-refused", is_flag=True, help="Write the rows that are not refused.")
@as_json
@for_group
def import_command(path: Path, *, dry_run: bool, leave_out_refused: bool, as_json: bool) -> None:
    """Read a fleet workbook: an .xlsx file or a folder of .csv files."""
    from fleet.workbook.service import import_path  # noqa: PLC0415 - commands start fast

    report = import_path(
        path,
        by=SHELL,
        at=clock.now(),
        dry_run=dry_run,
        leave_out_refused=leave_out_refused,
    )
    click.echo(json.dumps(report.as_dict(), ensure_ascii=False) if as_json else report.as_text())
    sys.exit(REFUSED_ROWS if report.refused else 0)


@click.command()
@click.option("--on", help="A day (its noon) or an instant; default: now.")
@as_json
@for_group
def standing(on: str | None, *, as_json: bool) -> None:
    """Say for each vehicle whether it may be used at a moment, and why not."""
    from fleet.policies.answers import standings  # noqa: PLC0415 - commands start fast

    answers = standings(_moment(on))
    if as_json:
        lines(answers)
        return
    for answer in answers:
        codes = " ".join(item["code"] for item in answer["shortfalls"])
        click.echo(f"{answer['vin']}  {answer['standing']:<15} {codes}".rstrip())


@click.command()
@as_json
@for_group
def timeline(*, as_json: bool) -> None:
    """Print every step of every vehicle."""
    from fleet.policies.answers import timelines  # noqa: PLC0415 - commands start fast

    answers = timelines()
    if as_json:
        lines(answers)
        return
    for answer in answers:
        for step in answer["steps"]:
            click.echo(f"{answer['vin']}  {step['since'] or '…'}  {step['standing']}")


@click.command("run-day")
@click.option("--on", help="The day to run; default: today.")
@as_json
@for_group
def run_day(on: str | None, *, as_json: bool) -> None:
    """Run the daily job for a day; safe to run twice."""
    from fleet.renewals.daily import run_day as run  # noqa: PLC0415 - commands start fast

    report = run(_day(on), by=Actor(None, "daily job"), at=clock.now())
    if as_json:
        lines([report])
        return
    click.echo(f"{report['on']}: {len(report['opened'])} opened, {len(report['closed'])} closed")


@click.command("check-reimbursements")
@existing
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Result sheet.")
@as_json
@for_group
def check_reimbursements(path: Path, out: Path, *, as_json: bool) -> None:
    """Decide a sheet of claims (.csv or .xlsx) and record nothing."""
    from fleet.reimbursement.service import check_sheet  # noqa: PLC0415 - commands start fast

    with TemporaryFile("w+", encoding="utf-8") as items:
        try:
            result = check_sheet(path, out, clock.now(), items if as_json else None)
        except OSError as error:  # no such folder, or none that may be written into
            stop(f"{out}: {error.strerror}", UNREADABLE)
        if as_json:
            items.seek(0)
            sys.stdout.writelines(result.as_json(items))
        else:
            click.echo(result.as_text())
    sys.exit(REFUSED_ROWS if result.unreadable else 0)


@click.group()
def user() -> None:
    """People who sign in; the first of an installation is made here."""


@user.command("create")
@click.argument("email")
@click.option("--role", required=True, type=click.Choice(ROLES), help="What they may do.")
@click.option("--name", default="", help="Their name; default: the address.")
@click.option("--company", help="Only for the company of this code.")
@click.option("--region", help="Only for the region of this code.")
@click.option("--no-password", is_flag=True, help="They set one through the link of a mail.")
@for_group
def user_create(email: str, *, no_password: bool, **chosen: str | None) -> None:
    """Let somebody in, for the whole group unless a company or region is named."""
    from fleet.people.service import Given, create_user  # noqa: PLC0415 - commands start fast

    asked = {"hide_input": True, "confirmation_prompt": True}
    password = None if no_password else click.prompt("Password", **asked)
    given = Given(str(chosen["role"]), chosen["company"], chosen["region"])
    create_user(
        email, chosen["name"] or email, [given], by=SHELL, at=clock.now(), password=password
    )
    click.echo(f"{email} may sign in.")


@click.group()
def token() -> None:
    """API tokens."""


@token.command("create")
@click.argument("email")
@click.option("--name", default="command line", help="What the token is for.")
@for_group
def token_create(email: str, name: str) -> None:
    """Print a new API token of a user, once."""
    from fleet.people.service import create_token  # noqa: PLC0415 - commands start fast

    click.echo(create_token(email, name, by=SHELL, at=clock.now()))


@click.group()
def history() -> None:
    """The audit chain."""


@history.command("verify")
@for_group
def history_verify() -> None:
    """Check the audit chain; exit 1 and the first broken entry where it does not hold."""
    broken = verify()
    if broken:
        stop(f"entry {broken.seq}: {broken.why}", 1)
    click.echo("The history holds.")


@click.group()
def decisions() -> None:
    """The decisions on claims."""


@decisions.command("verify")
@for_group
def decisions_verify() -> None:
    """Decide every claim again from the facts kept; exit 1 and the first that differs."""
    from fleet.reimbursement.replay import differing  # noqa: PLC0415 - commands start fast

    first = next(differing(current_app.extensions["rulebook"]), None)
    if first:
        stop(f"claim {first.claim_id}, decision {first.decision_id}: {first.what}", 1)
    click.echo("Every decision comes out of its facts as it was kept.")


@click.group()
def steps() -> None:
    """The stored timelines."""


@steps.command("verify")
@click.option("--repair", is_flag=True, help="Store anew what differs.")
@for_group
def steps_verify(*, repair: bool) -> None:
    """Compare every stored timeline with the rule; exit 1 where one differs and stays so."""
    from fleet.policies.service import repair_steps  # noqa: PLC0415 - commands start fast
    from fleet.policies.steps import differing  # noqa: PLC0415 - commands start fast

    found = list(differing())
    if found and repair:
        repair_steps(found, by=SHELL, at=clock.now())
        click.echo(f"{len(found)} stored timelines differed and were stored anew.")
    elif found:
        stop(f"{len(found)} stored timelines differ; store them anew with --repair.", 1)
    else:
        click.echo("Every stored timeline is as the rule gives it.")


@click.command()
@click.option("--if-empty", is_flag=True, help="Do nothing where data exist already.")
@for_group
def demo(*, if_empty: bool) -> None:
    """Load the demo group: generated data, marked as such."""
    from fleet.demo.service import load_demo  # noqa: PLC0415 - commands start fast

    click.echo(load_demo(by=SHELL, at=clock.now(), if_empty=if_empty))


@click.command()
@click.option("--port", default=8000, envvar="PORT", show_default=True)
@click.option("--workers", default=2, envvar="FLEET_WORKERS", show_default=True)
@click.option("--no-worker", is_flag=True, help="Leave the clock to a `flask worker` elsewhere.")
def serve(port: int, workers: int, *, no_worker: bool) -> None:
    """Serve on 127.0.0.1 with gunicorn's sync workers, and keep the clock beside."""
    from fleet.work.serve import serve as run  # noqa: PLC0415 - commands start fast

    run(port, workers, keep_clock=not no_worker)


@click.command()
@click.option("--beside", type=int, hidden=True, help="End with the process of this number.")
@click.option("--lease", default=30.0, hidden=True, help="Seconds until a lost task is taken up.")
@with_appcontext
def worker(beside: int | None, lease: float) -> None:
    """Keep the clock, run tasks, send notices: the daily job at its time, missed days at once."""
    from fleet.notices.sending import send_due  # noqa: PLC0415 - commands start fast
    from fleet.renewals.daily import run_day as run  # noqa: PLC0415 - commands start fast
    from fleet.work.worker import keep_clock  # noqa: PLC0415 - commands start fast

    keep_clock(
        lambda day: run(day, by=Actor(None, "daily job"), at=clock.now()),
        beside,
        also=[lambda: send_due(clock.now())],
        lease=timedelta(seconds=lease),
    )
