"""The list of topics: event rate, a sparkline of recent events, and the time of the last one."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QVBoxLayout, QWidget

from pulse_desktop.model.connection_status import Outage
from pulse_desktop.state.topic_activity import TopicActivity
from pulse_desktop.text import formats
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.charts.resampling import without_gaps
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.theme import theme

HISTORY_S: Final = 300
RATE_S: Final = 60
"""The rate is averaged over this time, so that bursts do not make it jump."""
_MIN_RATE_S: Final = 5.0
_POINT_S: Final = 5
_SHIFT_S: Final = 15
"""The line of a topic without new events is moved no more often."""
_AGO_WIDTH: Final = 76
_RATE_WIDTH: Final = 62
_NAME_WIDTH: Final = 112
_SHORT_NAME_WIDTH: Final = 74
_FILL_ALPHA: Final = 44
_RIGHT: Final = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class TopicRow(QAbstractButton):
    """One topic; a click goes to its page.

    Attributes:
        topic: its name.
        rate: events per second, as shown.
        ago: age of the last event, as shown.
        silent: whether no event has been received.
        stale: why rate and age are not those of now, empty while they are.
    """

    def __init__(self, topic: str) -> None:
        super().__init__()
        self.topic = topic
        self.rate = ""
        self.ago = ""
        self.silent = True
        self.stale = ""
        self._values = np.zeros(0)
        self._values_of: tuple[object, ...] = ()
        self._values_until = 0.0
        self._described: tuple[int, float | None] | None = None
        self.setText(topic)
        self.setAccessibleName(topic)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        # Else everything behind it is painted each time that the age changes.
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_activity(
        self,
        activity: TopicActivity,
        now: float,
        history_start: float = 0.0,
        outages: Sequence[Outage] = (),
    ) -> None:
        """Show the activity at a time.

        Args:
            activity: of the topic.
            now: Unix seconds.
            history_start: start of recorded history, Unix seconds.
            outages: times in which nothing was received.
        """
        shown = self.silent, self.rate, self.ago, self._values
        self.silent = activity.last_at is None
        averaged_s = min(RATE_S, max(_MIN_RATE_S, now - history_start))
        # The current second counts too: "now" beside a rate of zero would be confusing.
        count = activity.rate.total(now, averaged_s + 1)
        self.rate = "" if self.silent else formats.rate(count / averaged_s)
        self.ago = formats.ago(activity.last_at, now)
        # Whole buckets, so that the line shifts instead of jittering.
        until = now - now % _POINT_S
        values_of = (activity.received, history_start, len(outages), outages[-1:])
        if values_of != self._values_of or abs(until - self._values_until) >= _SHIFT_S:
            self._values_of, self._values_until = values_of, until
            self._values = self._points(activity, until, history_start, outages)
        if shown[:2] != (self.silent, self.rate) or not np.array_equal(
            shown[3], self._values, equal_nan=True
        ):
            self.update()
        elif shown[2] != self.ago:
            self.update(self._ago_area())
        else:
            return
        if self.silent:
            name, tooltip = _("{topic}: no events yet"), _("No event on this topic yet")
        else:
            name = _("{topic}: {rate} over 1 min, last event {age}")
            tooltip = ngettext(
                "{count} event, the last at {time}",
                "{count} events, the last at {time}",
                activity.received,
            )
        self.setAccessibleName(name.format(topic=self.topic, rate=self.rate, age=self.ago))
        described = activity.received, activity.last_at
        if described != self._described:
            self._described = described
            last = formats.absolute(activity.last_at)
            set_tooltip(self, tooltip.format(count=formats.count(activity.received), time=last))

    def _points(
        self,
        activity: TopicActivity,
        until: float,
        history_start: float,
        outages: Sequence[Outage],
    ) -> NDArray[np.float64]:
        """Return the points of the line, not a number where nothing is known."""
        starts, sums = activity.rate.window(until, HISTORY_S)
        values = np.asarray(sums).reshape(-1, _POINT_S).mean(axis=1)
        middles = np.asarray(starts)[::_POINT_S] + _POINT_S / 2
        values = np.where(middles + _POINT_S / 2 <= history_start, np.nan, values)
        return without_gaps(middles, values, outages)

    def _ago_area(self) -> QRect:
        return QRect(self.width() - 1 - _AGO_WIDTH - 8, 0, _AGO_WIDTH, self.height())

    def set_stale(self, stale: str) -> None:
        """Dim rate and age, and say why they are not those of now; an empty text: they are."""
        if stale != self.stale:
            self.stale = stale
            self.setAccessibleDescription(stale)
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a row."""
        return QSize(300, 30)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(220, 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint name, rate, sparkline and age."""
        colors = theme()
        painter = QPainter(self)
        area = self.rect()
        painter.fillRect(event.rect(), colors.color("surface"))
        if self.underMouse() or self.hasFocus():
            painter.fillRect(area, colors.color("row_hover"))
        if self.hasFocus():
            painter.fillRect(QRect(0, 0, 2, area.height()), colors.color("accent"))
        painter.fillRect(QRect(0, area.height() - 1, area.width(), 1), colors.color("row_line"))
        self._paint_ago(painter)
        if not self._ago_area().contains(event.rect()):
            self._paint_name(painter)
            self._paint_rate(painter)
        painter.end()

    def _paint_ago(self, painter: QPainter) -> None:
        painter.setFont(theme().text_font())
        painter.setPen(theme().color(SemanticColor.MUTED))
        never = "" if self.stale else _("never")
        painter.drawText(self._ago_area(), _RIGHT, self.ago or never)

    def _paint_name(self, painter: QPainter) -> None:
        area = self.rect()
        color = theme().topic(self.topic)
        icon = "ring" if self.silent else "dot"
        icons.paint(painter, icon, color.name(), 8, (area.height() - 12) / 2, 12)
        painter.setPen(theme().color(SemanticColor.MUTED if self.silent else SemanticColor.TEXT))
        painter.drawText(area.adjusted(26, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.topic)

    def _paint_rate(self, painter: QPainter) -> None:
        """Paint the rate and its line."""
        area, colors = self.rect(), theme()
        left = 26 + (_NAME_WIDTH if area.width() > 400 else _SHORT_NAME_WIDTH)
        painter.setFont(colors.number_font())
        painter.setPen(colors.color(SemanticColor.FAINT if self.stale else SemanticColor.TEXT))
        painter.drawText(QRect(left - 20, 0, _RATE_WIDTH + 20, area.height()), _RIGHT, self.rate)
        room = self._ago_area().left() - left - _RATE_WIDTH - 24
        line = QRectF(left + _RATE_WIDTH + 14, 0, room, area.height())
        if line.width() > 24 and not self.silent:
            spare = max(5.0, (line.height() - 20) / 2)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            line = line.adjusted(0, spare, 0, -spare)
            paint_sparkline(painter, line, self._values, colors.topic(self.topic))


class TopicList(QWidget):
    """The topics, one below the other.

    Attributes:
        rows: by topic.

    Signals:
        topic_activated: name of the topic that was clicked.
    """

    topic_activated = Signal(str)

    def __init__(self, topics: Sequence[str]) -> None:
        super().__init__()
        self.rows = {topic: TopicRow(topic) for topic in topics}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for topic, row in self.rows.items():
            layout.addWidget(row)
            row.clicked.connect(
                lambda _checked=False, topic=topic: self.topic_activated.emit(topic)
            )


def paint_sparkline(
    painter: QPainter, area: QRectF, values: NDArray[np.float64], color: QColor
) -> None:
    """Paint a line of values, zero-based; NaN leaves a gap.

    Painted directly, because a plot widget per row would cost more than the rest of the page.

    Args:
        painter: its pen and brush are changed.
        area: where the line goes.
        values: oldest first.
        color: of the line; the area below is tinted with it.
    """
    known = np.isfinite(values)
    if values.size < 2 or not known.any():
        return
    highest = float(values[known].max())
    if highest <= 0:
        highest = 1.0
    xs = np.linspace(area.left(), area.right(), values.size)
    ys = area.bottom() - np.clip(values / highest, 0.0, 1.0) * area.height()
    tint = QColor(color)
    tint.setAlpha(_FILL_ALPHA)
    pen = QPen(color, 1)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], known.view(np.int8), [0]))))
    for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        points = [QPointF(x, y) for x, y in zip(xs[start:stop], ys[start:stop], strict=True)]
        painter.setPen(pen)
        if len(points) == 1:
            painter.drawPoint(points[0])
            continue
        painter.drawPolyline(QPolygonF(points))
        corners = [QPointF(points[-1].x(), area.bottom()), QPointF(points[0].x(), area.bottom())]
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(tint)
        painter.drawPolygon(QPolygonF(points + corners))
