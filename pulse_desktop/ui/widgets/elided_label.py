"""Label of one line that ends in "…" where it is cut, with the whole text in the tooltip."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy

from pulse_desktop.text import formats
from pulse_desktop.text.printable import printable
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip

_MAX_LENGTH = 4096


class ElidedLabel(Label):
    """The label. It takes the width that it gets; its text can be selected."""

    def __init__(self, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight) -> None:
        """Create an empty label.

        Args:
            mode: which part of a text that is too long is left out.
        """
        super().__init__()
        self._mode = mode
        self._text = self._details = ""
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    @property
    def full_text(self) -> str:
        """The text, also where it is cut."""
        return self._text

    def set_text(self, text: str, details: str = "") -> None:
        """Show a text; the tooltip has the details, or the text where it is cut."""
        self._text, self._details = printable(text), details
        self._fit()

    def minimumSizeHint(self) -> QSize:
        """Return the height of a line: the label can be made as narrow as necessary."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Elide the text for the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        line = formats.elided(self._text, _MAX_LENGTH)
        shown = self.fontMetrics().elidedText(line, self._mode, self.contentsRect().width())
        if shown != self.text():
            self.setText(shown)
        self.setAccessibleName(line)
        cut = self._text if shown != self._text else ""
        set_tooltip(self, self._details or cut)
