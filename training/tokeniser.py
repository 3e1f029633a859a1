"""Learns a vocabulary from news text, and tokenises with llama.cpp's own tokeniser.

Training and serving read text with the same code: what is learned here is written to a GGUF file
without weights, and llama.cpp tokenises from it. Knows nothing about articles or prompts.
"""

import ctypes
import string
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import llama_cpp
import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import BpeTrainer

from training.recipe import TokeniserRecipe
from training.vocabulary import SPACE, Vocabulary

# Words (field names too) with their blank, short suffixes ('s), single digits, runs of signs; "|" stays alone,
# because it belongs to the delimiter.
_WORDS = Regex(
    rf"{SPACE}?[\p{{L}}_]+|['’]\p{{L}}+|\d|\n+|\||{SPACE}?[^{SPACE}\p{{L}}_\d\n|]+|{SPACE}+"
)
_BASE_ALPHABET = [SPACE, "\n", *string.ascii_letters, *string.digits, *string.punctuation]
# A phrase of the contracts counts as often as a common word, so that it becomes one or two pieces.
_CHARS_PER_PHRASE_REPEAT = 10_000


def learn_vocabulary(
    texts: Iterable[str], phrases: Sequence[str], recipe: TokeniserRecipe
) -> Vocabulary:
    """Learn byte-pair merges from `texts`, and from the `phrases` that every answer consists of."""
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = Replace(" ", SPACE)
    tokenizer.pre_tokenizer = Split(_WORDS, "isolated")
    trainer = BpeTrainer(
        vocab_size=recipe.pieces,
        limit_alphabet=recipe.alphabet,
        initial_alphabet=_BASE_ALPHABET,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(texts, phrases, recipe.sample_chars), trainer)
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return Vocabulary.lay_out([text for text, _ in by_id], recipe.pieces)


def _sample(texts: Iterable[str], phrases: Sequence[str], chars: int) -> Iterator[str]:
    for _ in range(max(1, chars // _CHARS_PER_PHRASE_REPEAT)):
        yield from phrases
    left = chars
    for text in texts:
        if left <= 0:
            return
        left -= len(text)
        yield text


class Tokeniser:
    """llama.cpp's tokeniser of one GGUF file; loads the vocabulary and no weights."""

    def __init__(self, path: Path) -> None:
        llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        self._model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise ValueError(f"{path}: llama.cpp cannot read this file's vocabulary")
        self._vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.size: int = llama_cpp.llama_vocab_n_tokens(self._vocab)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Tokenise; only with `special` do `<bos>` and the like in the text become control tokens."""
        raw = text.encode("utf-8", errors="replace")
        buffer = np.empty(len(raw) + 8, dtype=np.int32)
        pointer = buffer.ctypes.data_as(ctypes.POINTER(ctypes.c_int32))
        count = llama_cpp.llama_tokenize(
            self._vocab, raw, len(raw), pointer, len(buffer), False, special
        )
        if count < 0:
            raise ValueError(f"text of {len(raw)} bytes needs {-count} tokens")
        tokens: list[int] = buffer[:count].tolist()
        return tokens

    def decode(self, tokens: Sequence[int] | NDArray[np.int32]) -> str:
        """Turn tokens back into text; control tokens are written out."""
        buffer = ctypes.create_string_buffer(256)
        parts = []
        for token in tokens:
            length = llama_cpp.llama_token_to_piece(self._vocab, int(token), buffer, 256, 0, True)
            parts.append(buffer.raw[:length])
        return b"".join(parts).decode("utf-8", errors="replace")

    def close(self) -> None:
        if self._model:
            llama_cpp.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@llama_cpp.llama_log_callback
def _silent(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    """Drop llama.cpp's chatter; failures show as return codes."""


