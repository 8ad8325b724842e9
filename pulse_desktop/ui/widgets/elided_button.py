"""Button of one line that ends in "…" where it is cut, with the whole text in the tooltip."""

from typing import Final

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QSizePolicy

from pulse_desktop.text.printable import printable_cell
from pulse_desktop.ui.theme.plain_text import set_tooltip, without_mnemonic

_SHORTEST: Final = 6


class ElidedButton(QPushButton):
    """The button. It is as wide as its text, or narrower where there is less room."""

    def __init__(self, text: str = "", *, shortest: int = _SHORTEST) -> None:
        """Create the button.

        Args:
            text: of the button.
            shortest: characters that it has room for at least.
        """
        super().__init__()
        self._shortest = shortest
        self._text = self._details = self._short = ""
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.show_text(text)

    @property
    def full_text(self) -> str:
        """The text, also where it is cut."""
        return self._text

    def show_text(self, text: str, details: str = "", short: str = "") -> None:
        """Show a text; the tooltip has the details, or the text where it is cut.

        Args:
            text: the text.
            details: for the tooltip.
            short: shown instead where there is no room for the text.
        """
        self._text, self._details, self._short = printable_cell(text), details, short
        self.updateGeometry()
        self._fit()

    def sizeHint(self) -> QSize:
        """Return the size that the whole text needs."""
        return self._size_of(self._text)

    def minimumSizeHint(self) -> QSize:
        """Return the size that the first characters need."""
        text = self._short or self._text
        return self._size_of(text if len(text) <= self._shortest else f"{text[: self._shortest]}…")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text to the new width."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Cut the text to the new font."""
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._fit()

    def _size_of(self, text: str) -> QSize:
        hint = super().sizeHint()
        return QSize(
            hint.width() - self._width(self.text()) + self._width(text, plain=True), hint.height()
        )

    def _width(self, text: str, *, plain: bool = False) -> int:
        shown = without_mnemonic(text) if plain else text
        return self.fontMetrics().size(Qt.TextFlag.TextShowMnemonic.value, shown).width()

    def _fit(self) -> None:
        frame = super().sizeHint().width() - self._width(self.text())
        room = self.width() - frame
        text = self._text
        if self._short and self._width(text, plain=True) > room:
            text = self._short
        shown = self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room)
        if self._text and not shown.strip("…"):
            shown = f"{self._text[:1]}…"
        if without_mnemonic(shown) != self.text():
            self.setText(without_mnemonic(shown))
        set_tooltip(self, self._details or (self._text if shown != self._text else ""))
