"""docker-compose.yml: valid, whole, and the same mill as the one `newsmill up` starts."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from newsmill.flower_access import FlowerAccess
from newsmill.processes import ProcessSpec, plan_beat, plan_flower, plan_workers
from schemas.settings import Settings, list_variables
from workers.queues import STAGES

ROOT = Path(__file__).resolve().parents[3]
FILE = ROOT / "docker-compose.yml"
HOME = Path("/var/lib/newsmill")
SERVERS = ("postgres", "redis")
ONE_SHOT = ("migrate",)
MACHINE_GIB = 16


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    loaded: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text())["services"]
    return loaded


def planned(name: str) -> ProcessSpec:
    """What the supervisor would start under that name with the default settings."""
    access = FlowerAccess(5555, "newsmill", SecretStr("secret"), password_file=None)
    workers = plan_workers(Settings.model_construct(home=HOME))
    specs = [*workers, plan_beat(HOME), plan_flower(HOME, access)]
    return next(spec for spec in specs if spec.name == name)


def with_defaults(command: str) -> list[str]:
    """The words of a command in which no variable is set."""
    return shlex.split(re.sub(r"\$\{\w+:-(\w*)\}", r"\1", command))


def seconds(duration: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(s|m)", duration).groups()  # type: ignore[union-attr]
    return float(number) * {"s": 1, "m": 60}[unit]


def gibibytes(size: str) -> float:
    number, unit = re.fullmatch(r"(\d+)(m|g)", size).groups()  # type: ignore[union-attr]
    return float(number) / {"m": 1024, "g": 1}[unit]


def test_file_is_valid_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([*command, str(FILE)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_every_process_of_the_mill_has_its_service(services: dict[str, Any]) -> None:
    assert services.keys() == {*SERVERS, *ONE_SHOT, *STAGES, "beat", "flower"}


@pytest.mark.parametrize("name", [*STAGES, "beat", "flower"])
def test_service_starts_with_the_supervisors_command(name: str, services: dict[str, Any]) -> None:
    _, *arguments = planned(name).command
    assert with_defaults(services[name]["command"]) == ["python", *arguments]


@pytest.mark.parametrize("stage", STAGES)
def test_worker_is_stopped_as_the_supervisor_stops_it(stage: str, services: dict[str, Any]) -> None:
    spec = planned(stage)
    assert seconds(services[stage]["stop_grace_period"]) >= spec.stop_s
    assert services[stage]["environment"].items() >= spec.environment.items()


@pytest.mark.parametrize("stage", STAGES)
def test_health_of_a_worker_is_asked_of_that_worker(stage: str, services: dict[str, Any]) -> None:
    assert f"{stage}@$$HOSTNAME" in services[stage]["healthcheck"]["test"]


def test_flower_keeps_its_history_and_wants_a_password(services: dict[str, Any]) -> None:
    environment, ours = services["flower"]["environment"], planned("flower").environment
    assert environment.keys() >= ours.keys()
    for name in ("PERSISTENT", "DB", "STATE_SAVE_INTERVAL", "MAX_TASKS"):
        assert environment[f"FLOWER_{name}"] == ours[f"FLOWER_{name}"]
    assert int(ours["FLOWER_STATE_SAVE_INTERVAL"]) >= 60_000, "it writes all tasks each time"
    assert ":?" in environment["FLOWER_BASIC_AUTH"]


def test_only_flower_has_a_port_and_only_on_the_loopback(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert list(ports) == ["flower"]
    assert all(port.startswith("127.0.0.1:") for port in ports["flower"])


def test_every_variable_stands_in_the_example_file() -> None:
    text = FILE.read_text()
    asked_for = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    example = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked_for <= example


def test_every_setting_given_to_a_service_is_one(services: dict[str, Any]) -> None:
    given = {name for service in services.values() for name in service.get("environment", {})}
    assert {name for name in given if name.startswith("NEWSMILL_")} <= list_variables().keys()


def test_every_lasting_service_is_watched_restarted_and_limited(services: dict[str, Any]) -> None:
    for name in services.keys() - set(ONE_SHOT):
        service = services[name]
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name


def test_all_services_together_leave_the_machine_some_memory(services: dict[str, Any]) -> None:
    limits = [service["deploy"]["resources"]["limits"]["memory"] for service in services.values()]
    assert sum(map(gibibytes, limits)) <= 0.9 * MACHINE_GIB


def test_servers_keep_their_data_in_volumes(services: dict[str, Any]) -> None:
    volumes = yaml.safe_load(FILE.read_text())["volumes"]
    for name in SERVERS:
        volume, _ = services[name]["volumes"][0].split(":")
        assert volume in volumes
    assert "--appendonly yes" in services["redis"]["command"][-1]


def test_images_of_others_are_held_at_a_major_version(services: dict[str, Any]) -> None:
    for name in SERVERS:
        assert re.search(r":\d+", services[name]["image"]), name
