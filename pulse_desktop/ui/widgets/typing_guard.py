"""Ignores keys that were typed before a question could be read."""

import time
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QWidget

READING_S: Final = 0.5
"""How long a question must be on the screen before a key can answer it."""
_ANSWERS: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)
_COMMANDS: Final = (
    Qt.KeyboardModifier.ControlModifier
    | Qt.KeyboardModifier.AltModifier
    | Qt.KeyboardModifier.MetaModifier
)


class TypingGuard(QObject):
    """Keeps what was typed for something else from answering a question.

    Letters, Space and Enter are ignored until the question has been on the screen for half a
    second, and so is Enter that is held down. Esc answers at once: it does nothing.

    Attributes:
        clock: returns monotonic seconds.
    """

    def __init__(self, question: QWidget, clock: Callable[[], float] = time.monotonic) -> None:
        """Guard a question.

        Args:
            question: the widget, with all of its buttons.
            clock: returns monotonic seconds.
        """
        super().__init__(question)
        self.clock = clock
        self._question = question
        self._shown_at: float | None = None
        for widget in (question, *question.findChildren(QWidget)):
            widget.installEventFilter(self)

    @property
    def accepts_keys(self) -> bool:
        """Whether the question has been on the screen for long enough to be read."""
        return self._shown_at is not None and self.clock() - self._shown_at >= READING_S

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Ignore keys, also those of shortcuts, that are too early."""
        if event.type() is QEvent.Type.Show and watched is self._question:
            self._shown_at = self.clock()
        if (
            isinstance(event, QKeyEvent)
            and event.type()
            in (
                QEvent.Type.KeyPress,
                QEvent.Type.ShortcutOverride,
            )
            and self._is_too_early(event)
        ):
            event.accept()
            return True
        return super().eventFilter(watched, event)

    def _is_too_early(self, event: QKeyEvent) -> bool:
        is_answer = event.key() in _ANSWERS
        if is_answer and event.isAutoRepeat():
            return True
        is_text = bool(event.text().strip()) and not event.modifiers() & _COMMANDS
        is_escape = event.key() == Qt.Key.Key_Escape
        return (is_answer or is_text) and not is_escape and not self.accepts_keys
