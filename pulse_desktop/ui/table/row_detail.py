"""The panel beside a table: one row in full. Never a modal."""

from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.property_list import PropertyList

_LONGEST_BODY: Final = 20_000
_JSON_HEIGHT: Final = 160
"""Low enough for a result's details in the smallest window: two scroll bars in one confuse."""
_MARGIN: Final = 14


class RowDetail(QFrame):
    """Head, facts, body, further parts, and the JSON behind it.

    Attributes:
        facts: names and values.
        json: the event or value as it came.

    Signals:
        closed: the operator wants it gone.
        run_asked: task id of the run behind the row.
    """

    closed = Signal()
    run_asked = Signal(str)

    def __init__(self, what: str, parent: QWidget | None = None) -> None:
        """Make an empty panel.

        Args:
            what: what a row is, such as "message".
            parent: owner.
        """
        super().__init__(parent)
        self.setProperty("card", "true")
        self.setAccessibleName(f"Details of the {what}")
        self._task_id = ""
        self._copied = ""
        self._sign_name, self._color = "", SemanticColor.TEXT
        self._sign = QLabel()
        self._sign.setContentsMargins(0, 7, 0, 0)  # in line with the title beside the button
        self._title = QLabel()
        self._title.setProperty("role", "heading")
        self._subtitle = QLabel()
        self._subtitle.setProperty("role", "muted")
        self._body = QLabel()
        for label in (self._title, self._subtitle, self._body):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._run = QPushButton("Open run")
        self._run.setToolTip("Show the task run behind this")
        self._run.clicked.connect(lambda: self.run_asked.emit(self._task_id))
        self._copy = QPushButton("Copy text")
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self._copied))
        self._close = QPushButton()
        self._close.setProperty("kind", "ghost")
        self._close.setAccessibleName("Close details")
        self._close.setToolTip("Close (Esc)")
        self._close.setFixedWidth(30)
        self._close.clicked.connect(self.closed)
        self.facts = PropertyList()
        self.json = JsonView(f"The {what}'s event")
        self.json.setMinimumHeight(_JSON_HEIGHT)
        # What it would like is of no account: it gets what is left, and scrolls by itself.
        self.json.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Ignored)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        self._parts = QVBoxLayout()
        self._parts.setSpacing(12)
        self._lay_out()
        self._tint()
        theme().changed.connect(self._tint)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        top = Qt.AlignmentFlag.AlignTop
        self._title.setContentsMargins(0, 5, 0, 0)
        head.addWidget(self._sign, 0, top)
        head.addWidget(self._title, 1, top)
        head.addWidget(self._close, 0, top)
        for button in (self._run, self._copy):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(_MARGIN, 10, _MARGIN, _MARGIN)
        column.setSpacing(10)
        column.addLayout(head)
        column.addWidget(self._subtitle)
        column.addLayout(self._buttons)
        column.addWidget(self._body)
        column.addWidget(self.facts)
        column.addLayout(self._parts)
        column.addWidget(self.json, 1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.addWidget(scroll)

    @property
    def title(self) -> str:
        """What the head says."""
        return self._title.text()

    @property
    def body(self) -> str:
        """The text below the head."""
        return self._body.text()

    def set_head(
        self, title: str, subtitle: str = "", sign: str = "", color: SemanticColor | None = None
    ) -> None:
        """Say what this is.

        Args:
            title: name of the thing.
            subtitle: a quiet line below.
            sign: name or glyph of an icon before the title, empty for none.
            color: of the sign and the title's meaning.
        """
        self._title.setText(title)
        self._subtitle.setText(subtitle)
        self._subtitle.setVisible(bool(subtitle))
        self._sign_name, self._color = sign, color or SemanticColor.TEXT
        self._show_sign()

    def set_body(self, text: str, color: SemanticColor | None = None, *, copy: bool = True) -> None:
        """Show a longer text, and offer to copy it."""
        shown = text if len(text) <= _LONGEST_BODY else f"{text[:_LONGEST_BODY]}…"
        self._body.setText(shown)
        self._body.setVisible(bool(text))
        set_style_property(self._body, "color", color.value if color is not None else "")
        self._copied = text
        self._copy.setVisible(bool(text) and copy)

    def set_run(self, task_id: str) -> None:
        """Offer to open the run behind it, if there is one."""
        self._task_id = task_id
        self._run.setVisible(bool(task_id))

    def add_part(self, part: QWidget) -> None:
        """Put a widget between the facts and the JSON."""
        self._parts.addWidget(part)

    def add_button(self, button: QPushButton) -> None:
        """Put a button before the others."""
        self._buttons.insertWidget(0, button)

    def _show_sign(self) -> None:
        self._sign.setVisible(bool(self._sign_name))
        if self._sign_name:
            ratio = self.devicePixelRatioF()
            self._sign.setPixmap(icons.pixmap(self._sign_name, self._color, 16, ratio))

    def _tint(self) -> None:
        self._close.setIcon(icons.icon("close", SemanticColor.MUTED, 12))
        self._show_sign()
