"""Running needs nothing but the packages of the runtime lock.

In the tests' environment torch and the linters bring packages along that running would miss, so
this hides every package that requirements.lock does not name, and imports all that runs.
"""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

PACKAGES = ("schemas", "ingest", "inference", "store", "workers", "newsmill")
# What is imported by name while running: the transport, beat, the pool, Flower, the dialect.
BY_NAME = (
    "alembic.command",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.concurrency.prefork",
    "celery.worker.consumer",
    "flower.command",
    "kombu.transport.redis",
    "sqlalchemy.dialects.postgresql.psycopg",
)

IMPORT_ALL = """
import importlib, sys
hidden, modules = (set(argument.split(",")) for argument in sys.argv[1:])

class Hide:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"{name} is not in requirements.lock", name=name)

sys.meta_path.insert(0, Hide())
for module in sorted(modules):
    importlib.import_module(module)
"""


def list_hidden() -> set[str]:
    """Top-level modules that only packages outside the runtime lock bring."""
    lock = (ROOT / "requirements.lock").read_text()
    locked = {*re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE), "newsmill"}
    return {
        module
        for module, distributions in packages_distributions().items()
        if not locked & {re.sub(r"[-_.]+", "-", name).lower() for name in distributions}
    }


def list_modules() -> set[str]:
    """Every module that may run outside training."""
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    names = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files}
    return {name.removesuffix(".__init__") for name in names}


def test_everything_that_runs_imports_with_the_runtime_lock_alone() -> None:
    hidden, modules = list_hidden(), list_modules() | set(BY_NAME)
    assert {"torch", "pytest"} <= hidden
    arguments = [",".join(sorted(hidden)), ",".join(sorted(modules))]
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-2000:]
