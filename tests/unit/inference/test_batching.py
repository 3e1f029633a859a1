from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations
from typing import cast

import numpy as np
import pytest

from inference.batching import PREFILL_FROM, Batch
from inference.engine import Engine, EngineShape
from inference.openings import Openings
from inference.tape import Decoding, Logits, Step


class FakeEngine:
    """Keeps the tokens of each slot; its logits are the sum of a slot's tokens."""

    def __init__(self, slots: int) -> None:
        self.shape = EngineShape(slots, 1000, threads=1)
        self.held: list[list[int]] = [[] for _ in range(slots)]
        self.calls: list[str] = []

    @property
    def lengths(self) -> list[int]:
        return [len(tokens) for tokens in self.held]

    def prefill(self, slot: int, tokens: Sequence[int], *, listen: bool = True) -> Logits | None:
        self.calls.append(f"prefill {slot}")
        self.held[slot] += tokens
        return self._row(slot) if listen else None

    def step(self, tokens: Mapping[int, int], listening: frozenset[int]) -> dict[int, Logits]:
        self.calls.append(f"step {sorted(tokens)}")
        for slot, token in tokens.items():
            self.held[slot].append(token)
        return {slot: self._row(slot) for slot in listening}

    def trim(self, slot: int, length: int) -> None:
        del self.held[slot][length:]

    def copy(self, source: int, target: int, length: int) -> None:
        self.calls.append(f"copy {source} to {target}")
        self.held[target] = self.held[source][:length]

    def _row(self, slot: int) -> Logits:
        return np.array([sum(self.held[slot])], dtype=np.float32)


def count_up(prompt: Sequence[int], steps: int) -> Decoding[list[int]]:
    """Append 1 so many times; return the logits seen."""
    yield Step(tuple(prompt), listen=False)
    seen = []
    for _ in range(steps):
        row = yield Step((1,))
        seen.append(int(row[0]))
    return seen


def ask_for_nothing() -> Decoding[list[int]]:
    yield from ()
    return []


def long_prompt(token: int) -> list[int]:
    return [token] * PREFILL_FROM


def make_batch(
    engine: FakeEngine, after_step: Callable[[], None] | None = None
) -> Batch[list[int]]:
    real = cast(Engine, engine)
    return Batch(real, Openings(real), after_step)


def make(slots: int) -> tuple[FakeEngine, Batch[list[int]]]:
    engine = FakeEngine(slots)
    return engine, make_batch(engine)


def expected(token: int, steps: int) -> list[int]:
    return [token * PREFILL_FROM + step for step in range(1, steps + 1)]


def test_every_decoding_gets_its_own_logits() -> None:
    _, batch = make(3)
    lengths = [1, 5, 2, 4, 3, 1, 6]
    results = batch.run(count_up(long_prompt(n), steps) for n, steps in enumerate(lengths, 1))
    found = sorted(result for result, _ in results)
    assert found == sorted(expected(n, steps) for n, steps in enumerate(lengths, 1))


def test_who_asked_for_it_is_called_after_each_use_of_the_engine() -> None:
    engine, calls = FakeEngine(2), []
    batch = make_batch(engine, lambda: calls.append(len(engine.calls)))
    list(batch.run(count_up(long_prompt(n), steps) for n, steps in ((1, 1), (2, 3))))
    assert calls == list(range(1, len(engine.calls) + 1))


def test_free_slot_is_filled_before_the_next_step() -> None:
    engine, batch = make(2)
    list(batch.run(count_up(long_prompt(n), steps) for n, steps in ((1, 1), (2, 3), (3, 1))))
    assert engine.calls == [
        *("prefill 0", "prefill 1", "step [0, 1]"),
        *("prefill 0", "step [0, 1]", "step [1]"),
    ]


def test_same_beginning_is_copied_from_a_neighbour_or_kept_in_place() -> None:
    engine, batch = make(2)
    same = long_prompt(7)
    results = [r for r, _ in batch.run([count_up(same, 2), count_up(same, 3), count_up(same, 1)])]
    assert engine.calls[:2] == ["prefill 0", "copy 0 to 1"]
    assert sum(call.startswith("prefill") for call in engine.calls) == 1
    assert sorted(results) == [expected(7, steps) for steps in (1, 2, 3)]


def test_beginning_outlives_the_batch_that_read_it() -> None:
    engine = FakeEngine(2)
    openings = Openings(cast(Engine, engine))
    seen = []
    for steps in (2, 1):
        batch: Batch[list[int]] = Batch(cast(Engine, engine), openings)
        running = batch.run([count_up(long_prompt(7), steps), count_up(long_prompt(8), 9)])
        seen.append(next(running)[0])
        running.close()  # The other decoding is given up in the middle of its answer.
    assert seen == [expected(7, 2), expected(7, 1)]
    assert prefills(engine) == 2


def test_beginning_that_differs_is_read_anew() -> None:
    engine, batch = make(1)
    list(batch.run([count_up(long_prompt(1), 1), count_up(long_prompt(2), 1)]))
    assert engine.calls.count("prefill 0") == 2


Result = list[int]


def read_in_two(
    lead: int, rest: int, *, gate: bool = False, stops: bool = False
) -> Decoding[Result]:
    """Take a lead, perhaps ask something and take it back, then take the rest and ask again."""
    yield Step(tuple(long_prompt(lead)), listen=False)
    seen = []
    if gate:
        seen.append(int((yield Step(tuple(long_prompt(100))))[0]))
        if stops:
            return seen
        seen.append(int((yield Step((5,)))[0]))
    drop = PREFILL_FROM + 1 if gate else 0
    yield Step(tuple(long_prompt(rest)), drop=drop, listen=False)
    seen.append(int((yield Step((1,)))[0]))
    return seen


def prefills(engine: FakeEngine) -> int:
    return sum(call.startswith("prefill") for call in engine.calls)


SEEN = {
    (False, False): [3 * PREFILL_FROM + 1],
    (True, False): [101 * PREFILL_FROM, 101 * PREFILL_FROM + 5, 3 * PREFILL_FROM + 1],
    (True, True): [101 * PREFILL_FROM],
}


@pytest.mark.parametrize("slots", [1, 2, 4])
@pytest.mark.parametrize("order", list(permutations(SEEN)))
def test_lead_and_rest_are_shared_whoever_asks_at_the_gate(
    slots: int, order: Sequence[tuple[bool, bool]]
) -> None:
    engine, batch = make(slots)
    decodings = [read_in_two(1, 2, gate=gate, stops=stops) for gate, stops in order]
    found = sorted(result for result, _ in batch.run(decodings))
    assert found == sorted(SEEN[kind] for kind in order)
    gates = 2
    if slots == 4:
        assert prefills(engine) == gates + 2
    # With fewer slots, a gate may take the place of a rest that no other slot has.
    assert prefills(engine) <= gates + 3


def test_neighbour_with_the_same_lead_and_another_rest_shares_the_lead_alone() -> None:
    engine, batch = make(2)
    found = [result for result, _ in batch.run([read_in_two(1, 2), read_in_two(1, 4)])]
    assert sorted(found) == [[3 * PREFILL_FROM + 1], [5 * PREFILL_FROM + 1]]
    assert prefills(engine) == 3


def test_piece_that_goes_in_token_by_token_is_shared_once_it_is_there() -> None:
    def short() -> Decoding[Result]:
        yield Step(tuple(long_prompt(1)), listen=False)
        yield Step((2, 2, 2), listen=False)
        return [int((yield Step((1,)))[0])]

    engine, batch = make(2)
    found = [result for result, _ in batch.run(short() for _ in range(6))]
    assert found == [[PREFILL_FROM + 7]] * 6
    assert prefills(engine) == 1


def test_tokens_are_taken_back_before_new_ones_are_appended() -> None:
    def regret() -> Decoding[list[int]]:
        yield Step(tuple(long_prompt(1)), listen=False)
        yield Step((5, 6))
        row = yield Step((2,), drop=1)
        return [int(row[0])]

    _, batch = make(1)
    assert [result for result, _ in batch.run([regret()])] == [[PREFILL_FROM + 5 + 2]]


def test_decoding_that_asks_for_nothing_needs_no_engine() -> None:
    engine, batch = make(1)
    silent = (ask_for_nothing() for _ in range(2))
    assert [result for result, _ in batch.run(silent)] == [[], []]
    assert engine.calls == []


def test_decodings_are_fetched_one_for_each_free_slot() -> None:
    fetched = 0

    def source() -> Iterator[Decoding[list[int]]]:
        nonlocal fetched
        for token in range(1, 10):
            fetched += 1
            yield count_up(long_prompt(token), 2)

    _, batch = make(3)
    run = batch.run(source())
    next(run)
    assert fetched == 3
    run.close()


def test_failing_decoding_closes_the_others_and_leaves_the_batch_usable() -> None:
    closed = False

    def patient() -> Decoding[list[int]]:
        nonlocal closed
        try:
            yield Step(tuple(long_prompt(1)), listen=False)
            while True:
                yield Step((1,))
        finally:
            closed = True

    def failing() -> Decoding[list[int]]:
        yield Step(tuple(long_prompt(2)), listen=False)
        yield Step((1,))
        raise ValueError("a poisoned article")

    _, batch = make(2)
    with pytest.raises(ValueError, match="a poisoned article"):
        list(batch.run([patient(), failing()]))
    assert closed
    assert [result for result, _ in batch.run([count_up(long_prompt(3), 1)])] == [expected(3, 1)]


def test_shared_steps_are_charged_by_shares() -> None:
    _, batch = make(2)
    costs = [cost for _, cost in batch.run(count_up(long_prompt(n), 3) for n in (1, 2))]
    assert all(cost.prefill_s > 0 and cost.decode_s > 0 for cost in costs)
