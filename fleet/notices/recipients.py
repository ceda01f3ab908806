"""Who answers for a company at each level, and who stands in where nobody does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import select

from fleet.notices.rules import COMPANY, DESK, GROUP, LEVELS, escalated
from fleet.people.tables import Company, Grant, Role, User
from fleet.storage import db
from fleet.web.access import COMPANY_ADMIN, GROUP_ADMINISTRATOR, INSURANCE_DESK

LEVEL_OF = {COMPANY_ADMIN: COMPANY, INSURANCE_DESK: DESK, GROUP_ADMINISTRATOR: GROUP}

People = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Audience:
    """The active people of each level, by company."""

    levels: Mapping[str, Mapping[int, People]]

    def at(self, company_id: int, level: str) -> People:
        """The people of exactly this level; perhaps nobody."""
        return self.levels[level].get(company_id, ())

    def of(self, company_id: int, level: str) -> People:
        """The people to tell at a level, or those of the next one up where it has nobody."""
        present = {one for one in LEVELS if self.at(company_id, one)}
        return self.at(company_id, escalated(level, present))


def audience(company_ids: Iterable[int]) -> Audience:
    """The people of some companies, by four statements however many companies there are.

    The whole group is looked at, whoever asks. A company admin or desk officer is so by a grant
    for the company, for its region or for the whole group; a group administrator by one for the
    whole group only.
    """
    wanted = set(company_ids)
    company = Company.__table__.c
    regions = {
        row.id: row.region_id
        for row in db.session.execute(select(company.id, company.region_id))
        if row.id in wanted
    }
    return Audience({level: _held(level, regions) for level in LEVELS})


def _held(level: str, regions: Mapping[int, int]) -> dict[int, People]:
    by_company, by_region, everywhere = _granted(level)
    return {
        company: tuple(sorted(by_company[company] | by_region[region] | everywhere))
        for company, region in regions.items()
    }


def _granted(level: str) -> tuple[dict[int, set[int]], dict[int, set[int]], set[int]]:
    """The active holders of a level's role: by company, by region, and for the whole group."""
    role = next(name for name, one in LEVEL_OF.items() if one == level)
    grant = Grant.__table__.c
    rows = db.session.execute(
        select(grant.user_id, grant.company_id, grant.region_id)
        .join(User.__table__, User.__table__.c.id == grant.user_id)
        .join(Role.__table__, Role.__table__.c.id == grant.role_id)
        .where(Role.__table__.c.name == role, User.__table__.c.active)
    ).all()
    by_company: dict[int, set[int]] = defaultdict(set)
    by_region: dict[int, set[int]] = defaultdict(set)
    everywhere: set[int] = set()
    for user_id, company_id, region_id in rows:
        if company_id is None and region_id is None:
            everywhere.add(user_id)
        elif level != GROUP:
            held = by_region[region_id] if company_id is None else by_company[company_id]
            held.add(user_id)
    return by_company, by_region, everywhere
