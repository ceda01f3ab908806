"""Documents to attach, good and hostile, made for the tests."""

from __future__ import annotations

import io
import zipfile

from PIL import Image

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
XML = b'<?xml version="1.0" encoding="UTF-8"?><EInvoice><Total>950</Total></EInvoice>'


def ofd(parts: dict[str, bytes] | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"OFD.xml": XML, "Doc_0/Document.xml": XML, **(parts or {})}.items():
            archive.writestr(name, content)
    return file.getvalue()


def picture(form: str = "JPEG", place: bool = True, size: tuple[int, int] = (40, 30)) -> bytes:
    """A picture that says where it was taken."""
    file = io.BytesIO()
    made = Image.new("RGB", size, (200, 30, 30))
    exif = Image.Exif()
    if place:
        exif[0x010F] = "SECRET PHONE"
    made.save(file, form, exif=exif)
    return file.getvalue()


GOOD = {
    "pdf": (PDF, "application/pdf"),
    "ofd": (ofd(), "application/ofd"),
    "xml": (XML, "application/xml"),
    "jpg": (picture(), "image/jpeg"),
    "png": (picture("PNG"), "image/png"),
}
_BOMB = ofd({f"Doc_0/{n}.bin": b"\0" * 30_000_000 for n in range(4)})
_POINTS = picture("PNG", size=(8000, 7000))
HOSTILE = {
    "nothing": (b"", "0 bytes"),
    "text": (b"an invoice", "Only PDF"),
    "program": (b"MZ\x90\0", "Only PDF"),
    "gif": (b"GIF89a<script>", "Only PDF"),
    "html": (b"<!DOCTYPE html><script>alert(1)</script>", "document type"),
    "html without a type": (b"<html><script>alert(1)</script></html>", "browser"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "browser"),
    "svg within": (b'<a xmlns:s="http://www.w3.org/2000/svg"><s:svg/></a>', "browser"),
    "xml with a style": (b'<?xml-stylesheet href="x"?><a/>', "browser"),
    "entities": (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
    "wide entities": ('<!DOCTYPE a [<!ENTITY b "c">]><a/>'.encode("utf-16"), ""),
    "cut xml": (XML[:-4], "damaged"),
    "cut pdf": (PDF[:-8], "damaged"),
    "cut jpg": (picture(size=(200, 200))[:-300], "damaged"),
    "cut ofd": (ofd()[:-10], "damaged"),
    "pdf behind a page": (b"<html>" + PDF, ""),
    "pdf and archive": (PDF[:-6] + ofd() + b"%%EOF", "two files"),
    "ofd and more": (ofd() + b"<script>", ""),
    "page before an ofd": (b"PK\x03\x04<script>" + ofd(), "two files"),
    "archive": (ofd().replace(b"OFD.xml", b"ODF.xml"), "Only PDF"),
    "ofd bomb": (_BOMB, "unpacks"),
    "ofd with entities": (ofd({"a.xml": b"<!DOCTYPE a><a/>"}), "document type"),
    "ofd that leads out": (ofd({"../../etc/passwd": b"x"}), "damaged"),
    "too many points": (_POINTS, "too many points"),
}
