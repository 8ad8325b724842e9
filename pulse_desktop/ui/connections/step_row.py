"""One step of a connection test in a list."""

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.text import formats
from pulse_desktop.text.connection_step_text import step_status_text, step_text
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.widgets.wrapped_label import WrappedLabel

_ICON: Final = 14
_WIDEST: Final = "00.0 min 00"
"""What the column of durations has room for."""
_SIGNS: Final = {
    StepStatus.WAITING: ("ring", SemanticColor.FAINT),
    StepStatus.RUNNING: ("running", SemanticColor.INFO),
    StepStatus.OK: ("check", SemanticColor.GOOD),
    StepStatus.WARNING: ("warning", SemanticColor.WARNING),
    StepStatus.FAILED: ("cross", SemanticColor.BAD),
    StepStatus.SKIPPED: ("minus", SemanticColor.FAINT),
}
_COLORS: Final = {StepStatus.WARNING: "warning", StepStatus.FAILED: "bad"}


class StepRow(QWidget):
    """One step: sign, name, what was found, how long it took; below it what to do.

    Attributes:
        step: as it is shown.
        detail: what was found.
        advice: what to do about it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step = ConnectionStep(StepKind.SETTINGS)
        self._sign = Label()
        self._sign.setFixedWidth(_ICON + 4)
        self._name = WrappedLabel()
        self.detail = WrappedLabel()
        self.detail.setProperty("role", "muted")
        self.advice = WrappedLabel()
        for label in (self._name, self.detail, self.advice):
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
            label.setAlignment(Qt.AlignmentFlag.AlignTop)
        for label in (self.detail, self.advice):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._took = Label()
        self._took.setProperty("role", "faint")
        self._took.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._took.setFixedWidth(self._took.fontMetrics().horizontalAdvance(_WIDEST))
        texts = QVBoxLayout()
        texts.setSpacing(1)
        texts.addWidget(self.detail)
        texts.addWidget(self.advice)
        texts.addStretch(1)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        top = Qt.AlignmentFlag.AlignTop
        line.addWidget(self._sign, 0, top)
        line.addWidget(self._name, 3, top)
        line.addLayout(texts, 6)
        line.addWidget(self._took, 0, top)

    def show_step(self, step: ConnectionStep, *, with_server: bool) -> None:
        """Show a step.

        Args:
            step: as it is now.
            with_server: whether to say which server it is about.
        """
        self.step = step
        name = step_text(step)
        self._name.show_text(f"{name}\n{step.server}" if with_server else name)
        status = step_status_text(step.status)
        found = step.detail or status
        self.detail.show_text(formats.capitalized(found))
        set_style_property(self.detail, "color", _COLORS.get(step.status, ""))
        self.advice.show_text(step.advice)
        self.advice.setVisible(bool(step.advice))
        took = step.duration_s
        self._took.setText("" if took is None else _milliseconds(took))
        parts = (name, step.server if with_server else "", status, step.detail, step.advice)
        self.setAccessibleName(". ".join(filter(None, parts)))
        self.apply_theme()

    def show_stopped(self) -> None:
        """Show that the step was left out because the test was stopped."""
        self.detail.show_text(_("Stopped"))
        self._set_sign(StepStatus.SKIPPED)

    def apply_theme(self) -> None:
        """Draw the sign again."""
        self._set_sign(self.step.status)

    def _set_sign(self, status: StepStatus) -> None:
        name, color = _SIGNS[status]
        self._sign.setPixmap(icons.pixmap(name, color, _ICON, self.devicePixelRatioF()))


def _milliseconds(seconds: float) -> str:
    """Return how long a step took; most take less than a millisecond on one machine."""
    if seconds < 1:
        return _("{count} ms").format(count=max(1, round(seconds * 1000)))
    return formats.duration(seconds)
