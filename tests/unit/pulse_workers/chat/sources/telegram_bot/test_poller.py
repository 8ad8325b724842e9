"""The long poller, against a server that speaks the Bot API."""

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sources.telegram_bot.bot_api import (
    BotApi,
    BotApiError,
    BotConflictError,
    BotRateLimitedError,
    BotRefusedError,
    BotToken,
    BotTokenRefusedError,
    BotUnavailableError,
)
from pulse_workers.chat.sources.telegram_bot.poller import STANDBY_S, TelegramPoller
from pulse_workers.errors import SettingsError, StoreFullError
from pulse_workers.runtime.logging_setup import set_log_level

from tests.kit.telegram_bot_server import BOT_ID, TOKEN, Fault, TelegramBotServer, text_message
from tests.kit.waiting import wait_until

KEY = f"telegram.{BOT_ID}"


class Memory:
    """Takes messages, keeps positions and grants the lease, in memory."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.positions: dict[str, tuple[Any, int]] = {}
        self.is_full = False
        self.has_lease = True

    async def add(self, messages: Sequence[ChatMessage]) -> None:
        if self.is_full:
            raise StoreFullError("the bucket is full")
        self.log.append([each.content for each in messages])

    async def delete(self, message_ids: Sequence[str]) -> None:
        self.log.append(("deleted", *message_ids))

    async def get(self, key: str) -> tuple[Any, int]:
        return self.positions.get(key, (None, 0))

    async def compare_and_set(self, key: str, value: object, revision: int) -> bool:
        if self.positions.get(key, (None, 0))[1] != revision:
            return False
        self.positions[key] = (msgspec.to_builtins(value), revision + 1)
        return True

    async def acquire(self, now: float) -> bool:  # noqa: ARG002 - as the protocol has it
        return self.has_lease

    async def release(self) -> None:
        self.log.append("released")


@pytest.fixture
async def server() -> AsyncIterator[TelegramBotServer]:
    async with TelegramBotServer() as server:
        yield server


@asynccontextmanager
async def polling(
    server: TelegramBotServer, memory: Memory, token: str = TOKEN, **more: Any
) -> AsyncIterator[TelegramPoller]:
    poller = TelegramPoller(
        lambda: BotApi(server.url, BotToken(token)), memory, memory, lambda _: memory,
        **{"poll_s": 0, **more},
    )  # fmt: skip
    try:
        yield poller
    finally:
        await poller.close()


async def test_messages_edits_and_deletions_are_passed_on_in_order(
    server: TelegramBotServer,
) -> None:
    memory = Memory()
    server.send("message", text_message(1, "one"))
    server.send("message", text_message(2, "two"))
    server.send("edited_message", text_message(1, "one, edited", edit_date=1_790_000_100))
    gone = {"business_connection_id": "c", "chat": {"id": 7}, "message_ids": [3]}
    server.send("deleted_business_messages", gone)
    server.send("channel_post", text_message(3, "three"))
    async with polling(server, memory) as poller:
        assert await poller.step() == 0
        assert await poller.step() == 0
    first, (deleted, _message_id), last, released = memory.log
    assert (first, deleted, last) == (["two", "one, edited"], "deleted", ["three"])
    assert released == "released"
    assert server.offsets == [None, 6]
    assert server.updates == []  # confirmed


async def test_a_position_is_stored_after_its_messages_only(server: TelegramBotServer) -> None:
    memory = Memory()
    memory.is_full = True
    server.send("message", text_message(1, "one"))
    async with polling(server, memory) as poller:
        assert await poller.step() > 0
        assert memory.positions == {}
        memory.is_full = False
        assert await poller.step() == 0
    assert memory.log[0] == ["one"]
    assert memory.positions[KEY][0]["offset"] == 2
    async with polling(server, memory) as poller:
        await poller.step()
    assert server.offsets[-1] == 2


async def test_a_poll_ends_with_the_first_update(server: TelegramBotServer) -> None:
    memory = Memory()
    async with polling(server, memory, poll_s=30) as poller:
        step = asyncio.create_task(poller.step())
        await wait_until(lambda: server.polls == 1)
        server.send("message", text_message(1, "one"))
        async with asyncio.timeout(10):
            assert await step == 0
    assert memory.log[0] == ["one"]


async def test_only_the_holder_of_the_lease_polls(server: TelegramBotServer) -> None:
    memory = Memory()
    memory.has_lease = False
    async with polling(server, memory) as poller:
        assert await poller.step() == STANDBY_S
        assert server.offsets == []


async def test_another_poller_is_told_apart_from_a_failure(server: TelegramBotServer) -> None:
    memory = Memory()
    async with (
        polling(server, memory, poll_s=30) as first,
        polling(server, memory) as second,
    ):
        step = asyncio.create_task(first.step())
        await wait_until(lambda: server.polls == 1)
        assert await second.step() == 0
        async with asyncio.timeout(10):
            assert await step == 15


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [
        (Fault(429, retry_after=7), 7),
        (Fault(429, retry_after=0), 1),
        (Fault(429, headers={"retry-after": "3"}), 3),
        (Fault(409), 15),
        (Fault(500), 1),
        (Fault(502, body=b"<html>Bad Gateway</html>"), 1),
        (Fault(200, body=b'{"ok": true, "result": [{"upd'), 1),
        (Fault(200, body=b'{"ok": true, "result": {}}'), 1),
        (Fault(200, body=b'{"ok": true, "result": [5, {"update_id": "x"}]}'), 1),
        (Fault(302, headers={"location": "http://127.0.0.1:9/"}), 1),
        (Fault(close=True), 1),
        (Fault(cut=True), 1),
        (Fault(401), 1),
    ],
)
async def test_after_a_failure_the_poller_waits_and_goes_on(
    server: TelegramBotServer, fault: Fault, wait_s: float
) -> None:
    memory = Memory()
    server.faults = [fault]
    server.send("message", text_message(1, "one"))
    async with polling(server, memory) as poller:
        assert await poller.step() == wait_s
        assert memory.positions == {}
        assert await poller.step() == 0
    assert memory.log[0] == ["one"]


async def test_waits_grow_and_a_lost_network_is_a_failure(server: TelegramBotServer) -> None:
    memory = Memory()
    poller = TelegramPoller(
        lambda: BotApi("http://127.0.0.1:9", BotToken(TOKEN)), memory, memory, lambda _: memory
    )
    assert [await poller.step() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    await poller.close()
    server.faults = [Fault(500), Fault(500)]
    async with polling(server, memory) as poller:
        assert [await poller.step() for _ in range(3)] == [1, 2, 0]


async def test_an_update_that_cannot_be_read_does_not_stop_the_others(
    server: TelegramBotServer,
) -> None:
    memory = Memory()
    deep: Any = []
    for _ in range(50):
        deep = [deep]
    server.send("message", {"message_id": 1, "text": deep, "chat": deep})
    server.send("message", text_message(2, "two"))
    server.send("message", text_message(3, "three", date=float("1e300")), update_id=2**62 + 1)
    async with polling(server, memory) as poller:
        assert await poller.step() == 0
    assert memory.log[0] == ["two", "three"]
    assert memory.positions[KEY][0]["offset"] == 3  # an absurd id would end all reception


@pytest.mark.parametrize(
    "text",
    [b'"half \\ud800"', b'"half \xff"', b"NaN", b"1" * 5_000],
    ids=["escape", "byte", "nan", "int"],
)
async def test_an_answer_with_one_invalid_text_is_read(
    server: TelegramBotServer, text: bytes
) -> None:
    memory = Memory()
    updates = [
        {"update_id": number, "message": text_message(number, f"text {number}")}
        for number in (1, 2, 3)
    ]
    body = json.dumps({"ok": True, "result": updates}).encode()
    server.faults.append(Fault(body=body.replace(b'"text 2"', text)))
    async with polling(server, memory) as poller:
        assert await poller.step() == 0
    assert {"text 1", "text 3"} <= set(memory.log[0])
    assert [each.encode() for each in memory.log[0]]  # can be stored
    assert memory.positions[KEY][0]["offset"] == 4


async def test_updates_of_any_form_do_not_stop_the_others(server: TelegramBotServer) -> None:
    def group(number: int, **more: Any) -> dict[str, Any]:
        return text_message(number, f"text {number}", **more)

    found: list[Any] = [
        *(None, "text", 5, [], {"update_id": "15"}, {"update_id": -3, "message": group(1)}),
        {"update_id": 1, "message": group(2)},
        {"update_id": 2, "message": None},
        {"update_id": 3, "message": "x"},
        {"update_id": 4, "message": {"message_id": "a"}},
        {"update_id": 5, "message": group(3, date="z")},
        {"update_id": 6, "message": group(4, date=10**30)},
        {"update_id": 7, "message": {**group(5), "text": ["a"]}},
        {"update_id": 8, "message": group(6, entities=[{"offset": -5, "length": 9**9, "type": 9}])},
        {"update_id": 9, "message": group(10**25)},
        {"update_id": 10, "message": group(7, chat={"id": "q"})},
        {"update_id": 11, "message": group(8, reply_to_message=[1])},
        {"update_id": 12, "message": group(9, photo=5, document=[])},
        {"update_id": 13, "message": group(10, forward_origin={"a": 1}, **{"from": None})},
        {"update_id": 14, "deleted_business_messages": {"message_ids": [None, "x"]}},
        {"update_id": 15, "message": group(11)},
    ]
    server.faults.append(Fault(body=json.dumps({"ok": True, "result": found}).encode()))
    memory = Memory()
    async with polling(server, memory) as poller:
        assert await poller.step() == 0
    texts = {text for entry in memory.log if isinstance(entry, list) for text in entry}
    assert {f"text {number}" for number in (2, 3, 4, 6, 8, 9, 10, 11)} <= texts
    assert memory.positions[KEY][0]["offset"] == 16


async def test_a_server_that_repeats_confirmed_updates_is_asked_less_and_less_often(
    server: TelegramBotServer,
) -> None:
    memory = Memory()
    update = {"update_id": 5, "message": text_message(1, "one")}
    repeated = json.dumps({"ok": True, "result": [update]}).encode()
    server.faults = [Fault(200, body=repeated)] * 5
    server.send("message", text_message(2, "two"), update_id=6)
    async with polling(server, memory) as poller:
        assert [await poller.step() for _ in range(6)] == [0, 1, 2, 4, 8, 0]
    assert memory.log[:-1] == [["one"], ["two"]]


async def test_a_position_that_was_moved_meanwhile_is_read_again_after_a_pause(
    server: TelegramBotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    server.send("message", text_message(1, "one"))
    store = memory.compare_and_set

    async def move_first(key: str, value: object, revision: int) -> bool:
        monkeypatch.undo()
        assert await store(key, value, revision)
        return await store(key, value, revision)

    monkeypatch.setattr(memory, "compare_and_set", move_first)
    async with polling(server, memory) as poller:
        assert [await poller.step() for _ in range(2)] == [1, 0]
    assert server.offsets == [None, 2]


async def test_only_named_chats_are_read(server: TelegramBotServer) -> None:
    memory = Memory()
    server.send("message", text_message(1, "stranger", chat={"id": 5, "type": "private"}))
    server.send("message", text_message(2, "team"))
    async with polling(server, memory, chats=[-1_000_004_200_001]) as poller:
        await poller.step()
    assert memory.log[0] == ["team"]


async def test_after_a_week_without_updates_their_ids_may_begin_anew(
    server: TelegramBotServer,
) -> None:
    memory = Memory()
    memory.positions[KEY] = ({"offset": 900, "updated_at": 1_000.0}, 1)
    server.send("message", text_message(1, "one"), update_id=12)
    async with polling(server, memory) as poller:
        assert await poller.step() == 0
    assert server.offsets == [None]
    assert memory.positions[KEY][0]["offset"] == 13


FAULTS: list[tuple[Fault, type[BotApiError]]] = [
    (Fault(401, "Unauthorized: {path}"), BotTokenRefusedError),
    (Fault(404, "Cannot POST {path}"), BotTokenRefusedError),
    (Fault(409, "{path}"), BotConflictError),
    (Fault(429, "{path}"), BotRateLimitedError),
    (Fault(400, "{path}"), BotRefusedError),
    (Fault(503, "{path}"), BotUnavailableError),
    (Fault(200, body=b"no JSON"), BotUnavailableError),
    (Fault(close=True), BotUnavailableError),
    (Fault(cut=True), BotUnavailableError),
    (Fault(307, headers={"location": f"http://127.0.0.1:9/bot{TOKEN}/x"}), BotRefusedError),
]


async def test_the_token_is_in_no_log_exception_or_traceback(
    server: TelegramBotServer, caplog: pytest.LogCaptureFixture
) -> None:
    for library in ("taskiq", "nats", "httpx", "httpcore"):
        caplog.set_level(logging.WARNING, library)  # restored at the end
    caplog.set_level(logging.DEBUG)
    set_log_level("DEBUG")
    logging.getLogger("httpx").setLevel(logging.DEBUG)  # it logs the URL of each request
    token = BotToken(TOKEN)
    texts: list[str] = []
    api = BotApi(server.url, token)
    for fault, kind in FAULTS:
        server.faults = [fault]
        with pytest.raises(kind) as caught:
            await api.call("getUpdates", 10)
        texts += traceback.format_exception(caught.value)
    with pytest.raises(BotUnavailableError, match=r"within 0\.2 s") as late:
        await api.call("getUpdates", 0.2, timeout=30)
    await api.close()
    unreachable = BotApi("http://127.0.0.1:9", token)
    with pytest.raises(BotUnavailableError, match="ConnectError") as lost:
        await unreachable.call("getMe", 10)
    await unreachable.close()
    texts += traceback.format_exception(late.value) + traceback.format_exception(lost.value)
    memory = Memory()
    server.faults = [fault for fault, _ in FAULTS]
    server.send("message", text_message(1, "one"))
    async with polling(server, memory) as poller:
        for _ in FAULTS:
            await poller.step()
    texts += [record.getMessage() for record in caplog.records]
    texts += [str(record.__dict__) for record in caplog.records]
    assert len(caplog.records) > len(FAULTS)
    secret = TOKEN.partition(":")[2]
    assert [text for text in texts if secret in text] == []
    assert server.calls[0][0] == "getUpdates"  # the server did get it


async def test_a_token_that_a_response_has_in_escaped_form_is_masked(
    server: TelegramBotServer,
) -> None:
    secret = TOKEN.partition(":")[2]
    escaped = "".join(f"\\u{ord(character):04x}" for character in secret)
    api = BotApi(server.url, BotToken(TOKEN))
    result = f'{{"ok": true, "result": [{{"a": "{escaped}", "b": 5}}]}}'
    server.faults = [Fault(200, body=result.encode())]
    assert await api.call("getUpdates", 10) == [{"a": "***", "b": 5}]
    again = json.dumps({"ok": False, "description": f"bad {escaped}"})
    server.faults = [Fault(400, body=again.encode())]
    with pytest.raises(BotRefusedError, match=r"\*\*\*") as caught:
        await api.call("getUpdates", 10)
    assert escaped not in str(caught.value)
    await api.close()


@pytest.mark.parametrize("url", ["", "api.telegram.org", "ftp://x", "nats://a:b@c", "http://x?y=z"])
def test_a_base_url_must_be_one_of_an_http_server(url: str) -> None:
    with pytest.raises(SettingsError, match="PULSE_TELEGRAM_URL"):
        BotApi(url, BotToken(TOKEN))
