"""The workbook's vocabulary: its sheets, their columns, the labels and how each cell is read.

A heading is a column's code, or its label in any language of the product. `docs` of the format:
the sheets refer to each other by code, VIN or policy number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from flask_babel import force_locale
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from fleet.insurers.tables import INSURER, MUTUAL_POOL
from fleet.policies.tables import KINDS
from fleet.vehicles.tables import ENERGIES
from fleet.web import cells
from fleet.web.cells import word_key
from fleet.web.locale import LANGUAGES
from fleet.web.words import VOCABULARIES

Read = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its code, its label, how a cell of it is read, whether it may be left empty.

    `zoned` readings take the company's zone; `default` stands for a cell left empty; the words
    of `vocabulary` (see fleet.web.words) count as the codes they stand for.
    """

    code: str
    label: LazyString
    read: Read
    required: bool = False
    zoned: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    vocabulary: str | None = None
    help: LazyString | None = None


@dataclass(frozen=True, slots=True)
class SheetForm:
    """A sheet: its code, its label, the name the format gives it in Chinese, its columns."""

    code: str
    label: LazyString
    chinese: str
    columns: tuple[Column, ...]
    key: str | None = None

    def column(self, code: str) -> Column:
        """The column of a code."""
        return next(column for column in self.columns if column.code == code)


def _chosen(*allowed: str) -> Read:
    return partial(cells.choice, allowed=allowed)


_code = cells.at_most(40, cells.code)
_number = cells.at_most(64, cells.code)
_cover = cells.at_most(40, cells.cover)

_DAY = _l("A day: 2026-03-02")
_FIRST_DAY_NO_LONGER = _l("The first day no longer; empty = open")
_YUAN = _l("Yuan: 1,270.00 or 20万")
_PERCENT = _l("Percent: 15")
_YES = _l("yes or no")

TERMS = ("2014", "2020", "nev2021")
BUILT_IN_TYPES = ("official", "test_drive", "replacement", "business", "tow", "shuttle")
INSURER_KINDS = (INSURER, MUTUAL_POOL)
COVERS = (
    "damage", "third_party", "occupants_driver", "occupants_passengers", "occupants",
    "excess_waiver", "designated_repair", "absolute_deductible", "theft", "glass", "scratch",
    "wheel", "wading", "self_ignition", "out_of_catalogue_medical", "occupant_accident",
    "roadside",
)  # fmt: skip
UNDIVIDED = "occupants"
DRIVER = "occupants_driver"
PASSENGERS = "occupants_passengers"
WITH_SUM = frozenset({"damage", "third_party", UNDIVIDED, DRIVER, PASSENGERS})

SHEETS = (
    SheetForm(
        "regions",
        _l("Regions"),
        "片区",
        (
            Column("code", _l("Code"), _code, required=True),
            Column("name", _l("Name"), cells.at_most(120, cells.words), required=True),
        ),
        key="code",
    ),
    SheetForm(
        "companies",
        _l("Companies"),
        "公司",
        (
            Column("code", _l("Code"), _code, required=True),
            Column("name", _l("Name"), cells.at_most(200, cells.words), required=True),
            Column("region_code", _l("Region code"), _code, required=True),
            Column("credit_code", _l("Credit code"), cells.credit_code),
        ),
        key="code",
    ),
    SheetForm(
        "insurers",
        _l("Insurers"),
        "保险公司",
        (
            Column("code", _l("Code"), _code, required=True),
            Column("name", _l("Name"), cells.at_most(200, cells.words), required=True),
            Column(
                "kind",
                _l("Kind"),
                _chosen(*INSURER_KINDS),
                default=INSURER,
                choices=INSURER_KINDS,
                vocabulary="insurer_kind",
                help=_l("Empty = insurer; a mutual pool insures nothing"),
            ),
            Column("hotline", _l("Hotline"), cells.at_most(40, cells.words)),
        ),
        key="code",
    ),
    SheetForm(
        "designations",
        _l("Designations"),
        "合作保险公司",
        (
            Column("region_code", _l("Region code"), _code, required=True),
            Column("insurer_code", _l("Insurer code"), _code, required=True),
            Column("since", _l("Since"), cells.day, required=True, help=_DAY),
            Column("until", _l("Until"), cells.day, help=_FIRST_DAY_NO_LONGER),
        ),
    ),
    SheetForm(
        "vehicles",
        _l("Vehicles"),
        "车辆",
        (
            Column("vin", _l("VIN"), cells.vin, required=True, help=_l("17 characters")),
            Column("plate", _l("Plate"), cells.plate, help=_l("Empty or 新车 = not yet")),
            Column(
                "vehicle_type",
                _l("Vehicle type"),
                _code,
                required=True,
                choices=BUILT_IN_TYPES,
                vocabulary="vehicle_type",
                help=_l("Or a type that the group added"),
            ),
            Column("company_code", _l("Company code"), _code, required=True),
            Column(
                "seats",
                _l("Seats"),
                cells.seats,
                required=True,
                help=_l("As licensed, the driver's included; 0 for a trailer"),
            ),
            Column("brand_model", _l("Brand and model"), cells.at_most(120, cells.words)),
            Column("engine_number", _l("Engine number"), cells.at_most(40, cells.code)),
            Column(
                "energy",
                _l("Energy"),
                _chosen(*ENERGIES),
                default="other",
                choices=ENERGIES,
                vocabulary="energy",
            ),
            Column("first_registered", _l("First registered"), cells.day_of, help=_DAY),
            Column("in_service_since", _l("In service since"), cells.day, required=True, help=_DAY),
            Column(
                "in_service_until", _l("In service until"), cells.day, help=_FIRST_DAY_NO_LONGER
            ),
        ),
        key="vin",
    ),
    SheetForm(
        "policies",
        _l("Policies"),
        "保单",
        (
            Column("policy_number", _l("Policy number"), _number, required=True),
            Column(
                "kind",
                _l("Kind"),
                _chosen(*KINDS),
                required=True,
                choices=KINDS,
                vocabulary="kind",
            ),
            Column("insurer_code", _l("Insurer code"), _code, required=True),
            Column("vin", _l("VIN"), cells.vin, required=True),
            Column(
                "begins",
                _l("Begins"),
                cells.begin,
                required=True,
                zoned=True,
                help=_l("A day, or an instant: 2026-03-02 18:03"),
            ),
            Column(
                "ends",
                _l("Ends"),
                cells.end,
                required=True,
                zoned=True,
                help=_l("The last day, included; or the instant at which it ends"),
            ),
            Column("signed_on", _l("Signed on"), cells.day_of, help=_DAY),
            Column("premium", _l("Premium"), cells.yuan, help=_YUAN),
            Column("vehicle_tax", _l("Vehicle tax"), cells.yuan, help=_YUAN),
            Column("late_fee", _l("Late fee"), cells.yuan, help=_YUAN),
            Column("tax_exempt", _l("Tax exempt"), cells.yes_or_no, default=False, help=_YES),
            Column(
                "terms",
                _l("Terms"),
                _chosen(*TERMS),
                choices=TERMS,
                vocabulary="terms",
                help=_l("Empty = by the signing day"),
            ),
            Column(
                "absolute_deductible_rate",
                _l("Absolute deductible rate"),
                cells.percent,
                help=_PERCENT,
            ),
            Column(
                "absolute_deductible_amount",
                _l("Absolute deductible amount"),
                cells.yuan,
                help=_YUAN,
            ),
            Column(
                "repair_restricted",
                _l("Repair restricted"),
                cells.yes_or_no,
                default=False,
                help=_YES,
            ),
            Column("approval_number", _l("Approval number"), _number),
            Column(
                "cancelled_at",
                _l("Cancelled at"),
                cells.begin,
                zoned=True,
                help=_l("An instant; a day means its 00:00"),
            ),
        ),
        key="policy_number",
    ),
    SheetForm(
        "holdings",
        _l("Holdings"),
        "调拨",
        (
            Column("vin", _l("VIN"), cells.vin, required=True),
            Column("company_code", _l("Company code"), _code, required=True),
            Column("since", _l("Since"), cells.day, required=True, help=_DAY),
            Column("until", _l("Until"), cells.day, help=_FIRST_DAY_NO_LONGER),
        ),
    ),
    SheetForm(
        "lay_ups",
        _l("Lay-ups"),
        "停驶",
        (
            Column("vin", _l("VIN"), cells.vin, required=True),
            Column("since", _l("Since"), cells.day, required=True, help=_DAY),
            Column("until", _l("Until"), cells.day, help=_FIRST_DAY_NO_LONGER),
        ),
    ),
    SheetForm(
        "covers",
        _l("Covers"),
        "险种",
        (
            Column("policy_number", _l("Policy number"), _number, required=True),
            Column("cover", _l("Cover"), _cover, required=True, choices=COVERS, vocabulary="cover"),
            Column(
                "sum_insured",
                _l("Sum insured"),
                cells.yuan,
                help=_l("Yuan; for occupants: per seat"),
            ),
            Column("seats", _l("Seats"), cells.seats, help=_l("Passengers: how many; driver: 1")),
            Column("deductible_rate", _l("Deductible rate"), cells.percent, help=_PERCENT),
            Column("premium", _l("Premium"), cells.yuan, help=_YUAN),
            Column(
                "since",
                _l("Since"),
                cells.begin,
                zoned=True,
                help=_l("Where an endorsement added the line; empty = the policy's"),
            ),
            Column(
                "until",
                _l("Until"),
                cells.begin,
                zoned=True,
                help=_l("Where an endorsement ended the line; empty = the policy's"),
            ),
        ),
    ),
)
FORMS: Mapping[str, SheetForm] = {form.code: form for form in SHEETS}
HELP = _l("Help")

# What the product's own pages call a column; a sheet copied from them comes in as well.
ALSO: Mapping[str, Mapping[str, tuple[LazyString, ...]]] = {
    "companies": {
        "region_code": (_l("Region"),),
        "credit_code": (_l("Unified social credit code"),),
    },
    "insurers": {"kind": (_l("What it is"),)},
    "designations": {
        "region_code": (_l("Region"),),
        "insurer_code": (_l("Insurer"),),
        "since": (_l("Designated from"),),
        "until": (_l("Until before"), _l("First day no longer designated")),
    },
    "vehicles": {
        "plate": (_l("Number plate"),),
        "vehicle_type": (_l("Kind of vehicle"),),
        "company_code": (_l("Company"),),
        "seats": (_l("Licensed seats"),),
        "in_service_since": (_l("In the fleet since"),),
        "in_service_until": (_l("Left the fleet on"), _l("First day no longer in service")),
    },
    "policies": {
        "kind": (_l("Kind of insurance"),),
        "insurer_code": (_l("Insurer"),),
        "begins": (_l("First day"),),
        "ends": (_l("Last day"),),
        "premium": (_l("Premium (yuan)"),),
        "vehicle_tax": (_l("Vehicle and vessel tax"), _l("Vehicle and vessel tax (yuan)")),
        "late_fee": (_l("Late fee of the tax (yuan)"),),
        "tax_exempt": (_l("Tax exempt, paid elsewhere, or not due"),),
        "absolute_deductible_rate": (_l("Absolute deductible in percent"),),
        "absolute_deductible_amount": (_l("Absolute deductible (yuan)"),),
        "approval_number": (_l("OA approval number"),),
    },
    "holdings": {"company_code": (_l("Company"),), "since": (_l("From"),)},
    "lay_ups": {"since": (_l("From"),), "until": (_l("Until before"),)},
    "covers": {
        "sum_insured": (_l("Sum insured (yuan)"),),
        "deductible_rate": (_l("Deductible in percent"),),
        "premium": (_l("Premium (yuan)"),),
    },
}


@cache
def sheet_names() -> dict[str, str]:
    """Every name a sheet may bear, as a key for comparing, and the sheet's code."""
    names: dict[str, str] = {}
    for form in SHEETS:
        for name in (form.code, form.chinese, *_in_every_language(form.label)):
            names.setdefault(word_key(name), form.code)
    return names


@cache
def help_names() -> frozenset[str]:
    """The names of the help sheet of our own template, which is nobody's mistake."""
    return frozenset(word_key(name) for name in _in_every_language(HELP))


@cache
def headings(sheet: str) -> dict[str, str]:
    """Every heading a column of a sheet may bear, as a key, and the column's code."""
    names = {word_key(column.code): column.code for column in FORMS[sheet].columns}
    labels = [(column.code, column.label) for column in FORMS[sheet].columns]
    # After every column's own label: a page's word for one may be another's label.
    labels += [(code, label) for code, also in ALSO.get(sheet, {}).items() for label in also]
    for code, label in labels:
        for name in _in_every_language(label):
            names.setdefault(word_key(name), code)
    return names


@cache
def words_for(vocabulary: str) -> dict[str, str]:
    """Every word that stands for a code of a vocabulary, as a key, and the code."""
    found: dict[str, str] = {}
    for code, word in VOCABULARIES[vocabulary].items():
        for name in (code, *_in_every_language(word)):
            found.setdefault(word_key(name), code)
    return found


def _in_every_language(label: LazyString) -> list[str]:
    """A label in every language of the product."""
    found = []
    for language in LANGUAGES:
        with force_locale(language):
            found.append(str(label))
    return found
