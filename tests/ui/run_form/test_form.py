"""Running a task by name, and a run once more with other arguments."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtWidgets import QAbstractButton, QApplication, QComboBox, QLineEdit, QPlainTextEdit
from pytestqt.qtbot import QtBot

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.queue_status import QueueStatus
from pulse_desktop.ui.navigation import ShowRun
from pulse_desktop.ui.pages.overview.page import OverviewPage
from pulse_desktop.ui.pages.tasks.page import TasksPage
from pulse_desktop.ui.run_form.json_lint import compact, lint, pretty
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.theme.theme import ThemeChoice, theme
from tests.ui.fake_session import FakeSession
from tests.ui.window_builder import Told, frame, make_window

FAILED = "f" * 32
EXTRACT = "workers.tasks.knowledge:extract_knowledge"
EMBED = "workers.tasks.embedding:embed_messages_batch"
NOBODY = UserFacingError(
    "No worker listens",
    "nobody takes tasks.",
    "Start a worker, or enqueue it anyway.",
    can_force=True,
)


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> None:
    theme().install(ThemeChoice.DARK)


@pytest.fixture
def told():
    filled = Told().runs(3)
    filled.task("e" * 32, EMBED, [[1, 2]])
    filled.task(FAILED, EXTRACT, language="uk", ids=[1, 2.0])
    filled.failed(FAILED)
    return filled


@pytest.fixture
def session():
    return FakeSession()


@pytest.fixture
def window(qtbot: QtBot, told, session):
    window = make_window(qtbot, told, (TasksPage, OverviewPage), session)
    frame(window, told)
    return window


@pytest.fixture
def form(window):
    return window.run_form


@pytest.fixture
def parts(form):
    return form.parts


def _select(page, *rows) -> None:
    flags = QItemSelectionModel.SelectionFlag
    for row in rows:
        index = page.table.rows_model.index(row, 0)
        page.table.selectionModel().setCurrentIndex(index, flags.Select | flags.Rows)


def _figures(**fields):
    return QueueStatus("jetstream", durable=True, stream="s", **fields)


# Opening and closing


def test_the_button_the_shortcut_and_the_palette_open_one_form_that_stops_nothing(
    qtbot: QtBot, window, form
) -> None:
    assert window.top_bar.run.isVisible()
    window.top_bar.run.click()
    assert form.isVisible()
    assert QApplication.activeModalWidget() is None
    form.cancel()
    qtbot.keyClick(window, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert form.isVisible()
    form.cancel()
    window.open_palette()
    qtbot.keyClicks(window.command_palette.field, "run a task")
    qtbot.keyClick(window.command_palette.field, Qt.Key.Key_Return)
    assert form.isVisible()
    assert form.parts.name.field.hasFocus()


def test_esc_closes_it_and_gives_the_keyboard_back(qtbot: QtBot, window, form, parts) -> None:
    window.current.table.setFocus()
    window.run_task()
    qtbot.keyClicks(parts.args.editor, "[1")
    qtbot.keyClick(parts.args.editor, Qt.Key.Key_Escape)
    assert not form.isVisible()
    assert window.current.table.hasFocus()


def test_what_was_typed_for_a_new_task_is_there_again_and_not_mixed_with_an_edited_run(
    told, form, parts
) -> None:
    form.open()
    parts.name.set_name("m:f")
    parts.kwargs.set_text('{"a": ')
    form.cancel()
    form.open(told.state.runs.get(FAILED))
    assert parts.name.name == EXTRACT
    form.cancel()
    form.open()
    assert (parts.name.name, parts.kwargs.text) == ("m:f", '{"a": ')


def test_it_stays_above_the_pages_when_another_is_shown(window, form) -> None:
    window.run_task()
    window.show_page("overview")
    assert form.isVisible()
    middle = form.mapTo(window, form.rect().center())
    assert form.isAncestorOf(window.childAt(middle))


@pytest.mark.parametrize("size", [(1024, 640), (1440, 900)])
def test_run_and_cancel_are_in_sight_in_every_size(window, form, parts, size) -> None:
    window.resize(*size)
    form.open()
    for button in (parts.run, parts.cancel, parts.close):
        assert form.rect().contains(button.mapTo(form, button.rect().center()))
    assert form.height() == window._stack.height()
    assert form.geometry().right() == window._stack.width() - 1
    window.resize(1100, 700)
    assert form.geometry().right() == window._stack.width() - 1


def test_single_letters_do_nothing_to_the_page_behind(
    qtbot: QtBot, window, form, parts, session
) -> None:
    _select(window.current, 0)
    form.open()
    parts.cancel.setFocus()
    for key in (Qt.Key.Key_R, Qt.Key.Key_E, Qt.Key.Key_Slash):
        qtbot.keyClick(parts.cancel, key)
    assert session.calls == []
    assert form.draft.rerun_of == ""
    assert parts.cancel.hasFocus()


# The name


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_names_that_were_seen_are_offered_the_latest_first_and_found_by_any_part(
    qtbot: QtBot, form, parts
) -> None:
    form.open()
    names = [parts.name.itemText(row) for row in range(parts.name.count())]
    assert names == [EXTRACT, EMBED, "workers.tasks.scoring:score_message_task"]
    assert parts.name.name == ""
    qtbot.keyClicks(parts.name.field, "MESSAGE")
    model = parts.name.completer().completionModel()
    assert [model.index(row, 0).data() for row in range(model.rowCount())] == names[1:]
    parts.name.completions.hide()


def test_a_name_never_seen_is_told_and_can_be_enqueued_all_the_same(form, parts, session) -> None:
    form.open()
    parts.name.set_name("other.module:task")
    assert "Not seen before" in parts.note.text()
    assert parts.note.isVisible()
    form.submit()
    assert session.calls == [("other.module:task", b"[]", b"{}", {}, "", False)]


def test_the_arguments_of_the_latest_run_are_taken_when_asked_for(form, parts) -> None:
    form.open()
    assert not parts.fill.isVisible()
    parts.name.set_name(EMBED)
    parts.fill.click()
    assert parts.args.text == "[\n  [1, 2]\n]"
    assert not parts.fill.isVisible()


# The arguments


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"a": 1,\n "b": True}', 2, "write true, not True"),
        ('{"a": 1\n "b": 2}', 2, 'a comma is missing before "b"'),
        ('{"a": 1,\n}', 2, "the comma before } is one too many"),
        ("{'a': 1}", 1, "a name goes between double quotes, not 'a'"),
        ('{"a" 1}', 1, "a colon is missing before 1"),
        ('{"a": [1, 2}', 1, "] is missing before }"),
        ('{"a": [1,\n 2', 2, "it ends too early: ] is missing"),
        ('{"a": 1,\n "a": 2}', 2, '"a" stands twice'),
        ('{"a": "x\n}', 1, "a text ends with a double quote in the same line"),
        ('{"a": uk}', 1, 'uk is no value: text goes between double quotes, "…"'),
        ('{"a": NaN}', 1, "NaN is no JSON: write null, or a number"),
        ('{"a": 1} x', 1, "nothing may follow after the closing }"),
        ("[1]", 1, "this must be an object"),
        ('{"a": 1e999}', 1, "it cannot be sent"),
        ('{"a":' * 100_000, 1, "it is nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", 1, "a number has too many digits"),
    ],
)
def test_what_is_wrong_is_told_by_line_and_in_words(text, line, reason) -> None:
    flaw = lint(text, "object")
    assert flaw.line == line
    assert flaw.reason.startswith(reason)


@settings(deadline=None)
@given(st.text(alphabet="[]{},:\"\\ \n\t-+.0129eEtrufalsnNI'#/aя\ud800"))
def test_any_text_is_judged_and_what_passes_is_json(text) -> None:
    for kind, type_ in (("array", list), ("object", dict)):
        if lint(text, kind) is None:
            assert isinstance(json.loads(compact(text, kind)), type_)


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(_VALUES, max_size=6), st.booleans())
def test_what_is_laid_out_is_still_the_same_and_hides_nothing(value, ascii_) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_).encode(errors="surrogatepass")
    text = pretty(raw)
    assert json.loads(text or "[]") == value
    assert all(line.isprintable() for line in text.split("\n"))
    assert lint(text, "array") is None or "cannot be sent" in lint(text, "array").reason


def test_numbers_stay_as_they_were_written() -> None:
    raw = b'{"a": 1.0, "b": 123456789012345678901234567890, "c": 1E5}'
    text = pretty(raw)
    assert compact(text, "object") == raw.replace(b" ", b"")


def test_run_waits_until_the_arguments_are_right(qtbot: QtBot, form, parts, session) -> None:
    form.open()
    assert not parts.run.isEnabled()
    assert parts.run.toolTip() == "Name the task first"
    parts.name.set_name("m:f")
    assert parts.run.isEnabled()
    parts.kwargs.setFocus()
    qtbot.keyClicks(parts.kwargs.editor, '{"language": uk}')
    assert not parts.run.isEnabled()
    assert parts.kwargs.verdict.text().startswith("Line 1: uk is no value")
    assert parts.kwargs.editor.accessibleDescription() == parts.kwargs.verdict.text()
    assert parts.kwargs.editor.extraSelections()
    qtbot.keyClick(
        parts.kwargs.editor, Qt.Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier
    )
    assert session.calls == []
    parts.kwargs.set_text('{"language": "uk"}')
    assert parts.run.isEnabled()
    assert not parts.kwargs.verdict.isVisible()
    assert not parts.kwargs.editor.extraSelections()


def test_labels_are_folded_away_and_sent_all_the_same(qtbot: QtBot, form, parts, session) -> None:
    form.open()
    parts.name.set_name("m:f")
    assert not parts.labels.isVisible()
    parts.fold.click()
    assert parts.labels.isVisible()
    assert parts.labels.editor.hasFocus()
    qtbot.keyClicks(parts.labels.editor, '{"priority": 5}')
    assert parts.fold.text() == "Labels · 1"
    parts.fold.click()
    form.submit()
    assert session.calls == [("m:f", b"[]", b"{}", {"priority": 5}, "", False)]


# Who listens


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (None, "Not known yet whether a worker listens"),
        (_figures(consumers=2, pending=38), "2 workers listen · 38 tasks wait"),
        (_figures(consumers=1, pending=0), "1 worker listens"),
        (_figures(consumers=0, pending=1), "No worker listens; the stream keeps tasks · 1 task"),
        (QueueStatus("core", consumers=0), "a task would be lost"),
        (_figures(ack_pending=1), "A worker is at work"),
        (_figures(problem="JetStream did not answer"), "JetStream did not answer"),
    ],
)
def test_it_says_how_many_workers_listen(form, parts, session, figures, words) -> None:
    session.queue_status = figures
    form.open()
    assert words in parts.listeners.text()


def test_it_notices_when_a_worker_comes(qtbot: QtBot, form, parts, session) -> None:
    session.queue_status = _figures(consumers=0)
    form.open()
    session.queue_status = _figures(consumers=1)
    qtbot.waitUntil(lambda: parts.listeners.text() == "1 worker listens")
    form.cancel()
    assert not form._timer.isActive()


# Enqueuing


def test_ctrl_enter_enqueues_closes_and_tells_where_to_find_the_run(
    qtbot: QtBot, window, told, form, parts, session
) -> None:
    form.open()
    parts.name.set_name(EXTRACT)
    parts.kwargs.setFocus()
    qtbot.keyClicks(parts.kwargs.editor, '{"language": "en"}')
    qtbot.keyClick(
        parts.kwargs.editor, Qt.Key.Key_Return, modifier=Qt.KeyboardModifier.ControlModifier
    )
    assert session.calls == [(EXTRACT, b"[]", b'{"language":"en"}', {}, "", False)]
    assert not form.isVisible()
    notice = window.notifications.shown[-1]
    assert notice.title == "Enqueued extract_knowledge"
    window.show_page("overview")
    ((title, show),) = notice.choices
    assert title == "Show"
    show()
    assert window.current.key == "tasks"
    told.task("0" * 32, EXTRACT, language="en")
    frame(window, told, 0.1)
    assert window.current.detail.run.task_id == "0" * 32
    form.open()
    assert parts.kwargs.text == ""


def test_a_refusal_is_told_in_the_form_and_can_be_overruled_where_that_makes_sense(
    window, form, parts, session
) -> None:
    session.error = NOBODY
    form.open()
    parts.name.set_name("m:f")
    form.submit()
    assert form.isVisible()
    assert parts.refusal.words.startswith("No worker listens\nNobody takes tasks.\nStart a worker")
    assert parts.refusal.isVisible()
    assert parts.run.isEnabled()
    parts.refusal.force_button.click()
    assert [asked[-1] for asked in session.calls] == [False, True]
    assert not form.isVisible()
    session.error = UserFacingError(
        "The task is too large", "it has 3 MB.", "Pass it by reference."
    )
    form.open()
    parts.name.set_name("m:f")
    assert not parts.refusal.isVisible()
    form.submit()
    assert not parts.refusal.force_button.isVisible()
    parts.args.set_text("[1]")
    assert not parts.refusal.isVisible()


class Slow(FakeSession):
    """Answers only when it is let go on."""

    async def enqueue(self, *args, **more):
        await _Turn()
        return await super().enqueue(*args, **more)


class _Turn:
    def __await__(self):
        yield


def _finish(work) -> None:
    with pytest.raises(StopIteration):
        work.send(None)


@pytest.fixture
def slow(qtbot: QtBot, told, monkeypatch: pytest.MonkeyPatch):
    works = []

    def start(_name, work) -> None:
        work.send(None)
        works.append(work)

    monkeypatch.setattr("tests.ui.window_builder.start_at_once", start)
    window = make_window(qtbot, told, (TasksPage, OverviewPage), Slow())
    yield window, works
    for work in works:
        work.close()


def test_a_task_is_enqueued_once_however_often_run_is_pressed(slow) -> None:
    window, works = slow
    form = window.run_form
    form.open()
    form.parts.name.set_name("m:f")
    form.submit()
    assert form.parts.run.text() == "Enqueuing…"
    assert not form.parts.run.isEnabled()
    form.submit()
    assert len(works) == 1
    _finish(works[0])
    assert len(window.session.calls) == 1
    assert form.parts.run.text() == "Run"


def test_what_becomes_of_it_is_told_also_when_the_form_was_closed_meanwhile(slow) -> None:
    window, works = slow
    form = window.run_form
    form.open()
    form.parts.name.set_name("m:f")
    form.submit()
    form.cancel()
    form.open(window.session.state.runs.get(FAILED))
    window.session.error = NOBODY
    _finish(works[0])
    assert window.notifications.shown[-1].title == "No worker listens"
    assert not form.parts.refusal.isVisible()
    assert form.isVisible()


# Editing a run


def test_a_run_is_edited_and_enqueued_as_a_re_run_of_it(
    qtbot: QtBot, window, form, parts, session
) -> None:
    _select(window.current, 0)
    window.current.table.setFocus()
    qtbot.keyClick(window.current.table, Qt.Key.Key_E)
    assert form.isVisible()
    assert parts.title.text() == "Edit and re-run"
    assert f"marked as a re-run of {FAILED[:8]}" in parts.about.text()
    assert parts.name.name == EXTRACT
    assert parts.args.text == ""
    assert parts.kwargs.text == '{\n  "language": "uk",\n  "ids": [1, 2.0]\n}'
    assert parts.kwargs.editor.hasFocus()
    parts.kwargs.set_text(parts.kwargs.text.replace("uk", "en"))
    form.submit()
    wanted = (EXTRACT, b"[]", b'{"language":"en","ids":[1,2.0]}', {}, FAILED, False)
    assert session.calls == [wanted]


def test_the_button_beside_the_run_opens_the_form_too(window, form) -> None:
    window.current.navigate(ShowRun(FAILED))
    window.current.detail.header.edit_button.click()
    assert form.draft.rerun_of == FAILED


def test_labels_of_the_run_are_there_with_their_types(told, form, parts) -> None:
    labels = {"priority": "5", "urgent": "True", "note": "7", "rerun_of": "x", "task_name": "old"}
    types = {"priority": 2, "urgent": 5, "note": 3}
    told.state.fold([_task("d" * 32, labels=labels, labels_types=types)])
    form.open(told.state.runs.get("d" * 32))
    assert json.loads(parts.labels.text) == {"priority": 5, "urgent": True, "note": "7"}


def test_a_run_whose_arguments_were_never_seen_can_be_given_some(told, form, parts) -> None:
    told.started("c" * 32)
    form.open(told.state.runs.get("c" * 32))
    assert "never seen" in parts.about.text()
    assert parts.args.text == parts.kwargs.text == ""


def _task(task_id, **fields):
    from pulse_desktop.protocol.inbound import InboundMessage, Source

    body = {"task_id": task_id, "task_name": "m:f", "args": [], "kwargs": {}, **fields}
    return InboundMessage(Source.TASK, "taskiq_tasks", json.dumps(body).encode(), 1.0)


def test_several_selected_runs_are_not_edited_at_once(qtbot: QtBot, window, form) -> None:
    _select(window.current, 0, 1)
    window.current.table.setFocus()
    qtbot.keyClick(window.current.table, Qt.Key.Key_E)
    assert not form.isVisible()


def test_arguments_as_large_as_a_message_may_be_open_at_once(told, form, parts) -> None:
    told.task("b" * 32, "m:f", ["x" * 900_000])
    began = time.process_time()
    form.open(told.state.runs.get("b" * 32))
    QApplication.processEvents()
    assert time.process_time() - began < 20.0  # a minute when broken at words
    assert len(parts.args.source()) == 900_004


# Around the form


def test_esc_closes_it_also_with_the_keyboard_elsewhere(qtbot: QtBot, window, form) -> None:
    form.open()
    window.top_bar.run.setFocus()
    qtbot.keyClick(window.top_bar.run, Qt.Key.Key_Escape)
    assert not form.isVisible()


def test_a_notice_stands_beside_the_form_and_above_every_page(window, form) -> None:
    form.open()
    window.notify(Notification("The server is gone", severity="bad"))
    window.show_page("overview")
    (card,) = window.notifications.cards
    assert card.geometry().right() < form.geometry().left()
    assert card.isAncestorOf(window.childAt(card.mapTo(window, card.rect().center())))


def test_a_wide_window_has_room_for_page_and_form(window, form) -> None:
    window.resize(1920, 1000)
    form.open()
    page = window.current
    assert page.geometry().right() < form.geometry().left()
    page.navigate(ShowRun(FAILED))
    assert window.width() == 1920
    form.cancel()
    QApplication.processEvents()
    assert page.width() == window._stack.width()


# By keyboard, for everybody


def test_tab_goes_through_the_form_from_the_top(qtbot: QtBot, form, parts) -> None:
    form.open()
    parts.name.set_name("m:f")
    parts.name.completions.hide()
    passed = []
    for _ in range(6):
        focused = QApplication.focusWidget()
        passed.append(focused)
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert passed == [
        parts.name,
        parts.args.editor,
        parts.kwargs.editor,
        parts.fold,
        parts.cancel,
        parts.run,
    ]


def test_every_control_of_the_form_has_a_name(form, parts, session) -> None:
    session.error = NOBODY
    form.open()
    parts.name.set_name("m:f")
    parts.fold.click()
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


def test_the_theme_changes_while_the_form_is_open(window, form, parts) -> None:
    form.open()
    point = form.mapTo(window, form.rect().center())
    window.use_light_theme()
    light = window.grab().toImage().pixelColor(point)
    window.use_dark_theme()
    dark = window.grab().toImage().pixelColor(point)
    assert light.lightness() > 200 > 60 > dark.lightness()
