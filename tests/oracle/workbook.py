"""A fleet workbook's raw rows, read the plain way: cells, and what they say together."""

import csv
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
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
    return datetime.combine(day, time.fromisoformat(clock), CLOCK)


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
