"""Our own kernels inside llama.cpp: C++ that llama-cpp.cmake compiles into its CPU backend.

Knows how to ask which ones are there; what they compute stands in their source.
"""

from __future__ import annotations

import ctypes
from importlib.util import find_spec
from pathlib import Path


def name_kernels() -> str:
    """Name the instructions that our 4-bit kernels use; empty where llama.cpp's own are in use.

    That is so on CPUs without AVX-512 VNNI, with GGML_CPU_FOUR_BIT=0, and with a llama.cpp that
    was not compiled by `make install`.
    """
    package = find_spec("llama_cpp")
    if package is None or package.origin is None:
        return ""
    try:
        library = ctypes.CDLL(str(Path(package.origin).parent / "lib" / "libggml-cpu.so"))
        answer = library.newsmill_kernels
    except (OSError, AttributeError):
        return ""
    answer.restype = ctypes.c_char_p
    return bytes(answer()).decode()
