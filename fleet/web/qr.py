"""A QR code as the path of a drawing, a unit a module: a template draws it without a picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

QUIET = 4  # modules around it that stay white (ISO/IEC 18004)


@dataclass(frozen=True, slots=True)
class Code:
    """A code's path and the width and height of its drawing, the quiet zone included."""

    size: int
    path: str


def code_of(text: str) -> Code:
    """The QR code of a text; a seventh of it may be spoilt and it is read still."""
    # Pillow comes with it, though nothing is painted: each process that starts would wait for that.
    from qrcode import QRCode  # noqa: PLC0415
    from qrcode.constants import ERROR_CORRECT_M  # noqa: PLC0415

    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    code.add_data(text, optimize=0)
    code.make()
    rows = code.get_matrix()
    return Code(len(rows), "".join(_runs(rows)))


def _runs(rows: Sequence[Sequence[bool | None]]) -> Iterator[str]:
    """Each run of dark modules of a row as a rectangle; none lies over another."""
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            width = next((n for n, dark in enumerate(row[x:]) if not dark), len(row) - x)
            if width:
                yield f"M{x} {y}h{width}v1h-{width}z"
            x += width or 1
