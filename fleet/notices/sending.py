"""The sender: what is queued goes out by mail and chat, for the worker to call again and again.

Like the worker it keeps time by itself: a run that sends for long must not take leases as of
the moment it began.
"""

from __future__ import annotations

import logging
import smtplib
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from datetime import time as clock_time
from typing import TypeVar

from flask import current_app, render_template
from flask_babel import force_locale, ngettext
from flask_babel import gettext as _

from fleet.notices import chat, outbox
from fleet.notices.outbox import Item, Parcel
from fleet.notices.rules import CHAT, MAIL
from fleet.notices.topics import Line, told
from fleet.settings import Settings
from fleet.storage import db, everyone
from fleet.web import mail
from fleet.web.locale import LANGUAGES
from fleet.web.mail import Letter

log = logging.getLogger(__name__)

Made = TypeVar("Made")
MOST_LINES = 200
_CHAT_LINES = 10
_CHAT_BYTES = 1800  # WeCom takes 2048, in UTF-8
_FAILURES_IN_A_ROW = 3
_CLOSING = 421
_TROUBLE = (OSError, smtplib.SMTPException)
# An address the server knows not, or cannot write (SMTPUTF8), or that makes no header.
_ITS_OWN = (
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPDataError,
    smtplib.SMTPNotSupportedError,
    ValueError,
)


def send_due(now: datetime) -> int:
    """Send every digest that is due; answers how many a server took.

    Two processes may run it at once, and one that is killed is made good by the next run: what
    it had claimed is tried again when its lease ends. A server that is down is left alone for a
    while, and never raises here.
    """
    watch = _Watch(now)
    settings = _settings()
    local = now.astimezone(settings.zone)
    opened = local.time() >= clock_time.fromisoformat(settings.digest_time)
    with everyone():
        outbox.gather(now, local.date(), opened=opened)
        return _by_mail(watch) + _by_chat(watch)


class _Watch:
    """The moment of a run: the one it was told, and what has passed since."""

    def __init__(self, now: datetime) -> None:
        self.begun, self.ticks = now, time.monotonic()

    def moment(self) -> datetime:
        """Now."""
        return self.begun + timedelta(seconds=time.monotonic() - self.ticks)


# --------------------------------------------------------------------------------- mail


def _by_mail(watch: _Watch) -> int:
    sent = 0
    if outbox.is_down(MAIL, watch.moment()):
        return sent
    try:
        while some := outbox.due(MAIL, watch.moment()):
            db.session.rollback()
            with mail.connected() as server:
                for digest_id in some:
                    sent += _mail(server, digest_id, watch)
    except _TROUBLE as error:
        log.warning("mail waits, %s fails: %s", _settings().mail_server, error)
        outbox.down(MAIL, watch.moment(), _words(error))
    return sent


def _mail(server: smtplib.SMTP, digest_id: int, watch: _Watch) -> int:
    """Send one digest over an open connection; whether the server took it, as 0 or 1.

    What is wrong with this one is kept with it; what is wrong with the server is raised.
    """
    parcel = outbox.claim(digest_id, watch.moment())
    letter = _worded(parcel, _letter, watch) if parcel else None
    if parcel is None or letter is None:
        return 0
    try:
        mail.post(server, letter)
    except _ITS_OWN as error:
        if _code(error) == _CLOSING:
            outbox.release(parcel)
            raise
        outbox.refused(parcel, watch.moment(), _words(error))
        return 0
    except _TROUBLE:
        outbox.release(parcel)
        raise
    # The server has said yes: mark it before anything else, QUIT included. Whoever dies between
    # the two sends it again, under the same Message-ID.
    outbox.sent(parcel, watch.moment())
    return 1


def _letter(parcel: Parcel) -> Letter:
    settings = _settings()
    base = settings.base_url.rstrip("/")
    with force_locale(_language(parcel)):
        lines = _lines(parcel.items[:MOST_LINES])
        subject, body = (
            _subject(len(parcel.items)),
            render_template(
                "mail/digest.txt",
                name=parcel.name,
                lines=lines,
                count=len(parcel.items),
                more=len(parcel.items) - len(lines),
                base=base,
            ),
        )
    db.session.rollback()  # a topic may have looked something up; nothing stays open meanwhile
    preferences = f"{base}/notices/preferences"
    return Letter(
        to=parcel.email,
        subject=subject,
        body=body,
        message_id=parcel.message_id,
        date=parcel.created_at,
        headers={
            "Auto-Submitted": "auto-generated",
            "Content-Language": _language(parcel).replace("_", "-"),
            "List-Unsubscribe": f"<{preferences}>",
        },
    )


def _code(error: Exception) -> int:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next((code for code, _said in error.recipients.values()), 0)
    return int(getattr(error, "smtp_code", 0))


def _words(error: BaseException) -> str:
    """What a server said, for who looks after it."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "; ".join(f"{code} {said!r}" for code, said in error.recipients.values())
    return f"{type(error).__name__}: {error}"


# --------------------------------------------------------------------------------- chat


def _by_chat(watch: _Watch) -> int:
    """Send the chats that are due; some failures in a row end the run, the next goes on."""
    sent = failed = 0
    while some := outbox.due(CHAT, watch.moment()):
        for digest_id in some:
            parcel = outbox.claim(digest_id, watch.moment())
            if parcel is None:
                continue
            message = _worded(parcel, _message, watch)
            if message is None:
                continue
            if _chat(parcel, *message):
                outbox.sent(parcel, watch.moment())
                sent, failed = sent + 1, 0
            else:
                outbox.refused(parcel, watch.moment(), "the chat service did not take it")
                failed += 1
            if failed == _FAILURES_IN_A_ROW:
                return sent
    return sent


def _chat(parcel: Parcel, title: str, body: str) -> bool:
    address = chat.unlock(parcel.secret) if parcel.secret else None
    return address is not None and chat.write(address, title, body)


def _message(parcel: Parcel) -> tuple[str, str]:
    """Title and text of a chat: the first titles, and where the rest is."""
    base = _settings().base_url.rstrip("/")
    with force_locale(_language(parcel)):
        shown: list[str] = []
        for line, _link in _lines(parcel.items[:_CHAT_LINES]):
            if len("\n".join([*shown, line.title]).encode()) > _CHAT_BYTES:
                break
            shown.append(f"· {line.title}")
        more = len(parcel.items) - len(shown)
        if more:
            shown.append(ngettext("and %(num)s more", "and %(num)s more", more))
        shown.append(_("All of them: %(link)s", link=f"{base}/notices"))
        title = _subject(len(parcel.items))
    db.session.rollback()
    return title, "\n".join(shown)


# ------------------------------------------------------------------------------- shared


def _worded(parcel: Parcel, words: Callable[[Parcel], Made], watch: _Watch) -> Made | None:
    """What a parcel says; None where its topic fails on it, which must not keep others waiting."""
    try:
        return words(parcel)
    except Exception:  # whatever a room's words fail on, the next digest goes out
        log.exception("digest %s cannot be worded", parcel.id)
        db.session.rollback()
        outbox.refused(parcel, watch.moment(), "it cannot be worded; see the log")
        return None


def _lines(items: Sequence[Item]) -> list[tuple[Line, str]]:
    return [(told(item.topic, item.facts), item.link) for item in items]


def _subject(count: int) -> str:
    return ngettext("Fleet insurance: %(num)s notice", "Fleet insurance: %(num)s notices", count)


def _language(parcel: Parcel) -> str:
    chosen = parcel.language or _settings().language
    return chosen if chosen in LANGUAGES else "en"


def _settings() -> Settings:
    found: Settings = current_app.extensions["fleet_settings"]
    return found
