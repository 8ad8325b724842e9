"""Top bar: environment, connection, command palette, pause, alerts, run task."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text import formats
from pulse_desktop.text.profile_text import environment_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.shell.actions import (
    OPEN_PALETTE,
    RUN_TASK,
    SHOW_ATTENTION,
    SHOW_CONNECTION,
    TOGGLE_PAUSE,
    ActionTable,
    shortcut_text,
)
from pulse_desktop.ui.table.filter_chip import FilterChip
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip, without_mnemonic
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.announcement import announce

_HEIGHT: Final = 48
_COMPACT_WIDTH: Final = 940
"""A narrower bar shows the state of the connection without round trip and problem."""
_ICON_WIDTH: Final = 1000
"""A narrower bar, as in the smallest window, shows the palette as an icon."""


_STATE_COLORS: Final = {
    "connected": SemanticColor.GOOD,
    "connecting": SemanticColor.WARNING,
    "reconnecting": SemanticColor.WARNING,
    "closed": SemanticColor.FAINT,
}
_STATE_TEXTS: Final = {
    "connected": _("connected"),
    "connecting": _("connecting"),
    "reconnecting": _("reconnecting"),
    "closed": _("closed"),
}


class PaletteField(QPushButton):
    """A button that has the appearance of a search field and opens the palette."""

    def __init__(self, shortcut: str) -> None:
        super().__init__()
        self._shortcut = shortcut
        self.setAccessibleName(OPEN_PALETTE.title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._compact = False
        self.set_compact(compact=False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_compact(self, *, compact: bool) -> None:
        """Show only the icon, for a narrow window, or the text and the shortcut too."""
        self._compact = compact
        self.setMinimumWidth(36 if compact else 200)
        self.setMaximumWidth(36 if compact else 380)
        self.update()

    def sizeHint(self) -> QSize:
        """Return the preferred size."""
        return QSize(36 if self._compact else 360, super().sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the frame of a button with the content of a search field."""
        super().paintEvent(event)
        painter = QPainter(self)
        colors = theme()
        icons.paint(painter, "search", SemanticColor.FAINT, 10, (self.height() - 14) / 2, 14)
        if self._compact:
            return
        painter.setPen(colors.color(SemanticColor.FAINT))
        inner = self.rect().adjusted(31, 0, -11, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(colors.number_font(step=-1))
        shortcut = painter.boundingRect(inner, middle | Qt.AlignmentFlag.AlignRight, self._shortcut)
        painter.drawText(inner, middle | Qt.AlignmentFlag.AlignRight, self._shortcut)
        inner.setRight(shortcut.left() - 10)
        painter.setFont(colors.text_font())
        text = painter.fontMetrics().elidedText(
            _("Search or run a command…"), Qt.TextElideMode.ElideRight, inner.width()
        )
        painter.drawText(inner, middle, text)


class TopBar(QWidget):
    """The top bar.

    Attributes:
        environment: badge with the kind of system, such as PRODUCTION.
        switcher: button with the menu of connections.
        state: state of the connection.
        palette_field: opens the command palette.
        pause: pauses the tables.
        alerts: number of attention items.
        run: opens the run form.

    Signals:
        connection_chosen: key of the connection to switch to.
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
        self._connection_actions: Sequence[QAction] = ()
        self._spoken_state = _("not connected")
        self._state_texts = (self._spoken_state, self._spoken_state)
        self.environment = Label()
        self.environment.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.switcher = QPushButton()
        self.switcher.setAccessibleName(_("Connection"))
        self.switcher.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.state = QPushButton()
        self.state.setProperty("kind", "state")
        self.palette_field = PaletteField(shortcut_text(OPEN_PALETTE))
        self.pause = QPushButton(_("Live"))
        self.alerts = FilterChip(_("Alerts"), "bell")
        self.run = QPushButton(_("Run task"))
        self.run.setProperty("kind", "primary")
        self._lay_out()
        actions.bind_button(self.palette_field, OPEN_PALETTE)
        actions.bind_button(self.state, SHOW_CONNECTION)
        actions.bind_button(self.pause, TOGGLE_PAUSE)
        actions.bind_button(self.alerts, SHOW_ATTENTION)
        actions.bind_button(self.run, RUN_TASK)
        self.environment.hide()
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self._show_state()

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 0, 14, 0)
        layout.setSpacing(10)
        layout.addWidget(self.environment)
        layout.addWidget(self.switcher)
        layout.addWidget(self.state)
        layout.addStretch(1)
        layout.addWidget(self.palette_field, 6)
        layout.addStretch(1)
        layout.addWidget(self.pause)
        layout.addWidget(self.alerts)
        layout.addWidget(self.run)

    def show_profile(self, profile: Profile, label: str) -> None:
        """Show the profile of the connection: its environment, its color and how it is called."""
        environment = profile.environment
        self._set_environment("" if environment is None else environment_text(environment))
        self.set_connections([(profile.name, label)], profile.name)

    def _set_environment(self, name: str, color: str = "plain") -> None:
        set_style_property(self.environment, "badge", color)
        self.environment.setText(name.upper())
        self.environment.setVisible(bool(name))
        self.environment.setAccessibleName(_("Environment: {name}").format(name=name))

    def set_connection_actions(self, actions: Sequence[QAction]) -> None:
        """Add actions to the menu of connections, at the next `set_connections`."""
        self._connection_actions = actions

    def set_connections(self, names: Sequence[tuple[str, str]], current: str) -> None:
        """Fill the menu of connections, pairs of key and name, and show the current one."""
        by_key = dict(names)
        self.switcher.setText(without_mnemonic(by_key.get(current, current)))
        set_tooltip(self.switcher, _("Connection"))
        menu = QMenu(self.switcher)
        # The button has its arrow at the end because its layout is right to left; not so its menu.
        menu.setLayoutDirection(QGuiApplication.layoutDirection())
        group = QActionGroup(menu)
        for key, name in names:
            entry = menu.addAction(without_mnemonic(name))
            entry.setCheckable(True)
            entry.setChecked(key == current)
            group.addAction(entry)
            entry.triggered.connect(
                lambda _checked=False, key=key: self.connection_chosen.emit(key)
            )
        if self._connection_actions:
            menu.addSeparator()
            menu.addActions(self._connection_actions)
        old = self.switcher.menu()
        self.switcher.setMenu(menu)
        if old is not None:
            old.deleteLater()

    def set_connection(self, connection: ConnectionStatus) -> None:
        """Show the state of the connection."""
        state = _STATE_TEXTS[connection.state]
        rtt = formats.duration(connection.rtt_s)
        text = self._spoken_state = state
        if connection.state == "connected":
            if rtt:
                text = _("{state} · {rtt}").format(state=state, rtt=rtt)
        elif connection.problem:
            problem = formats.elided(connection.problem, 60)
            text = _("{state} · {problem}").format(state=state, problem=problem)
            self._spoken_state = text
        lines = (connection.server, connection.problem, connection.advice)
        set_tooltip(self.state, "\n".join(filter(None, lines)))
        self._state_texts = (text, state)
        color = _STATE_COLORS.get(connection.state, SemanticColor.FAINT)
        if color is not self._color:
            self._color = color
            self._apply_theme()
        self._show_state()

    def set_paused(self, paused: bool) -> None:
        """Show whether the tables of the page are paused."""
        if paused != self._paused:
            self._paused = paused
            self.pause.setText(_("Paused") if paused else _("Live"))
            self.pause.setAccessibleName(self.pause.text())
            self._apply_theme()

    def set_alerts(self, count: int) -> None:
        """Show the number of attention items."""
        self.alerts.set_count(formats.count(count) if count else "")
        self.alerts.set_color(SemanticColor.BAD if count else SemanticColor.MUTED)

    def _show_state(self) -> None:
        compact = self.width() < _COMPACT_WIDTH
        text = self._state_texts[compact]
        self.state.setText(without_mnemonic(text))
        self.palette_field.set_compact(compact=self.width() < _ICON_WIDTH)
        name = _("Connection: {state}").format(state=self._spoken_state)
        if name != self.state.accessibleName():
            self.state.setAccessibleName(name)
            announce(self.state, name, urgent=self._color is not SemanticColor.GOOD)

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.state, "dot", self._color, 12)
        icons.set_button_icon(self.switcher, "chevron-down", SemanticColor.MUTED, 12)
        name, color = (
            ("play", SemanticColor.WARNING) if self._paused else ("pause", SemanticColor.TEXT)
        )
        icons.set_button_icon(self.pause, name, color)
        icons.set_button_icon(self.run, "plus", "on_accent")

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the state of the connection in a narrow window."""
        super().resizeEvent(event)
        self._show_state()
