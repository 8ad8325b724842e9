"""Requests that fail as soon as no answer can arrive any more."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from nats import errors
from nats.js.errors import ServiceUnavailableError

from pulse_desktop.model.errors import NoJetStreamError, NotConnectedError, NotPermittedError
from pulse_desktop.nats_client.aio import cancel_and_wait
from pulse_desktop.nats_client.permission_violations import PermissionViolations

Answer = TypeVar("Answer")

_NO_JETSTREAM: Final = frozenset({None, 10008, 10039, 10076})
"""No responders, not ready, off for the account, off; other codes are about one stream."""


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
        NoJetStreamError: no server answers JetStream requests.
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
                raise NotPermittedError("publish to", refused.result())
            raise NotConnectedError
        except ServiceUnavailableError as error:
            if error.err_code in _NO_JETSTREAM:
                raise NoJetStreamError from None
            raise
        except errors.ConnectionClosedError:
            raise NotConnectedError from None
        finally:
            await cancel_and_wait(end, answer)
