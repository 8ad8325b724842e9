"""Tasks that a worker is offered and does not know, and those that it will be offered.

All workers of a queue share its tasks, so that one with fewer tasks than the others is offered what
it cannot run. That is a mistake in the deployment, which only the log and the heartbeats can show.
"""

import logging
from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec
from nats.aio.client import Client

from pulse_workers.brokers.core_delivery import HOPS, CoreDelivery
from pulse_workers.errors import OUTAGE_ERRORS

logger = logging.getLogger("pulse.workers.unknown_tasks")

MAX_HOPS: Final = 32
"""How often a task is published again by core workers that do not have it, before it fails."""
MAX_NAMES: Final = 20
"""Names in the log and in a heartbeat. Senders choose the names."""
_MAX_LENGTH: Final = 200
_ADVICE: Final = (
    "All workers of a queue need the same tasks: set PULSE_WORKER_TASKS, or move this worker to "
    "an account or a server of its own"
)


class _TaskName(msgspec.Struct):
    task_name: str


_decode = msgspec.json.Decoder(_TaskName).decode


class UnknownTasks:
    """Names of tasks that this worker lacks.

    Attributes:
        offered: how often each unknown name was delivered to this worker, at most 20 names.
        missing: names that other workers of the queue have, at most 20, sorted.
    """

    def __init__(self, known: Callable[[], Collection[str]], what_happens: str) -> None:
        """Start without any name.

        Args:
            known: returns the names of this worker's tasks.
            what_happens: to a task of an unknown name; for the log.
        """
        self.offered: dict[str, int] = {}
        self.missing: tuple[str, ...] = ()
        self._known = known
        self._what_happens = what_happens

    def offer(self, name: str) -> None:
        """Record that a task of an unknown name was delivered here."""
        name = name[:_MAX_LENGTH]
        if name not in self.offered:
            if len(self.offered) >= MAX_NAMES:
                return
            logger.warning(
                "offered a task that this worker does not have: %r. %s. %s",
                name,
                self._what_happens,
                _ADVICE,
            )
        self.offered[name] = self.offered.get(name, 0) + 1

    def compare(self, worker: str, names: Collection[str]) -> None:
        """Compare this worker's tasks with those that another worker of the queue announces."""
        missing = {name[:_MAX_LENGTH] for name in set(names) - set(self._known())}
        new = sorted(missing - set(self.missing))
        if not new or len(self.missing) >= MAX_NAMES:
            return
        shown = ", ".join(map(repr, new[:MAX_NAMES])) + (", …" if len(new) > MAX_NAMES else "")
        logger.warning(
            "%s takes tasks from the same queue and has tasks that this worker lacks: %s. This "
            "worker is offered such tasks, too. %s. %s",
            worker[:_MAX_LENGTH],
            shown,
            self._what_happens,
            _ADVICE,
        )
        self.missing = tuple(sorted({*self.missing, *new})[:MAX_NAMES])

    def fields(self) -> dict[str, Any]:
        """Return the fields of a heartbeat; none while every task is known."""
        fields = {"unknown_tasks": self.offered, "missing_tasks": list(self.missing)}
        return {name: value for name, value in fields.items() if value}


async def publish_again(client: Client, subject: str, delivery: CoreDelivery) -> bool:
    """Publish a task for another member of the queue group; False without a connection."""
    headers = {**delivery.handoff_headers(), HOPS: str(delivery.hops + 1)}
    try:
        await client.publish(subject, delivery.data, headers=headers)
    except OUTAGE_ERRORS as error:
        logger.warning("a task is not published again: %s", type(error).__name__)
        return False
    return True


def task_name_of(message: bytes) -> str | None:
    """Return the task name of a JSON message, None if it has none that can be read."""
    try:
        return _decode(message).task_name
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
