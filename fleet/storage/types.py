"""Column types: UTC instants, yuan kept as whole fen, percentages."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, DateTime
from sqlalchemy.types import TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect

OPEN_BEGIN = datetime(1000, 1, 1, tzinfo=UTC)
OPEN_END = datetime(9999, 1, 1, tzinfo=UTC)


def in_utc(stored: datetime) -> datetime:
    """A stored instant: SQLite gives it without its zone, PostgreSQL in the connection's."""
    return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


def yuan(fen: int) -> Decimal:
    """Whole fen as yuan, with two decimals."""
    return Decimal(fen).scaleb(-2)


def percent(stored: int) -> Decimal:
    """Ten-thousandths of a percent as percent, without trailing zeros."""
    return Decimal(stored) / 10000


class UtcInstant(TypeDecorator[datetime]):
    """An aware instant, stored in UTC; a naive one is refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn an aware instant into what the database stores."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a zone")
        moved = value if value.tzinfo is UTC else value.astimezone(UTC)
        return moved.replace(tzinfo=None) if dialect.name == "sqlite" else moved

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn what the database stored into an aware UTC instant."""
        del dialect
        return None if value is None else in_utc(value)


class OpenInstant(UtcInstant):
    """A bound of a step, OPEN_BEGIN or OPEN_END where the step has none.

    Stored bounds are never null, so that "the step at a moment" is two plain comparisons.
    """

    cache_ok = True


class Yuan(TypeDecorator[Decimal]):
    """Money in yuan as Decimal, stored as whole fen; a part of a fen is refused."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        """Yuan to fen."""
        del dialect
        if value is None:
            return None
        fen = Decimal(value) * 100
        if fen != fen.to_integral_value():
            raise ValueError("money below one fen")
        return int(fen)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Fen to yuan, with two decimals."""
        del dialect
        return None if value is None else yuan(value)


class Percent(TypeDecorator[Decimal]):
    """A percentage as Decimal, stored in ten-thousandths of a percent."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | int | None, dialect: Dialect) -> int | None:
        """Percent to ten-thousandths."""
        del dialect
        return None if value is None else int(Decimal(value).scaleb(4).to_integral_value())

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        """Ten-thousandths to percent, without trailing zeros."""
        del dialect
        return None if value is None else percent(value)
