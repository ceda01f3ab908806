"""Loads the demo group as a real one comes in: import, claims, sign-ins, a day's run, steps."""

from __future__ import annotations

import random
import tempfile
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy import exists, select

from fleet.demo.cast import CAST, PASSWORD
from fleet.demo.claims import PAID, claims
from fleet.demo.group import COMPANIES, INSURERS, POOL, POOL_NAME, REGIONS, designations
from fleet.demo.requests import move_on
from fleet.demo.sheets import Workbook
from fleet.demo.vehicles import Papers, fill
from fleet.people.service import create_user
from fleet.people.tables import Company, User
from fleet.reimbursement.rules import Asked
from fleet.reimbursement.service import pay, record
from fleet.reimbursement.tables import Claim
from fleet.renewals.daily import run_day
from fleet.renewals.rules import WITHDRAWN
from fleet.renewals.tables import CoverRequest
from fleet.storage import Actor, db, everyone
from fleet.web.errors import Refusal
from fleet.words import local_day
from fleet.workbook.service import import_path

SEED = "the demo group"


class NotInProduction(Refusal):
    """The demo's sign-ins are known to all: they have no place where real people sign in."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(_("The demo group is not loaded in production."))


class OthersAreHere(Refusal):
    """A database that holds a real group is not mixed with an invented one."""

    def __init__(self) -> None:
        super().__init__(_("There are other companies here already; the demo group is not added."))


class DemoRefused(Refusal):
    """The import refused rows of the demo group: a fault of ours, said in full."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


def load_demo(by: Actor, at: datetime, *, if_empty: bool = False) -> str:
    """Load the demo group, dated from the day of `at`; answers words for the shell.

    The same day gives the same group. What an interrupted load left out is added; where it is
    loaded already, nothing happens but the words. Refuses in production.
    """
    if current_app.extensions["fleet_settings"].production:
        if if_empty:
            return _("The demo group is not loaded in production.")
        raise NotInProduction
    with everyone():
        if is_loaded():
            return _("The demo group is loaded already.") + "\n" + signins_text()
        if _others_are_here():
            if if_empty:
                return _("There are data here already; the demo group is not loaded.")
            raise OthersAreHere
        _load(by, at)
        return (
            _("The demo group is loaded: generated data, marked as such.") + "\n" + signins_text()
        )


def is_loaded() -> bool:
    """Whether the demo group was loaded to its end: its requests are moved on last."""
    return bool(db.session.scalar(select(exists().where(CoverRequest.state == WITHDRAWN))))


def _others_are_here() -> bool:
    """Whether anybody else's company or user is on record."""
    people = [person.email for person in CAST]
    codes = [company.code for company in COMPANIES]
    return bool(
        db.session.scalar(select(exists().where(User.email.not_in(people))))
        or db.session.scalar(select(exists().where(Company.code.not_in(codes))))
    )


def signins() -> list[tuple[str, str]]:
    """Address and name of the demo's people who may sign in, in the order of the cast."""
    emails = [person.email for person in CAST]
    active = db.session.execute(
        select(User.email, User.name).where(User.email.in_(emails), User.active)
    )
    return sorted(((email, name) for email, name in active), key=lambda it: emails.index(it[0]))


def signins_text() -> str:
    """The demo's sign-ins and their password, a line each."""
    lines = [f"  {email:<24} {name}" for email, name in signins()]
    return "\n".join([*lines, "  " + _("Password of all: %(password)s", password=PASSWORD)])


def _load(by: Actor, at: datetime) -> None:
    today = local_day(at, current_app.extensions["fleet_settings"].zone)
    book, papers = invent(today)
    _bring_in(book, by, at)
    if not db.session.scalar(select(exists().where(Claim.id > 0))):
        _claim(papers, today, by, at)
    _let_sign_in(by, at)
    run_day(today, by=by, at=at)
    move_on(at)


def invent(today: date) -> tuple[Workbook, Papers]:
    """The demo group as a workbook, and the policies that claims are made on."""
    book = Workbook(today, random.Random(SEED))
    for code, name in REGIONS.items():
        book.add("regions", code=code, name=name)
    for one in COMPANIES:
        row = {"code": one.code, "name": one.name, "region_code": one.region}
        book.add("companies", **row, credit_code=one.credit_code)
    for code, name in INSURERS.items():
        book.add("insurers", code=code, name=name, kind="insurer")
    book.add("insurers", code=POOL, name=POOL_NAME, kind="mutual_pool")
    for held in designations(today):
        row = {"region_code": held.region, "insurer_code": held.insurer}
        book.add("designations", **row, since=held.since, until=held.until)
    return book, fill(book)


def _bring_in(book: Workbook, by: Actor, at: datetime) -> None:
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        folder = Path(name) / "demo"
        folder.mkdir()
        book.write(folder)
        report = import_path(folder, by=by, at=at)
    if report.refused:
        raise DemoRefused(report.as_text())


def _claim(papers: Papers, today: date, by: Actor, at: datetime) -> None:
    """Record every claim; the first ones are paid."""
    recorded = [record(Asked(**claim), by=by, at=at).id for claim in claims(papers, today)]
    for claim_id in recorded[:PAID]:
        pay(claim_id, by=by, at=at)


def _let_sign_in(by: Actor, at: datetime) -> None:
    """Let every person of the cast in who is not in yet."""
    known = set(db.session.scalars(select(User.email)))
    for person in CAST:
        if person.email not in known:
            create_user(person.email, person.name, person.grants, by=by, at=at, password=PASSWORD)
