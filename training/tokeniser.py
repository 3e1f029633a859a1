"""Learns a vocabulary from news text, for llama.cpp's own tokeniser to read with.

Training and serving read text with the same code: what is learned here is written to a GGUF file
without weights, and `inference.vocabulary` tokenises from it. Knows nothing about articles
or prompts.
"""

import string
from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Regex, Tokenizer
from tokenizers.models import BPE
from tokenizers.normalizers import Replace
from tokenizers.pre_tokenizers import Split
from tokenizers.trainers import BpeTrainer

from training.pieces import SPACE, PieceTable
from training.recipe import TokeniserRecipe

# Words (field names too) with their blank, suffixes ('s), single digits, runs of signs; "|" stays
# alone, because it belongs to the delimiter.
_WORDS = Regex(
    rf"{SPACE}?[\p{{L}}_]+|['’]\p{{L}}+|\d|\n+|\||{SPACE}?[^{SPACE}\p{{L}}_\d\n|]+|{SPACE}+"
)
_BASE_ALPHABET = [SPACE, "\n", *string.ascii_letters, *string.digits, *string.punctuation]
# A phrase of the contracts counts as often as a common word, so that it becomes one or two pieces.
_CHARS_PER_PHRASE_REPEAT = 10_000


def learn_pieces(
    texts: Iterable[str], phrases: Sequence[str], recipe: TokeniserRecipe
) -> PieceTable:
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
    return PieceTable.lay_out([text for text, _ in by_id], recipe.pieces)


def _sample(texts: Iterable[str], phrases: Sequence[str], chars: int) -> Iterator[str]:
    for _ in range(max(1, chars // _CHARS_PER_PHRASE_REPEAT)):
        yield from phrases
    left = chars
    for text in texts:
        if left <= 0:
            return
        left -= len(text)
        yield text
