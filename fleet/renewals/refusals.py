"""Why a move of a request is not made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from http import HTTPStatus

from flask_babel import gettext as _

from fleet.renewals.oa import WINDOW_SECONDS
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


class ApprovedElsewhere(Refusal):
    """The OA refused or took back a number, and the request stands under another."""

    def __init__(self, number: str) -> None:
        super().__init__(_("Another approval carries it: %(number)s.", number=number))


class LaterWord(Refusal):
    """The OA said something else of the number since."""

    def __init__(self, state: str, decided_on: date) -> None:
        super().__init__(
            _(
                "The OA's later word stands: %(state)s on %(day)s.",
                state=label("approval_state", state),
                day=decided_on.isoformat(),
            )
        )


class PlacedAlready(Refusal):
    """The OA took back what is placed with an insurer."""

    def __init__(self) -> None:
        super().__init__(
            _("It is placed already; the desk has to take it back from the insurer itself.")
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


# The OA's calls


class OaClosed(Refusal):
    """No secret is shared with the OA, so that nobody can be believed to be it."""

    status = HTTPStatus.FORBIDDEN

    def __init__(self) -> None:
        super().__init__(_("The OA's calls are not taken here: FLEET_OA_SECRET is not set."))


class NotTheOa(Refusal):
    """A call lacks a signature, or has one that does not fit."""

    status = HTTPStatus.UNAUTHORIZED
    challenge = "Fleet-Signature"


class Unsigned(NotTheOa):
    """A header of the signature is missing or cannot be one."""

    def __init__(self) -> None:
        super().__init__(
            _("The headers X-Fleet-Timestamp, X-Fleet-Nonce and X-Fleet-Signature are asked for.")
        )


class BadSignature(NotTheOa):
    """The signature does not fit timestamp, nonce and body under any secret."""

    def __init__(self) -> None:
        super().__init__(_("The signature does not fit this timestamp, nonce and body."))


class StaleCall(NotTheOa):
    """The call was signed too long ago, or its clock is wrong."""

    def __init__(self) -> None:
        super().__init__(
            _(
                "The timestamp is more than %(seconds)s seconds from this server's clock.",
                seconds=WINDOW_SECONDS,
            )
        )


class NonceUsed(Refusal):
    """A signed call with this nonce came before."""

    def __init__(self) -> None:
        super().__init__(_("A call with this nonce was taken already. Sign anew to repeat it."))


class CallTooLarge(Refusal):
    """The body is larger than any decision of the OA."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, most: int) -> None:
        super().__init__(_("The body is larger than %(most)s bytes.", most=most))


class CallUnreadable(Refusal):
    """The signed body is no JSON, or says what cannot be."""

    def __init__(self, errors: Mapping[str, object] | None = None) -> None:
        self.errors = errors
        self.status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.BAD_REQUEST
        super().__init__(_("The body cannot be read as a decision of the OA."))


class NoneKnown(Refusal):
    """Of the requests that the OA names there is none."""

    status = HTTPStatus.NOT_FOUND

    def __init__(self) -> None:
        super().__init__(_("None of these requests is known here."))


# Many in one step


class NothingChosen(Refusal):
    """A step over many was asked of none."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self) -> None:
        super().__init__(_("No request was chosen. Tick those you mean, then choose again."))


class TooManyChosen(Refusal):
    """A step over more requests than one transaction should hold."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, most: int) -> None:
        super().__init__(_("At most %(most)s requests are moved in one step.", most=most))
