"""The import's pages and calls: upload, read the report, confirm, drop; one's own only."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from fleet.people.tables import Company, Region, User
from fleet.storage import EVERYTHING, Scope
from fleet.storage.files import FOLDER
from fleet.vehicles.tables import Vehicle
from fleet.web import access
from fleet.web.access import GROUP_ADMINISTRATOR, INSURANCE_DESK, Caller, Granted
from fleet.web.reading import read_tables
from fleet.workbook.columns import SHEETS
from fleet.workbook.tables import Upload
from tests.pages import PageClient, soup, words
from tests.workbook import books
from tests.workbook.books import fleet, put

pytestmark = pytest.mark.one_engine


@pytest.fixture
def people(session: Session) -> dict[str, Caller]:
    """A group administrator and a desk without companies yet."""
    users = [
        User(email=f"{name}@example.org", name=name.title(), fs_uniquifier=name)
        for name in ("group", "desk", "auditor")
    ]
    session.add_all(users)
    session.commit()
    grants = {
        "group": Granted(GROUP_ADMINISTRATOR, EVERYTHING),
        "desk": Granted(INSURANCE_DESK, Scope(), frozenset({1})),
        "auditor": Granted(access.AUDITOR, EVERYTHING),
    }
    return {
        name: Caller(user.id, user.name, user.email, granted=(grants[name],))
        for user, name in zip(users, grants, strict=True)
    }


@pytest.fixture
def sign_in(
    app: Flask, people: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """Let the requests that follow be a person's: how they signed in is another room's test."""
    signed_in: list[Caller] = []

    def guard() -> Any:
        g.caller = signed_in[-1]
        view = app.view_functions.get(request.endpoint or "")
        if view is None or access.is_public(request.endpoint or "", view):
            return None
        if not g.caller.may(view.fleet_needs):
            return ("", 403)
        access.limit_to(g.caller.scope(view.fleet_needs))
        return None

    # Given back after the test: the application is lent to the next one.
    monkeypatch.setitem(app.before_request_funcs, None, [guard])

    def call(name: str) -> None:
        signed_in.append(people[name])

    call("group")
    return call


@pytest.fixture
def upload(
    client: PageClient, sign_in: Callable[[str], None], tmp_path: Path
) -> Callable[..., Any]:
    """Upload sheets through the page."""

    def call(sheets: books.Sheets | None = None, content: bytes | None = None) -> Any:
        if content is None:
            content = books.xlsx(tmp_path / "book.xlsx", sheets or fleet()).read_bytes()
        file = FileStorage(io.BytesIO(content), "车队.xlsx")
        return client.post("/imports", data={"file": file}, follow_redirects=True)

    return call


def kept(app: Flask) -> list[Path]:
    folder = app.extensions["fleet_settings"].folder / FOLDER
    return sorted(folder.iterdir()) if folder.exists() else []


def test_an_upload_is_checked_and_confirmed(
    app: Flask, client: PageClient, session: Session, upload: Callable[..., Any]
) -> None:
    page = upload()
    assert page.status_code == 200
    assert "车队.xlsx" in words(page)
    assert "Every row can be written" in words(page)
    assert session.scalars(select(Vehicle.vin)).all() == []
    assert len(kept(app)) == 1
    done = client.post("/imports/1/confirm", follow_redirects=True)
    assert "All rows are written" in words(done)
    assert len(session.scalars(select(Vehicle.vin)).all()) == 2
    assert kept(app) == []
    assert session.scalars(select(Upload.state)).all() == ["imported"]
    assert "Imported" in words(client.get("/imports"))


def test_an_upload_is_confirmed_once(client: PageClient, upload: Callable[..., Any]) -> None:
    upload()
    assert client.post("/imports/1/confirm").status_code == 302
    assert client.post("/imports/1/confirm").status_code == 409
    assert client.post("/imports/1/drop").status_code == 409


def test_refused_rows_are_shown_filtered_exported_and_left_out(
    client: PageClient, session: Session, upload: Callable[..., Any], tmp_path: Path
) -> None:
    page = upload(put(fleet(), "vehicles", 2, "seats", "five"))
    assert "A whole number of 0 or more is asked." in words(page)
    assert "five" in words(page)
    assert "Refers to a row that is refused: Vehicles, row 2." in words(page)
    headings = [heading.get_text() for heading in soup(page).find_all("h3")]
    assert headings == ["Vehicles", "Policies", "Holdings", "Covers"]
    assert soup(page).find("input", attrs={"name": "leave_out_refused"})
    covers = client.get("/imports/1?sheet=covers&kind=refused")
    assert "five" not in words(covers)
    assert "Nothing found" in words(client.get("/imports/1?q=nowhere"))
    export = client.get("/imports/1/report.xlsx?kind=refused")
    (tmp_path / "report.xlsx").write_bytes(export.data)
    table = next(iter(read_tables(tmp_path / "report.xlsx").values()))
    assert table.rows[0][1][:5] == ["Refused", "Vehicles", 2, "Seats", "five"]
    still = client.post("/imports/1/confirm", follow_redirects=True)
    assert "nothing was written" in words(still)
    assert session.scalar(select(func.count()).select_from(Vehicle)) == 0
    client.post("/imports/1/confirm", data={"leave_out_refused": "yes"})
    assert session.scalar(select(func.count()).select_from(Vehicle)) == 1


def test_no_number_is_too_large_to_be_unknown(
    client: PageClient, sign_in: Callable[[str], None]
) -> None:
    for address in ("/imports/99999999999", "/api/v1/imports/99999999999", "/imports/7"):
        assert client.get(address).status_code == 404


def test_a_name_that_cannot_be_shown(
    client: PageClient, session: Session, sign_in: Callable[[str], None], tmp_path: Path
) -> None:
    content = books.xlsx(tmp_path / "a.xlsx", fleet()).read_bytes()
    for name in ("\x07\x1b.xlsx", "x" * 300 + ".xlsx"):
        client.post("/imports", data={"file": FileStorage(io.BytesIO(content), name)})
    assert sorted(map(len, session.scalars(select(Upload.name)))) == [5, 255]


def test_an_upload_is_dropped(
    app: Flask, client: PageClient, session: Session, upload: Callable[..., Any]
) -> None:
    upload()
    upload()
    client.post("/imports/1/drop")
    assert len(kept(app)) == 1  # the other upload still waits with the same file
    client.post("/imports/2/drop")
    assert kept(app) == []
    assert set(session.scalars(select(Upload.state))) == {"dropped"}
    assert session.scalar(select(func.count()).select_from(Region)) == 0


@pytest.mark.parametrize("content", [b"", b"not a workbook", b"PK\x03\x04 cut"])
def test_an_unreadable_file_is_said_beside_the_field(
    app: Flask, session: Session, upload: Callable[..., Any], content: bytes
) -> None:
    page = upload(content=content)
    assert page.status_code == 200
    assert soup(page).find(class_="field-error")
    assert kept(app) == []
    assert session.scalar(select(func.count()).select_from(Upload)) == 0


def test_a_person_sees_their_own_uploads_and_the_group_everybodys(
    client: PageClient, upload: Callable[..., Any], sign_in: Callable[[str], None]
) -> None:
    upload()
    sign_in("desk")
    assert "车队.xlsx" not in words(client.get("/imports"))
    for address in ("/imports/1", "/imports/1/report.xlsx", "/api/v1/imports/1"):
        assert client.get(address).status_code == 404
    for verb in ("confirm", "drop"):
        assert client.post(f"/imports/1/{verb}").status_code == 404
    upload(put(fleet(), "regions", 2, "name", "changed"))
    sign_in("group")
    assert words(client.get("/imports")).count("车队.xlsx") == 2


def test_a_desk_writes_no_sheet_of_the_group(
    client: PageClient, session: Session, upload: Callable[..., Any],
    sign_in: Callable[[str], None],
) -> None:  # fmt: skip
    sign_in("desk")
    page = upload()
    assert "look after the whole group" in words(page)
    client.post("/imports/1/confirm", data={"leave_out_refused": "yes"})
    assert session.scalar(select(func.count()).select_from(Company)) == 0


@pytest.mark.parametrize("language", ["en", "zh-CN", "zh-TW"])
def test_the_blank_workbook_comes_in_as_it_is(
    app: Flask, client: PageClient, upload: Callable[..., Any], tmp_path: Path, language: str
) -> None:
    blank = client.get("/imports/template.xlsx", headers={"Accept-Language": language}).data
    (tmp_path / "blank.xlsx").write_bytes(blank)
    tables = read_tables(tmp_path / "blank.xlsx")
    assert len(tables) == len(SHEETS) + 1
    page = upload(content=blank)
    assert "Every row can be written" in words(page)
    assert "was not read" not in words(page)


def test_help_says_every_column(client: PageClient, sign_in: Callable[[str], None]) -> None:
    page = words(client.get("/imports/help"))
    assert all(column.code in page for form in SHEETS for column in form.columns)


def test_over_http(
    client: PageClient, session: Session, sign_in: Callable[[str], None], tmp_path: Path
) -> None:
    content = books.xlsx(tmp_path / "a.xlsx", put(fleet(), "vehicles", 2, "seats", "five"))

    def post(**how: str) -> Any:
        file = FileStorage(io.BytesIO(content.read_bytes()), "a.xlsx")
        answer = client.post("/api/v1/imports", data={"file": file, **how})
        assert answer.status_code == 202, answer.get_data(as_text=True)
        return client.get(f"/api/v1/imports/{answer.get_json()['id']}").get_json()

    dry = post(dry_run="true")
    assert dry["state"] == "refused"
    first = dry["refused"][0]
    assert (first["sheet"], first["row"], first["column"], first["found"]) == (
        "vehicles", 2, "seats", "five",
    )  # fmt: skip
    assert post()["state"] == "refused"
    assert session.scalar(select(func.count()).select_from(Vehicle)) == 0
    told = post(leave_out_refused="true")
    assert told["state"] == "imported"
    assert told["done"] == told["total"] == sum(len(rows) - 1 for rows in fleet().values())
    assert session.scalar(select(func.count()).select_from(Vehicle)) == 1


def test_a_file_that_cannot_be_read_over_http(
    client: PageClient, sign_in: Callable[[str], None]
) -> None:
    file = FileStorage(io.BytesIO(b"nothing"), "a.xlsx")
    answer = client.post("/api/v1/imports", data={"file": file})
    assert answer.status_code == 422
    assert answer.mimetype == "application/problem+json"
    assert client.post("/api/v1/imports", data={}).status_code == 422
