"""The filter bar: what it asks of the page while a query is typed."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from pulse_desktop.query.completion import Completion, CompletionItem
from pulse_desktop.query.errors import QueryError
from pulse_desktop.ui.page.filter_bar import FilterBar


def test_a_key_is_completed_once_also_while_the_text_is_no_query(qtbot: QtBot) -> None:
    bar, asked = FilterBar([], hint="Filter"), list[tuple[str, int]]()
    qtbot.addWidget(bar)

    def complete(text: str, cursor: int) -> Completion:
        asked.append((text, cursor))
        return Completion(0, cursor, (CompletionItem("state:", "state", "field", None),))

    bar.use_query(lambda text: QueryError("unfinished", 0, len(text)), complete)
    bar.show()
    bar.focus_text()
    qtbot.waitUntil(bar.text_field.hasFocus)
    qtbot.keyClicks(bar.text_field, "st")
    assert asked == [("s", 1), ("st", 2)]
    qtbot.keyClick(bar.text_field, Qt.Key.Key_Left)
    assert asked[2:] == [("st", 1)]
    bar.completer.complete_anew()
    assert asked[3:] == [("st", 1)]
