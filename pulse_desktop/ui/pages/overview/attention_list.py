"""What needs the operator, a line each, the worst first."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QVBoxLayout, QWidget

from pulse_desktop.state.attention import AttentionItem, AttentionKind, Severity
from pulse_desktop.text import formats
from pulse_desktop.text.attention_text import attention_detail, attention_title
from pulse_desktop.text.run_text import short_name
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.theme.tooltips import plain_tooltip

ROW: Final = 28
TALL_ROW: Final = 46
_MORE: Final = 26
_NARROW: Final = 440
"""Narrower lines have no room for an error beside a task: with height to spare they become two."""
_MOST: Final = 4
_MOST_ROOMY: Final = 8
_GLYPHS: Final = {
    AttentionKind.FAILED: "✖",
    AttentionKind.SOFT_FAILED: "!",
    AttentionKind.OVERDUE: "?",
    AttentionKind.PROVIDER_DOWN: "⇄",
    AttentionKind.WORKER_OFFLINE: "server",
}


class ConcernRow(QAbstractButton):
    """One concern; pressing it goes to where something can be done about it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.concern: AttentionItem | None = None
        self.tall = False
        self._when = ""
        self._title = self._detail = ""
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_concern(self, concern: AttentionItem, now: float) -> None:
        """Show a concern at a time, Unix seconds."""
        when = formats.ago(concern.at, now)
        if concern == self.concern and when == self._when:
            return
        self.concern, self._when = concern, when
        self._title, self._detail = attention_title(concern), attention_detail(concern)
        words = f"{self._title}, {short_name(concern.subject)}, {when}"
        self.setAccessibleName(words)
        self.setAccessibleDescription(self._detail)
        detail = f"{self._detail}\n" if self._detail else ""
        self.setToolTip(plain_tooltip(f"{concern.subject}\n{detail}{formats.absolute(concern.at)}"))
        self.update()

    def set_tall(self, tall: bool) -> None:
        """Put the subject below the title, or beside it."""
        if tall != self.tall:
            self.tall = tall
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a line, or two."""
        return QSize(300, TALL_ROW if self.tall else ROW)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(200, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint sign, title, subject, detail and time."""
        concern = self.concern
        if concern is None:
            return
        colors = theme()
        painter = QPainter(self)
        area = self.rect()
        if self.underMouse() or self.hasFocus():
            painter.fillRect(area, colors.color("row_hover"))
        if self.hasFocus():
            painter.fillRect(QRect(0, 0, 2, area.height()), colors.color("accent"))
        painter.fillRect(QRect(0, area.height() - 1, area.width(), 1), colors.color("row_line"))
        color = SemanticColor.BAD if concern.severity is Severity.BAD else SemanticColor.WARNING
        icons.paint(painter, _GLYPHS[concern.kind], color, 8, (ROW - 14) / 2, 14)
        painter.setFont(colors.text_font())
        first = QRect(28, 0, area.width() - 28 - 8, ROW - 1)
        painter.setPen(colors.color(SemanticColor.MUTED))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(first, right, self._when)
        first.setRight(first.right() - painter.fontMetrics().horizontalAdvance(self._when) - 12)
        title = (self._title, color, 1.0 if self.tall else 0.55, 0)
        subject = (short_name(concern.subject), SemanticColor.TEXT, 1.0, 40)
        detail = (self._detail, SemanticColor.MUTED, 1.0, 70)
        if self.tall:
            second = QRect(28, ROW - 8, area.width() - 28 - 8, TALL_ROW - ROW)
            _paint_parts(painter, first, (title,))
            _paint_parts(painter, second, (subject, detail))
        else:
            _paint_parts(painter, first, (title, subject, detail))


def _paint_parts(
    painter: QPainter, area: QRect, parts: Sequence[tuple[str, SemanticColor, float, int]]
) -> None:
    """Paint words one after the other, each with its color, share of the room and least width."""
    metrics, left, room = painter.fontMetrics(), area.left(), area.width()
    for text, color, share, least in parts:
        if room < least or not text:
            continue
        wide = round(room * share)
        shown = metrics.elidedText(formats.elided(text, 200), Qt.TextElideMode.ElideRight, wide)
        painter.setPen(theme().color(color))
        place = QRect(left, area.top(), wide, area.height())
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, shown)
        taken = metrics.horizontalAdvance(shown) + 14
        left += taken
        room -= taken


class AttentionList(QWidget):
    """The first few concerns, and how many more there are.

    Signals:
        chosen: a concern.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._roomy = False
        self._concerns: Sequence[AttentionItem] = ()
        self._now = 0.0
        self.rows = [ConcernRow() for _ in range(_MOST_ROOMY)]
        self._more = QLabel()
        self._more.setProperty("role", "small")
        self._more.setContentsMargins(28, 4, 0, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for row in self.rows:
            layout.addWidget(row)
            row.clicked.connect(lambda _=False, row=row: self.chosen.emit(row.concern))
            row.hide()
        layout.addWidget(self._more)
        layout.addStretch(1)

    def hasHeightForWidth(self) -> bool:
        """Return False: one wrapped line must not upset the proportions of the page."""
        return False

    def set_roomy(self, roomy: bool) -> None:
        """Let the list fill the height it is given, or keep to a few lines."""
        if roomy != self._roomy:
            self._roomy = roomy
            self.updateGeometry()
            self._show()

    def minimumSizeHint(self) -> QSize:
        """Return the least: a list that fills what is left must not ask for more of it."""
        least = super().minimumSizeHint()
        return QSize(least.width(), 2 * ROW) if self._roomy else least

    def sizeHint(self) -> QSize:
        """Return the same while it fills what is left."""
        return self.minimumSizeHint() if self._roomy else super().sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many as there is room for."""
        super().resizeEvent(event)
        if self._roomy:
            self._show()

    def show_attention(self, concerns: Sequence[AttentionItem], now: float) -> None:
        """Show them, the worst first, at a time, Unix seconds."""
        self._concerns, self._now = concerns, now
        self._show()

    def _most(self, tall: bool) -> int:
        """Return how many lines there is room for."""
        if not self._roomy:
            return _MOST
        row = TALL_ROW if tall else ROW
        if len(self._concerns) <= min(_MOST_ROOMY, self.height() // row):
            return _MOST_ROOMY
        return max(1, min(_MOST_ROOMY, (self.height() - _MORE) // row))

    def _show(self) -> None:
        concerns = self._concerns
        spacious = self.width() < _NARROW or len(concerns) * TALL_ROW <= self.height()
        tall = self._roomy and spacious
        most = self._most(tall)
        for number, row in enumerate(self.rows):
            used = number < min(most, len(concerns))
            row.set_tall(tall)
            if used:
                row.show_concern(concerns[number], self._now)
            row.setVisible(used)
        spare = len(concerns) - most
        if not concerns:
            self._more.setText(
                "Nothing. Failures, overdue runs, silent workers and providers that are down "
                "would show up here."
            )
            self._more.setWordWrap(True)
        else:
            self._more.setText(f"and {formats.count(spare)} more" if spare > 0 else "")
        self._more.setVisible(not concerns or spare > 0)
