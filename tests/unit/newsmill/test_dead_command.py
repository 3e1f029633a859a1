from __future__ import annotations

import pytest
from typer.testing import CliRunner

from newsmill.commands.dead import app
from schemas.errors import ConfigError


@pytest.mark.parametrize(
    "name", ["inference:²", "inference:" + "9" * 19, "inference:-1", "inference:", "²", ""]
)
def test_what_is_no_name_of_a_letter_is_told_in_one_line(name: str) -> None:
    result = CliRunner().invoke(app, ["resend", "--", name])
    assert isinstance(result.exception, ConfigError)
    assert "not a dead letter's name" in str(result.exception)
