"""Copy a running installation into a folder: `.venv/bin/python -m tools.backup FOLDER`.

A live SQLite file must not be copied with cp: most such copies are broken. SQLite's own
online backup gives one that holds; PostgreSQL is left to pg_dump.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from pysqlite3 import dbapi2 as sqlite
from sqlalchemy.engine import make_url

from fleet.settings import Settings, read_settings

DATABASE = "fleet.sqlite3"


def main(arguments: list[str]) -> int:
    """Back up to the one folder named; 2 where none or an existing one is."""
    if len(arguments) != 1:
        print("usage: python -m tools.backup FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    if folder.exists():
        print(f"{folder} exists already; a backup overwrites nothing.", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, mode=0o700)
    settings = read_settings()
    # The chain's head first: a head newer than its database would read as a tail cut off.
    # Other files last: the database must find every file that it names.
    _copy_head(settings, folder)
    _copy_database(settings, folder)
    _copy_files(settings, folder)
    print(f"Backed up to {folder}")
    return 0


def _copy_database(settings: Settings, folder: Path) -> None:
    url = make_url(settings.url)
    if url.get_backend_name() == "postgresql":
        # The password in the environment: other users of the machine can read arguments.
        secret = {"PGPASSWORD": url.password} if url.password else {}
        bare = url._replace(drivername="postgresql", password=None)
        address = bare.render_as_string()
        subprocess.run(
            ["pg_dump", "-Fc", "-f", str(folder / "fleet.dump"), address],  # noqa: S607 - on PATH
            env={**os.environ, **secret},
            check=True,
        )
        return
    with (
        closing(sqlite.connect(str(url.database))) as source,
        closing(sqlite.connect(str(folder / DATABASE))) as target,
    ):
        source.backup(target)


def _copy_head(settings: Settings, folder: Path) -> None:
    if settings.head_file.exists():
        shutil.copy2(settings.head_file, folder / settings.head_file.name)


def _copy_files(settings: Settings, folder: Path) -> None:
    """Copy what lies beside the database: its secrets and attached files."""
    for path in settings.folder.iterdir():
        if DATABASE in path.name or path == settings.head_file:  # also its -wal and -shm
            continue
        target = folder / path.name
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copy2(path, target)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
