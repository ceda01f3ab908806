"""Paper: a template rendered to PDF in a child process that reaches only our own files.

The only font is WenQuanYi Micro Hei: with every font of the system in sight a page takes twice
as long and grows tenfold, and Droid Sans Fallback silently loses every digit.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Response, current_app, render_template
from flask_babel import gettext as _

from fleet.web.errors import Refusal

log = logging.getLogger(__name__)

PATIENCE = 30.0  # seconds for a document; a page takes 0.2
MEMORY = 2 * 1024 * 1024 * 1024
FONT = "WenQuanYi Micro Hei"
FONT_FILES = ("wqy-microhei.ttc", "wqy-microhei.ttf")
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts")

_FONTS_XML = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{font}</dir>
  <cachedir>{cache}</cachedir>
  <match target="pattern">
    <edit name="family" mode="assign" binding="strong"><string>{name}</string></edit>
  </match>
</fontconfig>
"""


class PaperFailed(Refusal):
    """A document took more time or memory than it may, or could not be laid out."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self) -> None:
        super().__init__(_("The document could not be made."))


def render(template: str, **facts: Any) -> bytes:
    """Render a template of `templates/paper/` to a PDF; PaperFailed where that does not end well.

    The template escapes what people typed, as every page does.
    """
    return _in_a_child(_page(template, facts), _static(), _font_config())


def render_together(
    template: str, each: Iterable[dict[str, Any]], told: Callable[[int], None]
) -> bytes:
    """Render a template for each of some facts, to one PDF with the fonts in it once.

    Every one begins on a page of its own and counts its pages from 1. `told` hears how many are
    laid out, and may end it by raising. PaperFailed where one takes too long.
    """
    pages = (_page(template, facts) for facts in each)
    return _bound(pages, told, _static(), _font_config())


def _page(template: str, facts: dict[str, Any]) -> str:
    return render_template(f"paper/{template}.html", **facts)


def _static() -> Path:
    return Path(current_app.root_path) / str(current_app.static_folder or "static")


def pdf_response(name: str, document: bytes) -> Response:
    """A PDF that the browser shows, with the name it would be saved under."""
    answer = Response(document, mimetype="application/pdf")
    answer.headers["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name)}"
    answer.headers["Cache-Control"] = "no-store"
    return answer


# The child


def _in_a_child(html: str, static: Path, fonts: Path | None) -> bytes:
    return _bound([html], lambda _count: None, static, fonts)


def _bound(
    pages: Iterable[str], told: Callable[[int], None], static: Path, fonts: Path | None
) -> bytes:
    """The document, made by a forked process: what it costs or breaks stays its own.

    Three hundred nested blocks overflow the stack, and a table may take half a minute. Each
    page of HTML has PATIENCE to be laid out, and so has the whole to be written.
    """
    import fleet.web.paper_child  # noqa: F401, PLC0415 - here once, not in every child anew

    forking = multiprocessing.get_context("fork")
    ours, theirs = forking.Pipe()
    child = forking.Process(target=_child, args=(theirs, static, fonts), daemon=True)
    child.start()
    theirs.close()
    try:
        for count, html in enumerate(pages, start=1):
            _answer(ours, html)
            told(count)
        made = _answer(ours, "")
    except (EOFError, OSError):
        raise PaperFailed from None
    finally:
        child.kill()
        child.join()
        child.close()
        ours.close()
    return made


def _answer(ours: Connection, html: str) -> bytes:
    """Hand the child one page of HTML, or "" as the last; what it says in time."""
    ours.send_bytes(html.encode())
    if not ours.poll(PATIENCE):
        raise PaperFailed
    return ours.recv_bytes()


def _child(theirs: Connection, static: Path, fonts: Path | None) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if fonts is not None:
        os.environ["FONTCONFIG_FILE"] = str(fonts)
    from fleet.web.paper_child import Binder  # noqa: PLC0415 - its parent imported it

    try:
        binder = Binder(static)
        for html in _handed(theirs):
            _allow_time()
            binder.add(html)
            theirs.send_bytes(b"laid out")
        _allow_time()
        theirs.send_bytes(binder.pdf())
    except Exception:
        log.exception("a document could not be made")
    theirs.close()


def _handed(theirs: Connection) -> Iterator[str]:
    while html := theirs.recv_bytes().decode():
        yield html


def _allow_time() -> None:
    """Give the child PATIENCE of processor time from now on, should its parent be gone."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    seconds = int(used.ru_utime + used.ru_stime + PATIENCE) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, hard))


# The font


def _font_config() -> Path | None:
    """Our fontconfig file in the instance folder, which names the one font."""
    font = _font_folder(FONT_FOLDERS)
    if font is None:
        log.warning("%s is not installed: documents take what the system has", FONT)
        return None
    folder: Path = current_app.extensions["fleet_settings"].folder / "fonts"
    folder.mkdir(parents=True, exist_ok=True)
    path = (folder / "fonts.conf").resolve()
    text = _FONTS_XML.format(font=font, cache=folder.resolve() / "cache", name=FONT)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    return path


def _font_folder(folders: Iterable[str]) -> Path | None:
    for folder in folders:
        for name in FONT_FILES:
            for found in Path(folder).rglob(name):
                return found.parent
    return None
