"""The company's rule on cover and renewal, worked out the long way from the facts.

A second reading of the specification that shares nothing with the product: no index, no
sweep, no stored step. Each question is answered by going through everything that was written
down. Slow on purpose; what it must be is easy to check against the paper by eye.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.oracle.workbook import A_DAY, CLOCK, Facts, Policy, Vehicle, midnight, noon

RULE_DAY = date(2012, 1, 17)
THIRD_PARTY_MINIMUM = Decimal(200_000)
SEAT_MINIMUM = Decimal(20_000)
RENEWAL_WINDOW = timedelta(days=15)

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
