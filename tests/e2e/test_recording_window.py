"""A recording in the window: everything is shown, nothing is live, and nothing can be done."""

from functools import partial
from pathlib import Path

import msgspec
import pytest
from PySide6.QtWidgets import QApplication, QLabel

from pulse_desktop.app.desktop import Desktop
from pulse_desktop.app.recorded_session import RecordedSession
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.profiles.profile import server_profile
from pulse_desktop.protocol.task_result import decode_result
from pulse_desktop.session.recording.masker import Masker
from pulse_desktop.session.recording.recording_file import RecordingFile
from pulse_desktop.session.recording.recording_format import (
    FORMAT,
    VERSION,
    End,
    Header,
    Line,
    ResultLine,
    message_line,
)
from pulse_desktop.session.recording.recording_reader import RecordingReader
from pulse_desktop.session.recording.recording_writer import RecordingWriter
from pulse_desktop.text import formats
from pulse_desktop.ui.connection_phase import Phase
from pulse_desktop.ui.run_form.form import RunForm
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.unit.state.state_builders import (
    NOW,
    TASK,
    heartbeat,
    result_body,
    stored_object,
    task_event,
    task_message,
)


def recorded(path: Path, *, end: bool = True) -> Path:
    """Write a recording of one run with its result."""
    sent = [task_message(), heartbeat(), task_event("task.started"), task_event("task.succeeded")]
    sent.append(heartbeat(NOW - 90))  # read from history after newer messages
    lines: list[Line] = [message_line(each, each.payload) for each in sent]
    lines.append(ResultLine(stored_object(), Masker().mask_result(decode_result(result_body()))))
    header = Header(
        FORMAT, VERSION, "pulse-desktop 0.1.0", NOW, "shop", "nats://host:4222", "production"
    )
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, header, 1 << 20) as writer,
    ):
        writer.write(lines)
        if end:
            writer.finish(End(NOW + 60, "stopped", len(sent), 1))
    return path


def shown(reader: RecordingReader) -> Desktop:
    """Open the application on a recording."""
    desktop = Desktop()
    desktop.window.show()
    desktop.show_recording(reader)
    return desktop


@pytest.mark.parametrize("whole", [pytest.param(True, marks=pytest.mark.slow), False])
def test_a_recording_is_shown_read_only(qapp: QApplication, tmp_path: Path, whole: bool) -> None:
    reader = RecordingReader(recorded(tmp_path / "night.zst", end=whole))

    async def scenario(operator: Operator) -> None:
        window = operator.window
        await operator.act(lambda: window.show_page("tasks"))
        await wait_until(lambda: operator.page.table.rows_model.shown_count == 1)
        await wait_until(lambda: window.banner.content is not None)
        content = window.banner.content
        assert content is not None
        assert (content.phase, content.title) == (Phase.RECORDING, "Recording of shop")
        assert ("cut off" in content.detail) is not whole
        assert "night.zst" in window.windowTitle()
        assert "PRODUCTION" in [each.text() for each in window.findChildren(QLabel)]
        session = window.session
        log = session.state.log
        sent_at = max(each.received_at for each in log)
        first_at = min(each.received_at for each in log)
        assert first_at < log[log.start].received_at
        assert content.detail.startswith(f"From {formats.absolute(first_at)} to ")
        assert session.read_only
        assert session.now() == (NOW + 60 if whole else sent_at)
        assert (await session.results.read(TASK)).result is not None
        with pytest.raises(UserFacingError, match="Not possible on a recording"):
            await session.tasks.rerun([session.state.runs.rows[0]])
        assert not window.top_bar.run.isEnabled()
        operator.page.table.select_position(0)
        for action in ("run_task", "runs.rerun", "edit_rerun"):
            await operator.act(partial(window.actions_table.run, action))
            assert not window.findChildren(RunForm), action
            assert operator.notification.title.startswith("Not possible on a recording"), action
            assert "read-only" not in operator.notification.advice.lower(), action
            await operator.act(window.notifications.clear)

    with reader:
        run_operator(qapp, "", scenario, open_desktop=partial(shown, reader))


def test_charts_of_a_recording_follow_each_filter(qapp: QApplication, tmp_path: Path) -> None:
    path, lines = tmp_path / "r", list[Line]()
    for number in range(60):
        at, task_id = NOW + number, f"{number:032x}"
        named = {"task_name": ("ingest", "score")[number % 3 == 0]}
        kind = "failed" if number % 5 == 0 else "succeeded"
        for event in ("started", kind):
            sent = task_event(event, at, task_id, **named)
            sent = msgspec.structs.replace(sent, sequence=len(lines) + 1)
            lines.append(message_line(sent, sent.payload))
    header = Header(FORMAT, VERSION, "x", NOW)
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, header, 1 << 30) as writer,
    ):
        writer.write(lines)
        writer.finish(End(NOW + 60, "stopped", len(lines), 0))

    async def scenario(operator: Operator) -> None:
        await operator.act(lambda: operator.window.show_page("tasks"))
        table = operator.page.table.rows_model
        await wait_until(lambda: table.shown_count == 60)
        times = operator.page.charts.times
        await wait_until(lambda: times.subtitle == "60 ended runs")
        clock = operator.window.session.now()
        bar = operator.page.filter_bar
        for query, ended in (
            ("task:ingest", {"ingest": 40}),
            ("state:failed", {"ingest": 8, "score": 4}),
            ("", {"ingest": 40, "score": 20}),
            ("task:score state:failed", {"score": 4}),
        ):
            await operator.act(partial(bar.set_filter, (), query))
            await wait_until(
                lambda ended=ended: {row.task: row.ended for row in times.shown} == ended,
                5.0,
                query,
            )
            assert table.shown_count == sum(ended.values())
        assert operator.window.session.now() == clock

    with RecordingReader(path) as reader:
        run_operator(qapp, "", scenario, open_desktop=partial(shown, reader))


def test_a_window_goes_on_from_a_recording_to_a_connection(
    qapp: QApplication, nats_server: NatsServer, tmp_path: Path
) -> None:
    reader = RecordingReader(recorded(tmp_path / "night.zst"))

    async def scenario(operator: Operator) -> None:
        await wait_until(lambda: bool(operator.state.runs.rows))
        profile = server_profile(nats_server.url, nats_server.monitor_url)
        await operator.act(lambda: operator.desktop.windows[0].show_profile(profile))
        await wait_until(lambda: operator.desktop.session is not None)
        await operator.session.connection.wait_connected()
        assert not operator.state.runs.rows
        assert not operator.window.session.connection_status.recording

    with reader:
        run_operator(qapp, "", scenario, open_desktop=partial(shown, reader))


def test_the_figures_of_a_recording_that_was_cut_off_are_those_of_its_end(
    qapp: QApplication, tmp_path: Path
) -> None:
    path, count = tmp_path / "r", 5_000
    header = Header(FORMAT, VERSION, "x", NOW, "shop", "nats://host:4222")
    line = msgspec.structs.replace(message_line(heartbeat(), heartbeat().payload), at=NOW - 60)
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, header, 1 << 30) as writer,
    ):
        writer.write([line] * count)

    async def scenario(operator: Operator) -> None:
        received = operator.window.status_bar.labels["received"]
        await wait_until(lambda: received.text() == "5,000 received")

    with RecordingReader(path) as reader:
        run_operator(qapp, "", scenario, open_desktop=partial(shown, reader))


def test_the_progress_of_a_long_recording_is_known(qapp: QApplication, tmp_path: Path) -> None:
    path, count = tmp_path / "r", 20_000
    line = message_line(heartbeat(), heartbeat().payload)
    with (
        RecordingFile(path, replace=False) as file,
        RecordingWriter(file, Header(FORMAT, VERSION, "x", NOW), 1 << 30) as writer,
    ):
        for number in range(0, count, 1_000):
            writer.write([msgspec.structs.replace(line, at=NOW + number)] * 1_000)
        writer.finish(End(NOW, "stopped", count, 0, lines=count))
    with RecordingReader(path) as reader:
        session = RecordedSession(reader)
        read = 0
        while session.drain(0.0):
            assert session.history is not None
            read, total = session.history.read, session.history.total
            assert read <= total
            if read > count // 2:
                assert total == pytest.approx(count, rel=0.2)
        assert read > count // 2
        assert session.history is None
