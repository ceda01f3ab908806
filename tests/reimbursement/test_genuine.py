"""The code on a decision's document and the public page behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest
from flask import render_template
from qrcode.base import rs_blocks
from qrcode.util import mask_func, pattern_position
from sqlalchemy import func, select

from fleet.people import limits
from fleet.policies.tables import Policy
from fleet.reimbursement import pages, service
from fleet.reimbursement.genuine import Document, read_token, token_of
from fleet.reimbursement.reversing import reverse
from fleet.reimbursement.rules import REFUNDED, Why
from fleet.reimbursement.verify_pages import address_of
from fleet.storage import db
from fleet.storage.history import HistoryEntry
from fleet.web.access import FINANCE
from fleet.web.qr import QUIET, code_of
from tests.reimbursement.records import (
    AT,
    BY,
    CREDIT,
    DAY,
    INVOICE,
    NUMBER,
    asked,
    group,
    sign_in,
    user,
)

pytestmark = pytest.mark.one_engine

KEY = "k" * 40
PAPER = Document(12, 34, "payable", date(2026, 3, 2), "ab" * 32)


# The token


def test_a_token_names_its_document():
    assert read_token(token_of(PAPER, KEY), KEY) == PAPER


def altered() -> Iterator[str]:
    good = token_of(PAPER, KEY)
    yield from ("", ".", "....", "x", "é", f"{good}.", good[:-1], good.upper(), f"0{good}")
    yield from (good.replace("payable", "refused"), good.replace("12.34", "12.35"))
    yield from (good.replace("2026-03-02", "2026-03-03"), good.replace("ab", "ba", 1))
    yield token_of(PAPER, "another key, of another installation")


@pytest.mark.parametrize("token", list(altered()))
def test_any_other_word_names_none(token):
    assert read_token(token, KEY) is None


# The code, read again from its drawing


def matrix_of(path: str, size: int) -> list[list[bool]]:
    """The modules of a drawing, its quiet zone taken off."""
    dark = [[False] * size for _row in range(size)]
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
        for column in range(int(x), int(x) + int(width)):
            assert not dark[int(y)][column]
            dark[int(y)][column] = True
    assert not any(any(row) for row in dark[:QUIET] + dark[-QUIET:])
    return [row[QUIET:-QUIET] for row in dark[QUIET:-QUIET]]


def is_data(version: int, size: int, row: int, column: int) -> bool:
    """Whether a module carries data: no finder, timing, alignment, format, version."""
    if row == 6 or column == 6:
        return False
    if (row < 9 and (column < 9 or column >= size - 8)) or (row >= size - 8 and column < 9):
        return False
    centres = pattern_position(version)
    corners = {(6, 6), (6, size - 7), (size - 7, 6)}
    for at in ((r, c) for r in centres for c in centres if (r, c) not in corners):
        if abs(row - at[0]) <= 2 and abs(column - at[1]) <= 2:
            return False
    far = range(size - 11, size - 8)
    return version < 7 or not ((row in far and column < 6) or (column in far and row < 6))


def decoded(modules: list[list[bool]]) -> str:
    """The text of a QR code whose modules are unspoilt (ISO/IEC 18004, byte mode)."""
    size = len(modules)
    version = (size - 17) // 4
    form = [modules[8][column] for column in range(5)]  # its first five bits: level and mask
    bits = [bool(bit) != (flip == "1") for bit, flip in zip(form, "10101", strict=True)]
    level, mask = (int("".join("01"[b] for b in part), 2) for part in (bits[:2], bits[2:]))
    flips = mask_func(mask)
    stream = []
    columns = [c for c in range(size - 1, -1, -1) if c != 6]
    for step, right in enumerate(columns[::2]):
        left = columns[2 * step + 1]
        rows = range(size) if step % 2 else range(size - 1, -1, -1)
        for row in rows:
            stream += [
                modules[row][column] != flips(row, column)
                for column in (right, left)
                if is_data(version, size, row, column)
            ]
    words = [int("".join("01"[b] for b in stream[n : n + 8]), 2) for n in range(0, len(stream), 8)]
    lengths = [block.data_count for block in rs_blocks(version, level)]
    blocks: list[list[int]] = [[] for _block in lengths]
    taken = iter(words)
    for index in range(max(lengths)):
        for block, length in zip(blocks, lengths, strict=True):
            if index < length:
                block.append(next(taken))
    data = "".join(f"{word:08b}" for block in blocks for word in block)
    wide = 8 if version < 10 else 16
    assert data[:4] == "0100"
    count = int(data[4 : 4 + wide], 2)
    body = data[4 + wide : 4 + wide + 8 * count]
    return bytes(int(body[n : n + 8], 2) for n in range(0, len(body), 8)).decode()


@pytest.mark.parametrize("length", [1, 60, 175, 400])
def test_a_code_says_its_text(length):
    text = ("https://fleet.example.test/verify/" * 12)[:length]
    code = code_of(text)
    assert decoded(matrix_of(code.path, code.size)) == text


# The document and its page


@pytest.fixture
def claim(session):
    kept = group()
    kept.approval_number = None
    db.session.commit()
    return service.record(asked(), BY, AT)


def path_of(decision, app) -> str:
    with app.test_request_context():
        address = address_of(decision)
    assert address.startswith("http://127.0.0.1:8000/verify/")
    return address.removeprefix("http://127.0.0.1:8000")


def said_by(client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer.headers["X-Robots-Tag"]
    return answer.get_data(as_text=True)


def test_the_printed_code_leads_to_a_page_that_knows_it(claim, app, client, monkeypatch):
    def unprinted(template: str, **facts) -> bytes:
        return render_template(f"paper/{template}.html", **facts).encode()

    monkeypatch.setattr(pages, "render", unprinted)
    sign_in(client, user(FINANCE))
    html = client.get(f"/reimbursement/{claim.id}/decision.pdf").data.decode()
    decision = claim.decisions[0]
    with app.test_request_context():
        address = address_of(decision)
    size, path = re.search(r'viewBox="0 0 (\d+) \d+"><path d="([^"]+)"', html).groups()
    assert decoded(matrix_of(path, int(size))) == address
    assert address.rpartition(".")[0].endswith(re.search("[0-9a-f]{64}", html)[0])
    text = said_by(app.test_client(), address.removeprefix("http://127.0.0.1:8000"))
    assert "Genuine and unchanged" in text
    assert f"Claim {claim.id}, decision {decision.id}" in text
    assert "2026-03-10" in text
    for personal in (NUMBER, INVOICE, CREDIT, BY.name, "Company E1", "INS-A", "京A"):
        assert personal not in text


def test_an_altered_address_is_not_genuine(claim, app, client):
    path = path_of(claim.decisions[0], app)
    for other in (
        f"{path}x",
        path.replace(".held.", ".payable."),
        "/verify/x",
        "/verify/%C3%A9.%20",
    ):
        assert "Not genuine" in said_by(client, other, 404)
    assert "Genuine and unchanged" in said_by(client, path)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: setattr(one, "decision", "payable"),
        lambda one: setattr(one, "facts", {**one.facts, "invoice_claimed": True}),
        lambda one: setattr(one, "decided_at", AT + DAY),
    ],
)
def test_a_record_changed_since_is_said(claim, app, client, change):
    path = path_of(claim.decisions[0], app)
    change(claim.decisions[0])
    db.session.commit()
    text = said_by(client, path)
    assert "no longer agrees with the record" in text
    assert "Genuine and unchanged" not in text


def test_a_later_decision_and_a_reversal_are_said(claim, app, client):
    first = path_of(claim.decisions[0], app)
    db.session.execute(Policy.__table__.update().values(approval_number="OA-3"))
    db.session.commit()
    claim = service.decide_again(claim.id, BY, AT + DAY)
    second = path_of(claim.decisions[1], app)
    assert "A later decision on this claim exists, of 2026-03-11" in said_by(client, first)
    assert "later" not in said_by(client, second)
    reverse(claim.id, Why(REFUNDED, "bank"), BY, AT + 2 * DAY)
    for path in (first, second):
        assert "The claim was reversed later, on 2026-03-12" in said_by(client, path)


def test_looking_writes_no_history_and_is_limited(claim, app, client, monkeypatch):
    path = path_of(claim.decisions[0], app)
    before = db.session.scalar(select(func.count()).select_from(HistoryEntry))
    monkeypatch.setattr(limits, "TRIES_PER_HOST", 2)
    answers = [client.get(path).status_code for _time in range(3)]
    assert answers == [200, 200, 429]
    assert db.session.scalar(select(func.count()).select_from(HistoryEntry)) == before
