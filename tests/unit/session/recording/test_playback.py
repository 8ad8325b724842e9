"""A playback judges a recording by its end, within its budget of time and bounds of memory."""

import os
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from pulse_desktop.model.run_state import RunState
from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.playback import Playback
from pulse_desktop.session.recording.played_results import PlayedResults
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    VERSION,
    End,
    Header,
    Line,
    ObjectLine,
    RecordedResult,
    ResultLine,
    message_line,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.session.recording.recording_writer import RecordingWriter
from tests.kit.full_disk import no_room_in_files
from tests.unit.state.state_builders import (
    NOW,
    event_message,
    queued_event,
    result_body,
    stored_object,
    task_event,
)

HOUR = 3600.0


def write(
    path: Path, lines: Iterable[Line], ended_at: float | None = NOW, started_at: float = NOW
) -> Path:
    header = Header(FORMAT, VERSION, "pulse-desktop 0.1.0", started_at)
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, header, 1 << 30) as writer,
    ):
        for line in lines:
            writer.write([line])
        if ended_at is not None:
            writer.finish(End(ended_at, "stopped", 0, 0))
    return path


def lines_of(messages: Iterable[InboundMessage]) -> list[Line]:
    return [message_line(each, each.payload) for each in messages]


def played(path: Path) -> Playback:
    with RecordingReader(path) as reader:
        playback = Playback(reader)
        while playback.fold(0.0):
            pass
    return playback


def recorded(return_value: object) -> RecordedResult:
    return Masker().mask_result(decode_result(result_body(return_value)))


def queued(at: float, task_id: str, value: str) -> InboundMessage:
    return task_event("queued", at, task_id, args=[], kwargs={"k": value}, labels={})


def result_line(key: str, return_value: object) -> Line:
    return ResultLine(stored_object(key=key), recorded(return_value))


def test_all_that_is_overdue_at_the_end_is_shown_so(tmp_path: Path) -> None:
    count = 1_000
    queued = lines_of(queued_event(NOW + number, f"r{number}") for number in range(count))
    state = played(write(tmp_path / "r", queued, NOW + 100 * HOUR)).state
    assert {run.state for run in state.runs.rows} == {RunState.OVERDUE}
    assert len(state.runs.rows) == count


@pytest.mark.parametrize("ended_at", [NOW, None])
@pytest.mark.parametrize("ahead_s", [2 * HOUR, 10 * 24 * HOUR])
def test_a_start_by_a_clock_that_is_ahead_makes_no_run_overdue(
    tmp_path: Path, ended_at: float | None, ahead_s: float
) -> None:
    started = task_event("started", NOW - 60, "1", labels={"timeout": 600})
    file = write(tmp_path / "r", lines_of([started]), ended_at, started_at=NOW + ahead_s)
    playback = played(file)
    assert playback.last_at == pytest.approx(ended_at or NOW - 60, abs=1)
    assert playback.state.runs.rows[0].state is RunState.RUNNING


def test_the_end_of_a_recording_of_nothing_is_known(tmp_path: Path) -> None:
    assert played(write(tmp_path / "ended", [], NOW, started_at=NOW + HOUR)).last_at == NOW
    assert played(write(tmp_path / "cut", [], None)).last_at == NOW


def test_all_groups_are_judged_and_compared(tmp_path: Path) -> None:
    messages = []
    for number in range(20):
        messages.append(queued(NOW, f"ok{number}", "ok"))
        messages.append(task_event("succeeded", NOW + 0.5, f"ok{number}"))
    for group in range(300):
        error = {"type": f"Error{'x' * group}", "message": "no"}
        for number in range(2):
            task_id, at = f"r{group}.{number}", NOW + 2 * group + number
            messages.append(queued(at, task_id, f"group {group}"))
            messages.append(task_event("failed", at + 0.5, task_id, error=error))
    ended_at = NOW + 100 * HOUR
    state = played(write(tmp_path / "r", lines_of(messages), ended_at)).state
    rows = list(state.failure_groups.rows)
    assert len(rows) >= 300
    state.failure_groups.tick_all(ended_at)
    assert list(state.failure_groups.rows) == rows
    assert sum(bool(group.shared) for group in rows) >= 300
    assert state.pending_reads == []


def test_the_time_is_checked_after_each_line(tmp_path: Path) -> None:
    large = lines_of(event_message("agents", "agent.x", {"n": number}) for number in range(5))
    with RecordingReader(write(tmp_path / "r", large)) as reader:
        playback = Playback(reader)
        for number in range(5):
            assert playback.fold(0.0)
            assert playback.messages == number + 1


def test_results_take_no_memory_of_what_they_decode_to(tmp_path: Path) -> None:
    value: list[list[int]] = [[]] * 50_000
    body = recorded(value)
    lines = [ResultLine(stored_object(key=f"k{number}"), body) for number in range(8)]
    path = write(tmp_path / "r", lines)
    assert path.stat().st_size < 20_000
    tracemalloc.start()
    try:
        playback = played(path)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert held < 5 << 20
    assert len(playback.results) == 8
    read = playback.results.get("k7")
    assert read is not None
    assert read.return_value == value


def test_the_latest_result_of_a_key_is_read_and_another_is_none(tmp_path: Path) -> None:
    lines = [result_line("a", 1), result_line("b", {"x": [None]}), result_line("a", "2")]
    results = played(write(tmp_path / "r", lines)).results
    assert len(results) == 2
    first, second = results.get("a"), results.get("b")
    assert first is not None
    assert second is not None
    assert (first.return_value, second.return_value) == ("2", {"x": [None]})
    assert results.get("c") is None


@pytest.mark.parametrize("kind", ["unread", "deleted", "not read yet", "read late"])
def test_a_result_that_was_replaced_is_not_read(tmp_path: Path, kind: str) -> None:
    first = result_line("a", "first")
    assert isinstance(first, ResultLine)
    later = msgspec.structs.replace(
        first.object, sequence=first.object.sequence + 1, deleted=kind == "deleted"
    )
    lines: list[Line] = [ObjectLine(first.object), first, ObjectLine(later)]
    if kind == "unread":
        lines.append(ResultLine(later, None, ""))
    elif kind == "read late":
        lines = [lines[0], lines[2], lines[1]]
    results = played(write(tmp_path / "r", lines)).results
    assert results.get("a") is None
    assert len(results) == 0


def test_the_least_recent_results_make_room() -> None:
    results = PlayedResults(max_results=2)
    for key in "abca":
        results.put(key, 1, recorded(key))
    assert [results.get(key) is not None for key in "abc"] == [True, False, True]


@pytest.mark.parametrize("missing", [True, False])
def test_without_room_for_results_the_others_are_kept(
    monkeypatch: pytest.MonkeyPatch, missing: bool
) -> None:
    results = PlayedResults()
    if missing:
        monkeypatch.setattr(tempfile, "tempdir", "/does/not/exist")
        results.put("a", 1, recorded("a"))
        monkeypatch.undo()
    else:
        results.put("before", 1, recorded("before"))
        with no_room_in_files(os.getpid()):
            results.put("a", 1, recorded("a"))
    results.put("b", 1, recorded("b"))
    assert (results.lost, results.get("a")) == (1, None)
    kept = results.get("b")
    assert kept is not None
    assert kept.return_value == "b"
