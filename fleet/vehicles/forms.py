"""The forms of the register."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import HiddenField, SelectField
from wtforms.validators import Regexp, ValidationError

from fleet.people.tables import Company
from fleet.storage import db
from fleet.vehicles.service import VehicleDetails, types
from fleet.vehicles.tables import Vehicle
from fleet.web.forms import (
    CountField,
    DayField,
    Form,
    PlateField,
    TextField,
    VinField,
    at_most,
    chosen,
    optional,
    required,
)
from fleet.web.words import label

MOST_SEATS = 1_000


def type_choices() -> list[tuple[str, str]]:
    """Every kind of vehicle, those the group added by the name it gave them."""
    return [(one.code, one.name or label("vehicle_type", one.code)) for one in types()]


def company_choices() -> list[tuple[str, str]]:
    """The companies in scope."""
    rows = db.session.execute(select(Company.code, Company.name).order_by(Company.code))
    return [(code, f"{code} · {name}") for code, name in rows]


class Guarded(Form):
    """A form that says which version of the vehicle its reader saw."""

    version = HiddenField()

    @property
    def seen(self) -> int:
        """The version that was seen; 0, which none is, where the field was tampered with."""
        text = str(self.version.data or "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - an integer of the database


class LicenceForm(Guarded):
    """What the vehicle licence states, and the vehicle's days in the fleet."""

    vehicle_type = SelectField(_l("Kind of vehicle"), choices=type_choices, validators=[required()])
    seats = CountField(
        _l("Licensed seats"),
        validators=[required()],
        description=_l("As the vehicle licence states, the driver's included; 0 for a trailer."),
    )
    energy = chosen(_l("Energy"), "energy")
    brand_model = TextField(_l("Brand and model"), validators=[optional(), at_most(120)])
    engine_number = TextField(_l("Engine number"), validators=[optional(), at_most(40)])
    first_registered = DayField(_l("First registered"), validators=[optional()])
    in_service_since = DayField(_l("In the fleet since"), validators=[required()])
    in_service_until = DayField(
        _l("Left the fleet on"),
        validators=[optional()],
        description=_l("The first day it is no longer in service."),
    )

    def validate_seats(self, field: CountField) -> None:
        """More seats than any bus has are a slip of the hand."""
        if field.data is not None and field.data > MOST_SEATS:
            raise ValidationError(_l("A vehicle has at most 1000 seats."))

    def details(self) -> VehicleDetails:
        """What was filled in."""
        return VehicleDetails(
            vehicle_type=self.vehicle_type.data,
            seats=self.seats.data,
            energy=self.energy.data,
            brand_model=self.brand_model.data,
            engine_number=self.engine_number.data,
            first_registered=self.first_registered.data,
            in_service_since=self.in_service_since.data,
            in_service_until=self.in_service_until.data,
        )


class RegisterForm(LicenceForm):
    """A vehicle that enters the fleet."""

    vin = VinField(_l("VIN"), validators=[required()])
    plate = PlateField(
        _l("Number plate"),
        validators=[optional()],
        description=_l("Leave it empty while the car has none."),
    )
    company = SelectField(_l("Company"), choices=company_choices, validators=[required()])


class MoveForm(Guarded):
    """A vehicle handed over to another company."""

    company = SelectField(_l("To company"), choices=company_choices, validators=[required()])
    on = DayField(
        _l("On"), validators=[required()], description=_l("The first day the new company holds it.")
    )


class PlateForm(Guarded):
    """A vehicle's new plate."""

    plate = PlateField(
        _l("New number plate"),
        validators=[optional()],
        description=_l("Leave it empty where the plate was handed in."),
    )
    on = DayField(_l("On"), validators=[required()])


class LayUpForm(Form):
    """Days on which a vehicle is off the road."""

    since = DayField(_l("From"), validators=[required()])
    until = DayField(
        _l("Until before"),
        validators=[optional()],
        description=_l("The first day back on the road; empty while nobody knows."),
    )


class ReturnForm(Form):
    """A laid-up vehicle's first day back."""

    on = DayField(_l("First day back on the road"), validators=[required()])


class LeaveForm(Guarded):
    """A vehicle's end in the fleet."""

    on = DayField(_l("First day no longer in service"), validators=[required()])


class TypeForm(Form):
    """A kind of vehicle that the group adds (1.1)."""

    code = TextField(
        _l("Code"),
        validators=[
            required(),
            at_most(40),
            Regexp("^[a-z][a-z0-9_]*$", message=_l("Small letters, digits and _ only.")),
        ],
        description=_l("As the workbook and the API name it, such as forklift."),
    )
    name = TextField(_l("Name"), validators=[required(), at_most(120)])


def of_vehicle(form: type[Guarded], vehicle: Vehicle, **values: Any) -> Any:
    """A form filled from the vehicle as it stands, and with its version."""
    return form(obj=vehicle, data={"version": vehicle.version, **values})
