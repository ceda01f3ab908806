"""The public page that a decision's QR code leads to."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, current_app, make_response, render_template, url_for

from fleet.people.limits import count_visit
from fleet.reimbursement.genuine import document_of, read_token, token_of, word_on
from fleet.reimbursement.tables import Decision
from fleet.settings import Settings
from fleet.web import access, clock

verify = Blueprint("verify", __name__)


@verify.get("/verify/<token>")
@access.public
def show(token: str) -> Response:
    """Whether a document is genuine and unchanged; nothing but what is printed on it.

    It knows no caller: whoever holds the paper may ask, and learns nothing of the group.
    """
    count_visit("verify")
    document = read_token(token, _settings().history_key)
    word = word_on(document, clock.zone()) if document else None
    page = make_response(render_template("reimbursement/verify.html", document=document, word=word))
    page.status_code = HTTPStatus.OK if document else HTTPStatus.NOT_FOUND
    page.headers["Referrer-Policy"] = "no-referrer"
    page.headers["X-Robots-Tag"] = "noindex, nofollow"
    return page


def address_of(decision: Decision) -> str:
    """The address that a decision's document carries."""
    settings = _settings()
    token = token_of(document_of(decision, clock.zone()), settings.history_key)
    return settings.base_url.rstrip("/") + url_for("verify.show", token=token)


def _settings() -> Settings:
    settings: Settings = current_app.extensions["fleet_settings"]
    return settings
