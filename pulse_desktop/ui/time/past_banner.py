"""The banner of a frozen past: from when to when, and the way back to live."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton

from pulse_desktop.text import formats
from pulse_desktop.text.time_range_text import length_text, span_text, zone_text
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.time.window_time import WindowTime
from pulse_desktop.ui.widgets.announcement import announce
from pulse_desktop.ui.widgets.elided_label import ElidedLabel


class PastBanner(QFrame):
    """The banner; it is hidden while the range is live.

    Attributes:
        title: both ends of the range.
        detail: its length, and what ages are relative to.
        earlier: shows an earlier part.
        later: shows a later part.
        wider: shows twice the time.
        live: goes back to live.
    """

    def __init__(self, window_time: WindowTime) -> None:
        super().__init__()
        self._time = window_time
        self.setProperty("card", "past")
        self._icon = Label()
        self.title = Label()
        self.title.setProperty("role", "title")
        self.detail = ElidedLabel()
        self.earlier = self._button(_("Earlier"), _("Show earlier (Alt+Shift+Left)"))
        self.later = self._button(_("Later"), _("Show later (Alt+Shift+Right)"))
        self.wider = self._button(_("Wider"), _("Show twice the time (Alt+Up)"))
        self.live = self._button(_("Back to live · End"), _("Back to live (End)"))
        self.live.setProperty("kind", "primary")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 5, 14, 5)
        layout.setSpacing(10)
        layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.title)
        layout.addWidget(self.detail, 1)
        for button in (self.earlier, self.later, self.wider, self.live):
            layout.addWidget(button)
        self.earlier.clicked.connect(window_time.go_earlier)
        self.later.clicked.connect(window_time.go_later)
        self.wider.clicked.connect(window_time.zoom_out)
        self.live.clicked.connect(window_time.go_live)
        window_time.changed.connect(self._show_range)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()
        self._show_range()

    def _button(self, text: str, tooltip: str) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(tooltip)
        set_tooltip(button, tooltip)
        return button

    def _show_range(self) -> None:
        time_range, now = self._time.range, self._time.now()
        if time_range.is_live:
            self.hide()
            return
        span = span_text(time_range.start, time_range.end, now)
        self.title.setText(_("Looking at the past: {span}").format(span=span))
        clock = formats.clock(time_range.end, now)
        detail = _("{length}, {zone}. Nothing new is shown; ages are as of {time}.").format(
            length=length_text(time_range.end - time_range.start),
            zone=zone_text(time_range.end),
            time=clock,
        )
        self.detail.set_text(detail)
        self.show()
        announce(self, self.title.text(), urgent=True)

    def _apply_theme(self) -> None:
        self._icon.setPixmap(icons.pixmap("clock", "warning", 16, self.devicePixelRatio()))
