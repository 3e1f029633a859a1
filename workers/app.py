"""The Celery application: `celery -A workers.app worker -Q ingest,tick` and the like.

Importing it reads no setting and opens no connection: Celery asks for its configuration when it
first needs it.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.signals import setup_logging
from kombu.utils.objects import cached_property

from newsmill.logging import configure_logging
from schemas.settings import Settings, load_settings
from workers.config import celery_config
from workers.queues import QUEUES
from workers.shutdown import SoftStoppingWorker


class MillCelery(Celery):
    """Celery with a worker that tells its children when it stops."""

    @cached_property
    def Worker(self) -> type[SoftStoppingWorker]:  # noqa: N802  # Celery's name for it.
        """The worker's class; `celery worker` asks the application for it."""
        worker: type[SoftStoppingWorker] = self.subclass_with_self(SoftStoppingWorker)
        return worker


_chosen: Settings | None = None


def configure(settings: Settings) -> Celery:
    """Use other settings than the environment's: for a command that sends messages."""
    global _chosen  # noqa: PLW0603  # As the application itself, one to a process.
    _chosen = settings
    if app.configured:
        app.conf.update(_configuration())
    return app


def _configuration() -> dict[str, Any]:
    return celery_config(_chosen or load_settings())


app = MillCelery("newsmill", include=[f"workers.{queue}" for queue in QUEUES])
app.add_defaults(_configuration)


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    configure_logging(load_settings().log)
