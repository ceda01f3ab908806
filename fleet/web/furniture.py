"""What every template may use: filters and globals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleet.web import clock

if TYPE_CHECKING:
    from flask import Flask


def init_furniture(app: Flask) -> None:
    """Give the templates their filters and globals."""
    app.jinja_env.globals["today"] = clock.today
