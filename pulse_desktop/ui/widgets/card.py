"""Card: a frame with a header line around a part of a page."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.widgets.elided_label import ElidedLabel


class Card(QFrame):
    """The card.

    Attributes:
        header: the header line; widgets added to it are at the right.
        body: the layout below the header.
    """

    def __init__(self, title: str = "", subtitle: str = "", *, flush: bool = False) -> None:
        """Create a card.

        Args:
            title: bold, at the left; "" for no header line.
            subtitle: muted text beside the title.
            flush: whether the body extends to the edges of the card, as tables do.
        """
        super().__init__()
        self.setProperty("card", "true")
        side = 1 if flush else 13
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        self.header = QHBoxLayout()
        self.header.setContentsMargins(13, 11, 13, 5)
        self.header.setSpacing(8)
        self._title = Label(title)
        self._title.setProperty("role", "title")
        self._subtitle = ElidedLabel()
        self._subtitle.setProperty("role", "muted")
        self._subtitle.set_text(subtitle)
        if title:
            self.setAccessibleName(title)
            self.header.addWidget(self._title)
            self.header.addWidget(self._subtitle, 1)
            layout.addLayout(self.header)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(side - 1, 0 if title else 11, side - 1, 0 if flush else 11)
        self.body.setSpacing(6)
        layout.addLayout(self.body, 1)

    def set_subtitle(self, subtitle: str) -> None:
        """Change the text beside the title."""
        if self._subtitle.full_text != subtitle:
            self._subtitle.set_text(subtitle)
