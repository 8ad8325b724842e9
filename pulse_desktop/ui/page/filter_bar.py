"""The filter bar above a table: query, facets with counts, number of matching rows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.query.completion import Completion, ends_in_word
from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.query_repair import without_error
from pulse_desktop.text import formats
from pulse_desktop.ui.page.facet import Facet
from pulse_desktop.ui.page.filter_chips import FilterChips
from pulse_desktop.ui.query.completer import Completing, QueryCompleter
from pulse_desktop.ui.query.query_field import QueryField
from pulse_desktop.ui.query.query_notice import QueryNotice
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.filter_chip import FilterChip

DEBOUNCE_MS: Final = 50
"""Pause in typing after which the filter is applied."""
UNFINISHED_MS: Final = 600
"""The same while a word may become the name of a field: `sta` is hardly a filter by `sta`."""
_GAP: Final = 10
_MIN_TEXT_WIDTH: Final = 300
_QWIDGETSIZE_MAX: Final = 16_777_215
"""Qt's constant for no maximum width; the type stubs of PySide6 lack it."""
_ROW_COUNT_WIDTH: Final = 170
"""Reserved for the row count: facets beside it must not move when it becomes longer."""
_COMPACT_BELOW: Final = 900
"""Width of the bar below which its buttons show no words."""
_ROW_COUNT_PADDING: Final = 6
"""Extra width of the row count, for fonts whose digits differ in width."""


def _accept_any(_text: str) -> QueryError | None:
    return None


def _complete_nothing(_text: str, cursor: int) -> Completion:
    return Completion(cursor, cursor, ())


class SizedButton(QPushButton):
    """A button that can do without its words."""

    def set_compact(self, *, compact: bool) -> None:
        """Show the icon alone, or words beside it."""


class FilterBar(QWidget):
    """Query, facets and row count. The page applies the filter.

    The query field has the same position on every page. The facets are beside it, or in lines of
    their own below it if they do not fit.

    Attributes:
        text_field: the query.
        completer: suggests what can be typed in it.
        notice: the line below it.

    Signals:
        changed: facets or text changed.
        submitted: Enter was pressed in the query field.
        validity_changed: the text has become a valid query, or is none any more.
        settled: the word at the cursor may be finished, see `is_in_word`.
    """

    changed = Signal()
    submitted = Signal()
    validity_changed = Signal()
    settled = Signal()

    def __init__(
        self,
        facets: Sequence[Facet],
        *,
        hint: str,
        format_count: Callable[[int], str] = formats.short_count,
    ) -> None:
        """Create a bar.

        Args:
            facets: categories of rows, each a filter chip; `add_facet` adds more.
            hint: what the query searches, such as "Filter by author, text or source".
            format_count: formats the count of a facet.
        """
        super().__init__()
        self._facets_beside = False
        self._is_typing = False
        self._is_waiting = False  # for the operator behind the name of a field
        self._check: Callable[[str], QueryError | None] = _accept_any
        self._complete: Completing = _complete_nothing
        self._chip_row = FilterChips(format_count)
        self._before: list[QWidget] = []
        self._after: list[SizedButton] = []
        self.text_field = QueryField(hint)
        self.completer = QueryCompleter(self.text_field, self._completion_of)
        self.notice = QueryNotice()
        self._row_count = Label()
        self._row_count.setProperty("role", "muted")
        self._debounce_timer = QTimer(self)
        self._debounce_timer.setObjectName("filter debounce")
        self._debounce_timer.setSingleShot(True)
        self._layout, self._first_line = QVBoxLayout(self), QHBoxLayout()
        self._lay_out()
        self._connect()
        for facet in facets:
            self.add_facet(facet)

    def _lay_out(self) -> None:
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._first_line.setSpacing(_GAP)
        self._first_line.addWidget(self.text_field, 1)
        self._first_line.addWidget(self._row_count)
        middle = Qt.AlignmentFlag.AlignVCenter
        self._row_count.setAlignment(Qt.AlignmentFlag.AlignRight | middle)
        self._layout.addLayout(self._first_line)
        self._layout.addWidget(self.notice)
        self._layout.addWidget(self._chip_row)
        # Keeps the query field at the top while the page adapts to fewer lines of facets.
        self._layout.addStretch(1)
        self._chip_row.hide()

    def _connect(self) -> None:
        self._debounce_timer.timeout.connect(self.changed)
        self.text_field.textChanged.connect(lambda _text: self._on_text_changed())
        self.text_field.textEdited.connect(lambda _text: self._set_typing(is_typing=True))
        self.text_field.editingFinished.connect(lambda: self._set_typing(is_typing=False))
        self.text_field.cursorPositionChanged.connect(lambda *_: self.completer.update())
        self.completer.applied.connect(self._on_applied)
        self.completer.open_changed.connect(self._on_suggestions)
        self.notice.remove_requested.connect(self.remove_wrong_part)
        remove = QShortcut(QKeySequence("Alt+Del"), self.text_field)
        remove.setContext(Qt.ShortcutContext.WidgetShortcut)
        remove.activated.connect(self.remove_wrong_part)
        self._chip_row.changed.connect(self.changed)
        self._chip_row.width_changed.connect(self._fit)
        theme().changed.connect(self._fit_row_count)

    def use_query(self, check: Callable[[str], QueryError | None], complete: Completing) -> None:
        """Check and complete what is typed.

        Args:
            check: returns why a text is not a valid query, None if it is.
            complete: returns the completion of a text at the index of its cursor.
        """
        self._check, self._complete = check, complete

    def add_after(self, button: SizedButton) -> None:
        """Add a button to the right of the row count; it is compact where there is little room."""
        self._first_line.addWidget(button)
        self._after.append(button)

    def add_before(self, widget: QWidget) -> None:
        """Add a widget to the left of the query field."""
        self._first_line.insertWidget(len(self._before), widget)
        self._before.append(widget)

    # Reading

    @property
    def text(self) -> str:
        """The text typed, without surrounding spaces."""
        return self.text_field.text().strip()

    @property
    def is_valid(self) -> bool:
        """Whether the text is a valid query."""
        return self.text_field.problem is None

    @property
    def is_in_word(self) -> bool:
        """Whether a word is being typed that may become the name of a field."""
        field = self.text_field
        return self._is_typing and ends_in_word(field.text(), field.text_cursor)

    @property
    def checked_facets(self) -> frozenset[str]:
        """Keys of the checked facets."""
        return self._chip_row.checked

    @property
    def chips(self) -> Mapping[str, FilterChip]:
        """The chips by facet key."""
        return self._chip_row.by_key

    @property
    def active(self) -> bool:
        """Whether the filter may exclude rows."""
        return bool(self.text or self.checked_facets)

    @property
    def row_count_text(self) -> str:
        """The row count as shown."""
        return self._row_count.text()

    # Writing

    def add_facet(self, facet: Facet, before: str = "") -> None:
        """Add a facet before another one, given by its key, or at the end."""
        self._chip_row.add_facet(facet, before)

    def set_counts(
        self, counts: Mapping[str, int], *, known: bool = True, stale: bool = False
    ) -> None:
        """Show the number of rows of each facet, by key.

        Args:
            counts: numbers of rows.
            known: whether they are known; otherwise none is shown.
            stale: whether they may have changed since: they are shown without a color.
        """
        self._chip_row.set_counts(counts, known=known, stale=stale)

    def set_counts_stale(self) -> None:
        """Show that the counts are being counted anew."""
        self._chip_row.set_stale()

    def set_row_count_text(self, text: str) -> None:
        """Show the number of matching rows, such as "12 of 1,204 runs"."""
        if text != self._row_count.text():
            length_changed = len(text) != len(self._row_count.text())
            self._row_count.setText(text)
            if length_changed:
                self._fit_row_count()

    def set_filter(self, facets: Iterable[str] = (), text: str = "") -> None:
        """Check only these facets and set the text.

        Args:
            facets: keys of the facets.
            text: the query.
        """
        with QSignalBlocker(self):
            self._is_typing = False
            self.text_field.setText(text)
            self._debounce_timer.stop()
            self._is_waiting = False
        self._chip_row.set_checked(facets)
        self.changed.emit()

    def clear(self) -> bool:
        """Clear the filter; return whether it was active."""
        if not self.active:
            return False
        self.set_filter()
        return True

    def focus_text(self) -> None:
        """Give the keyboard focus to the query field."""
        self.text_field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.text_field.selectAll()

    def check_again(self) -> None:
        """Check the text anew, because what it can refer to has changed."""
        was_valid = self.is_valid
        self.text_field.set_problem(self._check(self.text_field.text()))
        self._show_problem()
        if self.is_valid != was_valid:
            self.validity_changed.emit()

    # Query

    def remove_wrong_part(self) -> None:
        """Remove the part of the query that is wrong, and let the operator type on in its place."""
        problem = self.text_field.problem
        if problem is None:
            return
        text, cursor = without_error(self.text_field.text(), problem)
        self.text_field.selectAll()
        self.text_field.insert(text)  # which can be undone
        self.text_field.set_text_cursor(cursor)
        self.text_field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.completer.close()

    def _completion_of(self, text: str, cursor: int) -> Completion:
        return self._complete(text, cursor)

    def _on_text_changed(self) -> None:
        self.check_again()
        self.completer.update()
        self._apply_later()
        self.settled.emit()

    def _apply_later(self) -> None:
        """Apply the text after a pause; the name of a field alone when suggestions are closed."""
        self._is_waiting = self.completer.needs_operator
        if self._is_waiting:
            self._debounce_timer.stop()
            return
        expects_more = self.completer.expects_more
        self._debounce_timer.start(UNFINISHED_MS if expects_more else DEBOUNCE_MS)

    def _on_suggestions(self) -> None:
        self._show_problem()
        if self._is_waiting and not self.completer.is_open:
            self._apply_later()

    def _show_problem(self) -> None:
        """Say what is wrong under the field: with the suggestions while they are open."""
        problem = None if self.completer.is_open else self.text_field.problem
        self.notice.show_problem(problem.message if problem is not None else "")

    def _set_typing(self, *, is_typing: bool) -> None:
        self._is_typing = is_typing
        self.settled.emit()

    def _on_applied(self) -> None:
        self._set_typing(is_typing=False)
        if self._debounce_timer.isActive():
            self._debounce_timer.stop()
            self.changed.emit()
        if self.is_valid:
            self.submitted.emit()

    # Layout

    def _fit(self) -> None:
        """Put the facets beside the query field if they fit, else below it."""
        facets = self._chip_row.sizeHint().width()
        stale = self._chip_row.is_stale
        row_count = max(_ROW_COUNT_WIDTH, self._row_count.width() if stale else 0)
        needed = _MIN_TEXT_WIDTH + facets + row_count + 3 * _GAP
        needed += sum(widget.sizeHint().width() + _GAP for widget in self._before)
        for button in self._after:
            button.set_compact(compact=self.width() < _COMPACT_BELOW)
            needed += button.maximumWidth() + _GAP
        beside = needed <= self.width()
        if beside != self._facets_beside:
            self._facets_beside = beside
            self._layout.removeWidget(self._chip_row)
            self._first_line.removeWidget(self._chip_row)
            if beside:
                self._first_line.insertWidget(len(self._before) + 1, self._chip_row)
            else:
                self._layout.insertWidget(2, self._chip_row)
        self._chip_row.setMinimumWidth(facets if beside else 0)
        self._chip_row.setMaximumWidth(facets if beside else _QWIDGETSIZE_MAX)

    def _fit_row_count(self) -> None:
        # With a fixed size, a new text does not lay out the whole window in each frame.
        # The size hint of a label is never smaller than its fixed size.
        metrics = self._row_count.fontMetrics()
        width = metrics.horizontalAdvance(self._row_count.text()) + _ROW_COUNT_PADDING
        self._row_count.setFixedSize(width, metrics.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Move the facets beside or below the query field."""
        super().resizeEvent(event)
        self._fit()
