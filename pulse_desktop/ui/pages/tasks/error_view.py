"""Why a run failed: the error, where it was raised, and what earlier attempts died of."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QVBoxLayout, QWidget

from pulse_desktop.state.run import RunError, RunState, TaskRun
from pulse_desktop.text.run_text import STATE_MEANINGS
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_LONGEST = 200_000
_LONGEST_HEADLINE = 600


class ErrorView(QWidget):
    """A headline in red and the traceback below it."""

    def __init__(self) -> None:
        super().__init__()
        self.headline = QLabel()
        self.headline.setTextFormat(Qt.TextFormat.PlainText)
        self.headline.setWordWrap(True)
        self.headline.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.trace = QPlainTextEdit()
        self.trace.setProperty("kind", "plain")
        self.trace.setReadOnly(True)
        self.trace.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.trace.setProperty("color", "muted")
        self.trace.document().setDocumentMargin(0)
        self.trace.setAccessibleName("Traceback")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.headline)
        layout.addWidget(self.trace, 1)
        layout.addStretch(0)
        theme().changed.connect(self._follow_theme)
        self._follow_theme()

    def show_run(self, run: TaskRun) -> None:
        """Show why a run failed, or that it did not."""
        error, reason = run.error, run.reason
        if error is not None:
            headline, color = f"{error.type}: {error.message}", "bad"
        elif reason:
            headline, color = reason, "warning"
        else:
            headline, color = f"No error. {STATE_MEANINGS[run.state]}.", "muted"
        if run.state is RunState.OVERDUE:
            headline = f"{STATE_MEANINGS[run.state]}. {reason}".strip()
        self.headline.setText(headline[:_LONGEST_HEADLINE])
        set_style_property(self.headline, "color", color)
        text = "\n\n".join(self._stories(run, error))
        if text != self.trace.toPlainText():
            self.trace.setPlainText(text[:_LONGEST])
        self.trace.setVisible(bool(text))

    def _stories(self, run: TaskRun, error: RunError | None) -> list[str]:
        told: list[str] = []
        if error is not None:
            told.append(error.traceback.strip() or "The worker sent no traceback.")
        for attempt in reversed(run.attempts):
            ending = attempt.result
            if ending is not None and ending.error is not None and ending.error is not error:
                cause = f"{ending.error.type}: {ending.error.message}"
                told.append(f"Attempt {attempt.number}\n{ending.error.traceback.strip() or cause}")
        return told

    def _follow_theme(self) -> None:
        self.trace.setFont(theme().number_font())
        self.headline.setFont(theme().number_font())
