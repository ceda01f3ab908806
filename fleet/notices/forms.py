"""The forms of notices: the ways in which one is told, and a snooze."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField

from fleet.web.forms import DayField, Form, TextField, at_most, optional, required


class PreferenceForm(Form):
    """Mail, chat, and where the chat is; an address on record is never shown again."""

    mail = BooleanField(_l("Mail"))
    chat = BooleanField(_l("Chat"))
    address = TextField(
        _l("Address of the chat robot"),
        validators=[optional(), at_most(300)],
        description=_l(
            "The webhook address that WeCom, DingTalk, Feishu or Lark shows for a robot. It is "
            "kept encrypted and not shown again."
        ),
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )


class SnoozeForm(Form):
    """Why and until when one does not want to hear of something."""

    reason = TextField(_l("Reason"), validators=[required(), at_most(500)])
    until = DayField(
        _l("Tell me again from"),
        validators=[required()],
        description=_l("At most 30 days ahead."),
    )
