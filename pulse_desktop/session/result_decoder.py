"""Decodes bodies from a result bucket without delaying the event loop, whatever they hold.

A small body that needs little work is decoded here. Everything else goes to a process, which is
killed when it exceeds its time, and started again for the next body.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO, Final, TypeVar

from pulse_desktop.launcher import child_environment, module_command
from pulse_desktop.model.errors import NotConnectedError
from pulse_desktop.nats_client.aio import retrieve
from pulse_desktop.protocol.safe_pickle import PickleLimits
from pulse_desktop.protocol.stored_body import sniff_format
from pulse_desktop.protocol.task_result import (
    TaskProgress,
    TaskResult,
    UnreadableResultError,
    decode_progress,
    decode_result,
)
from pulse_desktop.session.decoder_process import (
    MAX_MEMORY,
    Request,
    read_progress,
    read_result,
    send_request,
    wait_until_ready,
)
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

T = TypeVar("T")

SMALL_LIMITS: Final = PickleLimits(
    max_bytes=16 << 10,
    max_nodes=1_000,
    max_text_bytes=64 << 10,
    max_opcodes=2_000,
    max_memory=1 << 20,
    max_memo=1_000,
)
"""Limits of what is decoded in the event loop: a few milliseconds, however hostile."""

_START_TIMEOUT_S: Final = 30.0


def decode_small(body: bytes) -> TaskResult | None:
    """Decode a result in the event loop; None if it is too expensive for that, or unreadable."""
    if len(body) <= SMALL_LIMITS.max_bytes:
        with contextlib.suppress(UnreadableResultError):
            return decode_result(body, SMALL_LIMITS)
    return None


class ResultDecoder:
    """Decodes one body at a time. The process is started when it is first needed."""

    def __init__(self, budget_s: float) -> None:
        """Create a decoder.

        Args:
            budget_s: seconds that decoding one body may take.
        """
        self._budget_s = budget_s
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "result decoder")
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._is_discarded = False

    @property
    def pid(self) -> int | None:
        """Id of the process, None while it is not running."""
        return self._process.pid if self._process is not None else None

    async def decode_result(self, body: bytes, *, whole: bool) -> TaskResult:
        """Decode a stored result.

        Args:
            body: as stored.
            whole: whether the value and all labels are needed; else they may be missing.

        Raises:
            UnreadableResultError: it cannot be decoded, or is too expensive to decode.
            NotConnectedError: the decoder is closed.
        """
        if (result := decode_small(body)) is not None:
            return result
        return await self._request(Request("result", body, whole, self._budget_s), read_result)

    async def decode_progress(self, body: bytes) -> TaskProgress:
        """Decode a stored progress object.

        Raises:
            UnreadableResultError: it cannot be decoded, or is too expensive to decode.
            NotConnectedError: the decoder is closed.
        """
        if len(body) <= SMALL_LIMITS.max_bytes:
            with contextlib.suppress(UnreadableResultError):
                return decode_progress(body, SMALL_LIMITS)
        return await self._request(Request("progress", body, True, self._budget_s), read_progress)

    async def close(self) -> None:
        """End the process."""
        if self._closed:
            return
        self._closed = self._is_discarded = True
        self._kill()
        async with self._lock:
            await self._discard()
            self._thread.shutdown(wait=False)

    async def _request(self, request: Request, read: Callable[[BinaryIO], T]) -> T:
        async with self._lock:
            if self._closed:
                raise NotConnectedError
            try:
                await self._in_thread(self._start, _START_TIMEOUT_S)
                if self._closed:
                    raise NotConnectedError
                return await self._in_thread(lambda: self._exchange(request, read), self._budget_s)
            except TimeoutError:
                reason = _("decoding it takes more than {seconds:g} s").format(
                    seconds=self._budget_s
                )
            except MemoryError:
                await self._discard()  # gives the memory back
                reason = _("decoding it needs more than {size}").format(
                    size=formats.size(MAX_MEMORY)
                )
            except (EOFError, OSError) as error:
                await self._discard()
                reason = _("the process that decodes it ended ({error})").format(
                    error=str(error) or type(error).__name__
                )
            text = _("too expensive to read: {reason}").format(reason=reason)
            raise UnreadableResultError(sniff_format(request.body), text)

    async def _in_thread(self, function: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109
        """Run a function that uses the process; when it is abandoned, the process is killed.

        Raises:
            TimeoutError: not in time.
        """
        running = asyncio.get_running_loop().run_in_executor(self._thread, function)
        try:
            async with asyncio.timeout(timeout):
                return await asyncio.shield(running)
        finally:
            if not running.done():
                running.add_done_callback(retrieve)
                await self._discard()

    # In the thread, in the order of the calls.

    def _start(self) -> None:
        if self._process is not None:
            return
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        self._process = subprocess.Popen(  # noqa: S603
            module_command("pulse_desktop.session.decoder_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
            creationflags=flags,
        )
        if self._is_discarded:
            self._process.kill()  # it did not exist when the others would have killed it
        wait_until_ready(self._pipes()[1])

    def _exchange(self, request: Request, read: Callable[[BinaryIO], T]) -> T:
        requests, responses = self._pipes()
        send_request(requests, request)
        return read(responses)

    def _pipes(self) -> tuple[BinaryIO, BinaryIO]:
        process: Any = self._process
        return process.stdin, process.stdout

    def _reap(self) -> None:
        process, self._process = self._process, None
        self._is_discarded = False
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):  # what was written and not sent is lost
                process.communicate()

    # In the event loop.

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()

    async def _discard(self) -> None:
        """End the process; freeing the memory of a large one takes time, so the thread waits."""
        self._is_discarded = True
        self._kill()
        loop = asyncio.get_running_loop()
        await asyncio.shield(loop.run_in_executor(self._thread, self._reap))
