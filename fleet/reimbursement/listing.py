"""Which claims a list shows, to pages and to the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import contains_eager

from fleet.insurers.tables import Insurer
from fleet.people.tables import Company
from fleet.policies.tables import Policy
from fleet.reimbursement import rules
from fleet.reimbursement.tables import Claim
from fleet.storage import db
from fleet.words import Days, midnight


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which claims a list shows; `month` is one of recording, on the company's clock."""

    company: str | None = None
    state: str | None = None
    insurer: str | None = None
    month: Days | None = None
    text: str | None = None


def claims_like(wanted: Wanted) -> Select[tuple[Claim]]:
    """The caller's claims that a list asks for, with their companies."""
    query = select(Claim).join(Claim.company).options(contains_eager(Claim.company))
    if wanted.company:
        query = query.where(Company.code == wanted.company)
    if wanted.state:
        query = query.where(Claim.state == wanted.state)
    if wanted.insurer:
        query = query.where(_of_insurer(wanted.insurer))
    if wanted.month and wanted.month.until:
        zone = current_app.extensions["rulebook"].zone
        first, end = midnight(wanted.month.since, zone), midnight(wanted.month.until, zone)
        query = query.where(Claim.recorded_at >= first, Claim.recorded_at < end)
    if wanted.text:
        part = rules.squeezed(wanted.text)
        query = query.where(
            or_(
                func.upper(Claim.policy_number).contains(part, autoescape=True),
                Claim.invoice_key.contains(part, autoescape=True),
            )
        )
    return query


def _of_insurer(code: str) -> ColumnElement[bool]:
    """The policy on record is that insurer's, or where there is none, the claim says so."""
    policies, insurers = Policy.__table__, Insurer.__table__
    on_record = select(insurers.c.code).join_from(
        policies, insurers, insurers.c.id == policies.c.insurer_id
    )
    found = on_record.where(policies.c.policy_number == Claim.policy_number).scalar_subquery()
    return func.coalesce(found, Claim.insurer) == code


def page_of(wanted: Wanted, page: int, page_size: int) -> tuple[Sequence[Claim], int]:
    """A page of the caller's claims, the latest recorded first, and how many there are."""
    query = claims_like(wanted)
    total = db.session.scalar(select(func.count()).select_from(query.subquery())) or 0
    paged = query.order_by(Claim.id.desc()).limit(page_size).offset((page - 1) * page_size)
    return db.session.scalars(paged).all(), total
