"""What the window shows while a real server is away, refuses, or is still being read."""

import asyncio
import time
from pathlib import Path
from typing import Final

import pytest
from PySide6.QtWidgets import QApplication

from pulse_desktop.model.history_extent import NEWEST_MESSAGES
from pulse_desktop.protocol.event import encode_event
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import (
    EVENT_STREAM,
    EVENT_STREAM_SUBJECT,
    TASK_STREAM,
    TASK_SUBJECT,
)
from pulse_desktop.session import ingestor
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.text import formats
from pulse_desktop.ui.connection_phase import Phase
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.shell import connection_banner
from tests.e2e.desktop_app import Operator, run_operator
from tests.kit.nats_clients import connect
from tests.kit.nats_servers import NatsServer
from tests.kit.waiting import wait_until
from tests.ui.tables import note_title

WORKER: Final = "worker-1@host-a:41"
EVENTS: Final = 12_105


def heartbeat(at: float) -> bytes:
    fields = {"worker": WORKER, "host": "host-a", "pid": 41, "slots": 8, "busy": 3}
    return encode_event("monitoring", "worker.heartbeat", fields, source=WORKER, now=at)[1]


def phase(operator: Operator) -> Phase | None:
    content = operator.window.banner.content
    return content.phase if content is not None else None


def overview(operator: Operator) -> OverviewPage:
    page = operator.shown_page
    assert isinstance(page, OverviewPage)
    return page


async def publish_heartbeat(server: NatsServer) -> None:
    client = await connect(server.url)
    await client.publish("websocket.monitoring", heartbeat(time.time()))
    await client.flush()
    await client.close()


def test_a_dead_address_is_waited_for_and_opens_by_itself(
    qapp: QApplication, unused_tcp_port: int
) -> None:
    server = NatsServer(port=unused_tcp_port)

    async def scenario(operator: Operator) -> None:
        window = operator.window
        await wait_until(lambda: phase(operator) is Phase.UNREACHED)
        assert "nothing listens" in window.banner.detail.text().lower()
        assert window.top_bar.pause.text() == "Offline"
        assert window.top_bar.alerts.count == "unknown"
        assert window.status_bar.labels["as_of"].text() == "not connected"
        assert note_title(overview(operator).latest) == "Not connected yet"
        await wait_until(lambda: window.banner.next_try.text().startswith("Next try in"))
        attempts = window.session.connection_status.attempts
        await operator.click(window.banner.buttons["try"])
        await wait_until(lambda: window.session.connection_status.attempts > attempts)
        server.start()
        await wait_until(lambda: phase(operator) is None)
        assert window.top_bar.pause.text() == "Live"
        assert note_title(overview(operator).latest) == "No runs yet"

    try:
        run_operator(qapp, f"nats://127.0.0.1:{unused_tcp_port}", scenario)
    finally:
        server.close()


def test_a_killed_server_leaves_figures_of_before_until_it_is_back(qapp: QApplication) -> None:
    with NatsServer(jetstream=False) as server:

        async def scenario(operator: Operator) -> None:
            window, page = operator.window, overview(operator)
            await wait_until(lambda: operator.session.event_feed.status.mode == "live")
            await publish_heartbeat(server)
            await wait_until(lambda: page.cards["workers"].value == "1 online")
            server.kill()
            await wait_until(lambda: phase(operator) is Phase.LOST)
            lost_at = operator.session.connection_status.last_alive
            as_of = f"as of {formats.clock(lost_at)}"
            assert formats.clock(lost_at) in window.banner.title.text()
            await wait_until(lambda: {card.stale for card in page.cards.values()} == {as_of})
            await wait_until(lambda: window.status_bar.labels["as_of"].text() == as_of)
            assert page.cards["workers"].value == "1 online"
            assert window.top_bar.pause.text() == "Offline"
            assert window.top_bar.alerts.count == "unknown"
            ago = page.topics.rows["monitoring"].ago
            await wait_until(lambda: time.time() - (lost_at or 0) > 2)
            assert page.topics.rows["monitoring"].ago == ago, "clocks stand still"
            server.start()
            await wait_until(lambda: operator.session.connection.connected)
            await wait_until(lambda: phase(operator) is not Phase.LOST)
            await wait_until(lambda: {card.stale for card in page.cards.values()} == {""})
            (outage,) = operator.session.outages
            assert outage.start == lost_at
            assert outage.end - outage.start >= 2
            assert window.top_bar.pause.text() == "Live"
            await wait_until(lambda: window.top_bar.alerts.count == "")

        run_operator(qapp, server.url, scenario, server.monitor_url)


@pytest.mark.slow
def test_a_wrong_password_is_a_refused_login(qapp: QApplication) -> None:
    with NatsServer(user="me", password="right") as server:

        async def scenario(operator: Operator) -> None:
            await wait_until(lambda: phase(operator) is Phase.REFUSED)
            banner = operator.window.banner
            assert "refused these credentials" in banner.detail.text()
            assert "wr0ng" not in banner.title.text() + banner.detail.text()
            assert note_title(overview(operator).latest) == "The server refuses the login"

        run_operator(qapp, f"nats://me:wr0ng@{server.address}", scenario)


@pytest.mark.slow
def test_a_server_without_jetstream_says_so(qapp: QApplication) -> None:
    with NatsServer(jetstream=False) as server:

        async def scenario(operator: Operator) -> None:
            await wait_until(lambda: phase(operator) is Phase.NO_JETSTREAM)
            assert "runs without JetStream" in operator.window.banner.detail.text()
            assert operator.window.top_bar.pause.text() == "Live"
            await operator.click(operator.window.banner.buttons["hide"])
            await wait_until(operator.window.banner.isHidden)

        run_operator(qapp, server.url, scenario, server.monitor_url)


@pytest.mark.slow
def test_refused_permissions_are_no_silence(qapp: QApplication) -> None:
    users = """authorization { users: [ { user: me, password: right, permissions:
        { publish: ["$JS.API.INFO"], subscribe: ["_INBOX.>"] } } ] }"""
    with NatsServer(config=users) as server:

        async def scenario(operator: Operator) -> None:
            await wait_until(lambda: phase(operator) is Phase.NO_PERMISSION)
            assert "may not" in operator.window.banner.detail.text()
            await wait_until(lambda: operator.window.top_bar.alerts.count == "unknown")
            latest = overview(operator).latest
            await wait_until(lambda: note_title(latest) == "Not everything can be read")

        run_operator(qapp, f"nats://me:right@{server.address}", scenario, server.monitor_url)


@pytest.mark.slow
def test_twelve_thousand_stored_events_are_read_before_anything_is_judged(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ingestor, "SLICE", 2)  # a slow machine
    monkeypatch.setitem(connection_banner._DELAYS_S, Phase.REPLAYING, 0.0)  # noqa: SLF001
    monkeypatch.setattr("pulse_desktop.ui.shell.frame_timer.FOLD_BUDGET_S", 0.0)
    monkeypatch.setattr("pulse_desktop.ui.shell.frame_timer.FRAME_FOLD_BUDGET_S", 0.0)
    with NatsServer(store_dir=tmp_path) as server:

        async def scenario(operator: Operator) -> None:
            window = operator.window
            client = await connect(server.url)
            await client.jetstream().add_stream(name="EVENTS", subjects=[EVENT_STREAM_SUBJECT])
            started = time.time() - 3_600
            for number in range(EVENTS):
                await client.publish("websocket.monitoring", heartbeat(started + number / 4))
            await client.flush()
            await client.close()
            assert operator.desktop.session is not None
            operator.desktop.windows[0].show_profile(operator.session.config.profile)
            await wait_until(lambda: phase(operator) is Phase.REPLAYING)
            await wait_until(lambda: f"of {NEWEST_MESSAGES:,}" in window.banner.title.text())
            seen: list[tuple[int, str]] = []

            def is_read() -> bool:
                progress = window.session.history
                if progress is not None and progress.total:
                    seen.append((progress.read, window.top_bar.alerts.count))
                return phase(operator) is None

            await wait_until(is_read)
            reads = [read for read, _alerts in seen]
            assert reads == sorted(reads)
            assert reads[-1] > reads[0]
            assert {alerts for _read, alerts in seen} == {"unknown"}
            await wait_until(lambda: len(operator.state.log) == EVENTS)

        run_operator(qapp, server.url, scenario, server.monitor_url)


async def store_runs(server: NatsServer, number: int) -> None:
    """Store runs that have ended: a task message and two events of each."""
    client = await connect(server.url)
    await client.jetstream().add_stream(name=EVENT_STREAM, subjects=[EVENT_STREAM_SUBJECT])
    await client.jetstream().add_stream(name=TASK_STREAM, subjects=[TASK_SUBJECT])
    for each in range(number):
        payload, headers = encode_task(f"{each:032x}", "app:work", args=b"[%d]" % each)
        await client.publish(TASK_SUBJECT, payload, headers=headers)
        data = {"task_id": f"{each:032x}", "worker": WORKER, "attempt": 1}
        for type_ in ("task.started", "task.succeeded"):
            event = encode_event("tasks", type_, data, source=WORKER, now=time.time())[1]
            await client.publish("websocket.tasks", event)
    await client.flush()
    await client.close()


def test_no_frame_counts_a_run_as_queued_whose_events_are_not_read_yet(
    qapp: QApplication, nats_server: NatsServer
) -> None:
    runs = NEWEST_MESSAGES // 2 + 1_500
    shown: list[tuple[str, bool]] = []

    async def scenario(operator: Operator) -> None:
        await operator.go_to("tasks")
        page = operator.page
        chip = page.filter_bar.chips["queued"]
        refresh = page.refresh

        def refresh_and_look(changes: DirtyRows, now: float) -> None:
            refresh(changes, now)
            shown.append((chip.count, chip.is_stale))

        page.refresh = refresh_and_look  # type: ignore[method-assign]
        await wait_until(lambda: operator.session.has_recent)
        await wait_until(lambda: not chip.is_stale)
        assert chip.count == "0"

    asyncio.run(store_runs(nats_server, runs))
    run_operator(qapp, nats_server.url, scenario)
    assert any(stale and count not in ("", "0") for count, stale in shown), shown
    assert [count for count, stale in shown if not stale and count not in ("", "0")] == []
