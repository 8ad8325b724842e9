"""The run form enqueues a task by name, and a run again with other arguments."""

import json
import time
from collections.abc import Coroutine, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import NotConnectedError, UserFacingError
from pulse_desktop.model.queue_status import EnqueueReceipt, QueueStatus
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.run_form.form import RunForm
from pulse_desktop.ui.run_form.form_ui import RunFormUi
from pulse_desktop.ui.shell.window import MainWindow
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.kit.state_builder import StateBuilder
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import BlankPage, draw_frame, make_window

PAGES = (BlankPage, TasksPage, OverviewPage)
FAILED = "f" * 32
EXTRACT = "extract_knowledge"
EMBED = "embed_messages_batch"
NO_CONSUMERS = UserFacingError(
    "No worker listens",
    "the queue has no consumer.",
    "Start a worker, or enqueue it anyway.",
    can_force=True,
)


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def builder() -> StateBuilder:
    filled = StateBuilder().runs(3)
    filled.task("e" * 32, EMBED, [[1, 2]])
    filled.task(FAILED, EXTRACT, language="uk", ids=[1, 2.0])
    filled.failed(FAILED)
    return filled


@pytest.fixture
def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, builder: StateBuilder, session: FakeSession) -> MainWindow:
    window = make_window(qtbot, builder, PAGES, session)
    draw_frame(window, builder)
    return window


@pytest.fixture
def form(window: MainWindow) -> RunForm:
    return window.run_form


@pytest.fixture
def ui(form: RunForm) -> RunFormUi:
    return form.ui


def tasks_page(window: MainWindow) -> RunsPage:
    """Show the runs, which takes as long as opening the window, and return their page."""
    window.show_page(TasksPage.key)
    page = window.current
    assert isinstance(page, TasksPage)
    return page.runs


def _select(page: RunsPage, *rows: int) -> None:
    flags = QItemSelectionModel.SelectionFlag
    for row in rows:
        index = page.table.rows_model.index(row, 0)
        page.table.selectionModel().setCurrentIndex(index, flags.Select | flags.Rows)


def _queue(**fields: Any) -> QueueStatus:
    return QueueStatus("jetstream", durable=True, stream="s", **fields)


# Opening and closing


def test_button_shortcut_and_palette_open_the_form_without_a_modal_loop(
    qtbot: QtBot, window: MainWindow, form: RunForm
) -> None:
    assert window.top_bar.run.isVisible()
    window.top_bar.run.click()
    assert form.isVisible()
    assert QApplication.activeModalWidget() is None
    form.cancel()
    QTest.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert form.isVisible()
    form.cancel()
    window.open_palette()
    QTest.keyClicks(window.command_palette.field, "run a task")
    QTest.keyClick(window.command_palette.field, Qt.Key.Key_Return)
    assert form.isVisible()
    assert form.ui.task_name.field.hasFocus()


def test_esc_closes_it_and_gives_the_focus_back(
    qtbot: QtBot, window: MainWindow, form: RunForm, ui: RunFormUi
) -> None:
    tasks_page(window).table.setFocus()
    window.run_task()
    QTest.keyClicks(ui.args.editor, "[1")
    QTest.keyClick(ui.args.editor, Qt.Key.Key_Escape)
    assert not form.isVisible()
    assert tasks_page(window).table.hasFocus()


def test_the_draft_of_a_new_task_is_restored_and_separate_from_an_edited_run(
    builder: StateBuilder, form: RunForm, ui: RunFormUi
) -> None:
    form.open()
    ui.task_name.set_name("m:f")
    ui.kwargs.set_text('{"a": ')
    form.cancel()
    form.open(builder.state.runs.get(FAILED))
    assert ui.task_name.name == EXTRACT
    form.cancel()
    form.open()
    assert (ui.task_name.name, ui.kwargs.text) == ("m:f", '{"a": ')


def test_a_copy_from_another_connection_is_beside_what_was_typed(
    qtbot: QtBot, builder: StateBuilder, form: RunForm, ui: RunFormUi
) -> None:
    run, other = builder.state.runs.get(FAILED), builder.state.runs.get("e" * 32)
    assert run is not None
    form.open()
    ui.task_name.set_name("typed:new")
    form.open(other)
    ui.kwargs.set_text('{"typed": "edit"}')
    form.open_copy(run, "shop eu (production)")
    assert (ui.task_name.name, form.draft.rerun_of) == (run.name, "")
    ui.kwargs.set_text('{"typed": "copy"}')
    form.cancel()
    form.open(other)
    assert "edit" in ui.kwargs.text
    form.open_copy(run, "shop eu (production)")
    assert "copy" in ui.kwargs.text
    form.submit()
    qtbot.waitUntil(form.isHidden)
    form.open()
    assert ui.task_name.name == "typed:new"
    form.open_copy(run, "shop eu (production)")
    assert "typed" not in ui.kwargs.text, "it was enqueued"


def test_it_stays_above_the_pages_when_the_page_changes(window: MainWindow, form: RunForm) -> None:
    window.run_task()
    window.show_page("overview")
    assert form.isVisible()
    middle = form.mapTo(window, form.rect().center())
    child = window.childAt(middle)
    assert child is not None
    assert form.isAncestorOf(child)


@pytest.mark.parametrize("size", [(1024, 640), (1440, 900)])
def test_run_and_cancel_are_visible_at_every_size(
    window: MainWindow, form: RunForm, ui: RunFormUi, size: tuple[int, int]
) -> None:
    window.resize(*size)
    form.open()
    for button in (ui.run_button, ui.cancel_button, ui.close_button):
        assert form.rect().contains(button.mapTo(form, button.rect().center()))
    assert form.height() == window.page_stack.height()
    assert form.geometry().right() == window.page_stack.width() - 1
    window.resize(1100, 700)
    assert form.geometry().right() == window.page_stack.width() - 1


def test_single_letters_do_not_trigger_shortcuts_of_the_page(
    qtbot: QtBot, window: MainWindow, form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    _select(tasks_page(window), 0)
    form.open()
    ui.cancel_button.setFocus()
    for key in (Qt.Key.Key_R, Qt.Key.Key_E, Qt.Key.Key_Slash):
        QTest.keyClick(ui.cancel_button, key)
    assert session.calls == []
    assert form.draft.rerun_of == ""
    assert ui.cancel_button.hasFocus()


# The name


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_known_names_are_listed_latest_first_and_completed_by_any_part(
    qtbot: QtBot, form: RunForm, ui: RunFormUi
) -> None:
    form.open()
    names = [ui.task_name.itemText(row) for row in range(ui.task_name.count())]
    assert names == [EXTRACT, EMBED, "score_message_task"]
    assert ui.task_name.name == ""
    QTest.keyClicks(ui.task_name.field, "MESSAGE")
    completer = ui.task_name.completer()
    assert completer is not None
    model = completer.completionModel()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == names[1:]
    ui.task_name.completions.hide()


def test_an_unknown_name_gets_a_warning_and_can_be_enqueued(
    form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    form.open()
    ui.task_name.set_name("other.module:task")
    assert "No run of this task is known" in ui.name_warning.text()
    assert ui.name_warning.isVisible()
    form.submit()
    assert session.calls == [("other.module:task", b"[]", b"{}", {}, "", False)]


def test_a_button_fills_in_the_arguments_of_the_latest_run(form: RunForm, ui: RunFormUi) -> None:
    form.open()
    assert not ui.use_latest.isVisible()
    ui.task_name.set_name(EMBED)
    ui.use_latest.click()
    assert ui.args.text == "[\n  [1, 2]\n]"
    assert not ui.use_latest.isVisible()


# The arguments


def test_run_is_disabled_until_the_arguments_are_valid(
    qtbot: QtBot, form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    form.open()
    assert not ui.run_button.isEnabled()
    assert "Enter the name of the task first" in ui.run_button.toolTip()
    ui.task_name.set_name("m:f")
    assert ui.run_button.isEnabled()
    ui.kwargs.setFocus()
    QTest.keyClicks(ui.kwargs.editor, '{"language": uk}')
    assert not ui.run_button.isEnabled()
    assert ui.kwargs.message.text().startswith("Line 1: uk is not a value")
    assert ui.kwargs.editor.accessibleDescription() == ui.kwargs.message.text()
    assert ui.kwargs.editor.extraSelections()
    QTest.keyClick(
        ui.kwargs.editor, Qt.Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier
    )
    assert session.calls == []
    ui.kwargs.set_text('{"language": "uk"}')
    assert ui.run_button.isEnabled()
    assert not ui.kwargs.message.isVisible()
    assert not ui.kwargs.editor.extraSelections()


def test_collapsed_labels_are_sent(
    qtbot: QtBot, form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    form.open()
    ui.task_name.set_name("m:f")
    assert not ui.labels.isVisible()
    ui.labels_toggle.click()
    assert ui.labels.isVisible()
    assert ui.labels.editor.hasFocus()
    QTest.keyClicks(ui.labels.editor, '{"priority": 5}')
    assert ui.labels_toggle.text() == "Labels · 1"
    ui.labels_toggle.click()
    form.submit()
    assert session.calls == [("m:f", b"[]", b"{}", {"priority": 5}, "", False)]


# Consumers


@pytest.mark.parametrize(
    ("queue", "text"),
    [
        (None, "Unknown whether a worker is listening"),
        (_queue(consumers=2, pending=38), "2 workers are listening · 38 tasks waiting"),
        (_queue(consumers=1, pending=0), "1 worker is listening"),
        (_queue(consumers=3, paused=2), "1 worker is listening"),
        (_queue(consumers=1, late=1), "1 worker is listening · 1 heartbeat late"),
        (_queue(consumers=2, paused=2), "All workers are paused; the queue keeps the task"),
        (
            _queue(consumers=0, pending=1),
            "No worker is listening; the stream keeps the task · 1 task waiting",
        ),
        (QueueStatus("core", consumers=0), "the task would be lost"),
        (_queue(ack_pending=1), "A worker is running tasks"),
        (_queue(problem="JetStream did not answer"), "JetStream did not answer"),
    ],
)
def test_it_shows_how_many_workers_are_listening(
    form: RunForm, ui: RunFormUi, session: FakeSession, queue: QueueStatus | None, text: str
) -> None:
    session.queue_status = queue
    form.open()
    assert text in ui.consumers.text()


def test_it_follows_the_number_of_workers(
    qtbot: QtBot, form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    session.queue_status = _queue(consumers=0)
    form.open()
    session.queue_status = _queue(consumers=1)
    qtbot.waitUntil(lambda: ui.consumers.text() == "1 worker is listening")
    form.cancel()
    assert not form.is_refreshing


def test_it_says_that_it_is_not_connected_until_it_is(
    form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    session.queue_status = _queue(consumers=0)
    connected = session.connection_status
    session.connection_status = replace(connected, state="reconnecting")
    session.error = NotConnectedError()
    form.open()
    assert ui.consumers.text() == "Not connected: no task can be enqueued now"
    ui.task_name.set_name("m:f")
    form.submit()
    form.refresh()
    assert ui.error_card.isVisible()
    session.connection_status = connected
    form.refresh()
    assert not ui.error_card.isVisible()
    assert ui.consumers.text().startswith("No worker is listening")


# Enqueuing


def test_ctrl_enter_enqueues_closes_and_offers_to_show_the_run(
    qtbot: QtBot,
    window: MainWindow,
    builder: StateBuilder,
    form: RunForm,
    ui: RunFormUi,
    session: FakeSession,
) -> None:
    form.open()
    ui.task_name.set_name(EXTRACT)
    ui.kwargs.setFocus()
    QTest.keyClicks(ui.kwargs.editor, '{"language": "en"}')
    QTest.keyClick(
        ui.kwargs.editor, Qt.Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier
    )
    assert session.calls == [(EXTRACT, b"[]", b'{"language":"en"}', {}, "", False)]
    assert not form.isVisible()
    notice = window.notifications.shown[-1]
    assert notice.title == "Enqueued extract_knowledge"
    window.show_page("overview")
    ((title, show),) = notice.choices
    assert title == "Show run"
    show()
    assert window.current is not None
    assert window.current.key == "tasks"
    builder.task("0" * 32, EXTRACT, language="en")
    draw_frame(window, builder, 0.1)
    run = tasks_page(window).detail.run
    assert run is not None
    assert run.task_id == "0" * 32
    form.open()
    assert ui.kwargs.text == ""


def test_an_error_is_shown_in_the_form_and_can_be_overridden_if_allowed(
    window: MainWindow, form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    session.error = NO_CONSUMERS
    form.open()
    ui.task_name.set_name("m:f")
    form.submit()
    assert form.isVisible()
    assert ui.error_card.text.startswith(
        "No worker listens\nThe queue has no consumer.\nStart a worker"
    )
    assert ui.error_card.isVisible()
    assert ui.run_button.isEnabled()
    ui.error_card.force_button.click()
    assert [asked[-1] for asked in session.calls] == [False, True]
    assert not form.isVisible()
    session.error = UserFacingError(
        "The task is too large", "it has 3 MB.", "Pass it by reference."
    )
    form.open()
    ui.task_name.set_name("m:f")
    assert not ui.error_card.isVisible()
    form.submit()
    assert not ui.error_card.force_button.isVisible()
    ui.args.set_text("[1]")
    assert not ui.error_card.isVisible()


class SlowSession(FakeSession):
    """Enqueues when its work is resumed."""

    async def enqueue(
        self,
        task_name: str,
        args: bytes = b"[]",
        kwargs: bytes = b"{}",
        labels: Mapping[str, Any] | None = None,
        *,
        force: bool = False,
        rerun_of: str = "",
        confirmed: bool = False,
    ) -> EnqueueReceipt:
        await _Suspended()
        return await super().enqueue(
            task_name,
            args,
            kwargs,
            labels,
            force=force,
            rerun_of=rerun_of,
            confirmed=confirmed,
        )


class _Suspended:
    def __await__(self) -> Generator[None]:
        yield


Work = Coroutine[Any, Any, None]


def _finish(work: Work) -> None:
    with pytest.raises(StopIteration):
        work.send(None)


@dataclass
class Slow:
    """A window whose background work is resumed by the test."""

    window: MainWindow
    session: SlowSession
    works: list[Work]


@pytest.fixture
def slow(qtbot: QtBot, builder: StateBuilder) -> Iterator[Slow]:
    works: list[Work] = []

    def start(name: str, work: Work) -> None:
        work.send(None)
        works.append(work)

    session = SlowSession()
    window = make_window(qtbot, builder, PAGES, session, run_in_background=start)
    yield Slow(window, session, works)
    for work in works:
        work.close()


def test_a_task_is_enqueued_once_when_run_is_pressed_twice(slow: Slow) -> None:
    form = slow.window.run_form
    form.open()
    form.ui.task_name.set_name("m:f")
    form.submit()
    assert form.ui.run_button.text() == "Enqueuing…"
    assert not form.ui.run_button.isEnabled()
    form.submit()
    assert len(slow.works) == 1
    _finish(slow.works[0])
    assert len(slow.session.calls) == 1
    assert form.ui.run_button.text() == "Run"


def test_an_error_is_notified_when_the_form_was_closed_meanwhile(slow: Slow) -> None:
    form = slow.window.run_form
    form.open()
    form.ui.task_name.set_name("m:f")
    form.submit()
    form.cancel()
    form.open(slow.session.state.runs.get(FAILED))
    slow.session.error = NO_CONSUMERS
    _finish(slow.works[0])
    assert slow.window.notifications.shown[-1].title == "No worker listens"
    assert not form.ui.error_card.isVisible()
    assert form.isVisible()


# Editing a run


def test_a_run_is_edited_and_enqueued_as_a_rerun_of_it(
    qtbot: QtBot, window: MainWindow, form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    _select(tasks_page(window), 0)
    tasks_page(window).table.setFocus()
    QTest.keyClick(tasks_page(window).table, Qt.Key.Key_E)
    assert form.isVisible()
    assert ui.title.text() == "Edit and re-run"
    assert f"marked as a re-run of {FAILED[:8]}" in ui.description.text()
    assert ui.task_name.name == EXTRACT
    assert ui.args.text == ""
    assert ui.kwargs.text == '{\n  "language": "uk",\n  "ids": [1, 2.0]\n}'
    assert ui.kwargs.editor.hasFocus()
    ui.kwargs.set_text(ui.kwargs.text.replace("uk", "en"))
    form.submit()
    expected: object = (EXTRACT, b"[]", b'{"language":"en","ids":[1,2.0]}', {}, FAILED, False)
    assert session.calls == [expected]


def test_the_edit_button_of_a_run_opens_the_form(window: MainWindow, form: RunForm) -> None:
    tasks_page(window).navigate(ShowRun(FAILED))
    tasks_page(window).detail.header.edit_button.click()
    assert form.draft.rerun_of == FAILED


def test_labels_of_the_run_keep_their_types(
    builder: StateBuilder, form: RunForm, ui: RunFormUi
) -> None:
    labels = {"priority": "5", "urgent": "True", "note": "7", "rerun_of": "x", "task_name": "old"}
    types = {"priority": 2, "urgent": 5, "note": 3}
    builder.state.fold([_task("d" * 32, labels=labels, labels_types=types)])
    form.open(builder.state.runs.get("d" * 32))
    assert json.loads(ui.labels.text) == {"priority": 5, "urgent": True, "note": "7"}


def test_arguments_can_be_entered_for_a_run_without_known_ones(
    builder: StateBuilder, form: RunForm, ui: RunFormUi
) -> None:
    builder.started("c" * 32)
    form.open(builder.state.runs.get("c" * 32))
    assert "arguments are unknown" in ui.description.text()
    assert ui.args.text == ui.kwargs.text == ""


def _task(task_id: str, **fields: Any) -> InboundMessage:
    body = {"task_id": task_id, "task_name": "m:f", "args": [], "kwargs": {}, **fields}
    return InboundMessage(Source.TASK, "taskiq_tasks", json.dumps(body).encode(), 1.0)


def test_several_selected_runs_cannot_be_edited(
    qtbot: QtBot, window: MainWindow, form: RunForm
) -> None:
    _select(tasks_page(window), 0, 1)
    tasks_page(window).table.setFocus()
    QTest.keyClick(tasks_page(window).table, Qt.Key.Key_E)
    assert not form.isVisible()


def test_arguments_as_large_as_a_message_are_shown_quickly(
    builder: StateBuilder, form: RunForm, ui: RunFormUi
) -> None:
    builder.task("b" * 32, "m:f", ["x" * 900_000])
    began = time.process_time()
    form.open(builder.state.runs.get("b" * 32))
    QApplication.processEvents()
    assert time.process_time() - began < 20.0  # a minute when wrapped at words
    assert len(ui.args.compact_json()) == 900_004


# Beside the form


def test_esc_closes_it_with_the_focus_elsewhere(
    qtbot: QtBot, window: MainWindow, form: RunForm
) -> None:
    form.open()
    window.top_bar.run.setFocus()
    QTest.keyClick(window.top_bar.run, Qt.Key.Key_Escape)
    assert not form.isVisible()


def test_a_notification_is_beside_the_form_and_above_the_page(
    window: MainWindow, form: RunForm
) -> None:
    form.open()
    window.notify(Notification("The server is gone", severity="bad"))
    window.show_page("overview")
    (card,) = window.notifications.cards
    assert card.geometry().right() < form.geometry().left()
    child = window.childAt(card.mapTo(window, card.rect().center()))
    assert child is not None
    assert card.isAncestorOf(child)


def test_a_wide_window_has_room_for_page_and_form(window: MainWindow, form: RunForm) -> None:
    window.resize(1920, 1000)
    form.open()
    page = tasks_page(window)
    assert page.geometry().right() < form.geometry().left()
    page.navigate(ShowRun(FAILED))
    assert window.width() == 1920
    form.cancel()
    QApplication.processEvents()
    assert page.width() == window.page_stack.width()


# Accessibility


def test_tab_moves_through_the_form_from_the_top(
    qtbot: QtBot, form: RunForm, ui: RunFormUi
) -> None:
    form.open()
    ui.task_name.set_name("m:f")
    ui.task_name.completions.hide()
    passed: list[QWidget] = []
    for _field in range(6):
        focused = QApplication.focusWidget()
        assert focused is not None
        passed.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    assert passed == [
        ui.task_name,
        ui.args.editor,
        ui.kwargs.editor,
        ui.labels_toggle,
        ui.cancel_button,
        ui.run_button,
    ]


def test_every_control_has_an_accessible_name(
    form: RunForm, ui: RunFormUi, session: FakeSession
) -> None:
    session.error = NO_CONSUMERS
    form.open()
    ui.task_name.set_name("m:f")
    ui.labels_toggle.click()
    form.submit()
    kinds = (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox)
    controls = [control for kind in kinds for control in form.findChildren(kind)]
    assert len(controls) >= 10
    nameless = [
        control
        for control in controls
        if control.isVisible() and not (control.accessibleName() or getattr(control, "text", str)())
    ]
    assert nameless == []


def test_the_theme_changes_while_the_form_is_open(
    window: MainWindow, form: RunForm, ui: RunFormUi
) -> None:
    form.open()
    point = form.mapTo(window, form.rect().center())
    window.use_theme(ThemeChoice.LIGHT)
    light = window.grab().toImage().pixelColor(point)
    window.use_theme(ThemeChoice.DARK)
    dark = window.grab().toImage().pixelColor(point)
    assert light.lightness() > 200 > 60 > dark.lightness()
