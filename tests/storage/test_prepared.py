"""A statement asked past psycopg's cursors fails as psycopg fails, and never says less."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from fleet.storage.prepared import Prepared

LENGTH = "SELECT CAST(length($1::VARCHAR) + $2::INTEGER AS TEXT)"


@pytest.fixture
def connection(postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as opened:
        yield opened


def kept(connection: psycopg.Connection) -> int:
    """How many statements the server keeps prepared for the connection."""
    return connection.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()[0]


def test_it_is_prepared_once_on_each_connection(connection, postgres_url):
    asked = Prepared(LENGTH)
    assert [asked.answer(connection, ["京A", n]) for n in (0, -7)] == ["2", "-5"]
    assert kept(connection) == 1
    with psycopg.connect(postgres_url, autocommit=True) as another:
        assert asked.answer(another, ["", 0]) == "0"


def test_two_statements_share_a_connection(connection):
    length, itself = Prepared(LENGTH), Prepared("SELECT $1::VARCHAR")
    assert (length.answer(connection, ["ab", 0]), itself.answer(connection, ["沪"])) == ("2", "沪")
    assert kept(connection) == 2


def test_a_nul_is_refused_and_cuts_no_text_short(connection):
    with pytest.raises(psycopg.DataError):
        Prepared(LENGTH).answer(connection, ["token\0and more", 0])


def test_an_error_of_the_server_is_psycopgs_and_the_connection_goes_on(connection):
    with pytest.raises(errors.SyntaxError):
        Prepared("SELECT FROM WHERE").answer(connection, [])
    divide = Prepared("SELECT CAST(1 / $1::INTEGER AS TEXT)")
    with pytest.raises(errors.DivisionByZero):
        divide.answer(connection, [0])
    assert divide.answer(connection, [1]) == "1"


def test_of_a_connection_that_was_ended_it_says_so_as_psycopg_does(connection, postgres_url):
    asked = Prepared(LENGTH)
    assert asked.answer(connection, ["a", 0]) == "1"
    with psycopg.connect(postgres_url, autocommit=True) as another:
        another.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
    for _ in range(2):  # the first finds it ended, the second knows it
        with pytest.raises(psycopg.OperationalError):
            asked.answer(connection, ["a", 0])


def test_the_error_of_a_statement_kept_waiting_too_long_carries_the_servers_state(
    connection, postgres_url
):
    connection.execute("SET lock_timeout = '50ms'")
    with psycopg.connect(postgres_url) as another:
        another.execute("LOCK TABLE pg_catalog.pg_class IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(psycopg.OperationalError) as met:
            Prepared("SELECT CAST(count(*) AS TEXT) FROM pg_class").answer(connection, [])
    assert met.value.sqlstate == errors.LockNotAvailable.sqlstate
