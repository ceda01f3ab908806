"""Sheets of claims on an invented fleet that meet every reason, one at a time and together."""

from pathlib import Path

from tests.oracle import reimbursement, workbook
from tests.oracle.fleets import Fleet, as_csv, make_credit_code
from tests.oracle.workbook import Facts, Policy, Row


def claims_of(fleet: Fleet) -> list[Row]:
    """The rows of a generated sheet of claims; the same for the same fleet."""
    return Sheet(fleet).make()


class Sheet:
    """A sheet of claims in the making."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.facts = workbook.gather(fleet.sheets)
        self.claims: list[Row] = []
        self.serial = 0

    def make(self) -> list[Row]:
        """Clean claims for a good part of the policies, then the same spoilt in one way each."""
        facts = self.facts
        ready = [policy for policy in facts.policies.values() if clear_case(facts, policy)]
        self.fleet.random.shuffle(ready)
        for policy in ready[:60]:
            self.claims.append(self.clean_claim(facts, policy))
            if self.fleet.chance(0.6):
                self.spoil(facts, self.claims[-1])
        decided = reimbursement.decide_sheet(self.claims, facts)
        payable = [
            claim
            for claim, (decision, _) in zip(self.claims, decided, strict=True)
            if decision == "payable"
        ]
        for claim in payable:
            if self.fleet.chance(0.5):
                self.repeat(claim)
        self.add_unreadable(facts)
        if self.fleet.chance(0.5):
            self.fleet.random.shuffle(self.claims)
        return self.claims

    def next_invoice(self) -> tuple[str, str]:
        """An invoice's code and number: of the paper kind, or the 20 digits alone."""
        self.serial += 1
        if self.fleet.chance(0.5):
            # Few numbers under several codes: only both together name one invoice.
            code = f"9990{self.fleet.seed % 10_000:04d}{self.fleet.random.randint(1, 9)}011"
            return code, f"{self.fleet.random.randint(1, 99):08d}"
        return "", f"9932{self.fleet.seed % 10_000:04d}{self.serial:011d}7"

    def clean_claim(self, facts: Facts, policy: Policy) -> Row:
        vehicle = facts.vehicles[policy.vin]
        holders = [
            company
            for company in self.fleet.companies
            if reimbursement.was_the_companys(vehicle, company, policy.first_day)
        ]
        company = self.fleet.random.choice(holders or self.fleet.companies)
        code, number = self.next_invoice()
        claim = {
            "company": company,
            "policy_number": policy.number,
            "insurer": self.fleet.random.choice(("", policy.insurer)),
            "invoice_code": code,
            "invoice_number": number,
            "invoice_date": self.fleet.write_day(policy.first_day),
            "invoice_total": str(policy.premium),
            "vehicle_tax": str(policy.vehicle_tax or ""),
            "late_fee": str(policy.late_fee or ""),
            "buyer_credit_code": self.fleet.credit[company],
            "amount": f"{reimbursement.due_on(policy):,.2f}",
        }
        if self.fleet.chance(0.2):
            claim.update(invoice_total="", vehicle_tax="", late_fee="")
        return claim

    def spoil(self, facts: Facts, claim: Row) -> None:
        """One thing, or two, made wrong on a claim that can still be read."""
        amount = workbook.money(claim["amount"])
        policy = facts.policies[claim["policy_number"]]
        other = self.fleet.random.choice(self.fleet.companies)
        others = [insurer for insurer in self.fleet.insurers if insurer != policy.insurer]
        changes: tuple[Row, ...] = (
            {"amount": str(-amount) if amount else "-1"},
            {"invoice_total": "-950"},
            {"buyer_credit_code": make_credit_code(900_000 + self.fleet.seed)},
            {"buyer_credit_code": ""},
            {"company": other, "buyer_credit_code": self.fleet.credit[other]},
            {"policy_number": f"GENNONE{self.fleet.seed}"},
            {"insurer": self.fleet.random.choice(others)},
            {"amount": str(reimbursement.due_on(policy) + reimbursement.CENT)},
            {"amount": str(reimbursement.due_on(policy) + 2 * reimbursement.CENT)},
            {"amount": str(reimbursement.due_on(policy) - reimbursement.CENT)},
            {"amount": str(reimbursement.due_on(policy) - 100)},
            {"invoice_total": "1"},
            {"buyer_credit_code": self.fleet.credit[claim["company"]].lower()},
            {"vehicle_tax": "77.5"},
        )
        for _ in range(self.fleet.random.choice((1, 1, 2))):
            claim.update(self.fleet.random.choice(changes))

    def repeat(self, claim: Row) -> None:
        """The same invoice on another claim, the same policy on another invoice, or both."""
        code, number = self.next_invoice()
        again = dict(claim)
        way = self.fleet.random.choice(("same", "invoice", "policy", "small"))
        if way == "invoice":
            again["policy_number"] = self.fleet.random.choice(self.claims)["policy_number"]
        if way == "same" and not claim["invoice_code"]:
            again["invoice_code"] = self.fleet.random.choice(("", "999000000011"))
        if way in {"policy", "small"}:
            again.update(invoice_code=code, invoice_number=number)
        if way == "small":
            again.update(amount="0.50", invoice_total="")
        place = self.fleet.random.randint(0, len(self.claims))
        self.claims.insert(place, again)

    def add_unreadable(self, facts: Facts) -> None:
        policy = self.fleet.random.choice(list(facts.policies.values()))
        spoilt: tuple[Row, ...] = (
            {"company": "NOSUCHCOMPANY"},
            {"company": ""},
            {"policy_number": ""},
            {"policy_number": "#N/A"},
            {"invoice_number": ""},
            {"invoice_number": "9.93E+19"},
            {"invoice_number": "99321234567890100000"},
            {"amount": ""},
            {"amount": "about 900"},
            {"amount": "NaN"},
            {"invoice_total": "#N/A"},
            {"vehicle_tax": "none"},
            {"late_fee": "x"},
            {"invoice_date": "1900-01-00"},
        )
        for cells in spoilt:
            claim = self.clean_claim(facts, policy)
            claim.update(cells)
            self.claims.insert(self.fleet.random.randint(0, len(self.claims)), claim)


def clear_case(facts: Facts, policy: Policy) -> bool:
    """Whether the paper leaves no doubt about a claim for a policy.

    It does not say who holds a vehicle that has left the fleet.
    """
    vehicle = facts.vehicles[policy.vin]
    return vehicle.leaves is None or policy.first_day < vehicle.leaves


def write_claims(claims: list[Row], path: Path) -> None:
    """A sheet of claims, in its own order."""
    path.write_bytes(as_csv(list(claims[0]), claims).encode("utf-8-sig"))
