"""The bar at the top: where we are connected, and what can be done from anywhere."""

from collections.abc import Sequence
from typing import Final, Protocol

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.shell.actions import (
    OPEN_PALETTE,
    RUN_TASK,
    SHOW_ATTENTION,
    TOGGLE_PAUSE,
    ActionTable,
    shortcut_text,
)
from pulse_desktop.ui.table.filter_chip import FilterChip
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

_HEIGHT: Final = 48
_COMPACT: Final = 940


class ConnectionView(Protocol):
    """What is shown of a connection; `pulse_desktop.transport` has it."""

    @property
    def state(self) -> str:
        """Connecting, connected, reconnecting or closed."""

    @property
    def server(self) -> str:
        """Address with its secrets masked."""

    @property
    def problem(self) -> str:
        """The last failure in plain words, or nothing."""

    @property
    def advice(self) -> str:
        """What to do about it, or nothing."""

    @property
    def rtt_s(self) -> float | None:
        """Round trip in seconds, if measured."""


_STATE_COLORS: Final = {
    "connected": SemanticColor.GOOD,
    "connecting": SemanticColor.WARNING,
    "reconnecting": SemanticColor.WARNING,
    "closed": SemanticColor.FAINT,
}


class PaletteField(QPushButton):
    """Looks like a field, and opens the palette."""

    def __init__(self, shortcut: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shortcut = shortcut
        self.setAccessibleName("Search or run a command")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(150)
        self.setMaximumWidth(380)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        """Return the width it would like."""
        return QSize(360, super().sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the frame of a button, and a search field's content in it."""
        super().paintEvent(event)
        painter = QPainter(self)
        colors = theme()
        icons.paint(painter, "search", SemanticColor.FAINT, 10, (self.height() - 14) / 2, 14)
        painter.setPen(colors.color(SemanticColor.FAINT))
        inner = self.rect().adjusted(31, 0, -11, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(colors.number_font(step=-1))
        taken = painter.boundingRect(inner, middle | Qt.AlignmentFlag.AlignRight, self._shortcut)
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, self._shortcut)
        inner.setRight(taken.left() - 10)
        painter.setFont(colors.text_font())
        text = painter.fontMetrics().elidedText(
            "Search or run a command…", Qt.TextElideMode.ElideRight, inner.width()
        )
        painter.drawText(inner, middle, text)


class TopBar(QWidget):
    """Environment, connection, palette, pause, alerts, run.

    Signals:
        connection_chosen: key of another connection.
    """

    connection_chosen = Signal(str)

    def __init__(self, actions: ActionTable, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(_HEIGHT)
        self._actions = actions
        self._color = SemanticColor.FAINT
        self._paused = False
        self._offered: Sequence[QAction] = ()
        self._state_words = ("not connected", "not connected")
        self.environment = QLabel()
        self.environment.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.switcher = QPushButton()
        self.switcher.setAccessibleName("Connection")
        self.switcher.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self._dot = QLabel()
        self.state = QLabel()
        self.state.setProperty("role", "muted")
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.palette_field = PaletteField(shortcut_text(OPEN_PALETTE))
        self.pause = QPushButton("Live")
        self.alerts = FilterChip("Alerts", "bell")
        self.run = QPushButton("Run task")
        self.run.setProperty("kind", "primary")
        self._lay_out()
        actions.bind_button(self.palette_field, OPEN_PALETTE)
        actions.bind_button(self.pause, TOGGLE_PAUSE)
        actions.bind_button(self.alerts, SHOW_ATTENTION)
        actions.bind_button(self.run, RUN_TASK)
        self.environment.hide()
        theme().changed.connect(self._tint)
        self._tint()
        self._say_state()

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 0, 14, 0)
        layout.setSpacing(10)
        state = QHBoxLayout()
        state.setSpacing(5)
        state.addWidget(self._dot)
        state.addWidget(self.state)
        layout.addWidget(self.environment)
        layout.addWidget(self.switcher)
        layout.addLayout(state)
        layout.addStretch(1)
        layout.addWidget(self.palette_field, 6)
        layout.addStretch(1)
        layout.addWidget(self.pause)
        layout.addWidget(self.alerts)
        layout.addWidget(self.run)

    def set_environment(self, name: str, color: str = "plain") -> None:
        """Say what kind of system this is, such as PRODUCTION in the color "bad"."""
        set_style_property(self.environment, "badge", color)
        self.environment.setText(name.upper())
        self.environment.setVisible(bool(name))
        self.environment.setAccessibleName(f"Environment: {name}")

    def offer(self, actions: Sequence[QAction]) -> None:
        """Offer actions about the connection in its menu, from the next `set_connections` on."""
        self._offered = actions

    def set_connections(self, names: Sequence[tuple[str, str]], current: str) -> None:
        """Offer connections as (key, name) and show the current one."""
        by_key = dict(names)
        self.switcher.setText(_without_mnemonic(by_key.get(current, current)))
        self.switcher.setToolTip("Connection")
        menu = QMenu(self.switcher)
        # The button has its arrow on the far side by running the other way; its menu does not.
        menu.setLayoutDirection(QGuiApplication.layoutDirection())
        group = QActionGroup(menu)
        for key, name in names:
            entry = menu.addAction(_without_mnemonic(name))
            entry.setCheckable(True)
            entry.setChecked(key == current)
            group.addAction(entry)
            entry.triggered.connect(lambda _=False, key=key: self.connection_chosen.emit(key))
        if self._offered:
            menu.addSeparator()
            menu.addActions(self._offered)
        old = self.switcher.menu()
        self.switcher.setMenu(menu)
        if old is not None:
            old.deleteLater()

    def set_connection(self, connection: ConnectionView) -> None:
        """Say how the connection stands."""
        words = connection.state
        rtt = formats.duration(connection.rtt_s)
        long = f"{words} · {rtt}" if rtt and words == "connected" else words
        if connection.problem and words != "connected":
            long = f"{words} · {formats.elided(connection.problem, 60)}"
        lines = (connection.server, connection.problem, connection.advice)
        self.state.setToolTip(plain_tooltip("\n".join(filter(None, lines))))
        self._state_words = (long, words)
        self._say_state()
        color = _STATE_COLORS.get(connection.state, SemanticColor.FAINT)
        if color is not self._color:
            self._color = color
            self._tint()

    def set_paused(self, paused: bool) -> None:
        """Show whether this page stands still."""
        if paused != self._paused:
            self._paused = paused
            self.pause.setText("Paused" if paused else "Live")
            self.pause.setAccessibleName("Paused" if paused else "Live")
            self._tint()

    def set_alerts(self, count: int) -> None:
        """Say how many things need somebody."""
        self.alerts.set_count(formats.count(count) if count else "")
        self.alerts.set_color(SemanticColor.BAD if count else SemanticColor.MUTED)

    def _say_state(self) -> None:
        compact = self.width() < _COMPACT
        self.state.setText(self._state_words[compact])

    def _tint(self) -> None:
        self._dot.setPixmap(icons.pixmap("dot", self._color, 12, self.devicePixelRatioF()))
        icons.set_button_icon(self.switcher, "chevron-down", SemanticColor.MUTED, 12)
        name, color = (
            ("play", SemanticColor.WARNING) if self._paused else ("pause", SemanticColor.TEXT)
        )
        icons.set_button_icon(self.pause, name, color)
        icons.set_button_icon(self.run, "plus", "on_accent")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say less when there is less room."""
        super().resizeEvent(event)
        self._say_state()


def _without_mnemonic(name: str) -> str:
    """Keep an ampersand in a name from underlining the next letter."""
    return name.replace("&", "&&")
