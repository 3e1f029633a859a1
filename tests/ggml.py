"""One matrix product, computed by the library that llama.cpp is compiled into."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ctypes import c_bool, c_char_p, c_int, c_int64, c_size_t, c_void_p
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32, Q4_0, IQ4_NL = 0, 2, 20
"""Of ggml's enum of types."""


class _InitParams(ctypes.Structure):
    _fields_ = (("mem_size", c_size_t), ("mem_buffer", c_void_p), ("no_alloc", c_bool))


_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "ggml_init": (c_void_p, [_InitParams]),
    "ggml_free": (None, [c_void_p]),
    "ggml_new_tensor_2d": (c_void_p, [c_void_p, c_int, c_int64, c_int64]),
    "ggml_mul_mat": (c_void_p, [c_void_p, c_void_p, c_void_p]),
    "ggml_new_graph": (c_void_p, [c_void_p]),
    "ggml_build_forward_expand": (None, [c_void_p, c_void_p]),
    "ggml_backend_alloc_ctx_tensors": (c_void_p, [c_void_p, c_void_p]),
    "ggml_backend_alloc_ctx_tensors_from_buft": (c_void_p, [c_void_p, c_void_p]),
    "ggml_backend_buffer_free": (None, [c_void_p]),
    "ggml_backend_buft_name": (c_char_p, [c_void_p]),
    "ggml_backend_free": (None, [c_void_p]),
    "ggml_backend_graph_compute": (c_int, [c_void_p, c_void_p]),
    "ggml_backend_reg_dev_get": (c_void_p, [c_void_p, c_size_t]),
    "ggml_backend_reg_get_proc_address": (c_void_p, [c_void_p, c_char_p]),
    "ggml_backend_tensor_get": (None, [c_void_p, c_void_p, c_size_t, c_size_t]),
    "ggml_backend_tensor_set": (None, [c_void_p, c_char_p, c_size_t, c_size_t]),
    "ggml_backend_cpu_init": (c_void_p, []),
    "ggml_backend_cpu_reg": (c_void_p, []),
    "ggml_backend_cpu_set_n_threads": (None, [c_void_p, c_int]),
}


class Ggml:
    """The functions used here, with their types."""

    def __init__(self) -> None:
        package = find_spec("llama_cpp")
        assert package is not None
        assert package.origin is not None
        folder = Path(package.origin).parent / "lib"
        base, cpu = (ctypes.CDLL(str(folder / f"libggml-{name}.so")) for name in ("base", "cpu"))
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(cpu if name.startswith("ggml_backend_cpu") else base, name)
            function.restype, function.argtypes = result, arguments
            setattr(self, name.removeprefix("ggml_"), function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)

    def find_repacking(self) -> int:
        """Give the type of buffer that repacks weights for this CPU."""
        registry = self.backend_cpu_reg()
        address = self.backend_reg_get_proc_address(registry, b"ggml_backend_dev_get_extra_bufts")
        ask = ctypes.CFUNCTYPE(ctypes.POINTER(c_void_p), c_void_p)(address)
        found = ask(self.backend_reg_dev_get(registry, 0))
        for buffer_type in found:
            if buffer_type is None:
                break
            if self.backend_buft_name(buffer_type) == b"CPU_REPACK":
                return int(buffer_type)
        raise AssertionError("this CPU repacks no weights")

    @contextmanager
    def context(self) -> Iterator[int]:
        """Have room for the descriptions of some tensors and of a graph."""
        context = self.init(_InitParams(1 << 20, None, True))
        try:
            yield context
        finally:
            self.free(context)

    def multiply(
        self, kind: int, weights: bytes, outputs: int, rows: NDArray[np.float32], threads: int
    ) -> NDArray[np.float32]:
        """Multiply rows (rows, width) with weights, blocks of `kind`: (rows, outputs)."""
        count, width = rows.shape
        with ExitStack() as held:
            backend = self.backend_cpu_init()
            held.callback(self.backend_free, backend)
            self.backend_cpu_set_n_threads(backend, threads)
            repacked = held.enter_context(self.context())
            own = self.new_tensor_2d(repacked, kind, width, outputs)
            buffer = self.backend_alloc_ctx_tensors_from_buft(repacked, self.find_repacking())
            held.callback(self.backend_buffer_free, buffer)
            self.backend_tensor_set(own, weights, 0, len(weights))
            others = held.enter_context(self.context())
            given = self.new_tensor_2d(others, F32, width, count)
            product = self.mul_mat(others, own, given)
            held.callback(self.backend_buffer_free, self.backend_alloc_ctx_tensors(others, backend))
            self.backend_tensor_set(given, rows.tobytes(), 0, rows.nbytes)
            graph = self.new_graph(others)
            self.build_forward_expand(graph, product)
            assert self.backend_graph_compute(backend, graph) == 0
            found = np.empty((count, outputs), np.float32)
            place = found.ctypes.data_as(c_void_p)
            self.backend_tensor_get(product, place, 0, found.nbytes)
            return found
