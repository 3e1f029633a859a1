"""Postgres URLs, as people write them."""

from __future__ import annotations

import pytest

from schemas.errors import ConfigError
from store.database import read_url


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"]
)
def test_every_spelling_of_the_scheme_is_read_with_psycopg_3(scheme: str) -> None:
    url = read_url(f"{scheme}://me:p%40ss@db.example.org:6543/mill?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.password, url.query) == ("p@ss", {"sslmode": "require"})


@pytest.mark.parametrize("wrong", ["", "secret-word", "mysql://me:secret-word@host/db"])
def test_what_is_no_postgres_url_is_refused_without_repeating_it(wrong: str) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URL") as caught:
        read_url(wrong)
    assert "secret-word" not in str(caught.value)
