"""Values are shown lazily, in color, without freezing and without interpreting markup."""

import json
import math
import time
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.json.json_text import FOR_CLIPBOARD, TextLimits, json_text
from pulse_desktop.ui.json.tree_model import PAGE_SIZE, JsonTreeModel
from pulse_desktop.ui.json.view import JsonTab, JsonView
from pulse_desktop.ui.theme.theme import ThemeChoice, theme

RESULT = {
    "is_err": False,
    "return_value": {"message_id": "8b0f21d4", "score": 0.8142, "factors": {"length": 0.62}},
    "labels": {"a b": [1, [2, None]]},
    "execution_time": 0.03,
}


@pytest.fixture
def model(qtbot: QtBot, qapp: QApplication) -> JsonTreeModel:
    theme().install(ThemeChoice.DARK)
    return JsonTreeModel()


@pytest.fixture
def view(qtbot: QtBot) -> JsonView:
    theme().install(ThemeChoice.DARK)
    view = JsonView("Result")
    qtbot.addWidget(view)
    view.resize(420, 500)
    with qtbot.waitExposed(view):
        view.show()
    return view


def find(model: JsonTreeModel, *rows: int) -> QModelIndex:
    index = QModelIndex()
    for row in rows:
        if model.canFetchMore(index):
            model.fetchMore(index)
        index = model.index(row, 0, index)
    return index


def texts(model: JsonTreeModel, parent: QModelIndex | None = None) -> list[tuple[str, str]]:
    parent = parent or QModelIndex()
    return [
        tuple(model.index(row, column, parent).data() for column in (0, 1))
        for row in range(model.rowCount(parent))
    ]


def test_rows_show_keys_values_and_sizes(model: JsonTreeModel) -> None:
    model.set_value(RESULT)
    assert texts(model) == [
        ("is_err", "false"),
        ("return_value", "3 keys"),
        ("labels", "1 key"),
        ("execution_time", "0.03"),
    ]


def test_the_model_passes_the_model_tester_of_qt(model: JsonTreeModel) -> None:
    model.set_value({**RESULT, "many": list(range(PAGE_SIZE + 1))})
    fatal = QAbstractItemModelTester.FailureReportingMode.Fatal
    tester = QAbstractItemModelTester(model, fatal, model)
    for rows in [(1, 2, 0), (2, 0, 1), (4, 1, 0)]:
        assert find(model, *rows).isValid()
    tester.setUseFetchMore(True)


def test_children_are_created_when_their_parent_is_expanded(model: JsonTreeModel) -> None:
    model.set_value(RESULT)
    value = find(model, 1)
    assert model.rowCount(value) == 0
    assert model.hasChildren(value)
    assert model.canFetchMore(value)
    model.fetchMore(value)
    assert [key for key, _value in texts(model, value)] == ["message_id", "score", "factors"]


def test_a_path_is_in_the_notation_of_jq(model: JsonTreeModel) -> None:
    model.set_value(RESULT)
    assert model.path_of(find(model, 2, 0, 1, 0)) == '.labels["a b"][1][0]'


def test_a_million_items_are_split_into_pages_quickly(model: JsonTreeModel) -> None:
    started = time.process_time()
    model.set_value(list(range(1_000_000)))
    assert model.rowCount() == PAGE_SIZE
    page = find(model, 999)
    assert page.data() == "999,000 … 999,999"
    last = find(model, 999, 999)
    assert (last.data(), last.siblingAtColumn(1).data()) == ("999999", "999999")
    assert model.path_of(last) == ".[999999]"
    assert time.process_time() - started < 5.0


def test_a_million_keys_are_split_into_pages_too(model: JsonTreeModel) -> None:
    model.set_value({f"k{i}": i for i in range(1_000_000)})
    assert find(model, 0, 5).data() == "k5"
    page = model.value_of(find(model, 3))
    assert isinstance(page, dict)
    assert len(page) == PAGE_SIZE


def test_hostile_values_are_shown_without_a_hang(view: JsonView) -> None:
    bomb: list[Any] = ["x"]
    for _level in range(100):
        bomb = [bomb] * 10  # 10^100 leaves
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    loop: dict[str, Any] = {}
    loop["self"] = loop
    for value in (
        bomb,
        deep,
        loop,
        10**200_000,
        math.nan,
        "x" * 10_000_000,
        b"\x00" * 1_000_000,
        {"\ud800": "\udfff\u202egnp.exe\x00\n"},
        {1: 2, None: 3, (1, 2): {4, 5}},
        object(),
        [],
        "",
    ):
        started = time.process_time()
        view.set_data(value)
        for tab in view.tabs:
            view.show_tab(tab)
        view.show_tab(JsonTab.TREE)
        assert not view.grab().isNull()
        assert time.process_time() - started < 10.0, f"slow: {type(value)}"
    while deep:  # a deep list is also deep to free
        deep = deep[0]


def test_bidirectional_and_control_characters_are_escaped(model: JsonTreeModel) -> None:
    model.set_value(["abc\u202edef\x07\n", "ок, добре ✔"])
    assert texts(model) == [("0", '"abc\\u202edef\\u0007\\n"'), ("1", '"ок, добре ✔"')]


def test_a_tooltip_does_not_interpret_markup(model: JsonTreeModel) -> None:
    model.set_value(["<img src='http://example.org/x'>"])
    tooltip = model.index(0, 1).data(Qt.ItemDataRole.ToolTipRole)
    assert "<img" not in tooltip
    assert "&lt;img" in tooltip


def test_small_values_are_expanded_from_the_start(view: JsonView) -> None:
    view.set_data(RESULT)
    model = view.tree.json_model
    assert view.tree.isExpanded(find(model, 1))
    assert view.tree.isExpanded(find(model, 1, 2))


def test_the_json_text_parses_to_the_same_value() -> None:
    value = {
        **RESULT,
        "text": 'say "hi"\\\n\t\u202e',
        "empty": [{}, []],
        "deep": [[[[1]]], {"a": 1}],
    }
    text, complete = json_text(value)
    assert complete
    assert json.loads(text) == value
    assert text.startswith('{\n  "is_err": false,\n')


def test_the_json_text_reports_what_it_left_out() -> None:
    text, complete = json_text(list(range(10_000)), TextLimits(items=3))
    assert not complete
    assert text == "[\n  0, 1, 2,\n  … 9,997 more\n]"
    long, complete = json_text(["x" * 1000] * 1000, TextLimits(characters=20_000))
    assert not complete
    assert len(long) < 25_000


def test_a_copy_is_complete_where_the_view_is_shortened() -> None:
    value = {"vector": [0.25] * 10_000}
    text, complete = json_text(value, FOR_CLIPBOARD)
    assert complete
    assert json.loads(text) == value


def test_json_bytes_are_decoded_and_offered_raw(view: JsonView) -> None:
    view.set_bytes(b'{"a": [1, NaN]}')
    assert view.tabs == (JsonTab.TREE, JsonTab.JSON, JsonTab.RAW, JsonTab.HEX)
    view.show_tab(JsonTab.RAW)
    assert view.shown_text == '{"a": [1, NaN]}'
    view.show_tab(JsonTab.HEX)
    assert view.shown_text.startswith("00000000  7b 22 61 22")
    view.show_tab(JsonTab.JSON)
    assert "NaN" in view.shown_text


def test_other_bytes_show_the_reason_and_are_offered_raw(view: JsonView) -> None:
    view.set_bytes(b"\xff\xfe nonsense")
    assert view.tabs == (JsonTab.MESSAGE, JsonTab.RAW, JsonTab.HEX)
    assert view.shown_text.startswith("This cannot be shown as JSON: ")
    view.set_bytes(b"[" * 200_000)
    assert "nested too deeply" in view.shown_text


def test_a_message_has_no_tabs(view: JsonView) -> None:
    view.set_data(RESULT)
    view.set_message("Loading…")
    assert view.tabs == ()
    assert view.shown_text == "Loading…"


def test_the_chosen_tab_stays_when_the_value_changes(view: JsonView) -> None:
    view.set_data(RESULT)
    view.show_tab(JsonTab.JSON)
    view.set_message("Loading…")
    view.set_data({"other": 1})
    assert view.tab is JsonTab.JSON
    assert view.shown_text == '{\n  "other": 1\n}'


def test_long_raw_text_is_cut_with_a_note(view: JsonView) -> None:
    view.set_bytes(b'"' + b"x" * 1_000_000 + b'"')
    view.show_tab(JsonTab.RAW)
    assert view.note == "The first 200,000 characters of 1,000,002 bytes."


def test_shortcuts_copy_a_value_and_its_path(view: JsonView) -> None:
    view.set_data(RESULT)
    view.tree.setFocus()
    view.tree.setCurrentIndex(find(view.tree.json_model, 1, 0))
    QTest.keyClick(view.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "8b0f21d4"
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    QTest.keyClick(view.tree, Qt.Key.Key_C, both)
    assert QGuiApplication.clipboard().text() == ".return_value.message_id"


def test_json_is_highlighted_and_follows_the_theme(view: JsonView) -> None:
    view.set_data(RESULT)
    view.show_tab(JsonTab.JSON)

    def color_of_first_key() -> QColor:
        block = view.text_widget(JsonTab.JSON).document().findBlockByNumber(1)
        return next(f.format.foreground().color() for f in block.layout().formats())

    assert color_of_first_key() == theme().color("info")
    theme().choose(ThemeChoice.LIGHT)
    assert color_of_first_key() == theme().color("info")
