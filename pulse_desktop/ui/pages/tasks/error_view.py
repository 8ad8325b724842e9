"""The error of a run: the reason, the frames of its own code, its causes, earlier attempts."""

from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QResizeEvent, QTextOption
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run import RunError, TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.error_report import (
    error_report,
    library_frame_count,
    raw_error,
    raw_lines,
)
from pulse_desktop.text.run_text import reason_text, state_meaning
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.clipboard import copy_text
from pulse_desktop.ui.pages.tasks.report_text import ReportText
from pulse_desktop.ui.theme.plain_text import set_plain_text, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.text_search import TextSearch

_MAX_HEADLINE: Final = 20_000
_MAX_HEADLINE_LINES: Final = 6
_MIN_HEADLINE_LINES: Final = 2
_MIN_REPORT_LINES: Final = 2
_HEADLINE_PART: Final = 3
"""The headline takes at most this part of the height."""


class Headline(QPlainTextEdit):
    """A read-only text as high as its lines, up to a limit beyond which it scrolls.

    Where there is little room it is lower and scrolls as well, so that it never covers what is
    below. A word longer than a line is wrapped anywhere, so that nothing is cut off at the right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("kind", "plain")
        self.setReadOnly(True)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)
        self.setAccessibleName(_("Reason"))
        self._lines = 1
        self._max_lines = _MAX_HEADLINE_LINES

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
        lines = min(max(1, round(self.document().size().height())), self._max_lines)
        if lines != self._lines:
            self._lines = lines
            self.updateGeometry()

    def limit(self, height: int) -> None:
        """Be at most so high, but not lower than the first lines."""
        lines = (height - self._height_of(0)) // self.fontMetrics().lineSpacing()
        self._max_lines = min(max(lines, _MIN_HEADLINE_LINES), _MAX_HEADLINE_LINES)
        self.fit()

    def _height_of(self, lines: int) -> int:
        return lines * self.fontMetrics().lineSpacing() + 2 * self.frameWidth() + 2

    def sizeHint(self) -> QSize:
        """Return the height of the lines."""
        return QSize(super().sizeHint().width(), self._height_of(self._lines))

    def minimumSizeHint(self) -> QSize:
        """Return the height of the first lines."""
        lines = min(self._lines, _MIN_HEADLINE_LINES)
        return QSize(super().minimumSizeHint().width(), self._height_of(lines))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Adapt the height to the lines as wrapped at the new width."""
        super().resizeEvent(event)
        self.fit()


class ErrorView(QWidget):
    """A headline, red for an error, and the report below it: frames, causes, earlier attempts.

    Attributes:
        headline: error type and message, or why there is no error.
        traceback: the report, or the text as sent.
        find_button: shows the search field.
        search: searches it.
        library_frames: unfolds the frames of libraries.
        wrap: wraps long lines.
        as_sent: shows the text as the worker sent it.
        copy_all: copies the whole text as sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._run: TaskRun | None = None
        self.headline = Headline()
        self.traceback = ReportText()
        self.traceback.setProperty("color", "muted")
        self.traceback.setAccessibleName(_("Traceback"))
        self.search = TextSearch(self.traceback, _("Search the error"))
        self.library_frames = _toggle(_("Libraries"), _("Show the frames of libraries too"))
        self.wrap = _toggle(_("Wrap"), _("Wrap long lines"))
        self.wrap.setChecked(True)
        self.as_sent = _toggle(_("As sent"), _("Show the text as the worker sent it"))
        self.find_button = _toggle(_("Find"), _("Search the error"))
        self.copy_all = QPushButton(_("Copy"))
        set_tooltip(self.copy_all, _("Copy the whole error as the worker sent it"))
        self._tools = QWidget()
        tools = QHBoxLayout(self._tools)
        tools.setContentsMargins(0, 0, 0, 0)
        tools.setSpacing(6)
        for button in (
            self.library_frames,
            self.wrap,
            self.as_sent,
            self.find_button,
            self.copy_all,
        ):
            button.setProperty("compact", "true")
            tools.addWidget(button)
        tools.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.headline)
        layout.addWidget(self._tools)
        layout.addWidget(self.search)
        layout.addWidget(self.traceback, 1)
        layout.addStretch(0)
        for button in (self.library_frames, self.as_sent):
            button.toggled.connect(lambda _checked: self._show_report())
        self.wrap.toggled.connect(lambda checked: self.traceback.set_wrap(wrap=checked))
        self.find_button.toggled.connect(self._show_search)
        self.search.hide()
        self.copy_all.clicked.connect(self._copy_all)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def show_run(self, run: TaskRun) -> None:
        """Show the error of a run, or that there is none."""
        if run is self._run:
            return
        self._run = run
        headline, color = _headline(run)
        set_style_property(self.headline, "color", color)
        self.headline.set_text(_shortened(headline, _MAX_HEADLINE))
        has_error = run.error is not None
        for part in (self._tools, self.traceback):
            part.setVisible(has_error)
        self.search.setVisible(has_error and self.find_button.isChecked())
        count = library_frame_count(run)
        text = _("Libraries {count}").format(count=formats.count(count))
        self.library_frames.setText(text)
        self.library_frames.setEnabled(bool(count))
        self._show_report()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave more room to the report than the headline takes."""
        super().resizeEvent(event)
        self.headline.limit(self.height() // _HEADLINE_PART)

    def _show_report(self) -> None:
        run = self._run
        if run is None:
            return
        if self.as_sent.isChecked():
            lines = raw_lines(run)
        else:
            all_frames = self.library_frames.isChecked()
            lines = error_report(run, all_frames=all_frames, with_reason=False)
        self.traceback.show_lines(lines)

    def _show_search(self, shown: bool) -> None:
        self.search.setVisible(shown)
        if shown:
            self.search.field.setFocus()
        else:
            self.search.field.clear()

    def _copy_all(self) -> None:
        if self._run is not None:
            copy_text(raw_error(self._run))

    def _apply_theme(self) -> None:
        font = theme().number_font()
        self.headline.setFont(font)
        self.headline.limit(self.height() // _HEADLINE_PART)
        self.headline.updateGeometry()
        self.traceback.setMinimumHeight(_MIN_REPORT_LINES * QFontMetrics(font).lineSpacing())


def _toggle(title: str, tooltip: str) -> QPushButton:
    button = QPushButton(title)
    button.setCheckable(True)
    set_tooltip(button, tooltip)
    return button


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


def _error_text(error: RunError) -> str:
    return f"{error.type}: {error.message}"
