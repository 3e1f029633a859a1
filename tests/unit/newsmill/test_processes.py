from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from newsmill.flower_access import FlowerAccess
from newsmill.processes import plan_beat, plan_flower, plan_workers, to_environment
from schemas.settings import InferenceSettings, QueueSettings, Settings, load_settings
from workers.queues import STAGES


def test_settings_survive_the_way_through_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings(
        home=tmp_path,
        database_url=SecretStr("postgresql://u:p%40ss@/db?host=/run"),
        redis_url=SecretStr("unix:///run/v.sock?db=0"),
        lenses=("editorial", "newsletter"),
        inference=InferenceSettings(build="/models/own", sequences=3, slice=timedelta(seconds=1.5)),
        queue=QueueSettings(lease=timedelta(minutes=7), max_attempts=5),
    )
    for name, value in to_environment(settings).items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_there_is_one_worker_for_each_stage() -> None:
    assert [spec.name for spec in plan_workers(Settings.model_construct())] == list(STAGES)


def test_a_worker_may_take_its_soft_timeout_before_it_is_killed() -> None:
    settings = Settings.model_construct(queue=QueueSettings(soft_shutdown=timedelta(seconds=40)))
    assert all(spec.stop_s > 40 for spec in plan_workers(settings))


def test_sigterm_means_a_soft_shutdown() -> None:
    for spec in plan_workers(Settings.model_construct()):
        assert spec.environment["REMAP_SIGTERM"] == "SIGQUIT"


def test_inference_goes_before_all_others() -> None:
    niceness = {spec.name: spec.niceness for spec in plan_workers(Settings.model_construct())}
    assert niceness.pop("inference") == 0
    assert min(niceness.values()) > 0


def test_flower_asks_for_a_password_that_nobody_sees_on_its_command_line() -> None:
    spec = plan_flower(Path("/home"), FlowerAccess(5556, "me", SecretStr("hunter2"), None))
    assert spec.environment["FLOWER_BASIC_AUTH"] == "me:hunter2"
    assert spec.environment["FLOWER_ADDRESS"] == "127.0.0.1"
    assert not any("hunter2" in word for word in spec.command)


def test_beat_keeps_its_schedule_in_the_home() -> None:
    assert any(word.startswith("/data/") for word in plan_beat(Path("/data")).command)
