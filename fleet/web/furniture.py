"""What every template may use: days, money and codes in words, navigation, the timeline's bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask import current_app, request, url_for
from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from fleet.web import access, bar, clock, findings, words
from fleet.web.access import May
from fleet.words import last_day, plain_number

if TYPE_CHECKING:
    from flask import Flask


_COUNTS = "fleet_counts"


def init_furniture(app: Flask) -> None:
    """Give every template its filters and globals."""
    app.jinja_env.filters.update(
        label=lambda code, vocabulary: words.label(vocabulary, code),
        day=day,
        instant=instant,
        last_day=lambda ends: last_day(ends, clock.zone()).isoformat(),
        yuan=yuan,
        percent=percent,
        number=number,
        explain=findings.explain,
    )
    app.jinja_env.globals.update(
        navigation=navigation,
        timeline=bar.draw,
        vocabulary=lambda name: words.VOCABULARIES[name],
        period=period,
        today=clock.today,
        endpoint_exists=lambda name: name in current_app.view_functions,
        may=may,
        may_visit=may_visit,
        url_or_none=url_or_none,
        scope_words=scope_words,
        scope_names=scope_names,
        clock_zone=_zone,
    )


def day(value: date | datetime | None) -> str:
    """A day as `2026-03-02`; of an instant, the company's day; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = clock.local(value).date()
    return value.isoformat()


def instant(value: datetime | None) -> str:
    """An instant on the company's clock: `2026-03-02 18:03`."""
    return f"{clock.local(value):%Y-%m-%d %H:%M}" if value else ""


def period(begins: datetime, ends: datetime) -> str:
    """A half-open period as a policy prints it: whole days as days, both included."""
    first, last = clock.local(begins), clock.local(ends)
    shown_last = last - timedelta(microseconds=1)
    begin = f"{first:%Y-%m-%d}" if _is_midnight(first) else f"{first:%Y-%m-%d %H:%M}"
    end = f"{shown_last:%Y-%m-%d}" if _is_midnight(last) else f"{last:%Y-%m-%d %H:%M}"
    return _("%(first)s to %(last)s", first=begin, last=end)


def _is_midnight(local: datetime) -> bool:
    return (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)


def yuan(value: Decimal | int | None) -> str:
    """Money with two decimals; nothing where there is none."""
    return "" if value is None else str(format_decimal(Decimal(value), format="#,##0.00"))


def percent(value: Decimal | None) -> str:
    """A percentage without trailing zeros."""
    return "" if value is None else f"{plain_number(Decimal(value))}%"


def number(value: Decimal | int | None) -> str:
    """A number in the reader's notation."""
    return "" if value is None else str(format_decimal(value))


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation."""

    label: LazyString
    href: str
    here: bool
    count: int = 0


_PLACES: tuple[tuple[tuple[str, ...], LazyString], ...] = (
    (("/",), _l("Home")),
    (("/notices",), _l("Notices")),
    (("/vehicles",), _l("Vehicles")),
    (("/policies",), _l("Policies")),
    (("/renewals",), _l("Renewals")),
    (("/workbench",), _l("Workbench")),
    (("/placements",), _l("Placements")),
    (("/reimbursements", "/reimbursement", "/claims"), _l("Reimbursement")),
    (("/insurers",), _l("Insurers")),
    (("/imports", "/import", "/workbook"), _l("Import")),
    (("/rulebook",), _l("Rulebook")),
    (("/history",), _l("History")),
    (("/people",), _l("People")),
)


def navigation() -> list[Place]:
    """The places that exist and that the caller may visit."""
    here = request.path.rstrip("/") or "/"
    return [
        Place(
            words,
            href,
            here == path or (path != "/" and here.startswith(path + "/")),
            _counted(path),
        )
        for path, href, endpoint, words in _built()
        if may_visit(endpoint)
    ]


def count_at(app: Flask, path: str, count: Callable[[], int]) -> None:
    """Let a place of the navigation show how many of the caller's things wait there."""
    app.extensions.setdefault(_COUNTS, {})[path] = count


def _counted(path: str) -> int:
    count: Callable[[], int] | None = current_app.extensions.get(_COUNTS, {}).get(path)
    return count() if count else 0


def _built() -> Iterator[tuple[str, str, str, LazyString]]:
    known = current_app.extensions.get("fleet_places")
    if known is None:
        known = current_app.extensions["fleet_places"] = list(_find_places())
    yield from known


def _find_places() -> Iterator[tuple[str, str, str, LazyString]]:
    listed = {
        rule.rule.rstrip("/") or "/": (rule.rule, rule.endpoint)
        for rule in current_app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.arguments
    }
    for paths, label in _PLACES:
        for path in paths:
            if path in listed:
                yield path, *listed[path], label
                break


def may(permission: str) -> bool:
    """Whether the caller's roles allow something anywhere, such as `may("keep_vehicles")`.

    For `{% call %}` blocks too, inside which Jinja means another `caller` than ours.
    """
    caller = access.caller_or_none()
    return caller is not None and caller.may(May(permission))


def may_visit(endpoint: str) -> bool:
    """Whether an endpoint exists and the caller's roles allow it."""
    view = current_app.view_functions.get(endpoint)
    if view is None:
        return False
    if access.is_public(endpoint, view):
        return True
    caller, needed = access.caller_or_none(), getattr(view, "fleet_needs", None)
    if caller is not None and access.is_own(view):
        return True
    return caller is not None and needed is not None and caller.may(May(needed))


def url_or_none(endpoint: str, **values: Any) -> str | None:
    """The address of an endpoint that exists and that the caller may visit."""
    return url_for(endpoint, **values) if may_visit(endpoint) else None


def scope_words() -> list[str]:
    """The caller's roles in words, each once."""
    caller = access.caller_or_none()
    held = {grant.role for grant in caller.granted} if caller else set()
    return [words.label("role", role) for role in access.ROLES if role in held]


def scope_names() -> list[tuple[str, str]]:
    """The caller's roles in words, each with where it holds."""
    caller = access.caller_or_none()
    granted = caller.granted if caller else ()
    return [(words.label("role", grant.role), _where(grant)) for grant in granted]


def _where(grant: access.Granted) -> str:
    return _("whole group") if grant.scope.everything else grant.where


def _zone() -> str:
    return clock.zone().key
