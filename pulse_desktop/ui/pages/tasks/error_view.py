"""The error of a run: type and message, traceback, and the errors of earlier attempts."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import RunError, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import reason_text, state_meaning
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.theme.plain_text import set_plain_text
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_MAX_TRACEBACK: Final = 200_000
_MAX_HEADLINE: Final = 20_000
_MAX_HEADLINE_LINES: Final = 6


class Headline(QPlainTextEdit):
    """A read-only text as high as its lines, up to a limit beyond which it scrolls.

    A word longer than a line is wrapped anywhere, so that nothing is cut off at the right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "plain")
        self.setReadOnly(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(0)
        self.setAccessibleName(_("Reason"))

    def text(self) -> str:
        """Return the text."""
        return self.toPlainText()

    def set_text(self, text: str) -> None:
        """Change the text."""
        set_plain_text(self, text)
        self.fit()

    def fit(self) -> None:
        """Adapt the height to the number of lines."""
        # The document of a plain text edit measures its height in lines.
        lines = min(max(1, round(self.document().size().height())), _MAX_HEADLINE_LINES)
        border = 2 * self.frameWidth()
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + border + 2)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adapt the height to the lines as wrapped at the new width."""
        super().resizeEvent(event)
        self.fit()


class ErrorView(QWidget):
    """A headline, red for an error, and the traceback below it.

    Attributes:
        headline: error type and message, or why there is no error.
        traceback: of the last attempt, then of earlier ones.
    """

    def __init__(self) -> None:
        super().__init__()
        self.headline = Headline()
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
        set_style_property(self.headline, "color", color)
        self.headline.set_text(_shortened(headline, _MAX_HEADLINE))
        text = _shortened("\n\n".join(_tracebacks(run)), _MAX_TRACEBACK)
        set_plain_text(self.traceback, text)
        self.traceback.setVisible(bool(text))

    def _apply_theme(self) -> None:
        self.traceback.setFont(theme().number_font())
        self.headline.setFont(theme().number_font())
        self.headline.fit()


def _headline(run: TaskRun) -> tuple[str, str]:
    """Return the headline and its color in the style sheet."""
    meaning = state_meaning(run)
    if run.error is not None:
        color, text = "bad", _error_text(run.error)
    elif run.reason:
        color, text = "warning", reason_text(run)
    else:
        color, text = "muted", _("No error. {meaning}.").format(meaning=meaning)
    if run.state is RunState.OVERDUE:
        text = _("{meaning}. {reason}").format(meaning=meaning, reason=reason_text(run)).strip()
    return text, color


def _shortened(text: str, limit: int) -> str:
    """Return a text that is not too long to be shown, and say how much was left out."""
    if len(text) <= limit:
        return text
    left_out = len(text) - limit
    note = ngettext(
        "… {count} more character: Copy has the whole error.",
        "… {count} more characters: Copy has the whole error.",
        left_out,
    ).format(count=formats.count(left_out))
    return f"{text[:limit]}\n{note}"


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
