"""Tells the sign-in page the demo's sign-ins, where the demo group is loaded."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, request

from fleet.demo.cast import PASSWORD
from fleet.demo.service import signins

pages = Blueprint("demo", __name__)
SIGN_IN = "security.login"


@pages.app_context_processor
def demo_signins() -> dict[str, Any]:
    """`demo_signins`, for the sign-in page only: e-mail, name and password of each, or none."""
    asked = request and request.endpoint == SIGN_IN
    if not asked or current_app.extensions["fleet_settings"].production:
        return {"demo_signins": []}
    return {
        "demo_signins": [
            {"email": email, "name": name, "password": PASSWORD} for email, name in signins()
        ]
    }
