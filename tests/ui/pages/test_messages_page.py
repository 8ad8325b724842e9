"""Chat messages: their text or what they have instead, and which time is which."""

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import fixed
from pulse_desktop.state.chat_messages import class_of
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.text import formats
from pulse_desktop.ui.charts.time_ranges import ChartRange
from pulse_desktop.ui.navigation import ShowItem, ShowRun
from pulse_desktop.ui.pages.messages import charts
from pulse_desktop.ui.pages.messages.page import MessagesPage
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.tables import cell, column_number, open_position, tooltip


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"content": "hello", "attachments": ["a.log"]}, "hello"),
        ({"content": "", "attachments": ["a.jpg", "b.jpg"]}, "[a.jpg, b.jpg]"),
        ({"content": "", "attachments": [""], "media_type": "voice_message"}, "[voice message]"),
        ({}, ""),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in (
                ({"content": "", "attachments": ["sticker.webp"]}, "[sticker.webp]"),
                ({"content": "", "attachments": [""]}, "[attachment]"),
                ({"content": "", "attachments": [7, {}]}, "[7]"),
                ({"content": "", "attachments": []}, "[no text]"),
            )
        ),
    ],
)
def test_a_message_without_text_shows_a_placeholder(
    harness: PageHarness, fields: dict[str, object], shown: str
) -> None:
    builder = harness.builder
    builder.event("messages", "message.new", {"id": "m1", "author": "Oksana", **fields})
    scored = {"message_id": "m1", "importance_score": 0.1, "classification": "noise"}
    builder.event("messages", "message.scored", scored)
    page = harness.open(MessagesPage)
    assert cell(page, "text") == shown
    open_position(page, 0)
    assert page.detail.body == (shown or "The text of this message is unknown.")


def test_the_time_of_the_last_event_is_not_the_time_of_sending(harness: PageHarness) -> None:
    sent = NOW - 86_400 * 30
    message = {"id": "m1", "content": "old", "sent_at": sent}
    harness.builder.event("messages", "message.new", message, NOW - 3)
    page = harness.open(MessagesPage)
    titles = [column.title for column in page.table.rows_model.columns]
    assert titles[0] == "Seen"
    assert "Time" not in titles
    text = tooltip(page, "time")
    assert f"Last seen {formats.absolute(NOW - 3)}" in text
    assert f"Sent {formats.absolute(sent)}" in text
    assert cell(page, "sent") == formats.clock(sent, NOW)
    assert not page.table.isColumnHidden(column_number(page.table, "sent"))


def test_messages_that_were_not_judged_are_found(harness: PageHarness) -> None:
    builder = harness.builder
    for number, name in enumerate(("signal", "not_judged", "spam")):
        builder.event("messages", "message.new", {"id": f"m{number}", "content": "hello"})
        scored = {"message_id": f"m{number}", "importance_score": None, "classification": name}
        builder.event("messages", "message.scored", {**scored, "reason": "language unknown"})
    builder.event("messages", "message.new", {"id": "m3", "content": "hello"})
    page = harness.open(MessagesPage)
    rows = page.collection().rows
    assert [page.facet_of(row) for row in rows] == ["signal", "not_judged", "other", "unscored"]
    assert {page.facet_of(row) for row in rows} <= {facet.key for facet in page.facets}
    for query in ("not_judged", "class:not_judged", 'class:"not judged"'):
        page.filter_bar.set_filter(text=query)
        assert list(page.table.rows_model.row_objects()) == [rows[1]]
    page.filter_bar.clear()
    open_position(page, 1)
    assert page.detail.properties.values["Class"] == "not judged"
    assert page.detail.properties.values["Reason"] == "language unknown"


def scores(page: MessagesPage) -> dict[float, int]:
    """Return the bars of the histogram by where they start."""
    return {round(each.start, 2): each.count for each in page.charts.scores.bins if each.count}


def scored(qtbot: QtBot, page: MessagesPage) -> dict[str, int]:
    """Return how many messages each series of the chart of scored messages counts."""
    chart = page.charts.scored
    qtbot.waitUntil(lambda: not chart.redraw_pending)
    counts = {}
    for name in ("noise", "weak signal", "signal"):
        times, rates = chart.curve(name).line.getData()
        counts[name] = round(np.nansum(rates) * (times[1] - times[0]) / 60)
    return counts


def test_the_charts_show_the_messages_that_the_table_shows(
    qtbot: QtBot, harness: PageHarness
) -> None:
    builder = harness.builder
    for number, score in enumerate((0.1, 0.1, 0.45, 0.9)):
        data = {"id": f"m{number}", "content": "hello", "author": f"author {number}"}
        builder.event("messages", "message.new", data, NOW - 590)
        result = {"importance_score": score, "classification": class_of(score)}
        scored_event = {"message_id": f"m{number}", **result}
        builder.event("messages", "message.scored", scored_event, NOW - 300)
    page = harness.open(MessagesPage)
    harness.update(page, NOW)
    assert scores(page) == {0.1: 2, 0.45: 1, 0.9: 1}
    assert scored(qtbot, page) == {"noise": 2, "weak signal": 1, "signal": 1}
    page.filter_bar.set_filter(("signal", "noise"), 'author:"author 1" or author:"author 3"')
    assert page.filter_bar.is_valid
    harness.update(page, NOW + 1)
    assert scores(page) == {0.1: 1, 0.9: 1}
    assert scored(qtbot, page) == {"noise": 1, "weak signal": 0, "signal": 1}
    page.filter_bar.set_filter(text="author:nobody")
    harness.update(page, NOW + 2)
    assert scores(page) == {}
    assert page.charts.scores.bars.hint == "No message that the table shows has a score."
    page.filter_bar.clear()
    harness.update(page, NOW + 3)
    assert "No message has been scored yet" in page.charts.scores.bars.hint
    assert scores(page) == {0.1: 2, 0.45: 1, 0.9: 1}
    assert scored(qtbot, page) == {"noise": 2, "weak signal": 1, "signal": 1}


def test_with_a_time_range_alone_only_the_newest_messages_are_read(
    harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        scored_event = {"message_id": f"m{number}", "importance_score": number / 40}
        harness.builder.event("messages", "message.scored", scored_event, NOW - 300 + number)
    monkeypatch.setattr(charts, "_MAX_SCORES", 5)
    read: list[int] = []
    get = RingBuffer.__getitem__

    def read_row(rows: RingBuffer[object], position: int) -> object:
        read.append(position)
        return get(rows, position)

    monkeypatch.setattr(RingBuffer, "__getitem__", read_row)
    state = harness.builder.state
    shown = charts.FilteredMessages(positions=np.arange(40, dtype=np.int64))
    message_charts = charts.MessageCharts(state)
    message_charts.update(ChartRange(600.0), NOW, shown)
    assert read == [39, 38, 37, 36, 35]
    assert sum(each.count for each in message_charts.scores.bins) == 5


def test_a_message_is_shown_with_the_runs_that_concerned_it(
    qtbot: QtBot, harness: PageHarness
) -> None:
    builder = harness.builder
    builder.task("ingest", "ingest_messages", ["export.json", 0, 5])
    new = {"id": "1.5", "external_message_id": "ext-5", "content": "hello", "task_id": "ingest"}
    builder.event("messages", "message.new", new)
    builder.task("score", "score_message_task", ["1.5"])
    builder.succeeded("score")
    page = harness.open(MessagesPage)
    page.navigate(ShowItem("messages", "1.5"))
    assert page.detail.isVisible()
    qtbot.waitUntil(lambda: page.path.path.is_complete)
    stages = [",".join(step.stages) for step in page.path.path.steps]
    assert stages == ["ingest", "score", "embed", "extract"]
    assert page.path.summary.text() == "ingest ◌ → score ✔ → embed · → extract ·"
    page.path.table.row_chosen.emit(page.path.table.rows()[1])
    page.path.table.row_chosen.emit(page.path.table.rows()[2])  # of no known run
    assert harness.targets == [ShowRun("score")]


def test_runs_that_come_later_are_found_while_a_message_is_shown(
    qtbot: QtBot, harness: PageHarness
) -> None:
    builder = harness.builder
    builder.event("messages", "message.new", {"id": "1.5", "content": "hello"})
    page = harness.open(MessagesPage)
    page.navigate(ShowItem("messages", "1.5"))
    qtbot.waitUntil(lambda: page.path.path.is_complete)
    builder.task("extract", "extract_knowledge", [["1.5"]])
    harness.update(page, NOW + 10)
    qtbot.waitUntil(lambda: any(step.task_id == "extract" for step in page.path.path.steps))


def test_an_unknown_message_is_searched_by_its_id(harness: PageHarness) -> None:
    page = harness.open(MessagesPage)
    page.navigate(ShowItem("messages", "9.9"))
    assert page.filter_bar.text == "9.9"


def test_a_link_to_a_message_that_is_hidden_keeps_the_filter_of_the_operator(
    harness: PageHarness,
) -> None:
    for message_id in ("m1", "m2"):
        message = {"id": message_id, "content": message_id, "author": "Oksana"}
        harness.builder.event("messages", "message.new", message)
    page = harness.open(MessagesPage)
    page.filter_bar.set_filter(text="m2")
    page.context.time.set_range(fixed(NOW - 7_200, NOW - 3_600))
    page.on_time_range(page.now)
    page.navigate(ShowItem("messages", "m1"))
    assert page.detail.body == "m1"
    assert page.filter.former.exists
    page.filter.former.go_back()
    assert page.filter_bar.text == "m2"
    assert page.context.time.range == fixed(NOW - 7_200, NOW - 3_600)
