"""Notifications in the corner of the window; they are never modal."""

import re
import time
from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QCloseEvent, QKeyEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from pulse_desktop.profiles.profile import Environment, Profile
from pulse_desktop.text.printable import printable
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.page.notification import Notification
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip, without_mnemonic
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.announcement import announce
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge
from pulse_desktop.ui.widgets.typing_guard import TypingGuard

_WIDTH: Final = 380
_MAX_CARDS: Final = 3
_RIGHT_MARGIN: Final = 36
_BOTTOM_MARGIN: Final = 46
"""Both leave the scroll bars of tables and texts free."""
_MAX_WORD: Final = 32
"""Characters of a word that fit into a line."""

_ICONS: Final = {"good": "check", "warning": "warning", "bad": "cross", "info": "info"}


class NotificationCard(QFrame):
    """A notification on the screen.

    Attributes:
        notification: its content.
        buttons: the buttons of its choices.
        guard: ignores keys that were typed before a question could be read.
        is_above: whether it came after the details that are open, if any.
    """

    def __init__(
        self,
        notification: Notification,
        parent: QWidget,
        profile: Profile | None = None,
        connection: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(parent)
        self.notification = notification
        self.setProperty("card", "notice")
        self.setFixedWidth(_WIDTH)
        self.setAccessibleName(printable(notification.title))
        description = f"{notification.detail} {notification.advice}".strip()
        self.setAccessibleDescription(printable(description))
        self._icon = Label()
        title = Label()
        title.set_breakable_text(_with_short_words(notification.title))
        set_tooltip(title, notification.title if title.text() != notification.title else "")
        title.setProperty("role", "title")
        title.setWordWrap(True)
        self._close = close = QPushButton()
        close.setProperty("kind", "ghost")
        close.setAccessibleName(_("Close this notification"))
        close.setFixedSize(24, 24)
        close.setStyleSheet("min-height: 0px; padding: 0px;")
        close.clicked.connect(self.close)
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._icon)
        head.addWidget(title, 1)
        head.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 10, 12)
        layout.setSpacing(4)
        if profile is not None and profile.environment not in (None, Environment.LOCAL):
            badge = ProfileBadge()
            badge.show_profile(profile, connection)
            layout.addWidget(badge, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addLayout(head)
        for text, part in (
            (_sentence(notification.detail), "muted"),
            (_sentence(notification.advice), ""),
        ):
            if text:
                label = Label()
                label.set_breakable_text(_with_short_words(text))
                set_tooltip(label, text if label.text() != text else "")
                label.setWordWrap(True)
                label.setContentsMargins(24, 0, 12, 0)
                set_style_property(label, "role", part)
                layout.addWidget(label)
        self.buttons: list[QPushButton] = []
        self._focus_before: QWidget | None = None
        if notification.choices:
            row = QHBoxLayout()
            row.setContentsMargins(24, 6, 12, 0)
            row.setSpacing(8)
            for text, action in notification.choices:
                button = QPushButton(without_mnemonic(text))
                button.setAutoDefault(True)  # Enter presses it, like Space
                button.clicked.connect(self.close)
                button.clicked.connect(action)
                row.addWidget(button)
                self.buttons.append(button)
            row.addStretch(1)
            layout.addLayout(row)
        self.guard = TypingGuard(self, clock) if notification.is_question else None
        self.is_above = True
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.apply_theme()

    def take_focus(self) -> None:
        """Give the focus to a button; closing the card gives it back."""
        self._focus_before = self.window().focusWidget()
        self.buttons[self.notification.focused_choice].setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close a question on Esc; press the focused button on Enter."""
        if self.notification.is_question and event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            for button in self.buttons:
                if button.hasFocus():
                    button.click()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Give the focus back."""
        focused = self.window().focusWidget()
        has_focus = bool(focused) and self.isAncestorOf(focused)
        if has_focus and self._focus_before is not None:
            self._focus_before.setFocus(Qt.FocusReason.OtherFocusReason)
        super().closeEvent(event)

    def apply_theme(self) -> None:
        """Use the colors of the theme."""
        ratio = self.devicePixelRatioF()
        severity = self.notification.severity
        self._icon.setPixmap(icons.pixmap(_ICONS[severity], severity, 16, ratio))
        self._close.setIcon(icons.icon("close", SemanticColor.MUTED, 12))


class Notifications(QObject):
    """The notifications in the lower right corner of a widget, the newest at the bottom.

    Attributes:
        clock: returns monotonic seconds.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.clock: Callable[[], float] = time.monotonic
        self._parent = parent
        self._profile: Profile | None = None
        self._profile_label = ""
        self._right_margin = 0
        self._cards: list[NotificationCard] = []
        parent.installEventFilter(self)
        theme().changed.connect(self._apply_theme)

    def _apply_theme(self) -> None:
        for card in self._cards:
            card.apply_theme()

    def show_profile(self, profile: Profile, label: str) -> None:
        """Name the connection on the cards from now on, unless it is of this machine."""
        self._profile, self._profile_label = profile, label

    @property
    def shown(self) -> list[Notification]:
        """The notifications on the screen, the oldest first."""
        return [card.notification for card in self._cards]

    @property
    def cards(self) -> Sequence[NotificationCard]:
        """The cards of the notifications, the oldest first."""
        return tuple(self._cards)

    def show(self, notification: Notification) -> None:
        """Show a notification."""
        for key in filter(None, (notification.key, notification.ends)):
            self.dismiss(key)
        for card in [card for card in self._cards if card.notification.passes]:
            card.close()
        while len(self._cards) >= _MAX_CARDS:
            self._cards[0].close()
        card = NotificationCard(
            notification, self._parent, self._profile, self._profile_label, self.clock
        )
        card.destroyed.connect(self.place)
        card.installEventFilter(self)
        self._cards.append(card)
        card.show()
        self.place()
        text = " ".join(filter(None, (card.accessibleName(), card.accessibleDescription())))
        announce(card, text, urgent=notification.severity in ("warning", "bad"))
        if notification.is_question:
            card.take_focus()
        is_over_soon = notification.passes or notification.severity in ("good", "info")
        if is_over_soon and not notification.stays:
            timer = QTimer(card)
            timer.setObjectName("notification timeout")
            timer.setSingleShot(True)
            timer.timeout.connect(card.close)
            timer.start(round(notification.shown_s * 1000))

    def dismiss(self, key: str) -> None:
        """Close the notification with a key, if it is shown."""
        for card in [card for card in self._cards if card.notification.key == key]:
            card.close()

    def clear(self) -> None:
        """Close the notifications about the session, which is left."""
        for card in self._cards.copy():
            if not card.notification.outlives_session:
                card.close()

    def set_right_margin(self, width: int) -> None:
        """Keep a strip at the right edge free, `width` pixels wide."""
        self._right_margin = width
        self.place()

    def lower(self) -> None:
        """Note that details were opened: Esc closes them before the notifications of now."""
        for card in self._cards:
            card.is_above = False

    def dismiss_newest(self, *, only_above: bool = False, lasting: bool = False) -> bool:
        """Close the newest notification; return whether there was one.

        Args:
            only_above: whether only one counts that came after the details that are open.
            lasting: whether one counts that stays: it shows progress, and comes back.
        """
        for card in reversed(self._cards):
            if (lasting or not card.notification.stays) and (card.is_above or not only_above):
                card.close()
                return True
        return False

    def place(self) -> None:
        """Move the cards into the corner, above the current page."""
        bottom = self._parent.height() - _BOTTOM_MARGIN
        right = self._parent.width() - self._right_margin - _RIGHT_MARGIN
        for card in reversed(self._cards):
            card.resize(_WIDTH, card.heightForWidth(_WIDTH))
            bottom -= card.height()
            card.move(right - card.width(), bottom)
            card.raise_()
            bottom -= 8

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Follow the size of the parent, and remove closed cards."""
        if event.type() is QEvent.Type.Resize and watched is self._parent:
            self.place()
        elif event.type() is QEvent.Type.Close and isinstance(watched, NotificationCard):
            self._cards = [card for card in self._cards if card is not watched]
            self.place()
        return super().eventFilter(watched, event)


def _sentence(text: str) -> str:
    """Capitalize a sentence, unless its first word is a name such as `nats-server`.

    A single word is no sentence: it is a name too.
    """
    first, space, _rest = text.partition(" ")
    if not space:
        return text
    return text[:1].upper() + text[1:] if first.isalpha() and first.islower() else text


def _with_short_words(text: str) -> str:
    """Return a printable text without words that are wider than a line, and would be cut off.

    Subjects may be wrapped after a dot: their end says what has to be permitted.
    """
    return re.sub(rf"\S{{{_MAX_WORD + 1},}}", lambda word: _shortened(word[0]), printable(text))


def _shortened(word: str) -> str:
    if max(map(len, word.split("."))) < _MAX_WORD:
        return word.replace(".", ".\u200b")
    return _elided_in_the_middle(word)


def _elided_in_the_middle(word: str) -> str:
    return f"{word[: _MAX_WORD * 2 // 3]}…{word[-(_MAX_WORD // 3) :]}"
