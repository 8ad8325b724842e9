"""Log lines of a run: the first as they come, the last at the end, and nothing secret."""

import asyncio
import contextvars
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pulse_workers.config.known_secrets import KNOWN_SECRETS
from pulse_workers.execution.task_log import (
    MAX_BYTES,
    MAX_LINES,
    MAX_TEXT,
    PUBLISH_DELAY_S,
    TaskLog,
    TaskLogHandler,
)

from tests.kit.waiting import wait_until

current: contextvars.ContextVar[TaskLog | None] = contextvars.ContextVar("log", default=None)
logger = logging.getLogger("shop")


class Published:
    """The `task.log` events of one attempt."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    @property
    def texts(self) -> list[str]:
        return [line["text"] for event in self.events for line in event["lines"]]

    @property
    def numbers(self) -> list[int]:
        return [
            event["first"] + offset
            for event in self.events
            for offset in range(len(event["lines"]))
        ]


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[TaskLogHandler]:
    monkeypatch.setattr(logger, "level", logging.INFO)
    KNOWN_SECRETS.add(("tr0ub4dor&3", "s3cr3t-of-the-settings"))
    handler = TaskLogHandler(current.get)
    handler.install()
    yield handler
    handler.uninstall()


@pytest.fixture
async def log(handler: TaskLogHandler, published: Published) -> TaskLog:
    return TaskLog(published.events.append, handler.render, asyncio.get_running_loop())


@pytest.fixture(autouse=True)
def run(log: TaskLog) -> Iterator[None]:
    """Everything in a test belongs to the run."""
    token = current.set(log)
    yield
    current.reset(token)


async def test_lines_are_published_while_the_task_runs(log: TaskLog, published: Published) -> None:
    logger.info("%d parcels", 3)
    logger.debug("not enabled")
    await wait_until(lambda: published.events, PUBLISH_DELAY_S * 20)
    (event,) = published.events
    assert (event["first"], event["skipped"]) == (1, 0)
    (line,) = event["lines"]
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {"level": "INFO", "logger": "shop", "text": "3 parcels"}
    log.close()
    assert len(published.events) == 1


async def test_threads_and_tasks_of_the_run_belong_to_it(
    log: TaskLog, published: Published
) -> None:
    async def child() -> None:
        logger.info("from a child")

    await asyncio.create_task(child())
    await asyncio.to_thread(logger.info, "from a thread")
    stranger = threading.Thread(target=logger.info, args=("from elsewhere",))
    stranger.start()
    stranger.join()
    log.close()
    assert published.texts == ["from a child", "from a thread"]


async def test_the_first_and_the_last_lines_are_kept_and_the_rest_is_counted(
    log: TaskLog, published: Published
) -> None:
    count = 10 * MAX_LINES
    for number in range(1, count + 1):
        logger.info("line %d", number)
    log.close()
    kept = [*range(1, MAX_LINES + 1), *range(count - MAX_LINES + 1, count + 1)]
    assert published.numbers == kept
    assert published.texts == [f"line {number}" for number in kept]
    assert published.events[-1]["skipped"] == count - 2 * MAX_LINES


async def test_long_lines_are_limited_in_bytes_and_keep_their_end(
    log: TaskLog, published: Published
) -> None:
    for number in range(100):
        logger.info("%s end %d", "ї" * 3 * MAX_TEXT, number)
    log.close()
    size = sum(len(text.encode()) for text in published.texts)
    assert size <= 2 * MAX_BYTES
    assert published.texts[-1].endswith("end 99")
    assert "characters omitted" in published.texts[-1]
    assert published.events[-1]["skipped"] > 0


async def test_a_traceback_is_part_of_its_line(log: TaskLog, published: Published) -> None:
    try:
        int("negative")
    except ValueError:
        logger.exception("not packed")
    log.close()
    (text,) = published.texts
    assert text.startswith("not packed\nTraceback")
    assert "ValueError: invalid literal" in text


SECRETS = {
    "address": "nats://user:hunter2@host failed",
    "assignment": "password=hunter2, next",
    "json": '{"api_key": "hunter2"}',
    "dict": "{'client_secret': 'hunter2'}",
    "header": "Authorization: Bearer hunter2hunter2",
    "bearer": "sent bearer hunter2hunter2",
    "service key": "using sk-proj-hunter2hunter2hunter2",
    "environment": "key is tr0ub4dor&3",
    "settings": "s3cr3t-of-the-settings",
    "long, at the end": "x" * MAX_TEXT + " token=" + "hunter2" * 1_000 + " password=hunter2",
    "cut in the middle": "x" * (MAX_TEXT // 2 - 4) + " tr0ub4dor&3" + "y" * MAX_TEXT,
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
async def test_secrets_are_masked(text: str, log: TaskLog, published: Published) -> None:
    logger.info("%s", text)
    log.close()
    (found,) = published.texts
    assert "***" in found
    for secret in ("hunter2", "tr0ub", "s3cr3t"):
        assert secret not in found


BODY = "\n".join(f"MIIEvQIBADANBgkqhkiG{number:044d}" for number in range(60))
PEM = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----\n"
JWT = "".join(f"{number:06d}qZ" for number in range(400))
PASSPHRASE = " ".join(f"correct{number:03d}" for number in range(300))
LONG_SECRETS = {
    "a PEM file": PEM,
    "a service account": json.dumps({"type": "service_account", "key": BODY, "id": "prod"}),
    "a token": JWT,
    "a pass phrase": PASSPHRASE,
}


@pytest.mark.parametrize("before", [0, 999, 1_500])
@pytest.mark.parametrize("escape", [str, repr, json.dumps, str.strip])
@pytest.mark.parametrize("secret", LONG_SECRETS.values(), ids=LONG_SECRETS)
async def test_a_known_secret_longer_than_a_line_is_masked_as_a_whole(
    secret: str,
    escape: Callable[[str], str],
    before: int,
    log: TaskLog,
    published: Published,
) -> None:
    KNOWN_SECRETS.add([secret])
    logger.info("%s %s %s", "x" * before, escape(secret), "y" * MAX_TEXT)
    log.close()
    (found,) = published.texts
    assert not re.findall("MIIE|[0-9]{6}qZ|correct[0-9]|prod", found)
    assert found.count("***") <= 1


@pytest.mark.parametrize("text", [PEM, repr(PEM), PEM[:2_500], f"before {PEM} after"])
async def test_a_private_key_is_masked_although_nobody_named_it(
    text: str, log: TaskLog, published: Published
) -> None:
    logger.info("key: %s", text)
    log.close()
    assert "***" in published.texts[0]
    assert "MIIE" not in published.texts[0]


async def test_a_quoted_secret_that_is_cut_off_is_masked(
    log: TaskLog, published: Published
) -> None:
    logger.info('%s {"password": "hunter2 %s"}', "x" * (MAX_TEXT // 2 - 30), "y" * 2 * MAX_TEXT)
    log.close()
    assert "hunter2" not in published.texts[0]


async def test_ordinary_text_is_not_masked(log: TaskLog, published: Published) -> None:
    text = "token count: 12 of worker-1@host, keyboard=qwerty, secretary: Olena, task 3f9c0e6a"
    logger.info(text)
    log.close()
    assert published.texts == [text]


async def test_a_record_that_cannot_be_formatted_and_one_after_the_end_do_no_harm(
    log: TaskLog, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger.info("%d", "not a number")
    log.close()
    logger.info("too late")
    assert published.events == []


async def test_a_handler_that_was_replaced_is_installed_again(handler: TaskLogHandler) -> None:
    logging.getLogger().removeHandler(handler)
    handler.install()
    handler.install()
    assert logging.getLogger().handlers.count(handler) == 1
