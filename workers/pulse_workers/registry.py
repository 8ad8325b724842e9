"""Registration of tasks, before there is a broker.

Task modules use `@task(max_attempts=3)`; the process that runs or enqueues their tasks calls
`use_broker`.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask, async_shared_broker
from taskiq.labels import parse_label, prepare_label

from pulse_desktop.text.translation import _
from pulse_workers.errors import SettingsError

task = async_shared_broker.task
"""Decorator: `@task()` or `@task(max_attempts=3, retry_delay=2)`; retries: `brokers.retries`."""


def use_broker(broker: AsyncBroker) -> None:
    """Enqueue tasks with this broker from now on."""
    async_shared_broker.default_broker(broker)


def decorator_labels(task: AsyncTaskiqDecoratedTask[Any, Any]) -> dict[str, Any]:
    """Return the labels of a task's decorator, as TaskIQ sends them with the task.

    Only a process that has the task can do that; a task that any other sends has to be completed.
    """
    return {name: parse_label(*prepare_label(value)) for name, value in task.labels.items()}


def import_tasks(modules: Sequence[str]) -> None:
    """Import the modules of PULSE_WORKER_TASKS.

    Raises:
        SettingsError: one of them cannot be imported.
    """
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            expected = _("an importable module ({error})").format(error=error)
            raise SettingsError("PULSE_WORKER_TASKS", name, expected) from error
