"""Forms sent to the API: read whole, so that nothing in them is dropped without a word."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from werkzeug.datastructures import FileStorage, MultiDict

from fleet.reimbursement.service import record
from fleet.web.access import GROUP_ADMINISTRATOR
from tests import cast
from tests.reimbursement import records
from tests.reimbursement.documents import PDF

ATTACHMENTS = "/api/v1/reimbursements/1/attachments"
SHEETS = "/api/v1/reimbursements/sheets"
IMPORTS = "/api/v1/imports"
FORMS = (ATTACHMENTS, SHEETS, IMPORTS)


@pytest.fixture
def send(app: Flask, session):
    """Sends a form to an address, by somebody who may do what it is for."""
    records.group()
    record(records.asked(), records.BY, records.AT)
    who = records.bearer(records.user(GROUP_ADMINISTRATOR))

    def send(address: str, *parts: tuple[str, Any], **how: Any) -> tuple[int, Any]:
        answer = app.test_client().post(address, data=MultiDict(parts), headers=who, **how)
        assert answer.mimetype == "application/problem+json", answer.get_data(as_text=True)
        return answer.status_code, answer.get_json().get("errors")

    return send


def file(name: str = "a.csv") -> FileStorage:
    return FileStorage(io.BytesIO(PDF), name)


@pytest.mark.parametrize("address", FORMS)
def test_a_field_that_is_not_known_is_refused(send, address):
    for value in ("1", file()):
        wrong = {"multipart": {"another": ["Unknown field."]}}
        assert send(address, ("file", file()), ("another", value)) == (422, wrong)


@pytest.mark.one_engine
@pytest.mark.parametrize("address", FORMS)
@pytest.mark.parametrize("name", ["", '; name="ab\\"', "; name*=utf-8''%ff"])
def test_a_part_without_a_name_that_can_be_read_is_refused(send, address, name):
    """It was an error of ours where something else was wrong as well."""
    part = f"--x\r\nContent-Disposition: form-data{name}\r\n\r\n1\r\n--x--\r\n".encode()
    form = {"content_type": "multipart/form-data; boundary=x", "input_stream": io.BytesIO(part)}
    status, wrong = send(address, **form, content_length=len(part))
    assert status == 422
    assert wrong["multipart"].pop("file") == ["Missing data for required field."]
    assert list(wrong["multipart"].values()) == [["Unknown field."]]


@pytest.mark.one_engine
@pytest.mark.parametrize("address", FORMS)
def test_a_file_that_is_missing_or_a_text_or_there_twice_is_refused(send, address):
    def wrong(why: str) -> tuple[int, Any]:
        return 422, {"multipart": {"file": [why]}}

    missing = "Missing data for required field."
    assert send(address) == wrong(missing)
    assert send(address, content_type="application/json") == wrong(missing)
    assert send(address, ("file", file()), ("file", file())) == wrong("Given more than once.")
    assert send(address, ("file", file()), ("file", "text")) == wrong("Given more than once.")
    assert send(address, ("file", "text")) == wrong("Not a valid file.")


@pytest.mark.one_engine
def test_a_flag_given_twice_or_as_a_file_is_refused(send):
    twice = {"multipart": {"dry_run": ["Given more than once."]}}
    flags = (("dry_run", "true"), ("dry_run", "false"))
    assert send(IMPORTS, ("file", file()), *flags) == (422, twice)
    odd = {"multipart": {"record": ["Not a valid boolean."]}}
    assert send(SHEETS, ("file", file()), ("record", file())) == (422, odd)


@pytest.mark.one_engine
def test_what_an_address_says_twice_is_refused(app: Flask, session):
    """The first was taken and the second dropped; what is not known is left out as before."""
    cast.move_in("administrator")
    client, who = app.test_client(), cast.token(app, "administrator")
    answer = client.get("/api/v1/vehicles?page=1&page=2", headers=who)
    assert answer.status_code == 422
    assert answer.get_json()["errors"] == {"query": {"page": ["Given more than once."]}}
    assert client.get("/api/v1/vehicles?page=1&odd=2&odd=3", headers=who).status_code == 200


@pytest.mark.one_engine
def test_every_call_says_that_it_may_be_too_long_or_come_while_others_write(app: Flask, session):
    document = app.test_client().get("/api/v1/openapi.json").get_json()
    calls = [
        call["responses"]
        for path in document["paths"].values()
        for call in path.values()
        if "responses" in call
    ]
    assert len(calls) > 20
    assert all("503" in answers for answers in calls)
    for status in ("414", "431"):
        (name,) = {answers[status]["$ref"].rpartition("/")[2] for answers in calls}
        described = document["components"]["responses"][name]
        assert list(described["content"]) == ["application/problem+json"]
