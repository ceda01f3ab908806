"""The pages of notices: the inbox, the ways to be told, snoozes, and what did not arrive."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import Select, case

from fleet.notices import forms, queries, service
from fleet.notices.rules import FAILED, UNREAD
from fleet.notices.tables import Digest, Notice
from fleet.notices.topics import Line, told
from fleet.people.limits import count_try
from fleet.people.pages import whole_group
from fleet.storage import db
from fleet.web import clock, lists
from fleet.web.access import May, caller, caller_or_none, needs, signed_in, who
from fleet.web.forms import done
from fleet.web.furniture import count_at
from fleet.web.sheets import xlsx_response
from fleet.web.words import choices, label

pages = Blueprint("notices", __name__, url_prefix="/notices")

SORTS = {
    "new": (case((Notice.state == UNREAD, 0), else_=1), -Notice.id),
    "day": (Notice.day, -Notice.id),
}
FILTERS = ("state", "since")
UNDELIVERED_SORTS = {"new": (-Digest.id,)}


@pages.record_once
def _show_the_count(state: BlueprintSetupState) -> None:
    """Let the navigation show how many notices are unread."""
    count_at(state.app, "/notices", _unread)


def _unread() -> int:
    person = caller_or_none()
    return queries.unread(person.id, person.scope(May.READ)) if person else 0


# The inbox


@pages.get("")
@signed_in
def index() -> ResponseReturnValue:
    """One's notices, unread first and the newest first."""
    asked = lists.asked(SORTS, "new", FILTERS)
    listing = lists.fetch(_wanted(asked), asked)
    return render_template(
        "notices/index.html",
        listing=listing,
        lines={one.id: told(one.topic, one.facts) for one in listing.items},
        newest=max((one.id for one in listing.items), default=0),
        unread=_unread(),
        states=choices("notice_state"),
        lost=queries.lost(caller().id, clock.today()),
    )


@pages.get("/export")
@signed_in
def export() -> ResponseReturnValue:
    """The inbox as filtered, as a sheet."""
    asked = lists.asked(SORTS, "new", FILTERS)
    found = db.session.scalars(_wanted(asked).order_by(*asked.order()))
    headings = (_("Day"), _("Notice"), _("What is asked"), _("State"), _("Address"))
    return xlsx_response(f"notices-{clock.today()}.xlsx", headings, _cells(found))


def _cells(found: Any) -> Iterator[tuple[Any, ...]]:
    for one in found:
        line: Line = told(one.topic, one.facts)
        yield one.day, line.title, line.text, label("notice_state", one.state), one.link


def _wanted(asked: lists.Asked) -> Select[Any]:
    found = queries.inbox(caller().id, caller().scope(May.READ))
    if asked["state"]:
        found = found.where(Notice.state == asked["state"])
    since = _day(asked["since"])
    return found.where(Notice.day >= since) if since else found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


@pages.post("/<int(max=2147483647):number>/open")
@signed_in
def open_notice(number: int) -> ResponseReturnValue:
    """Go to what a notice is about, and have read it."""
    notice = service.notice_of(number, caller().id)
    link = notice.link
    service.mark_read([number], caller().id, **who())
    return redirect(link)


@pages.post("/<int(max=2147483647):number>/read")
@signed_in
def mark_read(number: int) -> ResponseReturnValue:
    """Have read one notice."""
    service.notice_of(number, caller().id)
    service.mark_read([number], caller().id, **who())
    return redirect(url_for("notices.index"))


@pages.post("/read")
@signed_in
def mark_all_read() -> ResponseReturnValue:
    """Have read everything up to the newest notice that was shown."""
    until = request.form.get("until", type=int) or 0
    service.mark_all_read(caller().id, min(until, 2**31 - 1), **who())
    flash(_("All notices are marked as read."), "success")
    return redirect(url_for("notices.index"))


# Snoozes


@pages.route("/<int(max=2147483647):number>/snooze", methods=["GET", "POST"])
@signed_in
def snooze(number: int) -> ResponseReturnValue:
    """Hear nothing of a notice's subject for some days."""
    notice = service.notice_of(number, caller().id)
    line, form = told(notice.topic, notice.facts), forms.SnoozeForm()

    def verb() -> bool:
        reason, until = form.reason.data, form.until.data
        service.snooze(number, caller().id, reason, until, today=clock.today(), **who())
        return True

    if done(form, verb):
        flash(_("You hear of it again from %(day)s on.", day=form.until.data), "success")
        return redirect(url_for("notices.snoozes"))
    return render_template("notices/snooze.html", form=form, line=line)


@pages.get("/snoozes")
@signed_in
def snoozes() -> ResponseReturnValue:
    """What one has snoozed, why and until when."""
    found = queries.snoozes(caller().id, clock.today())
    lines = {snoozed.id: told(notice.topic, notice.facts) for snoozed, notice in found}
    return render_template("notices/snoozes.html", found=found, lines=lines)


@pages.post("/snoozes/<int(max=2147483647):snooze_id>/end")
@signed_in
def end_snooze(snooze_id: int) -> ResponseReturnValue:
    """Hear of something again."""
    service.end_snooze(snooze_id, caller().id, **who())
    flash(_("You hear of it again from the next occasion on."), "success")
    return redirect(url_for("notices.snoozes"))


# The ways to be told


@pages.route("/preferences", methods=["GET", "POST"])
@signed_in
def preferences() -> ResponseReturnValue:
    """Choose the ways in which one is told."""
    kept = service.preference_of(caller().id)
    form = forms.PreferenceForm(data={"mail": kept.mail, "chat": kept.chat})

    def verb() -> bool:
        chosen = {"mail": form.mail.data, "chat_on": form.chat.data, "address": form.address.data}
        service.choose(caller().id, **chosen, **who())
        return True

    if done(form, verb):
        flash(_("Saved."), "success")
        return redirect(url_for("notices.preferences"))
    kept = service.preference_of(caller().id)
    return render_template("notices/preferences.html", form=form, kept=kept)


@pages.post("/preferences/test")
@signed_in
def try_chat() -> ResponseReturnValue:
    """Send a test message to one's chat."""
    count_try("chat", caller().email)
    title, body = _("Fleet insurance"), _("This is a test. Notices will come here.")
    if service.try_chat(caller().id, title, body):
        flash(_("The test message is sent. Look whether it has come."), "success")
    else:
        flash(_("The chat did not take the test message. Check the address."), "error")
    return redirect(url_for("notices.preferences"))


@pages.post("/preferences/forget")
@signed_in
def forget_chat() -> ResponseReturnValue:
    """Forget the address of one's chat."""
    service.forget_chat(caller().id, **who())
    flash(_("The address is forgotten. Notices come by mail."), "success")
    return redirect(url_for("notices.preferences"))


# What did not arrive


@pages.get("/undelivered")
@needs(May.KEEP_PEOPLE)
@whole_group
def undelivered() -> ResponseReturnValue:
    """The messages that a server did not take, and why."""
    asked = lists.asked(UNDELIVERED_SORTS, "new")
    listing = lists.fetch(queries.undelivered(), asked, scalars=False)
    return render_template(
        "notices/undelivered.html", listing=listing, down=queries.down(), failed=FAILED
    )


@pages.post("/undelivered/again")
@needs(May.KEEP_PEOPLE)
@whole_group
def try_again() -> ResponseReturnValue:
    """Let everything that was given up be tried again."""
    service.try_again(**who())
    flash(_("What was given up is tried again."), "success")
    return redirect(url_for("notices.undelivered"))
