"""A recorder counts what is in the file, and says what is not."""

import time
from pathlib import Path

import msgspec
import pytest

from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.stored_object import StoredObject
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.recorder import BATCH, Recorder, ResultRead
from pulse_desktop.session.recording.recording_check import is_whole
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    MAX_LINE_BYTES,
    VERSION,
    Header,
    ResultLine,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.session.recording.recording_writer import RecordingWriter

AT = 1_796_000_000.0
STORED = StoredObject("k", 1, 1, "n", AT, "", deleted=False, sequence=1, bucket="b")


def message(payload: bytes) -> InboundMessage:
    return InboundMessage(Source.EVENT, "websocket.tasks", payload, AT)


async def recorded(
    path: Path,
    *items: InboundMessage | ResultRead,
    timeout_s: float | None = None,
    server_time: float | None = AT,
) -> tuple[Recorder, RecordingReader]:
    """Record and read again."""
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, Header(FORMAT, VERSION, "x", AT), 1 << 30) as writer,
    ):
        recorder = Recorder(writer, Masker(), lambda: server_time)
        recorder.add(items)
        await recorder.stop(timeout_s)
        await recorder.finish("stopped")
        await recorder.finish("stopped")  # it has one end
    with RecordingReader(path) as reader:
        assert sum(1 for _line in reader.lines()) == reader.lines_read
    assert is_whole(reader)
    return recorder, reader


async def test_results_that_were_not_read_are_counted_apart(tmp_path: Path) -> None:
    items = ResultRead(STORED, None), ResultRead(STORED, "no pickle"), message(b"{}")
    recorder, reader = await recorded(tmp_path / "r", *items)
    assert (recorder.messages, recorder.results) == (1, 0)
    assert (recorder.too_large, recorder.unreadable) == (1, 1)
    assert reader.end is not None
    assert (reader.end.results, reader.end.unread, reader.end.lines) == (0, 2, 3)


async def test_why_a_result_is_unreadable_is_masked(tmp_path: Path) -> None:
    run = b'{"task_id":"k","args":[],"kwargs":{"password":"correct horse"}}'
    problem = "no JSON: nats://bob:s3cret@host, after 'correct horse'"
    items = message(run), ResultRead(STORED, problem)
    await recorded(tmp_path / "r", *items)
    with RecordingReader(tmp_path / "r") as reader:
        (line,) = (each for each in reader.lines() if isinstance(each, ResultLine))
    assert line.problem.startswith("no JSON: nats://")
    assert "s3cret" not in line.problem
    assert "horse" not in line.problem


async def test_a_line_that_no_reader_accepts_is_not_written(tmp_path: Path) -> None:
    long = message(b"[%b]" % (b" " * MAX_LINE_BYTES))
    recorder, reader = await recorded(tmp_path / "r", message(b"{}"), long, message(b"[]"))
    assert (recorder.messages, recorder.too_long, recorder.dropped) == (2, 1, 1)
    assert reader.messages == 2


async def test_what_is_not_written_in_time_is_counted(tmp_path: Path) -> None:
    items = [message(b"{}")] * (2 * BATCH)
    recorder, reader = await recorded(tmp_path / "r", *items, timeout_s=0.0)
    assert reader.messages == recorder.messages == 0
    assert recorder.unwritten == recorder.dropped == 2 * BATCH


async def test_without_the_time_of_the_server_the_end_is_dated_by_messages(tmp_path: Path) -> None:
    older = msgspec.structs.replace(message(b"{}"), at=AT - 60)
    _recorder, reader = await recorded(
        tmp_path / "r", older, message(b"{}"), older, server_time=None
    )
    assert reader.end is not None
    assert reader.end.ended_at == pytest.approx(AT, abs=60)
    assert reader.end.ended_at >= AT


async def test_the_end_of_a_recording_of_nothing_is_dated(tmp_path: Path) -> None:
    _recorder, reader = await recorded(tmp_path / "r", server_time=None)
    assert reader.end is not None
    assert reader.end.ended_at == pytest.approx(time.time(), abs=60)
