"""A server that speaks the Telegram Bot API over real HTTP: getMe and getUpdates, errors on demand.

Like Telegram it forgets the updates before a requested offset, holds a poll until there is an
update or its time is over, and ends a poll with 409 when another one begins.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import json
import threading
from collections.abc import Iterator
from typing import Any, Final

from tests.kit.loopback_server import LoopbackServer

BOT_ID: Final = 110201543
TOKEN: Final = f"{BOT_ID}:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
_REASONS: Final = {200: "OK", 302: "Found", 401: "Unauthorized", 404: "Not Found",
                   409: "Conflict", 429: "Too Many Requests"}  # fmt: skip


@dataclasses.dataclass
class Fault:
    """How the server answers one request instead of correctly.

    Attributes:
        status: HTTP status.
        description: of the error; `{path}` becomes the path of the request, with the token.
        retry_after: seconds, in the parameters of the error.
        body: the HTTP body as it is, instead of an error.
        headers: additional headers.
        close: close the connection without a response.
        cut: send only half of the body that is announced.
    """

    status: int = 200
    description: str = "told to fail"
    retry_after: int | None = None
    body: bytes | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    close: bool = False
    cut: bool = False


class TelegramBotServer(LoopbackServer):
    """The server, in the event loop of the test.

    Attributes:
        updates: those that have not been confirmed.
        faults: answers to the next requests of getUpdates, before correct ones.
        token: the only valid one.
        calls: method and parameters of each request.
        polls: number of polls that are held at the moment.
    """

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__()
        self.updates: list[dict[str, Any]] = []
        self.faults: list[Fault] = []
        self.token = token
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.polls = 0
        self._next_id = 1
        self._arrived = asyncio.Event()
        self._poll = asyncio.Event()

    @property
    def offsets(self) -> list[Any]:
        """The offset of each poll, None for one without."""
        return [given.get("offset") for method, given in self.calls if method == "getUpdates"]

    def send(self, kind: str, update: Any, *, update_id: int | None = None) -> int:
        """Add an update, such as `send("message", {...})`, and return its id."""
        number = self._next_id if update_id is None else update_id
        self._next_id = number + 1
        self.updates.append({"update_id": number, kind: update})
        self._arrived.set()
        return number

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while request := await _read_request(reader):
            if not await self._respond(*request, reader, writer):
                return

    async def _respond(
        self,
        path: str,
        parameters: dict[str, Any],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Send a response; return whether the connection stays open."""
        method = path.rpartition("/")[2]
        self.calls.append((method, parameters))
        fault = None
        if path != f"/bot{self.token}/{method}":
            fault = Fault(401, f"Unauthorized: {path}")
        elif method == "getMe":
            result: Any = {"id": BOT_ID, "is_bot": True, "first_name": "Ops", "username": "ops_bot"}
        elif self.faults:
            fault = self.faults.pop(0)
        else:
            held = asyncio.ensure_future(self._hold(parameters))
            closed = asyncio.ensure_future(reader.read(1))  # the client sends nothing meanwhile
            await asyncio.wait({held, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not held.done():
                held.cancel()
                await asyncio.gather(held, closed, return_exceptions=True)
                return False
            closed.cancel()
            await asyncio.wait({closed})
            result = held.result()
            if result is None:
                text = "Conflict: terminated by other getUpdates request"
                fault = Fault(409, text)
        if fault is not None:
            return await _send_fault(writer, fault, path)
        await _send(writer, 200, json.dumps({"ok": True, "result": result}).encode(), {})
        return True

    async def _hold(self, parameters: dict[str, Any]) -> list[dict[str, Any]] | None:
        """Return updates as soon as there are any; None if another poll begins."""
        self._poll.set()
        self._poll = own = asyncio.Event()
        offset = parameters.get("offset", 0)
        self.updates = [each for each in self.updates if each["update_id"] >= offset]
        allowed = set(parameters.get("allowed_updates", ()))
        self.polls += 1
        try:
            async with asyncio.timeout(parameters.get("timeout", 0)):
                while not (found := self._allowed(allowed)):
                    self._arrived.clear()
                    waits = [asyncio.ensure_future(each.wait()) for each in (self._arrived, own)]
                    try:
                        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for each in waits:
                            each.cancel()
                    if own.is_set():
                        return None
        except TimeoutError:
            return []
        else:
            return found[: parameters.get("limit", 100)]
        finally:
            self.polls -= 1

    def _allowed(self, kinds: set[str]) -> list[dict[str, Any]]:
        return [each for each in self.updates if not kinds or kinds & each.keys()]


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]] | None:
    """Return path and parameters of the next request."""
    line = await reader.readline()
    if not line:
        return None
    length = 0
    while header := (await reader.readline()).strip():
        name, _, value = header.decode().partition(":")
        if name.lower() == "content-length":
            length = int(value)
    body = await reader.readexactly(length)
    return line.split()[1].decode(), json.loads(body or b"{}")


async def _send_fault(writer: asyncio.StreamWriter, fault: Fault, path: str) -> bool:
    if fault.close:
        return False
    body = fault.body
    if body is None:
        error: dict[str, Any] = {"ok": False, "error_code": fault.status}
        error["description"] = fault.description.format(path=path)
        if fault.retry_after is not None:
            error["parameters"] = {"retry_after": fault.retry_after}
        body = json.dumps(error).encode()
    await _send(writer, fault.status, body, fault.headers, cut=fault.cut)
    return not fault.cut


async def _send(
    writer: asyncio.StreamWriter,
    status: int,
    body: bytes,
    headers: dict[str, str],
    *,
    cut: bool = False,
) -> None:
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}"]
    fields = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    lines += [f"{name}: {value}" for name, value in fields.items()]
    writer.write("\r\n".join((*lines, "", "")).encode())
    writer.write(body[: len(body) // 2] if cut else body)
    await writer.drain()


@contextlib.contextmanager
def serve_in_thread() -> Iterator[str]:
    """Run a server for a test without an event loop, and yield its URL."""
    ready: concurrent.futures.Future[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]
    ready = concurrent.futures.Future()

    async def serve() -> None:
        end = asyncio.Event()
        async with TelegramBotServer() as server:
            ready.set_result((server.url, asyncio.get_running_loop(), end))
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    url, loop, end = ready.result(10)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()


def text_message(number: int, text: str, **more: Any) -> dict[str, Any]:
    """Return a message in a supergroup, as the Bot API gives it."""
    return {
        "message_id": number,
        "from": {"id": 7, "is_bot": False, "first_name": "Olena", "last_name": "Hrytsenko"},
        "chat": {"id": -1_000_004_200_001, "type": "supergroup", "title": "Payments team"},
        "date": 1_790_000_000 + number,
        "text": text,
        **more,
    }
