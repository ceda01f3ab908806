"""A second edition, invented: what the heart does when the rule changes."""

from datetime import date, timedelta
from pathlib import Path
from shutil import copytree

import pytest

from fleet.rulebook.book import HERE, Rulebook, load
from fleet.rulebook.cover import Policy, standing, timeline
from fleet.rulebook.renewal import need
from tests import make

SINCE = date(2024, 7, 1)
TICK = timedelta(microseconds=1)
PAIR = tuple[Policy, Policy]


def amended(folder: Path, *, spares: bool) -> Rulebook:
    """Return a book whose second edition asks 1,000,000 for third party, within 20 days."""
    copytree(HERE, folder)
    text = (folder / "editions/2012-01-17.toml").read_text(encoding="utf-8")
    text = text.replace("since = 2012-01-17", f"since = {SINCE}")
    text = text.replace("minimum = 200_000", "minimum = 1_000_000")
    text = text.replace("window_days = 15", "window_days = 20")
    text = text.replace(
        "[reimbursement]", "[renewal.regions.NORTH]\nwindow_days = 30\n\n[reimbursement]"
    )
    if not spares:
        text = text.replace("spares_running = true", "spares_running = false")
    (folder / f"editions/{SINCE}.toml").write_text(text, encoding="utf-8")
    return load(make.CLOCK, folder)


@pytest.fixture
def book(tmp_path: Path) -> Rulebook:
    return amended(tmp_path / "rulebook", spares=True)


def pair(first: date) -> PAIR:
    return make.compulsory(first), make.commercial(first)


@pytest.mark.parametrize("edition", [0, 1])
def test_every_versions_day_is_swept(book: Rulebook, edition: int) -> None:
    """Clause 5.1: the day before, of and after every version."""
    since = book.editions[edition].since
    noons = [make.at(since.year, since.month, since.day) + timedelta(days=n) for n in (-1, 0, 1)]
    newest = [book.newest(noon) for noon in noons]
    older = book.editions[edition - 1] if edition else None
    assert newest == [older, book.editions[edition], book.editions[edition]]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (SINCE - timedelta(days=1), "spared"),
        (SINCE, "short"),
        (SINCE + timedelta(days=1), "short"),
    ],
)
def test_a_running_policy_is_spared_by_the_newer_edition(
    book: Rulebook, first: date, expected: str
) -> None:
    """Clause 4.4."""
    answer = standing(make.vehicle(), pair(first), book, make.at(2024, 8, 1))
    assert answer.standing == expected
    told = answer.spared if expected == "spared" else answer.shortfalls
    assert [(one.code, one.found, one.required) for one in told] == [
        ("third_party_below", "200000", "1000000")
    ]
    assert answer.rulebook_since == SINCE


def test_an_uninsured_vehicle_is_asked_by_the_newest(book: Rulebook) -> None:
    answer = standing(make.vehicle(), (), book, make.at(2024, 8, 1))
    assert [one.required for one in answer.shortfalls] == [None, None, None, "1000000", "20000"]
    assert answer.spared == ()


def test_the_timeline_turns_at_the_new_editions_midnight(book: Rulebook) -> None:
    steps = timeline(make.vehicle(), pair(date(2024, 3, 1)), book)
    assert [(step.since, step.standing, step.rulebook_since) for step in steps[3:5]] == [
        (make.at(2024, 3, 1, 0), "compliant", date(2012, 1, 17)),
        (make.at(2024, 7, 1, 0), "spared", SINCE),
    ]


def test_an_edition_that_spares_nobody_reaches_running_policies(tmp_path: Path) -> None:
    book = amended(tmp_path / "rulebook", spares=False)
    policies = pair(date(2024, 3, 1))
    starts = make.at(2024, 7, 1, 0)
    told = [
        standing(make.vehicle(), policies, book, now).standing for now in (starts - TICK, starts)
    ]
    assert told == ["compliant", "short"]


def test_what_is_short_under_both_is_listed_once(book: Rulebook) -> None:
    lines = make.full_cover(third_party=make.line("third_party", 100_000))
    policies = (make.compulsory(date(2024, 3, 1)), make.commercial(date(2024, 3, 1), lines=lines))
    answer = standing(make.vehicle(), policies, book, make.at(2024, 8, 1))
    assert [(one.code, one.required) for one in answer.shortfalls] == [
        ("third_party_below", "200000")
    ]
    assert answer.spared == ()


@pytest.mark.parametrize(
    ("expiry_day", "region", "opens_on"),
    [
        (date(2024, 6, 30), None, date(2024, 6, 15)),
        (date(2024, 12, 31), None, date(2024, 12, 11)),
        (date(2024, 12, 31), "SOUTH", date(2024, 12, 11)),
        (date(2024, 12, 31), "NORTH", date(2024, 12, 1)),
    ],
)
def test_the_window_is_the_editions_and_the_regions_own(
    book: Rulebook, expiry_day: date, region: str | None, opens_on: date
) -> None:
    """Clause 3.3."""
    policy = make.compulsory(date(2024, 1, 1), expiry_day)
    for day, opened in ((opens_on - timedelta(days=1), False), (opens_on, True)):
        found = need(make.vehicle(), (policy,), "compulsory", book, day, region)
        assert (found is not None) is opened
