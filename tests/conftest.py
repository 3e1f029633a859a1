"""Fixtures for tests of every kind."""

from __future__ import annotations

import pytest

from inference.builds import Build, resolve_build
from schemas.settings import load_settings


@pytest.fixture(scope="session")
def starter_build() -> Build:
    """The build that comes with Newsmill."""
    return resolve_build(load_settings(), "starter")
