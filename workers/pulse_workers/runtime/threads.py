"""Threads in which sync tasks run, and which can be left behind.

A thread cannot be ended from outside. One whose task was given back or timed out runs on, and
must not keep its process from ending.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class TaskThreads(ThreadPoolExecutor):
    """A pool of threads that knows whether it is at work."""

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, thread_name_prefix=name)
        self._at_work: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run something in a thread."""
        future = super().submit(fn, *args, **kwargs)
        self._at_work.add(future)
        future.add_done_callback(self._at_work.discard)
        return future

    @property
    def busy(self) -> bool:
        """Whether a thread has not come to its end, whoever still waits for it."""
        return bool(self._at_work)
