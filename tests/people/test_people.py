"""Users, grants, regions and companies; a grant taken away ends at once."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from fleet.people import service
from fleet.people.service import Given
from fleet.people.tables import Company, User
from fleet.storage import everyone
from fleet.storage.history import HistoryEntry
from fleet.web.access import FINANCE, GROUP_ADMINISTRATOR
from tests import cast
from tests.pages import PageClient, words

WHO = {"by": cast.SYSTEM, "at": cast.AT}


def test_a_user_is_let_in_with_roles_each_once(session: Session) -> None:
    with everyone():
        cast.move_in("company")
        user = cast.let_in("ada", Given(FINANCE, "A"), Given(FINANCE, "A"), Given(FINANCE))
        given = [service.given_of(one) for one in user.grants]
    assert len(given) == 2
    assert set(given) == {Given(FINANCE, "A"), Given(FINANCE)}


def test_an_address_is_taken_once(session: Session) -> None:
    cast.let_in("ada")
    with pytest.raises(service.EmailTaken):
        service.create_user("ADA@cast.example", "Ada", (), **WHO)


@pytest.mark.parametrize("text", ["ada", "ada@", "a da@cast.example", "ada@cast.example\nBcc: x"])
def test_what_is_no_address_is_refused(session: Session, text: str) -> None:
    with pytest.raises(service.NoAddress):
        service.create_user(text, "Ada", (), **WHO)


def test_a_role_for_an_unknown_company_is_refused_whole(session: Session) -> None:
    with pytest.raises(service.UnknownPlace):
        cast.let_in("ada", Given(FINANCE, company="NOWHERE"))
    assert session.query(User).count() == 0


def test_the_last_administrator_stays(session: Session) -> None:
    first = cast.let_in("first", Given(GROUP_ADMINISTRATOR)).id
    with pytest.raises(service.LastAdministrator):
        service.deactivate(first, **WHO)
    with pytest.raises(service.LastAdministrator):
        service.change_user(first, "First", (), **WHO)
    second = cast.let_in("second", Given(GROUP_ADMINISTRATOR)).id
    service.deactivate(first, **WHO)
    with pytest.raises(service.LastAdministrator):
        service.change_user(second, "Second", (Given(FINANCE),), **WHO)


def test_a_token_does_not_come_back_with_its_user(session: Session, client: PageClient) -> None:
    """Letting somebody in again once revived every token they had."""
    cast.let_in("first", Given(GROUP_ADMINISTRATOR))
    user = cast.let_in("ada", Given(GROUP_ADMINISTRATOR))
    bearer = {"Authorization": f"Bearer {service.create_token(user.email, 'a', **WHO)}"}
    assert client.get("/api/v1/vehicles", headers=bearer).status_code == 200
    service.deactivate(user.id, **WHO)
    service.activate(user.id, **WHO)
    assert client.get("/api/v1/vehicles", headers=bearer).status_code == 401


def test_the_history_tells_a_grant_and_hides_secrets(session: Session) -> None:
    user = cast.let_in("ada", Given(GROUP_ADMINISTRATOR), password=cast.PASSWORD)
    service.create_token(user.email, "a program", **WHO)
    told = " ".join(session.scalars(session.query(HistoryEntry.changes).statement))
    assert '"grants"' in told
    assert user.password not in told
    assert user.fs_uniquifier not in told


def test_the_administrators_pages_change_grants(app: Flask) -> None:
    with app.app_context():
        world = cast.move_in("administrator", "company")
    client = cast.sign_in(app.test_client(), "administrator")
    path = f"/people/{world.users['company']}"
    rows = {"grants-0-role": FINANCE, "grants-0-place": "region:S", "grants-1-role": ""}
    assert client.post(path, data={"name": "Renamed", **rows}).status_code == 302
    assert "Renamed" in words(client.get("/people?q=renam"))
    theirs = cast.sign_in(app.test_client(), "company")
    assert theirs.get(f"/vehicles/{world.own.vin}").status_code == 404
    assert theirs.get(f"/vehicles/{world.foreign.vin}").status_code == 200


def test_what_is_wrong_is_said_beside_the_field(app: Flask) -> None:
    with app.app_context():
        cast.move_in("administrator")
    client = cast.sign_in(app.test_client(), "administrator")
    answer = client.post("/people/new", data={"email": "administrator@cast.example", "name": "X"})
    assert answer.status_code == 422
    assert "is a user already" in words(answer)
    told = {"code": "A", "name": "Twice", "region": "1", "credit_code": ""}
    answer = client.post("/people/companies/new", data=told)
    assert "The code A is taken." in words(answer)
    answer = client.post("/people/companies/new", data=told | {"credit_code": "12"})
    assert "18 digits" in words(answer)


def test_a_company_is_changed_and_keeps_its_code(app: Flask) -> None:
    with app.app_context():
        world = cast.move_in("administrator")
    client = cast.sign_in(app.test_client(), "administrator")
    path = f"/people/companies/{world.own.ids['company']}"
    told = {"code": "Z", "name": "Renamed", "region": str(world.own.ids["region"])}
    assert client.post(path, data=told).status_code == 302
    with app.app_context(), everyone():
        found = service.db.session.get(Company, world.own.ids["company"])
        assert (found.code, found.name) == ("A", "Renamed")


def test_an_administrator_of_a_region_does_not_keep_people(app: Flask) -> None:
    with app.app_context():
        cast.move_in("company")
        cast.let_in("local", Given(GROUP_ADMINISTRATOR, region="N"))
    assert cast.sign_in(app.test_client(), "local").get("/people").status_code == 403
