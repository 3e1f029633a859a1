"""The process behind `ingest/helper.py`: questions come on stdin, answers go out on stdout.

    python -m ingest.helper_process

One JSON line with task, facts, limit and length, then the bytes; one JSON line back. It is killed
by its own alarm when a question takes too long, which no parser can hold off, and ends when stdin
does.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any

from ingest.extraction import answer_page
from ingest.feed_parsing import answer_feed
from ingest.markup import read_html

MEMORY_BYTES = 1_500_000_000
"""Of address space; pages of 5 MB need a few hundred MB."""
WARM_UP = "<html><body><article><p>Ready.</p></article></body></html>"
TASKS: dict[str, Callable[..., dict[str, Any]]] = {"page": answer_page, "feed": answer_feed}


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # What is imported at the first page is not counted to its time.
    read_html(WARM_UP)
    while line := sys.stdin.buffer.readline():
        head = json.loads(line)
        body = sys.stdin.buffer.read(head["bytes"])
        signal.setitimer(signal.ITIMER_REAL, head["limit_s"])
        answer = TASKS[head["task"]](body, **head["facts"])
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
