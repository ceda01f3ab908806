"""A decision comes out of the facts it kept, years later and under a newer rulebook too."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.reimbursement import rules, service
from fleet.reimbursement.replay import FactsUnreadable, as_of, differs, facts_from
from fleet.rulebook import cover
from fleet.rulebook import reimbursement as heart
from fleet.rulebook.book import load
from fleet.storage import db
from fleet.web.access import AUDITOR
from fleet.words import Days
from tests.make import CLOCK
from tests.reimbursement.records import AT, BY, asked, group, policy, sign_in, user, vehicle

BOOK = load(CLOCK)

# Any facts at all

yuan = st.decimals(min_value=-9999, max_value=999_999, places=2)
maybe_yuan = st.none() | yuan
days_of = st.dates(date(2011, 1, 1), date(2027, 1, 1))
spans = st.builds(
    lambda since, length: Days(since, length and since + timedelta(days=length)),
    days_of,
    st.none() | st.integers(1, 3000),
)
instants = st.builds(
    lambda day, minutes: (
        datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
    days_of,
    st.integers(0, 1439),
)
codes = st.sampled_from(["A", "B", "C"])
numbers = st.sampled_from(["P1", "P2"])
covers = st.sampled_from(["damage", "third_party", "occupants", "excess_waiver", "theft"])
lines = st.builds(
    cover.Line,
    cover=covers,
    sum_insured=maybe_yuan,
    seats=st.none() | st.integers(1, 60),
    deductible_rate=st.none() | st.decimals(min_value=0, max_value=100, places=2),
    since=st.none() | instants,
    until=st.none() | instants,
)
policies = st.builds(
    cover.Policy,
    number=numbers,
    kind=st.sampled_from(["compulsory", "commercial"]),
    is_insurance=st.booleans(),
    begins=instants,
    ends=instants,
    cancelled_at=st.none() | instants,
    signed_on=st.none() | days_of,
    vehicle_tax=maybe_yuan,
    tax_exempt=st.booleans(),
    terms=st.none() | st.sampled_from(["2014", "2020"]),
    absolute_deductible_rate=maybe_yuan,
    absolute_deductible_amount=maybe_yuan,
    repair_restricted=st.booleans(),
    lines=st.lists(lines, max_size=2).map(tuple),
)
claims = st.builds(
    heart.Claim,
    company_code=codes,
    company_region=codes,
    company_credit_code=st.none() | codes,
    policy_number=numbers,
    insurer=st.none() | codes,
    invoice_key=numbers,
    invoice_total=maybe_yuan,
    vehicle_tax=maybe_yuan,
    late_fee=maybe_yuan,
    buyer_credit_code=st.none() | codes,
    amount=yuan,
)
vehicles = st.builds(
    cover.Vehicle,
    vin=st.just("LTESTE00000000001"),
    seats=st.integers(0, 50),
    energy=st.sampled_from(["petrol", "electric"]),
    service=spans,
    lay_ups=st.lists(spans, max_size=1).map(tuple),
)
policy_facts = st.builds(
    heart.PolicyFacts,
    policy=policies,
    insurer_code=codes,
    premium=maybe_yuan,
    vehicle_tax=maybe_yuan,
    late_fee=maybe_yuan,
    approved=st.booleans(),
    vehicle=vehicles,
    vehicle_policies=st.lists(policies, max_size=3).map(tuple),
    holdings=st.lists(st.tuples(codes, spans), max_size=2).map(tuple),
    designations=st.lists(spans, max_size=2).map(tuple),
)
all_facts = st.builds(
    heart.Facts,
    claim=claims,
    policy=st.none() | policy_facts,
    invoice_claimed=st.booleans(),
    invoice_reversed=st.booleans(),
    earlier_amounts=st.lists(yuan, max_size=2).map(tuple),
)


@settings(max_examples=150, deadline=None)
@given(all_facts)
def test_what_is_kept_decides_as_the_facts_did(facts):
    kept = json.loads(json.dumps(rules.plain(facts)))
    again = facts_from(kept)
    assert heart.decide(again, BOOK) == heart.decide(facts, BOOK)
    assert rules.digest(rules.plain(again)) == rules.digest(kept)


@pytest.mark.parametrize("kept", [{}, {"claim": {}}, {"claim": None, "policy": 7}])
def test_what_is_no_facts_is_said(kept):
    with pytest.raises(FactsUnreadable):
        facts_from(kept)


# What is on record


@pytest.fixture
def claim(session):
    kept = group()
    policy(vehicle(2), "OTHER", kind="commercial")
    kept.approval_number = None
    db.session.commit()
    made = service.record(asked(), BY, AT)
    kept.approval_number = "OA-2"
    db.session.commit()
    service.record(asked(policy_number="NOWHERE", invoice_number="26992000000123456700"), BY, AT)
    return service.decide_again(made.id, BY, AT)


def verified(app):
    return app.test_cli_runner().invoke(args=["decisions", "verify"])


def test_every_decision_comes_out_as_it_was_kept(claim, app):
    done = verified(app)
    assert (done.exit_code, "comes out" in done.output) == (0, True)
    # What is on record by now changes nothing that was decided before.
    db.session.query(type(claim)).update({"amount": Decimal(1)})
    db.session.commit()
    assert verified(app).exit_code == 0


CHANGES = {
    "decision": lambda one: setattr(one, "decision", "refused"),
    "reasons": lambda one: setattr(one, "reasons", [{**one.reasons[0], "found": "x"}]),
    "facts": lambda one: setattr(one, "facts", {}),
    "rulebook": lambda one: setattr(one, "rulebook_since", date(2013, 1, 1)),
    "history": lambda one: setattr(
        one, "facts", {**one.facts, "claim": {**one.facts["claim"], "invoice_key": "another"}}
    ),
}


@pytest.mark.one_engine
@pytest.mark.parametrize("what", CHANGES)
def test_the_first_that_differs_is_named(claim, app, what):
    first = claim.decisions[0]
    number = (claim.id, first.id)
    CHANGES[what](first)
    db.session.commit()
    done = verified(app)
    assert done.exit_code == 1
    assert f"claim {number[0]}, decision {number[1]}: {what}" in done.output


@pytest.mark.one_engine
def test_a_later_version_says_nothing_about_an_earlier_decision(claim):
    newest = BOOK.editions[-1]
    later = replace(BOOK, editions=(*BOOK.editions, replace(newest, since=date(2012, 6, 1))))
    assert differs(claim.decisions[0], later) is None
    assert as_of(later, newest.since).editions == BOOK.editions
    assert as_of(BOOK, date(2012, 6, 1)) is None


@pytest.mark.one_engine
def test_the_page_explains_a_decision_as_it_was_made(claim, client):
    sign_in(client, user(AUDITOR))
    page = client.get(f"/reimbursement/{claim.id}").get_data(as_text=True)
    assert page.count("the same decision, the same reasons") == 2
    assert rules.digest(claim.decisions[0].facts) in page
    claim.decisions[0].decision = "refused"
    db.session.commit()
    page = client.get(f"/reimbursement/{claim.id}").get_data(as_text=True)
    assert "it does not come out the same: another decision comes out" in page
