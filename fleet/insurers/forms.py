"""The forms of insurers and designations."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from wtforms import HiddenField, SelectField

from fleet.insurers.service import InsurerDetails
from fleet.insurers.tables import INSURER, Insurer
from fleet.storage import db
from fleet.web.forms import DayField, Form, TextField, at_most, chosen, optional, required


def insurer_choices() -> list[tuple[str, str]]:
    """Every insurer; a mutual-aid pool cannot be designated and is not offered."""
    found = select(Insurer.code, Insurer.name).where(Insurer.kind == INSURER)
    rows = db.session.execute(found.order_by(Insurer.code))
    return [(code, f"{code} · {name}") for code, name in rows]


class InsurerForm(Form):
    """An issuer of policies."""

    name = TextField(_l("Name"), validators=[required(), at_most(200)])
    kind = chosen(
        _l("What it is"),
        "insurer_kind",
        description=_l("Paper of a mutual-aid pool counts as no cover at all."),
    )
    hotline = TextField(_l("Hotline"), validators=[optional(), at_most(40)])


class RegisterForm(InsurerForm):
    """An insurer to put on record."""

    code = TextField(_l("Code"), validators=[required(), at_most(40)])

    def details(self) -> InsurerDetails:
        """What was filled in."""
        return InsurerDetails(
            self.code.data, self.name.data, self.kind.data or INSURER, self.hotline.data
        )


class EditForm(InsurerForm):
    """An insurer to change, with what its reader saw."""

    seen_name = HiddenField()
    seen_kind = HiddenField()
    seen_hotline = HiddenField()

    def details(self, code: str) -> InsurerDetails:
        """What was filled in."""
        return InsurerDetails(code, self.name.data, self.kind.data or INSURER, self.hotline.data)

    def seen(self, code: str) -> InsurerDetails:
        """What stood there when the form was opened."""
        hotline = self.seen_hotline.data or None
        return InsurerDetails(code, self.seen_name.data, self.seen_kind.data, hotline)


def edit_form(insurer: Insurer) -> EditForm:
    """The form filled from the insurer as it stands."""
    was = {
        "seen_name": insurer.name,
        "seen_kind": insurer.kind,
        "seen_hotline": insurer.hotline or "",
    }
    return EditForm(obj=insurer, data=was)


class DesignateForm(Form):
    """An insurer that a region's desk chooses (3.1)."""

    region = SelectField(_l("Region"), validators=[required()])
    insurer = SelectField(_l("Insurer"), choices=insurer_choices, validators=[required()])
    since = DayField(_l("Designated from"), validators=[required()])
    until = DayField(
        _l("Until before"),
        validators=[optional()],
        description=_l("The first day no longer designated; empty while it goes on."),
    )


class EndForm(Form):
    """The end of a designation."""

    until = DayField(
        _l("First day no longer designated"),
        validators=[optional()],
        description=_l("Empty lets it go on."),
    )
