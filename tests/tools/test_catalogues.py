"""The catalogue check names what a translation lacks."""

from __future__ import annotations

from babel.messages.catalog import Catalog

from tools.check_catalogues import lacking, texts


def test_the_code_has_texts() -> None:
    assert len(texts()) > 5


def test_each_lack_is_named() -> None:
    catalogue = Catalog(locale="zh_Hans")
    catalogue.add("Done", "完成")
    catalogue.add("Unsure", "也许", flags={"fuzzy"})
    catalogue.add("Empty", "")
    catalogue.add("%(n)s left", "还剩 %(m)s", flags={"python-format"})
    catalogue.add(("%(n)s day", "%(n)s days"), ("%(n)s 天",), flags={"python-format"})
    names = ("Done", "Unsure", "Empty", "%(n)s left", "%(n)s day", "Gone")
    found = list(lacking(catalogue, dict.fromkeys(names, "page.py:1")))
    assert [complaint.split(": ")[1].split()[0] for complaint in found] == [
        "fuzzy",
        "untranslated",
        "unknown",
        "missing",
    ]
