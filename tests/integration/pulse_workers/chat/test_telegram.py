"""`pulse-worker telegram` with a server that speaks the Bot API, a real nats-server and workers."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from pulse_workers.chat.records import Stage, StageOutcome
from pulse_workers.chat.store.store import Store
from pulse_workers.cli.exit_codes import CANNOT_CONNECT

from pulse_desktop.protocol.topics import RESULT_BUCKET, TASK_STREAM
from tests.kit.chat_export import message, write_export
from tests.kit.nats_servers import NatsServer
from tests.kit.stored_texts import store_in_every_stream, stored_texts
from tests.kit.telegram_bot_server import TOKEN, Fault, TelegramBotServer, text_message
from tests.kit.waiting import wait_until
from tests.kit.worker_processes import Worker, WorkerHarness, open_harness

SECRET = TOKEN.partition(":")[2]


@pytest.fixture
async def harness(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[WorkerHarness]:
    async with open_harness(nats_server, tmp_path) as harness:
        yield harness


@pytest.fixture
async def bot_server() -> AsyncIterator[TelegramBotServer]:
    async with TelegramBotServer() as server:
        yield server


def start(harness: WorkerHarness, bot_server: TelegramBotServer, token: Path) -> Worker:
    return harness.start(
        "telegram", "--telegram-token-file", str(token), telegram_url=bot_server.url
    )


def data_of(harness: WorkerHarness, event_type: str) -> list[dict[str, Any]]:
    return [event["data"] for event in harness.events if event["type"] == event_type]


def token_file(folder: Path) -> Path:
    path = folder / "token"
    path.touch(0o600)
    path.write_text(TOKEN + "\n")
    return path


async def stored(harness: WorkerHarness, bucket: str) -> dict[str, Any]:
    """Return the values of a bucket by key."""
    prefix = f"$KV.{bucket}."
    info = await harness.js.stream_info(f"KV_{bucket}", subjects_filter=f"{prefix}>")
    found: dict[str, Any] = {}
    for subject in info.state.subjects or ():
        message = await harness.js.get_last_msg(f"KV_{bucket}", subject)
        if message.data:  # not deleted
            found[subject.removeprefix(prefix)] = json.loads(message.data)
    return found


async def test_messages_edits_and_deletions_of_a_bot_go_through_the_pipeline(
    harness: WorkerHarness, bot_server: TelegramBotServer, tmp_path: Path
) -> None:
    await harness.run()
    receiver = start(harness, bot_server, token_file(tmp_path))
    business = {"business_connection_id": "c", "chat": {"id": 7, "type": "private"}}
    bot_server.send("message", text_message(1, "too large " * 160_000))
    bot_server.send("message", text_message(2, "PROD DOWN, the payment queue fails"))
    bot_server.send("business_message", text_message(3, "to be deleted", **business))
    await wait_until(lambda: len(data_of(harness, "message.scored")) == 2, 30)

    async def are_processed() -> bool:
        return len(await stored(harness, "pulse_stages")) == 2 * 3

    await wait_until(are_processed, 30)
    bot_server.send("edited_message", text_message(2, "solved", edit_date=1_790_000_100))
    bot_server.send("deleted_business_messages", {**business, "message_ids": [3, 99]})
    await wait_until(lambda: len(data_of(harness, "message.scored")) == 3, 30)
    await wait_until(lambda: len(data_of(harness, "message.deleted")) == 1, 30)
    assert [each["content"] for each in data_of(harness, "message.updated")] == ["solved"]
    messages = await stored(harness, "pulse_messages")
    assert {key: each["content"] for key, each in messages.items()} == {"4200001.2": "solved"}
    assert list(await stored(harness, "pulse_scores")) == ["4200001.2"]
    stages = await stored(harness, "pulse_stages")
    assert {key.partition(".")[2] for key in stages} == {"4200001.2"}
    receiver.terminate()
    assert await receiver.wait_for_exit() == 0
    assert "lease.telegram.110201543" not in await stored(harness, "pulse_state")


@pytest.mark.slow
async def test_a_connection_that_is_closed_permanently_ends_the_receiver_and_the_feeder(
    harness: WorkerHarness, bot_server: TelegramBotServer, tmp_path: Path
) -> None:
    export = write_export(tmp_path / "export", [message(1, "one")])
    receiver = start(harness, bot_server, token_file(tmp_path))
    feeder = harness.start("feed", "--export", str(export))
    await wait_until(lambda: bot_server.polls >= 1 and "enqueues a slice" in feeder.log, 20)
    await asyncio.to_thread(harness.server.stop)
    # At the subscription beyond its limit, nats-py closes the connection for good.
    harness.server.config = "max_subscriptions: 2"
    await asyncio.to_thread(harness.server.start)
    for each in (receiver, feeder):
        assert await each.wait_for_exit(30) == CANNOT_CONNECT
        assert "closed a connection permanently" in each.log.splitlines()[-1]
        assert "Traceback" not in each.log


@pytest.mark.slow
async def test_what_messages_of_a_bot_miss_is_made_up_for_at_the_start_and_periodically(
    harness: WorkerHarness, bot_server: TelegramBotServer, tmp_path: Path
) -> None:
    await harness.run()
    token = token_file(tmp_path)
    receiver = start(harness, bot_server, token)
    bot_server.send("message", text_message(2, "PROD DOWN, the payment queue fails"))
    key = "4200001.2"
    store = await Store.open(harness.js)

    async def is_processed() -> bool:
        records = (await store.stages.get_many([key]))[key]
        return len(records) == 3 and {each.outcome for each in records.values()} == {
            StageOutcome.DONE
        }

    await wait_until(is_processed, 30)
    receiver.terminate()
    assert await receiver.wait_for_exit() == 0
    records = (await store.stages.get_many([key]))[key]
    failed = msgspec.structs.replace(records[Stage.SCORED], outcome=StageOutcome.FAILED)
    for later in (False, True):
        await store.stages.put_many(Stage.SCORED, {key: failed})
        if not later:
            harness.start(
                "telegram",
                telegram_token_file=token,
                telegram_url=bot_server.url,
                missing_interval=1,
            )
        await wait_until(is_processed, 60, f"{later=}")
    await wait_until(
        lambda: [each["message_id"] for each in data_of(harness, "message.scored")] == [key] * 3, 30
    )


@pytest.mark.slow
async def test_one_receiver_polls_and_another_one_continues_where_it_ended(
    harness: WorkerHarness, bot_server: TelegramBotServer, tmp_path: Path
) -> None:
    token = token_file(tmp_path)
    first = start(harness, bot_server, token)
    await wait_until(lambda: bot_server.polls == 1, 20)
    second = start(harness, bot_server, token)
    await wait_until(lambda: "standing by" in second.log, 20)
    bot_server.send("message", text_message(1, "one"))
    await wait_until(lambda: bot_server.offsets[-1] == 2, 20)
    first.terminate()
    assert await first.wait_for_exit() == 0
    bot_server.send("message", text_message(2, "two"))
    await wait_until(lambda: len(data_of(harness, "message.new")) == 2, 20)
    assert [each["content"] for each in data_of(harness, "message.new")] == ["one", "two"]
    assert second.process.poll() is None


async def test_the_token_is_nowhere(
    harness: WorkerHarness, bot_server: TelegramBotServer, tmp_path: Path
) -> None:
    bot_server.faults = [Fault(502, "Cannot POST {path}"), Fault(close=True)]
    bot_server.send("message", text_message(1, "one"))
    token = token_file(tmp_path)
    receiver = harness.start(
        *("telegram", "--log-level", "DEBUG"),
        own_interpreter=True,
        telegram_token_file=token,
        telegram_url=bot_server.url,
    )
    await wait_until(lambda: len(data_of(harness, "message.new")) == 1, 20)
    await wait_until(lambda: bot_server.polls == 1, 20)
    command = " ".join(psutil.Process(receiver.pid).cmdline())
    assert "telegram" in command
    receiver.terminate()
    assert await receiver.wait_for_exit() == 0
    assert "BotUnavailableError" in receiver.log
    assert SECRET not in receiver.log + command + json.dumps(harness.events)
    texts = await stored_texts(harness.js)
    assert {TASK_STREAM, "KV_pulse_messages", "KV_pulse_state", f"OBJ_{RESULT_BUCKET}"} <= set(
        texts
    )
    assert not [name for name, text in texts.items() if SECRET in text]
    await store_in_every_stream(harness.js, SECRET)
    assert all(SECRET in text for text in (await stored_texts(harness.js)).values())


@pytest.mark.slow
async def test_a_token_that_is_refused_or_missing_ends_the_command_with_one_line(
    harness: WorkerHarness, bot_server: TelegramBotServer, tmp_path: Path
) -> None:
    token = token_file(tmp_path)
    token.write_text("1:" + "x" * 35)
    refused = start(harness, bot_server, token)
    missing = harness.start("telegram")
    assert await refused.wait_for_exit(20) == 1
    assert "401" in refused.log.splitlines()[-1]
    assert await missing.wait_for_exit(20) == 2
    assert "PULSE_TELEGRAM_TOKEN: expected the token of a Telegram bot" in missing.log
