"""The company's rule, worked out the long way from a workbook's raw rows.

A second reading of the specification that shares nothing with the product: no index, no
sweep, no stored step. Each question is answered by going through everything that was written
down. Slow on purpose; what it must be is easy to check against the paper by eye.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from zoneinfo import ZoneInfo

Row = dict[str, str]
Sheets = dict[str, list[Row]]

SHEETS = (
    "regions", "companies", "insurers", "designations", "vehicles",
    "policies", "holdings", "lay_ups", "covers",
)  # fmt: skip
CLOCK = ZoneInfo("Asia/Shanghai")
NOON = time(12)
A_DAY = timedelta(days=1)

RULE_DAY = date(2012, 1, 17)
THIRD_PARTY_MINIMUM = Decimal(200_000)
SEAT_MINIMUM = Decimal(20_000)
RENEWAL_WINDOW = timedelta(days=15)
ENTRY_WINDOW = timedelta(days=30)
CENT = Decimal("0.01")

TERMS_2020 = date(2020, 9, 19)
TERMS_NEV = date(2021, 12, 27)
NEW_ENERGY = {"electric", "plug_in_hybrid", "fuel_cell"}
MAIN_COVERS = {"damage", "third_party", "occupants_driver", "occupants_passengers"}

CLAUSE = {
    "compulsory_missing": "2.1",
    "vehicle_tax_missing": "2.1",
    "damage_missing": "2.2",
    "third_party_missing": "2.3",
    "third_party_below": "2.3",
    "occupants_missing": "2.4",
    "occupants_seats_below": "2.4",
    "occupants_sum_below": "2.4",
    "excess_waiver_missing": "2.5",
    "designated_repair_missing": "2.6",
}
BARRING = {"compulsory_missing", "damage_missing", "third_party_missing", "occupants_missing"}
KINDS = ("compulsory", "commercial")
REFUSALS = {
    "insurer_not_designated",
    "not_insurance",
    "invoice_already_claimed",
    "invoice_reversed",
    "premium_already_claimed",
    "buyer_not_company",
    "vehicle_not_company",
}


# ---------------------------------------------------------------------------- reading cells


def cell(row: Row, column: str) -> str:
    """What a cell says, full-width signs as plain ones; empty where the column is absent."""
    return unicodedata.normalize("NFKC", row.get(column) or "").strip()


def calendar_and_clock(text: str) -> tuple[date, str]:
    """The day that is written, and the clock time written beside it or ''."""
    found = re.fullmatch(r"(\d{4})[-/年](\d{1,2})[-/月](\d{1,2})日?(?:[ T]([\d:]+))?", text)
    if not found:
        message = f"not a day: {text!r}"
        raise ValueError(message)
    year, month, day, clock = found.groups()
    return date(int(year), int(month), int(day)), clock or ""


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CLOCK)


def noon(day: date) -> datetime:
    return datetime.combine(day, NOON, CLOCK)


def at_clock(day: date, clock: str) -> datetime:
    if clock == "24:00":
        return midnight(day + A_DAY)
    return datetime.combine(day, time(*[int(part) for part in clock.split(":")]), CLOCK)


def day_or_none(text: str) -> date | None:
    return calendar_and_clock(text)[0] if text else None


def start(text: str) -> datetime:
    """A beginning or a cancellation: a day means its 00:00."""
    day, clock = calendar_and_clock(text)
    return at_clock(day, clock) if clock else midnight(day)


def printed_end(text: str) -> datetime:
    """An end: a day, and every way to print its last minute, is the next midnight."""
    day, clock = calendar_and_clock(text)
    if clock in {"", "24:00", "23:59", "23:59:59"}:
        return midnight(day + A_DAY)
    return at_clock(day, clock)


def money(text: str) -> Decimal | None:
    """Yuan; None where nothing is written; ValueError where it is not a number."""
    if not text:
        return None
    plain = text.removeprefix("¥").replace(",", "").strip()
    times = 1
    if plain.endswith("万"):
        plain, times = plain[:-1], 10_000
    if not re.fullmatch(r"[+-]?\d+(\.\d+)?", plain):
        message = f"not a number: {text!r}"
        raise ValueError(message)
    return Decimal(plain) * times


# ------------------------------------------------------------------------------- the facts


@dataclass
class Line:
    cover: str
    sum_insured: Decimal
    seats: int
    deductible_rate: Decimal
    since: datetime
    until: datetime


@dataclass
class Policy:
    number: str
    kind: str
    vin: str
    insurer: str
    real: bool
    begins: datetime
    end: datetime
    signed_on: date | None
    premium: Decimal | None
    vehicle_tax: Decimal
    late_fee: Decimal
    tax_exempt: bool
    stated_terms: str
    deductible: bool
    repair_restricted: bool
    approval: str
    lines: list[Line] = field(default_factory=list)

    @property
    def first_day(self) -> date:
        return self.begins.date()

    @property
    def last_day(self) -> date:
        """The local day of the last instant covered."""
        return (self.end - timedelta(microseconds=1)).date()

    def ever_in_force(self) -> bool:
        return self.real and self.begins < self.end

    def in_force(self, moment: datetime) -> bool:
        return self.real and self.begins <= moment < self.end

    def covers(self, cover: str, moment: datetime) -> list[Line]:
        return [x for x in self.lines if x.cover == cover and x.since <= moment < x.until]


@dataclass
class Vehicle:
    vin: str
    company: str
    seats: int
    energy: str
    enters: date
    leaves: date | None
    lay_ups: list[tuple[date, date | None]] = field(default_factory=list)
    holdings: list[tuple[str, date, date | None]] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)

    def in_service(self, day: date) -> bool:
        if day < self.enters or (self.leaves is not None and day >= self.leaves):
            return False
        return not any(spell_holds(since, until, day) for since, until in self.lay_ups)

    def of_kind(self, kind: str) -> list[Policy]:
        return [policy for policy in self.policies if policy.kind == kind]


def spell_holds(since: date, until: date | None, day: date) -> bool:
    return since <= day and (until is None or day < until)


@dataclass
class Facts:
    regions: set[str]
    company_region: dict[str, str]
    company_credit: dict[str, str]
    insurer_kind: dict[str, str]
    designations: list[tuple[str, str, date, date | None]]
    vehicles: dict[str, Vehicle]
    policies: dict[str, Policy]


def read_folder(folder: Path) -> Sheets:
    """A workbook folder's sheets, as text."""
    return {name: read_sheet(folder / f"{name}.csv") for name in SHEETS}


def read_sheet(path: Path) -> list[Row]:
    if not path.exists():
        return []
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("gb18030")
    return list(csv.DictReader(text.splitlines()))


def gather(sheets: Sheets) -> Facts:
    """Everything the sheets say, by code, VIN and policy number."""
    facts = Facts(
        regions={cell(row, "code") for row in sheets.get("regions", [])},
        company_region={
            cell(row, "code"): cell(row, "region_code") for row in sheets.get("companies", [])
        },
        company_credit={
            cell(row, "code"): cell(row, "credit_code").upper()
            for row in sheets.get("companies", [])
        },
        insurer_kind={
            cell(row, "code"): cell(row, "kind") or "insurer" for row in sheets.get("insurers", [])
        },
        designations=[
            (
                cell(row, "region_code"),
                cell(row, "insurer_code"),
                start(cell(row, "since")).date(),
                day_or_none(cell(row, "until")),
            )
            for row in sheets.get("designations", [])
        ],
        vehicles={},
        policies={},
    )
    for row in sheets.get("vehicles", []):
        facts.vehicles[cell(row, "vin")] = vehicle_of(row)
    for row in sheets.get("lay_ups", []):
        spell = (start(cell(row, "since")).date(), day_or_none(cell(row, "until")))
        facts.vehicles[cell(row, "vin")].lay_ups.append(spell)
    for row in sheets.get("holdings", []):
        since, until = start(cell(row, "since")).date(), day_or_none(cell(row, "until"))
        held = (cell(row, "company_code"), since, until)
        facts.vehicles[cell(row, "vin")].holdings.append(held)
    for row in sheets.get("policies", []):
        policy = policy_of(row, facts)
        facts.policies[policy.number] = policy
        facts.vehicles[policy.vin].policies.append(policy)
    for row in sheets.get("covers", []):
        policy = facts.policies[cell(row, "policy_number")]
        policy.lines.extend(lines_of(row, policy))
    return facts


def vehicle_of(row: Row) -> Vehicle:
    return Vehicle(
        vin=cell(row, "vin"),
        company=cell(row, "company_code"),
        seats=int(cell(row, "seats")),
        energy=cell(row, "energy"),
        enters=start(cell(row, "in_service_since")).date(),
        leaves=day_or_none(cell(row, "in_service_until")),
    )


def policy_of(row: Row, facts: Facts) -> Policy:
    end = printed_end(cell(row, "ends"))
    cancelled = cell(row, "cancelled_at")
    if cancelled:
        end = min(end, start(cancelled))
    rate = money(cell(row, "absolute_deductible_rate")) or Decimal(0)
    amount = money(cell(row, "absolute_deductible_amount")) or Decimal(0)
    return Policy(
        number=cell(row, "policy_number"),
        kind=cell(row, "kind"),
        vin=cell(row, "vin"),
        insurer=cell(row, "insurer_code"),
        real=facts.insurer_kind[cell(row, "insurer_code")] == "insurer",
        begins=start(cell(row, "begins")),
        end=end,
        signed_on=day_or_none(cell(row, "signed_on")),
        premium=money(cell(row, "premium")),
        vehicle_tax=money(cell(row, "vehicle_tax")) or Decimal(0),
        late_fee=money(cell(row, "late_fee")) or Decimal(0),
        tax_exempt=cell(row, "tax_exempt") == "yes",
        stated_terms=cell(row, "terms"),
        deductible=rate > 0 or amount > 0,
        repair_restricted=cell(row, "repair_restricted") == "yes",
        approval=cell(row, "approval_number"),
    )


def lines_of(row: Row, policy: Policy) -> list[Line]:
    """A cover row as lines; an undivided occupants row is the driver's and the passengers'."""
    cover = cell(row, "cover")
    seats = int(cell(row, "seats") or 1)
    since, until = policy.begins, policy.end
    if cell(row, "since"):
        since = max(since, start(cell(row, "since")))
    if cell(row, "until"):
        until = min(until, start(cell(row, "until")))
    parts = [(cover, seats)]
    if cover == "occupants":
        parts = [("occupants_driver", 1), ("occupants_passengers", seats - 1)]
    return [
        Line(
            cover=name,
            sum_insured=money(cell(row, "sum_insured")) or Decimal(0),
            seats=count,
            deductible_rate=money(cell(row, "deductible_rate")) or Decimal(0),
            since=since,
            until=until,
        )
        for name, count in parts
    ]


# ------------------------------------------------------------------------------ met or not


def terms_of(policy: Policy, vehicle: Vehicle) -> str:
    if policy.stated_terms:
        return policy.stated_terms
    day = policy.signed_on or policy.first_day
    if day < TERMS_2020:
        return "2014"
    if day >= TERMS_NEV and vehicle.energy in NEW_ENERGY:
        return "nev2021"
    return "2020"


def waives_excess(policy: Policy, vehicle: Vehicle, moment: datetime) -> bool:
    """Clause 2.5 on one commercial policy."""
    if terms_of(policy, vehicle) == "2014":
        return bool(policy.covers("excess_waiver", moment))
    if not policy.covers("damage", moment):
        return False
    if policy.deductible:
        return False
    for cover in MAIN_COVERS:
        for line in policy.covers(cover, moment):
            if line.deductible_rate > 0:
                return False
    for rider in policy.covers("absolute_deductible", moment):
        if rider.deductible_rate > 0 or rider.sum_insured > 0:
            return False
    return True


def designates_repair(policy: Policy, vehicle: Vehicle, moment: datetime) -> bool:
    """Clause 2.6 on one commercial policy."""
    if terms_of(policy, vehicle) == "2014":
        return bool(policy.covers("designated_repair", moment))
    return bool(policy.covers("damage", moment)) and not policy.repair_restricted


def compulsory_codes(vehicle: Vehicle, running: Sequence[Policy]) -> set[str]:
    if vehicle.seats == 0:
        return set()
    codes = set()
    if not running:
        codes.add("compulsory_missing")
    if not any(policy.vehicle_tax > 0 or policy.tax_exempt for policy in running):
        codes.add("vehicle_tax_missing")
    return codes


def occupant_codes(vehicle: Vehicle, running: Sequence[Policy], moment: datetime) -> set[str]:
    """Clause 2.4, one seat after the other."""
    if vehicle.seats == 0:
        return set()
    driver_lines, passenger_lines = [], []
    for policy in running:
        driver_lines += policy.covers("occupants_driver", moment)
        passenger_lines += [
            line for line in policy.covers("occupants_passengers", moment) if line.seats > 0
        ]
    if not driver_lines and not passenger_lines:
        return {"occupants_missing"}
    seats: list[list[Decimal]] = [[line.sum_insured for line in driver_lines]]
    seats += [
        [line.sum_insured for line in passenger_lines if line.seats >= number]
        for number in range(1, vehicle.seats)
    ]
    codes = set()
    for sums in seats:
        if not sums:
            codes.add("occupants_seats_below")
        elif max(sums) < SEAT_MINIMUM:
            codes.add("occupants_sum_below")
    return codes


def commercial_codes(vehicle: Vehicle, running: Sequence[Policy], moment: datetime) -> set[str]:
    codes = set()
    if not any(policy.covers("damage", moment) for policy in running):
        codes.add("damage_missing")
    sums = [line.sum_insured for policy in running for line in policy.covers("third_party", moment)]
    if not sums:
        codes.add("third_party_missing")
    elif max(sums) < THIRD_PARTY_MINIMUM:
        codes.add("third_party_below")
    codes |= occupant_codes(vehicle, running, moment)
    if running and not any(waives_excess(policy, vehicle, moment) for policy in running):
        codes.add("excess_waiver_missing")
    if running and not any(designates_repair(policy, vehicle, moment) for policy in running):
        codes.add("designated_repair_missing")
    return codes


def codes_of_kind(vehicle: Vehicle, kind: str, moment: datetime) -> tuple[set[str], set[str]]:
    """What falls short of one kind's requirements: (as governed, spared by clause 4.4)."""
    if moment < midnight(RULE_DAY):
        return set(), set()
    running = [policy for policy in vehicle.of_kind(kind) if policy.in_force(moment)]
    if kind == "compulsory":
        codes = compulsory_codes(vehicle, running)
    else:
        codes = commercial_codes(vehicle, running, moment)
    governed = not running or min(policy.first_day for policy in running) >= RULE_DAY
    return (codes, set()) if governed else (set(), codes)


# ------------------------------------------------------------------------------- standing


@dataclass
class Standing:
    standing: str
    codes: list[str]
    spared: list[str]
    since: datetime | None = None
    until: datetime | None = None

    def same_as(self, other: "Standing") -> bool:
        mine = (self.standing, self.codes, self.spared)
        return mine == (other.standing, other.codes, other.spared)


def standing_at(vehicle: Vehicle, moment: datetime) -> Standing:
    """Standing, shortfalls and spared at one moment, without the step's bounds."""
    if not vehicle.in_service(moment.astimezone(CLOCK).date()):
        return Standing("out_of_service", [], [])
    if moment < midnight(RULE_DAY):
        return Standing("not_asked", [], [])
    codes, spared = set(), set()
    for kind in KINDS:
        short, left = codes_of_kind(vehicle, kind, moment)
        codes |= short
        spared |= left
    if codes & BARRING:
        name = "barred"
    elif codes:
        name = "short"
    elif spared:
        name = "spared"
    else:
        name = "compliant"
    return Standing(name, sorted(codes), sorted(spared))


def rulebook_since(moment: datetime) -> date | None:
    return RULE_DAY if moment >= midnight(RULE_DAY) else None


def cut_points(vehicle: Vehicle) -> list[datetime]:
    """Every moment at which anything could change."""
    cuts = {midnight(RULE_DAY), midnight(vehicle.enters)}
    days: list[date | None] = [vehicle.leaves]
    for since, until in vehicle.lay_ups:
        days += [since, until]
    cuts |= {midnight(day) for day in days if day is not None}
    for policy in vehicle.policies:
        cuts |= {policy.begins, policy.end}
        for line in policy.lines:
            cuts |= {line.since, line.until}
    return sorted(cuts)


def timeline(vehicle: Vehicle) -> list[Standing]:
    """Every step, oldest first: evaluated at each cut, merged where nothing changed."""
    cuts = cut_points(vehicle)
    steps = [standing_at(vehicle, cuts[0] - A_DAY)]
    for cut in cuts:
        here = standing_at(vehicle, cut)
        if not here.same_as(steps[-1]):
            steps[-1].until = cut
            here.since = cut
            steps.append(here)
    return steps


def step_at(vehicle: Vehicle, moment: datetime) -> Standing:
    """The step that holds at a moment."""
    for step in timeline(vehicle):
        if (step.since is None or step.since <= moment) and (
            step.until is None or moment < step.until
        ):
            return step
    message = f"no step at {moment}"
    raise AssertionError(message)


# -------------------------------------------------------------------------------- renewal


@dataclass(frozen=True)
class Need:
    vin: str
    kind: str
    policy_number: str
    expiry_day: date
    opens_on: date
    late: bool


def need_on(vehicle: Vehicle, kind: str, day: date) -> Need | None:
    """The renewal that a vehicle needs of a kind on a day (clause 3.3), if any."""
    moment = noon(day)
    real = [policy for policy in vehicle.of_kind(kind) if policy.ever_in_force()]
    running = [policy for policy in real if policy.in_force(moment)]
    over = [policy for policy in real if policy.end <= moment]
    if running:
        end = max(policy.end for policy in running)
        joined = True
        while joined:
            joined = False
            for policy in real:
                if policy.begins <= end < policy.end:
                    end, joined = policy.end, True
    elif over:
        end = max(policy.end for policy in over)
    else:
        return None
    expiry_day = (end - timedelta(microseconds=1)).date()
    opens_on = expiry_day - RENEWAL_WINDOW
    if day < opens_on or not vehicle.in_service(day) or not vehicle.in_service(expiry_day + A_DAY):
        return None
    last = max(
        (policy for policy in real if policy.last_day == expiry_day),
        key=lambda policy: (policy.begins, policy.number),
    )
    return Need(vehicle.vin, kind, last.number, expiry_day, opens_on, day > expiry_day)


def needs_on(facts: Facts, day: date) -> set[Need]:
    found = {need_on(vehicle, kind, day) for vehicle in facts.vehicles.values() for kind in KINDS}
    return {need for need in found if need is not None}


NeedKey = tuple[str, str, str, date, date]


def key_of(need: Need) -> NeedKey:
    return (need.vin, need.kind, need.policy_number, need.expiry_day, need.opens_on)


def run_days(facts: Facts, days: Iterable[date]) -> list[tuple[set[Need], set[NeedKey]]]:
    """What each run opens and closes, run after run over unchanged facts."""
    answers = []
    before: set[NeedKey] = set()
    for day in days:
        now = needs_on(facts, day)
        keys = {key_of(need) for need in now}
        answers.append(({need for need in now if key_of(need) not in before}, before - keys))
        before = keys
    return answers


# -------------------------------------------------------------------------- reimbursement


@dataclass
class Claim:
    company: str
    policy_number: str
    insurer: str
    invoice: tuple[str, str]
    invoice_total: Decimal | None
    vehicle_tax: Decimal
    late_fee: Decimal
    buyer: str
    amount: Decimal


def unreadable_columns(row: Row, facts: Facts) -> list[str]:
    """The columns of a claim that cannot be read."""
    bad = []
    if cell(row, "company") not in facts.company_region:
        bad.append("company")
    numbers = ("policy_number", "invoice_number")
    bad += [column for column in numbers if not is_a_number_as_printed(cell(row, column))]
    for column in ("amount", "invoice_total", "vehicle_tax", "late_fee"):
        try:
            value = money(cell(row, column))
        except (ValueError, InvalidOperation):
            bad.append(column)
            continue
        if column == "amount" and value is None:
            bad.append(column)
    try:
        day_or_none(cell(row, "invoice_date"))
    except ValueError:
        bad.append("invoice_date")
    return sorted(bad)


def is_a_number_as_printed(text: str) -> bool:
    """Whether a document number is there and no spreadsheet has spoilt it."""
    if not text or text.startswith("#"):
        return False
    if re.fullmatch(r"\d+(\.\d+)?[eE]\+?\d+", text):
        return False
    return not re.fullmatch(r"\d{15}0{5}", text)


def claim_of(row: Row) -> Claim:
    number, code = cell(row, "invoice_number"), cell(row, "invoice_code")
    fully_digital = re.fullmatch(r"\d{20}", number)
    return Claim(
        company=cell(row, "company"),
        policy_number=cell(row, "policy_number"),
        insurer=cell(row, "insurer"),
        invoice=("", number) if fully_digital else (code, number),
        invoice_total=money(cell(row, "invoice_total")),
        vehicle_tax=money(cell(row, "vehicle_tax")) or Decimal(0),
        late_fee=money(cell(row, "late_fee")) or Decimal(0),
        buyer=cell(row, "buyer_credit_code").upper(),
        amount=money(cell(row, "amount")) or Decimal(0),
    )


def designated(facts: Facts, insurer: str, region: str, day: date) -> bool:
    return any(
        (region, insurer) == (where, who) and spell_holds(since, until, day)
        for where, who, since, until in facts.designations
    )


def was_the_companys(vehicle: Vehicle, company: str, first_day: date) -> bool:
    """Held on the policy's first day, or entered the company's service within 30 days after."""
    held = vehicle.holdings or [(vehicle.company, vehicle.enters, None)]
    for holder, since, until in held:
        if holder != company:
            continue
        if spell_holds(since, until, first_day):
            return True
        if first_day < since <= first_day + ENTRY_WINDOW:
            return True
    return False


def due_on(policy: Policy) -> Decimal:
    return (policy.premium or Decimal(0)) + policy.vehicle_tax + policy.late_fee


def policy_reasons(claim: Claim, policy: Policy, facts: Facts) -> set[str]:
    """What the policy on record says against a claim."""
    reasons = set()
    vehicle = facts.vehicles[policy.vin]
    asked_on = policy.signed_on
    if asked_on is None or asked_on < RULE_DAY:
        asked_on = policy.first_day
    since_the_rule = policy.first_day >= RULE_DAY
    region = facts.company_region[claim.company]
    if since_the_rule and not designated(facts, policy.insurer, region, asked_on):
        reasons.add("insurer_not_designated")
    if not policy.real:
        reasons.add("not_insurance")
    if not was_the_companys(vehicle, claim.company, policy.first_day):
        reasons.add("vehicle_not_company")
    if claim.insurer and claim.insurer != policy.insurer:
        reasons.add("insurer_differs")
    if codes_of_kind(vehicle, policy.kind, policy.begins)[0]:
        reasons.add("cover_short")
    followed = any(
        other.ever_in_force() and other.begins < policy.begins
        for other in vehicle.of_kind(policy.kind)
    )
    if since_the_rule and not policy.approval and not followed:
        reasons.add("approval_missing")
    if abs(claim.amount - due_on(policy)) > CENT:
        reasons.add("amount_differs")
    return reasons


def reasons_against(claim: Claim, earlier: Sequence[Claim], facts: Facts) -> set[str]:
    """Every reason against a claim, given the payable claims before it."""
    reasons = set()
    policy = facts.policies.get(claim.policy_number)
    if policy is None:
        reasons.add("policy_unknown")
    else:
        reasons |= policy_reasons(claim, policy, facts)
        spent = [other.amount for other in earlier if other.policy_number == claim.policy_number]
        if spent and sum(spent) + claim.amount > due_on(policy):
            reasons.add("premium_already_claimed")
    if any(other.invoice == claim.invoice for other in earlier):
        reasons.add("invoice_already_claimed")
    if claim.amount < 0 or (claim.invoice_total is not None and claim.invoice_total < 0):
        reasons.add("invoice_reversed")
    if not claim.buyer:
        reasons.add("buyer_unknown")
    elif claim.buyer != facts.company_credit[claim.company]:
        reasons.add("buyer_not_company")
    if claim.invoice_total is not None:
        payable = claim.invoice_total + claim.vehicle_tax + claim.late_fee
        if abs(claim.amount - payable) > CENT:
            reasons.add("amount_differs")
    return reasons


def decide_sheet(rows: Iterable[Row], facts: Facts) -> list[tuple[str, list[str]]]:
    """(decision, sorted reasons) of every row, each judged after the rows above it."""
    answers: list[tuple[str, list[str]]] = []
    payable: list[Claim] = []
    for row in rows:
        bad = unreadable_columns(row, facts)
        if bad:
            answers.append(("unreadable", bad))
            continue
        claim = claim_of(row)
        reasons = reasons_against(claim, payable, facts)
        if reasons & REFUSALS:
            answers.append(("refused", sorted(reasons)))
        elif reasons:
            answers.append(("held", sorted(reasons)))
        else:
            answers.append(("payable", []))
            payable.append(claim)
    return answers
