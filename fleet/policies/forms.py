"""The forms of policies: what a policy prints, its lines, endorsements and cancellations."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    HiddenField,
    SelectField,
    SelectMultipleField,
    TextAreaField,
)
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, ListWidget, TextInput

from fleet.policies.queries import insurers_offered
from fleet.policies.service import Endorsing, LineDetails, PolicyDetails
from fleet.policies.tables import CoverLine, Policy
from fleet.web import clock
from fleet.web.forms import (
    CountField,
    DayField,
    Form,
    InstantField,
    PercentField,
    ReadField,
    TextField,
    YuanField,
    at_most,
    chosen,
    optional,
    required,
)
from fleet.web.words import COVER, choices
from fleet.words import midnight

BLANK_LINES = 4
_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?")
MOST_LINES = 60
_DAY = timedelta(days=1)
_LAST_MINUTE = time(23, 59)


class ClockField(ReadField):
    """A clock time; 24:00 is the day's end."""

    widget = TextInput()
    widget.input_type = "time"

    def read_text(self, text: str) -> time:
        """Read `18:03`."""
        try:
            found = _LAST_MINUTE if text in {"24:00", "24:00:00"} else time.fromisoformat(text)
            return found.replace(tzinfo=None)  # the clock is the company's, whatever was typed
        except ValueError as error:
            raise ValueError(_("A clock time is asked, such as 18:03.")) from error

    def write(self, value: Any) -> str:
        """The time as the browser's own field takes it."""
        return f"{value:%H:%M}"


def instant_of(day: date, clock_time: time | None) -> datetime:
    """The instant of a day and a clock time on the company's clock; its 00:00 without one."""
    if clock_time is None:
        return midnight(day, clock.zone())
    return datetime.combine(day, clock_time, clock.zone())


def end_of(day: date, clock_time: time | None) -> datetime:
    """A printed end: without a clock time, or at 23:59, the day's end."""
    if clock_time is None or clock_time >= _LAST_MINUTE:
        return midnight(day + _DAY, clock.zone())
    return datetime.combine(day, clock_time, clock.zone())


def printed_begin(instant: datetime) -> tuple[date, time | None]:
    """A beginning as the form takes it."""
    local = clock.local(instant)
    return local.date(), None if local.time() == time.min else local.time()


def printed_end(instant: datetime) -> tuple[date, time | None]:
    """An end as the form takes it: a midnight as the day before, included."""
    local = clock.local(instant)
    if local.time() == time.min:
        return local.date() - _DAY, None
    return local.date(), local.time()


class LineForm(Form):
    """One cover 险种 of a policy; a row without a cover is left out."""

    class Meta(Form.Meta):
        csrf = False

    cover = SelectField(_l("Cover"), choices=lambda: choices("cover", _("no cover")))
    sum_insured = YuanField(_l("Sum insured (yuan)"))
    seats = CountField(_l("Seats"))
    deductible_rate = PercentField(_l("Deductible in percent"))
    premium = YuanField(_l("Premium"))
    since = InstantField(_l("Since"))
    until = InstantField(_l("Until"))

    def details(self) -> LineDetails:
        """What was filled in."""
        return LineDetails(
            cover=self.cover.data,
            sum_insured=self.sum_insured.data,
            seats=self.seats.data,
            deductible_rate=self.deductible_rate.data,
            premium=self.premium.data,
            since=self.since.data,
            until=self.until.data,
        )


class Lined(Form):
    """A form with rows of covers, a few of them blank."""

    lines = FieldList(FormField(LineForm), label=_l("Covers"), max_entries=MOST_LINES)

    def offer_blank(self, rows: int = BLANK_LINES) -> None:
        """Add blank rows to fill in; a form that was sent keeps the rows it had."""
        if not self.is_submitted():
            for _row in range(rows):
                self.lines.append_entry()

    def line_details(self) -> list[LineDetails]:
        """The lines that were filled in, an undivided occupant line as its two."""
        rows = [entry.form.details() for entry in self.lines if entry.form.cover.data]
        return [line for row in rows for line in divided(row)]


def divided(line: LineDetails) -> list[LineDetails]:
    """An undivided occupant line over N seats: the driver's and N - 1 passengers'."""
    if line.cover != "occupants":
        return [line]
    shared = {
        "sum_insured": line.sum_insured,
        "deductible_rate": line.deductible_rate,
        "since": line.since,
        "until": line.until,
    }
    seats = line.seats or 1
    driver = LineDetails(cover="occupants_driver", seats=1, premium=line.premium, **shared)
    if seats == 1:
        return [driver]
    return [driver, LineDetails(cover="occupants_passengers", seats=seats - 1, **shared)]


class PolicyForm(Lined):
    """What a policy prints."""

    kind = chosen(_l("Kind of insurance"), "kind")
    insurer = SelectField(
        _l("Insurer"),
        choices=lambda: [(code, f"{code} · {name}") for code, name in insurers_offered()],
        validators=[required()],
    )
    first_day = DayField(_l("First day"), validators=[required()])
    begins_at = ClockField(
        _l("Begins at"),
        validators=[optional()],
        description=_l("Only where the policy prints another time than 0:00."),
    )
    last_day = DayField(
        _l("Last day"), validators=[required()], description=_l("As printed, the day included.")
    )
    ends_at = ClockField(
        _l("Ends at"),
        validators=[optional()],
        description=_l("Only where the policy prints another time than 24:00."),
    )
    signed_on = DayField(_l("Signed on"), validators=[optional()])
    premium = YuanField(_l("Premium (yuan)"), validators=[optional()])
    vehicle_tax = YuanField(
        _l("Vehicle and vessel tax (yuan)"),
        validators=[optional()],
        description=_l("Compulsory policies only."),
    )
    late_fee = YuanField(_l("Late fee of the tax (yuan)"), validators=[optional()])
    tax_exempt = BooleanField(
        _l("Tax exempt, paid elsewhere, or not due"),
    )
    terms = chosen(
        _l("Terms"),
        "terms",
        blank=_l("by the day of signing"),
    )
    absolute_deductible_rate = PercentField(
        _l("Absolute deductible in percent"), validators=[optional()]
    )
    absolute_deductible_amount = YuanField(
        _l("Absolute deductible (yuan)"), validators=[optional()]
    )
    repair_restricted = BooleanField(
        _l("A special agreement restricts where the vehicle is repaired")
    )
    approval_number = TextField(_l("OA approval number"), validators=[optional(), at_most(64)])

    def details(self) -> PolicyDetails:
        """What was filled in."""
        return PolicyDetails(
            kind=self.kind.data,
            begins=instant_of(self.first_day.data, self.begins_at.data),
            ends=end_of(self.last_day.data, self.ends_at.data),
            signed_on=self.signed_on.data,
            premium=self.premium.data,
            vehicle_tax=self.vehicle_tax.data,
            late_fee=self.late_fee.data,
            tax_exempt=self.tax_exempt.data,
            terms=self.terms.data,
            absolute_deductible_rate=self.absolute_deductible_rate.data,
            absolute_deductible_amount=self.absolute_deductible_amount.data,
            repair_restricted=self.repair_restricted.data,
            approval_number=self.approval_number.data,
        )


class RecordForm(PolicyForm):
    """A policy to put on record."""

    policy_number = TextField(_l("Policy number"), validators=[required(), at_most(64)])


def record_form(known: MultiDict[str, str]) -> RecordForm:
    """The form of a new policy, filled with what an address names; it is typed over as need be.

    `line` is `cover,sum,seats`, once for each cover; what cannot be read is left out.
    """
    lines = [line for told in known.getlist("line")[:MOST_LINES] if (line := _line(told))]
    given = {name: known[name] for name in ("kind", "insurer", "approval_number") if name in known}
    days = {name: _day(known.get(name, "")) for name in ("first_day", "last_day")}
    form = RecordForm(data={**given, **days, "lines": lines})
    form.offer_blank(2 if lines else 2 * BLANK_LINES)
    return form


def _line(told: str) -> dict[str, Any] | None:
    cover, insured, seats = (*told.split(","), "", "")[:3]
    if cover not in COVER:
        return None
    money = Decimal(insured) if _PLAIN.fullmatch(insured) else None
    return {
        "cover": cover,
        "sum_insured": money,
        "seats": int(seats) if seats.isdecimal() else None,
    }


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


class EditForm(PolicyForm):
    """A policy to correct, in the version its reader saw."""

    version = HiddenField()


def edit_form(policy: Policy) -> EditForm:
    """The form filled from the policy as it stands."""
    first_day, begins_at = printed_begin(policy.begins)
    last_day, ends_at = printed_end(policy.ends)
    form = EditForm(
        obj=policy,
        data={
            "first_day": first_day,
            "begins_at": begins_at,
            "last_day": last_day,
            "ends_at": ends_at,
        },
    )
    if not form.is_submitted():
        form.insurer.data = policy.insurer.code
    form.offer_blank(2)
    return form


def seen(form: Any) -> int:
    """The version that was seen; 0, which none is, where the field was tampered with."""
    text = str(form.version.data or "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - an integer of the database


class CheckboxesField(SelectMultipleField):
    """Several of some choices, a box for each."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class EndorseForm(Lined):
    """A 批单: lines that end and lines that begin at an instant."""

    version = HiddenField()
    number = TextField(_l("Endorsement number"), validators=[optional(), at_most(64)])
    effective_at = InstantField(_l("Takes effect"), validators=[required()])
    reason = TextAreaField(
        _l("What was changed and why"),
        validators=[required(), Length(max=500, message=_l("At most %(max)d characters."))],
    )
    ended = CheckboxesField(
        _l("Lines that end"),
        coerce=int,
        description=_l("To raise a sum, end its line here and add the same cover below."),
    )

    def endorsing(self) -> Endorsing:
        """What was filled in."""
        return Endorsing(
            effective_at=self.effective_at.data,
            reason=self.reason.data.strip(),
            number=self.number.data,
            added=tuple(self.line_details()),
            ended=frozenset(self.ended.data or ()),
        )


class CancelForm(Form):
    """When a policy ends before its printed end."""

    version = HiddenField()
    cancelled_at = InstantField(
        _l("Cancelled at"),
        validators=[optional()],
        description=_l(
            "At or before its beginning makes it void. Empty takes the cancellation back."
        ),
    )


def line_words(line: CoverLine, label: str, amount: str) -> str:
    """A line as the list of lines to end names it."""
    seats = ngettext("%(num)s seat", "%(num)s seats", line.seats) if line.seats else ""
    return " · ".join(part for part in (label, amount, seats) if part)
