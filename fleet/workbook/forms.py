"""The forms of the import pages."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired

from fleet.web.forms import Form


class UploadForm(Form):
    """A workbook to check."""

    file = FileField(
        _l("Workbook (.xlsx)"),
        validators=[FileRequired(_l("Choose a file."))],
        render_kw={"accept": ".xlsx", "required": True},
    )
