"""Puts something of a run on the clipboard: its id, its arguments, its error, or all of it."""

from collections.abc import Callable
from typing import Final

import msgspec
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QPushButton

from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize import run_to_dict
from pulse_desktop.text.run_text import decoded_call
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme


class CopyRunButton(QPushButton):
    """A button with a menu of what can be copied."""

    def __init__(self, run: Callable[[], TaskRun | None]) -> None:
        """Make one.

        Args:
            run: returns the run that is shown.
        """
        super().__init__("Copy")
        self._run = run
        menu = QMenu(self)
        for title, text_of in _COPIES:
            menu.addAction(title).triggered.connect(lambda _=False, f=text_of: self._copy(f))
        self.setMenu(menu)
        self.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        theme().changed.connect(self._tint)
        self._tint()

    def _copy(self, text_of: Callable[[TaskRun], str]) -> None:
        run = self._run()
        if run is not None:
            QGuiApplication.clipboard().setText(text_of(run))

    def _tint(self) -> None:
        icons.set_button_icon(self, "chevron-down", SemanticColor.MUTED, 12)


def _as_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _error_text(run: TaskRun) -> str:
    return run.error.traceback or run.reason if run.error is not None else run.reason


_COPIES: Final[tuple[tuple[str, Callable[[TaskRun], str]], ...]] = (
    ("Task id", lambda run: run.task_id),
    ("Task name", lambda run: run.name),
    ("Arguments as JSON", lambda run: _as_json(decoded_call(run))),
    ("Error", _error_text),
    ("Whole run as JSON", lambda run: _as_json(run_to_dict(run))),
)
