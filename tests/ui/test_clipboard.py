"""Copied text is safe for terminals and spreadsheets, and copied JSON is valid."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QPushButton
from pytestqt.qtbot import QtBot

from pulse_desktop.ui.clipboard import copy_json, copy_line, copy_table, copy_text
from pulse_desktop.ui.json.json_text import FOR_CLIPBOARD, TextLimits, json_text
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.pages.messages.page import MessagesPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.run_header import CopyRunButton
from tests.ui.page_harness import PageHarness
from tests.ui.tables import click_row, select_rows

ESCAPE = "\x1b[31m\x9b2J\x1b[201~"
VISIBLE = "\\x1b[31m\\x9b2J\\x1b[201~"


def clipboard() -> str:
    return QGuiApplication.clipboard().text()


@pytest.mark.parametrize(
    ("cell", "copied"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        (" =1+1", "' =1+1"),
        ("\t=1+1", "' =1+1"),
        ("\r=1+1", "' =1+1"),
        ("＝1+1", "'＝1+1"),
        ('"=1+1"', '\'"=1+1"'),
        ("\u2068=1+1", "'=1+1"),
        ("\u2066=1+1", "\\u2066=1+1"),
        ("-3.5", "-3.5"),
        ("-1,204", "-1,204"),
        ("+12 %", "'+12 %"),
        ("-1.5e-7", "-1.5e-7"),
        ("worker-1@host-a:4120", "worker-1@host-a:4120"),
        ("a\tb\nc", "a b c"),
        (ESCAPE, VISIBLE),
        ("", ""),
    ],
)
def test_a_cell_is_text_or_a_number_in_a_spreadsheet(qtbot: QtBot, cell: str, copied: str) -> None:
    copy_table([["first", cell], ["second", ""]])
    assert clipboard() == f"first\t{copied}\nsecond\t"


def test_a_single_value_is_copied_as_it_is(qtbot: QtBot) -> None:
    for value in ("=a", "-12", "+x", "@me", '"quoted"', "e" * 32):
        copy_line(value)
        assert clipboard() == value
        copy_text(value)
        assert clipboard() == value
    copy_line(f"a\n{ESCAPE}")
    assert clipboard() == f"a\\n{VISIBLE}"
    copy_text(f"a\r\nb\t{ESCAPE}")
    assert clipboard() == f"a\nb\t{VISIBLE}"
    copy_json(json.dumps({"a": ESCAPE}, ensure_ascii=False))
    assert json.loads(clipboard()) == {"a": ESCAPE}
    assert "\x9b" not in clipboard()


def test_rows_of_a_page_are_copied_for_spreadsheets(harness: PageHarness) -> None:
    harness.builder.task("=a", f"=cmd|' /C calc'!A0{ESCAPE}", ["\t=1"])
    page = harness.open(TasksPage).runs
    select_rows(page, 0)
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = clipboard()
    assert f"'=cmd|' /C calc'!A0{VISIBLE}" in copied.split("\t")
    assert copied.replace("\t", "").isprintable()
    assert not any(cell.startswith(("=", "+", "@")) for cell in copied.split("\t"))


def test_every_part_of_a_run_is_copied_safely(harness: PageHarness) -> None:
    task_id, name = f"-id{ESCAPE}\n", f"=name{ESCAPE}"
    harness.builder.task(task_id, name, [f"=1{ESCAPE}\u202e"], key="\ud800")
    harness.builder.failed(task_id, f"Kind{ESCAPE}", f"text{ESCAPE}", traceback=ESCAPE)
    page = harness.open(TasksPage).runs
    click_row(page, 0)
    button = page.detail.findChild(CopyRunButton)
    assert button is not None
    menu = button.menu()
    assert isinstance(menu, QMenu)
    copied = {}
    for action in menu.actions():
        action.trigger()
        copied[action.text()] = clipboard()
        assert not any(c in clipboard() for c in "\x1b\x9b\u202e"), action.text()
    assert copied["Task id"] == f"-id{VISIBLE}\\n"
    assert copied["Task name"] == f"=name{VISIBLE}"
    assert json.loads(copied["Arguments as JSON"])["args"] == [f"=1{ESCAPE}\u202e"]
    assert json.loads(copied["Whole run as JSON"])["task_name"] == name


def test_the_error_is_copied_with_that_of_earlier_attempts(harness: PageHarness) -> None:
    harness.builder.task("a")
    harness.builder.started("a")
    harness.builder.failed("a", "OSError", "disk full", will_retry=True)
    harness.builder.started("a", attempt=2)
    harness.builder.failed("a", "ShopError", "no answer", attempt=2)
    page = harness.open(TasksPage).runs
    click_row(page, 0)
    button = page.detail.findChild(CopyRunButton)
    assert button is not None
    next(each for each in button.menu().actions() if each.text() == "Error").trigger()
    copied = clipboard()
    assert copied.startswith(
        "ShopError: no answer\n\nFile a.py, line 1\n\nAttempt 1\nOSError: disk"
    )
    page.detail.error.copy_all.click()
    assert clipboard() == copied, "the tab copies the same"


def test_the_text_of_a_row_is_copied_and_shown_without_escape_codes(harness: PageHarness) -> None:
    message = {"id": "m", "external_message_id": "1", "content": f"-hi\n{ESCAPE}"}
    harness.builder.event("messages", "message.new", message)
    page = harness.open(MessagesPage)
    click_row(page, 0)
    next(b for b in page.detail.findChildren(QPushButton) if b.text() == "Copy text").click()
    assert clipboard() == f"-hi\n{VISIBLE}"
    assert page.detail.body == f"-hi\n{VISIBLE}", "it can also be selected and copied"


def test_values_of_a_tree_are_copied_as_valid_json_or_safe_text(qtbot: QtBot) -> None:
    view = JsonView("value")
    qtbot.addWidget(view)
    value = {f"k{ESCAPE}": f"-v{ESCAPE}", "odd": [float("nan"), b"\0\1", 10**5000, {1: {2}}]}
    view.set_data(value)
    copies = {action.text(): action for action in view.tree.actions()}
    model = view.tree.json_model
    view.tree.setCurrentIndex(model.index(0, 0))
    for title, expected in (
        ("Copy value", f"-v{VISIBLE}"),
        ("Copy key", f"k{VISIBLE}"),
        ("Copy path", '.["k' + VISIBLE.replace("\\x", "\\u00") + '"]'),
    ):
        copies[title].trigger()
        assert clipboard() == expected
    view.tree.setCurrentIndex(model.index(1, 0))
    copies["Copy value"].trigger()
    nan, raw, huge, nested = json.loads(clipboard())
    assert (nan, raw, nested) == (None, "hex 0001", {"1": [2]})
    assert "bits" in huge


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**2000, float("nan"), float("-inf"), 1e300, b"", b"\0", object()])
    | st.floats()
    | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.booleans() | st.binary(), inner)
    ),
)


def _strict(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(text, parse_constant=refuse)


@given(plain)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_value_is_copied_as_valid_json(value: object) -> None:
    text, complete = json_text(value, FOR_CLIPBOARD)
    _strict(text)
    assert complete


def deep(levels: int) -> object:
    value: object = 1
    for _level in range(levels):
        value = [value, "x"]
    return value


@pytest.mark.parametrize(
    ("make", "limits"),
    [
        (lambda: deep(500), FOR_CLIPBOARD),
        (lambda: list(range(900)), TextLimits(items=10, valid=True)),
        (lambda: [{"a": ["x" * 50] * 40}] * 9, TextLimits(characters=900, valid=True)),
    ],
)
def test_a_value_beyond_the_limits_is_copied_as_valid_json(
    make: Callable[[], object], limits: TextLimits
) -> None:
    text, complete = json_text(make(), limits)
    assert not complete
    _strict(text)
