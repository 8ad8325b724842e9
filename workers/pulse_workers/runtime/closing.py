"""Disconnecting at the end of a process: it must never hold up the end, or keep it from coming."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from nats.aio.client import Client

logger = logging.getLogger("pulse.workers.closing")

CLOSE_TIMEOUT_S: Final = 5.0


async def close_all(
    *closings: Callable[[], Awaitable[object]], limit: float = CLOSE_TIMEOUT_S
) -> None:
    """Close one after the other, what fails as well as what does not.

    While the server is away nats-py writes what it still holds to a transport that is closed
    already, and fails. Whatever cannot be closed in order is closed by the end of the process.

    Args:
        closings: the first first.
        limit: seconds for all of them.
    """
    try:
        async with asyncio.timeout(limit):
            for close in closings:
                try:
                    await close()
                except Exception as error:  # noqa: BLE001 - the next one is to be closed as well
                    logger.debug("not closed in order: %r", error)
    except TimeoutError:
        logger.debug("not closed within %g s", limit)


async def close_client(client: Client) -> None:
    """Close one connection."""
    await close_all(client.close)
