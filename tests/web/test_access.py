"""Who may call what: every address, every method, everybody of the cast, on real rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from zipfile import ZipFile

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from fleet.storage import db
from fleet.storage.history import HistoryEntry
from tests import cast
from tests.cast import World

pytestmark = pytest.mark.one_engine

# company admin, desk, finance, administrator, auditor, a stranger: somebody without any role;
# "*" is anybody, signed in or not.
LETTERS = {
    "company": "C",
    "desk": "D",
    "finance": "F",
    "administrator": "G",
    "auditor": "A",
    "stranger": "S",
}
MATRIX = """
GET api-docs.openapi_json *
POST api_attachments.attach_document CDFG
GET api_attachments.fetch_document CDFGA
GET api_attachments.list_documents CDFGA
POST api_oa.hear_decision signature
GET api_policies.standing CDFGA
GET api_policies.summary CDFGA
GET api_policies.timeline CDFGA
GET api_policies.vehicle CDFGA
GET api_policies.vehicles CDFGA
POST api_reimbursement.check_claim CDFGA
GET api_reimbursement.list_claims CDFGA
POST api_reimbursement.mark_paid F
GET api_reimbursement.read_claim CDFGA
POST api_reimbursement.record_claim F
POST api_reimbursement.reverse_claim F
GET api_renewals.renewals CDFGA
GET api_sheets.sheet_result CDFGA
GET api_sheets.sheet_told CDFGA
POST api_sheets.start_sheet CDFGA
GET api_workbook.import_told DG
POST api_workbook.start_import DG
POST attachments.add CDFG
GET attachments.fetch CDFGA
POST attachments.mark_wrong CDFG
GET calendar.feed *
GET calendar.index CDFGAS
POST calendar.make CDFGAS
POST calendar.revoke CDFGAS
GET finance_desk.index CDFGA
POST held_claims.again F
GET held_claims.export CDFGA
GET held_claims.index CDFGA
GET insurers.designate DG
POST insurers.designate DG
GET insurers.edit G
POST insurers.edit G
GET insurers.end_designation DG
POST insurers.end_designation DG
GET insurers.index CDFGA
GET insurers.register DG
POST insurers.register DG
GET letters.document CDFGA
GET letters.index CDFGA
POST letters.order CDFGA
POST notices.end_snooze CDFGAS
GET notices.export CDFGAS
POST notices.forget_chat CDFGAS
GET notices.index CDFGAS
POST notices.mark_all_read CDFGAS
POST notices.mark_read CDFGAS
POST notices.open_notice CDFGAS
GET notices.preferences CDFGAS
POST notices.preferences CDFGAS
GET notices.snooze CDFGAS
POST notices.snooze CDFGAS
GET notices.snoozes CDFGAS
POST notices.try_again G
POST notices.try_chat CDFGAS
GET notices.undelivered G
GET people.account CDFGA
POST people.activate G
GET people.companies G
POST people.create_token CDFGA
POST people.deactivate G
GET people.edit G
POST people.edit G
GET people.edit_company G
POST people.edit_company G
GET people.edit_region G
POST people.edit_region G
GET people.index G
POST people.language *
GET people.new G
POST people.new G
GET people.new_company G
POST people.new_company G
GET people.new_region G
POST people.new_region G
POST people.remove_second_factor G
POST people.revoke_token CDFGA
GET placements.answer DG
POST placements.confirm DG
POST placements.drop DG
POST placements.expected DG
GET placements.export DG
GET placements.export_answer DG
GET placements.index DG
POST placements.order_schedule DG
GET placements.schedule_pdf DG
GET placements.schedule_xlsx DG
GET placements.show DG
POST placements.take_back DG
POST placements.upload DG
GET policies.cancel DG
POST policies.cancel DG
GET policies.edit DG
POST policies.edit DG
GET policies.endorse DG
POST policies.endorse DG
GET policies.export CDFGA
GET policies.index CDFGA
GET policies.record DG
POST policies.record DG
GET policies.show CDFGA
GET money.index CDFGA
GET money.export CDFGA
GET money.reverse F
POST money.reverse_claim F
GET money.payment_rule G
POST money.change_payment_rule G
GET verify.show *
POST reimbursement.again F
GET reimbursement.check CDFGA
POST reimbursement.check_claim CDFGA
GET reimbursement.export CDFGA
POST reimbursement.fill_in CDFGA
GET reimbursement.index CDFGA
POST reimbursement.mark_paid F
GET reimbursement.paper CDFGA
POST reimbursement.record_claim F
POST reimbursement.record_reversed F
GET reimbursement.reversed_invoices F
GET reimbursement.show CDFGA
POST reimbursement.withdraw F
GET renewals.approve CDG
POST renewals.approve CDG
POST renewals.approve_many CDG
GET renewals.export CDFGA
GET renewals.index CDFGA
GET renewals.prepare CDG
POST renewals.prepare CDG
POST renewals.resume CDG
GET renewals.show CDFGA
POST renewals.submit CDG
POST renewals.submit_many CDG
GET renewals.withdraw CDG
POST renewals.withdraw CDG
POST renewals.withdraw_many CDG
GET reports.export_history GA
GET reports.history GA
GET reports.home CDFGA
GET reports.rulebook CDFGA
POST reports.verify_history GA
GET sheets.index CDFGA
POST sheets.index CDFGA
GET sheets.show CDFGA
GET vehicles.add_type CDG
POST vehicles.add_type CDG
GET vehicles.edit CDG
POST vehicles.edit CDG
GET vehicles.export CDFGA
GET vehicles.index CDFGA
GET vehicles.lay_up CDG
POST vehicles.lay_up CDG
GET vehicles.leave CDG
POST vehicles.leave CDG
GET vehicles.move CDG
POST vehicles.move CDG
GET vehicles.plate CDG
POST vehicles.plate CDG
GET vehicles.register CDG
POST vehicles.register CDG
POST vehicles.request_cover CDG
GET vehicles.return_to_service CDG
POST vehicles.return_to_service CDG
GET vehicles.show CDFGA
GET vehicles.types CDFGA
POST work.cancel CDFGA
GET work.index CDFGA
GET work.progress CDFGA
GET work.result CDFGA
POST work.run CDFGA
GET work.show CDFGA
GET workbench.ahead DG
GET workbench.export DG
GET workbench.export_workload DG
GET workbench.index DG
POST workbench.look_again DG
POST workbench.step DG
POST workbook.confirm DG
POST workbook.drop DG
GET workbook.help_page DG
GET workbook.index DG
POST workbook.index DG
GET workbook.report DG
GET workbook.show DG
GET workbook.template DG
"""
OTHERS = {"static", "bootstrap.static"}  # files; Flask-Security guards its own pages
# A row of which company an address names: by the part of the address, or by the endpoint.
NAMES = {
    "answer_id": "answer",
    "claim_id": "claim",
    "company_id": "company",
    "placed_id": "placed",
    "placement_id": "placement",
    "region_id": "region",
    "request_id": "request",
    "user_id": "user",
}
WHOLE_GROUP = "GA"
# What these name by a number is somebody's own; nobody of the cast has one.
NOBODYS = {
    *("api_attachments.fetch_document", "attachments.fetch", "attachments.mark_wrong"),
    "calendar.feed",
    *("notices.end_snooze", "notices.forget_chat", "notices.mark_read", "notices.open_notice"),
    *("notices.snooze", "people.revoke_token", "verify.show"),
}
FINE = {200, 201, 202, 302, 303, 400, 409, 415, 422}


@dataclass(frozen=True)
class Cell:
    """One address and method, and who may."""

    method: str
    endpoint: str
    who: str


CELLS = [Cell(*line.split()) for line in MATRIX.strip().splitlines()]


def calls(app: Flask) -> set[tuple[str, str]]:
    return {
        (method, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint not in OTHERS and not rule.endpoint.startswith("security.")
    }


def test_every_call_has_its_line(app: Flask) -> None:
    told = [(cell.method, cell.endpoint) for cell in CELLS]
    assert len(told) == len(set(told))
    assert set(told) == calls(app)


def address(app: Flask, cell: Cell, rows: cast.Rows) -> str:
    """The address of a call on a company's rows."""
    rule = next(r for r in app.url_map.iter_rules(cell.endpoint) if cell.method in r.methods)
    values = {name: value(name, cell.endpoint, rows) for name in rule.arguments}
    with app.test_request_context():
        from flask import url_for

        return url_for(cell.endpoint, **values)


def value(name: str, endpoint: str, rows: cast.Rows) -> str | int:
    room = endpoint.partition(".")[0]
    if name in NAMES:
        return rows.ids[NAMES[name]]
    if name == "number" and room == "policies":
        return rows.number
    if name == "number":
        return rows.ids["designation" if room == "insurers" else "upload"]
    ones = dict.fromkeys(("token_id", "snooze_id", "task_id", "attachment_id"), 1)
    return {"vin": rows.vin, "code": "INS-A", "secret": "nobodys", "token": "x", **ones}[name]


@pytest.fixture
def world(app: Flask) -> World:
    with app.app_context():
        return cast.move_in()


class Person:
    """Somebody of the cast, or nobody, signed in once and holding one token."""

    def __init__(self, app: Flask, who: str | None) -> None:
        self.app, self.client, self.headers = app, app.test_client(), {}
        if who:
            cast.sign_in(self.client, who)
            self.headers = cast.token(app, who)

    def send(self, cell: Cell, rows: cast.Rows) -> TestResponse:
        """The answer to a call on a company's rows: pages by session, the API by token."""
        path = address(self.app, cell, rows)
        headers = self.headers if path.startswith("/api/") else {}
        return self.client.open(path, method=cell.method, headers=headers)


def text(answer: TestResponse) -> str:
    """All that an answer tells, the cells of a sheet included."""
    body = answer.get_data()
    if body.startswith(b"PK"):
        with ZipFile(BytesIO(body)) as sheet:
            body = b"".join(sheet.read(name) for name in sheet.namelist())
    return body.decode(errors="replace")


def entries(app: Flask) -> int:
    with app.app_context():
        return db.session.scalar(select(func.count()).where(HistoryEntry.verb != "create_token"))


def is_row(app: Flask, cell: Cell) -> bool:
    """Whether a call is about one company's row, which others must not know of."""
    numbered = "(?:claim|request|placement|answer)_id"
    scoped = re.compile(f"<(vin|[^<>]*:{numbered}|path:number|string:vin)>")
    return any(scoped.search(rule.rule) for rule in app.url_map.iter_rules(cell.endpoint))


@pytest.mark.parametrize("who", [*LETTERS, None])
def test_everybody_gets_the_answer_of_the_table(app: Flask, world: World, who: str | None) -> None:
    wrong = []
    person = Person(app, who)
    for cell in CELLS:
        answer = person.send(cell, world.own)
        may = cell.who == "*" or (who is not None and LETTERS.get(who, "-") in cell.who)
        if may:
            absent = is_ones_own(cell) or cell.endpoint in NOBODYS
            good = answer.status_code in (FINE | {404} if absent else FINE)
            good = good and not leads_to_sign_in(answer)
        elif who is None or cell.who == "signature":
            good = answer.status_code == 401 or leads_to_sign_in(answer)
        else:
            good = answer.status_code == 403 and world.own.vin not in text(answer)
        if not good:
            wrong.append((cell.method, cell.endpoint, answer.status_code))
    assert not wrong


def is_ones_own(cell: Cell) -> bool:
    """An upload and a task are their maker's alone; nobody of the cast made any."""
    rooms = ("work.", "workbook.", "api_workbook.", "sheets.", "api_sheets.")
    return cell.endpoint.startswith(rooms)


def leads_to_sign_in(answer: TestResponse) -> bool:
    return "/login" in answer.headers.get("Location", "")


@pytest.mark.parametrize("who", [name for name, one in LETTERS.items() if one not in WHOLE_GROUP])
def test_another_companys_row_is_not_there(app: Flask, world: World, who: str) -> None:
    wrong = []
    person = Person(app, who)
    before = entries(app)
    for cell in CELLS:
        if LETTERS[who] not in cell.who or not is_row(app, cell):
            continue
        answer = person.send(cell, world.foreign)
        if answer.status_code != 404 or "Company BBB" in text(answer):
            wrong.append((cell.method, cell.endpoint, answer.status_code))
    assert not wrong
    assert entries(app) == before


@pytest.mark.parametrize("who", [name for name, one in LETTERS.items() if one not in WHOLE_GROUP])
def test_no_list_shows_another_companys_row(app: Flask, world: World, who: str) -> None:
    foreign = (world.foreign.vin, world.foreign.plate, world.foreign.number, "Company BBB")
    wrong = []
    person = Person(app, who)
    for cell in CELLS:
        if cell.method == "GET" and LETTERS[who] in cell.who and not is_ones_own(cell):
            told = text(person.send(cell, world.own))
            wrong += [(cell.endpoint, name) for name in foreign if name in told]
    assert not wrong


def test_a_view_of_ones_own_sees_no_companys_rows(app: Flask, world: World) -> None:
    """Not even for who sees the whole group elsewhere."""
    from fleet.people.tables import Company
    from fleet.storage.scope import EVERYTHING
    from fleet.web.access import GROUP_ADMINISTRATOR, Caller, Granted, _guard

    chief = Caller(1, "x", "x", granted=(Granted(GROUP_ADMINISTRATOR, EVERYTHING),))
    seen = {}
    for path in ("/notices", "/vehicles"):
        with app.test_request_context(path):
            assert _guard(lambda _asked: chief) is None
            seen[path] = len(db.session.scalars(select(Company)).all())
    assert seen == {"/notices": 0, "/vehicles": 2}
