"""Whether a premium may be reimbursed: every reason at its boundary."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.rulebook.reimbursement import Facts, PolicyFacts, decide
from fleet.words import Days, Finding
from tests import make
from tests.rulebook import claims, fleets, slow_reimbursement
from tests.rulebook.claims import OURS, claim, decision, on_record, reasons

BOOK = make.book()
RULE = BOOK.editions[0].reimbursement
DAY = timedelta(days=1)
FIRST = date(2026, 3, 2)


def test_a_claim_in_order_is_payable() -> None:
    found = decision()
    assert (found.decision, found.reasons, found.shortfalls) == ("payable", (), ())


def one_reason(found: Any, code: str) -> Finding:
    assert reasons(found) == [code]
    (reason,) = found.reasons
    assert reason.effect == RULE.reasons[code].effect == found.decision
    assert reason.clause == RULE.reasons[code].clause
    assert isinstance(reason, Finding)
    return reason


@pytest.mark.parametrize(
    ("since", "until", "designated"),
    [
        (FIRST - DAY, None, True),
        (FIRST, None, True),
        (FIRST + DAY, None, False),
        (FIRST - DAY, FIRST - DAY, False),
        (FIRST - DAY, FIRST, False),
        (FIRST - DAY, FIRST + DAY, True),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
def test_designated_on_the_day_of_signing(
    since: date, until: date | None, *, designated: bool, signed: bool
) -> None:
    """Clause 4.1: the day the policy was signed, else its first day."""
    first, signed_on = (FIRST + 20 * DAY, FIRST) if signed else (FIRST, None)
    policy = make.commercial(first, signed_on=signed_on)
    record = on_record(policy=policy, designations=(Days(since, until),))
    found = decision(record=record)
    if designated:
        assert found.decision == "payable"
    else:
        told = one_reason(found, "insurer_not_designated")
        assert (told.found, told.required, told.clause) == ("INS", "EAST", "4.1")


def test_designations_may_be_interrupted() -> None:
    """Clause 4.1: no exception."""
    spans = (Days(date(2012, 1, 1), FIRST), Days(FIRST + DAY))
    assert decision(record=on_record(designations=spans)).decision == "refused"
    assert decision(record=on_record(designations=())).decision == "refused"


@pytest.mark.parametrize(
    ("first", "refused"),
    [(date(2012, 1, 16), False), (date(2012, 1, 17), True), (date(2012, 1, 18), True)],
)
def test_a_policy_begun_before_the_rule_is_spared(first: date, *, refused: bool) -> None:
    """Clauses 4.1 and 4.4."""
    policy = make.commercial(first)
    found = decision(record=on_record(policy=policy, designations=()))
    assert ("insurer_not_designated" in reasons(found)) is refused


def test_a_pools_paper_is_refused_beside_its_designation() -> None:
    """Clause 4.1, reported both ways."""
    policy = make.commercial(is_insurance=False)
    found = decision(record=on_record(policy=policy, designations=()))
    assert found.decision == "refused"
    assert reasons(found)[:2] == ["insurer_not_designated", "not_insurance"]
    assert "damage_missing" in [one.code for one in found.shortfalls]


def test_the_same_invoice_again() -> None:
    told = one_reason(decision(invoice_claimed=True), "invoice_already_claimed")
    assert (told.found, told.clause) == ("26317000000000000001", "")


def test_a_reversed_invoice() -> None:
    one_reason(decision(invoice_reversed=True), "invoice_reversed")
    red = decision(claim(amount=Decimal(-3000), invoice_total=Decimal(-3000)))
    assert red.decision == "refused"
    assert reasons(red) == ["invoice_reversed", "amount_differs"]
    assert "invoice_reversed" in reasons(decision(claim(invoice_total=Decimal("-0.01"))))
    assert "invoice_reversed" not in reasons(decision(claim(invoice_total=Decimal(0))))


@pytest.mark.parametrize(
    ("earlier", "amount", "refused"),
    [
        ((), "3000.01", False),
        (("0",), "3000", False),
        (("0.01",), "3000", True),
        (("1000", "1000"), "1000", False),
        (("1000", "1000"), "1000.01", True),
        (("3000",), "0", False),
        (("3000",), "3000", True),
    ],
)
def test_the_premium_claimed_twice(earlier: tuple[str, ...], amount: str, *, refused: bool) -> None:
    asked = claim(amount=Decimal(amount), invoice_total=Decimal(amount))
    found = decision(asked, earlier_amounts=tuple(map(Decimal, earlier)))
    assert ("premium_already_claimed" in reasons(found)) is refused


@pytest.mark.parametrize(
    ("buyer", "company", "reason"),
    [
        (OURS, OURS, None),
        (OURS.lower(), OURS, None),
        (f" {OURS} ", OURS, None),
        ("91ANOTHER", OURS, "buyer_not_company"),
        (OURS, None, "buyer_not_company"),
        (OURS, "", "buyer_not_company"),
        (None, OURS, "buyer_unknown"),
        ("", OURS, "buyer_unknown"),
        ("  ", None, "buyer_unknown"),
    ],
)
def test_the_buyer(buyer: str | None, company: str | None, reason: str | None) -> None:
    found = decision(claim(buyer_credit_code=buyer, company_credit_code=company))
    if reason is None:
        assert found.decision == "payable"
    else:
        one_reason(found, reason)


HOLDINGS = [
    ((("C1", Days(FIRST)),), True),
    ((("C1", Days(date(2010, 1, 1), FIRST + DAY)),), True),
    ((("C1", Days(date(2010, 1, 1), FIRST)),), False),
    ((("C1", Days(FIRST + DAY)),), True),
    ((("C1", Days(FIRST + 30 * DAY)),), True),
    ((("C1", Days(FIRST + 31 * DAY)),), False),
    ((("C2", Days(date(2010, 1, 1))),), False),
    ((("C2", Days(date(2010, 1, 1), FIRST)), ("C1", Days(FIRST))), True),
    ((), False),
]


@pytest.mark.parametrize(("holdings", "held"), HOLDINGS)
def test_the_vehicle_is_the_companys(holdings: tuple[tuple[str, Days], ...], *, held: bool) -> None:
    """On the policy's first day, or it entered within the 30 days after."""
    found = decision(record=on_record(holdings=holdings))
    if held:
        assert found.decision == "payable"
    else:
        told = one_reason(found, "vehicle_not_company")
        assert told.required == "C1"


def test_no_such_policy() -> None:
    found = decide(Facts(claim(), None), BOOK)
    assert one_reason(found, "policy_unknown").found == "COM-20260302"


def test_what_is_judged_without_a_policy() -> None:
    """Only what the claim and its invoice say."""
    asked = claim(
        buyer_credit_code="91ANOTHER", amount=Decimal(2999), insurer="ANOTHER", company_code="C9"
    )
    found = decide(Facts(asked, None, invoice_claimed=True, invoice_reversed=True), BOOK)
    assert reasons(found) == [
        "invoice_already_claimed",
        "invoice_reversed",
        "buyer_not_company",
        "policy_unknown",
        "amount_differs",
    ]


@pytest.mark.parametrize(
    ("named", "differs"),
    [("INS", False), ("ins ", False), (None, False), ("", False), ("OTHER", True)],
)
def test_the_insurer_named(named: str | None, *, differs: bool) -> None:
    found = decision(claim(insurer=named))
    assert reasons(found) == ["insurer_differs"] * differs
    assert found.decision == ("held" if differs else "payable")


def test_cover_that_falls_short() -> None:
    """Clause 4.2: at the moment the policy begins, on its own kind only."""
    lines = make.full_cover(third_party=make.line("third_party", 100_000))
    found = decision(record=on_record(policy=make.commercial(lines=lines)))
    told = one_reason(found, "cover_short")
    assert (told.clause, told.found) == ("4.2", "third_party_below")
    assert [(one.code, one.found) for one in found.shortfalls] == [("third_party_below", "100000")]


def test_cover_is_judged_as_if_in_service_and_under_the_governing_edition() -> None:
    """Clauses 4.2 and 4.4."""
    retired = make.vehicle(service=Days(date(2030, 1, 1)))
    bare = make.commercial(lines=())
    assert "cover_short" in reasons(decision(record=on_record(policy=bare, vehicle=retired)))
    old = make.commercial(date(2011, 6, 1), date(2012, 12, 31), lines=())
    beside = make.commercial(date(2012, 3, 1), lines=())
    record = on_record(policy=beside, vehicle_policies=(old, beside))
    assert "cover_short" not in reasons(decision(record=record))


def test_a_void_policy_is_short_of_itself() -> None:
    """Clause 4.2."""
    void = make.compulsory(cancelled_at=make.at(2026, 3, 2, 0))
    found = decision(record=on_record(policy=void))
    assert [one.code for one in found.shortfalls] == ["compulsory_missing", "vehicle_tax_missing"]


@pytest.mark.parametrize(
    ("earlier", "missing"),
    [
        ((), True),
        ((make.commercial(date(2025, 3, 2)),), False),
        ((make.compulsory(date(2025, 3, 2)),), True),
        ((make.commercial(date(2025, 3, 2), is_insurance=False),), True),
        ((make.commercial(date(2025, 3, 2), cancelled_at=make.at(2025, 3, 2, 0)),), True),
        ((make.commercial(date(2025, 3, 2), cancelled_at=make.at(2025, 3, 3, 0)),), False),
        ((make.commercial(date(2011, 3, 2)),), False),
        ((make.commercial(date(2026, 3, 2), number="SAME DAY"),), True),
        ((make.commercial(date(2026, 4, 2), number="LATER"),), True),
    ],
)
def test_the_first_of_its_kind_needs_an_approval(
    earlier: tuple[Any, ...], *, missing: bool
) -> None:
    """Clause 3.2."""
    policy = make.commercial()
    record = on_record(policy=policy, approved=False, vehicle_policies=(*earlier, policy))
    assert reasons(decision(record=record)) == ["approval_missing"] * missing


@pytest.mark.parametrize(
    ("first", "missing"),
    [(date(2012, 1, 16), False), (date(2012, 1, 17), True), (date(2012, 1, 18), True)],
)
def test_an_approval_is_asked_of_policies_begun_under_the_rule(
    first: date, *, missing: bool
) -> None:
    """Clause 3.2."""
    record = on_record(policy=make.commercial(first), approved=False)
    assert ("approval_missing" in reasons(decision(record=record))) is missing


@pytest.mark.parametrize(
    ("amount", "total", "held"),
    [
        ("3000", None, False),
        ("3000.01", None, False),
        ("2999.99", None, False),
        ("3000.02", None, True),
        ("2999.98", None, True),
        ("3000", "3000.01", False),
        ("3000", "3000.02", True),
        ("3000.01", "3000.03", True),
        ("3000.02", "3000.02", True),
    ],
)
def test_the_amount_within_a_fen(amount: str, total: str | None, *, held: bool) -> None:
    asked = claim(amount=Decimal(amount), invoice_total=total and Decimal(total))
    assert reasons(decision(asked)) == ["amount_differs"] * held


def test_the_tax_stands_in_the_invoices_remark() -> None:
    """Payable is invoice total, tax and late fee."""
    policy = make.compulsory()
    record = on_record(
        policy=policy,
        premium=Decimal("1059.50"),
        vehicle_tax=Decimal(325),
        late_fee=Decimal("1.50"),
    )
    whole = {"amount": Decimal(1386), "invoice_total": Decimal("1059.50")}
    taxed = claim(**whole, vehicle_tax=Decimal(325), late_fee=Decimal("1.50"))
    assert decision(taxed, record).decision == "payable"
    assert reasons(decision(claim(**whole), record)) == ["amount_differs"]
    told = one_reason(decision(claim(amount=Decimal("1059.50"), invoice_total=None), record),
                      "amount_differs")  # fmt: skip
    assert (told.found, told.required) == ("1059.5", "1386")


def test_what_is_not_recorded_counts_as_nothing() -> None:
    free = on_record(premium=None)
    nothing = claim(amount=Decimal(0), invoice_total=None)
    assert decision(nothing, free).decision == "payable"


claims_at_large = st.builds(
    claim,
    company_code=st.sampled_from(["C1", "C2"]),
    company_credit_code=st.sampled_from([OURS, None]),
    insurer=st.sampled_from([None, "INS", "OTHER"]),
    invoice_total=st.sampled_from([None, *map(Decimal, (3000, -3000, 1))]),
    buyer_credit_code=st.sampled_from([None, OURS, "91ANOTHER"]),
    amount=st.sampled_from(list(map(Decimal, (3000, 1500, -1)))),
)


@st.composite
def records(draw: st.DrawFn) -> PolicyFacts:
    policy = draw(fleets.policies())
    others = draw(fleets.POLICY_LISTS)
    return on_record(
        policy=policy,
        premium=draw(st.sampled_from([None, Decimal(3000)])),
        approved=draw(st.booleans()),
        vehicle=draw(fleets.VEHICLES),
        vehicle_policies=(policy, *others),
        holdings=tuple(draw(st.lists(st.tuples(st.just("C1"), fleets.FLEET_DAYS), max_size=2))),
        designations=tuple(draw(st.lists(fleets.FLEET_DAYS, max_size=2))),
    )


@given(
    st.builds(
        Facts,
        claim=claims_at_large,
        policy=st.none() | records(),
        invoice_claimed=st.booleans(),
        invoice_reversed=st.booleans(),
        earlier_amounts=st.lists(st.just(Decimal(1500)), max_size=2).map(tuple),
    )
)
def test_a_decisions_reasons_explain_it(facts: Facts) -> None:
    found = decide(facts, BOOK)
    effects = {reason.effect for reason in found.reasons}
    assert (found.decision == "refused") is ("refused" in effects)
    assert (found.decision == "held") is (effects == {"held"})
    assert (found.decision == "payable") is (found.reasons == ())
    assert ("cover_short" in reasons(found)) is bool(found.shortfalls)
    known = list(RULE.reasons)
    places = [known.index(code) for code in reasons(found)]
    assert all(one < following for one, following in pairwise(places))
    for reason in found.reasons:
        assert (reason.clause, reason.effect) == (
            RULE.reasons[reason.code].clause,
            RULE.reasons[reason.code].effect,
        )


@given(records(), st.randoms(use_true_random=False))
def test_the_order_of_a_vehicles_policies_does_not_matter(record: PolicyFacts, chance: Any) -> None:
    shuffled = list(record.vehicle_policies)
    chance.shuffle(shuffled)
    again = on_record(
        **{name: getattr(record, name) for name in PolicyFacts.__dataclass_fields__}
        | {"vehicle_policies": tuple(shuffled)}
    )
    assert decide(Facts(claims.claim(), again), BOOK) == decide(Facts(claims.claim(), record), BOOK)


@pytest.mark.parametrize(
    ("signed_on", "since", "designated"),
    [
        (date(2012, 1, 16), date(2012, 2, 1), True),
        (date(2012, 1, 16), date(2012, 2, 2), False),
        (date(2012, 1, 17), date(2012, 1, 17), True),
        (date(2012, 1, 17), date(2012, 1, 18), False),
    ],
)
def test_signed_before_the_rule_the_first_day_decides(
    signed_on: date, since: date, *, designated: bool
) -> None:
    """Clause 4.1: begun on 1 February 2012, signed on the last day before the rule or its first."""
    policy = make.commercial(date(2012, 2, 1), signed_on=signed_on)
    found = decision(record=on_record(policy=policy, designations=(Days(since),)))
    assert ("insurer_not_designated" in reasons(found)) is not designated


@pytest.mark.parametrize(("amount", "red"), [("-0.01", True), ("0", False), ("0.01", False)])
def test_a_red_amount(amount: str, *, red: bool) -> None:
    """One fen below nothing is a red invoice, whatever its total says."""
    asked = claim(amount=Decimal(amount), invoice_total=None)
    assert ("invoice_reversed" in reasons(decision(asked))) is red


# Against the second reading


NEAR = [FIRST + days * DAY for days in (-31, -30, -1, 0, 1, 29, 30, 31)]
FEN = st.sampled_from(
    list(map(Decimal, ("3000", "3000.01", "3000.02", "2999.99", "2999.98", "0", "0.01", "-0.01")))
)
POLICIES = st.builds(
    lambda first, kind, **more: (make.commercial if kind else make.compulsory)(first, **more),
    st.sampled_from([date(2012, 1, 16), date(2012, 1, 17), date(2012, 2, 1), *NEAR]),
    st.booleans(),
    signed_on=st.sampled_from([None, date(2012, 1, 16), date(2012, 1, 17), *NEAR]),
    is_insurance=st.sampled_from([True, True, True, False]),
    cancelled_at=st.sampled_from([None, make.at(2026, 3, 2, 0), make.at(2026, 3, 3, 0)]),
)


def spans(around: date) -> st.SearchStrategy[Days]:
    """Days that begin or end by a day that decides."""
    near = st.sampled_from([around + days * DAY for days in (-400, -1, 0, 1, 30, 31)])
    ends = st.sampled_from([None, around, around + DAY, around + 2 * DAY])
    return st.builds(
        lambda since, until: Days(since, until if until and until > since else None), near, ends
    )


@st.composite
def on_the_edge(draw: st.DrawFn) -> Facts:
    """Facts that lie on the boundaries of the rule, or one step beside them."""
    policy = draw(POLICIES)
    first = policy.begins.astimezone(make.CLOCK).date()
    signed = draw(st.sampled_from([first, policy.signed_on or first]))
    held = st.tuples(st.sampled_from(["C1", "C1", "C2"]), spans(first))
    record = on_record(
        policy=policy,
        premium=draw(st.none() | FEN),
        vehicle_tax=draw(st.sampled_from([None, Decimal("0.01")])),
        approved=draw(st.booleans()),
        vehicle_policies=(policy, *draw(st.lists(POLICIES, max_size=2))),
        holdings=tuple(draw(st.lists(held, max_size=2))),
        designations=tuple(draw(st.lists(spans(signed), max_size=2))),
    )
    asked = claim(
        insurer=draw(st.sampled_from([None, "INS", "OTHER"])),
        invoice_total=draw(st.none() | FEN),
        vehicle_tax=draw(st.sampled_from([None, Decimal("0.01")])),
        buyer_credit_code=draw(st.sampled_from([None, "", OURS, "91ANOTHER"])),
        amount=draw(FEN),
    )
    return Facts(
        asked,
        draw(st.sampled_from([record, record, record, None])),
        invoice_claimed=draw(st.booleans()),
        invoice_reversed=draw(st.booleans()),
        earlier_amounts=tuple(draw(st.lists(FEN, max_size=2))),
    )


@given(on_the_edge())
def test_the_second_reading_decides_the_same(facts: Facts) -> None:
    found = decide(facts, BOOK)
    assert (found.decision, set(reasons(found))) == slow_reimbursement.decide(facts, BOOK)
