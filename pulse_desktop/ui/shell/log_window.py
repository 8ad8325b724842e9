"""Log window of the embedded server: read-only, live, with a filter.

It is a window of its own so that a page can be seen beside it.
"""

from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.process_log import LogChunk, LogCursor
from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.page.page import BackgroundRunner
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.log_highlighter import LEVELS, LogHighlighter, level_of
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.window_title import set_title

POLL_MS: Final = 500
MAX_LINES: Final = 20_000
_FILTER_DELAY_MS: Final = 120
_SIZE: Final = (1040, 640)
_MIN_SIZE: Final = (520, 320)


class LogSource(Protocol):
    """Reads the logs without blocking the event loop; see `pulse_desktop.embedded`."""

    @property
    def folder(self) -> Path:
        """The data folder."""

    async def names(self) -> Sequence[str]:
        """Return the processes that have a log."""

    async def read(self, name: str, after: LogCursor | None = None) -> LogChunk:
        """Return the lines after a cursor, or the last lines."""


class LogWindow(QDialog):
    """The window: choice of the process, filter, lines.

    Attributes:
        processes: chooses the process.
        level: chooses the lowest level that is shown.
        field: filter; lines are shown that contain all of its words.
        text: the lines.
        follow: whether the view stays at the end; scrolling up switches it off.
    """

    def __init__(
        self,
        source: LogSource,
        start: BackgroundRunner,
        open_folder: Callable[[], object],
        parent: QWidget,
    ) -> None:
        """Create the window. It reads nothing until it is shown.

        Args:
            source: reads the logs.
            start: starts background work.
            open_folder: opens the data folder.
            parent: the main window.
        """
        super().__init__(parent)
        self._source = source
        self._start = start
        self._names: list[str] = []
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._cursor: LogCursor | None = None
        self._cut = False
        self._problem = ""
        self._reading = False
        self._appending = False
        set_title(self, _("Logs of the embedded server"))
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        self.setMinimumSize(*_MIN_SIZE)
        self.resize(*_SIZE)
        self.processes = QComboBox()
        self.processes.setAccessibleName(_("Process"))
        set_tooltip(self.processes, _("Process whose log is shown"))
        self.processes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.field = QLineEdit()
        self.field.setPlaceholderText(_("Filter lines"))
        set_tooltip(self.field, _("Show only lines that contain all of these words ( / )"))
        self.field.setAccessibleName(_("Filter lines"))
        self.field.setClearButtonEnabled(True)
        self._search = self.field.addAction(
            icons.icon("search", SemanticColor.FAINT), QLineEdit.ActionPosition.LeadingPosition
        )
        self._search.setText(_("Filter"))
        self.level = QComboBox()
        self.level.setAccessibleName(_("Level"))
        set_tooltip(
            self.level, _("Show only lines of this level or above, and what belongs to them")
        )
        self.level.addItems(
            [_("All levels"), _("Info and above"), _("Warnings and errors"), _("Errors")]
        )
        self._last_level = 0
        self.text = QPlainTextEdit()
        self.text.setProperty("kind", "plain")
        self.text.setReadOnly(True)
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setUndoRedoEnabled(False)
        self.text.setMaximumBlockCount(MAX_LINES)
        self.text.setAccessibleName(_("Lines of the log"))
        self._highlighter = LogHighlighter(self.text.document())
        self._summary = Label()
        self._summary.setProperty("role", "muted")
        self.follow = QPushButton(_("Follow"))
        self.follow.setCheckable(True)
        self.follow.setChecked(True)
        set_tooltip(self.follow, _("Stay at the end as lines arrive"))
        self._folder = QPushButton(_("Open data folder"))
        self._folder.clicked.connect(open_folder)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.setObjectName("log tail")
        self._timer.timeout.connect(self.poll)
        self._filter_timer = QTimer(self, interval=_FILTER_DELAY_MS, singleShot=True)
        self._filter_timer.setObjectName("log filter typing")
        self._filter_timer.timeout.connect(self._apply_filter)
        self._lay_out()
        self._connect()
        self._apply_theme()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.processes)
        head.addWidget(self.level)
        head.addWidget(self.field, 1)
        card = QFrame()
        card.setProperty("card", "true")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(9, 7, 3, 3)
        inside.addWidget(self.text)
        foot = QHBoxLayout()
        foot.setSpacing(10)
        foot.addWidget(self._summary, 1)
        foot.addWidget(self.follow)
        foot.addWidget(self._folder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 12)
        layout.setSpacing(10)
        layout.addLayout(head)
        layout.addWidget(card, 1)
        layout.addLayout(foot)

    def _connect(self) -> None:
        for button in (self.follow, self._folder):
            button.setAutoDefault(False)  # Enter in the filter must not press it
        self.processes.currentIndexChanged.connect(lambda _index: self._restart())
        self.level.currentIndexChanged.connect(lambda _index: self._apply_filter())
        self.field.textChanged.connect(lambda _text: self._filter_timer.start())
        self.follow.toggled.connect(lambda on: self._scroll_to_end() if on else None)
        self.text.verticalScrollBar().valueChanged.connect(lambda _value: self._scrolled())
        for keys in ("/", "Ctrl+F"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.field.setFocus)
        theme().changed.connect(self._apply_theme)

    @property
    def name(self) -> str:
        """The process whose log is shown, "" while there is none."""
        index = self.processes.currentIndex()
        return self._names[index] if 0 <= index < len(self._names) else ""

    @property
    def summary(self) -> str:
        """The line below the log: how many lines there are, or why there are none."""
        return self._summary.text()

    # Reading

    @property
    def is_polling(self) -> bool:
        """Whether the log is read every POLL_MS."""
        return self._timer.isActive()

    def poll(self) -> None:
        """Read new lines now, unless they are being read."""
        if not self._reading:
            self._reading = True
            self._start("embedded.logs", self._read())

    async def _read(self) -> None:
        try:
            self._set_names(await self._source.names())
            while name := self.name:
                chunk = await self._source.read(name, self._cursor)
                if name == self.name:  # else another process was chosen meanwhile
                    self._append_chunk(chunk)
                    break
        finally:
            self._reading = False

    def _set_names(self, names: Sequence[str]) -> None:
        if list(names) == self._names or (self._names and not names):
            return  # keep the last lines while the server restarts
        chosen = self.name
        self.processes.blockSignals(True)
        self.processes.clear()
        self._names = list(names)
        self.processes.addItems(self._names)
        worker = next((name for name in self._names if name.startswith("worker")), "")
        if (chosen or worker) in self._names:
            self.processes.setCurrentIndex(self._names.index(chosen or worker))
        self.processes.blockSignals(False)
        if chosen != self.name:
            self._restart()

    def _restart(self) -> None:
        self._cursor, self._cut, self._problem = None, False, ""
        self._lines.clear()
        self._last_level = 0
        self.text.clear()
        self.follow.setChecked(True)  # show the end of another log
        self._update_summary()
        if self.isVisible():
            self.poll()

    def _append_chunk(self, chunk: LogChunk) -> None:
        self._cursor = chunk.cursor
        self._cut = self._cut or chunk.truncated or len(self._lines) + len(chunk.lines) > MAX_LINES
        self._problem = chunk.problem
        self._lines.extend(chunk.lines)
        lines = self._matching(chunk.lines)
        if lines:
            self._append(lines)
        self._update_summary()

    # Showing

    def _matching(self, lines: Sequence[str]) -> list[str]:
        words = self.field.text().casefold().split()
        min_level = self.level.currentIndex()
        shown = []
        for line in lines:
            level = level_of(line)
            if level:
                self._last_level = LEVELS.index(level)
            # A line without a level, as of a traceback, belongs to the line before.
            if self._last_level >= min_level and all(word in line.casefold() for word in words):
                shown.append(line)
        return shown

    @property
    def _filtered(self) -> bool:
        return bool(self.field.text().strip() or self.level.currentIndex())

    def _append(self, lines: Sequence[str]) -> None:
        bar = self.text.verticalScrollBar()
        position = bar.value()
        self._appending = True
        self.text.appendPlainText(printable("\n".join(lines)))
        bar.setValue(bar.maximum() if self.follow.isChecked() else position)
        self._appending = False

    def _apply_filter(self) -> None:
        self._last_level = 0
        self.text.setPlainText(printable("\n".join(self._matching(list(self._lines)))))
        self._scroll_to_end()
        self._update_summary()

    def _update_summary(self) -> None:
        total = len(self._lines)
        values = {"count": formats.count(total), "shown": formats.count(self._shown_lines())}
        if self._problem:
            text = _("{process}.log cannot be read: {problem}")
            values = {"process": self.name, "problem": self._problem}
        elif not self._names:
            text = _("No log yet: the server is starting")
        elif self._cut and self._filtered:
            text = _("{shown} of the last {count} lines; earlier ones are in the data folder")
        elif self._cut:
            text = _("The last {count} lines; earlier ones are in the data folder")
        elif self._filtered:
            text = ngettext("{shown} of {count} line", "{shown} of {count} lines", total)
        else:
            text = ngettext("{count} line", "{count} lines", total)
        self._summary.setText(text.format(**values))

    def _shown_lines(self) -> int:
        return 0 if self.text.document().isEmpty() else self.text.blockCount()

    def _scroll_to_end(self) -> None:
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _scrolled(self) -> None:
        """Follow while the view is at the end."""
        bar = self.text.verticalScrollBar()
        if not self._appending:
            self.follow.setChecked(bar.value() >= bar.maximum())

    def _apply_theme(self) -> None:
        self._search.setIcon(icons.icon("search", SemanticColor.FAINT))
        self.text.setFont(theme().number_font())
        self._highlighter.apply_theme()

    # Qt's side

    def showEvent(self, event: QShowEvent) -> None:
        """Start reading."""
        super().showEvent(event)
        self._update_summary()
        self._timer.start()
        self.poll()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop reading."""
        super().hideEvent(event)
        self._timer.stop()
        self._filter_timer.stop()
