"""The OA of the tests: it signs what it says, as `docs/oa-callback.md` tells."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import select

from fleet.renewals.hearing import Approved
from fleet.renewals.moving import Outcome
from fleet.renewals.oa import signature_of
from fleet.renewals.service import approve
from fleet.renewals.tables import CoverRequest, RequestMove
from fleet.settings import Settings
from fleet.storage import db, everyone
from fleet.storage.history import HistoryEntry
from tests import forks
from tests.conftest import SECRET
from tests.pages import PageClient
from tests.renewals.records import BY, vehicle

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

    from werkzeug.test import TestResponse

ADDRESS = "/api/v1/approvals"
NOW = datetime(2026, 3, 2, 4, tzinfo=UTC)
DAY = "2026-03-02"


def said(*requests: Any, **changes: Any) -> dict[str, Any]:
    """What the OA says: an approval of requests, unless told otherwise; None leaves out."""
    word = {
        "number": "OA-1",
        "event": "approved",
        "decided_on": DAY,
        "approver": "Demo Approver",
        "requests": list(requests) or None,
    } | changes
    return {name: value for name, value in word.items() if value is not None}


def headers(
    body: bytes, *, nonce: str | None = None, shift: int = 0, secret: str = SECRET
) -> dict[str, str]:
    """The headers of a call signed `shift` seconds from now."""
    timestamp = str(int(datetime.now(UTC).timestamp()) + shift)
    nonce = nonce or uuid4().hex
    return {
        "X-Fleet-Timestamp": timestamp,
        "X-Fleet-Nonce": nonce,
        "X-Fleet-Signature": signature_of(secret, timestamp, nonce, body),
    }


def call(client: PageClient, word: Any, **signing: Any) -> TestResponse:
    """The answer to a signed call; `word` is said as JSON, or sent as it is where it is bytes."""
    body = word if isinstance(word, bytes) else json.dumps(word).encode()
    return client.post(
        ADDRESS, data=body, content_type="application/json", headers=headers(body, **signing)
    )


def request(serial: int = 1, state: str = "prepared", kind: str = "commercial") -> int:
    """A request of a vehicle of its own, in a state; answers its id."""
    made = CoverRequest(
        vehicle=vehicle(serial),
        kind=kind,
        occasion="new",
        expiry_day=datetime(2026, 3, 10, tzinfo=UTC).date(),
        opens_on=NOW.date(),
        opened_on=NOW.date(),
        state=state,
    )
    db.session.add(made)
    db.session.commit()
    return made.id


def rows(*left_out: str) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, those of some tables left out."""
    db.session.rollback()
    return {
        table.name: sorted(map(tuple, db.session.execute(select(table)).all()), key=repr)
        for table in db.metadata.sorted_tables
        if table.name not in left_out
    }


def state(id_: int) -> str:
    db.session.rollback()
    return db.session.get_one(CoverRequest, id_).state


def verbs() -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(HistoryEntry.verb)))


def moves(id_: int) -> list[tuple[str, str | None, str]]:
    db.session.rollback()
    found = select(RequestMove).where(RequestMove.request_id == id_).order_by(RequestMove.id)
    return [(one.move, one.before, one.after) for one in db.session.scalars(found)]


# A word, and the nonce it is signed with; none where a person types it in.
Said = tuple[dict[str, Any], str]


def race(settings: Settings, rounds: list[tuple[Said, Said]]) -> list[list[int]]:
    """Make two calls at the same moment, round by round; answers each round's statuses."""
    told = [(settings, [one[i] for one in rounds]) for i in range(2)]
    return [sorted(one) for one in zip(*forks.at_once(_call, told), strict=True)]


def _call(settings: Settings, words: list[Said], start: Barrier, answers: Any) -> None:
    from app import create_app
    from fleet.renewals import callback, service

    # Between looking and writing, where another process could come in.
    callback.hear_within = _lingering(callback.hear_within, before=0.3)
    service.typed_in = _lingering(service.typed_in, after=1)
    app = create_app(settings)
    client = app.test_client()
    came_to: list[int] = []
    for word, nonce in words:
        start.wait()
        if nonce:
            came_to.append(call(client, word, nonce=nonce).status_code)
        else:
            with app.app_context(), everyone():
                came_to.append(len(_type_in(word).moved))
    answers.put(came_to)


def _lingering(look: Callable[..., Any], before: float = 0, after: float = 0) -> Callable[..., Any]:
    def lingering(*args: Any, **options: Any) -> Any:
        time.sleep(before)
        found = look(*args, **options)
        time.sleep(after)
        return found

    return lingering


def _type_in(word: dict[str, Any]) -> Outcome:
    """Let a person type in what the OA said."""
    day = date.fromisoformat(word["decided_on"])
    typed = Approved(word["number"], day, word["approver"])
    return approve(word["requests"], typed, by=BY, at=datetime.now(UTC))
