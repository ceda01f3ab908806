"""What the keeping of policies does not do, one class for each reason."""

from __future__ import annotations

from flask_babel import gettext as _

from fleet.web.errors import Refusal
from fleet.web.words import label


class NumberTaken(Refusal):
    """The policy number is on record already, in whichever company."""

    field = "policy_number"

    def __init__(self, number: str) -> None:
        super().__init__(_("The policy %(number)s is on record already.", number=number))


class EndsBeforeItBegins(Refusal):
    """The policy's end is not later than its beginning."""

    field = "ends"

    def __init__(self) -> None:
        super().__init__(_("The policy must end later than it begins."))


class CoverTwice(Refusal):
    """Two lines of one policy carry the same cover at the same time."""

    field = "lines"

    def __init__(self, cover: str) -> None:
        words = label("cover", cover)
        super().__init__(_("%(cover)s stands twice in the policy at the same time.", cover=words))


class LineOutsidePolicy(Refusal):
    """A line begins before its policy, ends after it, or never runs."""

    field = "lines"

    def __init__(self, cover: str) -> None:
        words = label("cover", cover)
        super().__init__(
            _("%(cover)s must begin before it ends, inside the policy's period.", cover=words)
        )


class LineIncomplete(Refusal):
    """A line lacks the sum insured or the seats that its cover is judged by."""

    field = "lines"

    def __init__(self, cover: str, *, seats: bool) -> None:
        words = label("cover", cover)
        super().__init__(
            _("%(cover)s needs the number of seats.", cover=words)
            if seats
            else _("%(cover)s needs the sum insured.", cover=words)
        )


class OutsidePolicy(Refusal):
    """An endorsement takes effect while its policy does not run."""

    field = "effective_at"

    def __init__(self) -> None:
        super().__init__(_("An endorsement takes effect inside the policy's period."))


class NothingEndorsed(Refusal):
    """An endorsement that adds, changes and ends no line."""

    field = "lines"

    def __init__(self) -> None:
        super().__init__(_("Add or end at least one line."))


class LineNotRunning(Refusal):
    """An endorsement can only end a line that has begun before it and has not ended."""

    field = "ended"

    def __init__(self, cover: str) -> None:
        words = label("cover", cover)
        super().__init__(_("%(cover)s does not run at that moment.", cover=words))


class CancelledAfterEnd(Refusal):
    """A cancellation at or after the printed end has no effect."""

    field = "cancelled_at"

    def __init__(self) -> None:
        super().__init__(_("The policy has ended by then; there is nothing to cancel."))
