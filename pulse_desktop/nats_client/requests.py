"""Requests that fail as soon as no answer can arrive any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from nats import errors

from pulse_desktop.model.errors import NotConnectedError, NotPermittedError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.permission_violations import PermissionViolations

Answer = TypeVar("Answer")


async def request_or_fail(
    request: Coroutine[Any, Any, Answer],
    subjects: tuple[str, ...],
    violations: PermissionViolations,
    lost: asyncio.Event,
) -> Answer:
    """Await a NATS request; fail early if it is refused or the connection is lost.

    Args:
        request: a request of the client library.
        subjects: what it publishes to.
        violations: where a refusal is reported.
        lost: set when the connection is lost.

    Raises:
        NotPermittedError: one of the subjects is refused.
        NotConnectedError: the connection was lost.
    """
    answer = asyncio.ensure_future(request)
    end = asyncio.ensure_future(lost.wait())
    with violations.watch(*subjects) as refused:
        try:
            pending: set[asyncio.Future[Any]] = {answer, refused, end}
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if refused.done():
                raise NotPermittedError(refused.result())
            raise NotConnectedError
        except errors.ConnectionClosedError:
            raise NotConnectedError from None
        finally:
            await cancel_and_wait(end, answer)
