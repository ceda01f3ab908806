"""The one way mail leaves: plain text in UTF-8 through the settings' SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from flask import current_app

from fleet.settings import Settings

SECONDS = 10


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail before it is sent; with `message_id` and `date` it can be sent again as the same."""

    to: str
    subject: str
    body: str
    message_id: str | None = None
    date: datetime | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def message(self, sender: str) -> EmailMessage:
        """The mail as it goes over the wire; ValueError where a header holds a line break."""
        made = EmailMessage(policy=SMTP)
        made["From"], made["To"], made["Subject"] = sender, self.to, self.subject
        if self.message_id:
            made["Message-ID"] = self.message_id
        if self.date:
            made["Date"] = format_datetime(self.date)
        # The body first: it takes away every header about the content that is there already.
        made.set_content(self.body, charset="utf-8", cte="base64")
        for name, value in self.headers.items():
            made[name] = value
        return made


def send(letter: Letter) -> None:
    """Send one letter; raises OSError or SMTPException where the server does not take it."""
    with connected() as server:
        post(server, letter)


def post(server: smtplib.SMTP, letter: Letter) -> None:
    """Hand a letter to a connected server, which has taken it when this returns."""
    server.send_message(letter.message(_settings().mail_sender), to_addrs=[letter.to])


@contextmanager
def connected() -> Iterator[smtplib.SMTP]:
    """A connection to the settings' server, signed in where they say so; ten seconds a step."""
    settings = _settings()
    tls = ssl.create_default_context()
    address = settings.mail_server, int(settings.mail_port)
    if settings.mail_tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(*address, timeout=SECONDS, context=tls)
    else:
        server = smtplib.SMTP(*address, timeout=SECONDS)
    with server:
        if settings.mail_tls == "starttls":
            server.starttls(context=tls)
        if settings.mail_user:
            server.login(settings.mail_user, settings.mail_password)
        yield server


def _settings() -> Settings:
    found: Settings = current_app.extensions["fleet_settings"]
    return found
