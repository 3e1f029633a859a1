"""Our own kernels inside llama.cpp: C++ that llama-cpp.cmake compiles into its CPU backend.

Knows how to ask which ones are there; what they compute stands in their source.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path

SWITCH = "GGML_KERNELS_OFF"
"""An environment variable: names of kernels, with spaces between, that llama.cpp's replace."""

KERNELS = ("four_bit", "attention", "elementwise")
"""All there are, by their source files' names."""


def list_kernels() -> tuple[str, ...]:
    """List the kernels in use; none where llama.cpp's own are.

    That is so on CPUs without AVX-512 VNNI, and with a llama.cpp that was not compiled by
    `make install`. GGML_KERNELS_OFF takes single ones away; it is read once in a process.
    """
    package = find_spec("llama_cpp")
    if package is None or package.origin is None:
        return ()
    try:
        library = ctypes.CDLL(str(Path(package.origin).parent / "lib" / "libggml-cpu.so"))
        answer = library.newsmill_kernels
    except (OSError, AttributeError):
        return ()
    answer.restype = ctypes.c_char_p
    return tuple(bytes(answer()).decode().split())
