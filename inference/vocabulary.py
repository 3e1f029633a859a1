"""The vocabulary of one GGUF file, as llama.cpp tokenises with it.

Knows which tokens are control tokens and what each token spells; knows nothing about prompts.
Text that was written by others goes through `encode_untrusted`: no control token can come out.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from inference.llama_log import quiet_llama, take_complaint
from inference.words import is_run_of_letters
from schemas.errors import ConfigError

_CONTROL = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN
_UNUSED = llama_cpp.LLAMA_TOKEN_ATTR_UNUSED
_PIECE_BYTES = 512


class Vocabulary:
    """Turns text into token ids and back. Lives as long as the model that it belongs to."""

    def __init__(self, model: int) -> None:
        self._vocab = llama_cpp.llama_model_get_vocab(model)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self._vocab)
        """Number of tokens."""

    def encode(self, text: str) -> list[int]:
        """Tokenise text of our own; `<bos>` and the like become control tokens."""
        return self._tokenise(text, special=True)

    def encode_untrusted(self, text: str) -> list[int]:
        """Tokenise any text; what looks like a control token stays plain text.

        llama.cpp keeps the names of control tokens apart from text, but its merges can still put
        one together: `<s` and `1>` give `<s1>`. Such a token is spelled letter by letter instead.
        """
        tokens = self._tokenise(text, special=False)
        if self.control_ids.isdisjoint(tokens):
            return tokens
        return [plain for token in tokens for plain in self._without_control(token)]

    def decode(self, tokens: Sequence[int]) -> str:
        """Spell tokens out; bytes that are no UTF-8 are dropped, control tokens too."""
        return b"".join(self.pieces[token] for token in tokens).decode("utf-8", errors="ignore")

    def control_id(self, name: str) -> int | None:
        """Give the id of a control token such as `<s1>`; None when the vocabulary has none."""
        tokens = self.encode(name)
        return tokens[0] if len(tokens) == 1 and tokens[0] in self.control_ids else None

    @cached_property
    def control_ids(self) -> frozenset[int]:
        """Tokens that steer the model and spell nothing."""
        return frozenset(token for token in range(self.size) if self._has(token, _CONTROL))

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """Tokens that end an answer: `<eos>`, `<end_of_turn>`."""
        is_end = llama_cpp.llama_vocab_is_eog
        return tuple(token for token in sorted(self.control_ids) if is_end(self._vocab, token))

    @cached_property
    def break_ids(self) -> tuple[int, ...]:
        """Tokens that begin with a line break; Gemma has one for every number of them up to 31."""
        return tuple(token for token, piece in enumerate(self.pieces) if piece.startswith(b"\n"))

    @cached_property
    def pieces(self) -> list[bytes]:
        """The bytes that every token stands for, by id; none for a control token."""
        spell, size = llama_cpp.llama_token_to_piece, _PIECE_BYTES
        buffer = ctypes.create_string_buffer(size)
        lengths = (spell(self._vocab, token, buffer, size, 0, False) for token in range(self.size))
        return [buffer.raw[: max(length, 0)] for length in lengths]

    @cached_property
    def unspaced(self) -> dict[str, int]:
        """The tokens that spell several letters of a script without blanks, by what they spell."""
        ends = ((token, piece) for token, piece in enumerate(self.pieces) if piece[-1:] >= b"\x80")
        spelled = ((token, piece.decode("utf-8", errors="replace")) for token, piece in ends)
        return {text: token for token, text in spelled if is_run_of_letters(text)}

    @cached_property
    def unwritable(self) -> NDArray[np.bool_]:
        """(size,) bool: tokens that no written text may hold: control, unused, breaks, bars."""
        banned = np.zeros(self.size, dtype=np.bool_)
        for token, piece in enumerate(self.pieces):
            is_break = any(byte < 0x20 or byte in b"|\x7f" for byte in piece)
            banned[token] = not piece or is_break or self._has(token, _CONTROL | _UNUSED)
        return banned

    def _has(self, token: int, attributes: int) -> bool:
        return bool(llama_cpp.llama_vocab_get_attr(self._vocab, token) & attributes)

    def _without_control(self, token: int) -> list[int]:
        if token not in self.control_ids:
            return [token]
        name = llama_cpp.llama_vocab_get_text(self._vocab, token).decode("utf-8", errors="replace")
        return [part for letter in name for part in self._tokenise(letter, special=False)]

    def _tokenise(self, text: str, *, special: bool) -> list[int]:
        raw = text.encode("utf-8", errors="replace")
        buffer = np.empty(len(raw) + 16, dtype=np.int32)
        pointer = buffer.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        count = llama_cpp.llama_tokenize(
            self._vocab, raw, len(raw), pointer, len(buffer), False, special
        )
        if count < 0:
            raise ValueError(f"{len(raw)} bytes need {-count} tokens, {len(buffer)} were expected")
        tokens: list[int] = buffer[:count].tolist()
        return tokens


@contextmanager
def open_vocabulary(path: Path) -> Iterator[Vocabulary]:
    """Open the vocabulary of a GGUF file without its weights."""
    quiet_llama()
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        raise ConfigError(f"{path}: llama.cpp cannot read this vocabulary: {take_complaint()}")
    try:
        yield Vocabulary(model)
    finally:
        llama_cpp.llama_model_free(model)
