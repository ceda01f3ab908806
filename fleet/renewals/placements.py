"""Placements: what was given to which insurer, its schedule, and the insurer's answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import Select, select
from werkzeug.wrappers import Response as Answer

from fleet.insurers.tables import Insurer
from fleet.people.tables import Region
from fleet.renewals import answers, desk, schedule, service
from fleet.renewals.answer_sheet import heading_of
from fleet.renewals.desk_forms import AnswerForm, ExpectForm, TakeBackForm
from fleet.renewals.moving import Outcome, request_of
from fleet.renewals.queries import regions_in_sight
from fleet.renewals.refusals import NotYours
from fleet.renewals.rules import PLACED
from fleet.renewals.tables import CoverRequest, Placement, PlacementAnswer
from fleet.renewals.workbench import moved_words, ticked
from fleet.storage import db
from fleet.vehicles.tables import Vehicle
from fleet.web import clock
from fleet.web.access import May, needs, who
from fleet.web.errors import Refusal
from fleet.web.forms import done
from fleet.web.furniture import instant, period, yuan
from fleet.web.lists import Asked, asked, fetch, of_items
from fleet.web.locale import language
from fleet.web.paper import pdf_response
from fleet.web.sheets import XLSX, download, xlsx_response
from fleet.web.words import label
from fleet.words import last_day
from fleet.work.tasks import run_here_unless_worker

pages = Blueprint("placements", __name__, url_prefix="/placements")

PLACEMENT = "/<int(max=2147483647):placement_id>"
REQUEST = f"{PLACEMENT}/requests/<int(max=2147483647):placed_id>"
ANSWER = "/answers/<int(max=2147483647):answer_id>"
SORTS = {
    "number": Placement.id,
    "placed": (Placement.placed_on, Placement.id),
    "insurer": (Insurer.code, Placement.id),
    "region": (Region.code, Placement.id),
}
REQUEST_SORTS = {
    "plate": (Vehicle.plate, Vehicle.vin, CoverRequest.kind),
    "due": (CoverRequest.expiry_day, Vehicle.vin, CoverRequest.kind),
    "state": (CoverRequest.state, Vehicle.plate, Vehicle.vin, CoverRequest.kind),
}
FILTERS = ("region", "insurer", "open")
_PROBLEMS, _DIFFERS, _FITS = range(3)


class TooLongToWaitFor(Refusal):
    """The schedule is made as a task: so many pages would keep everybody waiting."""

    def __init__(self) -> None:
        super().__init__(_("This schedule is long. Have it made on the placement's page."))


# The list and one of it


@pages.get("")
@needs(May.PLACE)
def index() -> str:
    """The placements, the latest first."""
    chosen = asked(SORTS, "-placed", FILTERS)
    return render_template(
        "renewals/placements.html",
        listing=fetch(_wanted(chosen), chosen, scalars=False),
        regions=regions_in_sight(),
        insurers=desk.insurers_in_sight(),
    )


@pages.get("/export")
@needs(May.PLACE)
def export() -> Response:
    """The placements as filtered and sorted, as a sheet."""
    chosen = asked(SORTS, "-placed", FILTERS)
    headings = (
        *(_("Placement"), _("Placed on"), _("Insurer"), _("Insurer's name"), _("Region")),
        *(_("Requests"), _("Waiting"), _("Insured"), _("Placed by"), _("Note")),
    )
    rows = (
        (
            *(one.id, one.placed_on, one.insurer, one.insurer_name, one.region),
            *(one.requests, one.waiting, one.insured, one.placed_by, one.note),
        )
        for one in db.session.execute(_wanted(chosen).order_by(*chosen.order()))
    )
    return xlsx_response(f"placements-{clock.today()}.xlsx", headings, rows)


def _wanted(chosen: Asked) -> Select[Any]:
    found = desk.placements()
    if chosen["region"]:
        found = found.where(Region.code == chosen["region"])
    if chosen["insurer"]:
        found = found.where(Insurer.code == chosen["insurer"])
    if chosen["open"]:
        waiting = select(CoverRequest.placement_id).where(CoverRequest.state == PLACED)
        found = found.where(Placement.id.in_(waiting))
    return found


@pages.get(PLACEMENT)
@needs(May.PLACE)
def show(placement_id: int) -> str:
    """A placement: its requests with what the insurer expects, its answers so far."""
    return _page(desk.placement_of(placement_id))


def _page(
    placement: Placement,
    *,
    expect: tuple[int, ExpectForm] | None = None,
    take_back: TakeBackForm | None = None,
    upload: AnswerForm | None = None,
    outcome: Outcome | None = None,
) -> str:
    chosen = asked(REQUEST_SORTS, "plate")
    listing = fetch(desk.requests_of(placement.id), chosen, scalars=False)
    sent = (
        select(PlacementAnswer)
        .where(PlacementAnswer.placement_id == placement.id)
        .order_by(PlacementAnswer.id.desc())
    )
    return render_template(
        "renewals/placement.html",
        placement=placement,
        listing=listing,
        waiting=schedule.waiting_in(placement),
        at_once=schedule.AT_ONCE,
        answers=db.session.scalars(sent).all(),
        expect=expect,
        take_back=take_back or TakeBackForm(formdata=None),
        upload=upload or AnswerForm(formdata=None),
        outcome=outcome,
    )


@pages.post(REQUEST)
@needs(May.PLACE)
def expected(placement_id: int, placed_id: int) -> str | Answer:
    """Note the premium and tax that the insurer asks for one request."""
    placement, form = desk.placement_of(placement_id), ExpectForm()
    found = request_of(placed_id)
    if found.placement_id != placement_id:
        raise NotYours
    noted = done(
        form,
        lambda: service.expect(
            found.id, form.premium.data, form.tax.data, version=_version(form), **who()
        ),
    )
    if noted is None:
        db.session.rollback()
        return _page(placement, expect=(placed_id, form))
    flash(_("The expected premium is noted."), "success")
    return redirect(url_for("placements.show", placement_id=placement_id, **request.args))


def _version(form: ExpectForm) -> int:
    """The version that was seen; 0, which none is, where the field was tampered with."""
    text = str(form.version.data or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - an integer of the database


@pages.post(f"{PLACEMENT}/take-back")
@needs(May.PLACE)
def take_back(placement_id: int) -> str | Answer:
    """Take ticked requests back from the insurer."""
    placement, form, ids = desk.placement_of(placement_id), TakeBackForm(), ticked()
    if not ids:
        form.form_errors.append(_("Tick the requests that you mean."))
        return _page(placement, take_back=form)
    outcome = done(form, lambda: service.take_back(ids, form.reason.data.strip(), **who()))
    if outcome is None:
        return _page(placement, take_back=form)
    if outcome.moved:
        flash(moved_words("take_back", len(outcome.moved)), "success")
    if outcome.left_out:
        return _page(placement, outcome=outcome)
    return redirect(url_for("placements.show", placement_id=placement_id))


# The schedule


@pages.get(f"{PLACEMENT}/schedule.pdf")
@needs(May.PLACE)
def schedule_pdf(placement_id: int) -> Response:
    """The submission schedule as one document, in the reader's language."""
    placement = desk.placement_of(placement_id)
    if schedule.waiting_in(placement) > schedule.AT_ONCE:
        raise TooLongToWaitFor
    return pdf_response(f"{schedule.name_of(placement)}.pdf", schedule.as_pdf(placement))


@pages.post(f"{PLACEMENT}/schedule")
@needs(May.PLACE)
def order_schedule(placement_id: int) -> Answer:
    """Have a long schedule made as a task, and show how far it is."""
    placement = desk.placement_of(placement_id)
    task = schedule.ask_for_pdf(placement, language(), **who())
    number = task.id
    run_here_unless_worker(task)
    return redirect(url_for("work.show", task_id=number))


@pages.get(f"{PLACEMENT}/schedule.xlsx")
@needs(May.PLACE)
def schedule_xlsx(placement_id: int) -> Response:
    """The submission schedule as a sheet that the insurer fills in."""
    placement = desk.placement_of(placement_id)
    return download(schedule.as_xlsx(placement), f"{schedule.name_of(placement)}.xlsx", XLSX)


# The insurer's answer


@pages.post(f"{PLACEMENT}/answers")
@needs(May.PLACE)
def upload(placement_id: int) -> str | Answer:
    """Take an insurer's sheet of issued policies and show what differs; nothing is written."""
    placement, form = desk.placement_of(placement_id), AnswerForm()
    made = done(
        form,
        lambda: answers.check_answer(
            placement, form.file.data.stream, form.file.data.filename or "", **who()
        ),
    )
    if made is None:
        return _page(placement, upload=form)
    return redirect(url_for("placements.answer", answer_id=made.id))


@pages.get(ANSWER)
@needs(May.PLACE)
def answer(answer_id: int) -> str:
    """An answer: what cannot be recorded, what differs, what fits, and who got no policy."""
    return _answer_page(answers.answer_of(answer_id))


def _answer_page(found: PlacementAnswer, refusal: Refusal | None = None) -> str:
    rows = [_row(row) for row in found.report["rows"]]
    rows.sort(key=lambda one: (one.rank, one.row["row"]))
    return render_template(
        "renewals/answer.html",
        answer=found,
        listing=of_items(rows, asked({}, "")),
        refused=sum(1 for one in rows if one.rank == _PROBLEMS),
        differing=sum(1 for one in rows if one.rank == _DIFFERS),
        fitting=sum(1 for one in rows if one.rank == _FITS),
        refusal=refusal,
    )


class AnswerRow(NamedTuple):
    """A row of an answer in the reader's words; `rank` brings the gravest to the top."""

    rank: int
    row: dict[str, Any]
    period: str
    premium: str
    problems: list[tuple[str, str, str]]
    differences: list[tuple[str, str, str]]


def _row(row: dict[str, Any]) -> AnswerRow:
    problems = [_problem(*one) for one in row["problems"]]
    differing = [_difference(*one) for one in row["differences"]]
    rank = _PROBLEMS if problems else _DIFFERS if differing else _FITS
    runs, premium = _period(row["begins"], row["ends"]), _money(row["premium"] or "")
    return AnswerRow(rank, row, runs, premium, problems, differing)


def _period(begins: str | None, ends: str | None) -> str:
    if not begins or not ends:
        return ""
    return period(datetime.fromisoformat(begins), datetime.fromisoformat(ends))


def _problem(column: str, found: str, code: str, asked_: str) -> tuple[str, str, str]:
    """A column's heading, what was found there, and what is asked."""
    if code == "not_placed_any_more":
        asked_ = label("renewal_state", asked_)
    return heading_of(column), found, label("answer_problem", code) % {"asked": asked_}


def _difference(code: str, asked_: str, found: str, cover: str) -> tuple[str, str, str]:
    """What differs, what was asked and what was found, as people read them."""
    name = label("difference", code)
    if cover:
        name = _("%(cover)s: %(what)s", cover=label("cover", cover), what=name)
    write = _WRITTEN.get(code, _money)
    return name, write(asked_), write(found)


def _money(text: str) -> str:
    return yuan(Decimal(text)) if text else ""


def _moment(text: str) -> str:
    return instant(datetime.fromisoformat(text)) if text else ""


def _last(text: str) -> str:
    return last_day(datetime.fromisoformat(text), clock.zone()).isoformat() if text else ""


_WRITTEN: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(("gap", "overlap", "begins_otherwise"), _moment),
    "ends_otherwise": _last,
    **dict.fromkeys(("seats_differ", "another_insurer"), str),
}


@pages.get(f"{ANSWER}/differences.xlsx")
@needs(May.PLACE)
def export_answer(answer_id: int) -> Response:
    """What cannot be recorded and what differs, a line each, as a sheet to send back."""
    found = answers.answer_of(answer_id)
    headings = (
        *(_("Row"), _("VIN"), _("Plate"), _("Kind"), _("Policy number")),
        *(_("What"), _("Asked"), _("Found")),
    )
    return xlsx_response(f"answer-{found.id}.xlsx", headings, _told(found))


def _told(found: PlacementAnswer) -> Iterator[tuple[Any, ...]]:
    for one in map(_row, found.report["rows"]):
        row = one.row
        kind = label("kind", row["kind"])
        front = (row["row"], row["vin"], row["plate"], kind, row["policy_number"])
        for column, what, words in one.problems:
            yield (*front, column, words, what)
        for name, wanted, got in one.differences:
            yield (*front, name, wanted, got)
    for lacking in found.report["without_row"]:
        front = (None, lacking["vin"], lacking["plate"], label("kind", lacking["kind"]), None)
        yield (*front, _("No row"), None, None)


@pages.post(f"{ANSWER}/confirm")
@needs(May.PLACE)
def confirm(answer_id: int) -> tuple[str, int] | Answer:
    """Record the policies of an answer, once."""
    try:
        made = answers.confirm_answer(
            answer_id, leave_out_refused="leave_out" in request.form, **who()
        )
    except answers.AnswerChanged as refusal:
        return _answer_page(answers.answer_of(answer_id), refusal), int(refusal.status)
    words = ngettext("%(num)s policy recorded.", "%(num)s policies recorded.", len(made))
    flash(words, "success")
    placement_id = answers.answer_of(answer_id).placement_id
    return redirect(url_for("placements.show", placement_id=placement_id))


@pages.post(f"{ANSWER}/drop")
@needs(May.PLACE)
def drop(answer_id: int) -> Answer:
    """Forget an answer; nothing of it was written."""
    placement_id = answers.answer_of(answer_id).placement_id
    answers.drop_answer(answer_id, **who())
    flash(_("The answer was dropped; nothing was written."), "success")
    return redirect(url_for("placements.show", placement_id=placement_id))
