"""Why a move of a request is not made."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from http import HTTPStatus

from flask_babel import gettext as _

from fleet.web.errors import Refusal
from fleet.web.words import label


class NotFromHere(Refusal):
    """The request stands where the move does not lead on from."""

    def __init__(self, state: str) -> None:
        super().__init__(
            _("The request is in the state “%(state)s”.", state=label("renewal_state", state))
        )


class NotYours(Refusal):
    """There is no such request, or another company's."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self) -> None:
        super().__init__(_("There is no such request here, or it is not yours to see."))


class ApprovalMissing(Refusal):
    """The request needs an approval in the OA before it is submitted (3.2)."""

    def __init__(self) -> None:
        super().__init__(_("It needs an approval in the OA first (clause 3.2)."))


class ApprovalTaken(Refusal):
    """The OA refused or took back what is known by this number."""

    field = "number"

    def __init__(self, number: str) -> None:
        super().__init__(_("The OA did not approve %(number)s, or took it back.", number=number))


class AnotherApproval(Refusal):
    """The number is on record with another day or approver."""

    field = "number"

    def __init__(self, number: str, decided_on: date, approver: str) -> None:
        super().__init__(
            _(
                "%(number)s is on record as approved on %(day)s by %(approver)s.",
                number=number,
                day=decided_on.isoformat(),
                approver=approver,
            )
        )


class InTheFuture(Refusal):
    """A decision is typed in that is not made yet."""

    field = "decided_on"

    def __init__(self) -> None:
        super().__init__(_("This day is still to come."))


class CoversLacking(Refusal):
    """What is asked for falls short of the rule (2.1 to 2.6)."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, covers: Iterable[str]) -> None:
        named = _("; ").join(label("cover", cover) for cover in covers)
        super().__init__(_("The rule asks for more: %(covers)s.", covers=named))


class CoverAskedTwice(Refusal):
    """The same cover is asked for twice."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, cover: str) -> None:
        super().__init__(_("%(cover)s is asked for twice.", cover=label("cover", cover)))


class NotDesignatedHere(Refusal):
    """The insurer is not designated for the request's region on the day (3.1)."""

    field = "insurer"

    def __init__(self, insurer: str, region: str, on: date) -> None:
        super().__init__(
            _(
                "%(insurer)s is not designated for region %(region)s on %(day)s (clause 3.1).",
                insurer=insurer,
                region=region,
                day=on.isoformat(),
            )
        )


class NothingNeeded(Refusal):
    """The vehicle needs no first policy of the kind."""

    def __init__(self) -> None:
        super().__init__(_("This vehicle needs no new request for this kind of policy."))


class RequestOpen(Refusal):
    """An open request stands for the vehicle and kind already."""

    def __init__(self) -> None:
        super().__init__(_("A request for this vehicle and kind is open already."))


class NeedGone(Refusal):
    """The need that was withdrawn stands no more."""

    def __init__(self) -> None:
        super().__init__(_("This cover is not needed any more; there is nothing to take up."))
