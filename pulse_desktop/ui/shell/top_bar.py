"""Top bar: environment, connection, command palette, pause, alerts, run task."""

from typing import Final

from PySide6.QtCore import QEvent, QObject, QPoint, QSize, Qt
from PySide6.QtGui import (
    QGuiApplication,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QSizePolicy, QWidget

from pulse_desktop.model.connection_status import ConnectionStatus
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text import formats
from pulse_desktop.text.option_text import with_captions
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.connection_phase import OFFLINE, Phase
from pulse_desktop.ui.page.actions import ActionTable, shortcut_text
from pulse_desktop.ui.shell.actions import (
    OPEN_PALETTE,
    RUN_TASK,
    SHOW_ATTENTION,
    SHOW_CONNECTION,
    TOGGLE_PAUSE,
    TOGGLE_READ_ONLY,
)
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.time.range_button import RangeButton
from pulse_desktop.ui.time.window_time import WindowTime
from pulse_desktop.ui.widgets.act_button import ActButton
from pulse_desktop.ui.widgets.announcement import announce
from pulse_desktop.ui.widgets.elided_button import ElidedButton
from pulse_desktop.ui.widgets.filter_chip import FilterChip
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge

_HEIGHT: Final = 48
_GAP: Final = 6
"""Pixels beside the search field, besides the usual space."""
_SHORTEST_STATE: Final = 13
"""Characters of the state that are never cut, such as "reconnecting"."""
_COMPACT_WIDTH: Final = 940
"""A narrower bar shows the state of the connection without round trip and problem."""
_FIELD_WIDTH: Final = 200
"""Least width of the field of the palette."""
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
        self.setMinimumWidth(36 if compact else _FIELD_WIDTH)
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
        read_only: whether actions on the server are refused; a click changes it.
        switcher: button with the menu of connections.
        state: state of the connection.
        palette_field: opens the command palette.
        time_range: shows the time range and opens the list of them.
        pause: pauses the tables.
        alerts: number of attention items.
        run: opens the run form.

    """

    def __init__(
        self, actions: ActionTable, window_time: WindowTime, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(_HEIGHT)
        self._actions = actions
        self._color = SemanticColor.FAINT
        self._paused = False
        self._phase = Phase.LIVE
        self._spoken_state = _("not connected")
        self._state_texts = (self._spoken_state, self._spoken_state)
        self._state_details = ""
        self.environment = ProfileBadge()
        self.read_only = QPushButton()
        self._is_read_only = False
        self.switcher = ElidedButton()
        self.switcher.setAccessibleName(_("Connection"))
        self.switcher.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
        self.state = ElidedButton(shortest=_SHORTEST_STATE)
        self.state.setProperty("kind", "state")
        self.palette_field = PaletteField(shortcut_text(OPEN_PALETTE))
        self.time_range = RangeButton(window_time)
        window_time.changed.connect(self._show_liveness)
        self._time = window_time
        self.pause = QPushButton(_("Live"))
        self.alerts = FilterChip(_("Alerts"), "bell")
        self.run = ActButton(_("Run task"))
        self.run.setProperty("kind", "primary")
        self._lay_out()
        actions.bind_button(self.palette_field, OPEN_PALETTE)
        actions.bind_button(self.state, SHOW_CONNECTION)
        actions.bind_button(self.read_only, TOGGLE_READ_ONLY)
        actions.bind_button(self.pause, TOGGLE_PAUSE)
        actions.bind_button(self.alerts, SHOW_ATTENTION)
        actions.bind_button(self.run, RUN_TASK)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self._show_state()

    def _lay_out(self) -> None:
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 0, 14, 0)
        layout.setSpacing(10)
        layout.addWidget(self.environment)
        layout.addWidget(self.read_only)
        layout.addWidget(self.switcher)
        layout.addWidget(self.state)
        layout.addSpacing(_GAP)
        layout.addStretch(1)
        layout.addWidget(self.palette_field, 6)
        layout.addSpacing(_GAP)
        layout.addStretch(1)
        layout.addWidget(self.time_range)
        layout.addWidget(self.pause)
        layout.addWidget(self.alerts)
        layout.addWidget(self.run)

    def show_profile(self, profile: Profile, label: str) -> None:
        """Show the profile of the connection: its environment, its color and how it is called."""
        self.environment.show_profile(profile)
        self.switcher.show_text(label)
        name = _("Connection: {name}").format(name=printable_cell(label))
        self.switcher.setAccessibleName(name)

    def set_connection_menu(self, menu: QMenu) -> None:
        """Show a menu below the name of the connection."""
        # The button has its arrow at the end because its layout is right to left; not so its menu.
        menu.setLayoutDirection(QGuiApplication.layoutDirection())
        menu.installEventFilter(self)
        self.switcher.setMenu(menu)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Place the menu of connections below the beginning of its button."""
        if event.type() is QEvent.Type.Show and isinstance(watched, QMenu):
            # Qt places the menu of a button whose layout is right to left below its end.
            below = self.switcher.mapToGlobal(QPoint(0, self.switcher.height()))
            screen = self.switcher.screen().availableGeometry()
            left = min(below.x(), screen.right() + 1 - watched.width())
            watched.move(max(left, screen.left()), watched.y())
        return super().eventFilter(watched, event)

    def set_read_only(self, read_only: bool, *, can_change: bool = True) -> None:
        """Show whether actions on the server are refused, and whether that can be changed now."""
        self.read_only.setEnabled(can_change)
        if read_only != self._is_read_only:
            self._is_read_only = read_only
            self._show_read_only()

    def _show_read_only(self) -> None:
        read_only = self._is_read_only
        self.read_only.setText(_("Read-only") if read_only else "")
        name = _("Read-only: actions are refused") if read_only else _("Actions are allowed")
        self.read_only.setAccessibleName(name)
        set_tooltip(self.read_only, _("{state}. Click to change").format(state=name))
        color = SemanticColor.WARNING if read_only else SemanticColor.FAINT
        icons.set_button_icon(self.read_only, "lock" if read_only else "unlock", color)

    def open_connections(self) -> None:
        """Open the menu of connections, without waiting for a choice."""
        menu = self.switcher.menu()
        if menu is not None:
            menu.popup(self.switcher.mapToGlobal(QPoint(0, self.switcher.height())))

    def set_connection(self, connection: ConnectionStatus) -> None:
        """Show the state of the connection."""
        state = _STATE_TEXTS[connection.state]
        if connection.is_login_refused and connection.state != "connected":
            state = _("login refused")
        rtt = formats.duration(connection.rtt_s)
        text = self._spoken_state = state
        if connection.recording:
            text = self._spoken_state = state = _("recording")
        elif connection.state == "connected":
            if rtt:
                text = _("{state} · {rtt}").format(state=state, rtt=rtt)
        elif connection.problem and connection.state != "closed":  # the banner has the reason
            problem = formats.elided(connection.problem, 60)
            text = _("{state} · {problem}").format(state=state, problem=problem)
            self._spoken_state = text
        lines = (connection.server, connection.problem, with_captions(connection.advice))
        self._state_details = "\n".join(filter(None, lines))
        self._state_texts = (text, state)
        color = _STATE_COLORS.get(connection.state, SemanticColor.FAINT)
        if connection.recording:
            color = SemanticColor.ACCENT
        if color is not self._color:
            self._color = color
            self._apply_theme()
        self._show_state()

    def set_paused(self, paused: bool) -> None:
        """Show whether the tables of the page are paused."""
        if paused != self._paused:
            self._paused = paused
            self._show_liveness()

    def set_phase(self, phase: Phase) -> None:
        """Show that nothing new arrives without a connection, and that history is being read."""
        if phase is not self._phase:
            self._phase = phase
            self._show_liveness()

    def _show_liveness(self) -> None:
        text = _("Paused") if self._paused else _("Live") if self._time.is_live else _("Past")
        if self._phase in OFFLINE:
            text = _("Offline")
        elif self._phase is Phase.REPLAYING and not self._paused:
            text = _("History")
        elif self._phase is Phase.RECORDING and not self._paused:
            text = _("Recording")
        self.pause.setText(text)
        self.pause.setAccessibleName(text)
        self._apply_theme()

    def set_alerts(self, count: int | None, *, more: bool = False) -> None:
        """Show the number of attention items, None if it is unknown.

        Args:
            count: number of items.
            more: whether there are more than could be counted.
        """
        text = formats.count(count) if count else ""
        if more:
            text = _("{count}+").format(count=text)
        self.alerts.set_count(_("unknown") if count is None else text)
        self.alerts.set_color(SemanticColor.BAD if count else SemanticColor.MUTED)

    def _show_state(self) -> None:
        shows_problem = self._color is not SemanticColor.GOOD
        compact = self.width() < (_ICON_WIDTH if shows_problem else _COMPACT_WIDTH)
        text = self._state_texts[compact]
        short = "" if shows_problem else self._state_texts[True]
        self.state.show_text(text, self._state_details, short)
        self._fit_palette()
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
        if self._phase in OFFLINE:
            name, color = "ring", SemanticColor.WARNING
        icons.set_button_icon(self.pause, name, color)
        icons.set_button_icon(self.run, "plus", "on_accent")
        self._show_read_only()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Shorten the state of the connection in a narrow window."""
        super().resizeEvent(event)
        self._show_state()
        self._reserve_name()

    def event(self, event: QEvent) -> bool:
        """Keep room for the name of the connection when anything beside it changes its size."""
        if event.type() is QEvent.Type.LayoutRequest:
            self._fit_palette()
            self._reserve_name()
        return super().event(event)

    def minimumSizeHint(self) -> QSize:
        """Return the size that is needed when the name is cut: the window can be that narrow."""
        hint = super().minimumSizeHint()
        return QSize(hint.width() - self._reserved_width(), hint.height())

    def _fit_palette(self) -> None:
        """Show the field as an icon rather than cut the time range."""
        field, time_range = self.palette_field, self.time_range
        others = self.minimumSizeHint().width() - field.minimumWidth()
        wanted = time_range.sizeHint().width() - time_range.minimumSizeHint().width()
        is_tight = self.width() < others + _FIELD_WIDTH + wanted
        field.set_compact(compact=is_tight or self.width() < _ICON_WIDTH)

    def _reserved_width(self) -> int:
        """Return how much wider the name is kept than it has to be."""
        kept = self.switcher.minimumWidth()
        return kept - self.switcher.minimumSizeHint().width() if kept else 0

    def _reserve_name(self) -> None:
        """Let everything else become narrower before the name of the connection is cut."""
        room = self.width() - self.minimumSizeHint().width()
        name = self.switcher
        shortest, whole = name.minimumSizeHint().width(), name.sizeHint().width()
        width = min(whole, shortest + max(0, room))
        if name.minimumWidth() != width:
            name.setMinimumWidth(width)
