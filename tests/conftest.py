"""Fixtures for tests of every kind."""

from __future__ import annotations

import hypothesis
import pytest

from inference.builds import Build, resolve_build
from schemas.settings import load_settings

# A busy machine is no fault of the code, so no example has to be quick.
hypothesis.settings.register_profile("newsmill", deadline=None)
hypothesis.settings.load_profile("newsmill")


@pytest.fixture(scope="session")
def starter_build() -> Build:
    """The build that comes with Newsmill."""
    return resolve_build(load_settings(), "starter")
