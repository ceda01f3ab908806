"""Signed calls that nobody means well by: none is answered with an error of ours."""

from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from sqlalchemy import func, select

from fleet.renewals.hearing import EVENTS
from fleet.renewals.oa_tables import OaCall
from fleet.storage import db
from fleet.storage.history import verify
from tests.pages import PageClient
from tests.renewals.oa_calls import call, request, said

LONG = "9" * 20_000
HOSTILE = (
    *("\0", "\ud800", "a\0b", "NaN", float("nan"), float("inf"), 10**400, -1, 0, 2**31, True),
    *(None, [], {}, LONG, "9999-12-31", "0001-01-01", "0001-01-01T00:00:00+14:00", 1e308),
    *("9999-12-31T23:59:59-12:00", [[1]], {"a": "\0"}, [True], [None], [10**400], [2**31]),
    *([{"vin": "\0", "kind": "commercial"}], [{"vin": "\ud800", "kind": []}], [{"id": 1}]),
    *([1] * 1_001, "2026-03-02T10:00:00", "withdrawn", {"\ud800": 1, "b": [{}]}, "　"),
)
BODIES = (
    *(b"", b"null", b"5", b"[]", b'"text"', b"{", b"\xff\xfe", b'{"a": 1e999999}', b"NaN"),
    *(b"[" * 50_000, b'{"a":' * 10_000, b"9" * 5_000, b'{"requests":' + b"[" * 30_000),
)


@pytest.mark.parametrize("body", BODIES)
def test_no_signed_body_breaks_the_call(client: PageClient, session, body):
    answer = call(client, body)
    assert answer.status_code in {400, 422}
    assert (answer.mimetype, answer.json["code"]) == ("application/problem+json", "call_unreadable")


def test_no_signed_value_breaks_the_call(client: PageClient, session):
    id_ = request()
    fine = {200, 404, 409, 422}
    statuses = Counter()
    names = (*said(id_), "reason", "occurred_at", "another")
    for count, (name, value) in enumerate(product(names, HOSTILE)):
        answer = call(client, said(id_, event=EVENTS[count % 3]) | {name: value})
        statuses[answer.status_code] += 1
        assert answer.status_code in fine, (name, value)
    assert statuses[422] > 200
    assert db.session.scalar(select(func.count()).select_from(OaCall)) == sum(statuses.values())
    assert verify() is None
