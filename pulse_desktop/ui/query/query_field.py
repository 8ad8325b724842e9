"""The query field: a line of text that shows whether it is a valid query, and where it is not."""

from enum import Enum
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF, QTextLayout
from PySide6.QtWidgets import QLineEdit

from pulse_desktop.query.errors import QueryError
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.announcement import announce

if TYPE_CHECKING:
    from collections.abc import Callable

_WAVE: Final = 2
_MIN_MARK: Final = 7
"""Width of the mark under an error that is between two characters, or at the end."""


class Validity(Enum):
    """Whether the text is a valid query."""

    EMPTY = ""
    VALID = "valid"
    INVALID = "invalid"


_ICONS: Final = {
    Validity.EMPTY: ("search", SemanticColor.FAINT),
    Validity.VALID: ("check", SemanticColor.GOOD),
    Validity.INVALID: ("cross", SemanticColor.BAD),
}


class QueryField(QLineEdit):
    """A line edit with an icon and a border for its validity, and a wavy line under an error.

    Attributes:
        is_continued: returns whether suggestions continue what an error is about: it is not shown.
        needs_more: returns whether suggestions continue the text, which is no query yet.
    """

    def __init__(self, hint: str) -> None:
        """Create an empty field.

        Args:
            hint: what it searches; placeholder and accessible name.
        """
        super().__init__()
        self.is_continued: Callable[[QueryError], bool] = lambda _problem: False
        self.needs_more: Callable[[], bool] = lambda: False
        self._problem: QueryError | None = None
        self._shown: QueryError | None = None
        self._validity = Validity.EMPTY
        self.setPlaceholderText(hint)
        set_tooltip(self, _("{hint} ( / )").format(hint=hint))
        self.setAccessibleName(hint)
        self.setClearButtonEnabled(True)
        self._icon = self.addAction(
            icons.icon(*_ICONS[Validity.EMPTY]), QLineEdit.ActionPosition.LeadingPosition
        )
        self._icon.setText(_("Filter"))  # accessible name of its button
        theme().changed.connect(self._show_icon)

    @property
    def validity(self) -> Validity:
        """Whether the text is a valid query, as it is shown: empty while it is continued."""
        return self._validity

    @property
    def problem(self) -> QueryError | None:
        """Why the text is not valid, None if it is."""
        return self._problem

    @property
    def text_cursor(self) -> int:
        """Index in the text of the character after the cursor.

        Qt counts characters beyond U+FFFF, such as emoji, twice.
        """
        units = self.text().encode("utf-16-le", "surrogatepass")[: 2 * self.cursorPosition()]
        return len(units.decode("utf-16-le", "surrogatepass"))

    def set_text_cursor(self, index: int) -> None:
        """Put the cursor before the character with an index."""
        self.setCursorPosition(_qt_index(self.text(), index))

    def set_problem(self, problem: QueryError | None) -> None:
        """Show why the text is not a valid query, None if it is one."""
        self._problem = problem
        self.show_validity()

    def show_validity(self) -> None:
        """Show anew whether the text is a valid query: suggestions were opened or closed."""
        problem = self._problem
        is_query = self.text().strip() and not self.needs_more()
        validity = Validity.VALID if is_query else Validity.EMPTY
        if problem is not None:
            is_continued = self.is_continued(problem)
            problem = None if is_continued else problem
            validity = Validity.EMPTY if is_continued else Validity.INVALID
        if (validity, _key(problem)) == (self._validity, _key(self._shown)):
            return
        before, self._validity, self._shown = self._validity, validity, problem
        self.setAccessibleDescription(problem.message if problem is not None else "")
        set_style_property(self, "validity", validity.value)
        self._show_icon()
        self.update()
        if before is not validity:
            if problem is not None:
                announce(self, problem.message)
            elif before is Validity.INVALID and self._problem is None:
                announce(self, _("The query is valid again."))

    def _show_icon(self) -> None:
        self._icon.setIcon(icons.icon(*_ICONS[self._validity]))
        names = {
            Validity.EMPTY: _("Filter"),
            Validity.VALID: _("Valid query"),
            Validity.INVALID: _("Not a valid query"),
        }
        self._icon.setText(names[self._validity])
        set_tooltip(self._icon, self._shown.message if self._shown else self._icon.text())

    def error_span(self) -> tuple[float, float] | None:
        """Return where the error that is shown is, left to right in pixels; None without one."""
        problem = self._shown
        if problem is None:
            return None
        text = self.text()
        layout = QTextLayout(text, self.font())
        layout.beginLayout()
        line = layout.createLine()
        layout.endLayout()
        if not line.isValid():
            return None
        # The cursor tells how far the text is scrolled.
        offset = self.cursorRect().center().x() - _x(line.cursorToX(self.cursorPosition()))
        start, end = (min(max(each, 0), len(text)) for each in (problem.start, problem.end))
        low, high = sorted(_x(line.cursorToX(_qt_index(text, each))) for each in (start, end))
        if high - low < _MIN_MARK:
            low, high = (low, low + _MIN_MARK) if start < len(text) else (high, high + _MIN_MARK)
        return offset + low, offset + high

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the field, and a wavy line under the error."""
        super().paintEvent(event)
        span = self.error_span()
        if span is None:
            return
        content = self.rect().adjusted(30, 0, -8, 0)
        low, high = max(span[0], content.left()), min(span[1], content.right())
        if low >= high:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme().color(SemanticColor.BAD), 1.4))
        base = self.rect().center().y() + self.fontMetrics().height() / 2 + 1
        wave = QPolygonF()
        x, up = low, False
        while x <= high:
            wave.append(QPointF(x, base - (_WAVE if up else 0)))
            x, up = x + _WAVE, not up
        painter.drawPolyline(wave)
        painter.end()


def _qt_index(text: str, index: int) -> int:
    """Return an index in a text as Qt counts, which is in units of UTF-16."""
    return len(text[:index].encode("utf-16-le", "surrogatepass")) // 2


def _x(found: object) -> float:
    """Return the x of `QTextLine.cursorToX`, which some versions return with the cursor."""
    value = found[0] if isinstance(found, tuple) else found
    return float(value) if isinstance(value, int | float) else 0.0


def _key(problem: QueryError | None) -> tuple[str, int, int] | None:
    return None if problem is None else (problem.message, problem.start, problem.end)
