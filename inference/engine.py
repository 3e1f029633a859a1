"""The one door to llama.cpp: token ids in, logits out, for several sequences side by side.

Each sequence has a slot with a key-value cache of its own. The engine knows nothing about
articles, fields or text; its vocabulary travels beside it for those who do.

Numbers do not depend on the company: a prompt is prefilled alone, and a decode step has a row for
every slot, idle ones included, so the same kernels run on the same shapes. It has fewer rows where
only the first slots are in use and a trial has shown that fewer give the same bits. The logits of a
sequence are therefore the same, bit for bit, alone and in any batch (tested on the starter).
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from inference.llama_log import quiet_llama, take_complaint
from inference.tuning import Choice, KvType
from inference.vocabulary import Vocabulary
from schemas.closing import Closing
from schemas.errors import ConfigError, NewsmillError

Logits = NDArray[np.float32]
"""(vocabulary,) float32, a view into llama.cpp's memory: valid until the engine is used again."""

ROWS_TOGETHER = 4
"""Rows that llama.cpp's kernels for repacked weights take at once; each row that is left over is a
pass over all weights of its own."""


class EngineError(NewsmillError):
    """A batch was refused: by llama.cpp, and every slot is empty after that, or for want of room.

    The engine can be used on.
    """


@dataclass(frozen=True)
class EngineShape:
    """How much of the machine an engine takes."""

    slots: int
    """Sequences side by side."""
    slot_tokens: int
    """Longest sequence: prompt and answer."""
    threads: int
    flash_attention: bool = False
    ubatch: int = 512
    """Tokens of a prompt that are computed at once; more does not help two cores."""
    kv_type: KvType = "f16"
    """`q8_0` wants flash attention, and heads whose width is a multiple of 32."""

    @classmethod
    def of(cls, choice: Choice, slot_tokens: int) -> Self:
        """Shape an engine as was chosen, for sequences of at most so many tokens."""
        return cls(
            slots=choice.sequences,
            slot_tokens=slot_tokens,
            threads=choice.threads,
            flash_attention=choice.flash_attention,
            ubatch=choice.ubatch,
            kv_type=choice.kv_type,
        )


class Engine(Closing):
    """A loaded model with its context. Not for use from two threads at once."""

    def __init__(self, path: Path, shape: EngineShape) -> None:
        self.shape = shape
        self._path = path
        self._model: Any = None
        self._context: Any = None
        self._rows = _Rows(max(shape.ubatch, shape.slots))
        quiet_llama()
        try:
            self._load(path)
        except BaseException:
            self.close()
            raise

    def prefill(self, slot: int, tokens: Sequence[int], *, listen: bool = True) -> Logits | None:
        """Append a prompt to one slot, alone; with `listen` give the logits after its end."""
        row = None
        for start in range(0, len(tokens), self.shape.ubatch):
            chunk = tokens[start : start + self.shape.ubatch]
            is_last = listen and start + len(chunk) == len(tokens)
            self._append(slot, chunk, listen=is_last)
            row = self._logits(len(chunk) - 1) if is_last else None
        return row

    def _append(self, slot: int, chunk: Sequence[int], *, listen: bool) -> None:
        """Append at most `ubatch` tokens to one slot."""
        count, length = len(chunk), self.lengths[slot]
        self._check_room(slot, count)
        # Fillers after the end change nothing before it, and are taken back.
        room = min(self.shape.slot_tokens - length, self.shape.ubatch) - count
        fillers = min(-count % ROWS_TOGETHER, room)
        rows = count + fillers
        self._rows.tokens[:count] = chunk
        self._rows.tokens[count:rows] = self._filler
        self._rows.positions[:rows] = range(length, length + rows)
        self._rows.slots[:rows] = slot
        self._rows.wanted[:rows] = False
        self._rows.wanted[count - 1] = listen
        self._decode(rows)
        if fillers:
            self._remove(slot, length + count)
        self.lengths[slot] = length + count

    def step(self, tokens: Mapping[int, int], listening: frozenset[int]) -> dict[int, Logits]:
        """Append one token to each given slot; give the logits of the listening ones, by slot."""
        needed = max(tokens, default=0) + 1
        rows = next(count for count in self._row_counts if count >= needed)
        return self._step(rows, tokens, listening)

    def _step(
        self, rows: int, tokens: Mapping[int, int], listening: frozenset[int]
    ) -> dict[int, Logits]:
        """Append a token to each of the first `rows` slots; take it back from those not given."""
        for slot in range(rows):
            if slot not in tokens and self.lengths[slot] >= self.shape.slot_tokens:
                self.trim(slot, 0)
            self._check_room(slot, 1)
            self._rows.tokens[slot] = tokens.get(slot, self._filler)
            self._rows.positions[slot] = self.lengths[slot]
            self._rows.slots[slot] = slot
            self._rows.wanted[slot] = slot in listening
        self._decode(rows)
        for slot in range(rows):
            if slot in tokens:
                self.lengths[slot] += 1
            else:
                self._remove(slot, self.lengths[slot])
        return {slot: self._logits(slot) for slot in listening}

    def trim(self, slot: int, length: int) -> None:
        """Forget all tokens of a slot after the first `length`."""
        if length < self.lengths[slot]:
            self._remove(slot, length)
            self.lengths[slot] = length

    def copy(self, source: int, target: int, length: int) -> None:
        """Make a slot begin as another one does, with its first `length` tokens."""
        # Slots are streams of their own: llama.cpp copies them in full, the tail is cut after.
        self._remove(target, 0)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self.lengths[target] = self.lengths[source]
        self.trim(target, length)

    def reshape(self, shape: EngineShape) -> None:
        """Take another shape, with all slots empty, without loading the weights again."""
        llama_cpp.llama_free(self._context)
        self._context = None
        self.shape = shape
        self._rows = _Rows(max(shape.ubatch, shape.slots))
        self._open_context()

    def close(self) -> None:
        """Free everything; twice is harmless. To be called before the interpreter ends."""
        if self._context:
            llama_cpp.llama_free(self._context)
        if self._model:
            llama_cpp.llama_model_free(self._model)
        self._context = self._model = None

    def _load(self, path: Path) -> None:
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = 0
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ConfigError(f"{path}: llama.cpp cannot load this model: {take_complaint()}")
        self.vocabulary = Vocabulary(self._model)
        self._filler = self.vocabulary.encode("\n")[0]
        self._open_context()

    def _open_context(self) -> None:
        trained = llama_cpp.llama_model_n_ctx_train(self._model)
        if self.shape.slot_tokens > trained:
            raise ConfigError(
                f"{self._path}: made for {trained} tokens, {self.shape.slot_tokens} were asked "
                "for; its build.json says more in n_ctx_train than the file holds"
            )
        self._context = llama_cpp.llama_init_from_model(self._model, _context_params(self.shape))
        if not self._context:
            complaint = take_complaint()
            raise ConfigError(f"{self._path}: llama.cpp cannot make a context: {complaint}")
        self._memory = llama_cpp.llama_get_memory(self._context)
        self._forget_all()
        self._row_counts = self._find_row_counts()

    def _find_row_counts(self) -> list[int]:
        """Try which numbers of rows give the bits that all rows give; the last is all of them.

        Which kernel llama.cpp takes depends on the number of rows and on the weights' types, so a
        trial with any tokens tells. It takes some steps, 0.2 s for a model of 460 MB.
        """
        everyone = self.shape.slots
        fewer = [rows for rows in (4, 8, 16, 32) if rows < everyone]
        expected = self._try_rows(everyone) if fewer else b""
        return [*(rows for rows in fewer if self._try_rows(rows) == expected), everyone]

    def _try_rows(self, rows: int) -> bytes:
        """Give the bits that two steps of so many rows have in the first slots."""
        first = range(ROWS_TOGETHER)
        for number in range(2):
            tokens = {slot: slot + number for slot in range(rows)}
            found = self._step(rows, tokens, frozenset(first))
        bits = b"".join(found[slot].tobytes() for slot in first)
        self._forget_all()
        return bits

    def _decode(self, count: int) -> None:
        code = llama_cpp.llama_decode(self._context, self._rows.as_batch(count))
        if code != 0:
            # How much of the batch is in the cache is not known.
            self._forget_all()
            raise EngineError(f"llama_decode answered {code}: {take_complaint()}", code=code)

    def _logits(self, place: int) -> Logits:
        pointer = llama_cpp.llama_get_logits_ith(self._context, place)
        return np.ctypeslib.as_array(pointer, shape=(self.vocabulary.size,))

    def _forget_all(self) -> None:
        llama_cpp.llama_memory_clear(self._memory, True)
        self.lengths = [0] * self.shape.slots

    def _remove(self, slot: int, length: int) -> None:
        llama_cpp.llama_memory_seq_rm(self._memory, slot, length, -1)

    def _check_room(self, slot: int, count: int) -> None:
        if self.lengths[slot] + count > self.shape.slot_tokens:
            raise EngineError(f"slot {slot} is full: {self.shape.slot_tokens} tokens", slot=slot)


class _Rows:
    """The batch that llama.cpp reads, as NumPy arrays of our own; each has one entry per row."""

    def __init__(self, size: int) -> None:
        self.tokens = np.zeros(size, dtype=np.int32)
        self.positions = np.zeros(size, dtype=np.int32)
        self.slots = np.zeros(size, dtype=np.int32)
        self.wanted = np.zeros(size, dtype=np.int8)
        self._ones = np.ones(size, dtype=np.int32)
        # llama.cpp wants a pointer to a list of sequences per row; ours all have one entry.
        first, width = self.slots.ctypes.data, self.slots.itemsize
        self._lists = np.arange(first, first + size * width, width, dtype=np.uintp)
        self._struct = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self.tokens, ctypes.c_int32),
            pos=_pointer(self.positions, ctypes.c_int32),
            n_seq_id=_pointer(self._ones, ctypes.c_int32),
            seq_id=_pointer(self._lists, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self.wanted, ctypes.c_int8),
        )

    def as_batch(self, count: int) -> Any:
        """Give llama.cpp's structure over the first `count` rows."""
        self._struct.n_tokens = count
        return self._struct


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))


_KV_TYPES: dict[KvType, int] = {
    "f16": llama_cpp.GGML_TYPE_F16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
}


def _context_params(shape: EngineShape) -> Any:
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = shape.slots * shape.slot_tokens
    params.n_batch = params.n_ubatch = max(shape.ubatch, shape.slots)
    params.n_seq_max = shape.slots
    # Room for logits: without this, llama.cpp reserves a row of the vocabulary per batch token.
    params.n_outputs_max = shape.slots
    params.n_threads = params.n_threads_batch = shape.threads
    params.flash_attn_type = (
        llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if shape.flash_attention
        else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    params.type_k = params.type_v = _KV_TYPES[shape.kv_type]
    # A cache per slot: attention looks at a slot's own tokens only, not at everybody's.
    params.kv_unified = False
    # Gemma 3 slides its window; only the full cache can be trimmed and copied.
    params.swa_full = True
    params.no_perf = True
    return params


def system_info() -> str:
    """Give llama.cpp's report of the instruction sets that it was compiled for."""
    return str(llama_cpp.llama_print_system_info().decode())
