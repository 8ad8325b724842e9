"""A recorder holds no more than it may, and counts what it leaves out."""

import asyncio
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from pulse_desktop.cli.missing_messages import left_out
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.protocol.task_result import TaskResult
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.recorder import (
    MAX_WAITING_BYTES,
    Recorder,
    ResultRead,
)
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import FORMAT, VERSION, Header
from pulse_desktop.session.recording.recording_writer import RecordingWriter

AT = 1_796_000_000.0
HEADER = Header(FORMAT, VERSION, "pulse-desktop 0.1.0", AT)
MIB = 1 << 20
RESULT = TaskResult(False, {"n": 1}, 1.0, {}, None, "json", "succeeded", "")


def result(number: int, size: int = MIB) -> ResultRead:
    return ResultRead(StoredObject(f"r{number}", size, 1, "n", AT), RESULT)


def event(payload: bytes) -> InboundMessage:
    return InboundMessage(Source.EVENT, "websocket.tasks", payload, AT)


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    with (
        RecordingFile(tmp_path / "r", replace=False) as file,
        RecordingWriter(file, HEADER, 20_000) as writer,
    ):
        yield Recorder(writer, Masker(), lambda: AT)


def test_results_wait_within_the_limit_of_bytes(recorder: Recorder) -> None:
    room = MAX_WAITING_BYTES // MIB
    recorder.add([result(number) for number in range(room + 5)])
    assert recorder.dropped == 5
    assert left_out(recorder) == ["5 messages: the disk is too slow"]
    too_large = StoredObject("large", 1 << 40, 1, "n", AT)
    recorder.add([too_large, ResultRead(too_large, None), ResultRead(too_large, "no result")])
    assert recorder.dropped == 5  # their bodies are not held


async def test_written_results_make_room_for_others(recorder: Recorder) -> None:
    room = MAX_WAITING_BYTES // MIB
    recorder.add([result(number) for number in range(room)])
    await recorder.stop()
    assert (recorder.results, recorder.dropped) == (room, 0)


async def test_what_is_refused_while_a_batch_is_written_is_counted(recorder: Recorder) -> None:
    """The thread counts what does not fit into the file, the loop what it refuses meanwhile."""
    refused = 0

    def refuse(frame: FrameType, kind: str, _value: Any) -> Any:
        nonlocal refused
        if frame.f_code.co_qualname != "Recorder._write":
            return None
        frame.f_trace_opcodes = True
        if kind in ("opcode", "line"):  # early versions of Python 3.12 report lines alone
            recorder.add([event(bytes(MAX_WAITING_BYTES + 1))])
            refused += 1
        return refuse

    recorder.add([event(random.randbytes(5_000).hex().encode()) for _number in range(20)])
    # Only threads that start from now on are traced.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
    threading.settrace(refuse)
    try:
        await recorder.run()  # until the file is full
    finally:
        threading.settrace(None)
    assert refused > 20
    assert 0 < recorder.messages < 20
    assert left_out(recorder) == []  # the largest size is the end that was asked for
    assert recorder.dropped == 20 - recorder.messages + refused
