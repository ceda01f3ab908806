"""The pages of the calendar: make and revoke one's address, and the calendar behind it."""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import force_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as Answer

from fleet.people.signin import caller_of
from fleet.renewals.feed import calendar, feed_of, in_use, made_at, make_feed, revoke_feed
from fleet.storage import limit_to
from fleet.web import clock
from fleet.web.access import May, caller, public, signed_in, who
from fleet.web.locale import language

pages = Blueprint("calendar", __name__)


@pages.get("/account/calendar")
@signed_in
def index() -> str:
    """Whether one has a calendar address, and since when."""
    return render_template("renewals/calendar.html", feed=feed_of(caller().id), made=None)


@pages.post("/account/calendar")
@signed_in
def make() -> str:
    """Make a new address and show it, once; the one before is no longer good."""
    secret = make_feed(caller().id, language(), **who())
    made = _base_url() + url_for("calendar.feed", secret=secret)
    return render_template("renewals/calendar.html", feed=feed_of(caller().id), made=made)


@pages.post("/account/calendar/revoke")
@signed_in
def revoke() -> Answer:
    """End one's address."""
    revoke_feed(caller().id, **who())
    flash(_("The calendar address is revoked."), "success")
    return redirect(url_for("calendar.index"))


@pages.get("/calendar/<secret>.ics")
@public
def feed(secret: str) -> Response:
    """What is due in the scope of the address's user; the secret is who asks."""
    found = in_use(secret)
    if found is None:
        abort(404)
    limit_to(caller_of(found.user).scope(May.READ))
    with force_locale(found.user.language or found.language):
        made = made_at(clock.now(), clock.zone())
        told = calendar(made, _base_url(), _("Renewals of vehicle insurance"))
    return _private(Response(told, mimetype="text/calendar"))


def _private(answer: Response) -> Any:
    """Nobody between keeps it, no link out of it tells its address; unchanged, it is not sent."""
    answer.headers["Cache-Control"] = "private, max-age=300"
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    answer.headers["Content-Disposition"] = "inline; filename=renewals.ics"
    answer.add_etag()
    return answer.make_conditional(request)


def _base_url() -> str:
    url: str = current_app.extensions["fleet_settings"].base_url
    return url.rstrip("/")
