"""How a function becomes a task, before there is a broker.

Task modules say `@task(max_attempts=3)`; the process that runs or enqueues them says which broker
that is. A module named in PULSE_WORKER_TASKS is imported like our own.
"""

import importlib
from collections.abc import Sequence
from typing import Final

from taskiq import async_shared_broker

from pulse_workers.errors import SettingsError

OWN_TASKS: Final = (
    "pulse_workers.chat.tasks.ingestion",
    "pulse_workers.chat.tasks.scoring",
    "pulse_workers.chat.tasks.embedding",
    "pulse_workers.chat.tasks.knowledge",
)

task = async_shared_broker.task
"""Decorator: `@task()` or `@task(max_attempts=3, retry_delay=2)`; retries: `brokers.retries`."""


def import_tasks(more: Sequence[str] = ()) -> None:
    """Import the modules that define tasks.

    Raises:
        SettingsError: one of `more` cannot be imported.
    """
    for name in OWN_TASKS:
        importlib.import_module(name)
    for name in more:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise SettingsError(
                "PULSE_WORKER_TASKS", name, f"an importable module ({error})"
            ) from error
