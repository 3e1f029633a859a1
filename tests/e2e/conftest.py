"""What the end-to-end tests share."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.homes import make_home


@pytest.fixture
def short_home() -> Iterator[Path]:
    """A home of this test's own."""
    home = make_home()
    yield home
    shutil.rmtree(home)
