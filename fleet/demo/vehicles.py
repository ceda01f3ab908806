"""The demo group's vehicles: most of them in order, and one of every other kind of story."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from fleet.demo.group import COMPANIES, MARK, POOL, UNDESIGNATED, designations, years_on
from fleet.demo.sheets import DAY, Car, Paper, Workbook, plate, vin

FLEET = 600
YEARS = 3
SEATS = {
    "official": 5,
    "test_drive": 5,
    "replacement": 5,
    "business": 7,
    "tow": 3,
    "shuttle": 19,
}
_ENERGIES = ("petrol",) * 6 + ("electric", "electric", "plug_in_hybrid", "diesel")
_BRANDS = ("演示一号", "演示二号", "演示三号", "演示四号")
_SHARE_RENEWED_EARLY = 0.4
_SOON = 15
_STORIES: list[Callable[[Maker], None]] = []


def story(tell: Callable[[Maker], None]) -> Callable[[Maker], None]:
    """Let a function add its vehicle to the group."""
    _STORIES.append(tell)
    return tell


@dataclass(slots=True)
class Papers:
    """Policies that claims are made on: those in order, and one for each other case."""

    in_order: list[Paper] = field(default_factory=list)
    undesignated: list[Paper] = field(default_factory=list)
    pool: list[Paper] = field(default_factory=list)
    short: list[Paper] = field(default_factory=list)
    unapproved: list[Paper] = field(default_factory=list)


@dataclass(slots=True)
class Maker:
    """Makes vehicles one after the other, and the policies of their years."""

    book: Workbook
    papers: Papers = field(default_factory=Papers)
    made: int = 0

    @property
    def today(self) -> date:
        """The day everything is dated from."""
        return self.book.today

    def car(
        self, since: date, kind: str = "official", *, plated: bool = True, **changes: Any
    ) -> Car:
        """Add a vehicle of the next company in turn."""
        self.made += 1
        home = COMPANIES[self.made % len(COMPANIES)]
        energy = changes.pop("energy", _ENERGIES[self.made % len(_ENERGIES)])
        row = {
            "vin": vin(self.made),
            "plate": plate(home.region, self.made, energy) if plated else "新车",
            "vehicle_type": kind,
            "company_code": home.code,
            "seats": SEATS[kind],
            "brand_model": _BRANDS[self.made % len(_BRANDS)],
            "engine_number": f"{MARK}-E{self.made:06d}",
            "energy": energy,
            "first_registered": since if plated else None,
            "in_service_since": since,
            "in_service_until": None,
            **changes,
        }
        self.book.add("vehicles", **row)
        insurer = self._insurer(home.region)
        return Car(self.made, row["vin"], home.code, row["seats"], energy, insurer)

    def _insurer(self, region: str) -> str:
        choice = [
            one.insurer
            for one in designations(self.today)
            if one.region == region and one.until is None
        ]
        return choice[self.made % len(choice)]

    def since(self, latest: date, years: int = YEARS) -> date:
        """The day a vehicle entered whose last of some years of policies begins on a day."""
        return years_on(latest, 1 - years)

    def compulsory(self, car: Car, latest: date, years: int = YEARS, **changes: Any) -> list[Paper]:
        """Unbroken years of compulsory policies; `changes` are the latest one's."""
        return self._years(car, self.book.compulsory, latest, years, changes)

    def commercial(self, car: Car, latest: date, years: int = YEARS, **changes: Any) -> list[Paper]:
        """Unbroken years of commercial policies; `changes` are the latest one's."""
        return self._years(car, self.book.commercial, latest, years, changes)

    def both(self, car: Car, latest: date, years: int = YEARS, **changes: Any) -> list[Paper]:
        """Years of both kinds; `changes` are the latest commercial policy's."""
        self.compulsory(car, latest, years)
        return self.commercial(car, latest, years, **changes)

    def _years(
        self,
        car: Car,
        insure: Callable[..., Paper],
        latest: date,
        years: int,
        changes: dict[str, Any],
    ) -> list[Paper]:
        made = []
        for ago in range(years - 1, -1, -1):
            first = years_on(latest, -ago)
            last = years_on(latest, 1 - ago) - DAY
            values: dict[str, Any] = {}
            if ago == years - 1:  # the first of its kind has its approval (3.2)
                values["approval_number"] = f"{MARK}-OA-{car.serial:05d}"
            if ago == 0:
                values.update(changes)
            made.append(insure(car, first, values.pop("last", last), **values))
        return made


def fill(book: Workbook) -> Papers:
    """Add the whole fleet to a workbook; answers the policies that claims are made on."""
    maker = Maker(book)
    for tell in _STORIES:
        tell(maker)
    while maker.made < FLEET:
        _in_order(maker)
    return maker.papers


def _in_order(maker: Maker) -> None:
    """A vehicle whose cover never broke; where it ends soon, perhaps renewed already."""
    dice = maker.book.dice
    kind = dice.choice(list(SEATS))
    latest = maker.today - dice.randrange(365) * DAY
    years = dice.choice((YEARS, YEARS, YEARS, 2))
    car = maker.car(maker.since(latest, years), kind)
    papers = [*maker.compulsory(car, latest, years), *maker.commercial(car, latest, years)]
    maker.papers.in_order += [papers[years - 1], papers[-1]]
    ends = years_on(latest, 1) - DAY
    if (ends - maker.today).days <= _SOON and dice.random() < _SHARE_RENEWED_EARLY:
        maker.book.compulsory(car, ends + DAY)
        maker.book.commercial(car, ends + DAY)


def _begun(maker: Maker, ended_days_ago: int) -> date:
    """When a yearly policy began that ended some days ago."""
    return years_on(maker.today - (ended_days_ago - 1) * DAY, -1)


def _running(maker: Maker) -> date:
    return maker.today - maker.book.dice.randrange(60, 300) * DAY


# Barred: not insured, must not be used (4.2)


@story
def commercial_cover_ran_out(maker: Maker) -> None:
    """Weeks ago; its renewal is late."""
    for days_ago in (1, 9, 20, 33):
        latest = _begun(maker, days_ago)
        car = maker.car(maker.since(latest), "business")
        maker.compulsory(car, _running(maker))
        maker.commercial(car, latest)


@story
def all_cover_ran_out(maker: Maker) -> None:
    """Both kinds on the same day."""
    for days_ago in (2, 12):
        latest = _begun(maker, days_ago)
        maker.both(maker.car(maker.since(latest), "shuttle"), latest)


@story
def later_cover_leaves_a_gap(maker: Maker) -> None:
    """A later policy is on record; until it begins the vehicle must stand."""
    latest = _begun(maker, 3)
    car = maker.car(maker.since(latest), "replacement")
    maker.both(car, latest)
    maker.book.compulsory(car, maker.today + 4 * DAY)
    maker.book.commercial(car, maker.today + 4 * DAY)


@story
def never_insured(maker: Maker) -> None:
    """New, no plate yet: it needs a new request (3.2) and has no renewal."""
    maker.car(maker.today - 3 * DAY, "test_drive", plated=False)


@story
def a_main_cover_is_missing(maker: Maker) -> None:
    """One vehicle each without damage, third party, occupants."""
    without: tuple[dict[str, None], ...] = (
        {"damage": None},
        {"third_party": None},
        {"occupants_driver": None, "occupants_passengers": None},
    )
    for covers in without:
        latest = _running(maker)
        maker.both(maker.car(maker.since(latest)), latest, covers=covers)


@story
def insured_with_a_pool(maker: Maker) -> None:
    """Paper of a mutual pool is no insurance."""
    latest = _running(maker)
    car = maker.car(maker.since(latest), "tow")
    maker.compulsory(car, latest)
    maker.papers.pool += maker.commercial(car, latest, insurer_code=POOL)[-1:]


# Short: may be used, must be cured


@story
def a_sum_or_seat_is_short(maker: Maker) -> None:
    """Third party, sum a seat, seats covered: one vehicle each."""
    short: tuple[dict[str, dict[str, Any]], ...] = (
        {"third_party": {"sum_insured": 150_000}},
        {"third_party": {"sum_insured": 100_000}},
        {"occupants_driver": {"sum_insured": 10_000, "seats": 1}},
        {"occupants_passengers": {"sum_insured": 20_000, "seats": 2}},
    )
    for covers in short:
        latest = _running(maker)
        car = maker.car(maker.since(latest), "official")
        maker.papers.short += maker.both(car, latest, covers=covers)[-1:]


@story
def a_term_is_short(maker: Maker) -> None:
    """An absolute deductible on the policy, one as a rider, a repairer not ours."""
    for changes in (
        {"absolute_deductible_rate": "5"},
        {"covers": {"absolute_deductible": {"deductible_rate": "10"}}},
        {"repair_restricted": "yes"},
    ):
        latest = _running(maker)
        maker.both(maker.car(maker.since(latest), "business"), latest, **changes)


@story
def vehicle_tax_not_recorded(maker: Maker) -> None:
    """Compulsory insurance without the tax that belongs to it (2.1)."""
    for _ in range(2):
        latest = _running(maker)
        car = maker.car(maker.since(latest), "official", energy="petrol")
        maker.compulsory(car, latest, vehicle_tax=0)
        maker.commercial(car, latest)


# Spared: insured before the rule came (4.4)


@story
def insured_since_before_the_rule(maker: Maker) -> None:
    """A commercial policy of many years that began before the rule and still runs."""
    for sum_insured in (50_000, 100_000):
        begins = date(2011, 12, 1)
        car = maker.car(begins, "official", energy="petrol")
        maker.compulsory(car, _running(maker), years=maker.today.year - begins.year)
        covers = {"third_party": {"sum_insured": sum_insured}}
        ends = maker.today + 200 * DAY
        maker.book.commercial(car, begins, ends, covers, signed_on=begins, terms="2014")


@story
def a_veteran(maker: Maker) -> None:
    """Not asked, then spared, then under the rule, and gone: the whole history of 4.4."""
    begins = date(2011, 6, 1)
    car = maker.car(begins, "official", energy="petrol", in_service_until=date(2015, 6, 1))
    for ago, covers in enumerate(({"third_party": {"sum_insured": 50_000}}, {}, {}, {})):
        first = years_on(begins, ago)
        maker.book.compulsory(car, first)
        riders: dict[str, dict[str, Any] | None] = {"excess_waiver": {}, "designated_repair": {}}
        maker.book.commercial(car, first, covers={**(riders if ago else {}), **covers})


# Out of service


@story
def laid_up(maker: Maker) -> None:
    """Off the road for some weeks, this day among them; one whose cover ends meanwhile."""
    for latest in (_running(maker), years_on(maker.today + 5 * DAY, -1)):
        car = maker.car(maker.since(latest), "shuttle")
        maker.both(car, latest)
        since, until = maker.today - 20 * DAY, maker.today + 25 * DAY
        maker.book.add("lay_ups", vin=car.vin, since=since, until=until)


@story
def left_the_fleet(maker: Maker) -> None:
    """Sold; its commercial policy was cancelled on the day."""
    for days_ago in (30, 100, 160):
        gone = maker.today - days_ago * DAY
        latest = gone - 90 * DAY
        car = maker.car(maker.since(latest), "replacement", in_service_until=gone)
        maker.both(car, latest, cancelled_at=gone)


@story
def enters_soon(maker: Maker) -> None:
    """Insured before it is registered."""
    since = maker.today + 10 * DAY
    car = maker.car(since, "test_drive", plated=False)
    maker.both(car, since, years=1)


# In order, with a history of their own


@story
def moved_between_companies(maker: Maker) -> None:
    """Held by one company first and by another now."""
    for number in range(8):
        latest = _running(maker)
        car = maker.car(maker.since(latest), "business")
        moved = maker.today - (200 + 20 * number) * DAY
        before = COMPANIES[(maker.made + 4) % len(COMPANIES)].code
        held = maker.book.add
        held("holdings", vin=car.vin, company_code=before, since=maker.since(latest), until=moved)
        held("holdings", vin=car.vin, company_code=car.company, since=moved)
        maker.both(car, latest)


@story
def raised_by_an_endorsement(maker: Maker) -> None:
    """Third party was short until an endorsement raised it."""
    latest = maker.today - 200 * DAY
    car = maker.car(maker.since(latest), "official")
    raised = maker.today - 60 * DAY
    paper = maker.both(car, latest, covers={"third_party": None})[-1]
    line = {"policy_number": paper.number, "cover": "third_party"}
    maker.book.add("covers", **line, sum_insured=100_000, until=raised)
    maker.book.add("covers", **line, sum_insured=1_000_000, since=raised)


@story
def changed_insurers(maker: Maker) -> None:
    """Cancelled in mid-term, and insured elsewhere from that very day."""
    latest = maker.today - 180 * DAY
    car = maker.car(maker.since(latest), "tow")
    changed = maker.today - 40 * DAY
    maker.both(car, latest, cancelled_at=changed)
    maker.book.commercial(car, changed)


@story
def a_trailer(maker: Maker) -> None:
    """No seats: neither compulsory cover nor occupants are asked."""
    latest = _running(maker)
    maker.commercial(maker.car(maker.since(latest), "tow", seats=0, energy="other"), latest)


@story
def insured_by_an_undesignated_insurer(maker: Maker) -> None:
    """Covered in full, and never reimbursed (4.1)."""
    for _ in range(2):
        latest = _running(maker)
        car = maker.car(maker.since(latest), "official")
        papers = maker.both(car, latest, insurer_code=UNDESIGNATED)
        maker.papers.undesignated += papers[-1:]


@story
def placed_without_approval(maker: Maker) -> None:
    """A vehicle's first policies, with no approved request behind them (3.2)."""
    since = maker.today - 25 * DAY
    car = maker.car(since, "test_drive")
    maker.book.compulsory(car, since)
    maker.papers.unapproved.append(maker.book.commercial(car, since))
