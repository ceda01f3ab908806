"""Calls of the OA at the same moment, a process each: one takes effect."""

from __future__ import annotations

from sqlalchemy import select, text

from fleet.renewals.tables import Approval
from fleet.storage import db
from fleet.storage.history import verify
from tests.renewals.oa_calls import moves, race, request, said, state, verbs

A, B = "a" * 20, "b" * 20


def test_of_two_calls_at_once_each_is_taken_once_and_the_later_word_stands(settings, session):
    same, once, typed, *under = (request(serial) for serial in (1, 2, 3, 4, 5))
    word, other = said(same), said(once, number="OA-2")
    given, taken_back = said(*under, number="OA-3"), said(event="withdrawn", number="OA-3")
    found = race(
        settings,
        [
            ((word, A), (word, B)),  # one content, signed twice
            ((other, A + "2"), (other, A + "2")),  # one call, delivered twice
            ((given, A + "3"), (taken_back, B + "3")),
            ((said(typed), ""), (said(event="withdrawn"), B + "4")),  # typed in meanwhile
        ],
    )
    assert found[:3] == [[200, 200], [200, 409], [200, 200]]
    # Typed in before the OA took it back, or refused after: the request is prepared either way.
    assert found[3] in ([0, 200], [1, 200])
    assert state(typed) == state(same) == "prepared"
    assert [moves(id_)[:1] for id_ in (same, once)] == [[("approve", "prepared", "approved")]] * 2
    assert {state(id_) for id_ in under} == {"prepared"}
    stands = select(Approval.state).where(Approval.number == "OA-3")
    assert db.session.scalars(stands).all() == ["withdrawn"]
    assert verbs()["hear_oa"] == 5
    assert verify() is None


def test_without_the_unique_key_one_content_is_taken_twice(settings, session, engine):
    """The control: SQLite's one writer needs no key, PostgreSQL's many do."""
    word = said(request())
    session.execute(text("DROP INDEX uq_oa_calls_answered"))
    session.commit()
    assert race(settings, [((word, A), (word, B))]) == [[200, 200]]
    assert verbs()["hear_oa"] == (2 if engine == "postgresql" else 1)
