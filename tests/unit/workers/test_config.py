from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from schemas.errors import ConfigError
from schemas.settings import QueueSettings, Settings
from workers.config import broker_url, celery_config
from workers.queues import QUEUES, STAGES, TASKS, consumed_by


def configure(**queue: Any) -> dict[str, Any]:
    return celery_config(
        Settings.model_construct(
            redis_url=SecretStr("redis://localhost/3"), queue=QueueSettings(**queue)
        )
    )


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        ("redis://h:6379/0", "redis://h:6379/0"),
        ("rediss://:pw@h:6380/1", "rediss://:pw@h:6380/1"),
        ("unix:///run/v.sock?db=0", "redis+socket:///run/v.sock?virtual_host=0"),
        ("unix:///run/v.sock?db=7", "redis+socket:///run/v.sock?virtual_host=7"),
        ("unix:///run/v.sock", "redis+socket:///run/v.sock?virtual_host=0"),
        ("redis+socket:///v.sock?virtual_host=2", "redis+socket:///v.sock?virtual_host=2"),
    ],
)
def test_redis_urls_are_spelled_as_kombu_reads_them(given: str, spelled: str) -> None:
    assert broker_url(given) == spelled


@pytest.mark.parametrize("given", ["foo", "localhost:6379", "amqp://u:s3cret@h//", ""])
def test_redis_url_of_something_else_is_refused_and_not_repeated(given: str) -> None:
    with pytest.raises(ConfigError, match="REDIS_URL is not the address of a Redis") as caught:
        broker_url(given)
    assert "s3cret" not in str(caught.value)


def test_missing_redis_is_said_before_anything_connects() -> None:
    with pytest.raises(ConfigError, match="REDIS_URL is not set"):
        celery_config(Settings.model_construct())


def test_a_message_is_acknowledged_only_after_its_work() -> None:
    config = configure()
    assert config["task_acks_late"] is True
    assert config["task_reject_on_worker_lost"] is True
    assert config["worker_prefetch_multiplier"] == 1


def test_dead_workers_messages_come_back_soon_after_the_visibility_timeout() -> None:
    options = configure(visibility_timeout=timedelta(minutes=20))["broker_transport_options"]
    assert options["visibility_timeout"] == 1200
    assert options["unacked_restore_interval"] * options["unacked_restore_throttle"] <= 5


def test_no_task_may_run_as_long_as_the_visibility_timeout() -> None:
    config = configure()
    longest = max(
        config["task_time_limit"],
        *(limits["time_limit"] for limits in config["task_annotations"].values()),
    )
    assert longest < config["broker_transport_options"]["visibility_timeout"]


def test_visibility_timeout_shorter_than_a_task_is_refused() -> None:
    with pytest.raises(ConfigError, match="VISIBILITY_TIMEOUT is 720 s: it must be longer"):
        configure(visibility_timeout=timedelta(minutes=12))


def test_a_child_that_loads_a_model_is_not_taken_for_dead() -> None:
    assert configure()["worker_proc_alive_timeout"] >= 120


def test_publishing_gives_up_within_two_seconds_when_redis_is_away() -> None:
    policy = configure()["task_publish_retry_policy"]
    assert policy["max_retries"] * policy["interval_max"] <= 2


def test_only_json_is_read_and_no_results_are_kept() -> None:
    config = configure()
    assert config["accept_content"] == [config["task_serializer"]] == ["json"]
    assert config["task_ignore_result"] is True


def test_every_task_has_its_own_queue_and_no_other_queue_comes_into_being() -> None:
    config = configure()
    assert set(config["task_queues"]) == set(QUEUES)
    assert {task: route["queue"] for task, route in config["task_routes"].items()} == {
        task: queue for queue, task in TASKS.items()
    }
    assert config["task_create_missing_queues"] is False


def test_a_tick_that_nobody_takes_expires_before_the_next() -> None:
    tick = configure(tick_every=timedelta(seconds=20))["beat_schedule"]["tick"]
    assert tick["schedule"] == tick["options"]["expires"] == 20


def test_every_stage_has_a_worker_and_the_tick_more_than_one() -> None:
    consumed = [consumed_by(stage) for stage in STAGES]
    assert {queue for queues in consumed for queue in queues} == set(QUEUES)
    assert sum("tick" in queues for queues in consumed) == 3
    assert consumed_by("inference") == ("inference",)
