"""The daily job: what opens, what closes and why, at the edges of the days (3.3)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from fleet.insurers.tables import MUTUAL_POOL
from fleet.renewals.rules import DUE
from fleet.renewals.tables import CoverRequest
from fleet.rulebook.renewal import RENEWAL
from fleet.storage import db
from fleet.storage.history import HistoryEntry, verify
from fleet.words import midnight
from fleet.work.service import last_run
from tests.renewals.records import (
    AT,
    CLOCK,
    DAY,
    X,
    closed,
    insurer,
    lay_up,
    opened,
    policy,
    run,
    vehicle,
)

NEED = ("compulsory", X.isoformat(), False)
LATE = ("compulsory", X.isoformat(), True)


def renewals_of(report: dict[str, Any]) -> dict[str, Any]:
    """A report without what it tells of new requests: nobody here has commercial cover."""
    return {key: told for key, told in report.items() if not key.startswith("new_")}


def rows() -> list[tuple[str, date, str, date, date | None]]:
    db.session.rollback()
    columns = (
        CoverRequest.kind,
        CoverRequest.expiry_day,
        CoverRequest.state,
        CoverRequest.opened_on,
    )
    renewals = select(*columns, CoverRequest.closed_on).where(CoverRequest.occasion == RENEWAL)
    return [tuple(row) for row in db.session.execute(renewals)]


@pytest.mark.parametrize(
    ("offset", "found"),
    [(-16, []), (-15, [NEED]), (-1, [NEED]), (0, [NEED]), (1, [LATE]), (400, [LATE])],
)
def test_a_renewal_opens_fifteen_days_before_and_is_late_after(session, offset, found):
    policy(vehicle())
    assert opened(X + offset * DAY) == found


def test_the_answer_names_vehicle_policy_and_days(session):
    policy(vehicle(), "commercial")
    assert renewals_of(run(X - 15 * DAY)) == {
        "on": "2026-06-15",
        "opened": [
            {
                "vin": "LTESTA00000000001",
                "kind": "commercial",
                "policy_number": "COMM-0001-20250701",
                "expiry_day": "2026-06-30",
                "opens_on": "2026-06-15",
                "late": False,
            }
        ],
        "closed": [],
    }


def test_the_lists_are_sorted_by_expiry_day_vin_and_kind(session):
    for serial, last in ((3, X), (2, X), (1, X + DAY)):
        of = vehicle(serial)
        policy(of, "compulsory", last)
        policy(of, "commercial", last)
    found = [(one["expiry_day"], one["vin"], one["kind"]) for one in run(X)["opened"]]
    assert found == sorted(found)
    assert len(found) == 6


def test_the_second_run_of_a_day_changes_nothing(session):
    policy(vehicle())
    assert opened(X) == [NEED]
    before = rows()
    again = {"on": X.isoformat(), "opened": [], "closed": []}
    assert run(X) == again | {"new_opened": [], "new_closed": []}
    assert rows() == before


def test_a_run_is_one_entry_of_the_history_and_a_run_on_record(session):
    policy(vehicle())
    entries = db.session.scalar(select(func.count()).select_from(HistoryEntry))
    run(X)
    added = db.session.scalars(select(HistoryEntry).where(HistoryEntry.seq > entries)).all()
    assert [(one.verb, one.subject, one.at) for one in added] == [("run-day", X.isoformat(), AT)]
    noted = json.loads(added[0].changes)
    assert noted[:1] == [
        {
            "table": "cover_requests",
            "opened": ["LTESTA00000000001 compulsory COMP-0001-20250701 2026-06-30"],
        }
    ]
    assert last_run("run-day") == X
    assert verify() is None


def test_a_missed_day_is_made_up_once(session):
    policy(vehicle())
    assert opened(X - 16 * DAY) == []
    assert opened(X - 3 * DAY) == [NEED]
    assert opened(X - 2 * DAY) == []
    assert rows() == [("compulsory", X, DUE, X - 3 * DAY, None)]


def test_a_following_policy_ends_the_need(session):
    of = vehicle()
    policy(of)
    run(X - 15 * DAY)
    policy(of, first=X + DAY, last=X + 365 * DAY)
    assert closed(X - 10 * DAY) == [("compulsory", X.isoformat(), "insured")]
    assert rows() == [("compulsory", X, "insured", X - 15 * DAY, X - 10 * DAY)]
    assert opened(X - 9 * DAY) == []


def test_a_gap_ends_the_need_only_when_the_later_policy_begins(session):
    of = vehicle()
    policy(of)
    run(X)
    policy(of, first=X + 4 * DAY, last=X + 368 * DAY)
    assert closed(X + DAY) == []
    assert closed(X + 3 * DAY) == []
    assert closed(X + 4 * DAY) == [("compulsory", X.isoformat(), "insured")]


def test_a_policy_that_begins_in_the_afternoon_ends_the_need_the_next_day(session):
    of = vehicle()
    policy(of)
    run(X)
    begins = datetime(2026, 7, 4, 18, 3, tzinfo=CLOCK)
    policy(of, first=X + 4 * DAY, last=X + 368 * DAY, begins=begins)
    assert closed(X + 4 * DAY) == []
    assert closed(X + 5 * DAY) == [("compulsory", X.isoformat(), "insured")]


def test_a_short_following_policy_opens_its_own_need(session):
    of = vehicle()
    policy(of)
    run(X)
    policy(of, first=X + DAY, last=X + 10 * DAY)
    report = run(X + DAY)
    assert [(one["expiry_day"], one["why"]) for one in report["closed"]] == [
        (X.isoformat(), "insured")
    ]
    assert [one["expiry_day"] for one in report["opened"]] == [(X + 10 * DAY).isoformat()]


def test_a_cancelled_policy_moves_the_expiry_day(session):
    of = vehicle()
    held = policy(of)
    run(X - 10 * DAY)
    held.cancelled_at = midnight(X - 5 * DAY, CLOCK)
    report = run(X - 9 * DAY)
    moved = (X - 6 * DAY).isoformat()
    assert [(one["expiry_day"], one["why"]) for one in report["closed"]] == [
        (X.isoformat(), "expiry_changed")
    ]
    assert [(one["expiry_day"], one["opens_on"]) for one in report["opened"]] == [
        (moved, (X - 21 * DAY).isoformat())
    ]


def test_a_policy_cancelled_mid_day_expires_that_day(session):
    policy(vehicle(), cancelled_at=datetime(2026, 6, 20, 9, tzinfo=CLOCK))
    assert opened(date(2026, 6, 20)) == [("compulsory", "2026-06-20", False)]


@pytest.mark.parametrize("kind", ["void", "pool"])
def test_void_policies_and_pool_paper_never_were_cover(session, kind):
    of = vehicle()
    held = policy(of, last=X)
    if kind == "void":
        held.cancelled_at = held.begins
    else:
        held.insurer = insurer("DEMO-POOL", MUTUAL_POOL)
    assert opened(X) == []
    policy(of, last=X, first=X - 300 * DAY, policy_number="REAL")
    assert opened(X) == [NEED]


def test_a_pool_paper_does_not_end_a_need(session):
    of = vehicle()
    policy(of)
    run(X)
    policy(of, first=X + DAY, last=X + 365 * DAY, insurer=insurer("DEMO-POOL", MUTUAL_POOL))
    assert closed(X + DAY) == []


def test_a_vehicle_that_leaves_by_the_day_after_needs_no_renewal(session):
    policy(vehicle(1, until=X + DAY))  # X is its last day
    policy(vehicle(2, until=X + 2 * DAY))
    assert [one["vin"][-1] for one in run(X)["opened"]] == ["2"]


def test_a_vehicle_not_yet_in_service_has_no_renewal(session):
    policy(vehicle(since=X + DAY))
    assert opened(X) == []
    assert opened(X + DAY) == [LATE]


def test_leaving_the_fleet_drops_the_need(session):
    of = vehicle()
    policy(of)
    run(X)
    of.in_service_until = X + 5 * DAY
    assert closed(X + 4 * DAY) == []
    assert closed(X + 5 * DAY) == [("compulsory", X.isoformat(), "left_fleet")]


def test_a_recorded_leaving_before_the_day_after_drops_the_need_at_once(session):
    of = vehicle()
    policy(of)
    run(X - 10 * DAY)
    of.in_service_until = X + DAY
    assert closed(X - 9 * DAY) == [("compulsory", X.isoformat(), "left_fleet")]


@pytest.mark.parametrize(
    ("since", "until", "day", "found"),
    [
        (-5, 0, -6, [NEED]),  # not laid up that day
        (-5, 0, -5, []),
        (-5, 0, -1, []),
        (-5, 0, 0, [NEED]),  # back on the road
        (1, 2, 0, []),  # laid up the day after X
        (2, 9, 0, [NEED]),
        (2, 9, 5, []),
        (2, 9, 9, [LATE]),
    ],
)
def test_laid_up_is_not_in_service(session, since, until, day, found):
    of = vehicle()
    policy(of)
    lay_up(of, X + since * DAY, X + until * DAY)
    assert opened(X + day * DAY) == found


def test_a_lay_up_closes_and_its_end_opens_the_same_row_again(session):
    of = vehicle()
    policy(of)
    run(X - 15 * DAY)
    lay_up(of, X - 10 * DAY, X - 5 * DAY)
    assert closed(X - 10 * DAY) == [("compulsory", X.isoformat(), "laid_up")]
    assert opened(X - 5 * DAY) == [NEED]
    assert rows() == [("compulsory", X, DUE, X - 5 * DAY, None)]


def test_a_backward_run_does_not_undo_what_a_later_day_closed(session):
    of = vehicle()
    policy(of)
    run(X - 15 * DAY)
    lay_up(of, X - 5 * DAY, X)
    assert closed(X - 5 * DAY) == [("compulsory", X.isoformat(), "laid_up")]
    assert opened(X - 10 * DAY) == []
    assert rows()[0][2] == "laid_up"


def test_a_backward_run_closes_nothing_that_opened_later(session):
    policy(vehicle())
    run(X)
    assert run(X - 16 * DAY)["closed"] == []
    assert rows() == [("compulsory", X, DUE, X, None)]


def test_a_backward_run_opens_what_stood_then(session):
    policy(vehicle())
    run(X - 16 * DAY)
    assert opened(X + DAY) == [LATE]
    other = vehicle(2)
    policy(other)
    assert opened(X) == [NEED]


def test_a_vehicle_never_insured_needs_a_new_request_and_no_renewal(session):
    of = vehicle()
    policy(of, "commercial", first=X + 2 * DAY, last=X + 300 * DAY)
    assert opened(X) == []


def test_unbroken_cover_is_followed_through_several_policies(session):
    of = vehicle()
    policy(of)
    policy(of, first=X + DAY, last=X + 30 * DAY)
    policy(of, first=X + 20 * DAY, last=X + 60 * DAY)
    assert opened(X) == []
    assert opened(X + 45 * DAY) == [("compulsory", (X + 60 * DAY).isoformat(), False)]


def test_of_several_ending_that_day_the_latest_begun_then_greatest_number_is_named(session):
    of = vehicle()
    policy(of, policy_number="Z", first=X - 300 * DAY)
    policy(of, policy_number="B", first=X - 100 * DAY)
    policy(of, policy_number="C", first=X - 100 * DAY)
    assert [one["policy_number"] for one in run(X)["opened"]] == ["C"]


def test_an_hour_of_the_last_day_is_the_expiry_day(session):
    noon_end = datetime(2026, 6, 30, 12, tzinfo=CLOCK)
    policy(vehicle(), ends=noon_end)
    assert opened(X - 15 * DAY) == [NEED]
    assert noon_end.astimezone(UTC).hour == 4
