"""llama.cpp's log: off the terminal, with its errors kept for whoever must explain a failure.

The log is one for the whole process; so is what is kept here.
"""

from __future__ import annotations

import ctypes
from collections import deque

import llama_cpp

_ERROR_LEVEL = 4
"""GGML_LOG_LEVEL_ERROR of ggml.h. The table in llama_cpp/_logger.py is of an older header."""

_complaints: deque[str] = deque(maxlen=16)


def _listen(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    if level == _ERROR_LEVEL:
        _complaints.append(text.decode("utf-8", errors="replace").strip())


_CALLBACK = llama_cpp.llama_log_callback(_listen)
"""Kept here because llama.cpp holds a bare pointer to it."""


def quiet_llama() -> None:
    """Take the log off stderr and forget the errors so far."""
    llama_cpp.llama_log_set(_CALLBACK, ctypes.c_void_p(0))
    _complaints.clear()


def take_complaint() -> str:
    """Give the first error since the last call, and forget all: the cause, not its echoes."""
    complaint = _complaints[0] if _complaints else "it gives no reason"
    _complaints.clear()
    return complaint
