"""Lists: filters in the address, pages, sorting by allowed keys only, and their addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from flask import request
from sqlalchemy import Select, func, select

from fleet.storage import db

PAGE_SIZES = (25, 50, 100, 200)
PAGE_SIZE = 50
LONGEST_FILTER = 200


@dataclass(frozen=True)
class Asked:
    """What the address asks of a list: which page, how sorted, filtered by what.

    `sorts` maps the allowed sort keys to columns: no text of the client ever reaches SQL.
    """

    sorts: Mapping[str, Any] = field(default_factory=dict)
    sort: str = ""
    descending: bool = False
    page: int = 1
    page_size: int = PAGE_SIZE
    filters: Mapping[str, str] = field(default_factory=dict)

    def order(self) -> list[Any]:
        """The columns to sort by."""
        chosen = self.sorts.get(self.sort)
        if chosen is None:
            return []
        columns = chosen if isinstance(chosen, list | tuple) else (chosen,)
        return [column.desc() if self.descending else column.asc() for column in columns]

    def __getitem__(self, name: str) -> str:
        return self.filters.get(name, "")


@dataclass
class Listing:
    """One page of a list, with what is needed to walk and sort it."""

    items: Sequence[Any]
    total: int
    asked: Asked

    @property
    def page(self) -> int:
        """This page's number, from 1."""
        return self.asked.page

    @property
    def page_size(self) -> int:
        """The most items on a page."""
        return self.asked.page_size

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // self.page_size))

    @property
    def first(self) -> int:
        """The number of the first item on this page, 0 where the list is empty."""
        return (self.page - 1) * self.page_size + 1 if self.items else 0

    @property
    def last(self) -> int:
        """The number of the last item on this page."""
        return self.first + len(self.items) - 1 if self.items else 0

    @property
    def filters(self) -> Mapping[str, str]:
        """The filters that are set."""
        return {name: value for name, value in self.asked.filters.items() if value}

    def url(self, **changes: Any) -> str:
        """This list's address with some of its query changed; None takes a part away."""
        return self.address(request.path, **changes)

    def address(self, path: str, **changes: Any) -> str:
        """Another address with this list's filters, such as its export."""
        asked = self.asked
        query: dict[str, Any] = dict(self.filters)
        if asked.sort:
            query["sort"] = ("-" if asked.descending else "") + asked.sort
        if asked.page_size != PAGE_SIZE:
            query["page_size"] = asked.page_size
        query.update(changes)
        kept = {name: value for name, value in query.items() if value not in (None, "")}
        return f"{path}?{urlencode(kept)}" if kept else path

    def sort_url(self, key: str) -> str:
        """The address sorted by a key; sorted so already, the other way round."""
        turned = self.asked.sort == key and not self.asked.descending
        return self.url(sort=f"-{key}" if turned else key, page=None)

    def sorted_by(self, key: str) -> str:
        """How the list is sorted by a key, as ARIA says it."""
        if self.asked.sort != key:
            return "none"
        return "descending" if self.asked.descending else "ascending"

    def around(self) -> list[int]:
        """The pages to offer; 0 stands for a gap."""
        near = {1, self.pages, *range(self.page - 1, self.page + 2)}
        pages = sorted(number for number in near if 1 <= number <= self.pages)
        offered: list[int] = []
        for number in pages:
            if offered and number - offered[-1] > 1:
                offered.append(0)
            offered.append(number)
        return offered


def asked(sorts: Mapping[str, Any], default: str, filters: Iterable[str] = ()) -> Asked:
    """What this request's address asks; what it may not ask is left out.

    `default` is a sort key, with a leading `-` for descending.
    """
    wanted = request.args.get("sort", default)
    if wanted.lstrip("-") not in sorts:
        wanted = default
    size = request.args.get("page_size", PAGE_SIZE, type=int)
    return Asked(
        sorts=sorts,
        sort=wanted.lstrip("-"),
        descending=wanted.startswith("-"),
        page=min(max(1, request.args.get("page", 1, type=int)), 1_000_000),
        page_size=size if size in PAGE_SIZES else PAGE_SIZE,
        # Longer than anything on record; SQLite fails on a LIKE of more than 50,000 bytes.
        filters={name: request.args.get(name, "").strip()[:LONGEST_FILTER] for name in filters},
    )


def fetch(
    statement: Select[Any],
    asked: Asked,
    *,
    scalars: bool = True,
    counted: Select[Any] | None = None,
) -> Listing:
    """Run a list's statement: its total, and the items of the page asked for, sorted.

    A page beyond the last shows the last. `counted` is a cheaper statement of the total, where
    the list joins what does not change how many there are.
    """
    if counted is None:
        counted = select(func.count()).select_from(statement.order_by(None).subquery())
    total = db.session.scalar(counted) or 0
    last = max(1, -(-total // asked.page_size))
    asked = replace(asked, page=min(asked.page, last))
    paged = (
        statement.order_by(*asked.order())
        .limit(asked.page_size)
        .offset((asked.page - 1) * asked.page_size)
    )
    found = db.session.scalars(paged) if scalars else db.session.execute(paged)
    return Listing(items=found.unique().all(), total=total, asked=asked)


def of_items(items: Sequence[Any], asked: Asked) -> Listing:
    """A page of items that are in memory already, in their own order."""
    last = max(1, -(-len(items) // asked.page_size))
    asked = replace(asked, page=min(asked.page, last))
    begin = (asked.page - 1) * asked.page_size
    return Listing(items=items[begin : begin + asked.page_size], total=len(items), asked=asked)
