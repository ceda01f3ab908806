"""The house tests itself: what lies where, what is guarded, what the papers promise."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from fleet.settings import Settings
from fleet.storage import db

if TYPE_CHECKING:
    from flask import Flask
    from sqlalchemy.orm import Session

ROOT = Path(__file__).resolve().parent.parent

TOP = {
    *(".ci", ".editorconfig", ".gitattributes", ".gitignore", ".pre-commit-config.yaml"),
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md"),
    *("app.py", "babel.cfg", "pyproject.toml"),
    *("requirements.in", "requirements.txt", "requirements-dev.in", "requirements-dev.txt"),
    *("requirements-build.in", "requirements-build.txt"),
    *("benchmarks", "docs", "fleet", "migrations", "static", "templates", "tests", "tools"),
}
FLOORS = {"rules.py", "tables.py", "service.py", "forms.py", "pages.py", "api.py"}
ROOMS = (
    "people",
    "notices",
    "insurers",
    "vehicles",
    "policies",
    "renewals",
    "reimbursement",
    "reports",
)
LONGEST_FILE = 500
LONGEST_FUNCTION = 40
TEXT = {".py", ".html", ".md", ".toml", ".css", ".js", ".txt", ".in", ".sh", ".cfg", ".yaml", ""}


@cache
def tracked() -> tuple[str, ...]:
    """The files of the repository that are there, as git knows them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the developer's own git
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).exists())


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    """The Python files below some folders (or these files themselves), with their text."""
    for name in tracked():
        if name.endswith(".py") and name.startswith(folders):
            yield name, (ROOT / name).read_text(encoding="utf-8")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# ---------------------------------------------------------------------- what lies where


def test_the_top_level_holds_what_it_is_known_to_hold() -> None:
    strays = {name.split("/")[0] for name in tracked()} - TOP
    assert not strays, "a new top-level entry is a decision: add it to TOP with the layout"


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_holds_its_floors_or_says_why_not(room: str) -> None:
    files = {Path(name).name for name in tracked() if name.startswith(f"fleet/{room}/")}
    others = files - FLOORS - {"__init__.py", "README.md"}
    story = read(f"fleet/{room}/README.md")
    unnamed = {name for name in others if f"`{name}`" not in story}
    assert not unnamed, f"name in fleet/{room}/README.md what these are for: {unnamed}"


def test_templates_lie_in_the_folder_of_their_room() -> None:
    allowed = {*ROOMS, "parts", "mail", "paper", "work", "workbook", "demo", "security", "notices"}
    folders = {name.split("/")[1] for name in tracked() if re.match(r"templates/[^/]+/", name)}
    assert folders <= allowed


def test_files_are_short_enough_to_read() -> None:
    long = {
        name: lines
        for name, text in sources("fleet/", "tests/", "tools/", "benchmarks/", "app.py")
        if (lines := text.count("\n")) > LONGEST_FILE
    }
    assert not long, "split it by what it is about"


def test_long_functions_explain_themselves() -> None:
    long = [
        f"{name}:{node.lineno} {node.name}"
        for name, text in sources("fleet/", "app.py", "tools/")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
        and len((ast.get_docstring(node) or "").splitlines()) < 3
    ]
    assert not long, f"over {LONGEST_FUNCTION} lines: say why in the docstring, or split it"


def test_conftest_stays_small() -> None:
    assert read("tests/conftest.py").count("\n") < 200


# ---------------------------------------------------------------------- what no file holds


def _calls(text: str, function: str) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function
        for node in ast.walk(ast.parse(text))
    )


def test_nothing_prints() -> None:
    printing = [name for name, text in sources("fleet/", "app.py") if _calls(text, "print")]
    assert not printing, "click.echo in commands, logging elsewhere"


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        # Each with a letter in brackets, or the pattern would find itself.
        ("an unfinished note", r"\b(?:T[O]DO|F[I]XME|X[X]X)\b"),
        ("a path of somebody's machine", r"(?<![\w.])/(?:w[o]rk|r[o]ot|h[o]me)/\w"),
        ("the address of a registry", r"p[y]pi\.org|p[y]thonhosted|registry\.n[p]mjs"),
        ("where one machine gets packages", r"--find-l[i]nks|--(?:extra-)?index-u[r]l"),
    ],
)
def test_no_file_holds(what: str, pattern: str) -> None:
    found = [
        name for name in tracked() if Path(name).suffix in TEXT and re.search(pattern, read(name))
    ]
    assert not found, what


def test_only_services_commit() -> None:
    """Storage's own `act` commits for them; a try to sign in is counted though refused."""
    committing = [
        name
        for name, text in sources("fleet/")
        if re.search(r"\.commit\(\)", text)
        and not name.startswith(
            ("fleet/storage/", "fleet/work/", "fleet/demo/", "fleet/people/limits")
        )
        and not name.endswith("/service.py")
    ]
    assert not committing


def test_templates_trust_no_text() -> None:
    trusting = [
        name
        for name in tracked()
        if name.startswith("templates/") and re.search(r"\|\s*safe\b|autoescape false", read(name))
    ]
    assert not trusting, "|safe lets what people type become part of the page"


# ---------------------------------------------------------------------- the application


@pytest.mark.one_engine
def test_every_route_is_guarded(app: Flask) -> None:
    from fleet.web.access import is_own, is_public

    open_to_all = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if getattr(view, "fleet_needs", None) is None
        and not is_own(view)
        and not is_public(endpoint, view)
    }
    assert not open_to_all, "each view says @needs(May.…), @signed_in or @public"


@pytest.mark.one_engine
def test_a_promised_address_is_kept(app: Flask) -> None:
    """Every URL ever promised stands in tests/urls.txt; taking one away is a decision."""
    there = {f"{rule.rule} {rule.endpoint}" for rule in app.url_map.iter_rules()}
    promised = {line for line in read("tests/urls.txt").splitlines() if line[:1] == "/"}
    gone, new = "\n".join(sorted(promised - there)), "\n".join(sorted(there - promised))
    assert not gone, f"promised and gone:\n{gone}"
    assert not new, f"new; add to tests/urls.txt:\n{new}"


def test_the_migrations_have_one_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


def test_the_migrations_build_the_tables_we_declare(session: Session) -> None:
    context = MigrationContext.configure(session.connection())
    assert compare_metadata(context, db.metadata) == []


# ---------------------------------------------------------------------- what the papers say


def test_every_setting_is_documented() -> None:
    page = read("docs/operating.md")
    for item in fields(Settings):
        default = f"`{item.default}`" if item.default else "(empty)"
        row = f"| `{item.metadata['variable']}` | {default} | {item.metadata['text']} |"
        assert row in page, f"docs/operating.md lacks the row:\n{row}"


def test_every_dependency_is_explained() -> None:
    page = read("docs/decisions/0002-dependencies.md")
    told = set(re.findall(r"^\| ([A-Za-z][\w\[\]-]*) \|", page, re.MULTILINE))
    kept = {
        found[0]
        for name in ("requirements.in", "requirements-dev.in")
        for line in read(name).splitlines()
        if (found := re.match(r"[A-Za-z][\w.\[\]-]*", line))
    }
    assert told - {"package"} == kept


def _commands(page: str) -> Iterator[str]:
    """The shell lines of a page: of its `sh` blocks, and of single words between backticks."""
    text = read(page)
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (line.partition("#")[0].strip() for line in block.splitlines())
    yield from re.findall(r"`((?:make|\.venv/bin/)[^`]*)`", text)


PAGES = tuple(name for name in tracked() if name.endswith(".md") and "/decisions/" not in name)


@pytest.mark.one_engine
@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_the_papers_exist(page: str, app: Flask) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    for command in _commands(page):
        if found := re.search(r"\bmake ([a-z]+)", command):
            assert found[1] in targets, command
        if found := re.search(r"flask --app app ([a-z-]+)(?: ([a-z]+)(?= |$))?", command):
            known = app.cli.commands.get(found[1])
            assert known is not None, command
            assert not found[2] or found[2] in getattr(known, "commands", [found[2]]), command
        if found := re.search(r"(?<![\w/.])(tools/[\w.]+|\.ci/\w+)", command):
            assert (ROOT / found[1]).exists(), command


@pytest.mark.parametrize("page", PAGES)
def test_the_links_of_the_papers_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", read(page))
    dead = [link for link in links if not ((ROOT / page).parent / link).exists()]
    assert not dead
