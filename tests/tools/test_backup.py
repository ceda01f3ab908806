"""A backup of a running installation is whole, and overwrites nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tools import backup


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An instance folder with a database whose last commit is still in the write-ahead log."""
    folder = tmp_path / "instance"
    (folder / "uploads").mkdir(parents=True)
    (folder / "uploads" / "aa.attached").write_bytes(b"picture")
    (folder / "history-head.log").write_text("chain 1 digest\n")
    monkeypatch.setenv("FLEET_INSTANCE", str(folder))
    monkeypatch.delenv("FLEET_DATABASE_URL", raising=False)
    return folder


def test_a_backup_holds_what_is_still_in_the_log(installation: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(installation / backup.DATABASE)) as live:
        live.execute("PRAGMA journal_mode=WAL")
        live.execute("CREATE TABLE vehicles (vin TEXT)")
        live.execute("INSERT INTO vehicles VALUES ('kept')")
        live.commit()
        assert backup.main([str(tmp_path / "copy")]) == 0
    with closing(sqlite3.connect(tmp_path / "copy" / backup.DATABASE)) as copy:
        assert copy.execute("SELECT vin FROM vehicles").fetchall() == [("kept",)]
    assert (tmp_path / "copy" / "uploads" / "aa.attached").read_bytes() == b"picture"
    assert (tmp_path / "copy" / "history-head.log").read_text() == "chain 1 digest\n"


def test_a_backup_overwrites_nothing(installation: Path) -> None:
    assert backup.main([str(installation)]) == 2
    assert backup.main([]) == 2
