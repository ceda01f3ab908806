"""What time it is, asked only by pages, the API and commands."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from fleet.storage import behind


def now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


def zone() -> ZoneInfo:
    """The company's time zone."""
    chosen: ZoneInfo = behind.app().extensions["fleet_settings"].zone
    return chosen


def today() -> date:
    """The present day on the company's clock."""
    return now().astimezone(zone()).date()


def local(instant: datetime) -> datetime:
    """An instant on the company's clock."""
    return instant.astimezone(zone())
