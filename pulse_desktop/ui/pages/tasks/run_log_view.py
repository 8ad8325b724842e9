"""The log lines of a run: levels in words and colors, searchable, copied as shown."""

from collections.abc import Sequence

from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from pulse_desktop.state.run_log import LogLine
from pulse_desktop.text.log_text import log_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.log_highlighter import LogHighlighter
from pulse_desktop.ui.theme.plain_text import extend_plain_text
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.text_search import TextSearch


class RunLogView(QWidget):
    """The lines, with a search field above them.

    Attributes:
        text: the lines.
        search: searches them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.text = QPlainTextEdit()
        self.text.setProperty("kind", "plain")
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(_("Log"))
        self._highlighter = LogHighlighter(self.text.document())
        self.search = TextSearch(self.text, _("Search the log"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.search)
        layout.addWidget(self.text, 1)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def show_lines(self, lines: Sequence[LogLine], *, is_complete: bool) -> None:
        """Show lines; lines added at the end keep selection and scroll position.

        Args:
            lines: in their order.
            is_complete: whether all retained events were searched for lines.
        """
        nothing = _("This run has logged nothing.") if is_complete else _("Searching the events…")
        extend_plain_text(self.text, log_text(lines) or nothing)
        self.search.setVisible(bool(lines))

    def _apply_theme(self) -> None:
        self.text.setFont(theme().number_font())
        self._highlighter.apply_theme()
