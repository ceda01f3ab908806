"""The doubts of reading that no user has settled, one test named after each."""

from datetime import date, timedelta
from decimal import Decimal

from fleet.rulebook.cover import shortfalls, standing, timeline
from fleet.rulebook.renewal import need
from fleet.words import Days
from tests import make
from tests.rulebook.claims import claim, decision, on_record, reasons

BOOK = make.book()
RULE_DAY = date(2012, 1, 17)


def test_open_a_mid_term_endorsement_is_a_fact_of_the_same_policy_from_its_day_on() -> None:
    """Clause 4.4: the endorsement of 2012-03-01 does not make a 2011 policy a new one."""
    ended = make.line("third_party", 200_000, until=make.at(2012, 3, 1, 0))
    added = make.line("third_party", 50_000, since=make.at(2012, 3, 1, 0))
    lines = (*make.full_cover(third_party=ended), added)
    spared = make.commercial(date(2011, 6, 1), date(2012, 5, 31), lines=lines)
    steps = timeline(make.vehicle(), (make.compulsory(date(2011, 6, 1)), spared), BOOK)
    assert [step.standing for step in steps[2:4]] == ["compliant", "spared"]
    assert steps[3].since == make.at(2012, 3, 1, 0)
    asked = make.commercial(date(2012, 2, 1), lines=lines)
    short = shortfalls(make.vehicle(), (asked,), BOOK, make.at(2012, 3, 1), "commercial")
    assert [one.code for one in short] == ["third_party_below"]


def test_open_signed_before_the_rule_but_beginning_after_the_first_day_decides() -> None:
    """Clauses 4.1 and 4.4: the covers are asked, and the first day is the insurer's day."""
    signed_on, first = RULE_DAY - timedelta(days=1), RULE_DAY + timedelta(days=14)
    policy = make.commercial(first, signed_on=signed_on, lines=())
    now = make.at(2012, 3, 1)
    assert (
        standing(make.vehicle(), (make.compulsory(first), policy), BOOK, now).standing == "barred"
    )
    for span, refused in ((Days(first), False), (Days(signed_on, first), True)):
        record = on_record(policy=make.commercial(first, signed_on=signed_on), designations=(span,))
        assert ("insurer_not_designated" in reasons(decision(record=record))) is refused


def test_open_the_drivers_seat_counts_as_one_of_the_licensed_seats() -> None:
    """Clause 2.4: five licensed seats are the driver's and four passengers'."""
    now = make.at(2026, 7, 1)
    for seats, short in ((5, []), (6, ["occupants_seats_below"])):
        found = shortfalls(make.vehicle(seats=seats), (make.commercial(),), BOOK, now, "commercial")
        assert [one.code for one in found] == short


def test_open_a_trailer_is_asked_neither_compulsory_nor_occupant_cover() -> None:
    """Clauses 2.1 and 2.4; the rest applies."""
    found = standing(make.vehicle(seats=0), (), BOOK, make.at(2026, 7, 1))
    assert [one.code for one in found.shortfalls] == ["damage_missing", "third_party_missing"]
    lines = make.full_cover(occupants_driver=None, occupants_passengers=None)
    covered = standing(
        make.vehicle(seats=0), (make.commercial(lines=lines),), BOOK, make.at(2026, 7, 1)
    )
    assert covered.standing == "compliant"


def test_open_fifteen_days_the_fifteenth_day_before_is_inside() -> None:
    """Clause 3.3."""
    expiry_day = date(2027, 3, 1)
    for days, needed in ((16, False), (15, True), (14, True)):
        day = expiry_day - timedelta(days=days)
        found = need(make.vehicle(), (make.compulsory(),), "compulsory", BOOK, day)
        assert (found is not None) is needed


def test_open_a_renewal_needs_no_approval() -> None:
    """Clauses 3.2 and 3.3, a gap between the policies or not."""
    renewal = make.commercial()
    for first in (date(2025, 3, 2), date(2020, 3, 2)):
        record = on_record(
            approved=False, policy=renewal, vehicle_policies=(make.commercial(first), renewal)
        )
        assert decision(record=record).decision == "payable"


def test_open_a_policy_that_begins_while_a_better_one_runs_is_judged_beside_it() -> None:
    """Clause 4.2."""
    poor = make.commercial(lines=(make.line("third_party", 50_000),))
    better = make.commercial(date(2025, 6, 1))
    alone = on_record(policy=poor)
    beside = on_record(policy=poor, vehicle_policies=(better, poor))
    assert reasons(decision(record=alone)) == ["cover_short"]
    assert decision(record=beside).decision == "payable"


def test_open_one_invoice_one_claim_even_for_several_policies() -> None:
    """An insurer's invoice over two policies is not claimed for the second."""
    assert reasons(decision(invoice_claimed=True)) == ["invoice_already_claimed"]
    assert decision(invoice_claimed=True).decision == "refused"


def test_open_instalments_are_held() -> None:
    """A first half is not the premium; the second half neither, and is no double claim."""
    half = claim(amount=Decimal(1500), invoice_total=Decimal(1500))
    assert reasons(decision(half)) == ["amount_differs"]
    second = decision(half, earlier_amounts=(Decimal(1500),))
    assert (second.decision, reasons(second)) == ("held", ["amount_differs"])
