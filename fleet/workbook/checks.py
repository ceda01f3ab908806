"""Every check of a workbook against itself and the records, in one pass that reports them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from zoneinfo import ZoneInfo

from fleet.insurers.tables import INSURER, MUTUAL_POOL
from fleet.web import cells, moments
from fleet.words import Days, Period
from fleet.workbook import rules
from fleet.workbook.columns import COVERS, DRIVER, PASSENGERS, UNDIVIDED, WITH_SUM
from fleet.workbook.draft import Draft, Row, Sheet
from fleet.workbook.known import Known, Reach, Record

GROUP_SHEETS = ("regions", "companies", "insurers")


class Keyed:
    """What a key may refer to: rows of a sheet of the file, and what is on record."""

    def __init__(self, sheet: Sheet | None, known: Iterable[str]) -> None:
        self.sheet = sheet
        self.known = known if isinstance(known, set | frozenset) else set(known)
        self.rows: dict[str, Row] = {}
        self._by_digits: dict[str, str] | None = None

    def without_zeros(self, key: str) -> str | None:
        """The key known here that differs from this one by leading zeros only."""
        digits = rules.stripped(key)
        if digits is None:
            return None
        if self._by_digits is None:
            keys = (*self.rows, *self.known)
            self._by_digits = {bare: one for one in keys if (bare := rules.stripped(one))}
        found = self._by_digits.get(digits)
        return found if found != key else None

    def recorded_as(self, key: str) -> str | None:
        """The key on record that a new one would be, had it not lost its leading zeros."""
        meant = self.without_zeros(key) if self.known else None
        return meant if meant in self.known else None


class Check:
    """Checks the sheets in the order in which they refer to each other."""

    def __init__(self, draft: Draft, known: Known, reach: Reach, zone: ZoneInfo) -> None:
        self.draft = draft
        self.known = known
        self.reach = reach
        self.zone = zone
        self.keyed: dict[str, Keyed] = {}

    def run(self) -> None:
        """Refuse every row that cannot be written, note what is worth a look."""
        self._group_sheets()
        self.keyed["regions"] = self._keys("regions", self.known.regions)
        self.keyed["companies"] = self._keys("companies", self._own_companies())
        self.keyed["insurers"] = self._keys("insurers", self.known.insurers)
        self._companies()
        self._insurers()
        self._designations()
        self.keyed["vehicles"] = self._keys("vehicles", self._own_vehicles())
        self._vehicles()
        self._spells("holdings")
        self._holders()
        self._spells("lay_ups")
        self.keyed["policies"] = self._keys("policies", self._own_policies())
        self._policies()
        self._covers()
        self.draft.report.sort()

    # ------------------------------------------------------------------- keys and references

    def _rows(self, code: str) -> Iterator[tuple[Sheet, Row]]:
        sheet = self.draft.sheets.get(code)
        if sheet is not None:
            yield from ((sheet, row) for row in sheet.rows)

    def _own_companies(self) -> set[str]:
        companies = self.known.companies.items()
        return {code for code, company in companies if self.reach.has(company["id"])}

    def _own_vehicles(self) -> set[str]:
        vehicles = self.known.vehicles.items()
        return {vin for vin, vehicle in vehicles if self.reach.has(vehicle["company_id"])}

    def _own_policies(self) -> set[str]:
        """The numbers of policies on record whose vehicle is within reach."""
        if self.reach.group:
            return set(self.known.policies)
        holders = self.known.holders
        return {
            number
            for number, one in self.known.policies.items()
            if self.reach.has(holders[one["vehicle_id"]])
        }

    def _keys(self, code: str, known: Iterable[str]) -> Keyed:
        """Gather a sheet's keys and refuse a key's second row."""
        sheet = self.draft.sheets.get(code)
        keyed = Keyed(sheet, known)
        if sheet is None or sheet.form.key is None:
            return keyed
        column = sheet.form.key
        for row in sheet.rows:
            key = row.values.get(column)
            if key is None:
                continue
            first = keyed.rows.setdefault(key, row)
            if first is not row:
                self.draft.refuse(sheet, row, column, "duplicate", first.number)
        for key, row in keyed.rows.items():
            if key not in keyed.known and (meant := keyed.recorded_as(key)):
                self.draft.refuse(sheet, row, column, "lost_zeros", meant)
        return keyed

    def _refer(self, sheet: Sheet, row: Row, column: str, target: str) -> str | None:
        """The key a row refers to by a column, or None after refusing the row."""
        key: str | None = row.values.get(column)
        if key is None:
            return None
        keyed = self.keyed[target]
        named = keyed.rows.get(key)
        if named is not None:
            if named.refused:
                place = f"{target} {named.number}"
                self.draft.refuse(sheet, row, column, "refers_to_refused", place)
                return None
            return key
        if key in keyed.known:
            return key
        meant = keyed.without_zeros(key)
        self.draft.refuse(sheet, row, column, "lost_zeros" if meant else "unknown", meant or "")
        return None

    # ------------------------------------------------------------------------ sheet by sheet

    def _group_sheets(self) -> None:
        if self.reach.group:
            return
        for code in GROUP_SHEETS:
            sheet = self.draft.sheets.get(code)
            if sheet is None or not sheet.rows:
                continue
            self.draft.refuse(sheet, sheet.rows[0], sheet.form.columns[0].code, "not_your_sheet")
            sheet.rows = []

    def _companies(self) -> None:
        for sheet, row in self._rows("companies"):
            self._refer(sheet, row, "region_code", "regions")

    def _insurers(self) -> None:
        designated = {insurer for (_, insurer), rows in self.known.designations.items() if rows}
        for sheet, row in self._rows("insurers"):
            known = self.known.insurers.get(row.values.get("code") or "")
            becomes_pool = row.values.get("kind") == MUTUAL_POOL
            if known and becomes_pool and known["id"] in designated:
                self.draft.refuse(sheet, row, "kind", "is_designated")

    def _kind_of(self, insurer: str) -> str:
        """The kind an insurer has once the file is written."""
        named = self.keyed["insurers"].rows.get(insurer)
        if named is not None and "kind" in named.values:
            return str(named.values["kind"])
        known = self.known.insurers.get(insurer)
        return known["kind"] if known else INSURER

    def _designations(self) -> None:
        spells: dict[tuple[str, str], list[tuple[Days, Row]]] = defaultdict(list)
        sheet = self.draft.sheets.get("designations")
        for _sheet, row in self._rows("designations"):
            region = self._refer(_sheet, row, "region_code", "regions")
            insurer = self._refer(_sheet, row, "insurer_code", "insurers")
            days = self._days(_sheet, row)
            if region and region in self.known.regions:
                self._own_region(_sheet, row, self.known.regions[region]["id"])
            if insurer and self._kind_of(insurer) == MUTUAL_POOL:
                self.draft.refuse(_sheet, row, "insurer_code", "pool_designated")
            if region and insurer and days and not row.refused:
                spells[region, insurer].append((days, row))
        if sheet is not None:
            for (region, insurer), found in spells.items():
                self._overlaps(sheet, found, self._recorded(region, insurer))

    def _own_region(self, sheet: Sheet, row: Row, region_id: int) -> None:
        if not self.reach.desk_of(region_id):
            self.draft.refuse(sheet, row, "region_code", "not_your_region")

    def _recorded(self, region: str, insurer: str) -> list[Record]:
        one, other = self.known.regions.get(region), self.known.insurers.get(insurer)
        if one is None or other is None:
            return []
        return self.known.designations.get((one["id"], other["id"]), [])

    def _days(self, sheet: Sheet, row: Row) -> Days | None:
        """The days of a row with `since` and `until`; refuses one that ends before it begins."""
        since: date | None = row.values.get("since")
        until: date | None = row.values.get("until")
        if since is None or (until is None and sheet.found(row, "until")):
            return None
        if until is not None and until <= since:
            self.draft.refuse(sheet, row, "until", "until_not_after_since", since)
            return None
        return Days(since, until)

    def _overlaps(
        self, sheet: Sheet, spells: list[tuple[Days, Row]], recorded: list[Record]
    ) -> None:
        """Refuse rows whose days overlap with what stays on record, or with an earlier row."""
        named = {days.since for days, _ in spells}
        stays = [Days(one["since"], one["until"]) for one in recorded if one["since"] not in named]
        free = []
        for days, row in spells:
            clash = next((one for one in stays if one.overlaps(days)), None)
            if clash is None:
                free.append((days, row))
            else:
                self.draft.refuse(sheet, row, "since", "overlaps_recorded", clash.since)
        by_number = {row.number: row for _, row in free}
        for number, other in rules.first_overlap((days, row.number) for days, row in free):
            self.draft.refuse(sheet, by_number[number], "since", "overlaps", other)

    def _vehicles(self) -> None:
        keyed = self.keyed["vehicles"]
        for sheet, row in self._rows("vehicles"):
            vin = row.values.get("vin")
            if vin in self.known.vehicles and vin not in keyed.known:
                self.draft.refuse(sheet, row, "vin", "not_yours")
            self._refer(sheet, row, "company_code", "companies")
            self._vehicle_type(sheet, row)
            self._service(sheet, row)
            self._look_at_vehicle(sheet, row)

    def _vehicle_type(self, sheet: Sheet, row: Row) -> None:
        found: str | None = row.values.get("vehicle_type")
        if found is None or found in self.known.vehicle_types:
            return
        lower = found.casefold()
        meant = next((one for one in self.known.vehicle_types if one.casefold() == lower), None)
        if meant:
            row.values["vehicle_type"] = meant
        else:
            allowed = ", ".join(sorted(self.known.vehicle_types))
            self.draft.refuse(sheet, row, "vehicle_type", "unknown_type", allowed)

    def _service(self, sheet: Sheet, row: Row) -> None:
        since, until = row.values.get("in_service_since"), row.values.get("in_service_until")
        if "in_service_until" not in sheet.places and (
            known := self.known.vehicles.get(row.values.get("vin") or "")
        ):
            until = known["in_service_until"]
        if since and until and until <= since:
            self.draft.refuse(sheet, row, "in_service_until", "until_not_after_since", since)

    def _look_at_vehicle(self, sheet: Sheet, row: Row) -> None:
        vin, plate = row.values.get("vin"), row.values.get("plate")
        if vin and not cells.check_digit_holds(vin):
            self.draft.note(sheet, row, "vin", "vin_check_digit")
        if plate and not cells.plate_is_well_formed(plate):
            self.draft.note(sheet, row, "plate", "plate_form")

    def _spells(self, code: str) -> None:
        """Holdings and lay-ups: whose, when; a vehicle has one holder at a time."""
        spells: dict[str, list[tuple[Days, Row]]] = defaultdict(list)
        sheet = self.draft.sheets.get(code)
        for _sheet, row in self._rows(code):
            vin = self._refer(_sheet, row, "vin", "vehicles")
            if code == "holdings":
                self._refer(_sheet, row, "company_code", "companies")
                if not row.refused:
                    self._own_history(_sheet, row, vin)
            days = self._days(_sheet, row)
            if vin and days and not row.refused:
                spells[vin].append((days, row))
        if sheet is not None and code == "holdings":
            for found in spells.values():
                self._overlaps(sheet, found, [])

    def _own_history(self, sheet: Sheet, row: Row, vin: str | None) -> None:
        """Refuse to replace a recorded set that names a company which is not the caller's.

        The rows of the file cannot name that company, so its time as holder, by which its own
        claims are decided, would be lost.
        """
        known = self.known.vehicles.get(vin or "")
        recorded = self.known.holdings.get(known["id"], []) if known else []
        if not all(self.reach.has(held["company_id"]) for held in recorded):
            self.draft.refuse(sheet, row, "vin", "not_yours")

    def _holders(self) -> None:
        """Note where the latest holder is another company than the vehicle's row says."""
        latest: dict[str, tuple[date, str]] = {}
        for _sheet, row in self._rows("holdings"):
            if not row.refused:
                held = row.values["since"], row.values["company_code"]
                latest[row.values["vin"]] = max(held, latest.get(row.values["vin"], held))
        for sheet, row in self._rows("vehicles"):
            held_last = latest.get(row.values.get("vin") or "")
            company = row.values.get("company_code")
            if held_last and company and held_last[1] != company:
                self.draft.note(sheet, row, "company_code", "latest_holder", held_last[1])

    def _policies(self) -> None:
        keyed = self.keyed["policies"]
        for sheet, row in self._rows("policies"):
            number = row.values.get("policy_number")
            if number in self.known.policies and number not in keyed.known:
                self.draft.refuse(sheet, row, "policy_number", "not_yours")
            self._refer(sheet, row, "insurer_code", "insurers")
            self._refer(sheet, row, "vin", "vehicles")
            begins, ends = row.values.get("begins"), row.values.get("ends")
            if begins and ends and ends <= begins:
                shown = moments.instant(begins, self.zone) or ""
                self.draft.refuse(sheet, row, "ends", "ends_not_after_begins", shown[:16])

    def _covers(self) -> None:
        lines: dict[str, list[Row]] = defaultdict(list)
        sheet = self.draft.sheets.get("covers")
        for _sheet, row in self._rows("covers"):
            number = self._refer(_sheet, row, "policy_number", "policies")
            self._line(_sheet, row)
            self._line_days(_sheet, row)
            if number and not row.refused:
                lines[number].append(row)
        if sheet is not None:
            for number, rows in lines.items():
                self._twice(sheet, rows, self._period(number))

    def _line(self, sheet: Sheet, row: Row) -> None:
        """Sums and seats that a line needs."""
        cover, seats = row.values.get("cover"), row.values.get("seats")
        if cover is None:
            return
        if cover in WITH_SUM and not sheet.found(row, "sum_insured"):
            self.draft.refuse(sheet, row, "sum_insured", "sum_required")
        if cover in (PASSENGERS, UNDIVIDED) and not sheet.found(row, "seats"):
            self.draft.refuse(sheet, row, "seats", "seats_required")
        elif cover == UNDIVIDED and seats == 0:
            self.draft.refuse(sheet, row, "seats", "driver_counts")
        elif cover == DRIVER and seats is not None and seats > 1:
            self.draft.note(sheet, row, "seats", "one_driver")
            row.values["seats"] = 1
        if cover not in COVERS:
            self.draft.note(sheet, row, "cover", "cover_unknown")

    def _line_days(self, sheet: Sheet, row: Row) -> None:
        since, until = row.values.get("since"), row.values.get("until")
        if since and until and until <= since:
            shown = moments.instant(since, self.zone) or ""
            self.draft.refuse(sheet, row, "until", "until_not_after_since", shown[:16])

    def _period(self, number: str) -> Period:
        """A policy's printed period once the file is written."""
        named = self.keyed["policies"].rows.get(number)
        values = named.values if named is not None else self.known.policies[number]
        return Period(values["begins"], values["ends"])

    def _twice(self, sheet: Sheet, rows: list[Row], policy: Period) -> None:
        by_number = {row.number: row for row in rows}
        spans = [
            (cover, row.values.get("since"), row.values.get("until"), row.number)
            for row in rows
            for cover in divided(row)
        ]
        for number, other in dict(rules.clashing_covers(spans, policy)).items():
            self.draft.refuse(sheet, by_number[number], "cover", "cover_twice", other)
        for row in rows:
            since, until = row.values.get("since"), row.values.get("until")
            span = Period(since or policy.begins, until or policy.ends)
            if span.intersect(policy) is None:
                self.draft.note(sheet, row, "since", "line_outside")


def divided(row: Row) -> tuple[str, ...]:
    """The covers a line stands for: an undivided one for the driver's and the passengers'."""
    if row.values["cover"] != UNDIVIDED:
        return (row.values["cover"],)
    return (DRIVER, PASSENGERS) if row.values["seats"] > 1 else (DRIVER,)
