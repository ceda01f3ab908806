"""The demo group's regions, companies and insurers: invented, and named so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from stdnum.cn import uscc

MARK = "DEMO"

REGIONS = {
    "DEMO-N": "演示北方片区",
    "DEMO-E": "演示东部片区",
    "DEMO-S": "演示南方片区",
    "DEMO-W": "演示西部片区",
}
_HOMES = "NNNNEEEESSSSWWW"
_TRADES = ("汽车销售", "汽车服务", "物流", "租赁", "客运")

INSURERS = {
    "DEMO-A": "演示财险甲",
    "DEMO-B": "演示财险乙",
    "DEMO-C": "演示财险丙",
    "DEMO-D": "演示财险丁",
    "DEMO-X": "演示财险戊",
}
UNDESIGNATED = "DEMO-X"
POOL = "DEMO-POOL"
POOL_NAME = "演示车辆统筹"


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """An invented company of the demo group."""

    code: str
    name: str
    region: str
    credit_code: str


def _company(index: int, home: str) -> DemoCompany:
    trade = _TRADES[index % len(_TRADES)]
    # Division 990000 is nowhere: the code is well formed, and nobody's.
    body = f"91990000DEM0000{index:02d}"
    return DemoCompany(
        code=f"DEMO-{index:02d}",
        name=f"演示{trade}公司{index:02d}",
        region=f"DEMO-{home}",
        credit_code=body + uscc.calc_check_digit(body),
    )


COMPANIES = tuple(_company(index, home) for index, home in enumerate(_HOMES, start=1))


def company(code: str) -> DemoCompany:
    """The company of a code."""
    return next(one for one in COMPANIES if one.code == code)


@dataclass(frozen=True, slots=True)
class DemoDesignation:
    """A region's desk designates an insurer for some days."""

    region: str
    insurer: str
    since: date
    until: date | None = None


def years_on(day: date, years: int) -> date:
    """The same day some years on; 29 February becomes 28 February."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def designations(today: date) -> list[DemoDesignation]:
    """Insurers A and B everywhere, C in two regions, D in one until last year, X nowhere."""
    since, last_year = years_on(today, -6), years_on(today, -1)
    everywhere = [DemoDesignation(region, f"DEMO-{i}", since) for region in REGIONS for i in "AB"]
    return [
        *everywhere,
        DemoDesignation("DEMO-N", "DEMO-C", since),
        DemoDesignation("DEMO-E", "DEMO-C", since),
        DemoDesignation("DEMO-S", "DEMO-D", since, last_year),
    ]
