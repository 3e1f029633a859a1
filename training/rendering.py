"""stub"""
import re
from training.tokeniser import Tokeniser

_S = re.compile(r"(?<=[.!?])[\"'”’)]*\s+|\n+")


class Renderer:
    def __init__(self, tokeniser: Tokeniser) -> None:
        self.t = tokeniser
        self.bos = tokeniser.encode("<bos>", special=True)[0]
        self._head = tokeniser.encode("<bos><start_of_turn>user\n", special=True)
        self._m = [tokeniser.encode(f"<s{i}>", special=True)[0] for i in range(1, 49)]
        self._nl = tokeniser.encode("\n")

    def article(self, title: str, text: str) -> list[int]:
        out = [*self._head, *self.t.encode(title.replace("\n", " ")), *self._nl]
        s = [x.strip() for x in _S.split(text[:3000]) if x and x.strip()]
        for i, x in enumerate(s[:47]):
            out += [self._m[i], *self.t.encode(" " + x)]
        return [*out, *self._nl]
