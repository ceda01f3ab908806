"""The child that looks at a document from outside: what it is by its content, drawn anew or not.

Run by `attached.py` as a script of its own: `python -I attached_child.py PATH OUT`. It imports
nothing of ours but the limits of `reading_child.py` beside it, limits itself as that one does, and
writes one line of JSON: `["is", suffix]` or `["refused", code]`. A picture is written to OUT anew,
without what else stood in the file; of the others OUT is not written.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any
from xml.parsers import expat

MOST_PIXELS = 50_000_000
JPEG_QUALITY = 90
LAST_BYTES = 1024
PICTURES = {b"\xff\xd8\xff": ("JPEG", ".jpg"), b"\x89PNG\r\n\x1a\n": ("PNG", ".png")}
MODES = ("L", "RGB", "RGBA")
_LIVE = frozenset({"svg", "html", "script", "iframe", "object", "embed"})
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def _beside(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None  # noqa: S101 - the file stands beside this one
    assert spec.loader is not None  # noqa: S101 - as above
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reading = _beside("reading_child")


class Refused(Exception):
    """The file is none of the kinds that are kept; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def look(path: Path, out: Path) -> str:
    """What a file is, as the suffix of its kind; a picture is drawn anew to `out`."""
    content = path.read_bytes()
    if not content:
        raise Refused("empty")
    for start, (form, suffix) in PICTURES.items():
        if content.startswith(start):
            draw(path, out, form)
            return suffix
    if content.startswith(b"%PDF-"):
        check_pdf(path, content)
        return ".pdf"
    if content.startswith(b"PK\x03\x04"):
        check_ofd(path)
        return ".ofd"
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        check_xml(content)
        return ".xml"
    raise Refused("other_kind")


def draw(path: Path, out: Path, form: str) -> None:
    """Write a picture's points to a new file: no place, no device, nothing hung on at its end."""
    from PIL import Image, ImageOps  # noqa: PLC0415 - only for pictures

    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=[form]) as picture:
            turned = ImageOps.exif_transpose(picture)
            mode = turned.mode if turned.mode in MODES else "RGBA" if form == "PNG" else "RGB"
            clean = turned.convert("RGB" if (form, mode) == ("JPEG", "RGBA") else mode)
            clean.info = {}
            clean.save(out, form, **({"quality": JPEG_QUALITY} if form == "JPEG" else {}))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Refused("too_many_points") from error
    except (OSError, SyntaxError, ValueError, EOFError, zlib.error) as error:
        raise Refused("damaged") from error


def check_pdf(path: Path, content: bytes) -> None:
    """Refuse a PDF that was cut off, or that is an archive too."""
    if b"%%EOF" not in content[-LAST_BYTES:]:
        raise Refused("damaged")
    if zipfile.is_zipfile(path):
        raise Refused("two_in_one")


def check_ofd(path: Path) -> None:
    """Refuse an archive that is no OFD, unpacks to too much, or holds more than its entries."""
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryFile() as spool:
            names = archive.namelist()
            _check_names(names)
            begins = min(entry.header_offset for entry in archive.infolist())
            if begins != 0 or path.stat().st_size != _end_of(archive):
                raise Refused("two_in_one")
            for part in reading.inflated(archive, spool):
                is_xml = part.name.lower().endswith(".xml")
                if is_xml and reading.declares_type(part.bytes(spool)):
                    raise Refused("doctype")
    except reading.Unreadable as error:
        raise Refused("inflates" if error.code != "damaged" else "damaged") from error
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise Refused("damaged") from error
    except RuntimeError as error:  # zipfile's word for an encrypted entry
        raise Refused("damaged") from error


def _check_names(names: list[str]) -> None:
    if "OFD.xml" not in names:
        raise Refused("other_kind")
    if len(names) != len(set(names)) or any(_leads_out(name) for name in names):
        raise Refused("damaged")


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name


def _end_of(archive: zipfile.ZipFile) -> int:
    """Where the archive says that it ends: its directory, its end record, its comment."""
    end_record = 22
    entries = archive.infolist()
    size = sum(
        46 + len(e.filename.encode("utf-8" if e.flag_bits & 0x800 else "cp437"))
        + len(e.extra) + len(e.comment)
        for e in entries
    )  # fmt: skip
    return archive.start_dir + size + end_record + len(archive.comment)


def check_xml(content: bytes) -> None:
    """Refuse XML that declares a document type, is a page or a drawing, or asks for a style."""
    if _DOCTYPE.search(content.replace(b"\0", b"")):
        raise Refused("doctype")
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_declared: _refuse("doctype")
    parser.StartElementHandler = _element
    parser.ProcessingInstructionHandler = lambda *_told: _refuse("live")
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat takes no keywords
    except expat.ExpatError as error:
        raise Refused("damaged") from error


def _element(tag: str, _attributes: dict[str, str]) -> None:
    if tag.rpartition(":")[2].lower() in _LIVE:
        raise Refused("live")


def _refuse(code: str) -> None:
    raise Refused(code)


def main(path: Path, out: Path) -> None:
    """Say what a file is."""
    try:
        said = ["is", look(path, out)]
    except Refused as found:
        said = ["refused", found.code]
    except MemoryError:
        said = ["refused", "too_much"]
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    reading.limit()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
