"""Tells the sign-in page the demo's sign-ins, where the demo group is loaded."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, request

from fleet.demo.cast import CAST, PASSWORD
from fleet.demo.service import signins

pages = Blueprint("demo", __name__)
SIGN_IN = "security.login"


@pages.app_context_processor
def demo_signins() -> dict[str, Any]:
    """`demo_signins`, for the sign-in page only: who each is, and the password; or none."""
    asked = request and request.endpoint == SIGN_IN
    if not asked or current_app.extensions["fleet_settings"].production:
        return {"demo_signins": []}
    return {"demo_signins": [_told(email, name) for email, name in signins()]}


def _told(email: str, name: str) -> dict[str, Any]:
    roles = [given.role for person in CAST if person.email == email for given in person.grants]
    return {
        "email": email,
        "name": name,
        "roles": list(dict.fromkeys(roles)),
        "password": PASSWORD,
    }
