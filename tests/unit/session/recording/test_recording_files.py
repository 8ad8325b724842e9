"""A recording is read as far as it is whole, and nothing that is none is taken for one."""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest
import zstandard

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.session.recording.playback import Playback
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    MAX_LINE_BYTES,
    VERSION,
    End,
    Header,
    Line,
    MessageLine,
    encode_line,
    inbound_message,
    message_line,
    missing_texts,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.session.recording.recording_writer import RecordingWriter
from pulse_desktop.text.formats import absolute

AT = 1_796_000_000.0
HEADER = Header(FORMAT, VERSION, "pulse-desktop 0.1.0", AT, "staging", "nats://host:4222")
LARGE = 1 << 30


def message(payload: bytes, number: int = 0, *, older: bool = False) -> InboundMessage:
    subject = "websocket.tasks"
    return InboundMessage(Source.EVENT, subject, payload, AT + number, number, older)


def event_line(number: int) -> MessageLine:
    return message_line(message(b"{}", number), b'{"type":"x","data":{"n":%d}}' % number)


@contextlib.contextmanager
def writing(
    path: Path, header: Header = HEADER, max_bytes: int = LARGE
) -> Iterator[RecordingWriter]:
    with RecordingFile(path, replace=True) as file, RecordingWriter(file, header, max_bytes) as it:
        yield it


def write(path: Path, *batches: Iterable[Line], header: Header = HEADER, end: bool = True) -> Path:
    with writing(path, header) as writer:
        for batch in batches:
            writer.write(list(batch))
        if end:
            writer.finish(End(AT + 100, "stopped", 0, 0))
    return path


def lines_of(path: Path) -> tuple[list[Line], RecordingReader]:
    with RecordingReader(path) as reader:
        return [line for line in reader.lines() if line is not None], reader


@pytest.mark.parametrize(
    "payload",
    [
        b'{"a": [1, 2.50, "\xd1\x97"]}',
        b'{\n"a":1}',
        b"plain",
        b"",
        b"\xff\xfe\x00",
        b"{bad",
        b"1 2",
    ],
)
@pytest.mark.parametrize("older", [False, True])
def test_every_message_comes_back_as_it_was(tmp_path: Path, payload: bytes, older: bool) -> None:
    sent = message(payload, 7, older=older)
    found, _reader = lines_of(write(tmp_path / "r", [message_line(sent, payload)]))
    (line,) = found
    assert isinstance(line, MessageLine)
    assert inbound_message(line) == sent


def test_a_recording_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    assert write(tmp_path / "r").stat().st_mode & 0o777 == 0o600


def test_the_end_and_the_header_are_read(tmp_path: Path) -> None:
    found, reader = lines_of(write(tmp_path / "r", map(event_line, range(3))))
    assert (len(found), reader.header) == (3, HEADER)
    assert reader.end == End(AT + 100, "stopped", 0, 0)


def test_an_end_says_what_is_missing_and_an_older_one_does_not(tmp_path: Path) -> None:
    path = tmp_path / "r"
    missing = missing_texts([f"{number}" * 5_000 for number in range(9)] * 3)
    with writing(path) as writer:
        writer.finish(End(AT, "stopped", 0, 0, 0, missing))
    _found, reader = lines_of(path)
    assert reader.end is not None
    assert reader.end.missing == missing
    assert missing[0] == "0" * 300
    older = write(tmp_path / "older", end=False)
    end = b'{"line":"end","ended_at":1,"reason":"stopped","messages":1,"results":0}\n'
    with older.open("ab") as file:
        file.write(zstandard.compress(end))
    _found, reader = lines_of(older)
    assert reader.end == End(1.0, "stopped", 1, 0)
    assert reader.end.missing == ()


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, cut: int) -> None:
    batches = [map(event_line, range(n, n + 10)) for n in (0, 10, 20)]
    path = write(tmp_path / "r", *batches, end=False)
    os.truncate(path, path.stat().st_size - cut)
    found, reader = lines_of(path)
    assert 20 <= len(found) <= 30
    assert reader.end is None


def test_damaged_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "r", [event_line(1)], end=False)
    damaged = b'{"line":"message"}\nno json\n{"line":"other"}\n[]\n' + encode_line(event_line(2))
    with path.open("ab") as file:
        file.write(zstandard.compress(damaged))
    found, reader = lines_of(path)
    assert len(found) == 2
    assert reader.malformed == 4


def test_the_time_is_checked_after_each_damaged_line(tmp_path: Path) -> None:
    path = write(tmp_path / "r", end=False)
    with path.open("ab") as file:
        file.write(zstandard.compress(b"no json\n" * 3 + encode_line(event_line(1))))
    with RecordingReader(path) as reader:
        playback = Playback(reader)
        seen = []
        while playback.fold(0.0):
            seen.append((playback.malformed, playback.messages))
    assert seen[:4] == [(1, 0), (2, 0), (3, 0), (3, 1)]


def test_a_line_that_is_too_long_is_skipped_within_bounds(tmp_path: Path) -> None:
    path = write(tmp_path / "r", end=False)
    with path.open("ab") as file:
        file.write(zstandard.compress(b"x" * (3 * MAX_LINE_BYTES) + b"\n"))
        file.write(zstandard.compress(encode_line(event_line(1))))
    found, reader = lines_of(path)
    assert len(found) == 1
    assert reader.malformed == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a recording",
        zstandard.compress(b"hello\n"),
        zstandard.compress(encode_line(event_line(1))),
        b"\x28\xb5\x2f\xfd" + b"\x00" * 20,
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "r"
    path.write_bytes(content)
    with pytest.raises(UserFacingError, match="it is not a recording"), RecordingReader(path):
        pass


def test_a_recording_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    newer = Header(FORMAT, VERSION + 1, "pulse-desktop 9.0", AT)
    path = write(tmp_path / "r", header=newer)
    with pytest.raises(UserFacingError, match=r"newer version, pulse-desktop 9\.0") as raised:
        RecordingReader(path).__enter__()
    assert raised.value.advice == "Update Pulse Desktop to open it."


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_is_none_is_refused(tmp_path: Path, version: int) -> None:
    path = write(tmp_path / "r", header=Header(FORMAT, version, "x", AT))
    with pytest.raises(UserFacingError, match="damaged"):
        RecordingReader(path).__enter__()


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(UserFacingError, match="Cannot open r"):
        RecordingReader(path).__enter__()


def test_a_full_recording_stays_within_its_limit_and_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "r"
    lines = [event_line(number) for number in range(10_000)]
    with writing(path, max_bytes=20_000) as writer:
        written = writer.write(lines)
        assert 0 < written < len(lines)
        assert writer.is_full
        writer.finish(End(AT, "size", written, 0))
    assert path.stat().st_size <= 20_000
    found, reader = lines_of(path)
    assert found == lines[:written]
    assert reader.end is not None


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserFacingError, match="is not a folder"):
        RecordingFile(tmp_path / "no" / "r", replace=False).__enter__()


def test_a_playback_folds_in_slices(tmp_path: Path) -> None:
    path = write(tmp_path / "r", map(event_line, range(1_000)))
    with RecordingReader(path) as reader:
        playback = Playback(reader)
        assert playback.fold(0.0)
        assert 0 < playback.messages < 1_000
        while playback.fold(0.0):
            pass
    assert playback.messages == len(playback.state.log) == 1_000
    assert (playback.first_at, playback.last_at) == (AT, AT + 999)


def test_base64_with_other_characters_is_a_malformed_line(tmp_path: Path) -> None:
    line = MessageLine("event", "x", AT, base64="é")
    path = write(tmp_path / "r", [line, event_line(1)])
    with RecordingReader(path) as reader:
        playback = Playback(reader)
        while playback.fold(1.0):
            pass
    assert (playback.messages, playback.malformed) == (1, 1)


_OBJECT = (
    '{"key":"k","size":1,"chunks":1,"nuid":"n","stored_at":AT,"digest":"","deleted":false,'
    '"sequence":1,"bucket":"b"}'
)
_RESULT = (
    '{"line":"result","object":OBJECT,"result":{"is_err":false,"return_value":VALUE,'
    '"execution_time":1,"labels":{},"error":null,"format":"json","outcome":"succeeded",'
    '"soft_reason":""}}'
).replace("OBJECT", _OBJECT)


def described(path: Path) -> tuple[int, int, float]:
    """Play a recording; return the numbers of messages and malformed lines, and its end."""
    with RecordingReader(path) as reader:
        playback = Playback(reader)
        while playback.fold(1.0):
            pass
    absolute(playback.last_at)
    return playback.messages, playback.malformed, playback.last_at


@pytest.mark.parametrize("at", ["1e308", "-1e308", "1e18", "-1", "1e400", "null"])
@pytest.mark.parametrize(
    "line",
    [
        '{"line":"message","source":"event","subject":"x","at":AT,"payload":{}}',
        '{"line":"object","object":OBJECT}'.replace("OBJECT", _OBJECT),
        _RESULT.replace("VALUE", "1"),
        '{"line":"end","ended_at":AT,"reason":"x","messages":1,"results":0}',
    ],
)
def test_a_time_that_is_none_makes_a_line_malformed(tmp_path: Path, line: str, at: str) -> None:
    path = write(tmp_path / "r", [event_line(1)], end=False)
    with path.open("ab") as file:
        file.write(zstandard.compress(line.replace("AT", at).encode() + b"\n"))
    assert described(path) == (1, 1, AT + 1)


@pytest.mark.parametrize("value", [b'"\xff"', b"9" * 10_000, b"[" * 100_000 + b"]" * 100_000])
def test_a_value_that_cannot_be_decoded_makes_a_line_malformed(
    tmp_path: Path, value: bytes
) -> None:
    path = write(tmp_path / "r", [event_line(1)], end=False)
    line = _RESULT.replace("AT", "1.79e9").encode().replace(b"VALUE", value)
    with path.open("ab") as file:
        file.write(zstandard.compress(line + b"\n"))
    assert described(path) == (1, 1, AT + 1)


@pytest.mark.parametrize("text", [b"\n" * 2_000_000, b"\0" * (200 << 20)])
def test_a_small_file_that_expands_to_much_does_not_hold_up(tmp_path: Path, text: bytes) -> None:
    path = write(tmp_path / "r", [event_line(1)], end=False)
    with path.open("ab") as file:
        file.write(zstandard.compress(text) + zstandard.compress(b"\n"))
    started = time.perf_counter()
    messages, malformed, _end = described(path)
    assert (messages, malformed > 0) == (1, True)
    assert time.perf_counter() - started < 5.0


@pytest.mark.parametrize("sequence", [-1, 1 << 63])
def test_a_message_with_an_impossible_sequence_is_a_malformed_line(
    tmp_path: Path, sequence: int
) -> None:
    sent = message_line(message(b"{}", 1), b"{}")
    assert isinstance(sent, MessageLine)
    lines = [sent, msgspec.structs.replace(sent, sequence=sequence)]
    found, reader = lines_of(write(tmp_path / "r", lines))
    assert found == [sent]
    assert reader.malformed == 1
