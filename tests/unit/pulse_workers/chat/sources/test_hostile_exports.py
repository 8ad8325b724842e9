"""Exports made to keep a worker busy: reading takes time in proportion to their size."""

import asyncio
import concurrent.futures
import contextlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from pulse_workers.chat.records import ChatMessage
from pulse_workers.chat.sources.allowed_folders import AllowedFolders
from pulse_workers.chat.sources.telegram_export import read_batches
from pulse_workers.chat.sources.telegram_message import convert_message
from pulse_workers.errors import ExportUnreadableError

from tests.kit.chat_export import message, read_export

_CHAT: Final = b'{"name": "x", "id": 1, "messages": ['
_DEPTH: Final = 900


def _repeated(part: bytes, before: bytes = _CHAT, after: bytes = b"]}") -> Callable[[int], bytes]:
    return lambda size: before + part * (size // len(part)) + after


def _with_entities(kind: str, prefix: str, count: int) -> bytes:
    text = [{"type": kind, "text": f"{prefix}{number} "} for number in range(count)]
    return json.dumps({"messages": [message(1, text)]}).encode()


FORMS: Final[dict[str, Callable[[int], bytes]]] = {
    "open arrays": _repeated(b'{"id":1,"type":"message","x":['),
    "open strings": _repeated(b'{"id":1,"type":"message","x":"'),
    "open messages": _repeated(b'{"id":1,"type":"message","messages":['),
    "wrong brackets": _repeated(b'{"id":1,"type":"message"]'),
    "quote after a message": _repeated(b'{"id":1,"type":"message"}"'),
    "messages in each other": lambda size: (
        _repeated(b'{"id":1,"type":"message","x":[', after=b"")(size // 2)
        + _repeated(b"]}", before=b"")(size // 32)
    ),
    "small objects": _repeated(b'{"a":1},'),
    "escaped quotes": _repeated(b'\\"', before=_CHAT + b'{"id":1,"type":"message","x":"'),
    "escaped quotes in a header": _repeated(b'\\"', before=b'{"x":"'),
    "messages twice in a chat": _repeated(b'"messages":[],', before=b"{", after=b'"a":1}'),
    "chats in a chat": _repeated(
        b'"messages":[],"a":{"messages":[]},', before=b"{", after=b'"a":1}'
    ),
    "chats around chats": _repeated(
        b'{"a":' * _DEPTH + b'{"messages":[]' + b'},"messages":[]' * _DEPTH + b"},"
    ),
    "deep list": _repeated(b"{},", before=b"[" * 999),
    "messages below the greatest depth": _repeated(
        b'"messages":[{"id":1,"type":"message"}][', before=b"[" * 1_002
    ),
    "arrays that end before each message": _repeated(b']}{"id":1,"type":"message"},'),
    "types of chats before each message": _repeated(
        b']"type":"private_group",' + b'"type":"replies",{' * 99 + b'{"id":1,"type":"message"},'
    ),
    "messages of another program": _repeated(b'{"x":{"id":1,"type":"message"}},', before=b"{"),
    "links": lambda size: _with_entities("link", "www.", size // 8),
    "mentions": lambda size: _with_entities("mention", "@user", size // 8),
}


def _read(path: Path) -> None:
    with contextlib.suppress(ExportUnreadableError):
        read_export(path)


@pytest.mark.parametrize("form", FORMS)
def test_reading_takes_time_in_proportion_to_the_size(tmp_path: Path, form: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(FORMS[form](128 << 10))
    before = time.thread_time()
    _read(path)
    assert time.thread_time() - before < 1.5  # 0.15 s at most; 5 s and more if searched repeatedly


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_a_file_of_eight_times_the_size_takes_eight_times_as_long(
    tmp_path: Path, form: str
) -> None:
    seconds = []
    for size in (512 << 10, 4 << 20):
        path = tmp_path / "result.json"
        path.write_bytes(FORMS[form](size))
        before = time.thread_time()
        _read(path)
        seconds.append(time.thread_time() - before)
    assert seconds[1] < 16 * seconds[0] + 1


def test_a_reader_that_is_given_up_stops_at_the_next_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    messages = [message(number, f"text {number}") for number in range(1, 501)]
    path.write_text(json.dumps({"name": "x", "id": 1, "messages": messages}))
    is_reading, is_given_up = threading.Event(), threading.Event()
    converted: list[ChatMessage] = []

    def convert_one(*arguments: Any) -> ChatMessage:
        is_reading.set()
        assert is_given_up.wait(60)
        converted.append(convert_message(*arguments))
        return converted[-1]

    async def give_up() -> None:
        batches = read_batches(str(path), 1_000, AllowedFolders([tmp_path]))
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            asyncio.get_running_loop().set_default_executor(threads)
            reading = asyncio.ensure_future(anext(batches))
            assert await asyncio.to_thread(is_reading.wait, 60)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            is_given_up.set()

    monkeypatch.setattr(f"{read_batches.__module__}.convert_message", convert_one)
    asyncio.run(give_up())
    assert len(converted) == 1
