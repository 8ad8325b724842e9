"""The error of a run: type and message, traceback, and the errors of earlier attempts."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import RunError, TaskRun
from pulse_desktop.text.run_text import STATE_MEANINGS, reason_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_MAX_TRACEBACK: Final = 200_000
_MAX_HEADLINE: Final = 600


class ErrorView(QWidget):
    """A headline, red for an error, and the traceback below it.

    Attributes:
        headline: error type and message, or why there is no error.
        traceback: of the last attempt, then of earlier ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headline = QLabel()
        self.headline.setTextFormat(Qt.TextFormat.PlainText)
        self.headline.setWordWrap(True)
        self.headline.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.traceback = QPlainTextEdit()
        self.traceback.setProperty("kind", "plain")
        self.traceback.setReadOnly(True)
        self.traceback.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.traceback.setProperty("color", "muted")
        self.traceback.document().setDocumentMargin(0)
        self.traceback.setAccessibleName(_("Traceback"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.headline)
        layout.addWidget(self.traceback, 1)
        layout.addStretch(0)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def show_run(self, run: TaskRun) -> None:
        """Show the error of a run, or that there is none."""
        headline, color = _headline(run)
        self.headline.setText(headline[:_MAX_HEADLINE])
        set_style_property(self.headline, "color", color)
        text = "\n\n".join(_tracebacks(run))
        if text != self.traceback.toPlainText():
            self.traceback.setPlainText(text[:_MAX_TRACEBACK])
        self.traceback.setVisible(bool(text))

    def _apply_theme(self) -> None:
        self.traceback.setFont(theme().number_font())
        self.headline.setFont(theme().number_font())


def _headline(run: TaskRun) -> tuple[str, str]:
    """Return the headline and its color in the style sheet."""
    meaning = STATE_MEANINGS[run.state]
    if run.error is not None:
        color, text = "bad", _error_text(run.error)
    elif run.reason:
        color, text = "warning", reason_text(run)
    else:
        color, text = "muted", _("No error. {meaning}.").format(meaning=meaning)
    if run.state is RunState.OVERDUE:
        text = _("{meaning}. {reason}").format(meaning=meaning, reason=reason_text(run)).strip()
    return text, color


def _tracebacks(run: TaskRun) -> list[str]:
    texts: list[str] = []
    if run.error is not None:
        texts.append(run.error.traceback.strip() or _("The worker sent no traceback."))
    for attempt in reversed(run.attempts):
        error = attempt.result.error if attempt.result is not None else None
        if error is not None and error is not run.error:
            title = _("Attempt {number}").format(number=attempt.number)
            texts.append(f"{title}\n{error.traceback.strip() or _error_text(error)}")
    return texts


def _error_text(error: RunError) -> str:
    return f"{error.type}: {error.message}"
