"""The money that moved for claims, entry by entry, and who may pay how much alone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, or_, select

from fleet.reimbursement.tables import PAID, REVERSED, Claim, MoneyEntry, PaymentRule
from fleet.storage import Actor, act, db

THE_RULE = 1  # its one row, which the migration puts in


def enter_paid(claim_id: int, by: Actor, at: datetime) -> None:
    """Enter a claim's amount as paid; the verb under way commits it."""
    _enter(claim_id, PAID, 1, by, at)


def enter_reversed(claim_id: int, by: Actor, at: datetime) -> None:
    """Enter a paid claim's amount as given back; the verb under way commits it."""
    _enter(claim_id, REVERSED, -1, by, at)


def _enter(claim_id: int, kind: str, sign: int, by: Actor, at: datetime) -> None:
    amount = db.session.scalars(select(Claim.amount).where(Claim.id == claim_id)).one()
    entry = MoneyEntry(claim_id=claim_id, kind=kind, amount=sign * amount, at=at, by=by.name)
    db.session.add(entry)
    db.session.flush()


# Maker and checker


def second_person_above() -> Decimal | None:
    """The amount in yuan above which a second person pays; None where the group set none."""
    return db.session.scalar(
        select(PaymentRule.second_person_above).where(PaymentRule.id == THE_RULE)
    )


def lets_pay(by: Actor) -> ColumnElement[bool]:
    """Tell, inside the statement that pays, that a claim is not too much for who recorded it."""
    limit = (
        select(PaymentRule.second_person_above).where(PaymentRule.id == THE_RULE).scalar_subquery()
    )
    return or_(limit.is_(None), Claim.amount <= limit, _recorded_by_another(by))


def _recorded_by_another(by: Actor) -> ColumnElement[bool]:
    """Neither the user's id nor the name is the recorder's; claims of old may lack the id."""
    another = or_(Claim.recorded_by_id.is_(None), Claim.recorded_by_id != by.id)
    return and_(Claim.recorded_by != by.name, another if by.id is not None else True)


def change_second_person_above(amount: Decimal | None, by: Actor, at: datetime) -> None:
    """Set the amount above which a second person pays, or None to ask for none."""
    with act("change_payment_rule", by=by, at=at) as deed:
        rule = db.session.get_one(
            PaymentRule, THE_RULE, with_for_update=True, populate_existing=True
        )
        deed.silent = rule.second_person_above == amount
        rule.second_person_above = amount
