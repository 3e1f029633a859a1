"""The Dockerfile keeps what its linter cannot know: our user, our build options, our files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.settings import list_variables

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def stages() -> list[list[str]]:
    """The instructions of each build stage, comments left out, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    starts = [n for n, line in enumerate(lines) if line.startswith("FROM ")]
    return [lines[a:b] for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]


def test_every_base_image_is_held_at_a_version(stages: list[list[str]]) -> None:
    assert [stage[0] for stage in stages if not re.match(r"FROM \S+:\d+\.\d+", stage[0])] == []


def test_container_does_not_run_as_root(stages: list[list[str]]) -> None:
    users = [line.split()[1] for line in stages[-1] if line.startswith("USER ")]
    assert users, "no USER"
    # A number, since Kubernetes' runAsNonRoot cannot look into /etc/passwd.
    assert users[-1].isdigit()
    assert int(users[-1]) > 0


def test_final_image_has_no_compiler(stages: list[list[str]]) -> None:
    assert "build-essential" in " ".join(stages[0])
    assert "build-essential" not in " ".join(stages[-1])


def test_llama_cpp_is_compiled_with_our_options(stages: list[list[str]]) -> None:
    (install,) = [line for line in stages[0] if "pip install --requirement" in line]
    assert "CMAKE_PROJECT_INCLUDE=/opt/newsmill/llama-cpp.cmake" in install


def test_packages_left_out_of_the_image_are_the_embedded_servers(stages: list[list[str]]) -> None:
    (install,) = [line for line in stages[0] if "grep -vE" in line]
    left_out = re.search(r"\^\((.*?)\)", install)
    assert left_out is not None
    lock = (ROOT / "requirements.lock").read_text()
    assert all(f"\n{name}==" in lock for name in left_out[1].split("|"))


def test_signals_reach_the_worker_through_an_init(stages: list[list[str]]) -> None:
    assert 'ENTRYPOINT ["tini", "--"]' in stages[-1]
    environment = " ".join(line for line in stages[-1] if line.startswith("ENV "))
    assert "REMAP_SIGTERM=SIGQUIT" in environment
    settings = re.findall(r"(NEWSMILL_\w+)=", environment)
    assert set(settings) <= list_variables().keys()


def test_image_holds_every_package_and_every_folder_of_data() -> None:
    allowed = (ROOT / ".dockerignore").read_text()
    pyproject = (ROOT / "pyproject.toml").read_text()
    packages = re.findall(r'^  "(\w+)\*",$', pyproject, re.MULTILINE)
    for folder in {*packages, "lenses", "migrations", "models"} - {"bench"}:
        assert f"\n!{folder}/\n" in allowed, folder


def test_nothing_is_fetched_past_the_package_managers(stages: list[list[str]]) -> None:
    everything = "\n".join(line for stage in stages for line in stage)
    assert not re.search(r"^ADD |curl|wget|https?://", everything, re.MULTILINE)
