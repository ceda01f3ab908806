"""Documents on a claim: known by content, kept by digest, given out to be saved only."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage

from fleet.reimbursement import attachments
from fleet.reimbursement.attachments import MOST, SUFFIX
from fleet.reimbursement.service import record
from fleet.reimbursement.tables import Attachment
from fleet.storage import db, files
from fleet.storage.history import HistoryEntry, verify
from fleet.web.access import AUDITOR, COMPANY_ADMIN, FINANCE, INSURANCE_DESK
from fleet.web.attached import MIMETYPES
from tests.pages import soup, words
from tests.reimbursement.documents import GOOD, HOSTILE, PDF, picture
from tests.reimbursement.records import AT, BY, asked, bearer, group, sign_in, user
from tests.reimbursement.test_verbs import together  # noqa: F401 - a fixture

PAGE = "/reimbursement/1"
API = "/api/v1/reimbursements/1/attachments"


@pytest.fixture(autouse=True)
def claim(session):
    group()
    return record(asked(), BY, AT).id


@pytest.fixture
def finance(client, session):
    somebody = user(FINANCE)
    sign_in(client, somebody)
    client.headers = bearer(somebody)
    return client


def sent(content: bytes = PDF, name: str = "发票.pdf") -> dict[str, Any]:
    return {"file": FileStorage(io.BytesIO(content), name)}


def rows() -> list[Attachment]:
    db.session.rollback()
    return list(db.session.scalars(select(Attachment).order_by(Attachment.id)))


def stored() -> int:
    return sum(path.name.endswith(SUFFIX) for path in files._folder().iterdir())


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# What is kept


def test_a_document_is_kept_listed_and_given_out(finance):
    page = finance.post(f"{PAGE}/attachments", data=sent(), follow_redirects=True)
    assert "发票.pdf" in words(page)
    assert sha(PDF) in words(page)
    answer = finance.get(soup(page).select_one("#documents ~ * a[href*=attachments]")["href"])
    assert answer.data == PDF
    assert answer.mimetype == "application/pdf"
    headers = answer.headers
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    entry = db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq.desc())).first()
    assert entry.verb == "attach_document"
    assert sha(PDF) in str(entry.changes)
    assert verify() is None


@pytest.mark.one_engine
@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_is_known_by_its_content(finance, kind):
    content, mimetype = GOOD[kind]
    answer = finance.post(API, data=sent(content, "a.exe"), headers=finance.headers)
    assert answer.status_code == 201, answer.json
    told = answer.json
    assert (told["name"], told["mimetype"]) == (f"a.{kind}", mimetype)
    assert told["received_digest"] == sha(content)
    kept = finance.get(f"{API}/{told['id']}", headers=finance.headers)
    assert (sha(kept.data), len(kept.data)) == (told["digest"], told["size"])
    if kind in ("pdf", "ofd", "xml"):
        assert kept.data == content
    else:
        assert b"SECRET" in content
        assert b"SECRET" not in kept.data
        assert not Image.open(io.BytesIO(kept.data)).getexif()
    assert finance.get(API, headers=finance.headers).json == {"items": [told]}


@pytest.mark.one_engine
def test_every_kind_that_is_given_out_is_described(finance):
    """The description once named PDF alone, so that a picture was an undocumented answer."""
    paths = finance.get("/api/v1/openapi.json", headers=finance.headers).json["paths"]
    one = "/api/v1/reimbursements/{claim_id}/attachments/{attachment_id}"
    assert set(paths[one]["get"]["responses"]["200"]["content"]) == set(MIMETYPES.values())
    assert {mimetype for _content, mimetype in GOOD.values()} == set(MIMETYPES.values())


@pytest.mark.one_engine
def test_whose_claim_it_is_is_said_before_the_form_is_looked_at(finance, session):
    address = API.replace("/1/", "/99/")
    assert finance.post(address, headers=finance.headers).status_code == 404
    auditor = bearer(user(AUDITOR, name="auditor"))
    assert finance.post(API, headers=auditor).status_code == 403
    assert finance.post(API, headers=finance.headers).status_code == 422


@pytest.mark.one_engine
def test_what_hangs_on_a_pictures_end_is_gone(finance):
    content = picture() + b"<script>alert(1)</script>"
    told = finance.post(API, data=sent(content), headers=finance.headers).json
    kept = finance.get(f"{API}/{told['id']}", headers=finance.headers).data
    assert b"<script>" not in kept


@pytest.mark.one_engine
@pytest.mark.parametrize("which", HOSTILE)
def test_what_is_no_document_is_refused_and_not_kept(finance, which):
    content, says = HOSTILE[which]
    answer = finance.post(API, data=sent(content, "invoice.pdf"), headers=finance.headers)
    assert answer.status_code == 422
    assert says in answer.json["title"]
    assert (rows(), stored()) == ([], 0)


@pytest.mark.one_engine
def test_one_byte_over_the_limit(app, finance, monkeypatch):
    settings = replace(app.extensions["fleet_settings"], attachment_limit_mb="1")
    monkeypatch.setitem(app.extensions, "fleet_settings", settings)
    most = PDF[:-6] + b" " * (1024 * 1024 - len(PDF)) + PDF[-6:]
    over = finance.post(API, data=sent(most[:-6] + b" " + most[-6:]), headers=finance.headers)
    assert (over.status_code, stored()) == (413, 0)
    assert finance.post(API, data=sent(most), headers=finance.headers).status_code == 201


@pytest.mark.one_engine
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\files\\a.b.ofd", "a.b.pdf"),
        ("a\r\nSet-Cookie: x\u202e.pdf", "aSet-Cookie: x.pdf"),
        ("长" * 300, "长" * 196 + ".pdf"),
        (".pdf", ".pdf.pdf"),
    ],
)
def test_a_name_is_made_harmless(name, shown, session):
    from fleet.web.attached import named

    assert named(name, ".pdf") == shown


def test_the_same_once_and_twenty_at_most(finance):
    headers = finance.headers
    assert finance.post(API, data=sent(), headers=headers).status_code == 201
    again = finance.post(API, data=sent(name="b.pdf"), headers=headers)
    assert (again.status_code, "already" in again.json["title"]) == (409, True)
    for number in range(1, MOST):
        db.session.add(replace_digest(rows()[0], number))
        db.session.commit()
    over = finance.post(API, data=sent(PDF + b"\n"), headers=headers)
    assert (over.status_code, len(rows())) == (409, MOST)


def replace_digest(row: Attachment, number: int) -> Attachment:
    columns = {c.key: getattr(row, c.key) for c in Attachment.__table__.columns if c.key != "id"}
    return Attachment(**columns | {"received_digest": f"{number:064d}"})


def test_two_at_once_cannot_both_be_the_last(together, session, monkeypatch):  # noqa: F811
    monkeypatch.setattr(attachments, "MOST", 1)

    def adding(content: bytes) -> Any:
        return lambda: attachments.attach(1, io.BytesIO(content), "a.pdf", by=BY, at=AT).name

    found = together(adding(PDF), adding(PDF + b"\n"))
    assert sorted(found) == ["TooManyAttachments", "a.pdf"]
    assert len(rows()) == 1


# Who may


@pytest.mark.one_engine
def test_who_sees_the_claim_sees_them_and_who_keeps_it_adds(client, session):
    for role, place, status in (
        (FINANCE, None, 201),
        (FINANCE, "E1", 201),
        (COMPANY_ADMIN, "E1", 201),
        (INSURANCE_DESK, None, 201),
        (AUDITOR, None, 403),
        (COMPANY_ADMIN, "W1", 404),
        (FINANCE, "W1", 404),
    ):
        somebody = user(role, place, name=f"{role}{place}")
        content = PDF + somebody.name.encode() + b"%%EOF"
        answer = client.post(API, data=sent(content), headers=bearer(somebody))
        assert answer.status_code == status, somebody.name
        seen = client.get(f"{API}/1", headers=bearer(somebody)).status_code
        assert seen == (404 if status == 404 else 200)
        listed = client.get(API, headers=bearer(somebody)).status_code
        assert listed == (404 if status == 404 else 200)


@pytest.mark.one_engine
def test_who_only_looks_is_offered_no_form(client, session):
    sign_in(client, user(AUDITOR))
    page = client.get(PAGE)
    assert "No document yet" in words(page)
    assert not soup(page).select("input[type=file]")


@pytest.mark.one_engine
def test_the_documents_of_one_claim_are_not_anothers(finance):
    record(asked(invoice_number="26992000000123456788"), BY, AT)
    finance.post(API, data=sent(), headers=finance.headers)
    other = API.replace("/1/", "/2/")
    assert finance.get(f"{other}/1", headers=finance.headers).status_code == 404
    assert finance.post("/reimbursement/2/attachments/1/wrong").status_code == 404


# Wrong, and gone


def test_a_wrong_one_is_marked_once_and_stays(finance):
    finance.post(f"{PAGE}/attachments", data=sent())
    empty = finance.post(f"{PAGE}/attachments/1/wrong", data={"why": " "}, follow_redirects=True)
    assert "Say why" in words(empty)
    page = finance.post(
        f"{PAGE}/attachments/1/wrong", data={"why": "another car's"}, follow_redirects=True
    )
    assert "another car's" in words(page)
    assert soup(page).select_one("s")
    again = finance.post(f"{PAGE}/attachments/1/wrong", data={"why": "x"}, follow_redirects=True)
    assert "marked wrong already" in words(again)
    (row,) = rows()
    assert (row.wrong_why, row.wrong_by) == ("another car's", "a@example.test")
    assert finance.get(f"{PAGE}/attachments/1").data == PDF
    assert (
        db.session.scalar(select(func.count()).where(HistoryEntry.verb == "mark_document_wrong"))
        == 1
    )


@pytest.mark.one_engine
def test_a_file_that_was_changed_or_lost_is_not_given_out(finance):
    finance.post(f"{PAGE}/attachments", data=sent())
    path = files.path_of(sha(PDF), SUFFIX)
    path.write_bytes(PDF + b" ")
    assert finance.get(f"{PAGE}/attachments/1").status_code == 404
    path.unlink()
    assert finance.get(f"{PAGE}/attachments/1").status_code == 404


@pytest.mark.one_engine
def test_without_a_file_the_page_says_so(finance):
    page = finance.post(f"{PAGE}/attachments", data={}, follow_redirects=True)
    assert "0 bytes" in words(page)
