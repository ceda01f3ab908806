"""The oracle against cases worked out by hand, and the generator against itself."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.oracle import fleets, reimbursement, rule, workbook
from tests.oracle.claims import claims_of
from tests.oracle.workbook import CLOCK, Facts, Row, Sheets

VIN = "LZZTEST0000000001"


def row(**cells: object) -> Row:
    return {column: str(value) for column, value in cells.items()}


def covers(
    number: str, *, third: str = "1000000", seat: str = "20000", seats: int = 4
) -> list[Row]:
    return [
        row(policy_number=number, cover="damage", sum_insured="100000"),
        row(policy_number=number, cover="third_party", sum_insured=third),
        row(policy_number=number, cover="occupants_driver", sum_insured=seat, seats=1),
        row(policy_number=number, cover="occupants_passengers", sum_insured=seat, seats=seats),
    ]


def waivers(number: str) -> list[Row]:
    return [
        row(policy_number=number, cover="excess_waiver"),
        row(policy_number=number, cover="designated_repair"),
    ]


def compulsory(number: str, begins: str, ends: str, **cells: object) -> Row:
    base = {"policy_number": number, "kind": "compulsory", "insurer_code": "A", "vin": VIN}
    return row(**(base | {"begins": begins, "ends": ends, "vehicle_tax": "420"} | cells))


def commercial(number: str, begins: str, ends: str, **cells: object) -> Row:
    return compulsory(number, begins, ends, **({"kind": "commercial", "vehicle_tax": ""} | cells))


def facts_of(
    *policies: Row, lines: list[Row] | None = None, vehicle: Row | None = None, **more: list[Row]
) -> Facts:
    car = row(vin=VIN, company_code="C", seats=5, energy="petrol", in_service_since="2009-01-01")
    sheets: Sheets = {
        "regions": [row(code="R", name="R")],
        "companies": [
            row(code="C", name="C", region_code="R", credit_code="91C"),
            row(code="D", name="D", region_code="R", credit_code="91D"),
        ],
        "insurers": [row(code="A", name="A"), row(code="P", name="P", kind="mutual_pool")],
        "designations": [row(region_code="R", insurer_code="A", since="2012-01-17")],
        "vehicles": [car | (vehicle or {})],
        "policies": list(policies),
        "covers": lines or [],
    }
    return workbook.gather(sheets | more)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CLOCK)


def standing(facts: Facts, moment: str) -> tuple[str, list[str], list[str]]:
    step = rule.standing_at(facts.vehicles[VIN], at(moment))
    return step.standing, step.codes, step.spared


# -------------------------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "text", ["2027-03-01", "2027/3/1", "2027年3月1日", "2027-03-01 24:00", "2027-03-01 23:59:59"]
)
def test_every_way_to_print_a_last_day_is_the_next_midnight(text: str) -> None:
    assert workbook.printed_end(text) == at("2027-03-02T00:00")


def test_a_clock_time_is_kept() -> None:
    assert workbook.start("2026-03-02 18:03") == at("2026-03-02T18:03")
    assert workbook.printed_end("2027-03-02 18:03") == at("2027-03-02T18:03")


@pytest.mark.parametrize(
    ("text", "yuan"),
    [("1,270.00", "1270"), ("20万", "200000"), ("￥950", "950"), ("９５０", "950")],
)
def test_money_as_people_write_it(text: str, yuan: str) -> None:
    assert workbook.money(workbook.cell({"x": text}, "x")) == Decimal(yuan)


def test_generated_codes_carry_their_check_signs() -> None:
    assert fleets.check_digit("1M8GDM9AXKP042788") == "X"  # the textbook example of the digit
    assert fleets.check_digit("11111111111111111") == "1"
    vin = fleets.make_vin("T", 42)
    assert vin[8] == fleets.check_digit(vin)
    bad = fleets.make_vin("T", 42, holds=False)
    assert bad[8] != fleets.check_digit(bad)


# ------------------------------------------------------------------------------- standing


def test_a_modern_pair_is_compliant_and_the_day_after_barred() -> None:
    facts = facts_of(
        compulsory("J", "2026-03-02", "2027-03-01"),
        commercial("S", "2026-03-02", "2027-03-01"),
        lines=covers("S"),
    )
    assert standing(facts, "2026-03-01T23:59:59")[0] == "barred"
    assert standing(facts, "2026-03-02T00:00") == ("compliant", [], [])
    assert standing(facts, "2027-03-01T23:59:59") == ("compliant", [], [])
    assert standing(facts, "2027-03-02T00:00") == (
        "barred",
        [
            "compulsory_missing",
            "damage_missing",
            "occupants_missing",
            "third_party_missing",
            "vehicle_tax_missing",
        ],
        [],
    )
    assert [step.standing for step in rule.timeline(facts.vehicles[VIN])] == [
        "out_of_service",
        "not_asked",
        "barred",
        "compliant",
        "barred",
    ]


def test_a_2011_policy_is_spared_until_it_expires_also_when_topped_up() -> None:
    facts = facts_of(
        compulsory("J", "2011-07-01", "2012-06-30"),
        commercial("S", "2011-07-01", "2012-06-30"),
        commercial("T", "2012-03-01", "2013-02-28"),
        lines=[*covers("S", third="100000"), *covers("T", third="100000"), *waivers("T")],
    )
    assert standing(facts, "2012-01-16T23:59:59") == ("not_asked", [], [])
    assert standing(facts, "2012-01-17T00:00") == (
        "spared",
        [],
        ["designated_repair_missing", "excess_waiver_missing", "third_party_below"],
    )
    assert standing(facts, "2012-03-01T00:00") == ("spared", [], ["third_party_below"])
    assert standing(facts, "2012-07-01T00:00")[1] == [
        "compulsory_missing",
        "third_party_below",
        "vehicle_tax_missing",
    ]


def test_seats_are_judged_one_by_one_and_sums_never_added() -> None:
    lines = [
        row(policy_number="S", cover="damage", sum_insured="1"),
        row(policy_number="S", cover="third_party", sum_insured="150000"),
        row(policy_number="T", cover="third_party", sum_insured="150000"),
        row(policy_number="S", cover="occupants", sum_insured="10000", seats=5),
        row(policy_number="T", cover="occupants_passengers", sum_insured="30000", seats=2),
    ]
    facts = facts_of(
        compulsory("J", "2026-01-01", "2026-12-31"),
        commercial("S", "2026-01-01", "2026-12-31"),
        commercial("T", "2026-01-01", "2026-12-31"),
        lines=lines,
    )
    assert standing(facts, "2026-05-05") == (
        "short",
        ["occupants_sum_below", "third_party_below"],
        [],
    )


def test_passengers_without_a_driver_leave_a_seat_bare() -> None:
    lines = [line for line in covers("S", seats=9) if line["cover"] != "occupants_driver"]
    facts = facts_of(
        compulsory("J", "2026-01-01", "2026-12-31"),
        commercial("S", "2026-01-01", "2026-12-31"),
        lines=lines,
    )
    assert standing(facts, "2026-05-05") == ("short", ["occupants_seats_below"], [])


def test_a_trailer_is_asked_neither_2_1_nor_2_4() -> None:
    facts = facts_of(vehicle=row(seats=0))
    assert standing(facts, "2026-05-05")[1] == ["damage_missing", "third_party_missing"]


def test_pool_paper_and_void_policies_are_no_cover() -> None:
    facts = facts_of(
        compulsory("J", "2026-01-01", "2026-12-31", insurer_code="P"),
        compulsory("K", "2026-01-01", "2026-12-31", cancelled_at="2026-01-01"),
    )
    assert "compulsory_missing" in standing(facts, "2026-05-05")[1]


@pytest.mark.parametrize(
    ("cells", "short"),
    [
        ({"signed_on": "2020-09-18"}, ["designated_repair_missing", "excess_waiver_missing"]),
        ({"signed_on": "2020-09-19"}, []),
        ({"absolute_deductible_rate": "5"}, ["excess_waiver_missing"]),
        ({"absolute_deductible_amount": "0"}, []),
        ({"repair_restricted": "yes"}, ["designated_repair_missing"]),
        ({"terms": "2014"}, ["designated_repair_missing", "excess_waiver_missing"]),
    ],
)
def test_terms_decide_how_waiver_and_repair_are_met(cells: Row, short: list[str]) -> None:
    facts = facts_of(
        compulsory("J", "2020-09-20", "2021-09-19"),
        commercial("S", "2020-09-20", "2021-09-19", **cells),
        lines=covers("S"),
    )
    assert standing(facts, "2020-10-01")[1] == short


def test_a_step_falls_where_a_line_ends_and_where_the_vehicle_is_laid_up() -> None:
    lines = covers("S")
    lines[1]["until"] = "2026-06-01"
    facts = facts_of(
        compulsory("J", "2026-01-01", "2026-12-31"),
        commercial("S", "2026-01-01", "2026-12-31"),
        lines=lines,
        lay_ups=[row(vin=VIN, since="2026-03-01", until="2026-04-01")],
    )
    steps = [(step.standing, step.since) for step in rule.timeline(facts.vehicles[VIN])[3:]]
    assert steps == [
        ("compliant", at("2026-01-01")),
        ("out_of_service", at("2026-03-01")),
        ("compliant", at("2026-04-01")),
        ("barred", at("2026-06-01")),
        ("barred", at("2027-01-01")),
    ]


# -------------------------------------------------------------------------------- renewal


def need(facts: Facts, day: str) -> tuple[str, str, bool] | None:
    found = rule.need_on(facts.vehicles[VIN], "compulsory", date.fromisoformat(day))
    return (
        None if found is None else (found.policy_number, found.expiry_day.isoformat(), found.late)
    )


def test_the_need_runs_from_x_less_15_and_is_late_after_x() -> None:
    facts = facts_of(compulsory("J", "2026-03-02", "2027-03-01"))
    assert need(facts, "2026-03-01") is None
    assert need(facts, "2027-02-13") is None
    assert need(facts, "2027-02-14") == ("J", "2027-03-01", False)
    assert need(facts, "2027-03-01") == ("J", "2027-03-01", False)
    assert need(facts, "2027-03-02") == ("J", "2027-03-01", True)


def test_a_joining_policy_carries_on_and_one_after_a_gap_does_not_until_it_begins() -> None:
    facts = facts_of(
        compulsory("J", "2026-01-01", "2026-12-31"),
        compulsory("K", "2027-01-01", "2027-12-31"),
        compulsory("L", "2028-01-02", "2028-12-31"),
    )
    assert need(facts, "2026-12-25") is None
    assert need(facts, "2027-12-20") == ("K", "2027-12-31", False)
    assert need(facts, "2028-01-01") == ("K", "2027-12-31", True)
    assert need(facts, "2028-01-02") is None


def test_a_need_ends_with_the_vehicles_service() -> None:
    leaving = row(in_service_until="2027-03-02")
    facts = facts_of(compulsory("J", "2026-03-02", "2027-03-01"), vehicle=leaving)
    assert need(facts, "2027-02-20") is None
    facts = facts_of(
        compulsory("J", "2026-03-02", "2027-03-01"), vehicle=row(in_service_until="2027-03-03")
    )
    assert need(facts, "2027-03-02") == ("J", "2027-03-01", True)
    assert need(facts, "2027-03-03") is None


def test_runs_open_a_need_once_and_close_it_once() -> None:
    facts = facts_of(
        compulsory("J", "2026-01-01", "2026-12-31"), compulsory("K", "2027-02-01", "2028-01-31")
    )
    days = [date(2026, 12, 16), date(2026, 12, 20), date(2027, 2, 1)]
    runs = rule.run_days(facts, days)
    assert [(len(opened), len(closed)) for opened, closed in runs] == [(1, 0), (0, 0), (0, 1)]


# -------------------------------------------------------------------------- reimbursement


def claim(**cells: object) -> Row:
    base = row(
        company="C",
        policy_number="J",
        invoice_number="00000001",
        invoice_code="1",
        invoice_total="950",
        vehicle_tax="420",
        buyer_credit_code="91C",
        amount="1,370.00",
    )
    return base | row(**cells)


CLAIM_CASES = {
    "payable": ({}, "payable", []),
    "a fen more": ({"amount": "1370.01"}, "payable", []),
    "two fen more": ({"amount": "1370.02"}, "held", ["amount_differs"]),
    "total alone": ({"invoice_total": "900"}, "held", ["amount_differs"]),
    "no total": ({"invoice_total": "", "vehicle_tax": ""}, "payable", []),
    "nobody's invoice": ({"buyer_credit_code": ""}, "held", ["buyer_unknown"]),
    "lower case": ({"buyer_credit_code": "91c"}, "payable", []),
    "red": ({"amount": "-1370"}, "refused", ["amount_differs", "invoice_reversed"]),
    "other company": (
        {"company": "D"},
        "refused",
        ["buyer_not_company", "vehicle_not_company"],
    ),
    "unknown policy": ({"policy_number": "X"}, "held", ["policy_unknown"]),
    "unknown company": ({"company": "X"}, "unreadable", ["company"]),
    "no amount": ({"amount": "n/a"}, "unreadable", ["amount"]),
}


@pytest.mark.parametrize("name", CLAIM_CASES)
def test_one_claim(name: str) -> None:
    cells, decision, reasons = CLAIM_CASES[name]
    facts = facts_of(
        compulsory("J", "2026-03-02", "2027-03-01", premium="950", approval_number="OA-1")
    )
    assert reimbursement.decide_sheet([claim(**cells)], facts) == [(decision, reasons)]


def test_pool_paper_is_refused_twice_over_and_held_besides() -> None:
    facts = facts_of(compulsory("J", "2026-03-02", "2027-03-01", premium="950", insurer_code="P"))
    reasons = ["approval_missing", "cover_short", "insurer_not_designated", "not_insurance"]
    assert reimbursement.decide_sheet([claim()], facts) == [("refused", reasons)]


def test_an_earlier_payable_row_is_an_earlier_claim() -> None:
    facts = facts_of(
        compulsory("J", "2026-03-02", "2027-03-01", premium="950", approval_number="OA-1"),
        compulsory("K", "2027-03-02", "2028-03-01", premium="950"),
    )
    rows = [
        claim(buyer_credit_code=""),
        claim(),
        claim(invoice_number="00000002"),
        claim(policy_number="K"),
        claim(policy_number="K", invoice_number="00000003"),
    ]
    assert reimbursement.decide_sheet(rows, facts) == [
        ("held", ["buyer_unknown"]),
        ("payable", []),
        ("refused", ["premium_already_claimed"]),
        ("refused", ["invoice_already_claimed"]),
        ("payable", []),
    ]


def test_a_new_car_insured_30_days_before_its_entry_is_the_companys() -> None:
    policy = compulsory("J", "2026-03-02", "2027-03-01", premium="950", approval_number="1")
    facts = facts_of(policy, vehicle=row(in_service_since="2026-04-01"))
    assert reimbursement.decide_sheet([claim()], facts) == [("payable", [])]
    facts = facts_of(policy, vehicle=row(in_service_since="2026-04-02"))
    assert reimbursement.decide_sheet([claim()], facts) == [("refused", ["vehicle_not_company"])]


def test_designation_is_asked_of_the_signing_day_and_2011_is_spared() -> None:
    asked = [row(region_code="R", insurer_code="A", since="2026-03-02")]
    early = compulsory(
        "J", "2026-03-02", "2027-03-01", premium="950", approval_number="1", signed_on="2026-03-01"
    )
    assert reimbursement.decide_sheet([claim()], facts_of(early, designations=asked)) == [
        ("refused", ["insurer_not_designated"])
    ]
    old = compulsory("J", "2011-03-02", "2012-03-01", premium="950")
    assert reimbursement.decide_sheet([claim()], facts_of(old, designations=asked)) == [
        ("payable", [])
    ]


# ------------------------------------------------------------------------------- the generator


@pytest.fixture(scope="module")
def many() -> list[tuple[fleets.Fleet, Facts]]:
    made = [fleets.Fleet(seed) for seed in range(12)]
    return [(fleet, workbook.gather(fleet.sheets)) for fleet in made]


def test_generated_fleets_reach_every_standing_code_and_reason(
    many: list[tuple[fleets.Fleet, Facts]],
) -> None:
    standings, codes, spared, reasons = set(), set(), set(), set()
    for fleet, facts in many:
        for vehicle in facts.vehicles.values():
            for step in rule.timeline(vehicle):
                standings.add(step.standing)
                codes |= set(step.codes)
                spared |= set(step.spared)
        for _, found in reimbursement.decide_sheet(claims_of(fleet), facts):
            reasons |= set(found)
    all_standings = {"out_of_service", "not_asked", "barred", "short", "spared", "compliant"}
    assert standings == all_standings
    assert codes == set(rule.CLAUSE)
    assert spared == set(rule.CLAUSE) - {"compulsory_missing"}  # a policy runs, or none is spared
    holds = {"policy_unknown", "insurer_differs", "cover_short", "buyer_unknown"}
    holds |= {"approval_missing", "amount_differs"}
    assert reimbursement.REFUSALS | holds <= reasons
    assert {"company", "policy_number", "invoice_number", "amount", "invoice_date"} <= reasons


def test_a_step_holds_all_the_way_to_the_next(
    many: list[tuple[fleets.Fleet, Facts]],
) -> None:
    for _, facts in many[:4]:
        for vehicle in facts.vehicles.values():
            day = date(2009, 6, 1)
            while day < date(2029, 1, 1):
                here = rule.standing_at(vehicle, workbook.noon(day))
                assert here.same_as(rule.step_at(vehicle, workbook.noon(day)))
                day += timedelta(days=97)


def test_a_folder_reads_back_as_it_was_made(
    many: list[tuple[fleets.Fleet, Facts]], tmp_path: Path
) -> None:
    fleet, facts = many[0]
    fleets.write_folder(fleet.sheets, tmp_path, 0)
    again = workbook.gather(workbook.read_folder(tmp_path))
    for vin, vehicle in facts.vehicles.items():
        assert rule.timeline(vehicle) == rule.timeline(again.vehicles[vin])
