"""A real mail server on loopback that keeps what it takes, and tellings for the tests."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller
from flask import Flask, current_app
from flask_babel import gettext as _

from fleet.notices.service import Telling, tell
from fleet.notices.topics import Line, offer_topic
from fleet.storage import act, db
from tests import cast

DAY = date(2026, 3, 2)
MORNING = datetime(2026, 3, 2, 1, tzinfo=UTC)  # nine o'clock of the company
WHO = {"by": cast.SYSTEM, "at": MORNING}


class Mailbox:
    """An SMTP handler: it keeps every mail, and refuses the addresses told."""

    def __init__(self, refused: tuple[str, ...] = ()) -> None:
        self.refused, self.mails = refused, list[EmailMessage]()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - as above
        self.mails.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def by_id(self) -> Counter[str]:
        return Counter(str(mail["Message-ID"]) for mail in self.mails)

    def to(self, name: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if mail["To"] == f"{name}@cast.example"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(mailbox: Mailbox, port: int) -> Iterator[Mailbox]:
    """The mail server, up for the length of a block; it writes plain addresses only."""
    server = Controller(mailbox, hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
    server.start()
    try:
        yield mailbox
    finally:
        server.stop()


def set_up(app: Flask, **settings: str) -> None:
    """Give an application other settings, and the words of a topic."""
    app.extensions["fleet_settings"] = replace(app.extensions["fleet_settings"], **settings)
    offer_topic(app, "due", due)


def due(facts: Any) -> Line:
    return Line(_("Vehicles") + " " + facts.get("plate", "-"), facts.get("text", ""))


def say(*tellings: Telling, day: date = DAY, at: datetime = MORNING) -> None:
    with act("tell", **WHO):
        tell(tellings, at=at, day=day)


def about(person: int, number: int, occasion: str = "rung:-15", **more: Any) -> Telling:
    return Telling(
        f"request:{number}", occasion, person, "due", {"plate": f"京A{number:05}"}, **more
    )


def settings() -> Any:
    return current_app.extensions["fleet_settings"]


def fresh() -> None:
    db.session.rollback()
