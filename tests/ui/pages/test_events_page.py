"""Everything that came is found again: by topic, by any text in it, readable or not."""

import json

import pytest
from PySide6.QtGui import QFontMetrics

from pulse_desktop.ui.json.view import JsonTab
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.events import EventsPage
from pulse_desktop.ui.theme.theme import theme
from tests.ui.state_builder import NOW


def column(page, key):
    model = page.table.rows_model
    number = next(i for i, each in enumerate(model.columns) if each.key == key)
    return [model.index(row, number).data() for row in range(model.shown_count)]


@pytest.fixture
def page(open_page, here):
    told = here.told
    told.event("tasks", "task.started", {"task_id": "t1", "task_name": "m:f", "worker": "w"})
    told.event("messages", "message.new", {"author": "Оксана", "content": "Привіт"})
    told.raw(
        "ingestion", json.dumps({"type": "ingestion.progress", "data": {"чат": "Команда"}}).encode()
    )
    told.raw("tasks", b"\x80 nothing readable")
    told.task("t1", args=["m1"])
    return open_page(EventsPage)


def test_every_topic_is_there_the_newest_first(page) -> None:
    assert column(page, "topic") == ["task queue", "tasks", "ingestion", "messages", "tasks"]


def test_an_unreadable_event_is_marked_and_keeps_its_bytes(page) -> None:
    assert column(page, "type")[1] == "✖ unreadable"
    page.table.select_position(3)
    page.open_detail(page.table.current_row())
    assert page.detail.title == "Unreadable event"
    assert page.detail.body.startswith("This cannot be read as an event: not ")
    page.detail.json.show_tab(JsonTab.HEX)
    assert page.detail.json.shown_text.startswith("00000000  80 20")


def test_topics_of_others_get_a_chip_too(page) -> None:
    assert "ingestion" in page.filter_bar.chips
    page.filter_bar.set_filter(("ingestion",))
    assert column(page, "type") == ["ingestion.progress"]


def test_chips_count_what_came(page, update) -> None:
    update(page, NOW + 1)
    counts = {key.strip("\0"): button.count for key, button in page.filter_bar.chips.items()}
    assert counts["tasks"] == "2"
    assert counts["ingestion"] == "1"
    assert counts["unreadable"] == "1"
    assert counts["taskiq"] == "1"


def test_unreadable_events_can_be_chosen_whatever_their_topic(page) -> None:
    page.filter_bar.set_filter(("\0unreadable",))
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
def test_any_text_in_an_event_finds_it(page, text, types) -> None:
    page.filter_bar.set_filter(text=text)
    assert column(page, "type") == types


def test_a_message_of_the_task_queue_leads_to_its_run(page, here) -> None:
    page.table.select_position(4)
    page.open_detail(page.table.current_row())
    page.detail.run_button.click()
    assert here.targets == [ShowRun("t1")]


def test_an_event_reads_as_words(page) -> None:
    assert column(page, "words")[0] == '("m1")'
    assert column(page, "words")[3] == "Оксана: Привіт"


def test_a_type_is_told_whole_also_beside_its_details(open_page, here) -> None:
    here.told.event("knowledge", "knowledge.extraction_completed", {"agent": "extraction"})
    page = open_page(EventsPage)
    for width in (940, 1230):
        page.resize(width, 560)
        page.table.select_position(0)
        page.open_detail(page.table.current_row())
        table = page.table
        number = next(i for i, c in enumerate(table.rows_model.columns) if c.key == "type")
        wide = QFontMetrics(theme().number_font()).horizontalAdvance(
            "knowledge.extraction_completed"
        )
        assert table.columnWidth(number) >= wide + 2 * 8
        says = next(i for i, c in enumerate(table.rows_model.columns) if c.key == "words")
        assert table.columnWidth(says) >= 180


def test_unreadable_events_have_a_chip_only_when_there_are_any(open_page, here, update) -> None:
    here.told.event("tasks", "task.started", {"task_id": "t1"})
    page = open_page(EventsPage)
    chip = page.filter_bar.chips["\0unreadable"]
    assert chip.isHidden()
    here.told.raw("tasks", b"\x80 nothing readable")
    update(page, NOW + 1)
    assert (chip.isHidden(), chip.count) == (False, "1")
