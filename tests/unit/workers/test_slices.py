from __future__ import annotations

from datetime import timedelta

import pytest

from workers import slices
from workers.shutdown import StopSign


def test_pause_ends_when_the_worker_is_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    sign = StopSign()
    sign.arm()
    sign.raise_()
    monkeypatch.setattr(slices, "stop_sign", sign)
    slices.pause(timedelta(days=1))
