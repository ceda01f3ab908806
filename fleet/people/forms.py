"""Forms about people: a user with grants, a region, a company, a token, a filter."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import FieldList, FormField, PasswordField, SelectField, SubmitField
from wtforms import Form as Rows
from wtforms.validators import ValidationError

from fleet.people.mail import plain_address
from fleet.people.service import Given
from fleet.web.access import ROLES
from fleet.web.forms import CreditCodeField, Form, TextField, at_most, optional, required
from fleet.web.words import choices

EMPTY_ROWS = 2
GROUP = "group"
_SHORTEST = 10


class GrantRow(Rows):
    """One role and where it holds; without a role the row is nothing."""

    role = SelectField(_l("Role"), choices=lambda: choices("role", _("no role")), default="")
    place = SelectField(_l("Where"), validate_choice=False, default=GROUP)


class UserForm(Form):
    """A user's name and grants; the address only of a new one."""

    email = TextField(_l("E-mail address"), validators=[required(), at_most(255)])
    name = TextField(_l("Full name"), validators=[required(), at_most(120)])
    password = PasswordField(
        _l("First password"),
        validators=[optional()],
        description=_l("Leave it empty to let them set their own by mail."),
        render_kw={"autocomplete": "new-password"},
    )
    grants = FieldList(FormField(GrantRow), min_entries=EMPTY_ROWS)
    submit = SubmitField(_l("Save"))

    def offer(self, places: list[tuple[str, str]]) -> None:
        """Offer where a role may hold, and some empty rows."""
        while len(self.grants) < EMPTY_ROWS or self.grants[-1].form.role.data:
            self.grants.append_entry()
        for row in self.grants:
            row.form.place.choices = places

    def validate_email(self, field: Any) -> None:
        if plain_address(field.data or "") is None:
            raise ValidationError(_("This is no e-mail address."))

    def validate_password(self, field: Any) -> None:
        if field.data and len(field.data) < _SHORTEST:
            raise ValidationError(
                _("A password has at least %(length)s characters.", length=_SHORTEST)
            )

    def given(self) -> list[Given]:
        """The grants chosen."""
        rows = [row.form for row in self.grants]
        return [_given(row.role.data, row.place.data) for row in rows if row.role.data in ROLES]


class ChangeUserForm(UserForm):
    """A user who is there: their address stays, and their password is their own."""

    email = None
    password = None


def _given(role: str, place: str | None) -> Given:
    kind, _colon, code = (place or GROUP).partition(":")
    return Given(
        role,
        company=code if kind == "company" else None,
        region=code if kind == "region" else None,
    )


def row_of(given: Given) -> dict[str, str]:
    """A grant as its row shows it."""
    place = GROUP
    if given.company:
        place = f"company:{given.company}"
    elif given.region:
        place = f"region:{given.region}"
    return {"role": given.role, "place": place}


class RegionForm(Form):
    """A region; the code only of a new one."""

    code = TextField(_l("Code"), validators=[required(), at_most(40)])
    name = TextField(_l("Name"), validators=[required(), at_most(120)])
    submit = SubmitField(_l("Save"))


class ChangeRegionForm(RegionForm):
    """A region that is there."""

    code = None


class CompanyForm(Form):
    """A company; the code only of a new one."""

    code = TextField(_l("Code"), validators=[required(), at_most(40)])
    name = TextField(_l("Name"), validators=[required(), at_most(200)])
    region = SelectField(_l("Region"), coerce=int, validators=[required()])
    credit_code = CreditCodeField(
        _l("Unified social credit code"),
        validators=[optional()],
        description=_l("Without it, an invoice that names its buyer is refused."),
    )
    submit = SubmitField(_l("Save"))


class ChangeCompanyForm(CompanyForm):
    """A company that is there."""

    code = None


class TokenForm(Form):
    """A new API token's purpose."""

    name = TextField(
        _l("What the token is for"),
        validators=[required(), at_most(120)],
        description=_l("For example the name of the program that uses it."),
    )
    submit = SubmitField(_l("Make a token"))
