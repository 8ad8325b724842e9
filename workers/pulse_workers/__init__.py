"""TaskIQ workers on NATS, and what other TaskIQ projects can use of them.

    PulseMiddleware    publishes the events of any TaskIQ broker, for Pulse Desktop to show, and
                       lets it cancel tasks
    EventMiddleware    the earlier name of PulseMiddleware
    task               decorator for tasks that `pulse-worker` runs (PULSE_WORKER_TASKS)
    stop_requested     whether a task, in a thread or a long loop, was requested to stop
    Settings           settings of a worker
    load_settings      reads them from the environment and the settings files

Importing this package has no side effects; the names are loaded on first use. All other modules
are internal.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pulse_workers.config.settings import Settings, load_settings
    from pulse_workers.execution.interrupt import stop_requested
    from pulse_workers.middleware import EventMiddleware, PulseMiddleware
    from pulse_workers.registry import task

__all__ = [
    "EventMiddleware",
    "PulseMiddleware",
    "Settings",
    "load_settings",
    "stop_requested",
    "task",
]

_MODULES: Final = {
    "EventMiddleware": "pulse_workers.middleware",
    "PulseMiddleware": "pulse_workers.middleware",
    "Settings": "pulse_workers.config.settings",
    "load_settings": "pulse_workers.config.settings",
    "stop_requested": "pulse_workers.execution.interrupt",
    "task": "pulse_workers.registry",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
