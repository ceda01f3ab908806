"""The rulebook's data: complete, dated, and saying the same in words and in numbers."""

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fleet.rulebook.book import KINDS, LANGUAGES, Edition, Words, load
from fleet.rulebook.requirements import CHECKS
from fleet.words import midnight
from tests import make

TESTS = Path(__file__).parents[1]
BOOK = make.book()
EDITIONS = pytest.mark.parametrize("edition", BOOK.editions, ids=lambda one: str(one.since))
TICK = timedelta(microseconds=1)


def in_every_language(words: Words) -> list[str]:
    return [getattr(words, language) for language in LANGUAGES]


@EDITIONS
def test_an_edition_is_in_force_from_the_midnight_of_its_day(edition: Edition) -> None:
    """Clause 5.1, swept over every edition, a day and an instant around it."""
    starts = midnight(edition.since, make.CLOCK)
    older = BOOK.editions[BOOK.editions.index(edition) - 1] if edition != BOOK.editions[0] else None
    assert edition.starts == starts
    assert BOOK.newest(starts) is edition
    assert BOOK.newest(starts + timedelta(days=1)) is edition
    assert BOOK.newest(starts - TICK) is older
    assert BOOK.newest(starts - timedelta(days=1)) is older


@EDITIONS
@pytest.mark.parametrize("kind", KINDS)
def test_an_edition_reaches_policies_begun_on_or_after_its_day(edition: Edition, kind: str) -> None:
    """Clause 4.4 at its boundary."""
    now, starts = edition.starts + timedelta(days=30), edition.starts
    assert BOOK.governing(now, kind, None) is edition
    assert BOOK.governing(now, kind, starts) is edition
    assert BOOK.governing(now, kind, starts + TICK) is edition
    assert BOOK.governing(now, kind, starts - TICK) is not edition


def test_the_first_day() -> None:
    """Clause 5.1."""
    assert BOOK.first_day == date(2012, 1, 17)


def test_a_book_follows_its_zone() -> None:
    berlin = load(ZoneInfo("Europe/Berlin"))
    assert berlin.editions[0].starts - BOOK.editions[0].starts == timedelta(hours=7)
    assert load("Asia/Shanghai") is load(make.CLOCK)


@EDITIONS
def test_every_text_is_there_in_every_language(edition: Edition) -> None:
    for clause in edition.clauses.values():
        assert all(in_every_language(clause.words)), clause.number
    for ruling in BOOK.open_rulings:
        assert all(in_every_language(ruling.question) + in_every_language(ruling.ruling))
    for terms in BOOK.terms:
        assert all(in_every_language(terms.words))


@pytest.mark.parametrize(
    ("locale", "text"),
    [
        ("en", "e"),
        ("de", "e"),
        ("zh", "s"),
        ("zh_Hans", "s"),
        ("zh_CN", "s"),
        ("zh_Hans_CN", "s"),
        ("zh_Hant", "t"),
        ("zh_TW", "t"),
        ("zh_Hant_HK", "t"),
    ],
)
def test_words_follow_the_locale(locale: str, text: str) -> None:
    assert Words(en="e", zh_Hans="s", zh_Hant="t").of(locale) == text


def said(amount: Decimal) -> tuple[str, set[str]]:
    """Return an amount as English and as Chinese words may say it."""
    return f"{amount:,}", {f"{amount / 10_000:f}万", f"{amount / 10_000:f}萬", f"{amount:,}"}


@EDITIONS
def test_words_and_numbers_agree(edition: Edition) -> None:
    minimums = [one for one in edition.requirements if one.minimum is not None]
    assert {one.clause for one in minimums} == {"2.3", "2.4"}
    for requirement in minimums:
        assert requirement.minimum is not None
        english, chinese = said(requirement.minimum)
        words = edition.clauses[requirement.clause].words
        assert f" {english} yuan" in words.en
        for text in (words.zh_Hans, words.zh_Hant):
            assert any(re.search(rf"(?<![0-9.,]){amount}元", text) for amount in chinese), text
    for text in in_every_language(edition.clauses["3.3"].words):
        assert re.findall(r"[0-9]+", text) == [str(edition.renewal.window_days)]
    five_one, day = edition.clauses["5.1"].words, edition.since
    assert str(day) in five_one.en
    assert f"{day.year}年{day.month}月{day.day}日" in five_one.zh_Hans
    assert f"{day.year}年{day.month}月{day.day}日" in five_one.zh_Hant


def test_the_minimums_of_2012() -> None:
    """Clauses 2.3 and 2.4."""
    asked = {one.name: one.minimum for one in BOOK.editions[0].requirements if one.minimum}
    assert asked == {"third_party": Decimal(200_000), "occupants": Decimal(20_000)}


@EDITIONS
def test_every_number_cited_is_a_clause(edition: Edition) -> None:
    cited = {one.clause for one in edition.requirements} | {edition.use_clause}
    cited |= {one.clause for one in edition.reimbursement.reasons.values() if one.clause}
    cited |= {edition.renewal.clause, *(n for one in BOOK.open_rulings for n in one.clauses)}
    assert cited <= set(edition.clauses)


@EDITIONS
def test_every_requirement_has_a_function_and_a_kind(edition: Edition) -> None:
    assert {one.name for one in edition.requirements} <= set(CHECKS)
    assert {one.kind for one in edition.requirements} == set(KINDS)
    names = [one.name for one in edition.requirements]
    assert len(names) == len(set(names))
    assert edition.barred_by <= {f"{name}_missing" for name in names}


@EDITIONS
def test_every_reason_holds_or_refuses(edition: Edition) -> None:
    assert {one.effect for one in edition.reimbursement.reasons.values()} == {"held", "refused"}


def test_every_clause_is_cited_by_a_test() -> None:
    tests = "\n".join(
        path.read_text(encoding="utf-8") for path in (TESTS / "rulebook").glob("test_*.py")
    )
    cited = set(re.findall(r"[0-9]\.[0-9]", " ".join(re.findall(r"[Cc]lauses? [^\n]*", tests))))
    assert set(BOOK.clauses) <= cited


def test_every_open_ruling_has_one_test_named_for_it() -> None:
    text = (TESTS / "rulebook" / "test_open_rulings.py").read_text(encoding="utf-8")
    written = re.findall(r"^def (test_open_\w+)", text, re.MULTILINE)
    assert sorted(written) == sorted(ruling.test for ruling in BOOK.open_rulings)
    assert len({ruling.name for ruling in BOOK.open_rulings}) == len(BOOK.open_rulings)


def test_clauses_that_decide_nothing_ask_nothing() -> None:
    """Clause 2.7 is each company's choice, clause 3.1 the desk's, clause 4.3 a duty of care."""
    asked = {one.clause for one in BOOK.editions[-1].requirements}
    asked |= {one.clause for one in BOOK.editions[-1].reimbursement.reasons.values()}
    assert asked.isdisjoint({"2.7", "3.1", "4.3"})


TERMS = [
    # energy, signed on, terms
    ("petrol", date(2020, 9, 18), "2014"),
    ("petrol", date(2020, 9, 19), "2020"),
    ("petrol", date(2020, 9, 20), "2020"),
    ("electric", date(2020, 9, 18), "2014"),
    ("electric", date(2021, 12, 26), "2020"),
    ("electric", date(2021, 12, 27), "nev2021"),
    ("plug_in_hybrid", date(2021, 12, 28), "nev2021"),
    ("fuel_cell", date(2021, 12, 27), "nev2021"),
    ("petrol", date(2021, 12, 27), "2020"),
    ("diesel", date(2021, 12, 27), "2020"),
    ("other", date(2021, 12, 27), "2020"),
]


@pytest.mark.parametrize(("energy", "day", "terms"), TERMS)
def test_terms_on_sale(energy: str, day: date, terms: str) -> None:
    other_day = midnight(date(2015, 1, 1), make.CLOCK)
    assert BOOK.terms_sold(energy, day, other_day).name == terms
    first, last = midnight(day, make.CLOCK), midnight(day + timedelta(days=1), make.CLOCK) - TICK
    assert BOOK.terms_sold(energy, None, first).name == terms
    assert BOOK.terms_sold(energy, None, last).name == terms


def test_terms_by_name() -> None:
    assert [BOOK.terms_named(one.name) for one in BOOK.terms] == list(BOOK.terms)
    assert BOOK.terms_named("1999") is None
