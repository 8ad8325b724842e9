"""The logs of the embedded server in a window beside the main one: read only, live, searchable.

Not a page: it is of use while something else is looked at, and only where the server is embedded.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.shell.log_highlighter import LogHighlighter
from pulse_desktop.ui.shell.page import BackgroundRunner
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme

POLL_MS: Final = 500
MAX_LINES: Final = 20_000
_TYPING_MS: Final = 120
_SIZE: Final = (1040, 640)
_SMALLEST: Final = (520, 320)


class LogWindow(QDialog):
    """A choice of processes, a filter, and the lines.

    Attributes:
        processes: whose log is shown.
        field: words that the lines shown have to contain.
        text: the lines.
        follow: whether the view stays at the end; scrolling up lets it stand.
    """

    def __init__(
        self,
        stored: Any,
        start: BackgroundRunner,
        open_folder: Callable[[], object],
        parent: QWidget,
    ) -> None:
        """Make the window; it reads nothing until it is shown.

        Args:
            stored: reads the logs (`StoredLogs`).
            start: starts background work.
            open_folder: shows the files themselves.
            parent: the main window.
        """
        super().__init__(parent)
        self._stored = stored
        self._start = start
        self._names: list[str] = []
        self._lines: deque[str] = deque(maxlen=MAX_LINES)
        self._place: Any = None
        self._cut = False
        self._problem = ""
        self._looking = False
        self._adding = False
        self.setWindowTitle("Logs of the embedded server")
        self.setWindowFlag(Qt.WindowType.WindowMinMaxButtonsHint)
        self.setMinimumSize(*_SMALLEST)
        self.resize(*_SIZE)
        self.processes = QComboBox()
        self.processes.setAccessibleName("Process")
        self.processes.setToolTip("Whose log is shown")
        self.processes.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.field = QLineEdit()
        self.field.setPlaceholderText("Filter lines")
        self.field.setToolTip("Only lines with all of these words ( / )")
        self.field.setAccessibleName("Filter lines")
        self.field.setClearButtonEnabled(True)
        self._search = self.field.addAction(
            icons.icon("search", SemanticColor.FAINT), QLineEdit.ActionPosition.LeadingPosition
        )
        self._search.setText("Filter")
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
        self.text.setAccessibleName("Lines of the log")
        self._highlighter = LogHighlighter(self.text.document())
        self._about = QLabel()
        self._about.setProperty("role", "muted")
        self._about.setTextFormat(Qt.TextFormat.PlainText)
        self.follow = QPushButton("Follow")
        self.follow.setCheckable(True)
        self.follow.setChecked(True)
        self.follow.setToolTip("Stay at the end as lines arrive")
        self._folder = QPushButton("Open data folder")
        self._folder.clicked.connect(open_folder)
        self._timer = QTimer(self, interval=POLL_MS)
        self._timer.setObjectName("log tail")
        self._timer.timeout.connect(self._look)
        self._typing = QTimer(self, interval=_TYPING_MS, singleShot=True)
        self._typing.setObjectName("log filter typing")
        self._typing.timeout.connect(self._show_all)
        self._lay_out()
        self._connect()
        self._tint()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(self.processes)
        head.addWidget(self.field, 1)
        card = QFrame()
        card.setProperty("card", "true")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(9, 7, 3, 3)
        inside.addWidget(self.text)
        foot = QHBoxLayout()
        foot.setSpacing(10)
        foot.addWidget(self._about, 1)
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
            button.setAutoDefault(False)  # Enter in the filter is no click
        self.processes.currentIndexChanged.connect(lambda _: self._begin())
        self.field.textChanged.connect(lambda _: self._typing.start())
        self.follow.toggled.connect(lambda on: self._to_end() if on else None)
        self.text.verticalScrollBar().valueChanged.connect(lambda _: self._scrolled())
        for keys in ("/", "Ctrl+F"):
            QShortcut(QKeySequence(keys), self).activated.connect(self.field.setFocus)
        theme().changed.connect(self._tint)

    @property
    def name(self) -> str:
        """The process whose log is shown, empty while there is none."""
        index = self.processes.currentIndex()
        return self._names[index] if 0 <= index < len(self._names) else ""

    @property
    def about(self) -> str:
        """What is said of the lines."""
        return self._about.text()

    # Reading

    def _look(self) -> None:
        if not self._looking:
            self._looking = True
            self._start("embedded.logs", self._read())

    async def _read(self) -> None:
        try:
            self._offer(await self._stored.names())
            while name := self.name:
                part = await self._stored.read(name, self._place)
                if name == self.name:  # else another one was chosen meanwhile
                    self._take(part)
                    break
        finally:
            self._looking = False

    def _offer(self, names: Sequence[str]) -> None:
        if list(names) == self._names or (self._names and not names):
            return  # while the server starts anew, its last lines stay
        chosen = self.name
        self.processes.blockSignals(True)
        self.processes.clear()
        self._names = list(names)
        self.processes.addItems(self._names)
        if chosen in self._names:
            self.processes.setCurrentIndex(self._names.index(chosen))
        self.processes.blockSignals(False)
        if chosen != self.name:
            self._begin()

    def _begin(self) -> None:
        self._place, self._cut, self._problem = None, False, ""
        self._lines.clear()
        self.text.clear()
        self.follow.setChecked(True)  # another log is read from its end
        self._say()
        if self.isVisible():
            self._look()

    def _take(self, part: Any) -> None:
        self._place = part.place
        self._cut = self._cut or part.cut or len(self._lines) + len(part.lines) > MAX_LINES
        self._problem = part.problem
        self._lines.extend(part.lines)
        shown = self._matching(part.lines)
        if shown:
            self._add(shown)
        self._say()

    # Showing

    def _matching(self, lines: Sequence[str]) -> list[str]:
        words = self.field.text().casefold().split()
        if not words:
            return list(lines)
        return [line for line in lines if all(word in line.casefold() for word in words)]

    def _add(self, lines: Sequence[str]) -> None:
        bar = self.text.verticalScrollBar()
        at = bar.value()
        self._adding = True
        self.text.appendPlainText("\n".join(lines))
        bar.setValue(bar.maximum() if self.follow.isChecked() else at)
        self._adding = False

    def _show_all(self) -> None:
        self.text.setPlainText("\n".join(self._matching(list(self._lines))))
        self._to_end()
        self._say()

    def _say(self) -> None:
        total = len(self._lines)
        words = formats.plural(total, "line")
        if self._cut:
            words = f"the last {words}; earlier ones are in the data folder"
        if self.field.text().strip():
            empty = self.text.document().isEmpty()
            words = f"{formats.count(0 if empty else self.text.blockCount())} of {words}"
        if self._problem:
            words = f"{self.name}.log cannot be read: {self._problem}"
        elif not self._names:
            words = "No log yet: the server is being started"
        self._about.setText(words)

    def _to_end(self) -> None:
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _scrolled(self) -> None:
        """Follow from now on, or no longer, by where the operator goes."""
        bar = self.text.verticalScrollBar()
        if not self._adding:
            self.follow.setChecked(bar.value() >= bar.maximum())

    def _tint(self) -> None:
        self._search.setIcon(icons.icon("search", SemanticColor.FAINT))
        self.text.setFont(theme().number_font())
        self._highlighter.apply_theme()

    # Qt's side

    def showEvent(self, event: QShowEvent) -> None:
        """Read along while it can be seen."""
        super().showEvent(event)
        self._say()
        self._timer.start()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the files alone."""
        super().hideEvent(event)
        self._timer.stop()
        self._typing.stop()
