"""Tasks in progress in this process, and how one of them is cancelled."""

import asyncio
import dataclasses
from typing import Any, Protocol

from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_workers.execution.cancellation import Cancellation
from pulse_workers.execution.delivery import Delivery, Phase


@dataclasses.dataclass(frozen=True)
class RunningTask:
    """A task in progress.

    Attributes:
        task_id: its id, empty when the message cannot be decoded.
        task_name: its name.
        started_at: Unix seconds.
        asyncio_task: the asyncio task that runs it.
        delivery: the delivery it belongs to.
    """

    task_id: str
    task_name: str
    started_at: float
    asyncio_task: asyncio.Task[Any]
    delivery: Delivery

    def describe(self) -> dict[str, object]:
        """Return the task's entry in a heartbeat."""
        return {
            "task_id": self.task_id,
            "task_name": self.task_name,
            "started_at": format_timestamp(self.started_at),
            "attempt": self.delivery.attempt,
        }

    def interrupt(self, cancellation: Cancellation) -> None:
        """Interrupt a task function, or ask a thread to stop; no effect once it has returned."""
        delivery = self.delivery
        if delivery.phase is Phase.FINISHING or delivery.requeued:
            return
        delivery.cancellation = cancellation
        if delivery.phase is Phase.RUNNING and not delivery.is_sync:
            delivery.stop_observed = True
            delivery.interruptions += 1
            self.asyncio_task.cancel(str(cancellation))


class TaskCanceller(Protocol):
    """Cancels tasks of this process: our receiver, or the middleware of another project."""

    async def cancel(
        self,
        task_id: str,
        cancellation: Cancellation,
        timeout: float,  # noqa: ASYNC109 - no error
    ) -> Delivery | None:
        """Cancel a task pending or running in this process, and never start it later.

        Args:
            task_id: the task to cancel.
            cancellation: who requested it, and why.
            timeout: seconds to wait for the task to end.

        Returns:
            The delivery it was found in, or None. Its phase and error show the outcome.
        """
