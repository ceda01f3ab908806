"""The company's forms: what is asked of the insurer, the OA's approval, why it is withdrawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import BooleanField, Field, TextAreaField
from wtforms.validators import Length, ValidationError

from fleet.renewals.rules import DRIVER, OTHER, PASSENGERS, AskedLine
from fleet.renewals.service import Approved, Prepared
from fleet.vehicles.forms import Guarded
from fleet.web import clock
from fleet.web.forms import (
    DayField,
    Form,
    TextField,
    YuanField,
    at_most,
    chosen,
    optional,
    required,
)
from fleet.web.furniture import yuan
from fleet.web.words import COVER, label

# Parts of damage, or of occupant liability by its two lines: no covers to choose of their own.
_NO_CHOICE = {"occupants", "excess_waiver", "designated_repair", "absolute_deductible"}
# Bought without a sum of their own.
_NO_SUM = {"wheel", "roadside"}


class AtLeast:
    """The sum may be raised over what the rule asks, never lowered."""

    def __init__(self, line: AskedLine, clause: str) -> None:
        """Keep what the rule asks of the cover."""
        self.line, self.clause = line, clause

    def __call__(self, _form: Form, field: Field) -> None:
        """Refuse a lower sum."""
        least = self.line.sum_insured
        if least is not None and field.data is not None and field.data < least:
            raise ValidationError(
                _(
                    "The rule asks for %(least)s or more (clause %(clause)s).",
                    least=yuan(least),
                    clause=self.clause,
                )
            )


class PrepareForm(Guarded):
    """What a company asks for; `prepare_form` adds the covers of the vehicle."""

    asked_from = DayField(
        _l("First day of the cover"),
        validators=[required()],
        description=_l("A day after the one offered leaves the vehicle uncovered until then."),
    )
    contact = TextField(
        _l("Whom the desk may call"),
        validators=[optional(), at_most(120)],
        description=_l("Name and telephone number."),
    )
    note = TextAreaField(
        _l("Note for the desk"),
        validators=[optional(), Length(max=500, message=_l("At most %(max)d characters."))],
    )
    must: Sequence[AskedLine] = ()
    may: Sequence[str] = ()

    def validate_asked_from(self, field: DayField) -> None:
        """Cover cannot be bought for the past."""
        if field.data is not None and field.data < clock.today():
            raise ValidationError(_("Cover cannot begin in the past."))

    def musts(self) -> list[tuple[AskedLine, Field]]:
        """The covers of the rule, each with the field of its sum."""
        return [(line, self[f"sum_{line.cover}"]) for line in self.must]

    def choices(self) -> list[tuple[Field, Field | None]]:
        """The covers to choose, each with its box and the field of its sum."""
        return [(self[f"ask_{cover}"], self._sum(cover)) for cover in self.may]

    def prepared(self) -> Prepared:
        """What was filled in."""
        lines = [replace(line, sum_insured=field.data) for line, field in self.musts()]
        chosen = [cover for cover in self.may if self[f"ask_{cover}"].data]
        for cover in chosen:
            field = self._sum(cover)
            lines.append(AskedLine(cover, field.data if field else None))
        return Prepared(
            lines=tuple(lines),
            asked_from=self.asked_from.data,
            contact=self.contact.data,
            note=(self.note.data or "").strip() or None,
        )

    def _sum(self, cover: str) -> Field | None:
        field: Field | None = self._fields.get(f"sum_{cover}")
        return field


def prepare_form(
    kind: str,
    must: Sequence[AskedLine],
    filled: Iterable[AskedLine],
    clauses: Mapping[str, str],
    **values: Any,
) -> PrepareForm:
    """A form with a field for each cover of the rule (`must`) and each that may be chosen (2.7).

    `filled` are the sums to begin with; `values` those of the other fields.
    """
    may = _to_choose(must) if kind == "commercial" else []
    fields = {f"sum_{line.cover}": _must_field(line, clauses[line.cover]) for line in must}
    fields |= {f"ask_{cover}": BooleanField(label("cover", cover)) for cover in may}
    fields |= {
        f"sum_{cover}": YuanField(
            _("%(cover)s: sum insured (yuan)", cover=label("cover", cover)),
            validators=[optional()],
        )
        for cover in may
        if cover not in _NO_SUM
    }
    made = type("PrepareForm", (PrepareForm,), fields | {"must": tuple(must), "may": tuple(may)})
    for line in filled:
        values |= {f"sum_{line.cover}": line.sum_insured, f"ask_{line.cover}": True}
    form: PrepareForm = made(data=values)
    return form


def _to_choose(must: Sequence[AskedLine]) -> list[str]:
    asked = {line.cover for line in must} | {DRIVER, PASSENGERS} | _NO_CHOICE
    return [cover for cover in COVER if cover not in asked]


def _must_field(line: AskedLine, clause: str) -> YuanField:
    if line.sum_insured is None:
        return YuanField(
            label("cover", line.cover),
            validators=[optional()],
            description=_("Empty: as the insurer values the vehicle."),
        )
    words = _("%(least)s yuan or more.", least=yuan(line.sum_insured))
    if line.seats:
        words = ngettext(
            "%(least)s yuan or more, for %(num)s seat.",
            "%(least)s yuan or more, for each of %(num)s seats.",
            line.seats,
            least=yuan(line.sum_insured),
        )
    return YuanField(
        label("cover", line.cover),
        validators=[required(), AtLeast(line, clause)],
        description=words,
    )


class ApproveForm(Form):
    """The OA's approval, typed in."""

    number = TextField(
        _l("OA number"),
        validators=[required(), at_most(64)],
        description=_l("As the office system shows it."),
    )
    decided_on = DayField(_l("Approved on"), validators=[required()])
    approver = TextField(_l("Approved by"), validators=[required(), at_most(120)])

    def approved(self) -> Approved:
        """What was filled in."""
        day: date = self.decided_on.data
        return Approved(self.number.data, day, self.approver.data)


class WithdrawForm(Form):
    """Why a vehicle is not insured further."""

    withdrawn_for = chosen(_l("Why"), "withdrawn_for", blank=_l("choose"), validators=[required()])
    reason = TextAreaField(
        _l("In words"),
        validators=[Length(max=500, message=_l("At most %(max)d characters."))],
        description=_l("Asked for where it is another reason."),
    )

    def validate_reason(self, field: TextAreaField) -> None:
        """Another reason is told in words."""
        if self.withdrawn_for.data == OTHER and not (field.data or "").strip():
            raise ValidationError(_("Say why in words."))

    @property
    def told(self) -> str | None:
        """The reason in words."""
        return (self.reason.data or "").strip() or None
