"""The frame around a part of a page, with a title and room for what belongs beside it."""

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget


class Card(QFrame):
    """A surface with a header line.

    Attributes:
        header: the header line; widgets added to it stand at the right.
        body: what lies below the header.
    """

    def __init__(
        self,
        title: str = "",
        subtitle: str = "",
        *,
        flush: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """Make a card.

        Args:
            title: bold, at the left; without it there is no header line.
            subtitle: quiet, beside the title.
            flush: whether the body reaches the card's edges, as tables do.
            parent: owner.
        """
        super().__init__(parent)
        self.setProperty("card", "true")
        side = 1 if flush else 13
        whole = QVBoxLayout(self)
        whole.setContentsMargins(1, 1, 1, 1)
        whole.setSpacing(0)
        self.header = QHBoxLayout()
        self.header.setContentsMargins(13, 11, 13, 5)
        self.header.setSpacing(8)
        self._title = QLabel(title)
        self._title.setProperty("role", "title")
        self._subtitle = QLabel(subtitle)
        self._subtitle.setProperty("role", "muted")
        self._subtitle.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if title:
            self.setAccessibleName(title)
            self.header.addWidget(self._title)
            self.header.addWidget(self._subtitle, 1)
            whole.addLayout(self.header)
        self.body = QVBoxLayout()
        self.body.setContentsMargins(side - 1, 0 if title else 11, side - 1, 0 if flush else 11)
        self.body.setSpacing(6)
        whole.addLayout(self.body, 1)

    def set_subtitle(self, subtitle: str) -> None:
        """Say something else beside the title."""
        if self._subtitle.text() != subtitle:
            self._subtitle.setText(subtitle)
