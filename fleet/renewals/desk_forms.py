"""The desk's forms: one step over many requests, what an insurer expects, its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString
from flask_wtf.file import FileField, FileRequired
from wtforms import Field, HiddenField, SelectField, TextAreaField
from wtforms.validators import Length, ValidationError

from fleet.web.forms import Form, TextField, YuanField, at_most, optional, required

ACCEPT, RETURN, PLACE, TAKE_BACK = "accept", "return", "place", "take_back"
STEPS = (ACCEPT, RETURN, PLACE, TAKE_BACK)
MOST_AT_ONCE = 1_000


def _short() -> Length:
    return Length(max=500, message=_l("At most %(max)d characters."))


class AskedBy:
    """A step cannot do without the field; the others leave it aside."""

    field_flags: ClassVar = {"required": True}

    def __init__(self, step: str, words: LazyString) -> None:
        self.step = step
        self.words = words

    def __call__(self, form: StepForm, field: Field) -> None:
        """Refuse an empty field where its own step is sent."""
        if form.step.data == self.step and not (field.data or "").strip():
            raise ValidationError(str(self.words))


class StepForm(Form):
    """A step over the requests that are ticked; each button of the page says which step."""

    step = HiddenField()
    return_reason = TextAreaField(
        _l("What the company is to mend"),
        validators=[AskedBy(RETURN, _l("Say what the company is to mend.")), _short()],
    )
    insurer = SelectField(
        _l("Insurer, designated today"),
        validators=[AskedBy(PLACE, _l("Choose an insurer."))],
        validate_choice=False,
    )
    note = TextField(_l("Note for the placement"), validators=[optional(), at_most(500)])
    take_back_reason = TextAreaField(
        _l("Why it is taken back"),
        validators=[AskedBy(TAKE_BACK, _l("Say why it is taken back.")), _short()],
    )

    def offer(self, insurers: Sequence[tuple[str, str]]) -> None:
        """Offer the insurers designated today where the desk is."""
        self.insurer.choices = [("", _("Choose an insurer")), *insurers]


class TakeBackForm(Form):
    """Why requests are taken back from their insurer."""

    reason = TextAreaField(_l("Why it is taken back"), validators=[required(), _short()])


class ExpectForm(Form):
    """The premium and the vehicle tax that the insurer asks for one request."""

    version = HiddenField()
    premium = YuanField(_l("Expected premium"), validators=[optional()])
    tax = YuanField(_l("Expected vehicle tax"), validators=[optional()])


class AnswerForm(Form):
    """The sheet that an insurer sent back."""

    file = FileField(
        _l("Issued policies (.xlsx)"),
        validators=[FileRequired(_l("Choose a file."))],
        render_kw={"accept": ".xlsx", "required": True},
    )
