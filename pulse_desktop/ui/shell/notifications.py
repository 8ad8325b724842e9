"""What the program has to tell the operator: in a corner, never in a dialog that stops the work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_WIDTH: Final = 380
_MOST: Final = 3
_MARGIN: Final = 16
_GOOD_MS: Final = 6_000
_ICONS: Final = {"good": "check", "warning": "warning", "bad": "cross", "info": "info"}


@dataclass(frozen=True, slots=True)
class Notification:
    """Something to tell.

    Attributes:
        title: what happened, a few words.
        detail: one sentence more.
        advice: what to do about it.
        severity: a good or plain one goes away by itself, the others stay until closed.
        choices: buttons, as title and what it does; the notice closes with each.
        key: another notice of the same key takes its place.
        asks: whether it is a question: its first button gets the keyboard, Esc leaves it.
    """

    title: str
    detail: str = ""
    advice: str = ""
    severity: Literal["good", "info", "warning", "bad"] = "info"
    choices: Sequence[tuple[str, Callable[[], object]]] = ()
    key: str = ""
    asks: bool = False


class _NotificationCard(QFrame):
    def __init__(self, notice: Notification, parent: QWidget) -> None:
        super().__init__(parent)
        self.notice = notice
        self.setProperty("card", "notice")
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(notice.title)
        self.setAccessibleDescription(f"{notice.detail} {notice.advice}".strip())
        self._sign = QLabel()
        title = QLabel(notice.title)
        title.setProperty("role", "title")
        title.setTextFormat(Qt.TextFormat.PlainText)
        title.setWordWrap(True)
        self._close = close = QPushButton()
        close.setProperty("kind", "ghost")
        close.setAccessibleName("Close this notice")
        close.setFixedSize(24, 24)
        close.setStyleSheet("min-height: 0px; padding: 0px;")
        close.clicked.connect(self.close)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._sign)
        head.addWidget(title, 1)
        head.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 10, 12)
        layout.setSpacing(4)
        layout.addLayout(head)
        for text, part in ((_sentence(notice.detail), "muted"), (_sentence(notice.advice), "")):
            if text:
                label = QLabel(text)
                label.setTextFormat(Qt.TextFormat.PlainText)
                label.setWordWrap(True)
                label.setContentsMargins(24, 0, 12, 0)
                set_style_property(label, "role", part)
                layout.addWidget(label)
        self._buttons: list[QPushButton] = []
        self._focus_before: QWidget | None = None
        if notice.choices:
            row = QHBoxLayout()
            row.setContentsMargins(24, 6, 12, 0)
            row.setSpacing(8)
            for text, action in notice.choices:
                button = QPushButton(text)
                button.setAutoDefault(True)  # Enter presses it, like Space
                button.clicked.connect(self.close)
                button.clicked.connect(action)
                row.addWidget(button)
                self._buttons.append(button)
            row.addStretch(1)
            layout.addLayout(row)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.tint()

    def take_keyboard(self) -> None:
        """Let the first button be pressed by Enter; the keyboard goes back when it is answered."""
        self._focus_before = self.window().focusWidget()
        self._buttons[0].setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Leave a question unanswered on Esc; press a button on Enter."""
        if self.notice.asks and event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            for button in self._buttons:
                if button.hasFocus():
                    button.click()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the keyboard back to whoever had it."""
        focused = self.window().focusWidget()
        has_focus = bool(focused) and self.isAncestorOf(focused)
        if has_focus and self._focus_before is not None:
            self._focus_before.setFocus(Qt.FocusReason.OtherFocusReason)
        super().closeEvent(event)

    def tint(self) -> None:
        """Take the colors of the theme."""
        ratio = self.devicePixelRatioF()
        severity = self.notice.severity
        self._sign.setPixmap(icons.pixmap(_ICONS[severity], severity, 16, ratio))
        self._close.setIcon(icons.icon("close", SemanticColor.MUTED, 12))


class Notifications(QObject):
    """The notices in the lower right corner of a widget, the newest at the bottom."""

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._over = over
        self._clear = 0
        self._cards: list[_NotificationCard] = []
        over.installEventFilter(self)
        theme().changed.connect(self._tint)

    def _tint(self) -> None:
        for card in self._cards:
            card.tint()

    @property
    def shown(self) -> list[Notification]:
        """What is told now, the oldest first."""
        return [card.notice for card in self._cards]

    def tell(self, notice: Notification) -> None:
        """Show a notice."""
        if notice.key:
            self.withdraw(notice.key)
        while len(self._cards) >= _MOST:
            self._cards[0].close()
        card = _NotificationCard(notice, self._over)
        card.destroyed.connect(self.place)
        card.installEventFilter(self)
        self._cards.append(card)
        card.show()
        self.place()
        if notice.asks:
            card.take_keyboard()
        if notice.severity in ("good", "info"):
            timer = QTimer(card)
            timer.setObjectName("notice goes away")
            timer.setSingleShot(True)
            timer.timeout.connect(card.close)
            timer.start(_GOOD_MS)

    def withdraw(self, key: str) -> None:
        """Close the notice of a key, if it is shown: what it told of is over."""
        for card in [card for card in self._cards if card.notice.key == key]:
            card.close()

    def clear(self) -> None:
        """Close all notices."""
        for card in self._cards.copy():
            card.close()

    def keep_clear(self, width: int) -> None:
        """Leave a strip at the right edge to somebody else."""
        self._clear = width
        self.place()

    def close_last(self) -> bool:
        """Close the newest notice; tell whether there was one."""
        if not self._cards:
            return False
        self._cards[-1].close()
        return True

    def place(self) -> None:
        """Stand in the corner, above a page that was shown meanwhile."""
        bottom = self._over.height() - _MARGIN
        for card in reversed(self._cards):
            card.adjustSize()
            bottom -= card.height()
            card.move(self._over.width() - self._clear - card.width() - _MARGIN, bottom)
            card.raise_()
            bottom -= 8

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay in the corner, and forget what was closed."""
        if event.type() is QEvent.Type.Resize and watched is self._over:
            self.place()
        elif event.type() is QEvent.Type.Close and isinstance(watched, _NotificationCard):
            self._cards = [card for card in self._cards if card is not watched]
            self.place()
        return super().eventFilter(watched, event)


def _sentence(text: str) -> str:
    """Begin with a capital, unless the first word is a name that has none."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text
