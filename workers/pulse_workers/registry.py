"""Registration of tasks, before there is a broker.

Task modules use `@task(max_attempts=3)`; the process that runs or enqueues their tasks calls
`use_broker`.
"""

import importlib
import traceback
from collections.abc import Sequence
from typing import Any, Final

from taskiq import AsyncBroker, AsyncTaskiqDecoratedTask, async_shared_broker
from taskiq.labels import parse_label, prepare_label

from pulse_desktop.text.translation import _
from pulse_workers.config.known_secrets import describe_error
from pulse_workers.errors import SettingsError

_MAX_REASON: Final = 500

task = async_shared_broker.task
"""Decorator: `@task()` or `@task(max_attempts=3, retry_delay=2)`; retries: `execution.retries`."""


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
        SettingsError: one of them cannot be imported, whatever its own code raises. `__cause__` is
            that error.
    """
    for name in modules:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:
            reason = " ".join(describe_error(error, _MAX_REASON).split())
            text = f"{reason}{_place(name, error)}"
            expected = _("an importable module ({error})").format(error=text)
            raise SettingsError("PULSE_WORKER_TASKS", name, expected) from error


def _place(name: str, error: BaseException) -> str:
    """Return the last line of the module, or of its package, that led to an error."""
    package, place = name.partition(".")[0], ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if str(frame.f_globals.get("__name__")).partition(".")[0] == package:
            place = f", {frame.f_code.co_filename}:{line}"
    return place
