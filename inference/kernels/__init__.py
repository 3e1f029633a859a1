"""Our own kernels inside llama.cpp: C++ that llama-cpp.cmake compiles into its CPU backend.

Knows how to ask which ones are there; what they compute stands in their source.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path
from typing import Any

SWITCH = "GGML_KERNELS_OFF"
"""An environment variable: names of kernels, with spaces between, that llama.cpp's replace. It is
read once in a process."""

KERNELS = ("four_bit", "attention", "elementwise")
"""All there are, by their source files' names."""

WIDE, NARROW = "AVX-512 VNNI", "AVX2"
"""The instructions that they are compiled for; the processor decides which are in use."""

NO_WIDE = "wide"
"""A word for the switch: the narrow kernels where the wide ones would be in use."""


def list_kernels() -> tuple[str, ...]:
    """List the kernels in use; none where llama.cpp's own are.

    That is so on CPUs without AVX2, on other systems than Linux on x86-64, and with a llama.cpp
    that was not compiled by `make install`.
    """
    return tuple(_ask("newsmill_kernels").split())


def find_width() -> str:
    """Give `WIDE` or `NARROW`; nothing where there are none of our own."""
    return _ask("newsmill_width")


def _ask(name: str) -> str:
    package = find_spec("llama_cpp")
    if package is None or package.origin is None:
        return ""
    try:
        library = ctypes.CDLL(str(Path(package.origin).parent / "lib" / "libggml-cpu.so"))
        function: Any = getattr(library, name)
    except (OSError, AttributeError):
        return ""
    function.restype = ctypes.c_char_p
    return bytes(function()).decode()
