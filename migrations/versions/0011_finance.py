"""An invoice is known by its digits, whatever OCR made of them; a claim may stand for another.

Revision ID: 0011_finance
Follows: 0010_attachments

The keys of claims and reversed invoices that OCR had spoilt become those that a new claim on
the same invoice gets; else it could be claimed once more. Where two claims stand on what turns
out to be one invoice, the later one keeps its old key: what was paid stays on record.
"""

import re
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0011_finance"
down_revision = "0010_attachments"
branch_labels = None
depends_on = None

CLAIMS = sa.table(
    "claims",
    *(sa.column(name) for name in ("id", "invoice_code", "invoice_number", "invoice_key", "state")),
)
REVERSED = sa.table("reversed_invoices", sa.column("invoice_key"))
ASIDE = re.compile("[-\u2010-\u2015\u2212\u200b-\u200f\u2060\ufeff]")
BOTH = re.compile("([0-9]{10}|[0-9]{12})-([0-9]{8})")


def upgrade() -> None:
    # No batch, no foreign key: for either, SQLite makes the table anew, and decisions name its rows.
    op.add_column("claims", sa.Column("replaces_id", sa.Integer(), nullable=True))
    op.create_index(op.f("ix_claims_replaces_id"), "claims", ["replaces_id"], unique=True)
    connection = op.get_bind()
    _mend_claims(connection)
    _mend_reversed(connection)


def downgrade() -> None:
    op.drop_index(op.f("ix_claims_replaces_id"), "claims")
    op.drop_column("claims", "replaces_id")


def _mend_claims(connection: sa.Connection) -> None:
    rows = connection.execute(sa.select(CLAIMS).order_by(CLAIMS.c.id)).all()
    standing = {row.invoice_key for row in rows if row.state in ("payable", "paid")}
    for row in rows:
        key = _key(row.invoice_code or "", row.invoice_number)
        stands = row.state in ("payable", "paid")
        if key == row.invoice_key or (stands and key in standing):
            continue
        if stands:
            standing.add(key)
        connection.execute(
            sa.update(CLAIMS).where(CLAIMS.c.id == row.id).values(invoice_key=key)
        )


def _mend_reversed(connection: sa.Connection) -> None:
    keys = set(connection.scalars(sa.select(REVERSED.c.invoice_key)))
    for old in sorted(keys):
        code, _, number = old.rpartition("-") if old.count("-") == 1 else ("", "", old)
        key = _key(code, number)
        if key not in keys:
            keys.add(key)
            connection.execute(
                sa.update(REVERSED).where(REVERSED.c.invoice_key == old).values(invoice_key=key)
            )


def _key(code: str, number: str) -> str:
    number = _squeezed(number) if BOTH.fullmatch(_squeezed(number)) else _plain(number, (8, 20))
    code = _plain(code, (10, 12))
    if not code or re.fullmatch("[0-9]{20}", number):
        return number
    both = BOTH.fullmatch(number)
    return number if both and both[1] == code else f"{code}-{number}"


def _squeezed(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def _plain(text: str, lengths: tuple[int, ...]) -> str:
    plain = ASIDE.sub("", _squeezed(text))
    made = plain.translate(str.maketrans("OIL|\u4e28", "01111"))
    stand = sum(sign in "0123456789" for sign in plain)
    if len(made) in lengths and made.isascii() and made.isdigit() and stand * 2 > len(made):
        return made
    return _squeezed(text)
