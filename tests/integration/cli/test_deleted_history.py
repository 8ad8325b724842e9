"""Commands say what was deleted while they read history, and fail."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.topics import EVENT_STREAM
from pulse_desktop.transport import message_pages, ordered_consumer
from pulse_desktop.transport.message_pages import MessagePages
from pulse_desktop.transport.ordered_consumer import OrderedConsumer
from tests.kit.cli_process import run_in_process
from tests.kit.filled_server import filled_server, wait_until_stored
from tests.kit.nats_servers import NatsServer

EVENTS = 3_000


@pytest.fixture
def server() -> Iterator[NatsServer]:
    """Yield a server with a long history."""
    with filled_server(_fill) as server:
        yield server


async def _fill(client: Client) -> None:
    js = client.jetstream()
    await js.add_stream(name=EVENT_STREAM, subjects=["websocket.>"])
    error = {"type": "ValueError", "message": "bad", "traceback": None}
    for number in range(EVENTS):
        data = {"task_id": f"{number:032x}", "worker": "w@h:1", "attempt": 1, "error": error}
        _id, payload = encode_event("tasks", "task.failed", data, source="w", now=time.time())
        await client.publish("websocket.tasks", payload)
    await wait_until_stored(client, EVENT_STREAM, EVENTS)


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands read less at once: a tenth of the usual messages is a long history."""
    for command in ("groups", "runs"):
        monkeypatch.setattr(f"pulse_desktop.cli.{command}.NEWEST_MESSAGES", NEWEST_MESSAGES // 10)
    for module, name in (
        (message_pages, "FIRST_PAGE_SIZE"),
        (message_pages, "PAGE_SIZE"),
        (ordered_consumer, "MAX_BATCH"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name) // 10)


@pytest.fixture(params=["delete", "purge"])
def deleted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Delete the events after the second page has been read back; return how."""
    how: str = request.param
    read, pages = MessagePages.next, 0

    async def read_and_delete(self: MessagePages) -> list[InboundMessage]:
        nonlocal pages
        found = await read(self)
        pages += 1
        if pages == 2:
            await _delete(self._connection.js, how)
        return found

    monkeypatch.setattr(MessagePages, "next", read_and_delete)
    return how


async def _delete(js: object, how: str) -> None:
    await getattr(js, f"{how}_stream")(EVENT_STREAM)


@pytest.mark.parametrize("command", [("groups",), ("runs", "state:failed", "--limit", "100000")])
def test_an_answer_without_what_was_deleted_is_incomplete(
    env: dict[str, str], deleted: str, command: tuple[str, ...]
) -> None:
    result = run_in_process(*command, env=env)
    reason = {
        "delete": f"the stream {EVENT_STREAM} was deleted while it was read",
        "purge": f"messages of the stream {EVENT_STREAM} were deleted while it was read",
    }[deleted]
    assert result.code == 1
    notes = [each for each in result.err.splitlines() if each.startswith("Incomplete: older")]
    assert len(notes) == 1, result.err
    assert f"of {EVENTS:,} messages, back to " in notes[0]
    assert notes[0].endswith(f": {reason}.")


@pytest.mark.parametrize("how", ["delete", "purge"])
def test_a_recording_lists_the_span_that_was_deleted(
    env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    request, is_deleted = OrderedConsumer._request_more, False  # noqa: SLF001

    async def delete_and_request(self: OrderedConsumer) -> bool:
        nonlocal is_deleted
        if self._stream == EVENT_STREAM and self.last and not is_deleted:
            is_deleted = True
            await _delete(self._connection.js, how)
        return await request(self)

    monkeypatch.setattr(OrderedConsumer, "_request_more", delete_and_request)
    path = tmp_path / "cut.zst"
    result = run_in_process("record", str(path), "--since", "1d", "--duration", "0", env=env)
    assert result.code == 1
    notes = [each for each in result.err.splitlines() if "stored messages: " in each]
    assert len(notes) == 1, result.err
    assert notes[0].startswith("Incomplete: events from ")
    assert EVENT_STREAM in notes[0]
    assert notes[0].endswith("while it was read.")
