"""The demo group's people: one for each role, and one who works in several places."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.people.service import Given
from fleet.web.access import (
    AUDITOR,
    COMPANY_ADMIN,
    FINANCE,
    GROUP_ADMINISTRATOR,
    INSURANCE_DESK,
)

DOMAIN = "demo.example"
PASSWORD = "Demo-fleet-2012"  # noqa: S105 - printed on purpose; never loaded in production


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A sign-in of the demo group."""

    email: str
    name: str
    grants: tuple[Given, ...]


def _person(mailbox: str, name: str, *grants: Given) -> DemoPerson:
    return DemoPerson(f"{mailbox}@{DOMAIN}", name, grants)


CAST = (
    _person("admin", "演示集团管理员", Given(GROUP_ADMINISTRATOR)),
    _person(
        "desk",
        "演示片区专员",
        Given(INSURANCE_DESK, region="DEMO-N"),
        Given(INSURANCE_DESK, region="DEMO-E"),
    ),
    _person("company", "演示公司管理员", Given(COMPANY_ADMIN, company="DEMO-02")),
    _person("finance", "演示财务", Given(FINANCE)),
    _person("auditor", "演示审计", Given(AUDITOR)),
    _person(
        "several",
        "演示兼任",
        Given(COMPANY_ADMIN, company="DEMO-05"),
        Given(COMPANY_ADMIN, company="DEMO-09"),
        Given(FINANCE, company="DEMO-05"),
        Given(INSURANCE_DESK, region="DEMO-W"),
    ),
)
