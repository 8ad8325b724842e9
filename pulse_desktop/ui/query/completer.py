"""Completion of a query field: the keys that choose a suggestion, and when suggestions are shown.

Tab takes the current suggestion, or the first; Enter applies the query, after taking a suggestion
that was reached by the arrow keys; Esc closes the suggestions.
"""

from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakMethod

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent

from pulse_desktop.query.completion import Completion, CompletionItem
from pulse_desktop.query.errors import QueryError
from pulse_desktop.text.translation import _
from pulse_desktop.ui.query.query_field import QueryField
from pulse_desktop.ui.query.suggestions import Suggestions, accessible_text
from pulse_desktop.ui.widgets.announcement import announce

_PAGE: Final = 9
_EMPTY: Final = Completion(0, 0, ())

Completing = Callable[[str, int], Completion]


class QueryCompleter(QObject):
    """Shows suggestions while a query is typed.

    Attributes:
        popup: the suggestions.

    Signals:
        applied: Enter was pressed: apply the query as it is.
        open_changed: the suggestions were opened or closed.
    """

    applied = Signal()
    open_changed = Signal()

    def __init__(self, field: QueryField, complete: Completing) -> None:
        """Complete the text of a field.

        Args:
            field: the field.
            complete: returns the completion of a text at the index of its cursor.
        """
        super().__init__(field)
        self._field = field
        self._complete = complete
        self._completion = _EMPTY
        self._completed: tuple[str, int] | None = None  # the text and cursor of the completion
        self._taken = ""  # the text with the name of a field that was taken from the suggestions
        self._wanted = False  # by the operator, who is typing or has asked for suggestions
        self.popup = Suggestions(field)
        is_continued = WeakMethod(self._is_continued)  # else a field that is gone keeps its page
        field.is_continued = lambda each: (asked := is_continued()) is not None and asked(each)
        needs = WeakMethod(self._needs_operator)
        field.needs_more = lambda: (asked := needs()) is not None and asked()
        field.destroyed.connect(self.popup.deleteLater)
        self.popup.chosen.connect(self._take)
        field.textEdited.connect(lambda _text: self._on_edited())
        field.installEventFilter(self)

    @property
    def is_open(self) -> bool:
        """Whether the suggestions, or an error in their place, are shown."""
        return not self.popup.isHidden()

    @property
    def items(self) -> Sequence[CompletionItem]:
        """The suggestions, none while they are hidden."""
        return self.popup.items if self.is_open else ()

    @property
    def expects_more(self) -> bool:
        """Whether the word at the cursor may become the name of a field: it is no query yet."""
        return any(item.kind in ("field", "operator") for item in self.items)

    @property
    def needs_operator(self) -> bool:
        """Whether the word at the cursor is meant to be the name of a field: no text to search for.

        It has been taken from the suggestions, or is one of a keyed field, `args.language`, while
        operators are offered.
        """
        return self._needs_operator()

    def _needs_operator(self) -> bool:
        if not any(item.kind == "operator" for item in self.items):
            return False
        text = self._field.text()
        words = text[: self._field.text_cursor].split()
        return text == self._taken or (bool(words) and "." in words[-1])

    def open(self) -> None:
        """Show what can be typed at the cursor."""
        self._wanted = True
        self.complete_anew()

    def close(self) -> None:
        """Hide the suggestions."""
        self._wanted = False
        self.update()

    def complete_anew(self) -> None:
        """Complete the text anew: what can be typed may be other than it was."""
        self._completed = None
        self.update()

    def update(self) -> None:
        """Complete the text as it is now, while suggestions are wanted."""
        was_open = self.is_open
        if not self._wanted or not self._field.hasFocus():
            self.popup.hide()
        else:
            completion, problem = self._complete_here(), self._field.problem
            if problem is not None and _continues(completion, problem):
                problem = None
            self.popup.show_items(
                completion.items, _with_key(problem.message) if problem is not None else ""
            )
        if self.is_open != was_open:
            self.open_changed.emit()
        self._field.show_validity()

    def _is_continued(self, problem: QueryError) -> bool:
        """Return whether suggestions that are shown, or are about to be, continue the text."""
        if not self._wanted or not self._field.hasFocus():
            return False
        return _continues(self._complete_here(), problem)

    def _complete_here(self) -> Completion:
        """Return the completion at the cursor; a key asks for it several times."""
        here = self._field.text(), self._field.text_cursor
        if here != self._completed:
            self._completion = self._complete(*here)
            self._completed = here
        return self._completion

    def _on_edited(self) -> None:
        # The field checks the text next and completes it then.
        self._wanted = True
        self._completed = None
        self.popup.forget_current()

    def _take(self, item: CompletionItem) -> None:
        """Insert a suggestion; go on with what follows a field or an operator."""
        field, completion = self._field, self._completion
        text = field.text()
        before, after = text[: completion.start], text[completion.end :]
        self._taken = f"{before}{item.insert}{after}" if item.kind == "field" else ""
        field.setText(f"{before}{item.insert}{after}")
        field.set_text_cursor(len(before) + len(item.insert))
        self.popup.forget_current()
        self._wanted = item.kind in ("field", "operator")
        self.update()

    def _move(self, rows: int) -> bool:
        if not self.items:
            return False
        current = self.popup.move_by(rows)
        if current is not None:
            announce(self._field, accessible_text(current))
        return True

    def _on_key(self, event: QKeyEvent) -> bool:
        """Handle a key; return whether the field must not see it."""
        control = Qt.KeyboardModifier.ControlModifier in event.modifiers()
        match event.key():
            case Qt.Key.Key_Space if control:
                self.open()
                return True
            case Qt.Key.Key_Down:
                if not self.items:
                    self.open()
                else:
                    self._move(1)
                return True
            case Qt.Key.Key_Up:
                return self._move(-1)
            case Qt.Key.Key_PageDown:
                return self._move(_PAGE)
            case Qt.Key.Key_PageUp:
                return self._move(-_PAGE)
            case Qt.Key.Key_Tab if self.items:
                self._take(self.popup.current or self.items[0])
                return True
            case Qt.Key.Key_Escape if self.is_open:
                self.close()
                return True
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._on_enter()
                return True
        return False

    def _on_enter(self) -> None:
        current = self.popup.current if self.items else None
        if current is not None:
            self._take(current)
            if self._field.problem is not None or self.needs_operator:
                return  # a field or operator alone is not a query yet
        self.close()
        self.applied.emit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Handle the keys of the suggestions before the field, and hide them without focus."""
        if watched is self._field:
            kind = event.type()
            if kind is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                if self._on_key(event):
                    return True
            elif kind in (QEvent.Type.FocusOut, QEvent.Type.Hide):
                self.close()
            elif kind is QEvent.Type.Resize and self.is_open:
                self.popup.place()
        return super().eventFilter(watched, event)


def _continues(completion: Completion, problem: QueryError) -> bool:
    """Return whether a problem is what can be typed at the cursor, not before it."""
    return bool(completion.items) and problem.end >= completion.start


def _with_key(problem: str) -> str:
    """Return what is wrong, and the key that removes it: the button is hidden by now."""
    return _("{problem} · Alt+Delete removes this part").format(problem=problem)
