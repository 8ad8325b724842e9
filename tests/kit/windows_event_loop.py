"""Asyncio as it is on Windows: its event loop has no signal handlers."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from unittest import mock


@contextlib.contextmanager
def without_signal_handlers() -> Iterator[None]:
    """Make `add_signal_handler` fail, and restore the handlers of the process at the end."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    with mock.patch.object(
        asyncio.SelectorEventLoop, "add_signal_handler", side_effect=NotImplementedError
    ):
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def raise_signal_soon() -> None:
    """Send SIGTERM to this process while the event loop runs."""
    asyncio.get_running_loop().call_later(0.01, signal.raise_signal, signal.SIGTERM)
