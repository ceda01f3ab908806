"""What the verbs of the services are called on the history page."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

VERBS: Mapping[str, LazyString] = {
    "accept_request": _l("Request accepted"),
    "activate_user": _l("Person let in again"),
    "add_vehicle_type": _l("Vehicle type added"),
    "approve_request": _l("Request approved in the OA"),
    "ask_new_cover": _l("New cover asked for"),
    "ask_task": _l("Task asked for"),
    "cancel_policy": _l("Policy cancelled"),
    "cancel_task": _l("Task cancelled"),
    "change_company": _l("Company changed"),
    "change_password": _l("Password changed"),
    "change_plate": _l("Plate changed"),
    "change_region": _l("Region changed"),
    "change_user": _l("Person changed"),
    "check_answer": _l("Insurer's answer checked"),
    "check_workbook": _l("Workbook checked"),
    "choose_channels": _l("Ways to be told chosen"),
    "choose_language": _l("Language chosen"),
    "create_company": _l("Company entered"),
    "create_region": _l("Region entered"),
    "create_token": _l("API token made"),
    "create_user": _l("Person invited"),
    "deactivate_user": _l("Person shut out"),
    "decide_claim_again": _l("Claim decided again"),
    "designate": _l("Insurer designated"),
    "drop_answer": _l("Insurer's answer dropped"),
    "drop_workbook": _l("Workbook dropped"),
    "edit_insurer": _l("Insurer corrected"),
    "edit_policy": _l("Policy corrected"),
    "edit_vehicle": _l("Vehicle corrected"),
    "end_designation": _l("Designation ended"),
    "end_snooze": _l("Snooze ended"),
    "endorse_policy": _l("Policy endorsed"),
    "expect_premium": _l("Expected premium noted"),
    "forget_chat_address": _l("Chat address forgotten"),
    "hear_oa": _l("The OA's word taken"),
    "import_workbook": _l("Workbook imported"),
    "lay_up": _l("Vehicle laid up"),
    "leave_fleet": _l("Vehicle left the fleet"),
    "make_calendar_feed": _l("Calendar address made"),
    "move_vehicle": _l("Vehicle moved to another company"),
    "pay_claim": _l("Claim paid"),
    "place_request": _l("Request placed with an insurer"),
    "prepare_request": _l("Request prepared"),
    "read_notices": _l("Notices read"),
    "receive_workbook": _l("Workbook received"),
    "record_answer": _l("Insurer's answer recorded"),
    "record_claim": _l("Claim recorded"),
    "record_policy": _l("Policy recorded"),
    "record_reversed_invoice": _l("Reversed invoice recorded"),
    "refuse_request": _l("Request refused"),
    "refuse_oa_call": _l("Call of the OA refused"),
    "register_insurer": _l("Insurer registered"),
    "register_vehicle": _l("Vehicle registered"),
    "remove_second_factor": _l("Second factor removed"),
    "repair_steps": _l("Timelines repaired"),
    "reset_password": _l("Password set anew"),
    "resume_request": _l("Request taken up again"),
    "return_request": _l("Request returned"),
    "return_to_service": _l("Vehicle back in service"),
    "revoke_calendar_feed": _l("Calendar address revoked"),
    "revoke_token": _l("API token revoked"),
    "run-day": _l("Daily job run"),
    "send_notices_again": _l("Notices sent again"),
    "set_up_second_factor": _l("Second factor set up"),
    "snooze_notices": _l("Notices snoozed"),
    "submit_request": _l("Request reported to the desk"),
    "take_back_request": _l("Request taken back from the insurer"),
    "withdraw_request": _l("Request withdrawn"),
}


def words_of(verb: str) -> str:
    """A verb in the reader's language; one without words stands for itself."""
    return str(VERBS.get(verb, verb))
