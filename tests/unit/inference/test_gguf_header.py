from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from inference.builds import Build
from inference.gguf_header import ModelSizes, read_sizes
from schemas.errors import ConfigError
from tests.gguf_files import SIZES, make_header, write_model


def test_sizes_of_the_starter_are_read(starter_build: Build) -> None:
    sizes = read_sizes(starter_build.model_path)
    assert sizes.architecture == "gemma3"
    assert (sizes.layers, sizes.width, sizes.vocabulary) == (6, 256, 8192)
    assert sizes.context == starter_build.manifest.n_ctx_train


def test_what_a_file_does_not_say_follows_from_the_width_of_a_head(tmp_path: Path) -> None:
    said = {key: value for key, value in SIZES.items() if "_length" not in key[17:]}
    said = {key: value for key, value in said.items() if "kv" not in key}
    said |= {"gemma3.feed_forward_length": 512, "gemma3.context_length": 9}
    path = tmp_path / "m.gguf"
    path.write_bytes(make_header(said))
    assert read_sizes(path) == ModelSizes("gemma3", 2, 128, 512, 4, 4, 32, 32, 9, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a GGUF file"),
        (make_header()[:40], "is damaged"),
        (make_header({"general.architecture": "gemma3"}), "has no 'gemma3.embedding_length'"),
        (make_header({"a": "b"}), "has no 'general.architecture'"),
    ],
)
def test_header_that_does_not_say_them_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read_sizes(path)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_give_sizes_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int
) -> None:
    whole = make_header()
    path = tmp_path_factory.getbasetemp() / "noise.gguf"
    path.write_bytes(whole[: 4 + at] + noise + whole[4 + at + len(noise) :])
    with suppress(ConfigError):
        read_sizes(path)


def test_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.gguf: cannot be read"):
        read_sizes(tmp_path / "none.gguf")


def test_written_model_can_be_read(tmp_path: Path) -> None:
    path = write_model(tmp_path / "m.gguf", **{"gemma3.block_count": 7})
    assert read_sizes(path).layers == 7
