"""A replay that is interrupted ends there, and says so."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from ingest.recordings.reading import open_recording
from ingest.recordings.writing import prepare_recording
from newsmill.commands.replay import play
from newsmill.replay.player import Player


class Interrupted:
    """A player at which somebody presses Ctrl-C."""

    def play(self, *_: Any) -> None:
        raise KeyboardInterrupt


def test_interrupted_replay_is_not_whole(tmp_path: Path) -> None:
    prepare_recording(tmp_path / "recording", datetime(2026, 11, 26, tzinfo=UTC))
    recording, said = open_recording(tmp_path / "recording"), io.StringIO()
    player = cast(Player, Interrupted())
    assert not play(Console(file=said), player, recording, None, read=False)
    assert "interrupted" in said.getvalue()
