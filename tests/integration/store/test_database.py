"""Transactions, and what happens when the server is not there."""

from __future__ import annotations

import os
import pickle

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from schemas.errors import TransientError
from store import work
from store.database import Database, DatabaseAwayError
from store.statements import execute
from tests.integration.store.rows import enqueue, read, states


def test_exception_undoes_the_whole_transaction(database: Database) -> None:
    def enqueue_and_fail() -> None:
        with database.begin() as session:
            work.enqueue(session, "prefilter", [1])
            raise KeyError

    with pytest.raises(KeyError):
        enqueue_and_fail()
    assert states(database) == []


def test_server_that_is_away_is_a_transient_error_without_the_password() -> None:
    database = Database("postgresql://me:secret@/nowhere?host=/nonexistent")
    with pytest.raises(DatabaseAwayError, match="No such file or directory") as caught:
        read(database, "SELECT 1")
    assert "secret" not in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_idle_connection_that_was_cut_is_replaced(database: Database, database_url: str) -> None:
    enqueue(database, "prefilter", [1])
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'newsmill-tests' AND datname = current_database()"
        )
    assert states(database) == [(1, "waiting", 0)]


def test_connection_cut_within_a_transaction_is_a_transient_error(database: Database) -> None:
    def lose_the_connection() -> None:
        with database.begin() as session:
            (pid,) = execute(session, "SELECT pg_backend_pid()").one()
            read(database, "SELECT pg_terminate_backend(:pid)", pid=pid)
            work.enqueue(session, "prefilter", [1])

    with pytest.raises(DatabaseAwayError):
        lose_the_connection()
    assert states(database) == []


def test_server_that_allows_no_writing_is_a_transient_error(database: Database) -> None:
    def write() -> None:
        with database.begin() as session:
            execute(session, "SET TRANSACTION READ ONLY")
            work.enqueue(session, "prefilter", [1])

    with pytest.raises(DatabaseAwayError, match="read-only transaction"):
        write()


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("53100", DatabaseAwayError),  # The disk is full.
        ("57P03", DatabaseAwayError),  # The server starts.
        ("08006", DatabaseAwayError),  # A pooler lost it.
        ("40P01", TransientError),  # A deadlock takes two.
        ("53200", TransientError),  # What was asked for may need too much memory,
        ("54000", TransientError),  # or be too long.
    ],
)
def test_error_that_a_statement_may_have_brought_about_is_told_from_a_server_that_is_away(
    database: Database, state: str, kind: type[TransientError]
) -> None:
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'it says no' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(TransientError, match="it says no") as caught:
        read(database, statement)
    assert type(caught.value) is kind


def test_server_that_is_lost_in_the_middle_of_a_statement_may_have_been_ended_by_it(
    database: Database,
) -> None:
    def lose_the_connection() -> None:
        with database.begin() as session:
            session.connection().connection.driver_connection.close()  # type: ignore[union-attr]
            work.enqueue(session, "prefilter", [1])

    with pytest.raises(TransientError) as caught:
        lose_the_connection()
    assert type(caught.value) is TransientError


def test_child_process_uses_connections_of_its_own(database: Database) -> None:
    backend = "SELECT pg_backend_pid()"
    before = read(database, backend)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        database.forget()
        os.write(writer, str(read(database, backend)).encode())
        database.close()
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() not in {"", str(before)}
    assert read(database, backend) == before


def test_errors_hide_their_parameters(database: Database) -> None:
    statement = "INSERT INTO work (stage, subject_id, state) VALUES ('x', 1, :state)"
    with pytest.raises(IntegrityError) as caught:
        read(database, statement, state="a secret body")
    assert "[SQL parameters hidden" in str(caught.value)
