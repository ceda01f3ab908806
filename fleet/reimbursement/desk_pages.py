"""The page of finance's one box."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from fleet.reimbursement import desk
from fleet.web import access, clock
from fleet.web.access import May

pages = Blueprint("finance_desk", __name__, url_prefix="/reimbursement")


@pages.get("/desk")
@access.needs(May.CHECK_CLAIMS)
def index() -> str:
    """Answer at once what a policy number, plate, VIN, invoice or QR text means for a premium."""
    found = desk.answer(request.args.get("q", ""), clock.now())
    return render_template("reimbursement/desk.html", found=found)
