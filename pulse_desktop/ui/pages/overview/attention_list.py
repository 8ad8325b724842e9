"""The list of attention items, one line each, the most severe first."""

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.state.attention import AttentionItem, AttentionKind, Severity
from pulse_desktop.text import formats
from pulse_desktop.text.attention_text import attention_detail, attention_title
from pulse_desktop.text.printable import printable_cell
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme

ROW_HEIGHT: Final = 28
TALL_ROW_HEIGHT: Final = 46
_MORE_HEIGHT: Final = 26
_NARROW: Final = 440
"""Narrower rows have no room for an error beside a task: given enough height, they are tall."""
MIN_ROWS: Final = 4
"""Rows that have room even beside the chart of run times."""
_MAX_ROWS: Final = 24
_FAR: Final = 1 << 30
_STEPS: Final = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageDown: MIN_ROWS,
    Qt.Key.Key_PageUp: -MIN_ROWS,
    Qt.Key.Key_Home: -_FAR,
    Qt.Key.Key_End: _FAR,
}
"""How many items each key moves down."""
_NOTCH: Final = 120
"""How far a wheel turns from one item to the next."""
_GLYPHS: Final = {
    AttentionKind.FAILED: "✖",
    AttentionKind.SOFT_FAILED: "!",
    AttentionKind.OVERDUE: "?",
    AttentionKind.PROVIDER_DOWN: "⇄",
    AttentionKind.WORKER_OFFLINE: "server",
    AttentionKind.WORKERS_PAUSED: "‖",
    AttentionKind.MISSING_TASKS: "?",
}


class AttentionRow(QAbstractButton):
    """One item; a click opens the page where it can be resolved.

    Attributes:
        item: the item shown, None before the first.
        tall: whether the row has two lines.
        stale: whether the item may be over: it is dimmed.
        title: what happened, as shown.
        target: the task, worker or provider, as shown.
        detail: more about it, as shown.
        age: how long ago it was, as shown.

    Signals:
        move_requested: to the row so many further down, or up if negative.
    """

    move_requested = Signal(int)

    def __init__(self, target_label: Callable[[AttentionItem], str]) -> None:
        """Create an empty row.

        Args:
            target_label: returns the short name of the task, worker or provider of an item.
        """
        super().__init__()
        self._target_label = target_label
        self.item: AttentionItem | None = None
        self.tall = False
        self.stale = False
        self.age = ""
        self.title = self.target = self.detail = ""
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_stale(self, stale: bool) -> None:
        """Dim the item, or show it as it is now."""
        if stale != self.stale:
            self.stale = stale
            self.update()

    def show_item(self, item: AttentionItem, now: float) -> None:
        """Show an item at a time, Unix seconds."""
        age, target = formats.ago(item.at, now), printable_cell(self._target_label(item))
        if item == self.item and (age, target) == (self.age, self.target):
            return
        self.item, self.age, self.target = item, age, target
        self.title = printable_cell(attention_title(item))
        self.detail = printable_cell(attention_detail(item))
        name = _("{title}, {target}, {age}")
        self.setAccessibleName(name.format(title=self.title, target=target, age=age))
        self.setAccessibleDescription(self.detail)
        detail = f"{self.detail}\n" if self.detail else ""
        set_tooltip(self, f"{item.target}\n{detail}{formats.absolute(item.at)}")
        self.update()

    def set_tall(self, tall: bool) -> None:
        """Put the target below the title, or beside it."""
        if tall != self.tall:
            self.tall = tall
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """Return the size of one line, or two."""
        return QSize(300, TALL_ROW_HEIGHT if self.tall else ROW_HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Return the smallest useful size."""
        return QSize(200, self.sizeHint().height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move to another item, or open this one."""
        steps = _STEPS.get(Qt.Key(event.key()))
        if steps is not None:
            self.move_requested.emit(steps)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint icon, title, target, detail and age."""
        item = self.item
        if item is None:
            return
        colors = theme()
        painter = QPainter(self)
        area = self.rect()
        if self.underMouse() or self.hasFocus():
            painter.fillRect(area, colors.color("row_hover"))
        if self.hasFocus():
            painter.fillRect(QRect(0, 0, 2, area.height()), colors.color("accent"))
        painter.fillRect(QRect(0, area.height() - 1, area.width(), 1), colors.color("row_line"))
        color = SemanticColor.BAD if item.severity is Severity.BAD else SemanticColor.WARNING
        text_color = SemanticColor.FAINT if self.stale else SemanticColor.TEXT
        if self.stale:
            color = SemanticColor.FAINT
        icons.paint(painter, _GLYPHS[item.kind], color, 8, (ROW_HEIGHT - 14) / 2, 14)
        painter.setFont(colors.text_font())
        first = QRect(28, 0, area.width() - 28 - 8, ROW_HEIGHT - 1)
        painter.setPen(colors.color(SemanticColor.MUTED))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(first, right, self.age)
        first.setRight(first.right() - painter.fontMetrics().horizontalAdvance(self.age) - 12)
        title = (self.title, color, 1.0 if self.tall else 0.55, 0)
        target = (self.target, text_color, 1.0, 40)
        detail = (self.detail, SemanticColor.MUTED, 1.0, 70)
        if self.tall:
            second = QRect(28, ROW_HEIGHT - 8, area.width() - 28 - 8, TALL_ROW_HEIGHT - ROW_HEIGHT)
            _paint_parts(painter, first, (title,))
            _paint_parts(painter, second, (target, detail))
        else:
            _paint_parts(painter, first, (title, target, detail))


def _paint_parts(
    painter: QPainter, area: QRect, parts: Sequence[tuple[str, SemanticColor, float, int]]
) -> None:
    """Paint texts side by side, each with its color, maximum fraction and minimum width."""
    metrics, left, room = painter.fontMetrics(), area.left(), area.width()
    baseline = area.top() + (area.height() - metrics.height()) // 2 + metrics.ascent()
    for text, color, fraction, min_width in parts:
        if room < min_width or not text:
            continue
        width = round(room * fraction)
        shown = metrics.elidedText(formats.elided(text, 200), Qt.TextElideMode.ElideRight, width)
        painter.setPen(theme().color(color))
        # On the base line of this font: that of a substituted font, as for emoji, may be lower.
        painter.drawText(left, baseline, shown)
        used = metrics.horizontalAdvance(shown) + 14
        left += used
        room -= used


class AttentionList(QWidget):
    """As many items as fit, the first ones until it is scrolled, and how many more there are.

    Keys and the wheel scroll it, and so does a click on the number of further items.

    Attributes:
        rows: all rows, hidden ones included.
        more: shows further items; hidden while all are shown.

    Signals:
        item_activated: the item that was clicked.
    """

    item_activated = Signal(object)

    def __init__(self, target_label: Callable[[AttentionItem], str]) -> None:
        """Create an empty list.

        Args:
            target_label: returns the short name of the task, worker or provider of an item.
        """
        super().__init__()
        self._fills_height = False
        self._rows_beside = MIN_ROWS
        self._items: Sequence[AttentionItem] = ()
        self._first = 0  # number of the item in the first row
        self._wheel = 0
        self._now = 0.0
        self._stale = ""
        self.rows = [AttentionRow(target_label) for _row in range(_MAX_ROWS)]
        self._note = Label()
        self._note.setProperty("role", "small")
        self._note.setContentsMargins(28, 4, 0, 2)
        self.more = QPushButton()
        self.more.setProperty("kind", "link")
        self.more.clicked.connect(self._show_more)
        self._more_line = QWidget()  # hidden, it takes no room
        more_line = QHBoxLayout(self._more_line)
        more_line.setContentsMargins(28, 3, 0, 1)
        more_line.addWidget(self.more)
        more_line.addStretch(1)
        self._more_line.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for row in self.rows:
            layout.addWidget(row)
            row.clicked.connect(lambda _checked=False, row=row: self.item_activated.emit(row.item))
            row.move_requested.connect(lambda steps, row=row: self._move_from(row, steps))
            row.hide()
        layout.addWidget(self._note)
        layout.addWidget(self._more_line)
        layout.addStretch(1)

    def hasHeightForWidth(self) -> bool:
        """Return False: one wrapped line must not change the proportions of the page."""
        return False

    @property
    def item_count(self) -> int:
        """The number of items, shown or not."""
        return len(self._items)

    def set_max_rows(self, rows: int | None) -> None:
        """Limit the list to a number of rows; None lets it fill the height that it gets."""
        before = (self._fills_height, self._rows_beside)
        self._fills_height = rows is None
        self._rows_beside = self._rows_beside if rows is None else rows
        if before != (self._fills_height, self._rows_beside):
            self.updateGeometry()
            self._show()

    def minimumSizeHint(self) -> QSize:
        """Return a small height while the list fills the height that it gets."""
        hint = super().minimumSizeHint()
        return QSize(hint.width(), 2 * ROW_HEIGHT) if self._fills_height else hint

    def sizeHint(self) -> QSize:
        """Return the same while the list fills the height that it gets."""
        return self.minimumSizeHint() if self._fills_height else super().sizeHint()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show as many items as fit."""
        super().resizeEvent(event)
        if self._fills_height:
            self._show()

    @property
    def more_text(self) -> str:
        """The line below the items: about further ones, or why there are none; may be empty."""
        return self._note.text() or self.more.text()

    def take_focus(self) -> bool:
        """Give the keyboard focus to the first item; return False if there is none."""
        if not self._items:
            return False
        self._scroll_to(0)
        self.rows[0].setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scroll by an item for each notch."""
        self._wheel += event.angleDelta().y()
        notches = int(self._wheel / _NOTCH)
        self._wheel -= notches * _NOTCH
        self._scroll_to(self._first - notches)
        event.accept()

    def _move_from(self, row: AttentionRow, steps: int) -> None:
        """Give the focus to the item so many below that of a row, and scroll to where it is."""
        at = self._first + self.rows.index(row)
        wanted = min(max(at + steps, 0), len(self._items) - 1)
        visible = max(1, self._visible_rows)
        if not self._first <= wanted < self._first + visible:
            self._scroll_to(wanted if wanted < self._first else wanted - visible + 1)
        self.rows[wanted - self._first].setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_more(self) -> None:
        """Show the next items, after the last ones the first."""
        after = self._first + self._visible_rows
        self._scroll_to(after if after < len(self._items) else 0)

    def _scroll_to(self, first: int) -> None:
        self._first = first
        self._show()

    @property
    def _visible_rows(self) -> int:
        return sum(not row.isHidden() for row in self.rows)

    def set_stale(self, reason: str) -> None:
        """Dim the items, and do not claim that there are no others; an empty reason: they are all.

        Args:
            reason: a sentence, shown instead of "Nothing".
        """
        self._stale = reason
        for row in self.rows:
            row.set_stale(bool(reason))

    def show_items(self, items: Sequence[AttentionItem], now: float) -> None:
        """Show items, the most severe first, at a time, Unix seconds."""
        self._items, self._now = items, now
        self._show()

    def _max_rows(self, tall: bool) -> int:
        """Return how many rows fit."""
        if not self._fills_height:
            return self._rows_beside
        row_height = TALL_ROW_HEIGHT if tall else ROW_HEIGHT
        if len(self._items) <= min(_MAX_ROWS, self.height() // row_height):
            return _MAX_ROWS
        return max(1, min(_MAX_ROWS, (self.height() - _MORE_HEIGHT) // row_height))

    def _show(self) -> None:
        items = self._items
        spacious = self.width() < _NARROW or len(items) * TALL_ROW_HEIGHT <= self.height()
        tall = self._fills_height and spacious
        max_rows = self._max_rows(tall)
        self._first = min(max(self._first, 0), max(0, len(items) - max_rows))
        shown = items[self._first : self._first + max_rows]
        focused = next((number for number, row in enumerate(self.rows) if row.hasFocus()), None)
        for number, row in enumerate(self.rows):
            used = number < len(shown)
            row.set_tall(tall)
            if used:
                row.show_item(shown[number], self._now)
            row.setVisible(used)
        if focused is not None and shown:  # a row that is hidden loses it to anything
            self.rows[min(focused, len(shown) - 1)].setFocus()
        nothing = self._stale or _(
            "Nothing. Failures, overdue runs, offline workers and providers that are down "
            "appear here."
        )
        self._note.setText("" if items else nothing)
        if not items and not self._note.wordWrap():  # setting it again lays out the card
            self._note.setWordWrap(True)
        self._note.setVisible(not items)
        self.more.setText(self._more_text(len(items) - len(shown)))
        self._more_line.setVisible(len(items) > len(shown))

    def _more_text(self, hidden: int) -> str:
        """Return how many of the items that are not shown are further down, else how many above."""
        below = hidden - self._first
        if below > 0:
            return _("and {count} more").format(count=formats.count(below))
        return _("{count} above").format(count=formats.count(hidden)) if hidden > 0 else ""
