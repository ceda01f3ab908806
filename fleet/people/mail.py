"""Mail of the sign-in: addresses as we take them, and sending without telling who exists."""

from __future__ import annotations

import logging
import re
import smtplib
from typing import Any

from flask_security import EmailValidateException, MailUtil
from flask_security.utils import get_message

from fleet.web.mail import Letter, send
from fleet.words import normalise

log = logging.getLogger(__name__)
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\"<>,;:()\[\]\\]{1,64}@[^@\s\x00-\x1f\"<>,;:()\[\]\\]{1,190}")


def plain_address(text: str) -> str | None:
    """An e-mail address in small letters, or None where the text is none.

    Inner domains such as `fleet.local` are addresses too, which public validators refuse.
    """
    address = normalise(text).lower()
    return address if _ADDRESS.fullmatch(address) else None


class Mail(MailUtil):
    """Flask-Security's mail, sent through the settings' SMTP server."""

    def normalize(self, email: str) -> str:
        """The address as users are found by it."""
        found = plain_address(email)
        if found is None:
            raise EmailValidateException(get_message("INVALID_EMAIL_ADDRESS")[0])
        return found

    def validate(self, email: str) -> str:
        """The address, as `normalize` gives it."""
        return self.normalize(email)

    def send_mail(
        self,
        template: str,
        subject: str,
        recipient: Any,
        sender: Any,
        body: str | None,
        html: str | None,
        **_context: Any,
    ) -> None:
        """Send a text; a server that cannot be reached is our trouble, not the reader's.

        An error shown would tell that the address belongs to a user.
        """
        del html, sender
        try:
            send(Letter(str(recipient), str(subject), body or ""))
        except (OSError, smtplib.SMTPException):
            log.exception("mail %s was not sent", template)
