"""Waiting for an answer only as long as one can still come."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from nats import errors
from nats.js.errors import ServiceUnavailableError

from pulse_desktop.model.errors import NoJetStreamError, NotConnectedError, NotPermittedError
from pulse_desktop.nats_client.permission_violations import PermissionViolations

Answer = TypeVar("Answer")

_NO_JETSTREAM: Final = frozenset({None, 10008, 10039, 10076})
"""Nobody answers, not ready, off for the account, off; other codes are about one stream."""


async def request_or_fail(
    request: Coroutine[Any, Any, Answer],
    subjects: tuple[str, ...],
    refusals: PermissionViolations,
    lost: asyncio.Event,
) -> Answer:
    """Await a request unless the server refuses it or the connection goes.

    Args:
        request: a request of the client library.
        subjects: what it publishes to.
        refusals: where a refusal would be noted.
        lost: set when the connection is gone.

    Raises:
        NotPermittedError: one of the subjects is refused.
        NotConnectedError: the connection was lost.
        NoJetStreamError: nobody answers where JetStream should.
    """
    answer = asyncio.ensure_future(request)
    end = asyncio.ensure_future(lost.wait())
    with refusals.watch(*subjects) as refused:
        try:
            hopes: set[asyncio.Future[Any]] = {answer, refused, end}
            await asyncio.wait(hopes, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if refused.done():
                raise NotPermittedError("publish to", refused.result())
            raise NotConnectedError
        except ServiceUnavailableError as error:
            if error.err_code in _NO_JETSTREAM:
                raise NoJetStreamError from None
            raise
        except errors.ConnectionClosedError:
            raise NotConnectedError from None
        finally:
            await cancel_and_wait(end)
            await cancel_and_wait(answer)


async def wait_for(limit: float, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Await something for at most `limit` seconds.

    Unlike `asyncio.wait_for`, which before Python 3.12 could lose a cancellation that came at the
    moment of the result, this never swallows one.

    Raises:
        TimeoutError: it took longer.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=limit)
        if not done:
            raise TimeoutError
        return task.result()
    finally:
        await cancel_and_wait(task)


async def cancel_and_wait(task: asyncio.Future[Any]) -> None:
    """Cancel one's own task and wait for its end, even if it swallows a cancellation."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.1)
    if not task.cancelled():
        task.exception()
