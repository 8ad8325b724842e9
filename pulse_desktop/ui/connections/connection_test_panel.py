"""Panel with the steps of a connection test, as they happen."""

from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.connection_step import ConnectionStep, StepKind, StepStatus
from pulse_desktop.text import formats
from pulse_desktop.text.option_text import with_captions
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.connections.step_row import StepRow
from pulse_desktop.ui.theme.plain_text import Label
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme

_MIN_HEIGHT: Final = 150


class ConnectionTestPanel(QFrame):
    """The panel, hidden until there is a test.

    Attributes:
        summary: how the test is going, or how it ended.
        rows: the steps, by their keys.

    Signals:
        stop_requested: the operator wants to end the test, or to hide its result.
    """

    stop_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("card", "true")
        self.setMinimumHeight(_MIN_HEIGHT)
        self.rows: dict[tuple[str, StepKind, str], StepRow] = {}
        self._is_running = self._is_outdated = False
        self.summary = Label()
        self.summary.setProperty("role", "title")
        self.summary.setWordWrap(True)
        self.hide_button = QPushButton(_("Hide"))
        self.hide_button.setProperty("kind", "ghost")
        self.hide_button.setAutoDefault(False)
        self.hide_button.clicked.connect(self._on_hide)
        self._content = QWidget()
        self._lines = QVBoxLayout(self._content)
        self._lines.setContentsMargins(4, 2, 6, 2)
        self._lines.setSpacing(4)
        self._lines.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setProperty("kind", "text")
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._scroll.setAccessibleName(_("Steps of the connection test"))
        self._scroll.setWidget(self._content)
        head = QHBoxLayout()
        head.addWidget(self.summary, 1)
        head.addWidget(self.hide_button, 0, Qt.AlignmentFlag.AlignTop)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 8, 8)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self._scroll, 1)
        theme().changed.connect(self._apply_theme)
        self.hide()

    @property
    def is_running(self) -> bool:
        """Whether a test is running."""
        return self._is_running

    @property
    def steps(self) -> list[ConnectionStep]:
        """The steps as they are shown."""
        return [row.step for row in self.rows.values()]

    def start(self) -> None:
        """Show an empty panel: a test begins."""
        self._clear()
        self._is_running, self._is_outdated = True, False
        self._summarize(_("Testing the connection…"))
        self.show()

    def show_step(self, step: ConnectionStep) -> None:
        """Show a step as it is now; the one that runs is scrolled into view."""
        detail, advice = with_captions(step.detail), with_captions(step.advice)
        step = replace(step, detail=detail, advice=advice)
        row = self.rows.get(step.key)
        if row is None:
            row = self.rows[step.key] = StepRow()
            self._lines.insertWidget(self._lines.count() - 1, row)
        row.show_step(step, with_server=self._has_several(step))
        if step.status is StepStatus.RUNNING:
            self._show_row(row)

    def finish(self, *, is_connected: bool) -> None:
        """Say how the test ended, and show the first step that failed.

        Args:
            is_connected: whether there is a server that a session would use.
        """
        self._is_running = False
        found = self.steps
        failed = [each for each in found if each.status is StepStatus.FAILED]
        limited = [each for each in found if each.status is StepStatus.WARNING]
        if not is_connected:
            self._summarize(_("Cannot connect"), "bad")
        elif failed:
            text = ngettext(
                "Connected; {count} step failed", "Connected; {count} steps failed", len(failed)
            )
            self._summarize(text.format(count=formats.count(len(failed))), "bad")
        elif limited:
            text = ngettext(
                "Connected, with {count} limitation",
                "Connected, with {count} limitations",
                len(limited),
            )
            self._summarize(text.format(count=formats.count(len(limited))), "warning")
        elif any(each.status is StepStatus.SKIPPED and each.purpose for each in found):
            self._summarize(_("Connected"), "good")
        else:
            self._summarize(_("Connected; everything is permitted"), "good")
        first = next(iter((*failed, *limited, *found)), None)
        if first is not None:
            self._show_row(self.rows[first.key])
        if self._is_outdated:
            self.mark_outdated()

    def fail(self, title: str, detail: str) -> None:
        """Say why there was no test.

        Args:
            title: what is missing.
            detail: more about it, whole sentences.
        """
        self._is_running = False
        self._clear()
        self._summarize(f"{title}. {detail}", "bad")

    def stop(self) -> None:
        """Say that the test was stopped: steps that have not ended are left out."""
        if not self._is_running:
            return
        self._is_running = False
        self._summarize(_("Stopped"))
        for row in self.rows.values():
            if not row.step.status.is_final:
                row.show_stopped()

    def mark_outdated(self) -> None:
        """Say that the fields have changed since the test, if there was one, or when it ends."""
        self._is_outdated = True
        if not self.isHidden() and not self._is_running:
            self._summarize(_("The fields have changed since this test"), "warning")

    def reset(self) -> None:
        """Hide the panel: another profile is shown."""
        self._is_running = False
        self._clear()
        self.hide()

    def _on_hide(self) -> None:
        self.stop_requested.emit()
        self.reset()

    def _clear(self) -> None:
        for row in self.rows.values():
            self._lines.removeWidget(row)
            row.hide()
            row.deleteLater()
        self.rows.clear()

    def _summarize(self, text: str, color: str = "") -> None:
        self.summary.setText(text)
        set_style_property(self.summary, "color", color)

    def _has_several(self, step: ConnectionStep) -> bool:
        """Return whether steps say about which server they are."""
        return bool(step.server) and any(
            each.server not in ("", step.server) for each in self.steps if each.key != step.key
        )

    def _show_row(self, row: StepRow) -> None:
        self._lines.activate()
        self._content.adjustSize()
        self._scroll.ensureWidgetVisible(row, 0, 24)

    def _apply_theme(self) -> None:
        for row in self.rows.values():
            row.apply_theme()
