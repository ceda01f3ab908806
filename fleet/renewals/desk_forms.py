"""The desk's forms: one step over many requests, what an insurer expects, its answer."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from wtforms import HiddenField, SelectField, TextAreaField
from wtforms.validators import Length, ValidationError

from fleet.web.forms import Form, TextField, YuanField, at_most, optional, required

ACCEPT, RETURN, PLACE, TAKE_BACK = "accept", "return", "place", "take_back"
STEPS = (ACCEPT, RETURN, PLACE, TAKE_BACK)
MOST_AT_ONCE = 1_000


def _short() -> Length:
    return Length(max=500, message=_l("At most %(max)d characters."))


class StepForm(Form):
    """A step over the requests that are ticked; each button of the page says which step."""

    step = HiddenField()
    return_reason = TextAreaField(_l("What the company is to mend"), validators=[_short()])
    insurer = SelectField(_l("Insurer, designated today"), validate_choice=False)
    note = TextField(_l("Note for the placement"), validators=[optional(), at_most(500)])
    take_back_reason = TextAreaField(_l("Why it is taken back"), validators=[_short()])

    def offer(self, insurers: Sequence[tuple[str, str]]) -> None:
        """Offer the insurers designated today where the desk is."""
        self.insurer.choices = [("", _("Choose an insurer")), *insurers]

    def validate_return_reason(self, field: TextAreaField) -> None:
        """A return says what is to be mended."""
        self._asked_by(RETURN, field, _("Say what the company is to mend."))

    def validate_take_back_reason(self, field: TextAreaField) -> None:
        """A taking back says why."""
        self._asked_by(TAKE_BACK, field, _("Say why it is taken back."))

    def validate_insurer(self, field: SelectField) -> None:
        """A placement names an insurer that was offered."""
        if self.step.data == PLACE:
            offered = {code for code, _words in field.choices or () if code}
            if field.data not in offered:
                raise ValidationError(_("Choose an insurer."))

    def _asked_by(self, step: str, field: TextAreaField, words: str) -> None:
        if self.step.data == step and not (field.data or "").strip():
            raise ValidationError(words)


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
