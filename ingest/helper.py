"""A helper process for work on foreign bytes that could take for ever or all of the memory.

Feeds and pages exist on which parsers written in C, or with steps in the square of their input,
spend minutes, and no thread can be stopped there. So a process of its own answers one question
after the other; it ends itself when one takes too long (see `ingest/helper_process.py`), and the
next question gets a new one. Knows nothing of feeds and pages.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

MAX_QUESTIONS = 500
"""After which the helper is replaced: parsers of foreign bytes leak here and there."""


class Helper:
    """One helper process, started with the first question. Close it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._questions = 0

    def ask(self, task: str, body: bytes, *, limit_s: float, **facts: Any) -> dict[str, Any] | None:
        """Have a task done on some bytes; None when it took longer than the limit, or too much."""
        head = {"task": task, "bytes": len(body), "limit_s": limit_s, "facts": facts}
        process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(head).encode() + b"\n" + body)
            process.stdin.flush()
            # The helper answers or ends itself: no wait here lasts longer than its limit.
            line = process.stdout.readline()
        except OSError:
            line = b""
        if not line.endswith(b"\n"):
            self.close()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._questions >= MAX_QUESTIONS:
            self.close()
        if self._process is None:
            self._questions = 0
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ingest.helper_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        self._questions += 1
        return self._process
