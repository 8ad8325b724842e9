"""The list of time ranges: the usual ones, those shown before, and one that is typed."""

from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.time_range import (
    LIVE_RANGES,
    TimeRange,
    since,
)
from pulse_desktop.text import formats
from pulse_desktop.text.time_range_text import (
    range_title,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.time.typed_range_form import TypedRangeForm
from pulse_desktop.ui.time.window_time import WindowTime

_MAX_PREVIOUS: Final = 4
_EDGE: Final = 8


class RangePicker(QFrame):
    """A panel below the button of the time range.

    Attributes:
        choices: the usual ranges, as buttons.
        typed: the form for a typed range.

    Signals:
        chosen: a `TimeRange` was chosen; the picker is closed already.
    """

    chosen = Signal(object)

    def __init__(self, window_time: WindowTime, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._button: QWidget | None = None
        self._focus_before: QWidget | None = None
        self._time = window_time
        self.setObjectName("rangePicker")
        self.setAccessibleName(_("Time range"))
        self.choices: dict[TimeRange, QPushButton] = {}
        self._choice_column = QVBoxLayout()
        self._choice_column.setSpacing(2)
        self.typed = TypedRangeForm(window_time)
        self._lay_out()
        self.typed.submitted.connect(self._choose)
        self.typed.resized.connect(self.place)
        self.hide()

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.addLayout(self._choice_column)
        left.addStretch(1)
        line = QFrame()
        line.setFixedWidth(1)
        line.setProperty("line", "vertical")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 10, 14, 12)
        layout.setSpacing(12)
        layout.addLayout(left)
        layout.addWidget(line)
        layout.addWidget(self.typed, 1)

    def open_below(self, button: QWidget) -> None:
        """Show the picker below a button, with the present range."""
        now = self._time.now()
        self._fill_choices(now)
        self.typed.show_range()
        window = button.window()
        if self.parent() is not window:
            self.setParent(window)
        self._button = button
        self._focus_before = window.focusWidget()
        self.place()
        self.show()
        self.raise_()
        self._watch(watching=True)
        self.typed.start_field.setFocus(Qt.FocusReason.PopupFocusReason)
        self.typed.start_field.selectAll()

    def place(self) -> None:
        """Move to where the picker fits below its button."""
        button, window = self._button, self.window()
        if button is None:
            return
        self.adjustSize()
        corner = button.mapTo(window, button.rect().bottomRight())
        left = min(max(corner.x() - self.width(), _EDGE), window.width() - self.width() - _EDGE)
        self.move(left, corner.y() + 4)

    def close(self) -> bool:
        """Hide the picker and give the focus back."""
        if self.isVisible():
            self._watch(watching=False)
            focused, before = self.window().focusWidget(), self._focus_before
            self._focus_before = None
            if before is not None and self.isAncestorOf(focused):
                before.setFocus()
            self.hide()
        return True

    def _watch(self, *, watching: bool) -> None:
        """Watch the application for clicks and focus outside of the picker, which close it."""
        application = QApplication.instance()
        if isinstance(application, QApplication):
            if watching:
                application.installEventFilter(self)
            else:
                application.removeEventFilter(self)

    def _fill_choices(self, now: float) -> None:
        while self._choice_column.count():
            item = self._choice_column.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.choices.clear()
        for time_range in LIVE_RANGES:
            self._add_choice(time_range, range_title(time_range, now))
        last_look = self._time.last_look
        if last_look is not None:
            title = _("Since I last looked, {age}").format(age=formats.ago(last_look, now))
            self._add_choice(since(last_look), title)
        previous = [each for each in self._time.previous_ranges if each not in self.choices]
        shown: list[TimeRange] = []
        for time_range in previous:
            if time_range not in shown and len(shown) < _MAX_PREVIOUS:
                shown.append(time_range)
        if shown:
            heading = Label(_("Shown before"))
            heading.setProperty("role", "muted")
            heading.setContentsMargins(10, 8, 0, 2)
            self._choice_column.addWidget(heading)
        for time_range in shown:
            self._add_choice(time_range, range_title(time_range, now))

    def _add_choice(self, time_range: TimeRange, title: str) -> None:
        button = QPushButton(title)
        button.setProperty("kind", "listed")
        button.setCheckable(True)
        button.setChecked(time_range == self._time.range)
        button.clicked.connect(lambda: self._choose(time_range))
        self.choices[time_range] = button
        self._choice_column.addWidget(button)

    def _choose(self, time_range: TimeRange) -> None:
        self.close()
        self.chosen.emit(time_range)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Close when the mouse is pressed, or the focus goes, outside of the picker."""
        kind = event.type()
        if kind in (QEvent.Type.MouseButtonPress, QEvent.Type.FocusIn) and isinstance(
            watched, QWidget
        ):
            inside = watched is self or self.isAncestorOf(watched) or watched is self._button
            if not inside and watched.window() is self.window():
                self.close()
        return super().eventFilter(watched, event)

    def focusNextPrevChild(self, is_next: bool) -> bool:
        """Move the focus within the picker: the form, then the ranges, then from the start."""
        widgets = (*self.typed.focus_order(), *self.choices.values())
        stops = [each for each in widgets if each.isVisible() and each.isEnabled()]
        if not stops:  # it is being hidden
            return super().focusNextPrevChild(is_next)
        focused = self.focusWidget()
        at = next((i for i, each in enumerate(stops) if each is focused), -1 if is_next else 0)
        target = stops[(at + (1 if is_next else -1)) % len(stops)]
        reasons = Qt.FocusReason
        target.setFocus(reasons.TabFocusReason if is_next else reasons.BacktabFocusReason)
        return True

    def event(self, event: QEvent) -> bool:
        """Keep keys of the window that are typed here from being taken as shortcuts."""
        is_override = event.type() == QEvent.Type.ShortcutOverride
        if is_override and isinstance(event, QKeyEvent) and _is_typed(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move through the ranges with the arrow keys; what is typed goes to the form."""
        buttons = list(self.choices.values())
        focused = self.focusWidget()
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if step:
            at = next((i for i, each in enumerate(buttons) if each is focused), None)
            if at is not None:
                target = buttons[(at + step) % len(buttons)]
            else:
                target = self.choices.get(self._time.range, buttons[0])
            target.setFocus(Qt.FocusReason.TabFocusReason)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if isinstance(focused, QPushButton):
                focused.click()
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        elif _is_typed(event):
            field = self.typed.start_field
            field.setFocus(Qt.FocusReason.OtherFocusReason)
            field.selectAll()
            field.insert(event.text())
        else:
            super().keyPressEvent(event)


def _is_typed(event: QKeyEvent) -> bool:
    """Return whether a key enters a character."""
    held = event.modifiers() & ~(
        Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier
    )
    return (
        held == Qt.KeyboardModifier.NoModifier and event.text().isprintable() and bool(event.text())
    )
