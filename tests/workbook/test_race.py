"""Imports at the same moment: each row comes in once, and one confirmation of two wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fleet.people.tables import User
from fleet.policies.steps import differing
from fleet.policies.tables import CoverLine
from fleet.storage import Actor, db, everyone
from fleet.storage.history import verify
from fleet.vehicles.tables import Holding, Vehicle
from fleet.web import clock
from fleet.web.errors import Stale
from fleet.work.tasks import run_next
from fleet.workbook import service
from fleet.workbook.service import (
    Order,
    UploadSettled,
    confirm_upload,
    import_path,
    receive_upload,
)
from fleet.workbook.tables import Upload
from tests import make
from tests.workbook import books

BY = Actor(None, "test")
AT = make.at(2026, 3, 1)
SEVERAL = 4


def at_once(app: Flask, path: Path) -> list[int | str]:
    """Import one file several times at the same moment; new vehicles of each, or its refusal."""
    gate = Barrier(SEVERAL)

    def one(_number: int) -> int | str:
        with app.app_context():
            gate.wait()
            try:
                return import_path(path, by=BY, at=AT).sheets["vehicles"].new
            except Stale:
                return "stale"
            finally:
                db.session.remove()

    with ThreadPoolExecutor(SEVERAL) as pool:
        return list(pool.map(one, range(SEVERAL)))


def test_imports_at_once_write_every_row_once(app: Flask, tmp_path: Path) -> None:
    path = books.folder(tmp_path / "book", books.fleet())
    assert sorted(map(str, at_once(app, path))) == ["0", "0", "0", "2"]
    with app.app_context(), everyone():
        counts = [
            db.session.scalar(select(func.count()).select_from(entity))
            for entity in (Vehicle, Holding, CoverLine)
        ]
        assert counts == [2, 3, 4]
        assert list(differing()) == []
        assert verify() is None


def test_without_a_turn_imports_at_once_collide(
    app: Flask, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard's negative control; on SQLite its one write lock guards all the same."""
    monkeypatch.setattr(service, "take_turn", lambda *_asked: None)
    path = books.folder(tmp_path / "book", books.fleet())
    if engine == "sqlite":
        assert sorted(map(str, at_once(app, path))) == ["0", "0", "0", "2"]
        return
    looked, look_up = Barrier(SEVERAL), service.look_up

    def look_up_together(*asked: Any) -> Any:
        known = look_up(*asked)
        looked.wait(20)  # nobody writes before everybody has looked
        return known

    monkeypatch.setattr(service, "look_up", look_up_together)
    assert "stale" in at_once(app, path)


def test_of_confirmations_at_once_one_wins(app: Flask, tmp_path: Path) -> None:
    path = books.xlsx(tmp_path / "book.xlsx", books.fleet())
    with app.app_context(), everyone():
        user = User(email="a@example.org", name="A", fs_uniquifier="a")
        db.session.add(user)
        db.session.commit()
        order = Order(Actor(user.id, "a@example.org"), AT)
        with path.open("rb") as stream:
            number = receive_upload(stream, "book.xlsx", order, language="en").id
        assert run_next(clock.now())
    gate = Barrier(SEVERAL)

    def one(_number: int) -> str:
        with app.app_context(), everyone():
            upload = db.session.get(Upload, number)
            assert upload is not None
            gate.wait()
            try:
                confirm_upload(upload, order, progress=lambda *_: None, settle=lambda: None)
            except UploadSettled:
                return "settled"
            finally:
                db.session.remove()
            return "imported"

    with ThreadPoolExecutor(SEVERAL) as pool:
        ended = sorted(pool.map(one, range(SEVERAL)))
    assert ended == ["imported", *["settled"] * (SEVERAL - 1)]
