"""The query field of a page: validity at each key, completion, and the filter in force."""

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QListView
from pytestqt.qtbot import QtBot

from pulse_desktop.model.time_range import fixed
from pulse_desktop.query import quote
from pulse_desktop.ui.page.filter_bar import DEBOUNCE_MS
from pulse_desktop.ui.pages.tasks.runs_page import RunsPage
from pulse_desktop.ui.query import value_counts
from pulse_desktop.ui.query.query_field import Validity
from pulse_desktop.ui.rows import time_slice
from tests.kit.state_builder import NOW
from tests.ui.page_harness import PageHarness
from tests.ui.query.conftest import EXTRACT, SCORE


def ids(page: RunsPage) -> list[int]:
    """Return the numbers of the runs that are shown, the oldest first."""
    return sorted(int(run.task_id, 16) for run in page.table.rows_model.row_objects())


def type_query(qtbot: QtBot, page: RunsPage, text: str) -> None:
    """Type a query instead of the present one, without Enter."""
    page.filter_bar.focus_text()
    if page.filter_bar.text_field.text():
        qtbot.keyClick(page.filter_bar.text_field, Qt.Key.Key_Delete)
    qtbot.keyClicks(page.filter_bar.text_field, text)


def validity(page: RunsPage) -> Validity:
    return page.filter_bar.text_field.validity


def is_open(page: RunsPage) -> bool:
    """Return whether the suggestions are shown."""
    return page.filter_bar.completer.is_open


def press(qtbot: QtBot, page: RunsPage, key: Qt.Key) -> None:
    qtbot.keyClick(page.filter_bar.text_field, key)


def suggestions(page: RunsPage) -> dict[str, int | None]:
    return {item.insert: item.count for item in page.filter_bar.completer.items}


def test_what_a_row_shows_can_be_typed(qtbot: QtBot, page: RunsPage) -> None:
    type_query(qtbot, page, 'language="uk" ran>1s')
    press(qtbot, page, Qt.Key.Key_Return)
    assert ids(page) == [6, 9]
    assert page.filter_bar.row_count_text == "2 of 12 runs"
    assert validity(page) is Validity.VALID


def test_a_query_is_applied_after_a_pause_in_typing(qtbot: QtBot, page: RunsPage) -> None:
    type_query(qtbot, page, "attempt:1 error:3")
    qtbot.waitUntil(lambda: ids(page) == [3], timeout=20 * DEBOUNCE_MS)


def test_an_error_is_shown_in_words_and_at_its_position(qtbot: QtBot, page: RunsPage) -> None:
    field, completer = page.filter_bar.text_field, page.filter_bar.completer
    type_query(qtbot, page, "state:fail")
    press(qtbot, page, Qt.Key.Key_Escape)
    assert validity(page) is Validity.INVALID
    assert field.problem is not None
    assert (field.problem.start, field.problem.end) == (6, 10)
    assert field.accessibleDescription() == field.problem.message
    span = field.error_span()
    assert span is not None
    before = field.fontMetrics().horizontalAdvance("state:")
    width = field.fontMetrics().horizontalAdvance("fail")
    assert span[1] - span[0] == pytest.approx(width, abs=1)
    cursor = field.cursorRect().center().x()
    assert abs(span[1] - cursor) <= 1  # the cursor is behind the last letter
    assert span[0] > before
    qtbot.keyClicks(field, "ed")
    assert validity(page) is Validity.VALID
    assert field.error_span() is None
    type_query(qtbot, page, "state:nothing")
    assert "nothing" in completer.popup.problem_text
    assert validity(page) is Validity.INVALID
    type_query(qtbot, page, "state:nothing ta")
    assert completer.items
    assert "nothing" in completer.popup.problem_text
    assert field.error_span() is not None


def test_what_suggestions_continue_is_no_error_until_they_are_closed(
    qtbot: QtBot, page: RunsPage
) -> None:
    field, completer = page.filter_bar.text_field, page.filter_bar.completer
    texts = ("state", "state:", "state:f", "state:fail", "state=", "task:a state:f")
    for text in texts:
        type_query(qtbot, page, text)
        assert completer.items, text
        assert (validity(page) is Validity.INVALID, field.error_span()) == (False, None), text
        assert field.property("validity") != "invalid"
        assert (field.accessibleDescription(), completer.popup.problem_text) == ("", "")
    assert field.problem is not None
    press(qtbot, page, Qt.Key.Key_Escape)
    assert validity(page) is Validity.INVALID
    assert field.error_span() is not None
    completer.open()
    assert field.error_span() is None
    field.setCursorPosition(0)  # before what is wrong, suggestions do not continue it
    completer.close()
    assert field.error_span() is not None


def test_the_last_valid_query_stays_in_force_and_the_count_says_so(
    qtbot: QtBot, page: RunsPage
) -> None:
    type_query(qtbot, page, "state:failed")
    press(qtbot, page, Qt.Key.Key_Return)
    assert ids(page) == [0, 1, 2, 3]
    type_query(qtbot, page, "state:failed (")
    press(qtbot, page, Qt.Key.Key_Return)
    assert ids(page) == [0, 1, 2, 3]
    assert page.filter_bar.row_count_text == "4 of 12 runs, by the last valid filter"
    assert page.filter_bar.text_field.hasFocus()  # Enter does not leave what is not valid
    press(qtbot, page, Qt.Key.Key_Backspace)
    assert page.filter_bar.row_count_text == "4 of 12 runs"  # at once, not when it is applied


@pytest.mark.parametrize("typed", ["args.language", "args.lang", "lang", "task:a args.lang"])
def test_the_name_of_a_field_is_no_filter_before_its_operator(
    qtbot: QtBot, page: RunsPage, typed: str
) -> None:
    field = page.filter_bar.text_field
    type_query(qtbot, page, typed)
    if not typed.endswith(".language"):
        press(qtbot, page, Qt.Key.Key_Tab)
    assert field.text().endswith("args.language")
    timer = page.filter_bar.findChild(QTimer, "filter debounce")
    assert isinstance(timer, QTimer)
    assert not timer.isActive()
    assert page.filter.query.text == ""
    assert validity(page) is Validity.EMPTY
    qtbot.keyClicks(field, "=uk")
    qtbot.waitUntil(lambda: page.filter.query.text.endswith("args.language=uk"))
    assert validity(page) is Validity.VALID
    assert ids(page)


def test_the_name_of_a_field_can_be_searched_for(qtbot: QtBot, page: RunsPage) -> None:
    type_query(qtbot, page, "args.language")
    press(qtbot, page, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.filter.query.text == "args.language")
    assert validity(page) is Validity.VALID


@pytest.mark.parametrize("rest", ["nt:", "x:", 'x"', " state:fialed"])
def test_a_word_that_was_becoming_a_field_is_not_kept_behind_an_error(
    qtbot: QtBot, page: RunsPage, rest: str
) -> None:
    field, is_word = page.filter_bar.text_field, rest.startswith(" ")
    type_query(qtbot, page, "task:extract")
    press(qtbot, page, Qt.Key.Key_Return)
    of_task = ids(page)
    assert len(of_task) == 6
    page.filter_bar.focus_text()
    press(qtbot, page, Qt.Key.Key_End)
    qtbot.keyClicks(field, " tena" if not is_word else " pl")
    qtbot.waitUntil(lambda: ids(page) != of_task)  # it is a filter after a pause
    in_force = ids(page)
    qtbot.keyClicks(field, rest)
    expected = in_force if is_word else of_task
    told = f"{len(expected)} of 12 runs, by the last valid filter"
    qtbot.waitUntil(lambda: page.filter_bar.row_count_text == told)
    assert ids(page) == expected


@pytest.mark.parametrize("finish", [Qt.Key.Key_Return, Qt.Key.Key_Space])
def test_a_word_that_was_finished_is_kept_behind_an_error(
    qtbot: QtBot, page: RunsPage, finish: Qt.Key
) -> None:
    type_query(qtbot, page, "uk")
    qtbot.waitUntil(lambda: ids(page) == [0, 3, 6, 9])
    press(qtbot, page, finish)
    page.filter_bar.text_field.setFocus()
    press(qtbot, page, Qt.Key.Key_End)
    qtbot.keyClicks(page.filter_bar.text_field, " (")
    told = "4 of 12 runs, by the last valid filter"
    qtbot.waitUntil(lambda: page.filter_bar.row_count_text == told)
    assert ids(page) == [0, 3, 6, 9]


def test_the_field_gets_back_the_room_of_a_long_count(qtbot: QtBot, page: RunsPage) -> None:
    field, widths = page.filter_bar.text_field, [page.filter_bar.text_field.width()]
    assert page.filter_bar.row_count_text == "12 runs"
    for query in ("state:failed", "state:failed ("):
        page.filter_bar.set_filter(text=query)
        qtbot.waitUntil(lambda: field.width() < widths[-1])
        widths.append(field.width())
    page.filter_bar.set_filter(text="state:failed")
    qtbot.waitUntil(lambda: field.width() == widths[1])


def test_a_chip_counts_on_while_the_text_is_not_valid(qtbot: QtBot, page: RunsPage) -> None:
    type_query(qtbot, page, "state:failed")
    press(qtbot, page, Qt.Key.Key_Return)
    type_query(qtbot, page, '"')
    press(qtbot, page, Qt.Key.Key_Return)
    page.filter_bar.chips["succeeded"].click()
    assert ids(page) == []
    page.filter_bar.chips["failed"].click()
    assert ids(page) == [0, 1, 2, 3]


def test_the_error_is_under_the_field_when_it_is_left(qtbot: QtBot, page: RunsPage) -> None:
    notice = page.filter_bar.notice
    type_query(qtbot, page, "ran>later")
    assert notice.problem_text == ""
    page.table.setFocus()
    assert "later" in notice.problem_text
    assert not is_open(page)
    page.filter_bar.clear()
    assert notice.problem_text == ""
    assert notice.isHidden()


def test_completion_goes_from_field_to_operator_to_values_with_counts(
    qtbot: QtBot, page: RunsPage
) -> None:
    field = page.filter_bar.text_field
    type_query(qtbot, page, "sta")
    assert next(iter(suggestions(page))) == "state"
    press(qtbot, page, Qt.Key.Key_Tab)
    assert field.text() == "state"
    assert next(iter(suggestions(page))) == ":"
    press(qtbot, page, Qt.Key.Key_Tab)
    assert field.text() == "state:"
    assert suggestions(page) == {"succeeded": 8, "failed": 4}
    press(qtbot, page, Qt.Key.Key_Down)
    press(qtbot, page, Qt.Key.Key_Down)
    press(qtbot, page, Qt.Key.Key_Return)
    assert field.text() == "state:failed"
    assert ids(page) == [0, 1, 2, 3]
    assert not is_open(page)


def test_argument_names_and_values_are_completed(qtbot: QtBot, page: RunsPage) -> None:
    field = page.filter_bar.text_field
    type_query(qtbot, page, "lang")
    press(qtbot, page, Qt.Key.Key_Tab)
    assert field.text() == "args.language"
    qtbot.keyClicks(field, "=")
    assert suggestions(page) == {"pl": 8, "uk": 4}


def test_values_and_names_follow_the_rest_of_the_query(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    harness.builder.task("e" * 32, "app.other:thing", [1], NOW - 5, language="cs", channel="x")
    harness.update(page)
    field = page.filter_bar.text_field
    type_query(qtbot, page, "task:score language=")
    assert list(suggestions(page).items()) == [("pl", 4), ("uk", 2), ("cs", None)]
    type_query(qtbot, page, "task:score state:")
    assert suggestions(page) == {"succeeded": 4, "failed": 2, "queued": None}
    type_query(qtbot, page, "task:score args.")
    assert list(suggestions(page).items()) == [("args.language", 6), ("args.channel", None)]
    type_query(qtbot, page, "task:score lang")
    assert suggestions(page) == {"args.language": 6}
    type_query(qtbot, page, "task:other c")
    assert suggestions(page)["args.channel"] == 1
    type_query(qtbot, page, "task:score or language=")  # "or" restricts nothing
    assert suggestions(page) == {"pl": 8, "uk": 4, "cs": 1}
    type_query(qtbot, page, "ran>zz language=")  # nor does what is not valid
    assert suggestions(page) == {"pl": 8, "uk": 4, "cs": 1}
    type_query(qtbot, page, "language= state:failed task:score")
    field.setCursorPosition(len("language="))
    page.filter_bar.completer.open()
    assert suggestions(page) == {"pl": 1, "uk": 1, "cs": None}
    type_query(qtbot, page, "-task:score language=s")  # what matches precedes what begins so
    assert list(suggestions(page).items()) == [("cs", 1)]
    type_query(qtbot, page, 'task:score "nothing of this" language=')
    assert suggestions(page) == {"pl": None, "uk": None, "cs": None}


def test_a_value_that_matches_precedes_one_that_begins_as_typed(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    for number, name in enumerate(("app.prices:load", "app.spare:part")):
        harness.builder.task(f"{number + 100:032x}", name, [1], NOW - 5, language="p" * number)
    harness.update(page)
    type_query(qtbot, page, 'language="p" task:p')
    offered = [(item.label, item.count) for item in page.filter_bar.completer.items]
    assert offered[0] == ("app.spare:part", 1)
    assert ("app.prices:load", None) in offered


def test_values_follow_the_checked_facets_and_the_time_range(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    page.filter_bar.set_filter(("failed",))
    type_query(qtbot, page, "task:")
    assert suggestions(page) == {quote(EXTRACT): 2, quote(SCORE): 2}
    type_query(qtbot, page, "task:score language=")
    assert suggestions(page) == {"pl": 1, "uk": 1}
    page.filter_bar.set_filter()
    page.context.time.set_range(fixed(NOW - 60, NOW - 57.5))  # the first three
    page.on_time_range(page.now)
    harness.update(page)
    type_query(qtbot, page, "language=")
    assert suggestions(page) == {"pl": 2, "uk": 1}
    type_query(qtbot, page, "state:")
    assert suggestions(page) == {"failed": 3, "succeeded": None}
    type_query(qtbot, page, f'task="{EXTRACT}" language=')
    assert suggestions(page) == {"pl": 1, "uk": None}


def test_values_of_rare_rows_are_found_while_keys_are_handled(
    qtbot: QtBot, page: RunsPage, harness: PageHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(600):
        harness.builder.task(
            f"{number + 1000:032x}", "app.other:thing", [1], NOW - 5, language="cs"
        )
    harness.update(page)
    monkeypatch.setattr(time_slice, "SLICE_S", 0.0)  # a row at a time
    type_query(qtbot, page, "ran>1s language=")
    assert "pl" not in suggestions(page)
    qtbot.waitUntil(lambda: suggestions(page) == {"pl": 5, "uk": 2, "cs": None}, timeout=20_000)
    press(qtbot, page, Qt.Key.Key_Escape)
    counting = page.findChild(QTimer, "count values of a field")
    assert counting is not None
    assert not counting.isActive()


def test_counts_stay_while_they_are_counted_anew(
    qtbot: QtBot, page: RunsPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    type_query(qtbot, page, "task:score language=")
    counted = suggestions(page)
    assert counted == {"pl": 4, "uk": 2}
    monkeypatch.setattr(time_slice, "SLICE_S", 0.0)  # a row at a time
    monkeypatch.setattr(value_counts, "_KEPT_S", -1.0)
    page.filter_bar.completer.complete_anew()
    assert suggestions(page) == counted


def test_whole_objects_and_rows_are_no_values_to_choose_from(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    harness.builder.labelled("a" * 32, {"mailbox": "post", "tenant": "acme"})
    harness.update(page)
    type_query(qtbot, page, "la")
    offered = suggestions(page)
    assert next(iter(offered)) == "label"
    assert offered["label.mailbox"] == 1
    press(qtbot, page, Qt.Key.Key_Tab)
    assert ">" not in suggestions(page)
    assert "label:" in suggestions(page)
    for query in ("label:", "args=", "text:"):
        type_query(qtbot, page, query)
        assert suggestions(page) == {}
    type_query(qtbot, page, "label.mailbox:")
    assert suggestions(page) == {"post": 1}


@pytest.mark.parametrize("text", ['args."a\\q":', 'x label."\\ud800\\z".b=1', 'args."\\ud800":'])
def test_odd_names_are_checked_at_each_key(qtbot: QtBot, page: RunsPage, text: str) -> None:
    type_query(qtbot, page, text)
    press(qtbot, page, Qt.Key.Key_Escape)
    assert validity(page) is Validity.INVALID
    span = page.filter_bar.text_field.error_span()
    assert span is not None
    assert span[0] < span[1]


def test_a_query_with_emoji_is_completed_at_the_cursor(qtbot: QtBot, page: RunsPage) -> None:
    field = page.filter_bar.text_field
    page.filter_bar.focus_text()
    field.setText('"😀😀😀" ')  # a test cannot type these
    before = field.cursorPosition()
    qtbot.keyClicks(field, "sta x")
    field.setCursorPosition(before + 3)
    page.filter_bar.completer.open()
    assert next(iter(suggestions(page))) == "state"
    press(qtbot, page, Qt.Key.Key_Tab)
    assert field.text() == '"😀😀😀" state x'
    assert (field.cursorPosition(), field.text_cursor) == (before + 5, 6 + 5)
    field.setText('"😀😀😀" ran:zz')
    press(qtbot, page, Qt.Key.Key_Escape)
    span = field.error_span()
    assert span is not None
    assert span[1] == pytest.approx(field.cursorRect().center().x(), abs=2)  # it is at the end
    assert span[1] - span[0] == pytest.approx(field.fontMetrics().horizontalAdvance("zz"), abs=3)


def test_keys_of_the_suggestions(qtbot: QtBot, page: RunsPage) -> None:
    completer, field = page.filter_bar.completer, page.filter_bar.text_field
    type_query(qtbot, page, "state:")
    press(qtbot, page, Qt.Key.Key_Up)
    assert completer.popup.current is not None
    assert completer.popup.current.insert == "failed"
    press(qtbot, page, Qt.Key.Key_Escape)
    assert not is_open(page)
    assert field.hasFocus()
    assert "value is missing" in page.filter_bar.notice.problem_text
    qtbot.keyClick(field, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    assert is_open(page)
    assert page.filter_bar.notice.isHidden()
    page.table.setFocus()
    assert not is_open(page)


def test_suggestions_never_take_the_focus_and_can_be_clicked(qtbot: QtBot, page: RunsPage) -> None:
    popup, field = page.filter_bar.completer.popup, page.filter_bar.text_field
    type_query(qtbot, page, "state:")
    assert popup.isVisible()
    assert field.hasFocus()
    view = popup.findChild(QListView)
    assert view is not None
    second = view.visualRect(view.model().index(1, 0)).center()
    assert view.accessibleName()
    index = view.model().index(0, 0)
    spoken = view.model().data(index, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "succeeded, value, 8"
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=second)
    assert field.text() == "state:failed"
    assert field.hasFocus()
    assert QAccessible.queryAccessibleInterface(field).text(QAccessible.Text.Name)


def test_a_word_that_may_become_a_field_is_not_applied_at_once(
    qtbot: QtBot, page: RunsPage
) -> None:
    type_query(qtbot, page, "state")
    assert page.filter_bar.completer.expects_more
    qtbot.keyClicks(page.filter_bar.text_field, ":failed")
    assert len(ids(page)) == 12  # not filtered by "state" meanwhile
    press(qtbot, page, Qt.Key.Key_Return)
    assert ids(page) == [0, 1, 2, 3]


def test_facets_count_what_matches_the_query(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    def counts() -> tuple[str, str]:
        chips = page.filter_bar.chips
        return chips["failed"].count, chips["succeeded"].count

    assert counts() == ("4", "8")
    page.filter_bar.set_filter(("failed",), "language=uk")
    qtbot.waitUntil(lambda: counts() == ("2", "2"))  # whatever chips are checked
    harness.builder.task("f" * 32, language="uk")
    harness.builder.failed("f" * 32)
    harness.update(page)
    page.filter.facets.counted.emit()
    assert counts() == ("3", "2")
    page.filter_bar.clear()
    harness.update(page)
    assert counts() == ("5", "8")


def test_a_query_that_depends_on_the_time_follows_it(
    qtbot: QtBot, page: RunsPage, harness: PageHarness
) -> None:
    page.filter_bar.set_filter(text="seen:1m")
    now = page.now
    assert len(ids(page)) == 12
    harness.update(page, now + 6)
    qtbot.waitUntil(lambda: ids(page) == [5, 6, 7, 8, 9, 10, 11])
    harness.update(page, now + 120)
    qtbot.waitUntil(lambda: ids(page) == [])


def test_the_wrong_part_is_removed_by_a_key_or_a_click(qtbot: QtBot, page: RunsPage) -> None:
    field, notice = page.filter_bar.text_field, page.filter_bar.notice
    type_query(qtbot, page, "language=uk and ran>fast")
    assert "Alt+Delete" in page.filter_bar.completer.popup.problem_text
    qtbot.keyClick(field, Qt.Key.Key_Delete, Qt.KeyboardModifier.AltModifier)
    assert (field.text(), validity(page), is_open(page)) == ("language=uk", Validity.VALID, False)
    field.undo()
    assert field.text() == "language=uk and ran>fast"
    press(qtbot, page, Qt.Key.Key_Escape)
    assert notice.remove_button.isVisible()
    notice.remove_button.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(notice.remove_button, Qt.Key.Key_Space)
    assert (field.text(), field.hasFocus()) == ("language=uk", True)
    assert not notice.isVisible()
    qtbot.waitUntil(lambda: page.filter.query.text == "language=uk")
