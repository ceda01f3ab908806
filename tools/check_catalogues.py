"""Fail where a text of the code lacks its Chinese: `make check` runs this.

Every text that gettext is asked for, in Python and in templates, must stand in both
catalogues, translated, not fuzzy, with the same placeholders.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Catalog, Message

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("zh_Hans", "zh_Hant")
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None, "lazy_gettext": None, "lazy_ngettext": (1, 2)}


def texts() -> dict[str, str]:
    """Every text of the code with the place where it first stands."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    found: dict[str, str] = {}
    for name, line, msgid, _comments, _context in extract_from_dir(
        ROOT, methods, options, KEYWORDS
    ):
        found.setdefault(_singular(msgid), f"{name}:{line}")
    return found


def lacking(catalogue: Catalog, found: dict[str, str]) -> Iterator[str]:
    """Say of each text what its translation lacks."""
    messages = {_singular(message.id): message for message in catalogue if message.id}
    for text, place in sorted(found.items(), key=lambda item: item[1]):
        message = messages.get(text)
        if message is None:
            yield f"{place}: missing: {text!r}"
        elif message.fuzzy:
            yield f"{place}: fuzzy: {text!r}"
        elif not all(_strings(message)):
            yield f"{place}: untranslated: {text!r}"
        else:
            yield from (f"{place}: {error}: {text!r}" for error in message.check(catalogue))


def main() -> int:
    """Print what lacks, language by language; 1 where anything does."""
    found = texts()
    lacks = 0
    for language in LANGUAGES:
        path = ROOT / "fleet" / "translations" / language / "LC_MESSAGES" / "messages.po"
        if not path.exists():
            print(f"{language}: no catalogue; `make messages` begins one")
            lacks += 1
            continue
        with path.open("rb") as file:
            catalogue = read_po(file, locale=language)
        for complaint in lacking(catalogue, found):
            print(f"{language}: {complaint}")
            lacks += 1
    if not lacks:
        print(f"Catalogues: {len(found)} texts, complete in {', '.join(LANGUAGES)}")
    return 1 if lacks else 0


def _singular(msgid: str | tuple[str, ...] | list[str]) -> str:
    return msgid if isinstance(msgid, str) else msgid[0]


def _strings(message: Message) -> tuple[str, ...]:
    made = message.string or ""
    return (made,) if isinstance(made, str) else tuple(made)


if __name__ == "__main__":
    sys.exit(main())
