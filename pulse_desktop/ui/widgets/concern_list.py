"""What needs the operator, a line each, the worst first."""

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QVBoxLayout, QWidget

from pulse_desktop.state.attention import Concern, Severity
from pulse_desktop.ui import formats, icons
from pulse_desktop.ui.run_words import short_name
from pulse_desktop.ui.theme import theme
from pulse_desktop.ui.tone import Tone
from pulse_desktop.ui.tooltips import plain_tooltip

ROW: Final = 28
_GLYPHS: Final = {
    "failed": "✖",
    "soft_failed": "!",
    "overdue": "?",
    "provider": "⇄",
    "worker": "server",
    "unreadable": "!",
}


class ConcernRow(QAbstractButton):
    """One concern; pressing it goes to where something can be done about it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.concern: Concern | None = None
        self._when = ""
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_concern(self, concern: Concern, now: float) -> None:
        """Show a concern at a time, Unix seconds."""
        when = formats.ago(concern.at, now)
        if concern == self.concern and when == self._when:
            return
        self.concern, self._when = concern, when
        words = f"{concern.title}, {short_name(concern.subject)}, {when}"
        self.setAccessibleName(words)
        self.setAccessibleDescription(concern.detail)
        detail = f"{concern.detail}\n" if concern.detail else ""
        self.setToolTip(plain_tooltip(f"{concern.subject}\n{detail}{formats.absolute(concern.at)}"))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of a line."""
        return QSize(300, ROW)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(200, ROW)

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
            painter.fillRect(QRect(0, 0, 2, ROW), colors.color("accent"))
        painter.fillRect(QRect(0, ROW - 1, area.width(), 1), colors.color("row_line"))
        tone = Tone.BAD if concern.severity is Severity.BAD else Tone.WARNING
        icons.draw(painter, _GLYPHS.get(concern.kind, "!"), tone, 8, (ROW - 14) / 2, 14)
        painter.setFont(colors.text_font())
        metrics = painter.fontMetrics()
        when = metrics.horizontalAdvance(self._when)
        room = area.width() - 28 - 8 - when - 12
        left = 28
        parts = (
            (concern.title, tone, 0.55, 0),
            (short_name(concern.subject), Tone.TEXT, 1.0, 40),
            (concern.detail, Tone.MUTED, 1.0, 70),
        )
        for text, color, share, least in parts:
            if room < least or not text:
                continue
            wide = round(room * share)
            shown = metrics.elidedText(formats.elided(text, 200), Qt.TextElideMode.ElideRight, wide)
            painter.setPen(colors.color(color))
            painter.drawText(QRect(left, 0, wide, ROW - 1), Qt.AlignmentFlag.AlignVCenter, shown)
            taken = metrics.horizontalAdvance(shown) + 14
            left += taken
            room -= taken
        painter.setPen(colors.color(Tone.MUTED))
        at = QRect(area.right() - when - 8, 0, when + 1, ROW - 1)
        painter.drawText(
            at, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._when
        )


class ConcernList(QWidget):
    """The first few concerns, and how many more there are.

    Signals:
        chosen: a concern.
    """

    chosen = Signal(object)

    def __init__(self, most: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = [ConcernRow() for _ in range(most)]
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

    def show_concerns(self, concerns: Sequence[Concern], now: float) -> None:
        """Show them, the worst first, at a time, Unix seconds."""
        for number, row in enumerate(self.rows):
            if number < len(concerns):
                row.show_concern(concerns[number], now)
            row.setVisible(number < len(concerns))
        spare = len(concerns) - len(self.rows)
        if not concerns:
            self._more.setText(
                "Nothing. Failures, overdue runs, silent workers and providers that are down "
                "would show up here."
            )
            self._more.setWordWrap(True)
        else:
            self._more.setText(f"and {formats.count(spare)} more" if spare > 0 else "")
        self._more.setVisible(not concerns or spare > 0)
