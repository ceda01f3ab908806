"""The decision on paper: by its text, in every language, out of nothing but our own files."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path

import pytest
from pypdf import PdfReader

from fleet.reimbursement.service import record
from fleet.storage import db
from fleet.web import paper
from fleet.web.access import FINANCE
from fleet.web.paper_child import ForeignAddress, OurFilesOnly, draw
from tests.reimbursement.records import AT, BY, INVOICE, NUMBER, asked, group, sign_in, user

STATIC = Path(__file__).resolve().parents[2] / "static"


def text_of(document: bytes) -> str:
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(document)).pages)


@pytest.fixture
def printed(client, session):
    """The paper of a refused and held claim, in a language."""
    kept = group()
    kept.vehicle_tax = None
    kept.vehicle.company.name = "东区<b>示例</b>有限公司"
    db.session.commit()
    number = record(asked(insurer="INS-B", amount=Decimal(-1)), BY, AT).id
    sign_in(client, user(FINANCE))

    def fetch(tag: str):
        return client.get(f"/reimbursement/{number}/decision.pdf", headers={"Accept-Language": tag})

    return fetch


@pytest.mark.parametrize(
    ("tag", "clause"),
    [
        ("en", "A vehicle that is not insured must not be used"),
        ("zh-CN", "未投保的车辆不得使用"),
        ("zh-TW", "未投保的車輛不得使用"),
    ],
)
def test_it_says_what_was_decided_and_why(printed, tag, clause):
    answer = printed(tag)
    assert answer.mimetype == "application/pdf"
    assert "inline" in answer.headers["Content-Disposition"]
    text = text_of(answer.data)
    plain = "".join(text.split())
    for said in (NUMBER, INVOICE, "东区<b>示例</b>有限公司", "950.00", "2026-03-02", "2012-01-17"):
        assert said.replace(" ", "") in plain
    assert clause.replace(" ", "") in plain
    assert "2026-03-1012:00" in plain
    assert BY.name in plain
    assert len(PdfReader(io.BytesIO(answer.data)).pages) == 1


@pytest.mark.one_engine
def test_a_page_has_one_small_font(printed):
    answer = printed("zh-CN")
    fonts = {
        str(font.get_object()["/BaseFont"])
        for page in PdfReader(io.BytesIO(answer.data)).pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert all("WenQuanYi" in name for name in fonts), fonts
    assert len(answer.data) < 100_000


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/hostname",
        f"{STATIC.as_uri()}/../app.py",
        f"{STATIC.as_uri()}/%2e%2e/app.py",
        "http://127.0.0.1:9/x",
        "file://elsewhere/x",
        "data:text/plain,x",
        "ftp://127.0.0.1/x",
    ],
)
def test_only_our_static_files_are_opened(address):
    with pytest.raises(ForeignAddress):
        OurFilesOnly(STATIC).fetch(address)
    kept = f'<a rel="attachment" href="{address}">x</a><img src="{address}" alt="">text'
    document = PdfReader(io.BytesIO(draw(kept, STATIC)))
    assert document.attachments == {}
    assert "text" in document.pages[0].extract_text()


def test_our_own_file_is_opened():
    found = OurFilesOnly(STATIC).fetch((STATIC / "icon.svg").as_uri())
    assert b"<svg" in found.read()
    found.close()


@pytest.mark.one_engine
@pytest.mark.parametrize(
    "html", ["<div>" * 2_000 + "deep", "<table><tr><td colspan=1000000>wide</table>" * 3]
)
def test_a_document_that_breaks_or_lasts_is_given_up(app, monkeypatch, html):
    monkeypatch.setattr(paper, "PATIENCE", 3.0)
    with app.app_context(), pytest.raises(paper.PaperFailed):
        paper._in_a_child(html, STATIC, None)
