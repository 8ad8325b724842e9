"""Status bar: message rate, losses, and the cost of this program."""

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.announcement import announce


@dataclass(frozen=True, slots=True)
class StatusFigures:
    """The figures of the status bar. One that was not measured is None and left blank.

    Attributes:
        topics_alive: number of topics with recent events.
        topics_total: number of topics.
        events_per_s: events per second, over the last seconds.
        received: messages since the start.
        dropped: messages lost because the arrival queue was full or the server dropped them.
        gaps_open: times in which messages were missed that no history covers.
        gaps_filled: times in which messages were missed that were filled from history.
        waiting: messages received and not shown yet.
        render_s: seconds per frame, smoothed.
        memory_bytes: resident memory of this process.
        server: such as `NATS 2.15.1`.
        as_of: until when the figures are true, such as "as of 22:34:55"; empty while they are.
        history: which part of the stored history was read, empty for all of it.
        history_problem: why older history cannot be read, empty if it can.
        gap_reasons: what happened in the gaps, sentences without their full stops.
    """

    topics_alive: int | None = None
    topics_total: int = 7
    events_per_s: float | None = None
    received: int | None = None
    dropped: int | None = None
    gaps_open: int = 0
    gaps_filled: int = 0
    waiting: int = 0
    render_s: float | None = None
    memory_bytes: int | None = None
    server: str = ""
    as_of: str = ""
    history: str = ""
    history_problem: str = ""
    gap_reasons: tuple[str, ...] = ()


_MESSAGE_MS: Final = 2_500
_MAX_BACKLOG: Final = 1000
"""A larger backlog of messages is shown."""
_LEFT: Final = ("as_of", "topics", "rate", "received", "dropped", "gaps", "waiting", "history")
_RIGHT: Final = ("render", "memory", "server")
_HIDDEN_FIRST: Final = ("memory", "render", "received", "rate")
"""Labels that are hidden in a narrow window, in this order."""


_HISTORY_TOOLTIP: Final = _(
    "The newest part of the stored history is shown first, then what is older. Pages, counts and "
    "charts reach no further back than what was read"
)


class StatusBar(QWidget):
    """The status bar.

    Attributes:
        labels: by name: as_of, topics, rate, received, dropped, gaps, waiting, history, render,
            memory, server.
        message: a short message in their place, for a few seconds.

    Signals:
        clicked: name of the label that was clicked, "" beside them.
    """

    clicked = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(_("Status"))
        self.setFixedHeight(26)
        self.labels = {name: Label() for name in _LEFT + _RIGHT}
        self._dot = Label()
        self._dot_color: SemanticColor | None = None
        self._stale = False
        self._fitted: tuple[int, list[str]] | None = None
        layout = self._layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 14, 0)
        layout.setSpacing(18)
        # Labels that do not fit are hidden: the bar must not limit the width of the window.
        layout.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        first = QHBoxLayout()
        first.setSpacing(5)
        first.addWidget(self._dot)
        first.addWidget(self.labels["as_of"])
        layout.addLayout(first)
        for name in _LEFT[1:]:
            layout.addWidget(self.labels[name])
        layout.addStretch(1)
        for name in _RIGHT:
            layout.addWidget(self.labels[name])
        for label in self.labels.values():
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self.message = Label(parent=self)
        self.message.hide()
        self._message_timer = QTimer(self, interval=_MESSAGE_MS, singleShot=True)
        self._message_timer.setObjectName("status message")
        self._message_timer.timeout.connect(self.message.hide)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._set_tooltips()
        theme().changed.connect(self._apply_theme)
        self.show_figures(StatusFigures())

    def show_figures(self, figures: StatusFigures) -> None:
        """Show current figures."""
        alive, total = figures.topics_alive, figures.topics_total
        self._stale = bool(figures.as_of)
        self._show("as_of", figures.as_of, "warning")
        self._show(
            "topics",
            "" if alive is None else _("{alive}/{total} topics").format(alive=alive, total=total),
        )
        rate = formats.rate(figures.events_per_s).removesuffix("/s")
        self._show("rate", _("{rate} events/s").format(rate=rate) if rate else "")
        received, dropped = formats.count(figures.received), formats.count(figures.dropped)
        self._show("received", _("{count} received").format(count=received) if received else "")
        self._show(
            "dropped",
            _("{count} dropped").format(count=dropped) if dropped else "",
            "bad" if figures.dropped else "",
        )
        self._show_gaps(figures.gaps_open, figures.gaps_filled)
        tip = _("Times in which messages were missed, and whether history covers them")
        set_tooltip(
            self.labels["gaps"], "\n".join((tip, *map(formats.sentence, figures.gap_reasons)))
        )
        self._show("history", figures.history, "warning" if figures.history_problem else "")
        set_tooltip(self.labels["history"], figures.history_problem or _HISTORY_TOOLTIP)
        waiting = formats.count(figures.waiting) if figures.waiting > _MAX_BACKLOG else ""
        self._show(
            "waiting", _("{count} waiting").format(count=waiting) if waiting else "", "warning"
        )
        frame, memory = formats.duration(figures.render_s), formats.size(figures.memory_bytes)
        self._show("render", _("render {duration}").format(duration=frame) if frame else "")
        self._show("memory", _("memory {size}").format(size=memory) if memory else "")
        self._show("server", figures.server)
        good = not self._stale and alive is not None and alive == total and not figures.dropped
        color = (
            SemanticColor.FAINT
            if alive is None and not self._stale
            else SemanticColor.GOOD
            if good
            else SemanticColor.WARNING
        )
        if color is not self._dot_color:
            self._dot_color = color
            self._apply_theme()
        self._hide_what_does_not_fit()

    def show_message(self, text: str) -> None:
        """Show a short message for a few seconds, in the middle of the bar."""
        self.message.setText(text)
        self.message.setAccessibleName(text)
        set_style_property(self.message, "badge", "good")
        self.message.adjustSize()
        self.message.setFixedWidth(min(self.message.sizeHint().width(), self.width() - 24))
        self._place_message()
        self.message.show()
        self.message.raise_()
        announce(self.message, text)
        self._message_timer.start()

    def _place_message(self) -> None:
        size = self.message.size()
        left, top = (self.width() - size.width()) // 2, (self.height() - size.height()) // 2
        self.message.move(left, top)

    def _show_gaps(self, still_open: int, filled: int) -> None:
        if still_open:
            text = ngettext("{count} gap in the record", "{count} gaps in the record", still_open)
            self._show("gaps", text.format(count=formats.count(still_open)), "bad")
        elif filled:
            text = ngettext(
                "{count} gap filled from history", "{count} gaps filled from history", filled
            )
            self._show("gaps", text.format(count=formats.count(filled)), "warning")
        else:
            self._show("gaps", "")

    def _show(self, name: str, text: str, color: str = "") -> None:
        label = self.labels[name]
        if label.text() != text:
            label.setText(text)
            label.setVisible(bool(text))
        elif not text:
            label.hide()  # an empty label would still take the spacing around it
        set_style_property(label, "color", "faint" if self._stale and name != "as_of" else color)

    def _apply_theme(self) -> None:
        self._fitted = None
        ratio = self.devicePixelRatioF()
        self._dot.setPixmap(icons.pixmap("dot", self._dot_color or SemanticColor.FAINT, 12, ratio))

    def _hide_what_does_not_fit(self) -> None:
        fitted = (self.width(), [label.text() for label in self.labels.values()])
        if fitted == self._fitted:
            return  # the layout computes the sizes of all labels again
        self._fitted = fitted
        for name in _HIDDEN_FIRST:
            self.labels[name].setVisible(bool(self.labels[name].text()))
        for name in _HIDDEN_FIRST:
            if self._layout.minimumSize().width() <= self.width():
                break
            self.labels[name].hide()

    def _set_tooltips(self) -> None:
        for name, tip in (
            ("as_of", _("There is no connection: nothing newer is known")),
            ("topics", _("Topics with recent events. Click to show the events")),
            ("rate", _("Events of all topics, over the last seconds. Click to show the events")),
            (
                "received",
                _(
                    "Messages received since the window was opened, including history: events, "
                    "queued tasks, and updates of the result bucket, which the Events page does "
                    "not list"
                ),
            ),
            ("dropped", _("Messages lost because they arrived faster than they could be read")),
            ("waiting", _("Messages received and not shown yet")),
            ("render", _("Time per frame: processing events and updating this page")),
            ("memory", _("Resident memory of this program")),
        ):
            set_tooltip(self.labels[name], tip)

    def minimumSizeHint(self) -> QSize:
        """Return no minimum width."""
        return QSize(0, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Hide labels that do not fit."""
        super().resizeEvent(event)
        self._hide_what_does_not_fit()
        self._place_message()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell what was clicked."""
        super().mouseReleaseEvent(event)
        if event.button() is Qt.MouseButton.LeftButton and self.rect().contains(
            event.position().toPoint()
        ):
            clicked = self.childAt(event.position().toPoint())
            names = (name for name, label in self.labels.items() if label is clicked)
            self.clicked.emit(next(names, ""))
