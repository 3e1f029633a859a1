"""What a vocabulary says of its tokens; with a real one it is held in the tests of the engine."""

from inference.vocabulary import Vocabulary


class Spelled(Vocabulary):
    """A vocabulary of nothing but what its tokens spell."""

    def __init__(self, *pieces: str | bytes) -> None:
        self.pieces = [p.encode() if isinstance(p, str) else p for p in pieces]


def test_tokens_of_several_letters_without_blanks_are_known_by_what_they_spell() -> None:
    vocabulary = Spelled(
        "北京", " 上海", "กรุง", "です", "北", "Apple", "北a", "京。", b"\xe5\x8c\x97\xe4"
    )
    assert vocabulary.unspaced == {"北京": 0, " 上海": 1, "กรุง": 2, "です": 3}
