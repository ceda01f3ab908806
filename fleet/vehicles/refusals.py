"""What the register of vehicles does not do, one class for each reason."""

from __future__ import annotations

from datetime import date

from flask_babel import gettext as _

from fleet.web.errors import Refusal
from fleet.web.words import label
from fleet.words import Days, NotWellFormed


class Malformed(Refusal):
    """A plate or a VIN is not what it claims to be."""

    def __init__(self, field: str, error: NotWellFormed) -> None:
        super().__init__(label("not_well_formed", error.code))
        self.field = field


class VinTaken(Refusal):
    """The VIN is on record already, in whichever company."""

    field = "vin"

    def __init__(self, vin: str) -> None:
        super().__init__(_("The VIN %(vin)s is on record already.", vin=vin))


class PlateTaken(Refusal):
    """Another vehicle in the fleet carries the plate."""

    field = "plate"

    def __init__(self, plate: str) -> None:
        super().__init__(_("Another vehicle carries the plate %(plate)s.", plate=plate))


class NoSuchType(Refusal):
    """The group has no such kind of vehicle (1.1)."""

    field = "vehicle_type"

    def __init__(self, code: str) -> None:
        super().__init__(_("There is no vehicle type %(code)s.", code=code))


class TypeTaken(Refusal):
    """The group has a kind of that code already."""

    field = "code"

    def __init__(self, code: str) -> None:
        super().__init__(_("There is a vehicle type %(code)s already.", code=code))


class TooEarly(Refusal):
    """A day lies on or before the one that it must follow."""

    def __init__(self, field: str, after: date) -> None:
        super().__init__(_("This must be later than %(day)s.", day=after))
        self.field = field


class NotYet(Refusal):
    """A change is recorded when it has happened, not before."""

    field = "on"

    def __init__(self) -> None:
        super().__init__(_("This day is still to come. Record it when it has happened."))


class SameHolder(Refusal):
    """The vehicle is moved to the company that holds it."""

    field = "company"

    def __init__(self, name: str) -> None:
        super().__init__(_("%(name)s holds the vehicle already.", name=name))


class SamePlate(Refusal):
    """The plate is the one that the vehicle carries."""

    field = "plate"

    def __init__(self) -> None:
        super().__init__(_("The vehicle carries this plate already."))


class LaidUpAlready(Refusal):
    """Lay-ups 停驶 of a vehicle may not share a day."""

    field = "since"

    def __init__(self, other: Days) -> None:
        words = (
            _("It is laid up from %(since)s on already.", since=other.since)
            if other.until is None
            else _(
                "It is laid up from %(since)s until before %(until)s already.",
                since=other.since,
                until=other.until,
            )
        )
        super().__init__(words)


class NotLaidUp(Refusal):
    """There is no lay-up to return from."""

    field = "on"

    def __init__(self) -> None:
        super().__init__(_("It is not laid up on that day, nor later."))


class TooLate(Refusal):
    """A day lies on or after the one that it must precede."""

    def __init__(self, field: str, before: date) -> None:
        super().__init__(_("This must be earlier than %(day)s.", day=before))
        self.field = field
