"""Many threads of many processes claim and pay the same invoices; some die on the way.

Small here; the whole of it by the environment:

    FLEET_RACE_PROCESSES=4 FLEET_RACE_THREADS=50 FLEET_RACE_INVOICES=50 FLEET_RACE_KILLS=100
"""

from __future__ import annotations

import io
import json
import os
import signal
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from python_calamine import load_workbook
from sqlalchemy import func, select, text

from fleet.people.tables import User
from fleet.reimbursement.tables import Claim, Decision, IdempotencyKey
from fleet.storage import db
from fleet.storage.history import HistoryEntry, verify
from fleet.web.access import FINANCE
from tests.pages import PageClient
from tests.reimbursement import records
from tests.reimbursement.racing import (
    USER,
    Nursery,
    Race,
    Told,
    claim_and_pay_once,
    invoice,
    policy_number,
    run,
)


def sized(name: str, small: int) -> int:
    return int(os.environ.get(f"FLEET_RACE_{name}", small))


RACE = Race(sized("PROCESSES", 2), sized("THREADS", 4), sized("INVOICES", 5))
KILLS = sized("KILLS", 10)


def group(policies: int) -> None:
    """As many policies that may be reimbursed, a vehicle each."""
    records.designate("E", "INS-A", records.BEGINS - 365 * records.DAY)
    for serial in range(policies):
        records.policy(records.vehicle(serial), policy_number(serial))
    db.session.commit()


def verbs() -> Counter[str]:
    counted = select(HistoryEntry.verb, func.count()).group_by(HistoryEntry.verb)
    return Counter(dict(db.session.execute(counted).all()))


def test_each_invoice_is_claimed_and_paid_once(app, session, client):
    group(RACE.invoices)
    finance = records.user(FINANCE)
    told = run(app.extensions["fleet_settings"], RACE)
    assert not [one for one in told if one.startswith("error")], told
    # A claim just recorded may be paid by another before its own thread looks at it again.
    won = told["claim: payable"] + told["claim: paid"]
    assert won == told["pay: paid"] == RACE.invoices
    # Who lost was told a decision with its reason, or that it is paid already.
    everybody = RACE.processes * RACE.threads * RACE.invoices
    lost = everybody - RACE.invoices
    assert told["claim: refused"] + told["refusal: busy"] == lost
    assert told["refusal: already_paid"] == everybody - RACE.invoices
    assert set(told) <= {
        *("claim: payable", "claim: paid", "claim: refused", "pay: paid"),
        *("refusal: already_paid", "refusal: busy"),
    }
    session.rollback()
    standing = session.scalars(select(Claim).where(Claim.state != "refused")).all()
    assert sorted(one.invoice_key for one in standing) == list(map(invoice, range(RACE.invoices)))
    assert {one.state for one in standing} == {"paid"}
    refused = session.scalars(
        select(Decision).join(Claim).where(Claim.state == "refused")
    ).all()  # fmt: skip
    assert {one.reasons[0]["code"] for one in refused} <= {"invoice_already_claimed"}
    assert paid_in_history() == sum(one.amount for one in standing) == RACE.invoices * records.DUE
    assert verbs()["pay_claim"] == RACE.invoices
    assert verify() is None
    records.sign_in(client, finance)
    assert shown_to(client) == entered() == told_of(told)
    # The control: one entry that nobody was told of, and the three are not the same.
    extra = min(one.claim_id for one in refused)
    entry = {"claim": extra, "kind": "paid", "fen": 1, "at": records.AT, "by": "nobody"}
    session.execute(ENTRY.bindparams(**entry))
    session.commit()
    assert shown_to(client) == entered() != told_of(told)


ENTRY = text(
    "INSERT INTO money_entries (claim_id, kind, amount, at, by) "
    "VALUES (:claim, :kind, :fen, :at, :by)"
)
COLUMNS = ("claims", "claimed", "waiting", "refused", "paid", "given back", "kept")


def shown_to(client: PageClient) -> dict[str, Decimal]:
    """The last line of the money view's export: of all companies, insurers and months."""
    answer = client.get("/reimbursement/money.xlsx?since=2026-03&until=2026-03")
    rows = load_workbook(io.BytesIO(answer.data)).get_sheet_by_index(0).to_python()
    assert rows[-1][0] == "All"
    return dict(zip(COLUMNS, (Decimal(str(cell)) for cell in rows[-1][3:]), strict=True))


def entered() -> dict[str, Decimal]:
    """The same from the rows as they stand in the database, in fen, by statements of our own."""
    db.session.rollback()
    claims = db.session.execute(text("SELECT state, amount FROM claims")).all()
    entries = db.session.execute(text("SELECT kind, amount FROM money_entries")).all()

    def yuan(rows: Sequence[Any], *kinds: str) -> Decimal:
        return Decimal(sum(fen for kind, fen in rows if kind in kinds)) / 100

    paid, given_back = yuan(entries, "paid"), -yuan(entries, "reversed")
    standing = yuan(claims, "held", "payable")
    refused = yuan(claims, "refused")
    claimed = standing + refused + yuan(claims, "paid", "reversed")
    found = (Decimal(len(claims)), claimed, standing, refused, paid, given_back, paid - given_back)
    return dict(zip(COLUMNS, found, strict=True))


def told_of(told: Told) -> dict[str, Decimal]:
    """The same from what the racers were told, each claim being of one amount."""
    claims = Decimal(sum(many for one, many in told.items() if one.startswith("claim: ")))
    refused, paid = (told[one] * records.DUE for one in ("claim: refused", "pay: paid"))
    found = (claims, claims * records.DUE, Decimal(0), refused, paid, Decimal(0), paid)
    return dict(zip(COLUMNS, found, strict=True))


def paid_in_history() -> Decimal:
    """What the entries say was paid: each payment's claim, by the entry that recorded it."""
    entries = db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq)).all()
    amounts, paid = {}, Decimal(0)
    for entry in entries:
        for change in json.loads(entry.changes):
            if change.get("table") == "claims" and "new" in change:
                amounts[entry.subject] = Decimal(change["new"]["amount"])
        if entry.verb == "pay_claim":
            paid += next(a for name, a in amounts.items() if name.endswith(entry.subject))
    return paid


def test_without_the_guard_an_invoice_is_paid_again(app, session, client):
    """The control: what counts the payments sees one too many, and the sums are not the same."""
    race = Race(processes=1, threads=4, invoices=3, guarded=False)
    group(race.invoices)
    finance = records.user(FINANCE)
    told = run(app.extensions["fleet_settings"], race)
    assert told["pay: paid"] > race.invoices, told
    records.sign_in(client, finance)
    assert shown_to(client) != told_of(told)
    assert paid_in_history() != shown_to(client)["paid"]


@pytest.fixture
def nursery(app, session):
    group(KILLS + 1)
    assert session.get(User, USER) or records.user("finance").id == USER
    session.commit()
    db.engine.dispose()
    made = Nursery(app.extensions["fleet_settings"])
    yield made
    made.close()


def test_a_claim_killed_between_two_steps_is_made_good(app, session, nursery):
    ended, steps = nursery.run(KILLS, None)
    assert ended == 0
    assert steps > 20
    died_with = Counter()
    for serial in range(KILLS):
        ended, _steps = nursery.run(serial, serial * steps // KILLS)
        assert ended == -signal.SIGKILL
        died_with[whole(serial)] += 1
        made = claim_and_pay_once(app, serial)
        assert made == claim_and_pay_once(app, serial)
        assert made[0] == 201
        assert made[1]["state"] == "payable"
        assert made[2] == "paid"
        assert whole(serial) == "paid"
    assert set(died_with) == {"nothing", "payable", "paid"} if KILLS > 20 else died_with
    assert verbs()["record_claim"] == verbs()["pay_claim"] == KILLS + 1
    assert verify() is None


def whole(serial: int) -> str:
    """The state of an invoice's claim, which has all that belongs to it, or `nothing`."""
    db.session.rollback()
    assert verify() is None
    keys = select(IdempotencyKey.body).where(IdempotencyKey.key == f"key {serial}")
    kept = db.session.scalars(keys).all()
    claims = db.session.scalars(select(Claim).where(Claim.invoice_key == invoice(serial))).all()
    assert len(kept) == len(claims) <= 1
    if not claims:
        return "nothing"
    (claim,) = claims
    assert kept[0]["id"] == claim.id
    assert [one.decision for one in claim.decisions] == ["payable"]
    told = select(HistoryEntry.verb).where(HistoryEntry.subject.endswith(f"#{claim.id}"))
    expected = {"payable": ["record_claim"], "paid": ["pay_claim", "record_claim"]}[claim.state]
    assert sorted(db.session.scalars(told)) == expected
    assert (claim.paid_at is None) == (claim.state == "payable")
    return claim.state
