"""No change of a recording goes unnoticed, and damage costs no more than where it is."""

import contextlib
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from pulse_desktop.session.recording.frame_reader import is_checksum_mismatch
from pulse_desktop.session.recording.recording_check import find_damage, is_whole
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    VERSION,
    End,
    Header,
    Line,
    MessageLine,
    encode_line,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.session.recording.recording_writer import RecordingWriter
from pulse_desktop.text.recording_text import damage_texts

AT = 1_796_000_000.0
HEADER = Header(FORMAT, VERSION, "pulse-desktop 0.1.0", AT)
BATCHES = 5
BATCH = 40


def line(number: int) -> MessageLine:
    noise = random.Random(number).randbytes(20).hex()
    return MessageLine("event", "websocket.tasks", AT + number, text=noise, sequence=number)


LINES = [line(number) for number in range(BATCHES * BATCH)]


@contextlib.contextmanager
def writing(path: Path, max_bytes: int = 1 << 30) -> Iterator[RecordingWriter]:
    with (
        RecordingFile(path, replace=True) as file,
        RecordingWriter(file, HEADER, max_bytes) as writer,
    ):
        yield writer


def write(path: Path, *, end: bool = True) -> Path:
    """Write a recording of some frames."""
    with writing(path) as writer:
        for start in range(0, len(LINES), BATCH):
            writer.write(LINES[start : start + BATCH])
        if end:
            writer.finish(End(AT, "stopped", len(LINES), 0, lines=len(LINES)))
    return path


def write_plain(path: Path, *lines: Line) -> Path:
    """Write a recording as older programs did: without checksums."""
    path.write_bytes(b"".join(zstandard.compress(encode_line(each)) for each in lines))
    return path


def read(path: Path) -> tuple[list[Line], RecordingReader]:
    with RecordingReader(path) as reader:
        return [line for line in reader.lines() if line is not None], reader


def frames(path: Path) -> list[int]:
    """Return where the frames of a recording begin."""
    content = path.read_bytes()
    return [at for at in range(len(content)) if content.startswith(b"\x28\xb5\x2f\xfd", at)]


def test_a_recording_is_whole(tmp_path: Path) -> None:
    found, reader = read(write(tmp_path / "r"))
    assert found == LINES
    assert is_whole(reader)
    assert reader.has_checksums


def test_no_flipped_bit_changes_what_is_read_unnoticed(tmp_path: Path) -> None:
    path = write(tmp_path / "r")
    content = path.read_bytes()
    header = frames(path)[1]
    chosen = random.Random(1)
    for _number in range(300):
        at, bit = chosen.randrange(header, len(content)), chosen.randrange(8)
        flipped = bytearray(content)
        flipped[at] ^= 1 << bit
        path.write_bytes(flipped)
        found, reader = read(path)
        assert (found == LINES) or not is_whole(reader), (at, bit)
        assert all(each in LINES for each in found), (at, bit)
        assert len(found) >= len(LINES) - BATCH, (at, bit)


def test_a_damaged_header_costs_no_lines(tmp_path: Path) -> None:
    path = write(tmp_path / "r")
    content = bytearray(path.read_bytes())
    content[frames(path)[1] - 1] ^= 1
    path.write_bytes(content)
    found, reader = read(path)
    assert found == LINES
    assert damage_texts(find_damage(reader))[0].startswith("the beginning is damaged")
    assert reader.header.started_at == AT


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("filling", [b"\0" * 4096, b"\xff" * 5, b"\0"])
def test_what_is_before_other_bytes_is_read(tmp_path: Path, filling: bytes, end: bool) -> None:
    path = write(tmp_path / "r", end=end)
    with path.open("ab") as file:
        file.write(filling)
    found, reader = read(path)
    assert found == LINES
    assert (reader.end is not None) is end
    assert not is_whole(reader)


def test_a_part_of_zeros_costs_only_the_lines_in_it(tmp_path: Path) -> None:
    path = write(tmp_path / "r")
    start = frames(path)[2]
    content = bytearray(path.read_bytes())
    content[start : start + 20] = bytes(20)
    path.write_bytes(content)
    found, reader = read(path)
    assert found == LINES[:BATCH] + LINES[2 * BATCH :]
    assert damage_texts(find_damage(reader)) == [
        "1 part of the file is damaged",
        "the file holds 160 messages instead of 200, 160 lines instead of 200",
    ]


@pytest.mark.parametrize("number", range(1, BATCHES + 1))
def test_a_frame_that_is_missing_is_noticed(tmp_path: Path, number: int) -> None:
    path = write(tmp_path / "r")
    start, stop = frames(path)[number : number + 2]
    content = path.read_bytes()
    path.write_bytes(content[:start] + content[stop:])
    _found, reader = read(path)
    assert reader.end is not None
    assert not is_whole(reader)


@pytest.mark.parametrize("added", [HEADER, LINES[0], End(AT, "stopped", 1, 0)])
def test_a_line_after_the_end_is_damage(tmp_path: Path, added: Line) -> None:
    path = write(tmp_path / "r")
    with path.open("ab") as file:
        file.write(zstandard.compress(encode_line(added)))
    found, reader = read(path)
    assert found == LINES
    assert reader.malformed == 1
    assert not is_whole(reader)


def test_a_second_header_is_damage(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "r", HEADER, LINES[0], HEADER, End(AT, "stopped", 1, 0))
    found, reader = read(path)
    assert found == [LINES[0]]
    assert not is_whole(reader)


def test_a_recording_without_checksums_is_whole_and_known(tmp_path: Path) -> None:
    path = write_plain(tmp_path / "r", HEADER, *LINES, End(AT, "stopped", len(LINES), 0))
    found, reader = read(path)
    assert found == LINES
    assert is_whole(reader)
    assert not reader.has_checksums


@pytest.mark.parametrize("stated", [0, len(LINES) - 1, len(LINES) + 1])
def test_an_end_that_states_other_numbers_is_damage(tmp_path: Path, stated: int) -> None:
    path = write_plain(tmp_path / "r", HEADER, *LINES, End(AT, "stopped", stated, 0))
    _found, reader = read(path)
    assert damage_texts(find_damage(reader)) == [
        f"the file holds {len(LINES)} messages instead of {stated}"
    ]


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_file_that_is_cut_is_never_whole(tmp_path: Path, cut: int) -> None:
    path = write(tmp_path / "r")
    os.truncate(path, path.stat().st_size - cut)
    found, reader = read(path)
    assert found == LINES
    assert not is_whole(reader)


def test_a_line_may_go_on_in_the_next_frame(tmp_path: Path) -> None:
    path = tmp_path / "r"
    end = End(AT, "stopped", len(LINES), 0)
    lines: list[Line] = [HEADER, *LINES, end]
    content = b"".join(encode_line(each) for each in lines)
    pieces = [content[start : start + 1000] for start in range(0, len(content), 1000)]
    path.write_bytes(b"".join(zstandard.compress(each) for each in pieces))
    found, reader = read(path)
    assert found == LINES
    assert is_whole(reader)


@pytest.mark.parametrize("max_bytes", [16 << 10, 20 << 10, 64 << 10])
def test_a_limit_is_used(tmp_path: Path, max_bytes: int) -> None:
    lines = [line(number) for number in range(5_000)]
    with writing(tmp_path / "r", max_bytes) as writer:
        written = writer.write(lines)
        writer.finish(End(AT, "size", written, 0))
    size = (tmp_path / "r").stat().st_size
    assert max_bytes - 6_000 < size <= max_bytes
    assert read(tmp_path / "r")[0] == lines[:written]


def test_only_a_frame_that_is_read_to_its_end_has_a_wrong_checksum() -> None:
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(b"some lines\n" * 100)
    unlike = whole[:-1] + bytes([whole[-1] ^ 1])
    unreadable = whole[:5] + b"\xff" * 8 + whole[13:]
    for frame, is_mismatch in ((unlike, True), (unreadable, False)):
        with pytest.raises(zstandard.ZstdError) as caught:
            zstandard.ZstdDecompressor().decompressobj().decompress(frame)
        assert is_checksum_mismatch(caught.value) == is_mismatch
