"""Forms: the base form, the trade's fields, and a refusal said beside its field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import TextInput

from fleet.web import clock, moments
from fleet.web.errors import Refusal
from fleet.web.words import choices, label
from fleet.words import CreditCode, NotWellFormed, Plate, Vin, normalise, parse_money, plain_number

Moment = TypeVar("Moment", date, datetime)
_MOST_YUAN = Decimal(10) ** 12  # with its fen well inside the database's integers
_FIRST_YEAR, _LAST_YEAR = 1901, 2199  # as the workbook reads them


class Form(FlaskForm):
    """The base of every form that changes something."""


def say(form: FlaskForm, refusal: Refusal) -> None:
    """Show a refusal beside the field it belongs to, or above the form."""
    if refusal.field and refusal.field in form:
        field = form[refusal.field]
        field.errors = [*field.errors, refusal.message]
    else:
        form.form_errors.append(refusal.message)


def done(form: FlaskForm, verb: Callable[[], Any]) -> Any:
    """What a valid form's verb made; None where the form is to be shown, with a refusal beside."""
    if not form.validate_on_submit():
        return None
    try:
        return verb()
    except Refusal as refusal:
        say(form, refusal)
        return None


def required() -> InputRequired:
    """The field may not stay empty."""
    return InputRequired(_l("Fill this in."))


def optional() -> Optional:
    """The field may stay empty."""
    return Optional()


def at_most(characters: int) -> Length:
    """The text fits its column."""
    return Length(max=characters, message=_l("At most %(max)d characters."))


def chosen(
    name: Any, vocabulary: str, *, blank: Any = None, validators: Any = (), **options: Any
) -> SelectField:
    """A choice from a vocabulary of fleet.web.words, made in the reader's language."""
    return SelectField(
        name,
        choices=lambda: choices(vocabulary, blank),
        validators=validators or (() if blank is not None else (required(),)),
        coerce=lambda value: value or None,
        validate_choice=True,
        **options,
    )


class TextField(StringField):
    """A line of text: blanks around it go, full-width forms become plain, empty is None."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed."""
        self.data = normalise(valuelist[0]) or None if valuelist else None


class ReadField(Field):
    """A text that means something else: `read` makes the value, `write` the text again.

    What was typed is shown again where it could not be read.
    """

    widget = TextInput()
    read: Callable[[str], Any]

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else self.write(self.data)

    def write(self, value: Any) -> str:
        """The value as text."""
        return str(value)

    def process_formdata(self, valuelist: list[Any]) -> None:
        """Read what was typed; ValueError's words are shown beside the field."""
        text = normalise(valuelist[0]) if valuelist else ""
        self.data = None
        if not text:
            return
        try:
            self.data = self.read_text(text)
        except NotWellFormed as error:
            raise ValueError(label("not_well_formed", error.code)) from error

    def read_text(self, text: str) -> Any:
        """The value that a text means."""
        raise NotImplementedError


class PlateField(ReadField):
    """A number plate (GA 36); a car without one stays empty."""

    def read_text(self, text: str) -> str | None:
        """Read a plate."""
        return None if Plate.not_yet(text) else str(Plate.parse(text))


class VinField(ReadField):
    """A VIN; a check digit that does not fit is a warning, not an error."""

    def read_text(self, text: str) -> str:
        """Read a VIN."""
        return str(Vin.parse(text))

    @property
    def warning(self) -> str | None:
        """What to look at once more, though it is taken."""
        if not self.data or Vin.parse(self.data).check_digit_holds:
            return None
        return _("The check digit of this VIN does not fit. Compare it with the licence.")


class CreditCodeField(ReadField):
    """A unified social credit code."""

    def read_text(self, text: str) -> str:
        """Read a code."""
        return str(CreditCode.parse(text))


class YuanField(ReadField):
    """An amount in yuan as Decimal: `1,270.00`, `20万`, `¥950`."""

    def __init__(self, *args: Any, minimum: int | None = 0, **options: Any):  # noqa: ANN204 - WTForms makes fields lazily
        """Keep the least amount; None lets it be negative."""
        super().__init__(*args, **options)
        self.minimum = minimum

    def read_text(self, text: str) -> Decimal:
        """Read an amount."""
        amount = parse_money(text)
        if abs(amount) >= _MOST_YUAN:
            raise NotWellFormed("money_form", text)
        if self.minimum is not None and amount < self.minimum:
            raise ValueError(_("An amount of %(least)s or more is asked.", least=self.minimum))
        return amount

    def write(self, value: Any) -> str:
        """The amount without separators."""
        return plain_number(Decimal(value))


class PercentField(ReadField):
    """A percentage from 0 to 100 as Decimal."""

    def read_text(self, text: str) -> Decimal:
        """Read a percentage, with or without its sign."""
        try:
            rate = Decimal(text.rstrip("%").strip())
        except ArithmeticError:
            rate = Decimal(-1)
        if not rate.is_finite() or not 0 <= rate <= 100 or rate != round(rate, 4):  # noqa: PLR2004 - per hundred
            raise ValueError(_("A percentage from 0 to 100 is asked."))
        return rate

    def write(self, value: Any) -> str:
        """The percentage without trailing zeros."""
        return plain_number(Decimal(value))


class CountField(ReadField):
    """A whole number of 0 or more."""

    def read_text(self, text: str) -> int:
        """Read a number."""
        if not text.isascii() or not text.isdigit() or len(text) > 6:  # noqa: PLR2004 - far above any count here
            raise ValueError(_("A whole number of 0 or more is asked."))
        return int(text)


def _of_our_time(found: Moment) -> Moment:
    """Refuse a year such as 0026 or 9999: neither a clock's zone nor a sheet can hold its days."""
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise ValueError("no year of ours")
    return found


class DayField(ReadField):
    """A day; browsers offer a calendar."""

    widget = TextInput()
    widget.input_type = "date"

    def read_text(self, text: str) -> date:
        """Read `2026-03-02`."""
        try:
            return _of_our_time(date.fromisoformat(text))
        except ValueError as error:
            raise ValueError(_("A day is asked, such as 2026-03-02.")) from error


class InstantField(ReadField):
    """An instant of the company's clock; a day alone means its noon."""

    widget = TextInput()
    widget.input_type = "datetime-local"

    def read_text(self, text: str) -> datetime:
        """Read `2026-03-02T18:03`."""
        try:
            return _of_our_time(moments.parse(text, clock.zone()))
        except ValueError as error:
            raise ValueError(_("An instant is asked, such as 2026-03-02T18:03.")) from error

    def write(self, value: Any) -> str:
        """The instant as the browser's own field takes it."""
        return f"{clock.local(value):%Y-%m-%dT%H:%M}"
