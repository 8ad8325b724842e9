"""The line at the bottom: what arrives, what was lost, and what it costs."""

from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme


@dataclass(frozen=True, slots=True)
class StatusFigures:
    """What the status bar says; what was not measured is None and left blank.

    Attributes:
        topics_alive: of the seven, how many have been heard of lately.
        topics_total: seven.
        events_per_s: over the last seconds.
        received: messages since the start.
        dropped: messages lost because the inbox was full or the server cut us off.
        gaps_open: times without connection that no history fills.
        gaps_filled: times without connection that history filled.
        waiting: messages received and not shown yet.
        render_s: seconds the last frames took.
        memory_bytes: resident memory of this process.
        server: what is connected to, such as `NATS 2.15.1`.
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


_LEFT: Final = ("topics", "rate", "received", "dropped", "gaps", "waiting")
_RIGHT: Final = ("render", "memory", "server")
_GIVES_WAY: Final = ("memory", "render", "received", "rate")
"""What goes first when the window is narrow."""
_RECEIVED: Final = (
    "Messages received since the window was opened, history included: events, queued tasks, and "
    "news of the bucket of results, which the Events page does not list"
)


class StatusBar(QWidget):
    """Figures in one line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("statusBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Status")
        self.setFixedHeight(26)
        self.labels = {name: QLabel() for name in _LEFT + _RIGHT}
        self._dot = QLabel()
        self._dot_color: SemanticColor | None = None
        layout = self._layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 0, 14, 0)
        layout.setSpacing(18)
        # What does not fit is left out: the bar must not keep the window wide.
        layout.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)
        first = QHBoxLayout()
        first.setSpacing(5)
        first.addWidget(self._dot)
        first.addWidget(self.labels["topics"])
        layout.addLayout(first)
        for name in _LEFT[1:]:
            layout.addWidget(self.labels[name])
        layout.addStretch(1)
        for name in _RIGHT:
            layout.addWidget(self.labels[name])
        for label in self.labels.values():
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._explain()
        theme().changed.connect(self._tint)
        self.show_figures(StatusFigures())

    def show_figures(self, figures: StatusFigures) -> None:
        """Say how it stands now."""
        alive, total = figures.topics_alive, figures.topics_total
        self._say("topics", "" if alive is None else f"{alive}/{total} topics")
        rate = formats.rate(figures.events_per_s).removesuffix("/s")
        self._say("rate", f"{rate} events/s" if rate else "")
        self._say("received", _with_unit(formats.count(figures.received), "received"))
        dropped = figures.dropped
        self._say(
            "dropped", _with_unit(formats.count(dropped), "dropped"), "bad" if dropped else ""
        )
        self._say_gaps(figures.gaps_open, figures.gaps_filled)
        behind = figures.waiting > 1000
        self._say(
            "waiting", f"{formats.count(figures.waiting)} waiting" if behind else "", "warning"
        )
        self._say("render", _with_unit("render", formats.duration(figures.render_s)))
        self._say("memory", _with_unit("memory", formats.size(figures.memory_bytes)))
        self._say("server", figures.server)
        good = alive is not None and alive == total and not dropped
        color = (
            SemanticColor.FAINT
            if alive is None
            else SemanticColor.GOOD
            if good
            else SemanticColor.WARNING
        )
        if color is not self._dot_color:
            self._dot_color = color
            self._tint()
        self._make_room()

    def _say_gaps(self, still_open: int, filled: int) -> None:
        if still_open:
            self._say("gaps", f"{formats.plural(still_open, 'gap')} in the record", "bad")
        elif filled:
            self._say("gaps", f"{formats.plural(filled, 'gap')} filled from history", "warning")
        else:
            self._say("gaps", "")

    def _say(self, name: str, text: str, color: str = "") -> None:
        label = self.labels[name]
        if label.text() != text:
            label.setText(text)
            label.setVisible(bool(text))
        set_style_property(label, "color", color)

    def _tint(self) -> None:
        ratio = self.devicePixelRatioF()
        self._dot.setPixmap(icons.pixmap("dot", self._dot_color or SemanticColor.FAINT, 12, ratio))

    def _make_room(self) -> None:
        for name in _GIVES_WAY:
            self.labels[name].setVisible(bool(self.labels[name].text()))
        for name in _GIVES_WAY:
            if self._layout.minimumSize().width() <= self.width():
                break
            self.labels[name].hide()

    def _explain(self) -> None:
        for name, tip in (
            ("topics", "Topics heard of lately, of the seven"),
            ("received", _RECEIVED),
            ("dropped", "Messages lost because they came faster than they could be read"),
            ("gaps", "Times without connection, and whether history could fill them"),
            ("waiting", "Messages received and not shown yet"),
            ("render", "What one frame costs: folding events and updating this page"),
            ("memory", "Resident memory of this window"),
        ):
            self.labels[name].setToolTip(tip)

    def minimumSizeHint(self) -> QSize:
        """Return no width at all."""
        return QSize(0, self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what does not fit."""
        super().resizeEvent(event)
        self._make_room()


def _with_unit(first: str, second: str) -> str:
    return f"{first} {second}" if first and second else ""
