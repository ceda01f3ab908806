"""The migration that gives spoilt invoice numbers the key that they get now."""

from __future__ import annotations

from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location

from sqlalchemy import update

from fleet.reimbursement.rules import invoice_key
from fleet.reimbursement.service import record
from fleet.reimbursement.tables import Claim, ReversedInvoice
from tests.conftest import ROOT
from tests.reimbursement.records import AT, BY, INVOICE, NUMBER, asked, group, policy, vehicle

SPOILT = INVOICE.replace("000000", "OOO000")


def _migration():
    spec = spec_from_file_location("mended", ROOT / "migrations/versions/0011_finance.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_migration_and_the_rule_make_the_same_keys():
    migration = _migration()
    for code in ("", "999000000011", "99900000OO11", "A-1"):
        for number in (INVOICE, SPOILT, "l2345678", "1234567", "999000000011-12345678", "x y"):
            assert migration._key(code, number) == invoice_key(code, number)


def test_spoilt_keys_are_mended_and_what_stands_stays(session):
    group()
    policy(vehicle(2), "TEST0000000000000002")
    first = record(asked(), BY, AT)
    late = record(asked(policy_number="TEST0000000000000002", invoice_number="1234567"), BY, AT)
    held = record(asked(policy_number="NONE", invoice_number="7654321"), BY, AT)
    ids = first.id, late.id, held.id
    for id_, number in zip(ids, (SPOILT, INVOICE[:-1] + "-9", SPOILT), strict=True):
        session.execute(
            update(Claim).where(Claim.id == id_).values(invoice_number=number, invoice_key=number)
        )
    session.add(
        ReversedInvoice(invoice_key="9990000OOO11-12345678", recorded_at=AT, recorded_by="a")
    )
    session.commit()
    migration = _migration()
    migration._mend_claims(session.connection())
    migration._mend_reversed(session.connection())
    session.commit()
    keys = [session.get(Claim, id_, populate_existing=True).invoice_key for id_ in ids]
    # The second stands too: one of the two keeps its old key, and the unique index holds.
    assert keys == [INVOICE, INVOICE[:-1] + "-9", INVOICE]
    assert session.query(ReversedInvoice).one().invoice_key == "999000000011-12345678"
    again = record(asked(amount=Decimal(1), policy_number=NUMBER), BY, AT)
    assert again.state == "refused"
