"""The trade's words for codes, one dictionary a vocabulary; codes never change, words do."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from fleet.web.access import (
    AUDITOR,
    COMPANY_ADMIN,
    FINANCE,
    GROUP_ADMINISTRATOR,
    INSURANCE_DESK,
)

Words = Mapping[str, LazyString]

STANDING: Words = {
    "compliant": _l("Compliant"),
    "short": _l("Short of cover"),
    "barred": _l("Must not be used"),
    "spared": _l("Spared until expiry"),
    "not_asked": _l("Not yet asked"),
    "out_of_service": _l("Out of service"),
}
STANDING_MEANS: Words = {
    "compliant": _l("Every cover and sum that the rule asks is in force."),
    "short": _l("It may be used, but a cover or a sum is short and must be cured (4.2)."),
    "barred": _l("A main cover is missing: the vehicle must not be used (4.2)."),
    "spared": _l("Insured before the rule came: it stays as it is until the policy expires (4.4)."),
    "not_asked": _l("The rule was not in force yet at this moment (5.1)."),
    "out_of_service": _l("Not in the fleet at this moment, or laid up."),
}
KIND: Words = {
    "compulsory": _l("Compulsory traffic insurance"),
    "commercial": _l("Commercial insurance"),
}
COVER: Words = {
    "damage": _l("Vehicle damage"),
    "third_party": _l("Third-party liability"),
    "occupants": _l("Occupant liability"),
    "occupants_driver": _l("Occupant liability, driver"),
    "occupants_passengers": _l("Occupant liability, passengers"),
    "excess_waiver": _l("Excess waiver"),
    "designated_repair": _l("Designated repair"),
    "absolute_deductible": _l("Absolute deductible"),
    "theft": _l("Theft"),
    "glass": _l("Glass"),
    "scratch": _l("Scratch"),
    "wheel": _l("Wheel"),
    "wading": _l("Wading"),
    "self_ignition": _l("Self-ignition"),
    "out_of_catalogue_medical": _l("Out-of-catalogue medical"),
    "occupant_accident": _l("Driver and passenger accident"),
    "roadside": _l("Roadside assistance"),
}
VEHICLE_TYPE: Words = {
    "official": _l("Official car"),
    "test_drive": _l("Test-drive car"),
    "replacement": _l("Replacement car"),
    "business": _l("Business car"),
    "tow": _l("Tow truck"),
    "shuttle": _l("Shuttle bus"),
}
ENERGY: Words = {
    "petrol": _l("Petrol"),
    "diesel": _l("Diesel"),
    "electric": _l("Electric"),
    "plug_in_hybrid": _l("Plug-in hybrid"),
    "fuel_cell": _l("Fuel cell"),
    "other": _l("Other"),
}
INSURER_KIND: Words = {
    "insurer": _l("Insurer"),
    "mutual_pool": _l("Mutual-aid pool (no insurance)"),
}
ROLE: Words = {
    COMPANY_ADMIN: _l("Company admin"),
    INSURANCE_DESK: _l("Insurance desk"),
    FINANCE: _l("Finance"),
    GROUP_ADMINISTRATOR: _l("Group administrator"),
    AUDITOR: _l("Auditor"),
}
RENEWAL_STATE: Words = {
    "due": _l("Due"),
    "late": _l("Late"),
    "prepared": _l("Prepared"),
    "approved": _l("Approved"),
    "submitted": _l("Reported"),
    "returned": _l("Returned"),
    "accepted": _l("Accepted"),
    "placed": _l("Placed"),
    "insured": _l("Insured"),
    "withdrawn": _l("Withdrawn"),
    "left_fleet": _l("Left the fleet"),
    "laid_up": _l("Laid up"),
    "expiry_changed": _l("Expiry changed"),
}
RENEWAL_WHY: Words = {
    "insured": _l("A following policy is on record."),
    "left_fleet": _l("The vehicle has left the fleet."),
    "laid_up": _l("The vehicle is laid up."),
    "expiry_changed": _l("The policy was cancelled or corrected; its cover ends on another day."),
}
OCCASION: Words = {
    "renewal": _l("Renewal"),
    "new": _l("New cover"),
}
WITHDRAWN_FOR: Words = {
    "sold": _l("Sold"),
    "scrapped": _l("Scrapped"),
    "laid_up": _l("Laid up"),
    "other": _l("Another reason"),
}
APPROVAL_STATE: Words = {
    "approved": _l("Approved"),
    "rejected": _l("Refused"),
    "withdrawn": _l("Taken back"),
}
LETTER: Words = {
    "renewal_notice": _l("Renewal notice"),
    "deficiency_letter": _l("Deficiency letter"),
}
REQUEST_MOVE: Words = {
    "prepare": _l("Prepared"),
    "approve": _l("Approved in the OA"),
    "unapprove": _l("Approval refused or taken back in the OA"),
    "oa_approved": _l("Approved in the OA; it stays where it is"),
    "oa_rejected": _l("Refused in the OA"),
    "oa_withdrawn": _l("Approval taken back in the OA"),
    "oa_too_late": _l("Refused or taken back in the OA after it was placed"),
    "submit": _l("Reported to the desk"),
    "accept": _l("Accepted by the desk"),
    "return": _l("Returned by the desk"),
    "place": _l("Placed with an insurer"),
    "unplace": _l("Taken back from the insurer"),
    "withdraw": _l("Withdrawn"),
    "resume": _l("Taken up again"),
    "carried": _l("Carried over: the cover ends on another day now"),
    "ended": _l("Ended by what is on record"),
    "reopened": _l("Goes on: what ended it no longer holds"),
}
OA_OUTCOME: Words = {
    "heard": _l("Taken"),
    "outdated": _l("Outdated: a later word stands"),
}
OA_REFUSED: Words = {
    "unsigned": _l("Not signed"),
    "bad_signature": _l("Signature does not fit"),
    "stale_call": _l("Signed too long ago, or by a wrong clock"),
    "nonce_used": _l("Replayed: its nonce was used before"),
    "call_too_large": _l("Too large"),
    "call_unreadable": _l("Cannot be read"),
    "none_known": _l("None of its requests is known"),
    "another_approval": _l("Its number stands for another decision"),
}
NEXT_STEP: Words = {
    "prepare": _l("Prepare it"),
    "get_approval": _l("Have it approved in the OA"),
    "submit": _l("Report it to the desk"),
    "mend": _l("Mend what was returned"),
    "accept": _l("Accept or return it"),
    "place": _l("Place it with an insurer"),
    "record": _l("Record the policy"),
}
NEXT_STEP_MEANS: Words = {
    "prepare": _l("Confirm the vehicle and choose the covers, or say why it is not renewed."),
    "get_approval": _l("Have it approved in the office system (OA), then note its number here."),
    "submit": _l("All is ready: report it to your region's desk."),
    "mend": _l("The desk returned it. Mend what it says, then report it again."),
    "accept": _l("The desk looks at it and accepts it, or returns it with reasons."),
    "place": _l("The desk places it with an insurer designated for the region."),
    "record": _l("The insurer issues the policy and the desk records it. That ends the request."),
}
NEXT_STEP_OF: Words = {
    "company": _l("company"),
    "desk": _l("desk"),
}
# What a request of the desk's queue lacks.
DESK_LACKS: Words = {
    "late": _l("Late"),
    "begins_in_the_past": _l("The first day asked is past"),
    "approval": _l("No OA approval stands"),
    "not_designated": _l("The insurer is not designated any more"),
    "no_covers": _l("No cover is asked for"),
    "no_premium": _l("No expected premium"),
    "licence": _l("Licence data incomplete"),
    "credit_code": _l("The company's credit code is missing"),
    "contact": _l("Nobody to call"),
}
# What an insurer issued otherwise than it was asked for.
DIFFERENCE: Words = {
    "another_insurer": _l("Another insurer"),
    "gap": _l("Gap after the present cover"),
    "overlap": _l("Overlap with the present cover"),
    "begins_otherwise": _l("Begins otherwise"),
    "ends_otherwise": _l("Ends otherwise"),
    "cover_missing": _l("Cover missing"),
    "cover_added": _l("Cover not asked for"),
    "sum_lower": _l("Sum lower"),
    "sum_higher": _l("Sum higher"),
    "seats_differ": _l("Other number of seats"),
    "premium_differs": _l("Premium differs"),
    "premium_unknown": _l("Premium not told"),
    "tax_differs": _l("Vehicle tax differs"),
    "tax_unknown": _l("Vehicle tax not told"),
}
ANSWER_STATE: Words = {
    "checked": _l("Waits for you"),
    "recorded": _l("Recorded"),
    "dropped": _l("Dropped"),
}
DECISION: Words = {
    "payable": _l("Payable"),
    "held": _l("Held"),
    "refused": _l("Refused"),
}
CLAIM_STATE: Words = {
    **DECISION,
    "paid": _l("Paid"),
    "reversed": _l("Reversed"),
    "withdrawn": _l("Withdrawn"),
}
REVERSED_FOR: Words = {
    "refunded": _l("The insurer gave the premium back"),
    "red_invoice": _l("A red invoice took the invoice back"),
}
REPLAY: Words = {
    "facts": _l("the facts kept cannot be read, or were changed"),
    "rulebook": _l("the version of the rulebook is not there any more"),
    "decision": _l("another decision comes out"),
    "reasons": _l("other reasons come out"),
}
CHANNEL: Words = {
    "mail": _l("Mail"),
    "chat": _l("Chat"),
    "inbox": _l("In the system"),
}
NOTICE_STATE: Words = {
    "unread": _l("Unread"),
    "read": _l("Read"),
    "snoozed": _l("Snoozed"),
    "dropped": _l("Out of date"),
}
CHAT_SERVICE: Words = {
    "wecombot": _l("WeCom"),
    "dingtalk": _l("DingTalk"),
    "feishu": _l("Feishu"),
    "lark": _l("Lark"),
    "json": _l("A program of the company"),
}
# Who acts without a sign-in; the history keeps these names as they stand.
ACTOR: Words = {
    "command line": _l("command line"),
    "daily job": _l("daily job"),
    "OA": _l("OA"),
}
TERMS: Words = {
    "2014": _l("2014 terms"),
    "2020": _l("2020 terms"),
    "nev2021": _l("2021 new-energy terms"),
}
SHORTFALL: Words = {
    "compulsory_missing": _l("No compulsory traffic insurance"),
    "vehicle_tax_missing": _l("No vehicle and vessel tax"),
    "damage_missing": _l("No vehicle damage cover"),
    "third_party_missing": _l("No third-party liability cover"),
    "third_party_below": _l("Third-party liability below the minimum"),
    "occupants_missing": _l("No occupant liability cover"),
    "occupants_seats_below": _l("Not every seat is covered"),
    "occupants_sum_below": _l("Occupant liability below the minimum per seat"),
    "excess_waiver_missing": _l("No excess waiver"),
    "designated_repair_missing": _l("No designated repair"),
}
REASON: Words = {
    "insurer_not_designated": _l("Insurer not designated"),
    "not_insurance": _l("Issuer is not an insurer"),
    "invoice_already_claimed": _l("Invoice already claimed"),
    "invoice_reversed": _l("Invoice reversed"),
    "premium_already_claimed": _l("Premium already claimed"),
    "buyer_not_company": _l("Invoice is not made out to the company"),
    "vehicle_not_company": _l("Vehicle is not the company's"),
    "policy_unknown": _l("Policy not on record"),
    "insurer_differs": _l("Insurer differs from the policy"),
    "cover_short": _l("Cover falls short"),
    "buyer_unknown": _l("Invoice's buyer is not named"),
    "approval_missing": _l("OA approval is missing"),
    "amount_differs": _l("Amount differs"),
}
REQUIREMENT: Words = {
    "compulsory": _l("Compulsory traffic insurance"),
    "vehicle_tax": _l("Vehicle and vessel tax"),
    "damage": _l("Vehicle damage"),
    "third_party": _l("Third-party liability"),
    "occupants": _l("Occupant liability"),
    "excess_waiver": _l("Excess waiver"),
    "designated_repair": _l("Designated repair"),
}
TASK_KIND: Words = {
    "schedule": _l("Submission schedule"),
    "check_claims": _l("Check of a sheet of claims"),
    "check_workbook": _l("Check of a workbook"),
    "import_workbook": _l("Import of a workbook"),
    "record_claims": _l("Recording of a sheet of claims"),
    "write_letters": _l("Letters to companies"),
}
TASK_STATE: Words = {
    "queued": _l("Waits for its turn"),
    "running": _l("Under way"),
    "done": _l("Done"),
    "failed": _l("Failed"),
    "cancelled": _l("Cancelled"),
}
TASK_PROBLEM: Words = {
    "interrupted": _l("It was interrupted several times and is given up. Ask for it again."),
    "went_wrong": _l("Something went wrong on our side."),
}
NOT_WELL_FORMED: Words = {
    "plate_form": _l("This is no number plate of the mainland, such as 沪A12345."),
    "vin_length": _l("A VIN has 17 characters."),
    "vin_letters": _l("A VIN has digits and capital letters without I, O and Q."),
    "credit_code_form": _l("A credit code has 18 digits and capital letters."),
    "credit_code_check": _l("The last character of the credit code does not fit the others."),
    "money_form": _l("An amount in yuan is asked, such as 1,270.00 or 20万."),
    "money_fraction": _l("An amount in whole fen is asked: at most two decimals."),
}
# Why a cell of a sheet could not be read; `%(asked)s` is what is asked.
CELL_WRONG: Words = {
    **NOT_WELL_FORMED,
    "required": _l("This cell may not be empty."),
    "error_cell": _l("An error of Excel stands here instead of a value."),
    "lost_digits": _l(
        "Excel lost digits of this number. Format the column as text and enter it again."
    ),
    "control_characters": _l("Characters that cannot be printed stand in this cell."),
    "too_long": _l("At most %(asked)s characters."),
    "excel_day": _l("This is no day but an empty or broken date cell of Excel."),
    "not_a_day": _l("A day is asked, such as 2026-03-02, or an instant, such as 2026-03-02 18:03."),
    "number_not_day": _l("A number stands here. Format the cell as a date, or enter 2026-03-02."),
    "no_such_day": _l("No calendar has this day."),
    "no_such_time": _l("No clock shows this time."),
    "far_day": _l("This day is too far off. Leave the cell empty where there is no end."),
    "day_without_clock": _l("A day without a clock time is asked, such as 2026-03-02."),
    "below_zero": _l("An amount of 0 or more is asked."),
    "too_much_money": _l("This amount is larger than any of the trade."),
    "not_a_number": _l("A number is asked."),
    "not_a_percentage": _l("A percentage from 0 to 100 is asked, with at most four decimals."),
    "not_a_whole_number": _l("A whole number of 0 or more is asked."),
    "too_many_seats": _l("At most %(asked)s seats."),
    "not_yes_or_no": _l("yes or no is asked."),
    "not_one_of": _l("One of these is asked: %(asked)s."),
    "not_a_cover": _l("The code of a cover is asked, such as damage or third_party."),
}
# Why a row of an insurer's answer cannot be recorded; `%(asked)s` is what is asked.
ANSWER_PROBLEM: Words = {
    **CELL_WRONG,
    "ends_not_after_begins": _l("The policy must end after it begins."),
    "duplicate": _l("Row %(asked)s says the same vehicle and kind, or the same policy number."),
    "on_record": _l("A policy of this number is on record already."),
    "not_in_placement": _l("No request of this placement is for this vehicle and kind."),
    "not_placed_any_more": _l("The request of this vehicle is in the state “%(asked)s”."),
    "kind_unknown": _l("The kind of policy is asked: compulsory or commercial."),
    "insurer_unknown": _l("No insurer on record has this code or name."),
}

VOCABULARIES: Mapping[str, Words] = {
    "standing": STANDING,
    "standing_means": STANDING_MEANS,
    "kind": KIND,
    "cover": COVER,
    "vehicle_type": VEHICLE_TYPE,
    "energy": ENERGY,
    "insurer_kind": INSURER_KIND,
    "role": ROLE,
    "renewal_state": RENEWAL_STATE,
    "renewal_why": RENEWAL_WHY,
    "occasion": OCCASION,
    "withdrawn_for": WITHDRAWN_FOR,
    "letter": LETTER,
    "request_move": REQUEST_MOVE,
    "approval_state": APPROVAL_STATE,
    "oa_outcome": OA_OUTCOME,
    "oa_refused": OA_REFUSED,
    "next_step": NEXT_STEP,
    "next_step_means": NEXT_STEP_MEANS,
    "next_step_of": NEXT_STEP_OF,
    "desk_lacks": DESK_LACKS,
    "difference": DIFFERENCE,
    "answer_state": ANSWER_STATE,
    "answer_problem": ANSWER_PROBLEM,
    "decision": DECISION,
    "claim_state": CLAIM_STATE,
    "reversed_for": REVERSED_FOR,
    "replay": REPLAY,
    "actor": ACTOR,
    "channel": CHANNEL,
    "notice_state": NOTICE_STATE,
    "chat_service": CHAT_SERVICE,
    "terms": TERMS,
    "shortfall": SHORTFALL,
    "reason": REASON,
    "requirement": REQUIREMENT,
    "task_kind": TASK_KIND,
    "task_state": TASK_STATE,
    "task_problem": TASK_PROBLEM,
    "not_well_formed": NOT_WELL_FORMED,
    "cell_wrong": CELL_WRONG,
}


def label(vocabulary: str, code: str | None) -> str:
    """The words for a code in the reader's language; a code without words stands for itself."""
    return str(VOCABULARIES[vocabulary].get(code or "", code or ""))


def choices(vocabulary: str, blank: LazyString | str | None = None) -> list[tuple[str, str]]:
    """A vocabulary as a form offers it; `blank` adds a first choice of nothing."""
    offered = [(code, str(words)) for code, words in VOCABULARIES[vocabulary].items()]
    return offered if blank is None else [("", str(blank)), *offered]
