"""Deletion of the checkpoint of a task that does not continue."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from pulse_workers.chat.store.state import StateStore
from pulse_workers.errors import OUTAGE_ERRORS
from pulse_workers.execution.interrupt import stop_requested


@contextlib.asynccontextmanager
async def delete_at_end(state: StateStore, key: str) -> AsyncIterator[None]:
    """Delete a checkpoint when the enclosed block ends, unless another attempt continues.

    One continues after an outage of the server or the `timeout` of the task, which are retried, and
    when a worker that stops requeues the task. What the last attempt leaves expires.

    Args:
        state: which has the checkpoint.
        key: of the checkpoint.
    """
    try:
        yield
    except OUTAGE_ERRORS:
        raise
    except asyncio.CancelledError:
        if stop_requested():
            await _delete(state, key)
        raise
    except Exception:
        await _delete(state, key)
        raise
    else:
        await state.delete(key)


async def _delete(state: StateStore, key: str) -> None:
    with contextlib.suppress(*OUTAGE_ERRORS):  # the error of the task is told, not this one
        await state.delete(key)
