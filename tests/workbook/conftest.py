"""Importing sheets as a test writes them down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from fleet.storage import Actor
from fleet.workbook.report import Report
from fleet.workbook.service import import_path
from tests import make
from tests.workbook import books

BY = Actor(None, "test")
AT = make.at(2026, 3, 1)


@pytest.fixture
def bring(session: Session, tmp_path: Path) -> Callable[..., Report]:
    """Import sheets from a folder of .csv."""
    folders = iter(range(1000))

    def call(sheets: books.Sheets, *, encoding: str = "utf-8", **options: Any) -> Report:
        path = books.folder(tmp_path / f"book{next(folders)}", sheets, encoding)
        return import_path(path, by=BY, at=AT, **options)

    return call
