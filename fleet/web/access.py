"""Who may: five roles, what each may do, and where; refused by default.

A view names the one permission it needs. The request then sees the rows of those companies
only for which the caller holds that permission, so that a person who is finance here and
company admin there cannot do here what they may only do there. A view that shows nothing but
what is the caller's own says so instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from flask import abort, g, redirect, request, url_for

from fleet.storage import Actor, Scope, behind, limit_to
from fleet.web import clock
from fleet.web.errors import is_api

if TYPE_CHECKING:
    from flask import Flask, Request
    from werkzeug.wrappers import Response

View = TypeVar("View", bound=Callable[..., Any])

COMPANY_ADMIN = "company_admin"
INSURANCE_DESK = "insurance_desk"
FINANCE = "finance"
GROUP_ADMINISTRATOR = "group_administrator"
AUDITOR = "auditor"
ROLES = (COMPANY_ADMIN, INSURANCE_DESK, FINANCE, GROUP_ADMINISTRATOR, AUDITOR)


class May(StrEnum):
    """Something that a role allows."""

    READ = "read"
    KEEP_VEHICLES = "keep_vehicles"
    KEEP_POLICIES = "keep_policies"
    DESIGNATE = "designate"
    KEEP_INSURERS = "keep_insurers"
    IMPORT = "import"
    REPORT = "report"
    PLACE = "place"
    CHECK_CLAIMS = "check_claims"
    RECORD_CLAIMS = "record_claims"
    PAY_CLAIMS = "pay_claims"
    RULE_PAYMENTS = "rule_payments"
    KEEP_PEOPLE = "keep_people"
    READ_HISTORY = "read_history"


ALLOWED: dict[May, frozenset[str]] = {
    May.READ: frozenset(ROLES),
    May.KEEP_VEHICLES: frozenset({COMPANY_ADMIN, INSURANCE_DESK, GROUP_ADMINISTRATOR}),
    May.KEEP_POLICIES: frozenset({INSURANCE_DESK, GROUP_ADMINISTRATOR}),
    May.DESIGNATE: frozenset({INSURANCE_DESK, GROUP_ADMINISTRATOR}),
    # Every region's claims hang on whether an issuer is an insurer or a pool.
    May.KEEP_INSURERS: frozenset({GROUP_ADMINISTRATOR}),
    May.IMPORT: frozenset({INSURANCE_DESK, GROUP_ADMINISTRATOR}),
    # A company reports, its desk places (3.2, 3.3); a desk may report in a company's stead.
    May.REPORT: frozenset({COMPANY_ADMIN, INSURANCE_DESK, GROUP_ADMINISTRATOR}),
    May.PLACE: frozenset({INSURANCE_DESK, GROUP_ADMINISTRATOR}),
    May.CHECK_CLAIMS: frozenset(ROLES),
    May.RECORD_CLAIMS: frozenset({FINANCE}),
    May.PAY_CLAIMS: frozenset({FINANCE}),
    May.RULE_PAYMENTS: frozenset({GROUP_ADMINISTRATOR}),
    May.KEEP_PEOPLE: frozenset({GROUP_ADMINISTRATOR}),
    May.READ_HISTORY: frozenset({GROUP_ADMINISTRATOR, AUDITOR}),
}


@dataclass(frozen=True, slots=True)
class Granted:
    """A role and where it holds; `scope.everything` for the whole group.

    `regions` are the regions whose desk or administrator the role makes its holder; `where`
    names the company or the region.
    """

    role: str
    scope: Scope
    regions: frozenset[int] = frozenset()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """The person behind a request, as pages and the API know them."""

    id: int
    name: str
    email: str
    language: str | None = None
    granted: tuple[Granted, ...] = field(default=())

    @property
    def actor(self) -> Actor:
        """The caller as the history names them."""
        return Actor(self.id, self.email)

    def may(self, permission: May) -> bool:
        """Whether any of the caller's roles allows it anywhere."""
        return any(grant.role in ALLOWED[permission] for grant in self.granted)

    def has(self, role: str) -> bool:
        """Whether the caller holds the role anywhere."""
        return any(grant.role == role for grant in self.granted)

    def scope(self, permission: May) -> Scope:
        """The companies where the caller's roles allow it."""
        scopes = [grant.scope for grant in self.granted if grant.role in ALLOWED[permission]]
        companies = frozenset().union(*(scope.companies for scope in scopes))
        return Scope(companies, everything=any(scope.everything for scope in scopes))

    def may_for(self, permission: May, company_id: int) -> bool:
        """Whether the caller's roles allow it for a company."""
        scope = self.scope(permission)
        return scope.everything or company_id in scope.companies

    def regions(self, permission: May) -> frozenset[int]:
        """The regions for which the caller's roles allow it; the whole group names none."""
        return _union(g.regions for g in self.granted if g.role in ALLOWED[permission])


def _union(sets: Iterable[frozenset[int]]) -> frozenset[int]:
    return frozenset().union(*sets)


def needs(permission: May) -> Callable[[View], View]:
    """Let a view be called by those who hold the permission somewhere, on their rows only."""

    def mark(view: View) -> View:
        view.fleet_needs = permission  # type: ignore[attr-defined]
        return view

    return mark


def signed_in(view: View) -> View:
    """Let a view be called by anybody signed in, whatever their roles; it sees no company's rows.

    For what is a person's own: somebody whose last role was taken away has it still.
    """
    view.fleet_signed_in = True  # type: ignore[attr-defined]
    return view


def public(view: View) -> View:
    """Let anybody call a view; it must show nothing of the group, or know the caller itself."""
    view.fleet_public = True  # type: ignore[attr-defined]
    return view


# Views that are not ours and cannot carry a mark: sign-in, static files, the API's description.
PUBLIC_ENDPOINTS = frozenset(
    {"static", "bootstrap.static", "security.static", "api-docs.openapi_json"}
)
PUBLIC_BLUEPRINTS = frozenset({"security"})


def caller() -> Caller:
    """The signed-in caller of this request; 401 where there is none."""
    found: Caller | None = g.get("caller")
    if found is None:
        abort(401)
    return found


def who() -> dict[str, Any]:
    """By whom and when, as every verb of a service is told."""
    return {"by": caller().actor, "at": clock.now()}


def caller_or_none() -> Caller | None:
    """The signed-in caller of this request, if any."""
    found: Caller | None = g.get("caller")
    return found


def init_access(app: Flask, identify: Callable[[Request], Caller | None]) -> None:
    """Guard every view of the app; `identify` finds the caller of a request."""
    app.before_request(lambda: _guard(identify))
    app.context_processor(lambda: {"caller": caller_or_none(), "May": May})


def _guard(identify: Callable[[Request], Caller | None]) -> Response | None:
    asked = behind.request()
    behind.context().caller = known = identify(asked)
    endpoint = asked.endpoint or ""
    view = behind.app().view_functions.get(endpoint)
    if view is None or is_public(endpoint, view):
        return None
    if known is None:
        return _ask_to_sign_in()
    if is_own(view):
        limit_to(Scope())
        return None
    permission: May | None = getattr(view, "fleet_needs", None)
    if permission is None or not known.may(permission):
        abort(403)
    limit_to(known.scope(permission))
    return None


def is_own(view: Callable[..., Any]) -> bool:
    """Whether a view may be called by anybody signed in."""
    return bool(getattr(view, "fleet_signed_in", False))


def is_public(endpoint: str, view: Callable[..., Any]) -> bool:
    """Whether an endpoint may be called by anybody."""
    blueprint = endpoint.partition(".")[0] if "." in endpoint else ""
    return (
        endpoint in PUBLIC_ENDPOINTS
        or blueprint in PUBLIC_BLUEPRINTS
        or getattr(view, "fleet_public", False)
    )


def _ask_to_sign_in() -> Response:
    if is_api():
        abort(401)
    return redirect(url_for("security.login", next=request.full_path.rstrip("?")))
