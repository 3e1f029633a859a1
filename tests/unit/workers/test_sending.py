from __future__ import annotations

import pytest
from kombu.exceptions import OperationalError

from schemas.settings import PrefilterSettings, QueueSettings, Settings
from workers import sending
from workers.queues import WORK
from workers.sending import PORTION, SOURCES, list_roomy, plan_messages, send

SETTINGS = Settings.model_construct(prefilter=PrefilterSettings(batch=3), queue=QueueSettings())


def test_each_page_gets_a_message_of_its_own() -> None:
    assert list(plan_messages(SETTINGS, {"page": [4, 2]})) == [("page", 4), ("page", 2)]


def test_sources_travel_in_small_portions() -> None:
    planned = list(plan_messages(SETTINGS, {"ingest": range(SOURCES + 1)}))
    assert planned == [("ingest", list(range(SOURCES))), ("ingest", [SOURCES])]


def test_articles_travel_in_portions_and_none_is_left_out() -> None:
    planned = list(plan_messages(SETTINGS, {"prefilter": [1, 2, 3, 4, 5, 6, 7]}))
    assert planned == [("prefilter", [1, 2, 3]), ("prefilter", [4, 5, 6]), ("prefilter", [7])]


def test_other_stages_have_their_own_portion() -> None:
    planned = list(plan_messages(SETTINGS, {"reconstruct": range(PORTION + 1)}))
    assert [len(ids) for _, ids in planned if isinstance(ids, list)] == [PORTION, 1]


def test_nothing_to_tell_is_no_message() -> None:
    assert list(plan_messages(SETTINGS, {"inference": [], "prefilter": []})) == []


def test_redis_that_cannot_be_reached_is_asked_once_and_not_for_each_queue(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def ask(queue: str) -> bool:
        asked.append(queue)
        raise OperationalError("away")

    monkeypatch.setattr(sending, "has_room", ask)
    assert not send(SETTINGS, {"prefilter": [1], "inference": [1]})
    assert list_roomy() == WORK
    assert asked == ["prefilter", WORK[0]]
