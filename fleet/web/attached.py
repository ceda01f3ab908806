"""Documents from outside that are kept with something: known by their content, never by their name.

The look is taken in a child process (`attached_child.py`) with little memory, little time and an
empty environment. What is given out again is only ever saved, never shown: no browser runs it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from flask import Response, current_app
from flask_babel import gettext as _

from fleet.web.errors import Refusal
from fleet.web.sheets import download

CHILD = Path(__file__).with_name("attached_child.py")
PATIENCE = 60.0
MIMETYPES: Mapping[str, str] = {
    ".pdf": "application/pdf",
    ".ofd": "application/ofd",
    ".xml": "application/xml",
    ".jpg": "image/jpeg",
    ".png": "image/png",
}
LONGEST_NAME = 200
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"


class DocumentRefused(Refusal):
    """A file that is none of the kinds that are kept, or harms who opens it."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    field = "file"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(_why(reason))


class DocumentTooLarge(Refusal):
    """A file larger than an attachment may be."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    field = "file"

    def __init__(self, megabytes: int) -> None:
        super().__init__(_("A document may have %(most)s MB at most.", most=megabytes))


def _why(reason: str) -> str:
    known = {
        "empty": _("The file is empty: it holds 0 bytes."),
        "other_kind": _("Only PDF, OFD, XML, JPEG and PNG are kept; the content decides."),
        "damaged": _("The file is damaged or was cut off. Save it again and send it whole."),
        "two_in_one": _("The file is two files in one. Send the document alone."),
        "inflates": _("The file unpacks to more than may be read."),
        "doctype": _("The file declares a document type, which no invoice needs."),
        "live": _("The file is a page or a drawing that a browser would run. Send the invoice."),
        "too_many_points": _("The picture has too many points. Take a smaller one."),
    }
    return known.get(reason) or _("Reading the file took more memory or time than is allowed.")


def most_bytes() -> int:
    """How large a document may be."""
    return _most_megabytes() * 1024 * 1024


def _most_megabytes() -> int:
    return int(current_app.extensions["fleet_settings"].attachment_limit_mb)


def taken(content: bytes, folder: Path) -> tuple[Path, str]:
    """What is kept of a document and the suffix of its kind; a picture is drawn anew.

    DocumentRefused or DocumentTooLarge otherwise. The path is one in `folder`.
    """
    if len(content) > most_bytes():
        raise DocumentTooLarge(_most_megabytes())
    path, drawn = folder / "received", folder / "drawn"
    path.write_bytes(content)
    said = _ask(path, drawn)
    if said[0] != "is" or said[1] not in MIMETYPES:
        raise DocumentRefused(said[1])
    return (drawn if drawn.exists() else path), said[1]


def _ask(path: Path, drawn: Path) -> list[str]:
    command = [sys.executable, "-I", str(CHILD), str(path.absolute()), str(drawn.absolute())]
    try:
        child = subprocess.run(command, capture_output=True, timeout=PATIENCE, env={}, check=False)
        said: list[str] = json.loads(child.stdout)
    except (subprocess.TimeoutExpired, ValueError):  # it ended without a word: aborted or killed
        return ["refused", "too_much"]
    return said


def named(name: str, suffix: str) -> str:
    """A document's name as people may read it, ending in what it is."""
    stem = Path(name.replace("\\", "/")).stem
    shown = "".join(letter for letter in stem if letter.isprintable()).strip()
    return (shown or "document")[: LONGEST_NAME - len(suffix)] + suffix


def given_out(content: bytes, name: str, mimetype: str) -> Response:
    """A document that the browser saves: not shown, not guessed at, not run where it is opened."""
    answer: Any = download(content, name, mimetype)
    answer.headers["Content-Security-Policy"] = _SANDBOX
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer
