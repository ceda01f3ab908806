"""The demo group's claims: payable ones, and one at least for every reason not to pay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from fleet.demo.group import COMPANIES, company
from fleet.demo.sheets import DAY, Paper
from fleet.demo.vehicles import Papers

PAYABLE = 14
PAID = 8


@dataclass(slots=True)
class Claims:
    """Makes claims with invoices numbered one after the other."""

    today: date
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def on(self, paper: Paper, **changes: Any) -> dict[str, Any]:
        """A claim that a policy's company makes, payable unless changed."""
        home = company(paper.car.company)
        number = next(self.numbers)
        claim = {
            "company": home.code,
            "policy_number": paper.number,
            "insurer": paper.insurer,
            "invoice_code": None,
            # Twenty digits as an electronic invoice has, of a year and place that are none.
            "invoice_number": f"{number:020d}",
            "invoice_date": self.today - (number % 40) * DAY,
            "invoice_total": paper.premium,
            "vehicle_tax": paper.tax,
            "late_fee": Decimal(0),
            "buyer_credit_code": home.credit_code,
            "amount": paper.premium + paper.tax,
        }
        return {**claim, **changes}


def claims(papers: Papers, today: date) -> Iterator[dict[str, Any]]:
    """Yield the claims in the order they are recorded; the first PAYABLE ones are payable."""
    make = Claims(today)
    in_order = iter(papers.in_order)
    paid = [next(in_order) for _ in range(PAYABLE)]
    yield from (make.on(paper) for paper in paid)
    # Refused
    yield from (make.on(paper) for paper in papers.undesignated)
    yield from (make.on(paper) for paper in papers.pool)
    yield make.on(next(in_order), invoice_number=f"{1:020d}")  # invoice_already_claimed
    yield make.on(paid[0])  # premium_already_claimed
    reversed_on = next(in_order)
    total = -reversed_on.premium
    yield make.on(reversed_on, invoice_total=total, amount=total - reversed_on.tax)
    stranger = next(in_order)
    yield make.on(stranger, buyer_credit_code=_other(stranger).credit_code)  # buyer_not_company
    elsewhere = next(in_order)
    buyer = _other(elsewhere)
    yield make.on(elsewhere, company=buyer.code, buyer_credit_code=buyer.credit_code)
    # Held
    yield make.on(next(in_order), policy_number="DEMO-UNKNOWN-1")
    differing = next(in_order)
    yield make.on(differing, insurer="DEMO-B" if differing.insurer == "DEMO-A" else "DEMO-A")
    yield from (make.on(paper) for paper in papers.short)
    yield make.on(next(in_order), buyer_credit_code=None)
    yield from (make.on(paper) for paper in papers.unapproved)
    half = next(in_order)
    yield make.on(half, invoice_total=half.premium / 2, amount=half.premium / 2)


def _other(paper: Paper) -> Any:
    """Another company of the same region, so that nothing else differs."""
    home = company(paper.car.company)
    return next(one for one in COMPANIES if one.region == home.region and one != home)
