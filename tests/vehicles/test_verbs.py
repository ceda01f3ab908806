"""What can be done with a vehicle of the register, and what is refused."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from fleet.storage import db, limit_to
from fleet.storage.history import HistoryEntry
from fleet.storage.scope import Scope
from fleet.vehicles import refusals, service
from fleet.vehicles.tables import Vehicle
from fleet.web.errors import NotFound, Stale
from fleet.words import Days
from tests.policies.records import (
    AT,
    DAY,
    WHO,
    company,
    details,
    stored_as_computed,
    vehicle,
    vin,
)

pytestmark = pytest.mark.usefixtures("session")
TODAY = AT.date()


def kept(of: str = vin(1)) -> Vehicle:
    return service.vehicle_of(of)


def spells(rows: list) -> list[tuple]:
    return [(one.since, one.until) for one in rows]


def test_a_registered_vehicle_has_its_holding_plate_and_timeline():
    made = vehicle()
    assert spells(made.holdings) == spells(made.plates) == [(date(2020, 1, 1), None)]
    assert (made.plate, made.company.code) == ("京A00001", "N1")
    assert stored_as_computed()


@pytest.mark.parametrize(
    ("text", "plate", "field"),
    [("LTESTP", None, "vin"), ("LTESTP0000000000I", None, "vin"), (vin(1), "XYZ", "plate")],
)
def test_what_is_not_well_formed_is_said_beside_its_field(text, plate, field):
    company()
    with pytest.raises(refusals.Malformed) as found:
        service.register(text, plate, "N1", details(), **WHO)
    assert found.value.field == field


def test_what_is_taken_is_taken_in_whichever_company():
    vehicle()
    other = company("S1")
    limit_to(Scope(frozenset({other.id})))
    with pytest.raises(refusals.VinTaken):
        service.register(vin(1), None, "S1", details(), **WHO)
    with pytest.raises(refusals.PlateTaken):
        service.register(vin(2), "京A00001", "S1", details(), **WHO)
    with pytest.raises(NotFound):
        service.register(vin(2), None, "N1", details(), **WHO)
    with pytest.raises(NotFound):
        service.lay_up(vin(1), Days(TODAY), **WHO)


def test_the_plate_of_a_vehicle_that_left_is_free():
    vehicle()
    service.leave(vin(1), TODAY, version=kept().version, **WHO)
    assert service.register(vin(2), "京A00001", "N1", details(), **WHO).plate == "京A00001"


def test_a_move_ends_one_holding_and_begins_another():
    vehicle()
    company("S1")
    service.move(vin(1), "S1", TODAY, version=kept().version, **WHO)
    assert spells(kept().holdings) == [(date(2020, 1, 1), TODAY), (TODAY, None)]
    assert kept().company.code == "S1"
    with pytest.raises(refusals.SameHolder):
        service.move(vin(1), "S1", TODAY, version=kept().version, **WHO)
    with pytest.raises(refusals.TooEarly):
        service.move(vin(1), "N1", TODAY, version=kept().version, **WHO)
    with pytest.raises(refusals.NotYet):
        service.move(vin(1), "N1", TODAY + DAY, version=kept().version, **WHO)


def test_a_vehicle_without_holdings_is_held_from_its_entry_on():
    made = vehicle()
    made.holdings.clear()
    db.session.commit()
    company("S1")
    service.move(vin(1), "S1", TODAY, version=kept().version, **WHO)
    assert spells(kept().holdings) == [(date(2020, 1, 1), TODAY), (TODAY, None)]


def test_plates_follow_one_another():
    vehicle()
    service.change_plate(vin(1), "京AD12345", TODAY, version=kept().version, **WHO)
    assert kept().plate == "京AD12345"
    assert spells(kept().plates) == [(date(2020, 1, 1), TODAY), (TODAY, None)]
    with pytest.raises(refusals.SamePlate):
        service.change_plate(vin(1), "京AD12345", TODAY, version=kept().version, **WHO)
    with pytest.raises(refusals.TooEarly):
        service.change_plate(vin(1), None, TODAY, version=kept().version, **WHO)


def test_a_lay_up_ends_on_return_and_none_shares_a_day():
    vehicle()
    service.lay_up(vin(1), Days(TODAY), **WHO)
    with pytest.raises(refusals.LaidUpAlready):
        service.lay_up(vin(1), Days(TODAY + 9 * DAY, TODAY + 10 * DAY), **WHO)
    service.return_to_service(vin(1), TODAY + 3 * DAY, **WHO)
    assert spells(kept().lay_ups) == [(TODAY, TODAY + 3 * DAY)]
    with pytest.raises(refusals.NotLaidUp):
        service.return_to_service(vin(1), TODAY + 3 * DAY, **WHO)
    service.lay_up(vin(1), Days(TODAY + 5 * DAY, TODAY + 6 * DAY), **WHO)
    service.return_to_service(vin(1), TODAY + 4 * DAY, **WHO)
    assert len(kept().lay_ups) == 1
    with pytest.raises(refusals.TooEarly):
        service.lay_up(vin(1), Days(TODAY, TODAY), **WHO)
    assert stored_as_computed()


def test_a_corrected_entry_moves_the_first_holding_and_plate():
    vehicle()
    earlier = details(in_service_since=date(2019, 1, 1))
    service.edit(vin(1), earlier, version=kept().version, **WHO)
    assert spells(kept().holdings) == spells(kept().plates) == [(date(2019, 1, 1), None)]
    with pytest.raises(refusals.TooEarly):
        until = details(in_service_until=date(2020, 1, 1))
        service.edit(vin(1), until, version=kept().version, **WHO)
    with pytest.raises(refusals.NoSuchType):
        service.edit(vin(1), details(vehicle_type="boat"), version=kept().version, **WHO)


def test_who_saw_an_earlier_version_is_told():
    seen = vehicle().version
    service.edit(vin(1), details(seats=7), version=seen, **WHO)
    with pytest.raises(Stale):
        service.edit(vin(1), details(seats=4), version=seen, **WHO)
    assert kept().seats == 7


def test_a_kind_of_vehicle_is_added_once():
    service.add_type("forklift", "Forklift", **WHO)
    with pytest.raises(refusals.TypeTaken):
        service.add_type("forklift", "Forklift", **WHO)
    assert vehicle(3, vehicle_type="forklift").vehicle_type == "forklift"


def test_the_history_says_from_what_to_what():
    vehicle()
    service.edit(vin(1), details(seats=7), version=kept().version, **WHO)
    entry = db.session.scalars(select(HistoryEntry).order_by(HistoryEntry.seq.desc())).first()
    assert (entry.verb, entry.subject, entry.actor) == ("edit_vehicle", vin(1), "test")
    assert '"seats": [5, 7]' in entry.changes
