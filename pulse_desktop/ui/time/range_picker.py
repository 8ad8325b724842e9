"""The list of time ranges: the usual ones, two typed times with a calendar, and those before."""

from typing import Final

from PySide6.QtCore import QDate, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QTextCharFormat
from PySide6.QtWidgets import (
    QApplication,
    QCalendarWidget,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.time_range import (
    LIVE_RANGES,
    TimeRange,
    TypedRangeError,
    since,
    typed_range,
)
from pulse_desktop.model.typed_time import parse_moment
from pulse_desktop.text import formats
from pulse_desktop.text.time_range_text import (
    length_text,
    range_title,
    span_text,
    typed_text,
    zone_text,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.time.window_time import WindowTime

_MAX_PREVIOUS: Final = 4
_EDGE: Final = 8
_FIELD_WIDTH: Final = 210
_ERRORS: Final = {
    "start": _("From is no time. Examples: 22:00, yesterday 22:00, 2026-11-29 22:00:05.250, 2h"),
    "end": _("To is no time. Examples: 23:10, 2026-11-29 23:10, now"),
    "order": _("The range must end after it starts."),
}


class RangePicker(QFrame):
    """A panel below the button of the time range.

    Attributes:
        choices: the usual ranges, as buttons.
        start_field: the typed beginning.
        end_field: the typed end, empty for the present.
        apply_button: shows the typed range.
        message: what was typed in full, or what is wrong with it.

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
        self.start_field = self._field(_("From"), _("22:00, yesterday 22:00 or 2h"))
        self.end_field = self._field(_("To"), _("now"))
        self._dated_field = self.start_field
        self.calendar = QCalendarWidget()
        self.calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
        self.calendar.setAccessibleName(_("Date"))
        for day in (Qt.DayOfWeek.Saturday, Qt.DayOfWeek.Sunday):
            self.calendar.setWeekdayTextFormat(day, QTextCharFormat())
        self.message = Label()
        self.message.setProperty("role", "muted")
        self.message.setWordWrap(True)
        self.message.setMinimumHeight(34)
        self.message.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self._zone = Label()
        self._zone.setProperty("role", "muted")
        self.apply_button = QPushButton(_("Show"))
        self.apply_button.setProperty("kind", "primary")
        self._lay_out()
        self._connect()
        self.hide()

    def _field(self, name: str, hint: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(name)
        field.setPlaceholderText(hint)
        field.setMinimumWidth(_FIELD_WIDTH)
        field.setMaxLength(60)
        return field

    def _lay_out(self) -> None:
        typed = QGridLayout()
        typed.setHorizontalSpacing(10)
        typed.setVerticalSpacing(8)
        self._date_buttons = {}
        rows = ((_("From"), self.start_field), (_("To"), self.end_field))
        for row, (name, field) in enumerate(rows):
            label = Label(name)
            label.setBuddy(field)
            button = QPushButton()
            button.setAccessibleName(_("{field}: pick a date").format(field=name))
            set_tooltip(button, _("Pick a date"))
            icons.set_button_icon(button, "schedules", "muted")
            button.clicked.connect(lambda _checked=False, field=field: self._open_calendar(field))
            self._date_buttons[field] = button
            typed.addWidget(label, row, 0)
            typed.addWidget(field, row, 1)
            typed.addWidget(button, row, 2)
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addLayout(typed)
        right.addWidget(self.calendar)
        right.addWidget(self.message)
        right.addStretch(1)
        last_line = QHBoxLayout()
        last_line.addWidget(self._zone, 1)
        last_line.addWidget(self.apply_button)
        right.addLayout(last_line)
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
        layout.addLayout(right, 1)
        self.calendar.hide()

    def _connect(self) -> None:
        for field in (self.start_field, self.end_field):
            field.textChanged.connect(lambda _text: self._check())
            field.returnPressed.connect(self.apply_typed)
        self.apply_button.clicked.connect(self.apply_typed)
        self.calendar.clicked.connect(self._set_date)
        self.calendar.activated.connect(self._set_date)

    def open_below(self, button: QWidget) -> None:
        """Show the picker below a button, with the present range."""
        now = self._time.now()
        self._fill_choices(now)
        start, end = self._time.shown_span()
        live = self._time.is_live
        self.start_field.setText(
            "" if live and not self._time.range.limits_rows else typed_text(start)
        )
        self.end_field.setText("" if live else typed_text(end))
        self._zone.setText(_("Times in {zone}").format(zone=zone_text(now)))
        self.calendar.hide()
        self._check()
        window = button.window()
        if self.parent() is not window:
            self.setParent(window)
        self._button = button
        self._focus_before = window.focusWidget()
        self.place()
        self.show()
        self.raise_()
        self._watch(watching=True)
        current = self.choices.get(self._time.range)
        (current or self.start_field).setFocus(Qt.FocusReason.PopupFocusReason)

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
            focused = self.window().focusWidget()
            self.hide()
            before = self._focus_before
            if before is not None and self.isAncestorOf(focused):
                before.setFocus()
            self._focus_before = None
        return True

    def _watch(self, *, watching: bool) -> None:
        """Watch the application for clicks and focus outside of the picker, which close it."""
        application = QApplication.instance()
        if isinstance(application, QApplication):
            if watching:
                application.installEventFilter(self)
            else:
                application.removeEventFilter(self)

    def apply_typed(self) -> None:
        """Show the typed range, if it is one."""
        time_range = self._typed()
        if time_range is not None:
            self._choose(time_range)

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

    def _typed(self) -> TimeRange | None:
        try:
            return typed_range(self.start_field.text(), self.end_field.text(), self._time.now())
        except TypedRangeError:
            return None

    def _check(self) -> None:
        now = self._time.now()
        try:
            typed = typed_range(self.start_field.text(), self.end_field.text(), now)
        except TypedRangeError as error:
            self.message.setText(_ERRORS[error.field])
            set_style_property(self.message, "role", "bad")
            self.apply_button.setEnabled(False)
            return
        set_style_property(self.message, "role", "muted")
        self.apply_button.setEnabled(True)
        if typed.is_live:
            text = _("{range}, live").format(range=range_title(typed, now))
        else:
            text = _("{span}: {length} of the past, frozen").format(
                span=span_text(typed.start, typed.end, now),
                length=length_text(typed.end - typed.start),
            )
        self.message.setText(text)

    def _open_calendar(self, field: QLineEdit) -> None:
        again = self._dated_field is field and self.calendar.isVisible()
        self._dated_field = field
        now = self._time.now()
        at = parse_moment(field.text(), now)
        year, month, day = typed_text(now if at is None else at)[:10].split("-")
        self.calendar.setSelectedDate(QDate(int(year), int(month), int(day)))
        self.calendar.setVisible(not again)
        self.place()

    def _set_date(self, date: QDate) -> None:
        field, now = self._dated_field, self._time.now()
        at = parse_moment(field.text(), now)
        is_end = field is self.end_field
        clock = typed_text(at)[11:] if at is not None else ("23:59:59" if is_end else "00:00:00")
        field.setText(f"{date.year():04d}-{date.month():02d}-{date.day():02d} {clock}")
        field.setFocus()

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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Move through the ranges with the arrow keys."""
        buttons = list(self.choices.values())
        focused = next((i for i, each in enumerate(buttons) if each.hasFocus()), None)
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
        if step and focused is not None:
            buttons[(focused + step) % len(buttons)].setFocus(Qt.FocusReason.TabFocusReason)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and focused is not None:
            buttons[focused].click()
        elif event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)
