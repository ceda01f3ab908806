"""Writing a checked workbook in bulk, or only counting what it would change.

ORM objects are too slow for a fleet: rows go in by Core `executemany`. A set (covers of a policy,
holdings and lay-ups of a vehicle) that the file names replaces the set on record.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from fleet.insurers.tables import Designation, Insurer
from fleet.people.tables import Company, Region
from fleet.policies.tables import CoverLine, Policy
from fleet.vehicles.tables import Holding, LayUp, Vehicle, VehiclePlate, VehicleType
from fleet.workbook.columns import BUILT_IN_TYPES, DRIVER, FORMS, PASSENGERS, UNDIVIDED
from fleet.workbook.draft import Draft, Row
from fleet.workbook.known import Known, Record, chunks
from fleet.workbook.report import Counts

BATCH = 10_000
Sets = dict[int, list[tuple[int, Record]]]  # by whose set it is: row number and values
# Where a column names a row of another sheet: that sheet, and the column that keeps its id.
_REGION = {"region_code": ("regions", "region_id")}
_COMPANY = {"company_code": ("companies", "company_id")}
_INSURER = {"insurer_code": ("insurers", "insurer_id")}
_VEHICLE = {"vin": ("vehicles", "vehicle_id")}
_POLICY = {"policy_number": ("policies", "policy_id")}
References = dict[str, tuple[str, str]]


class Writing:
    """Brings the records to what the draft says; with `dry_run` it only counts.

    `touched` are the ids of the vehicles whose cover timeline may have changed; `tell` is told
    after each sheet which share of them all is done.
    """

    def __init__(
        self,
        draft: Draft,
        known: Known,
        session: Session,
        *,
        today: date,
        dry_run: bool,
        tell: Callable[[float], None] = lambda _share: None,
    ) -> None:
        self.draft = draft
        self.known = known
        self.session = session
        self.today = today
        self.dry_run = dry_run
        self.tell = tell
        self.touched: set[int] = set()
        self.ids: dict[str, dict[str, int]] = {
            name: {key: record["id"] for key, record in records.items()}
            for name, records in (
                ("regions", known.regions),
                ("companies", known.companies),
                ("insurers", known.insurers),
                ("vehicles", known.vehicles),
                ("policies", known.policies),
            )
        }

    def run(self) -> None:
        """Bring every sheet of the draft in, parents first."""
        steps = (
            self._types,
            self._regions,
            self._companies,
            self._insurers,
            self._designations,
            self._vehicles,
            self._plates,
            self._holdings,
            self._lay_ups,
            self._policies,
            self._covers,
        )
        for place, step in enumerate(steps, 1):
            step()
            self.tell(place / len(steps))

    # ------------------------------------------------------------------------- sheet by sheet

    def _regions(self) -> None:
        self._upsert("regions", Region, self.known.regions, {})

    def _vehicles(self) -> None:
        new, changed = self._upsert("vehicles", Vehicle, self.known.vehicles, _COMPANY)
        self.touched.update(self.ids["vehicles"][vin] for vin in (*new, *changed))

    def _types(self) -> None:
        """See that the six built-in types are there before a vehicle refers to one."""
        there = set(self.session.scalars(select(VehicleType.code)))
        self._insert(VehicleType, [{"code": one} for one in BUILT_IN_TYPES if one not in there])

    def _companies(self) -> None:
        """Companies; in another region, with another window, their vehicles' needs open anew."""
        _, changed = self._upsert("companies", Company, self.known.companies, _REGION)
        sheet = {row.values["code"]: row.values for row in self._rows("companies")}
        moved = [
            old["id"]
            for code, old in changed.items()
            if self.ids["regions"][sheet[code]["region_code"]] != old["region_id"]
        ]
        if moved:
            held = select(Vehicle.id).where(Vehicle.company_id.in_(moved))
            self.touched.update(self.session.scalars(held))

    def _insurers(self) -> None:
        """Insurers; where one turns from an insurer to a pool, all it insured is judged anew."""
        _, changed = self._upsert("insurers", Insurer, self.known.insurers, {})
        sheet = {row.values["code"]: row.values for row in self._rows("insurers")}
        turned = [
            old["id"]
            for code, old in changed.items()
            if sheet[code].get("kind", old["kind"]) != old["kind"]
        ]
        insured = select(Policy.vehicle_id).where(Policy.insurer_id.in_(turned)).distinct()
        if turned:
            self.touched.update(self.session.scalars(insured))

    def _designations(self) -> None:
        """Designations, each known by region, insurer and first day."""
        counts, new, changed = self._counts("designations"), [], []
        for row in self._rows("designations"):
            values = self._values(row, _REGION | _INSURER)
            recorded = self.known.designations.get((values["region_id"], values["insurer_id"]), [])
            old = next((one for one in recorded if one["since"] == values["since"]), None)
            if old is None:
                new.append({"until": None} | values)
            elif any(old[column] != value for column, value in values.items()):
                changed.append((old["id"], values))
            else:
                counts.unchanged += 1
        counts.new, counts.changed = len(new), len(changed)
        self._insert(Designation, new)
        self._update(Designation, changed)

    def _plates(self) -> None:
        """Keep which plate a vehicle carried when: a new one from today on."""
        gone, ended, added = [], [], []
        for row in self._rows("vehicles"):
            if "plate" not in row.values:
                continue
            vin, plate = row.values["vin"], row.values["plate"]
            vehicle, old = self.ids["vehicles"][vin], self.known.vehicles.get(vin)
            if old is not None and old["plate"] == plate:
                continue
            since = row.values["in_service_since"] if old is None else self.today
            for carried in self.known.plates.get(vehicle, []):
                if carried["until"] is None and carried["since"] < since:
                    ended.append((carried["id"], {"until": since}))
                elif carried["until"] is None:
                    gone.append(carried["id"])
            if plate is not None:
                added.append({"vehicle_id": vehicle, "plate": plate, "since": since, "until": None})
        self._delete(VehiclePlate, gone)
        self._update(VehiclePlate, ended)
        self._insert(VehiclePlate, added)

    def _holdings(self) -> None:
        """Who holds a vehicle: the sheet's rows, else the company of its row from its entry on."""
        sets = self._sets("holdings", _VEHICLE | _COMPANY, _as_it_is)
        self._replace("holdings", Holding, self.known.holdings, sets)
        rows = {row.values["vin"]: row for row in self._rows("vehicles")}
        alone: dict[int, list[tuple[int, Record]]] = {}
        for vin, row in rows.items():
            vehicle, old = self.ids["vehicles"][vin], self.known.vehicles.get(vin)
            if vehicle not in sets and self._held_by_default(vehicle, old):
                values = self._values(row, _COMPANY)
                held = _holding(vehicle, values["company_id"], values["in_service_since"])
                alone[vehicle] = [(row.number, held)]
        self._replace(None, Holding, self.known.holdings, alone)
        self._follow_holders(sets, {self.ids["vehicles"][vin] for vin in rows})

    def _held_by_default(self, vehicle: int, old: Record | None) -> bool:
        """Whether no holding is on record but the one that follows from the vehicle's own row."""
        recorded = self.known.holdings.get(vehicle, [])
        if not recorded or old is None:
            return True
        default = _holding(vehicle, old["company_id"], old["in_service_since"])
        return len(recorded) == 1 and default.items() <= recorded[0].items()

    def _follow_holders(self, sets: Sets, named: set[int]) -> None:
        """Let a vehicle that only the sheet of holdings names belong to its latest holder."""
        moved = []
        for vehicle in self.known.vehicles.values():
            held = sets.get(vehicle["id"])
            if not held or vehicle["id"] in named:
                continue
            latest = max(held, key=lambda one: one[1]["since"])[1]["company_id"]
            if latest != vehicle["company_id"]:
                moved.append((vehicle["id"], {"company_id": latest}))
        self._update(Vehicle, moved)

    def _lay_ups(self) -> None:
        sets = self._sets("lay_ups", _VEHICLE, _as_it_is)
        self.touched |= self._replace("lay_ups", LayUp, self.known.lay_ups, sets)

    def _policies(self) -> None:
        records = self.known.policies
        new, changed = self._upsert("policies", Policy, records, _VEHICLE | _INSURER)
        rows = {row.values["policy_number"]: row for row in self._rows("policies")}
        for number in (*new, *changed):
            self.touched.add(self.ids["vehicles"][rows[number].values["vin"]])
        self.touched.update(old["vehicle_id"] for old in changed.values())

    def _covers(self) -> None:
        sets = self._sets("covers", _POLICY, _lines)
        replaced = self._replace("covers", CoverLine, self.known.lines, sets)
        vehicles = {old["id"]: old["vehicle_id"] for old in self.known.policies.values()}
        for row in self._rows("policies"):
            policy = self.ids["policies"][row.values["policy_number"]]
            vehicles[policy] = self.ids["vehicles"][row.values["vin"]]
        self.touched.update(vehicles[policy] for policy in replaced)

    # ------------------------------------------------------------------------------- tools

    def _rows(self, code: str) -> list[Row]:
        sheet = self.draft.sheets.get(code)
        return [row for row in sheet.rows if not row.refused] if sheet else []

    def _counts(self, code: str) -> Counts:
        return self.draft.report.sheets.setdefault(code, Counts())

    def _values(self, row: Row, references: References) -> Record:
        """A row's values as its table has them; columns that the file lacks stay out."""
        values: Record = {}
        for column, value in row.values.items():
            if column in references:
                target, name = references[column]
                values[name] = self.ids[target][value]
            else:
                values[column] = value
        return values

    def _upsert(
        self, code: str, entity: type, records: dict[str, Record], references: References
    ) -> tuple[list[str], dict[str, Record]]:
        """Insert what is new, update what differs; answers the keys of both, with the old rows."""
        if code not in self.draft.sheets:
            return [], {}
        counts, key = self._counts(code), str(FORMS[code].key)
        defaults = _defaults(code, references)
        new: dict[str, Record] = {}
        changed: dict[str, Record] = {}
        for row in self._rows(code):
            values, old = self._values(row, references), records.get(row.values[key])
            if old is None:
                new[row.values[key]] = defaults | values
            elif any(old[column] != value for column, value in values.items()):
                changed[row.values[key]] = values
            else:
                counts.unchanged += 1
        counts.new, counts.changed = len(new), len(changed)
        self._insert(entity, list(new.values()))
        self._update(entity, [(records[one]["id"], changed[one]) for one in changed])
        self._learn_ids(code, entity, key, list(new))
        return list(new), {one: records[one] for one in changed}

    def _learn_ids(self, code: str, entity: type, key: str, keys: list[str]) -> None:
        """Keep the ids of new rows; a dry run has none, so it takes numbers that no row has."""
        if self.dry_run:
            self.ids[code].update((one, -place) for place, one in enumerate(keys, 1))
            return
        table = _table(entity)
        for chunk in chunks(keys):
            query = select(table.c[key], table.c.id).where(table.c[key].in_(chunk))
            self.ids[code].update((one, number) for one, number in self.session.execute(query))

    def _sets(
        self, code: str, references: References, split: Callable[[Record], list[Record]]
    ) -> Sets:
        """The rows of a sheet by the id of the vehicle or policy whose set they are."""
        parent = next(iter(references.values()))[1]
        sets: Sets = defaultdict(list)
        if code not in self.draft.sheets:
            return sets
        defaults = _defaults(code, references)
        for row in self._rows(code):
            for values in split(defaults | self._values(row, references)):
                sets[values[parent]].append((row.number, values))
        return sets

    def _replace(
        self, code: str | None, entity: type, recorded: dict[int, list[Record]], sets: Sets
    ) -> set[int]:
        """Bring sets to what the file says, equal rows left alone; answers whose changed."""
        counts = self._counts(code) if code in self.draft.sheets else Counts()
        gone: list[int] = []
        added: list[Record] = []
        changed = set()
        for parent, rows in sets.items():
            lost, fresh, touched = _difference(recorded.get(parent, []), rows)
            if lost or fresh:
                changed.add(parent)
            gone += lost
            added += fresh
            _count(counts, len({number for number, _ in rows}), len(touched), len(lost))
        self._delete(entity, gone)
        self._insert(entity, added)
        return changed

    def _insert(self, entity: type, rows: list[Record]) -> None:
        if self.dry_run:
            return
        for batch in chunks(rows, BATCH):
            self.session.execute(insert(_table(entity)), batch)

    def _update(self, entity: type, rows: list[tuple[int, Record]]) -> None:
        """Update rows by id; a table that counts its versions counts one more."""
        if self.dry_run or not rows:
            return
        table = _table(entity)
        values: Record = {column: bindparam(f"to_{column}") for column in rows[0][1]}
        if "version" in table.c:
            values["version"] = table.c.version + 1
        statement = update(table).where(table.c.id == bindparam("row_id")).values(values)
        for batch in chunks(rows, BATCH):
            self.session.connection().execute(
                statement,
                [
                    {"row_id": number} | {f"to_{column}": one for column, one in new.items()}
                    for number, new in batch
                ],
            )

    def _delete(self, entity: type, ids: Iterable[int]) -> None:
        if self.dry_run:
            return
        table = _table(entity)
        for chunk in chunks(ids):
            self.session.execute(delete(table).where(table.c.id.in_(chunk)))


def _table(entity: type) -> Table:
    table: Table = entity.__table__  # type: ignore[attr-defined]
    return table


def _defaults(code: str, references: References) -> Record:
    """What a new row has in the columns that the file lacks."""
    columns = (column for column in FORMS[code].columns if column.code not in references)
    return {column.code: column.default for column in columns}


def _as_it_is(values: Record) -> list[Record]:
    return [values]


def _lines(values: Record) -> list[Record]:
    """A cover row as lines; an undivided one is the driver's seat and the passengers'.

    The premium of an undivided line stands once, with the driver's.
    """
    if values["cover"] == DRIVER:
        return [values | {"seats": 1 if values["seats"] is None else values["seats"]}]
    if values["cover"] != UNDIVIDED:
        return [values]
    seats = values["seats"]
    lines = [values | {"cover": DRIVER, "seats": 1}]
    if seats > 1:
        lines.append(values | {"cover": PASSENGERS, "seats": seats - 1, "premium": None})
    return lines


def _holding(vehicle: int, company: int, since: date) -> Record:
    return {"vehicle_id": vehicle, "company_id": company, "since": since, "until": None}


def _difference(
    recorded: list[Record], rows: list[tuple[int, Record]]
) -> tuple[list[int], list[Record], set[int]]:
    """Of a set: ids on record that the file lacks, records to add, and their row numbers."""
    names = list(rows[0][1])
    lost = []
    wanted = Counter(tuple(values.values()) for _, values in rows)
    for one in recorded:
        same = tuple(one[name] for name in names)
        if wanted[same] > 0:
            wanted[same] -= 1
        else:
            lost.append(one["id"])
    fresh, touched = [], set()
    for number, values in rows:
        same = tuple(values.values())
        if wanted[same] > 0:
            wanted[same] -= 1
            fresh.append(values)
            touched.add(number)
    return lost, fresh, touched


def _count(counts: Counts, rows: int, touched: int, lost: int) -> None:
    """Count a set's rows: those that take the place of a row on record are changed ones."""
    changed = min(touched, lost)
    counts.changed += changed
    counts.new += touched - changed
    counts.unchanged += rows - touched
    counts.removed += lost - changed
