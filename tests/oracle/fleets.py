"""Invented fleets that go through every corner of the rule.

All of it is generated from a seed: no vehicle, plate, company or policy exists. Every fleet is
valid by the workbook's format and must be imported whole.
"""

import csv
import io
import random
from datetime import date, datetime, time, timedelta
from pathlib import Path

from tests.oracle import rule, workbook
from tests.oracle.rule import RULE_DAY
from tests.oracle.workbook import CLOCK, SHEETS, Facts, Row, Sheets

VIN_SIGNS = "0123456789ABCDEFGHJKLMNPRSTUVWXYZ"
VIN_VALUES = dict(
    zip(VIN_SIGNS, [*range(10), *range(1, 9), *range(1, 6), 7, 9, *range(2, 10)], strict=True)
)
VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"

VEHICLE_TYPES = ("official", "test_drive", "replacement", "business", "tow", "shuttle")
ENERGIES = ("petrol", "diesel", "electric", "plug_in_hybrid", "fuel_cell", "other", "")
SEATS = (0, 1, 2, 2, 5, 5, 5, 5, 7, 55)
OPTIONAL_COVERS = ("theft", "glass", "scratch", "wheel", "occupant_accident", "roadside")
FIRST_DAYS = (
    date(2010, 6, 1), date(2011, 1, 17), date(2011, 7, 1), date(2011, 12, 20), date(2012, 1, 16),
    date(2012, 1, 17), date(2012, 1, 18), date(2013, 5, 5), date(2015, 2, 28), date(2016, 2, 29),
    date(2018, 8, 8), date(2019, 9, 20), date(2020, 9, 18), date(2020, 9, 19), date(2020, 12, 1),
    date(2021, 12, 26), date(2021, 12, 27), date(2022, 3, 1), date(2023, 11, 11),
    date(2024, 2, 29), date(2025, 6, 30), date(2026, 1, 1),
)  # fmt: skip
THIRD_PARTY_SUMS = ("199999", "199,999.99", "200000", "200,000.00", "20万", "200001", "¥1000000")
SEAT_SUMS = ("19999", "19999.99", "20000", "2万", "20001", "50,000")
A_YEAR = 365
MODERN = date(2020, 9, 10)  # from about here on the two lines are mostly no longer bought


def check_digit(vin: str) -> str:
    """The check digit (GB 16735) that belongs at the ninth place."""
    total = sum(VIN_VALUES[sign] * w for sign, w in zip(vin, VIN_WEIGHTS, strict=True))
    return "0123456789X"[total % 11]


def make_vin(plant: str, serial: int, *, holds: bool = True) -> str:
    """A generated VIN under the unassigned maker LZZ."""
    vin = f"LZZTEST00{plant}{serial:07d}"
    digit = check_digit(vin)
    if not holds:
        digit = "1" if digit != "1" else "2"
    return vin[:8] + digit + vin[9:]


def make_credit_code(serial: int) -> str:
    """A generated unified social credit code (GB 32100) with a valid check sign."""
    body = f"91990000MAX{serial:06d}"
    total = sum(CREDIT_SIGNS.index(sign) * pow(3, place, 31) for place, sign in enumerate(body))
    return body + CREDIT_SIGNS[-total % 31]


class Fleet:
    """One generated fleet: its sheets, as rows of text."""

    def __init__(self, seed: int, vehicles: int = 40) -> None:
        self.random = random.Random(seed)  # noqa: S311  # the same fleet for the same seed
        self.seed = seed
        self.sheets: Sheets = {name: [] for name in SHEETS}
        self.serial = 0
        self.make_group()
        for number in range(vehicles):
            self.make_vehicle(number)

    # ------------------------------------------------------------------------ chances

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def code(self, kind: str, number: int) -> str:
        return f"{kind}{self.seed}X{number}"

    def add(self, sheet: str, **cells: object) -> Row:
        row = {column: "" if value is None else str(value) for column, value in cells.items()}
        self.sheets[sheet].append(row)
        return row

    def write_day(self, day: date) -> str:
        """A day, in one of the ways a sheet may print it."""
        forms = (
            day.isoformat(),
            day.isoformat(),
            f"{day.year}/{day.month}/{day.day}",
            f"{day.year}年{day.month}月{day.day}日",
        )
        return self.random.choice(forms)

    # ------------------------------------------------------------------------ the group

    def make_group(self) -> None:
        self.regions = [self.code("REG", n) for n in range(2)]
        self.companies = [self.code("CO", n) for n in range(4)]
        self.insurers = [self.code("INS", n) for n in range(5)]
        self.pools = [self.code("POOL", 0)]
        self.credit = {}
        for n, region in enumerate(self.regions):
            self.add("regions", code=region, name=f"生成片区{self.seed}-{n}")
        for n, company in enumerate(self.companies):
            self.credit[company] = make_credit_code(self.seed * 10 + n)
            self.add(
                "companies",
                code=company,
                name=f"生成公司{self.seed}-{n}",
                region_code=self.regions[n % 2],
                credit_code=self.credit[company],
            )
        for n, insurer in enumerate(self.insurers):
            kind = self.random.choice(("insurer", ""))
            self.add("insurers", code=insurer, name=f"生成保险{self.seed}-{n}", kind=kind)
        for pool in self.pools:
            self.add("insurers", code=pool, name=f"生成统筹{self.seed}", kind="mutual_pool")
        for region in self.regions:
            self.make_designations(region)

    def make_designations(self, region: str) -> None:
        always, others = self.insurers[:2], self.insurers[2:4]
        for insurer in always:
            since = self.random.choice((date(2010, 1, 1), RULE_DAY))
            self.add("designations", region_code=region, insurer_code=insurer, since=since)
        for insurer in others:
            day = self.random.choice(FIRST_DAYS[:8])
            for _ in range(12):
                until = day + timedelta(days=self.random.choice((30, 200, 365, 366)))
                self.add(
                    "designations",
                    region_code=region,
                    insurer_code=insurer,
                    since=self.write_day(day),
                    until=self.write_day(until),
                )
                day = until + timedelta(days=self.random.choice((0, 1, 30, 200)))

    # ------------------------------------------------------------------------ vehicles

    def make_vehicle(self, number: int) -> None:
        serial = self.seed * 1000 + number
        vin = make_vin("T", serial, holds=not self.chance(0.06))
        first = self.random.choice(FIRST_DAYS[:5] if self.chance(0.25) else FIRST_DAYS)
        enters = first + timedelta(days=self.random.choice((-400, -30, 0, 0, 1, 30, 31, 200)))
        leaves = None
        if self.chance(0.2):
            leaves = enters + timedelta(days=self.random.randint(200, 3000))
        energy = self.random.choice(ENERGIES)
        seats = self.random.choice(SEATS)
        company = self.random.choice(self.companies)
        if self.chance(0.25):
            company = self.make_holdings(vin, company, enters, leaves)
        self.add(
            "vehicles",
            vin=vin,
            plate=self.make_plate(serial, energy, seats),
            vehicle_type=self.random.choice(VEHICLE_TYPES),
            company_code=company,
            seats=seats,
            brand_model="Generated",
            energy=energy,
            in_service_since=self.write_day(enters),
            in_service_until=self.write_day(leaves) if leaves else "",
        )
        if self.chance(0.25):
            self.make_lay_ups(vin, enters)
        perfect = self.chance(0.55)
        for kind in rule.KINDS:
            if not self.chance(0.08):
                self.make_policies(vin, kind, first, seats, perfect=perfect)

    def make_plate(self, serial: int, energy: str, seats: int) -> str:
        """A well-formed plate under the letter Z, which no town has; none for some."""
        if self.chance(0.1):
            return self.random.choice(("", "新车"))
        place = "藏青宁新琼甘贵云桂蒙"[serial // 100_000 % 10]
        if seats == 0:
            return f"{place}Z{serial:04d}挂" if serial < 10_000 else ""
        if energy in {"electric", "fuel_cell"}:
            return f"{place}ZD{serial % 100_000:05d}"
        return f"{place}Z{serial % 100_000:05d}"

    def make_holdings(self, vin: str, company: str, enters: date, leaves: date | None) -> str:
        """A vehicle that moved; the company that holds it last."""
        moves = self.random.randint(1, 3)
        since = enters
        for _ in range(moves):
            until = since + timedelta(days=self.random.randint(20, 500))
            if leaves and until >= leaves:
                break
            self.add("holdings", vin=vin, company_code=company, since=since, until=until)
            company = self.random.choice([one for one in self.companies if one != company])
            since = until
        self.add("holdings", vin=vin, company_code=company, since=since)
        return company

    def make_lay_ups(self, vin: str, enters: date) -> None:
        day = enters + timedelta(days=self.random.randint(0, 700))
        for _ in range(self.random.randint(1, 3)):
            until = day + timedelta(days=self.random.choice((1, 2, 30, 200)))
            last = self.chance(0.1)
            shown = "" if last else self.write_day(until)
            self.add("lay_ups", vin=vin, since=self.write_day(day), until=shown)
            if last:
                return
            day = until + timedelta(days=self.random.randint(0, 600))

    # ------------------------------------------------------------------------ policies

    def make_policies(self, vin: str, kind: str, first: date, seats: int, *, perfect: bool) -> None:
        """A chain of policies of one kind, with the joins that real chains have."""
        day = first
        smooth = perfect and self.chance(0.8)
        for number in range(self.random.randint(1, 6)):
            last = self.make_policy(vin, kind, day, seats, perfect=perfect and self.chance(0.9))
            if self.chance(0.12):
                beside = day + timedelta(days=self.random.choice((0, 0, 10, 300)))
                together = last if self.chance(0.5) and beside < last else None
                better = self.chance(0.5)
                self.make_policy(vin, kind, beside, seats, perfect=better, last=together)
            steps = [1, 1, 1, 1, 1, 0, -1, -20]
            if not smooth:
                steps += [2, 8, 15, 16, 17, 60, 400]
            day = last + timedelta(days=self.random.choice(steps))
            if number == 0 and self.chance(0.3) and first.year < RULE_DAY.year:
                day = max(day, RULE_DAY + timedelta(days=self.random.choice((-1, 0, 1, 300))))
            if day.year > 2027:
                return

    def make_policy(
        self,
        vin: str,
        kind: str,
        day: date,
        seats: int,
        *,
        perfect: bool,
        last: date | None = None,
    ) -> date:
        """One policy with its lines; the last day printed on it."""
        self.serial += 1
        mark = "JQ" if kind == "compulsory" else "SY"
        number = f"GEN{mark}{self.seed:05d}{self.serial:06d}"
        odd = self.random.choice((366, 180, 30, 7, 1))
        length = odd if self.chance(0.05 if perfect else 0.3) else A_YEAR
        last = last or day + timedelta(days=length - 1)
        insurer = self.pick_insurer()
        begins, begins_at = self.write_begins(day)
        ends = self.write_ends(last, begins_at)
        row = self.add(
            "policies",
            policy_number=number,
            kind=kind,
            insurer_code=insurer,
            vin=vin,
            begins=begins,
            ends=ends,
            signed_on=self.pick_signing(day, insurer),
            premium=self.random.choice(("950", "1,270.00", "¥3,015.55", "4200.10", "0.8万")),
            late_fee=self.random.choice(("", "", "", "0", "12.50")),
            approval_number=self.random.choice(("", f"OA-GEN-{self.serial}")),
            cancelled_at=self.pick_cancellation(begins_at, last) if self.chance(0.08) else "",
        )
        if kind == "compulsory":
            self.make_tax(row, perfect=perfect)
        else:
            self.make_terms(row, perfect=perfect)
            self.make_lines(row, seats, day, last, perfect=perfect)
        return last

    def pick_insurer(self) -> str:
        if self.chance(0.05):
            return self.pools[0]
        return self.random.choice((*self.insurers[:2], *self.insurers[:2], *self.insurers))

    def write_begins(self, day: date) -> tuple[str, datetime]:
        """A first moment: mostly a day, sometimes an immediate effect's clock time."""
        if self.chance(0.8):
            return self.write_day(day), workbook.midnight(day)
        clock = self.random.choice(("00:00", "00:01", "12:00", "12:01", "18:03", "23:30"))
        return f"{day} {clock}", workbook.at_clock(day, clock)

    def write_ends(self, last: date, begins_at: datetime) -> str:
        if self.chance(0.75):
            return self.write_day(last)
        clock = self.random.choice(("24:00", "23:59", "23:59:59", "18:03", "12:00", "11:59"))
        if workbook.printed_end(f"{last} {clock}") <= begins_at:
            return self.write_day(last)
        return f"{last} {clock}"

    def pick_signing(self, day: date, insurer: str) -> str:
        """A signing day, often beside an edge: the rule's, the terms' or a designation's."""
        if self.chance(0.3):
            return ""
        edges = [RULE_DAY, date(2020, 9, 19), date(2021, 12, 27), *self.turns_of(insurer)]
        edges += [edge - timedelta(days=1) for edge in edges]
        near = [edge for edge in edges if timedelta() <= day - edge <= timedelta(days=60)]
        if near and self.chance(0.6):
            return self.write_day(self.random.choice(near))
        return self.write_day(day - timedelta(days=self.random.choice((0, 0, 1, 10, 40))))

    def turns_of(self, insurer: str) -> list[date]:
        """The days on which some region began or ceased to designate an insurer."""
        return [
            turn
            for row in self.sheets["designations"]
            if row["insurer_code"] == insurer
            for turn in (
                workbook.day_or_none(row["since"]),
                workbook.day_or_none(row.get("until", "")),
            )
            if turn is not None
        ]

    def pick_cancellation(self, begins_at: datetime, last: date) -> str:
        day = begins_at.date()
        choices = [
            (day - timedelta(days=5)).isoformat(),
            begins_at.strftime("%Y-%m-%d %H:%M"),
            f"{day + timedelta(days=3)} 09:30",
            (day + timedelta(days=40)).isoformat(),
            f"{last} 15:00",
            last.isoformat(),
            (last + timedelta(days=1)).isoformat(),
            f"{last + timedelta(days=20)} 10:00",
        ]
        return self.random.choice(choices)

    def make_tax(self, row: Row, *, perfect: bool) -> None:
        good = ({"vehicle_tax": "420"}, {"vehicle_tax": "1.5"}, {"tax_exempt": "yes"})
        odd: tuple[Row, ...] = ({}, {"vehicle_tax": "0"}, {"vehicle_tax": "0", "tax_exempt": "yes"})
        row.update(self.random.choice(good if perfect else (*good, *odd)))
        if "tax_exempt" not in row and self.chance(0.3):
            row["tax_exempt"] = "no"

    def make_terms(self, row: Row, *, perfect: bool) -> None:
        if self.chance(0.15):
            row["terms"] = self.random.choice(("2014", "2020", "nev2021"))
        if self.chance(0.2):
            row["repair_restricted"] = "no"
        if perfect:
            return
        oddities: tuple[Row, ...] = (
            {"absolute_deductible_rate": "0", "absolute_deductible_amount": "0"},
            {"absolute_deductible_rate": "5"},
            {"absolute_deductible_amount": "300"},
            {"repair_restricted": "yes"},
        )
        if self.chance(0.5):
            row.update(self.random.choice(oddities))

    # ------------------------------------------------------------------------ lines

    def line(self, row: Row, cover: str, **cells: object) -> Row:
        number = row["policy_number"]
        return self.add("covers", policy_number=number, cover=cover, **cells)

    def make_lines(self, row: Row, seats: int, day: date, last: date, *, perfect: bool) -> None:
        keep = 1.0 if perfect else 0.85
        sums = THIRD_PARTY_SUMS[2:] if perfect else THIRD_PARTY_SUMS
        for cover, insured in (("damage", "12.8万"), ("third_party", self.random.choice(sums))):
            if not self.chance(keep):
                continue
            line = self.line(row, cover, sum_insured=insured)
            if not perfect and self.chance(0.15):
                line["deductible_rate"] = self.random.choice(("0", "5", "10"))
            self.endorse(line, day, last, perfect=perfect)
        if self.chance(keep):
            self.make_occupants(row, seats, day, last, perfect=perfect)
        for cover in ("excess_waiver", "designated_repair"):
            likely = 1.0 if perfect else 0.7
            if self.chance(0.3 if day >= MODERN else likely):
                self.endorse(self.line(row, cover), day, last, perfect=perfect)
        if not perfect and self.chance(0.2):
            rate = self.random.choice(("0", "5", "20"))
            rider = self.line(row, "absolute_deductible", deductible_rate=rate)
            self.endorse(rider, day, last, perfect=False)
        for cover in OPTIONAL_COVERS:
            if self.chance(0.1):
                self.line(row, cover, sum_insured="10000", seats="5")

    def make_occupants(self, row: Row, seats: int, day: date, last: date, *, perfect: bool) -> None:
        sums = SEAT_SUMS[2:] if perfect else SEAT_SUMS
        licensed = max(seats, 1)
        odd = self.random.choice((licensed, licensed, max(licensed - 1, 1), licensed + 1, 1))
        covered = licensed if perfect else odd
        if self.chance(0.3):
            line = self.line(row, "occupants", sum_insured=self.random.choice(sums), seats=covered)
            self.endorse(line, day, last, perfect=perfect)
            return
        if perfect or self.chance(0.85):
            shown = self.random.choice(("1", "1", ""))
            line = self.line(
                row, "occupants_driver", sum_insured=self.random.choice(sums), seats=shown
            )
            self.endorse(line, day, last, perfect=perfect)
        if perfect or self.chance(0.85):
            line = self.line(
                row,
                "occupants_passengers",
                sum_insured=self.random.choice(sums),
                seats=covered - 1,
            )
            self.endorse(line, day, last, perfect=perfect)

    def endorse(self, line: Row, day: date, last: date, *, perfect: bool) -> None:
        """An endorsement in mid-term: the line begins later, ends earlier, or is replaced."""
        days = (last - day).days
        if perfect or days < 20 or not self.chance(0.12):
            return
        turn = day + timedelta(days=self.random.randint(2, days - 2))
        turn_two = min(turn + timedelta(days=self.random.choice((0, 1, 30))), last)
        change = self.random.choice(("later", "earlier", "replaced"))
        if change in {"earlier", "replaced"}:
            line["until"] = self.write_day(turn)
        if change == "later":
            line["since"] = self.write_day(turn)
        if change == "replaced":
            again = dict(line)
            again.update(until="", since=self.write_day(turn_two))
            if line.get("sum_insured"):
                again["sum_insured"] = self.random.choice((line["sum_insured"], "30000", "20万"))
            self.sheets["covers"].append(again)


def merged(fleets: list[Fleet]) -> Sheets:
    """Several fleets as one group."""
    return {name: [row for one in fleets for row in one.sheets[name]] for name in SHEETS}


def write_folder(sheets: Sheets, folder: Path, seed: int) -> None:
    """The sheets as a workbook folder: rows, columns and encodings in any order."""
    chances = random.Random(seed)  # noqa: S311  # the same folder for the same seed
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in sheets.items():
        if not rows:
            continue
        columns = list(dict.fromkeys(column for row in rows for column in row))
        chances.shuffle(columns)
        shuffled = chances.sample(rows, len(rows))
        encoding = chances.choice(("utf-8", "utf-8-sig", "gb18030"))
        (folder / f"{name}.csv").write_bytes(as_csv(columns, shuffled).encode(encoding))


def as_csv(columns: list[str], rows: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def moments_of_interest(facts: Facts, chances: random.Random, count: int) -> list[datetime]:
    """Edges of policies and of the rule, one second about them, and some plain noons."""
    edges = sorted(
        {
            edge
            for vehicle in facts.vehicles.values()
            for policy in vehicle.policies
            for edge in (policy.begins, policy.end)
        }
    )
    second = timedelta(seconds=1)
    picked = [workbook.midnight(RULE_DAY) - second, workbook.midnight(RULE_DAY)]
    while len(picked) < count:
        edge = chances.choice(edges)
        picked.append(edge + chances.choice((-second, second * 0, second)))
    picked.append(datetime.combine(date(2026, 5, 4), time(12), CLOCK))
    return picked
