"""Form for a time range: its beginning and its end as text, with a calendar for the dates."""

import time
from typing import Final, TypeVar

from PySide6.QtCore import QDate, Qt, Signal
from PySide6.QtGui import QTextCharFormat
from PySide6.QtWidgets import (
    QCalendarWidget,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.time_range import TimeRange, TypedRangeError, typed_range
from pulse_desktop.model.typed_time import parse_moment, parse_time
from pulse_desktop.text.time_range_text import (
    length_text,
    range_title,
    span_text,
    typed_clock,
    typed_text,
    zone_text,
)
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.time.window_time import WindowTime

_Part = TypeVar("_Part", bound=QWidget)

_FIELD_WIDTH: Final = 210
_ERRORS: Final = {
    "start": _("From is not a time. Examples: 22:00, yesterday 22:00, 2026-11-29 22:00:05.250, 2h"),
    "end": _("To is not a time. Examples: 23:10, 2026-11-29 23:10, now"),
    "order": _("The range must end after it starts."),
}


class TypedRangeForm(QWidget):
    """The form.

    Attributes:
        start_field: the typed beginning.
        end_field: the typed end, empty for the present.
        calendar: changes the date of a field; hidden until it is asked for.
        apply_button: submits the typed range.
        message: what was typed in full, or what is wrong with it.

    Signals:
        submitted: the typed `TimeRange`.
        resized: the calendar was shown or hidden.
    """

    submitted = Signal(object)
    resized = Signal()

    def __init__(self, window_time: WindowTime) -> None:
        super().__init__()
        self._time = window_time
        self.start_field = _field(_("From"), _("22:00, yesterday 22:00 or 2h"))
        self.end_field = _field(_("To"), _("now"))
        self._shown: tuple[TimeRange, str, str] | None = None
        self._date_buttons: list[QPushButton] = []
        self._dated_field = self.start_field
        self.calendar = QCalendarWidget()
        self.calendar.setVerticalHeaderFormat(QCalendarWidget.VerticalHeaderFormat.NoVerticalHeader)
        self.calendar.setAccessibleName(_("Date"))
        self._month_buttons = [
            _calendar_part(self.calendar, QToolButton, f"qt_calendar_{name}month")
            for name in ("prev", "next")
        ]
        for button in self._month_buttons:
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._days = _calendar_part(self.calendar, QWidget, "qt_calendar_calendarview")
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
        for field in (self.start_field, self.end_field):
            field.textChanged.connect(lambda _text: self._check())
            field.returnPressed.connect(self.submit)
        self.apply_button.clicked.connect(self.submit)
        self.calendar.clicked.connect(self._set_date)
        self.calendar.activated.connect(self._set_date)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _apply_theme(self) -> None:
        """Color the arrows of the calendar, which Qt draws black."""
        for button, icon in zip(self._month_buttons, ("arrow-left", "arrow-right"), strict=True):
            icons.set_button_icon(button, icon, "text")

    def _lay_out(self) -> None:
        typed = QGridLayout()
        typed.setHorizontalSpacing(10)
        typed.setVerticalSpacing(8)
        rows = ((_("From"), self.start_field), (_("To"), self.end_field))
        for row, (name, field) in enumerate(rows):
            label = Label(name)
            label.setBuddy(field)
            button = QPushButton()
            button.setAccessibleName(_("{field}: pick a date").format(field=name))
            set_tooltip(button, _("Pick a date"))
            icons.set_button_icon(button, "schedules", "muted")
            button.clicked.connect(lambda _checked=False, field=field: self._open_calendar(field))
            self._date_buttons.append(button)
            typed.addWidget(label, row, 0)
            typed.addWidget(field, row, 1)
            typed.addWidget(button, row, 2)
        last_line = QHBoxLayout()
        last_line.addWidget(self._zone, 1)
        last_line.addWidget(self.apply_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(typed)
        layout.addWidget(self.calendar)
        layout.addWidget(self.message)
        layout.addStretch(1)
        layout.addLayout(last_line)
        self.calendar.hide()

    def show_range(self) -> None:
        """Show the present range of the window."""
        self._shown = None
        now = self._time.now()
        start, end = self._time.shown_span()
        live = self._time.is_live
        self.start_field.setText(
            "" if live and not self._time.range.limits_rows else typed_text(start)
        )
        self.end_field.setText("" if live else typed_text(end, is_end=True))
        self._zone.setText(_("Times in {zone}").format(zone=zone_text(now)))
        self.calendar.hide()
        self._shown = (self._time.range, self.start_field.text(), self.end_field.text())
        self._check()

    def focus_order(self) -> tuple[QWidget, ...]:
        """Return the widgets that Tab goes through, those of a hidden calendar too."""
        fields = (self.start_field, self.end_field)
        return (*fields, *self._date_buttons, *self._month_buttons, self._days, self.apply_button)

    def submit(self) -> None:
        """Submit the typed range, if it is one."""
        try:
            typed = self._typed()
        except TypedRangeError:
            return
        self.submitted.emit(typed)

    def _typed(self) -> TimeRange:
        """Return the typed range, the one that was shown if nothing was. Raises TypedRangeError.

        Its ends as text would be fixed times, without their microseconds.
        """
        texts = (self.start_field.text(), self.end_field.text())
        if self._shown is not None and self._shown[1:] == texts:
            return self._shown[0]
        return typed_range(self.start_field.text(), self.end_field.text(), self._time.now())

    def _check(self) -> None:
        now = self._time.now()
        try:
            typed = self._typed()
        except TypedRangeError as error:
            self.message.setText(_ERRORS[error.field])
            set_style_property(self.message, "role", "bad")
            self.apply_button.setEnabled(False)
            return
        set_style_property(self.message, "role", "muted")
        self.apply_button.setEnabled(True)
        if typed.is_live and self._time.is_recording():
            text = _("{range} of the recording").format(range=range_title(typed, now))
        elif typed.is_live:
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
        day = time.localtime(now if at is None else at)
        self.calendar.setSelectedDate(QDate(day.tm_year, day.tm_mon, day.tm_mday))
        self.calendar.setVisible(not again)
        self.resized.emit()

    def _set_date(self, day: QDate) -> None:
        field, now = self._dated_field, self._time.now()
        span, is_end = parse_time(field.text(), now), field is self.end_field
        if span is None or span.whole_day:
            clock = "23:59" if is_end else "00:00"
        else:
            # `2h` ends where it starts.
            has_length = is_end and span.stop > span.start
            at = span.last_stop if has_length else span.start
            clock = typed_clock(at, is_end=has_length)
        field.setText(f"{day.year():04d}-{day.month():02d}-{day.day():02d} {clock}")
        field.setFocus()


def _calendar_part(calendar: QCalendarWidget, kind: type[_Part], name: str) -> _Part:
    """Return a widget within a calendar by the name that Qt gives it."""
    found = calendar.findChild(kind, name)
    if not isinstance(found, kind):
        raise TypeError(name)
    return found


def _field(name: str, hint: str) -> QLineEdit:
    field = QLineEdit()
    field.setAccessibleName(name)
    field.setPlaceholderText(hint)
    field.setMinimumWidth(_FIELD_WIDTH)
    field.setMaxLength(60)
    return field
