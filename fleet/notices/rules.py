"""Who stands in for whom, which channels a notice takes, how long to wait, what may be a chat."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import timedelta

COMPANY = "company"
DESK = "desk"
GROUP = "group"
LEVELS = (COMPANY, DESK, GROUP)

MAIL = "mail"
CHAT = "chat"
INBOX = "inbox"

# A ledger row's life: outwards `queued` ends in sent, failed or dropped; in-app `unread` in read.
QUEUED = "queued"
SENT = "sent"
FAILED = "failed"
UNREAD = "unread"
READ = "read"
SNOOZED = "snoozed"
DROPPED = "dropped"

LONGEST_SNOOZE = timedelta(days=30)
GIVE_UP = timedelta(days=3)
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
_LAST_WAIT = timedelta(hours=4)


def escalated(level: str, present: Collection[str]) -> str:
    """The level that is told in place of one where nobody is: the next one up, at last the group.

    Company admin, then desk, then group (3.1 to 3.3): a missing person is never silence.
    """
    above = LEVELS[LEVELS.index(level) :]
    return next((one for one in above if one in present), GROUP)


def channels_of(*, mail: bool, chat: bool) -> tuple[str, ...]:
    """The channels a notice takes; the one in-app always."""
    return (INBOX, *((MAIL,) if mail else ()), *((CHAT,) if chat else ()))


def wait_after(failures: int) -> timedelta:
    """How long to wait after the first, second, … failure in a row."""
    return _WAITS[failures - 1] if failures <= len(_WAITS) else _LAST_WAIT


# ------------------------------------------------------------------ what may be a chat address

_TOKEN = r"[A-Za-z0-9._~-]{8,200}"  # noqa: S105 - the form of one
_KNOWN: Mapping[str, str] = {
    "wecombot": rf"wecombot://({_TOKEN})/?",
    # DingTalk signs with a secret where the robot asks for it, and calls people by their phones.
    "dingtalk": rf"dingtalk://((?:{_TOKEN}@)?{_TOKEN}(?:/\d{{5,15}}){{0,20}})/?",
    "feishu": rf"feishu://({_TOKEN})/?",
    "lark": rf"lark://({_TOKEN})/?",
}
# The addresses that the services themselves show for a robot.
_WEBHOOKS: Mapping[str, str] = {
    "wecombot": rf"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=({_TOKEN})",
    "dingtalk": rf"https://oapi\.dingtalk\.com/robot/send\?access_token=({_TOKEN})",
    "feishu": rf"https://open\.feishu\.cn/open-apis/bot/v2/hook/({_TOKEN})/?",
    "lark": rf"https://open\.larksuite\.com/open-apis/bot/v2/hook/({_TOKEN})/?",
}
_OWN_HOST = re.compile(r"jsons?://([a-z0-9.-]+(?::\d{1,5})?)(?:/[A-Za-z0-9._~/-]{0,200})?")


def chat_address(text: str, hosts: Collection[str]) -> tuple[str, str] | None:
    """The service and Apprise address that a text means, or None where it may not be used.

    Four services, whose hosts are fixed, are for everybody. `json(s)://` makes this server call
    a host that a person chose: only a `host` or `host:port` of `hosts` is, or the system would
    reach for them what they cannot. No query is taken: it sets Apprise's time-outs and headers.
    """
    for service, form in _KNOWN.items():
        found = re.fullmatch(form, text) or re.fullmatch(_WEBHOOKS[service], text)
        if found:
            return service, f"{service}://{found[1]}/"
    own = _OWN_HOST.fullmatch(text)
    return ("json", text) if own and own[1] in hosts else None
