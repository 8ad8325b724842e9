"""Every received event is found: by topic and by any text in it, readable or not."""

import json

import pytest
from PySide6.QtGui import QFontMetrics
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import fixed
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.task_message import encode_task
from pulse_desktop.protocol.topics import TASK_SUBJECT
from pulse_desktop.ui.json.view import JsonTab
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.theme.theme import theme
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import column, column_width, open_position

UNREADABLE = "\0unreadable"


@pytest.fixture
def page(harness: PageHarness) -> EventsPage:
    builder = harness.builder
    builder.event("tasks", "task.started", {"task_id": "t1", "task_name": "m:f", "worker": "w"})
    builder.event("messages", "message.new", {"author": "Оксана", "content": "Привіт"})
    progress = {"type": "ingestion.progress", "data": {"чат": "Команда"}}
    builder.raw("ingestion", json.dumps(progress).encode())
    builder.raw("tasks", b"\x80 nothing readable")
    builder.task("t1", args=["m1"])
    return harness.open(EventsPage)


def test_all_topics_are_shown_the_newest_event_first(page: EventsPage) -> None:
    assert column(page, "topic") == ["task queue", "tasks", "ingestion", "messages", "tasks"]


def test_an_unreadable_event_is_marked_and_keeps_its_bytes(page: EventsPage) -> None:
    assert column(page, "type")[1] == "✖ unreadable"
    open_position(page, 3)
    assert page.detail.title == "Unreadable event"
    assert page.detail.body.startswith("This cannot be read as an event: not ")
    page.detail.json.show_tab(JsonTab.HEX)
    assert page.detail.json.shown_text.startswith("00000000  80 20")


def test_topics_of_other_systems_get_a_chip_too(page: EventsPage) -> None:
    assert "ingestion" in page.filter_bar.chips
    page.filter_bar.set_filter(("ingestion",))
    assert column(page, "type") == ["ingestion.progress"]


def test_chips_count_the_received_events(page: EventsPage, harness: PageHarness) -> None:
    harness.update(page, NOW + 1)
    chips = page.filter_bar.chips
    assert chips["tasks"].count == "2"
    assert chips["ingestion"].count == "1"
    assert chips[UNREADABLE].count == "1"
    assert chips["taskiq"].count == "1"


def test_task_messages_are_counted_without_making_events_of_them(
    harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = harness.builder
    task, headers = encode_task("t0", "m:f", args=b"[]", kwargs=b"{}")
    del headers

    def fold(number: int, *, older: bool = False) -> None:
        message = InboundMessage(
            Source.TASK, TASK_SUBJECT, task, NOW - 100 + number, number, older=older
        )
        builder.state.fold([message])

    for number in range(50, 60):
        fold(number)
    page = harness.open(EventsPage)

    def span(start: int, stop: int) -> None:
        pytest.fail(f"makes events from {start} to {stop}")

    monkeypatch.setattr(builder.state.log, "span", span)
    assert page.facet_counts()["taskiq"] == 10
    for number in range(40, 30, -1):
        fold(number, older=True)
    assert page.facet_counts()["taskiq"] == 20
    fold(60)
    assert page.facet_counts()["taskiq"] == 21
    assert page.facet_counts()["taskiq"] == 21


def test_unreadable_events_can_be_selected_whatever_their_topic(page: EventsPage) -> None:
    page.filter_bar.set_filter((UNREADABLE,))
    assert column(page, "topic") == ["tasks"]


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ("TASK.STARTED", ["task.started"]),
        ("привіт", ["message.new"]),
        ("оксана message", ["message.new"]),
        ("Команда", ["ingestion.progress"]),
        ("worker-1@host", ["message.new", "task.started"]),
        ("no such thing", []),
    ],
)
def test_any_text_in_an_event_finds_it(page: EventsPage, text: str, types: list[str]) -> None:
    page.filter_bar.set_filter(text=text)
    assert column(page, "type") == types


def test_a_message_of_the_task_queue_opens_its_run(page: EventsPage, harness: PageHarness) -> None:
    open_position(page, 4)
    page.detail.show_run_button.click()
    assert harness.targets == [ShowRun("t1")]


def test_an_event_is_summarized_in_one_line(page: EventsPage) -> None:
    assert column(page, "words")[0] == '("m1")'
    assert column(page, "words")[3] == "Оксана: Привіт"


@pytest.mark.parametrize("width", [940, 1230])
def test_the_type_is_not_cut_off_beside_the_details(harness: PageHarness, width: int) -> None:
    type_ = "knowledge.extraction_completed"
    harness.builder.event("knowledge", type_, {"agent": "extraction"})
    page = harness.open(EventsPage)
    page.resize(width, 560)
    open_position(page, 0)
    needed = QFontMetrics(theme().number_font()).horizontalAdvance(type_)
    assert column_width(page, "type") >= needed + 2 * 8
    assert column_width(page, "words") >= 165


def test_the_chip_of_unreadable_events_is_hidden_while_there_are_none(harness: PageHarness) -> None:
    harness.builder.event("tasks", "task.started", {"task_id": "t1"})
    page = harness.open(EventsPage)
    chip = page.filter_bar.chips[UNREADABLE]
    assert chip.isHidden()
    harness.builder.raw("tasks", b"\x80 nothing readable")
    harness.update(page, NOW + 1)
    assert not chip.isHidden()
    assert chip.count == "1"


def test_a_narrow_range_in_the_past_is_as_fine_as_one_of_now(
    harness: PageHarness, qtbot: QtBot
) -> None:
    first = NOW - 5 * 3600
    harness.builder.at = first - 60
    for second in range(-60, 181):
        count = 5 if second == 100 else 1
        for _number in range(count):
            harness.builder.event("tasks", "task.queued", {"task_id": "t"}, at=first + second)
    harness.builder.at = NOW
    page = harness.open(EventsPage)
    page.context.time.set_range(fixed(first, first + 120))
    page.on_time_range(NOW)
    page.on_show(NOW)
    qtbot.waitUntil(lambda: not page.topics_chart.empty and not page.topics_chart.redraw_pending)
    times, rates = page.topics_chart.curve("tasks").line.getData()
    width = times[1] - times[0]
    assert width <= 10.0
    assert rates[:-1].sum() * width == pytest.approx(124, abs=12)
    peak = times[rates.argmax()]
    assert abs(peak - (first + 100)) <= width


def test_an_event_of_a_narrow_past_range_is_counted_when_it_arrives_late(
    harness: PageHarness, qtbot: QtBot
) -> None:
    first = NOW - 5 * 3600
    harness.builder.at = first - 60
    for second in range(-60, 181):
        harness.builder.event("tasks", "task.queued", {"task_id": "t"}, at=first + second)
    harness.builder.event("tasks", "task.queued", {"task_id": "t"}, at=NOW)
    harness.builder.at = NOW
    page = harness.open(EventsPage)
    page.context.time.set_range(fixed(first, first + 120))
    page.on_time_range(NOW)

    def counted() -> float:
        chart = page.topics_chart
        page.on_show(NOW)
        qtbot.waitUntil(lambda: not chart.empty and not chart.redraw_pending)
        times, rates = chart.curve("tasks").line.getData()
        return float(rates.sum() * (times[1] - times[0]))

    before = counted()
    for _number in range(50):
        harness.builder.event("tasks", "task.queued", {"task_id": "t"}, at=first + 60)
    assert counted() - before == pytest.approx(50, abs=1)
