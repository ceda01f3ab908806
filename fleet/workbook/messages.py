"""What is wrong with a row, in words: what was found is beside it, here is what is asked."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from fleet.web.words import VOCABULARIES
from fleet.workbook.columns import FORMS

WORDS: Mapping[str, LazyString] = {
    # sheets and headings
    "column_missing": _l("The sheet lacks this column; it is required."),
    "column_twice": _l("Two columns have this heading."),
    "column_unknown": _l("This column is not one of the workbook's; it was not read."),
    "sheet_unknown": _l("This sheet is not one of the workbook's; it was not read."),
    "sheet_twice": _l("Two sheets are this sheet of the workbook; only one may be."),
    "not_your_sheet": _l("Only those who look after the whole group may write this sheet."),
    **VOCABULARIES["cell_wrong"],  # one cell
    "lost_zeros": _l(
        "Unknown; %(asked)s is known. Leading zeros were lost or added: "
        "format the column as text and enter it again."
    ),
    # rows together
    "duplicate": _l("Stands in row %(asked)s already."),
    "unknown": _l("Neither the workbook nor the records know this code."),
    "unknown_type": _l("There is no such vehicle type. One of these is asked: %(asked)s."),
    "refers_to_refused": _l("Refers to a row that is refused: %(asked)s."),
    "not_yours": _l("On record already, and not yours to change."),
    "not_your_region": _l("Only the desk of this region designates its insurers."),
    "until_not_after_since": _l("Must be later than the day or instant in since: %(asked)s."),
    "ends_not_after_begins": _l("The policy must end after it begins: %(asked)s."),
    "overlaps": _l("The period overlaps with that of row %(asked)s."),
    "overlaps_recorded": _l("The period overlaps with the one on record from %(asked)s."),
    "pool_designated": _l("A mutual pool cannot be designated (4.1)."),
    "is_designated": _l("This insurer is designated; a mutual pool cannot be (4.1)."),
    "sum_required": _l("This cover needs its sum insured."),
    "seats_required": _l("This line needs its number of seats."),
    "driver_counts": _l("An undivided line counts the driver: 1 seat or more is asked."),
    "cover_twice": _l("The policy has this cover over the same days in row %(asked)s already."),
    # worth a look, and no obstacle
    "plate_form": _l("This is not a plate of the usual form; it was kept as it stands."),
    "vin_check_digit": _l("The check digit (position 9) does not fit; look for a slip."),
    "latest_holder": _l("The latest holder is %(asked)s."),
    "one_driver": _l("A driver's line covers one seat; it was read as 1."),
    "line_outside": _l("The line lies wholly outside the policy's period."),
    "cover_unknown": _l("Not a cover known here; it counts as an optional one (2.7)."),
}


def say(code: str, asked: str = "") -> str:
    """The words of a problem in the reader's language."""
    if code == "refers_to_refused":
        asked = _place(asked)
    return str(WORDS[code]) % {"asked": asked}


def _place(asked: str) -> str:
    """A row of a sheet in words, told as `vehicles 2`."""
    sheet, _blank, row = asked.partition(" ")
    return _("%(sheet)s, row %(row)s", sheet=FORMS[sheet].label, row=row)
