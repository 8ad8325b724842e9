"""The stored results of a bucket with their outcomes, newest first, a page at a time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Final, NamedTuple

from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.run_updates import (
    update_from_result,
    update_from_unread_result,
    update_from_unreadable_result,
)
from pulse_desktop.transport.connection import Connection
from pulse_desktop.transport.object_pages import ObjectPages

CONCURRENCY: Final = 32
"""Results that are read at the same time, with requests of their own each: their round trips to a
distant server do not add up. `load` limits the size of each."""

PAGE_SIZE: Final = 500

Body = TaskResult | str | None
"""What a stored result says, why it cannot be read, or None if it is too large."""

Load = Callable[[StoredObject], Awaitable[tuple[StoredObject, Body] | None]]
"""Returns a stored result, or what has replaced it, and its body; None if it was deleted."""


class ResultPage(NamedTuple):
    """Some of the stored results, newest first.

    Attributes:
        updates: what each result says of its run, without those that were deleted meanwhile.
        unread: about how many older results there are.
        since: Unix seconds at which the oldest of them was stored.
    """

    updates: list[TaskRun]
    unread: int
    since: float


async def result_pages(
    connection: Connection,
    bucket: str,
    load: Load,
    first_page: int,
    *,
    since: float | None = None,
) -> AsyncGenerator[ResultPage, None]:
    """Yield the stored results a page at a time, newest first, with their outcomes.

    Nothing is folded and nothing else is kept, so a bucket of any size can be read.

    Args:
        connection: must be connected.
        bucket: name of the bucket.
        load: reads and decodes a result.
        first_page: about how many results the first page has. Later ones are larger.
        since: Unix seconds; older results are left out.

    Raises:
        NotConnectedError: there is no connection, or it was lost meanwhile.
        NoJetStreamError: the server has no JetStream.
        NotPermittedError: the server denies one of the subjects.
        UserFacingError: JetStream reported another error, or did not respond.
    """
    pages = ObjectPages(connection, bucket, since=since)
    turns = asyncio.Semaphore(CONCURRENCY)

    async def update(stored: StoredObject) -> TaskRun | None:
        async with turns:
            loaded = await load(stored)
        return None if loaded is None else _update(*loaded)

    size = min(first_page, PAGE_SIZE)
    while objects := await pages.next(size):
        loading = [asyncio.ensure_future(update(stored)) for stored in objects]
        try:
            found = await asyncio.gather(*loading)
        finally:
            await cancel_and_wait(*loading)
        updates = [each for each in found if each is not None]
        yield ResultPage(updates, pages.unread, objects[-1].stored_at)
        size = PAGE_SIZE


def _update(stored: StoredObject, body: Body) -> TaskRun:
    match body:
        case TaskResult():
            return update_from_result(stored.key, body, stored)
        case None:
            return update_from_unread_result(stored)
    return update_from_unreadable_result(stored, body)
