"""Whatever a name, error or result contains: no widget takes it for markup or a shortcut.

None shows it as another text either: overrides of the direction of writing, escape codes and line
breaks in names are shown escaped, or as a space.

Every text of every page is hostile. All widgets, tooltips, item models, menus, notifications and
windows are walked, and the kernel confirms that the image in the text was never opened.
"""

import contextlib
import ctypes
import functools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QEvent, QModelIndex, QPoint, Qt
from PySide6.QtGui import QAction, QHelpEvent, QImage, QKeySequence, QPainter, QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QMenu,
    QMessageBox,
    QPlainTextEdit,
    QStyledItemDelegate,
    QTabBar,
    QTextEdit,
    QToolTip,
    QWidget,
)
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from pulse_desktop.model.bucket_status import BucketStatus
from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.outcomes import CancelOutcome, CancelStatus, CommandOutcome, CommandStatus
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.page.table_page import TablePage
from pulse_desktop.ui.pages.registry import PAGES
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.plain_text import tooltip_markup
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import NOW, StateBuilder
from tests.ui.fake_session import FakeSession, decoded
from tests.ui.open_widgets import all_widgets, open_windows
from tests.ui.tables import select_rows, shown_table_page
from tests.ui.window_builder import draw_frame, make_window

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

ROLES: Final = (
    Qt.ItemDataRole.ToolTipRole,
    Qt.ItemDataRole.StatusTipRole,
    Qt.ItemDataRole.WhatsThisRole,
)
_IN_ACCESS_OR_OPEN: Final = 0x1 | 0x20
_MAX_CELLS: Final = 3_000
_MAX_ROWS: Final = 2
"""Rows whose details are opened; all rows of a page have the same text."""
_NO_PARENT: Final = QModelIndex()

OVERRIDE: Final = "\u202elive\u2067\x1b[31m"
"""Shown as "evil" where the direction of writing is obeyed."""
_CONTROLS: Final = frozenset("\x1b\x9b\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067")


class ImageFile:
    """An image, and the text that shows it where it is interpreted."""

    def __init__(self, path: Path) -> None:
        image = QImage(8, 8, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.red)
        assert image.save(str(path))
        self.text = f'<img src="{path.as_uri()}"><b>bold</b> &amp; &x'
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(os.O_NONBLOCK)
        assert libc.inotify_add_watch(self._descriptor, str(path).encode(), _IN_ACCESS_OR_OPEN) > 0

    def was_opened(self) -> bool:
        """Return whether the file was opened since the last call."""
        with contextlib.suppress(BlockingIOError):
            return bool(os.read(self._descriptor, 65_536))
        return False

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def image(tmp_path: Path, qapp: QApplication) -> Iterator[ImageFile]:
    if sys.platform != "linux":
        pytest.skip("needs inotify")
    image = ImageFile(tmp_path / "image.png")
    yield image
    image.close()


def hostile_state(text: str) -> StateBuilder:
    """Return a state in which every text is the same."""
    builder = StateBuilder(NOW - 60)
    schema = {"properties": {text: {"type": "string", "description": text, "enum": [text]}}}
    builder.heartbeat(
        text,
        NOW - 1,
        host=text,
        broker=text,
        version=text,
        control=text,
        log_level=text,
        tasks=[{"task_id": text, "task_name": text}],
        busy=1,
        catalogue={text: {"doc": text, "args": schema}},
    )
    data = {"who": text, "action": text, "target": text, "detail": text}
    builder.event("monitoring", "audit", data, source=text)
    error = {"type": text, "message": text, "traceback": f"{text}\n{text}"}
    for task_id in (text, f"2 {text}"):
        builder.task(task_id, text, [text], NOW - 50, **{text: text})
        started = {"task_id": task_id, "worker": text, "attempt": 1}
        builder.event("tasks", "task.started", started, source=text)
        builder.progress(task_id, done=1, total=3, message=text)
    data = {"task_id": text, "task_name": text, "worker": text}
    failed = {"attempt": 1, "run_s": 1.0, "error": error, "will_retry": False}
    builder.event("tasks", "task.failed", {**data, **failed})
    arguments = {"task_name": text, "args": [text], "kwargs": {text: text}, "labels": {text: text}}
    builder.event("tasks", "task.queued", {"task_id": f"3 {text}", **arguments})
    builder.event("tasks", text, {"task_id": text, text: text}, source=text)
    message = {"id": text, "external_message_id": text, "content": f"{text}\n{text}"}
    message |= {"author": text, "source_name": text, "media_type": text, "task_id": text}
    builder.event("messages", "message.new", message)
    scored = {"message_id": text, "importance_score": 0.5, "classification": text}
    builder.event("messages", "message.scored", {**scored, "factors": {text: 0.5}})
    atom = {"atom_id": text, "atom_title": text, "atom_type": text, "task_id": text}
    builder.event("knowledge", "knowledge.atom_created", atom)
    builder.event("knowledge", "knowledge.topic_created", {"topic_id": text, "topic_name": text})
    builder.event("knowledge", "knowledge.extraction_failed", {"error": text})
    call = {"agent": text, "provider": text, "model": text, "task_id": text, "latency_s": 1.0}
    builder.event("agents", "agent.finished", {**call, "tokens_in": 9, "tokens_out": 9})
    builder.event("agents", "agent.failed", {**call, "error": text})
    checked = {"provider": text, "kind": text, "status": "error", "latency_s": 0.1}
    builder.event("providers", "provider.checked", {**checked, "models": [text], "error": text})
    trends = {text: {"direction": text, "change": 0.1, "over_s": 60}}
    measured = {text: 0.5, "trends": trends, "sampleSizes": {text: 3}}
    builder.event("metrics", "metrics:update", measured, source=text)
    builder.raw(text, b"\xff not an event")
    stored = builder.stored(text)
    failure = {"exc_type": text, "exc_message": [text], "exc_module": text}
    body: dict[str, Any] = {"is_err": True, "error": failure, "log": text}
    builder.result(stored, {text: text}, labels={"task_name": text}, **body)
    builder.stored(f"unread {text}")
    return builder


def hostile_session(text: str) -> FakeSession:
    """Return a session in which every text is the same."""
    session = FakeSession()
    session.connection_status = ConnectionStatus(
        "reconnecting", text, NOW, text, text, 0.1, 1, True, text, text
    )
    session.limitations = [text]
    session.queue_status = QueueStatus("jetstream", True, text, text, text, 3, consumers=0)
    session.bucket_list = [BucketStatus(text, 3, watched=True), BucketStatus(f"2 {text}")]
    session.default_result = decoded({text: [text]}, raw=text.encode())
    for key in (text, f"2 {text}"):
        session.outcomes[key] = CancelOutcome(key, CancelStatus.REFUSED, text, text)
    return session


@functools.cache
def rendered(markup: str) -> str:
    """Return what a tooltip shows."""
    document = QTextDocument()
    document.setHtml(markup)
    return document.toPlainText()


def assert_literal(tip: str) -> None:
    """Check that Qt shows a tooltip's text literally."""
    assert "<" not in tip or tip == tooltip_markup(rendered(tip)), tip


def column_count(model: QAbstractItemModel, parent: QModelIndex = _NO_PARENT) -> int:
    return 1 if isinstance(model, QAbstractListModel) else model.columnCount(parent)


def check_model(model: QAbstractItemModel, budget: list[int], parent: QModelIndex) -> None:
    columns = column_count(model, parent)
    for row in range(model.rowCount(parent)):
        for column in range(columns):
            if budget[0] <= 0:
                return
            budget[0] -= 1
            index = model.index(row, column, parent)
            for role in ROLES:
                assert_literal(str(index.data(role) or ""))
            if column == 0:
                check_model(model, budget, index)


def check_widget(widget: QWidget, text: str) -> None:
    """Check everything that Qt might interpret in a widget."""
    for tip in (widget.toolTip(), widget.statusTip(), widget.whatsThis()):
        assert_literal(tip)
    assert text not in widget.windowTitle()
    assert not isinstance(widget, QMessageBox | QTextEdit)
    if isinstance(widget, QLabel) and "bold" in widget.text() and not is_tooltip(widget):
        assert widget.textFormat() is Qt.TextFormat.PlainText, widget.text()
        assert widget.buddy() is None
    if isinstance(widget, QAbstractButton) and "bold" in widget.text():
        assert widget.shortcut().isEmpty()
        assert QKeySequence.mnemonic(widget.text()).isEmpty(), widget.text()
    if isinstance(widget, QTabBar):
        assert not any("bold" in widget.tabText(tab) for tab in range(widget.count()))
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        check_model(widget.model(), [_MAX_CELLS], QModelIndex())
    for action in widget.actions():
        check_action(action)


def is_tooltip(label: QLabel) -> bool:
    return label.windowType() is Qt.WindowType.ToolTip


def check_action(action: QAction) -> None:
    for tip in (action.statusTip(), action.whatsThis()):
        assert_literal(tip)
    if action.menu() is not None or "bold" not in action.text():
        return
    assert QKeySequence.mnemonic(action.text()).isEmpty(), action.text()


def hover(widget: QWidget) -> None:
    """Show the tooltip at the middle of a widget, and those of the first cells of a table."""
    places = [widget.rect().center()]
    if isinstance(widget, QAbstractItemView) and widget.model() is not None:
        model = widget.model()
        cells = [(r, c) for r in range(min(3, model.rowCount())) for c in range(9)]
        places = [widget.visualRect(model.index(*cell)).center() for cell in cells]
        widget = widget.viewport()
    for place in places:
        event = QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place))
        QApplication.sendEvent(widget, event)


def check_everything(image: ImageFile, *, hidden: bool = True) -> int:
    """Check all widgets of the program; return how many tooltips have the hostile text.

    Args:
        image: that the text shows.
        hidden: whether hidden widgets are checked, too.
    """
    QApplication.processEvents()
    tooltips = 0
    widgets = [widget for widget in all_widgets() if hidden or widget.isVisible()]
    for widget in widgets:
        check_widget(widget, image.text)
        tooltips += image.text in rendered(widget.toolTip())
    for widget in widgets:
        if isValid(widget) and widget.isVisible():  # each tooltip deletes the one before
            hover(widget)
    for window in open_windows():
        window.grab()
    QApplication.processEvents()
    assert not image.was_opened()
    return tooltips


@pytest.fixture
def window(qtbot: QtBot, image: ImageFile) -> MainWindow:
    theme().install(ThemeChoice.DARK)
    builder = hostile_state(image.text)
    window = make_window(qtbot, builder, PAGES, hostile_session(image.text))
    window.resize(1500, 900)
    window.set_sidebar_collapsed(collapsed=True)
    draw_frame(window, builder, 60.0)
    return window


def test_the_image_is_opened_where_text_is_interpreted(qtbot: QtBot, image: ImageFile) -> None:
    label = QLabel(image.text)
    qtbot.addWidget(label)
    with qtbot.waitExposed(label):
        label.show()
    label.grab()
    assert image.was_opened()
    label.hide()
    QToolTip.showText(QPoint(9, 9), image.text)
    assert image.was_opened()
    QToolTip.hideText()


def test_no_page_interprets_a_text(window: MainWindow, image: ImageFile) -> None:
    seen = 0
    for page_class in PAGES:
        window.show_page(page_class.key)
        assert window.current is not None
        page = window.current.shown_part
        seen += check_everything(image, hidden=False)
        if not isinstance(page, TablePage):
            continue
        rows = page.table.rows_model.shown_count
        assert rows > 0, page_class.key
        for row in range(min(rows, _MAX_ROWS)):
            page.table.clearSelection()
            select_rows(page, row)
            current = page.table.current_row()
            assert current is not None
            page.open_detail(current)
            if isinstance(page, RunsPage):
                for tab in range(page.detail.tabs.count()):
                    page.detail.tabs.setCurrentIndex(tab)
                    seen += check_everything(image, hidden=False)
            seen += check_everything(image, hidden=False)
        page.table.selectAll()
        for menu in (page.table.header.menu(), *open_menus(page)):
            for action in menu.actions():
                check_action(action)
            menu.close()
        page.close_detail()
    seen += check_everything(image)
    assert seen > 40, "the texts were shown"


def open_menus(page: TablePage[Any, Any]) -> Iterator[QMenu]:
    """Open the menu of a row."""
    page.table.customContextMenuRequested.emit(QPoint(20, 20))
    popup = QApplication.activePopupWidget()
    if isinstance(popup, QMenu):
        yield popup


def test_no_window_form_or_notification_interprets_a_text(
    window: MainWindow, image: ImageFile, qtbot: QtBot
) -> None:
    text = image.text
    window.top_bar.show_profile(Profile(text, environment=Environment.PRODUCTION), text)
    window.connections.show_current(Profile(text, environment=Environment.PRODUCTION), text)
    window.connections.show_profiles([Profile(f"2 {text}")])
    window.top_bar.set_connection(window.session.connection_status)
    window.dialogs.show_connection()
    window.dialogs.show_shortcuts()
    window.status_bar.show_message(text)
    window.status_bar.labels["server"].setText(text)
    choices = ((text, lambda: None),)
    window.notify(Notification(text, f"{text}\n{text}", text, "bad", choices, is_question=True))
    assert check_everything(image)
    switch = window.top_bar.switcher.menu()
    assert isinstance(switch, QMenu)
    assert len([each for each in switch.actions() if "bold" in each.text()]) == 2
    for action in switch.actions():
        check_action(action)
    window.open_palette()
    check_everything(image)
    window.command_palette.close()
    window.show_page(TasksPage.key)
    runs = list(window.session.state.runs.rows)
    window.run_form.open(next(run for run in runs if run.request is not None))
    assert check_everything(image)
    window.run_form.ui.show_error(UserFacingError(text, text, text, can_force=True))
    window.run_form.ui.task_name.showPopup()
    check_everything(image)
    window.run_form.ui.task_name.hidePopup()
    window.run_form.cancel()


def test_no_outcome_of_an_action_interprets_a_text(window: MainWindow, image: ImageFile) -> None:
    session = window.session
    assert isinstance(session, FakeSession)
    text = image.text
    session.outcomes[text] = CancelOutcome(text, CancelStatus.REFUSED, text, text)
    for page_key, prefix in (("tasks", "runs."), ("monitoring", "worker")):
        window.show_page(page_key)
        page = shown_table_page(window)
        if page_key == "monitoring":
            session.outcomes[text] = CommandOutcome(text, text, CommandStatus.REFUSED, text)
        for error in (None, UserFacingError(text, text, text, can_force=True)):
            session.error = error
            for action_id in window.actions_table.ids:
                if action_id.startswith(prefix) and "save" not in action_id:
                    page.table.selectAll()
                    window.actions_table.run(action_id)
                    for card in window.notifications.cards:
                        for button in card.buttons[:1]:
                            button.click()
                    check_everything(image, hidden=False)
    assert session.calls


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """All texts that Python code paints from now on."""
    texts: set[str] = set()
    draw_text, draw_static_text = QPainter.drawText, QPainter.drawStaticText

    def record_text(painter: QPainter, *arguments: Any) -> object:
        texts.update(each for each in arguments if isinstance(each, str))
        return draw_text(painter, *arguments)

    def record_static_text(painter: QPainter, *arguments: Any) -> None:
        texts.add(arguments[-1].text())
        draw_static_text(painter, *arguments)

    monkeypatch.setattr(QPainter, "drawText", record_text)
    monkeypatch.setattr(QPainter, "drawStaticText", record_static_text)
    return texts


def shown_texts(widget: QWidget) -> Iterator[str]:
    """Yield what a widget shows, speaks or is called; fields that are edited keep their value."""
    yield from (widget.toolTip(), widget.statusTip(), widget.whatsThis(), widget.windowTitle())
    yield from (widget.accessibleName(), widget.accessibleDescription())
    yield from (action.text() for action in widget.actions())
    match widget:
        case QLabel() | QAbstractButton():
            yield widget.text()
        case QPlainTextEdit():
            yield widget.toPlainText()
        case QComboBox() if not widget.isEditable():
            yield from (widget.itemText(row) for row in range(widget.count()))
        case QAbstractItemView() if (model := widget.model()) is not None:
            for row in range(min(model.rowCount(), 20)):
                for column in range(column_count(model)):
                    index = model.index(row, column)
                    if isinstance(delegate := widget.itemDelegate(), QStyledItemDelegate):
                        yield delegate.displayText(index.data(), widget.locale())
                    yield str(index.data(Qt.ItemDataRole.AccessibleTextRole) or "")


def assert_nothing_is_disguised(painted: set[str], *, hidden: bool = True) -> None:
    """Check all widgets of the program, and what was painted.

    Args:
        painted: all texts that were painted.
        hidden: whether hidden widgets are checked, too.
    """
    QApplication.processEvents()
    for window in open_windows():
        window.grab()
    disguised = {
        (type(widget).__name__, text)
        for widget in all_widgets()
        if hidden or widget.isVisible()
        for text in shown_texts(widget)
        if _CONTROLS & set(text)
    }
    assert not disguised
    assert not [text for text in painted if (_CONTROLS | {"\n"}) & set(text)]


def test_no_name_is_shown_as_another_one(qtbot: QtBot, painted: set[str]) -> None:
    theme().install(ThemeChoice.DARK)
    name = f"{OVERRIDE}\nend"
    builder = hostile_state(name)
    window = make_window(qtbot, builder, PAGES, hostile_session(name))
    window.resize(1500, 900)
    draw_frame(window, builder, 60.0)
    headings = set()
    for page_class in PAGES:
        window.show_page(page_class.key)
        assert window.current is not None
        page = window.current.shown_part
        assert_nothing_is_disguised(painted, hidden=False)
        if not isinstance(page, TablePage):
            continue
        for row in range(min(page.table.rows_model.shown_count, _MAX_ROWS)):
            page.table.clearSelection()
            select_rows(page, row)
            current = page.table.current_row()
            assert current is not None
            page.open_detail(current)
            if isinstance(page, RunsPage):
                headings.add(page.detail.header.name_label.text()[:10])
                for tab in range(page.detail.tabs.count()):
                    page.detail.tabs.setCurrentIndex(tab)
                    page.detail.grab()
            assert_nothing_is_disguised(painted, hidden=False)
        page.close_detail()
    assert_nothing_is_disguised(painted)
    assert "\\u202elive" in headings
    assert any("\\u202elive\\u2067\\x1b[31m end" in text for text in painted)
    window.notify(Notification(name, name, name, "bad", ((name, lambda: None),)))
    window.show_profile(Profile(name, environment=Environment.PRODUCTION), name)
    window.connections.show_profiles([Profile(f"2 {name}")])
    window.open_palette()
    assert_nothing_is_disguised(painted)
    window.command_palette.close()
    runs = list(window.session.state.runs.rows)
    window.run_form.open(next(run for run in runs if run.request is not None))
    assert "\\u202elive" in window.run_form.ui.name_warning.text()
    assert window.run_form.ui.task_name.name == name.strip(), "the value is not changed"
    window.run_form.ui.task_name.showPopup()
    assert_nothing_is_disguised(painted)
    window.run_form.ui.task_name.hidePopup()
    window.run_form.cancel()
