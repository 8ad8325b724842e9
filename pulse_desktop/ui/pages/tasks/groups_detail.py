"""The detail panel of one failure group: what it is, what its failures share, an example."""

from collections.abc import Callable
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.fields.shared_condition import shared_text, shared_tooltip
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.group_marks import MarkKind
from pulse_desktop.query.fingerprint import OTHER
from pulse_desktop.state.failure_group import FailureGroup, GroupState
from pulse_desktop.state.run import TaskRun
from pulse_desktop.text import formats
from pulse_desktop.text.group_text import (
    GROUP_LABELS,
    failures_text,
    fingerprint_lines,
    group_cause,
    group_title,
    grouped_by_text,
    marks_text,
    shown_state,
    state_meaning,
    state_text,
)
from pulse_desktop.text.semantic_color import SemanticColor, subdued
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.page.detail_panel import DetailPanel
from pulse_desktop.ui.pages.tasks.groups_bars import DETAIL_BINS, GroupBars
from pulse_desktop.ui.pages.tasks.groups_example import GroupExample
from pulse_desktop.ui.pages.tasks.groups_note import GroupNote
from pulse_desktop.ui.pages.tasks.ranged_groups import GroupAtEnd
from pulse_desktop.ui.theme import icons
from pulse_desktop.ui.theme.plain_text import Label, set_tooltip
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.theme.theme import theme
from pulse_desktop.ui.widgets.act_button import ActButton
from pulse_desktop.ui.widgets.elided_label import ElidedLabel
from pulse_desktop.ui.widgets.flow_layout import FlowLayout
from pulse_desktop.ui.widgets.property_list import Property, PropertyList
from pulse_desktop.ui.widgets.wrapped_label import WrappedLabel

_MARGIN: Final = 14


class GroupDetail(DetailPanel):
    """The panel of one failure group.

    Attributes:
        group: the group shown, None before the first.
        show_runs: opens the runs of the group.
        rerun: re-runs them.
        mute: mutes the group, or unmutes it.
        resolve: marks it as resolved, or removes the mark.
        properties: what is known of it.
        bars: when its runs failed.
        note: the note of an operator.
        example: the latest failure.

    Signals:
        runs_requested: show the runs of the group.
        rerun_requested: re-run them.
        mute_requested: mute it, or unmute it.
        resolve_requested: mark it as resolved, or remove the mark.
        note_changed: the new text of the note, empty to remove it.
    """

    runs_requested = Signal()
    rerun_requested = Signal()
    mute_requested = Signal()
    resolve_requested = Signal()
    note_changed = Signal(str)

    def __init__(self, task_label: Callable[[str], str], *, is_recording: bool = False) -> None:
        """Create an empty panel.

        Args:
            task_label: returns the short name of a task.
            is_recording: whether a recording is shown, where nothing can be marked.
        """
        super().__init__(_("Details of the failure group"))
        self.group: FailureGroup | None = None
        self._state_key = GroupState.ONGOING.value
        self._is_recording = is_recording
        self._task_label = task_label
        self._icon = Label()
        self._state = Label()
        self._state.setProperty("role", "state")
        self._cause = ElidedLabel()
        self._cause.setProperty("role", "heading")
        self._message = WrappedLabel()
        self._message.setWordWrap(True)
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.show_runs = QPushButton(_("Show runs"))
        self.show_runs.setProperty("kind", "primary")
        self.rerun = ActButton()
        self.rerun.setText(_("Re-run…"))
        self.mute = QPushButton()
        self.resolve = QPushButton()
        self.bars = GroupBars()
        self.properties = PropertyList()
        self.note = GroupNote()
        self.example = GroupExample()
        self._problem = WrappedLabel()
        self._problem.setWordWrap(True)
        set_style_property(self._problem, "color", SemanticColor.WARNING.value)
        self._lay_out()
        self.show_runs.clicked.connect(self.runs_requested)
        self.rerun.clicked.connect(self.rerun_requested)
        self.mute.clicked.connect(self.mute_requested)
        self.resolve.clicked.connect(self.resolve_requested)
        self.note.changed.connect(self.note_changed)
        self.example.run_requested.connect(self.show_run_requested)
        theme().changed.connect(self._apply_theme)
        self._apply_theme()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(7)
        head.addWidget(self._icon)
        head.addWidget(self._state)
        head.addWidget(self._cause, 1)
        head.addWidget(self.close_button)
        self._buttons = FlowLayout()
        for button in (self.show_runs, self.rerun, self.mute, self.resolve, self.note.button):
            self._buttons.add(button)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(_MARGIN, 8, _MARGIN, _MARGIN)
        column.setSpacing(10)
        column.addLayout(head)
        for widget in (
            self._message,
            self._buttons,
            self._problem,
            self.note,
            self.bars,
            self.properties,
        ):
            column.addWidget(widget)
        column.addWidget(self.example, 1)
        self._add_scrolled(inside)

    @property
    def message(self) -> str:
        """The message below the heading."""
        return self._message.full_text

    @property
    def problem(self) -> str:
        """Why marks cannot be kept, empty if they can."""
        return "" if self._problem.isHidden() else self._problem.full_text

    def show_group(
        self,
        group: FailureGroup,
        example: TaskRun | None,
        bounds: tuple[float, float],
        retained: int,
        now: float,
        in_range: int | None = None,
        past: GroupAtEnd | None = None,
    ) -> None:
        """Show a group.

        Args:
            group: the group.
            example: its latest failure, None if that run is no longer retained.
            bounds: ends of the time that the bars cover, Unix seconds.
            retained: number of its runs that can be shown.
            now: Unix seconds.
            in_range: its failures in the time range; None if that is everything. The buttons are
                for the runs of these.
            past: the group at the end of a frozen time range, None if it is shown as it is now. The
                marks, and the buttons that set them, are those of now.
        """
        shown = group if past is None else past.group
        other = self.group is None or group.id != self.group.id
        self.group = group
        self._state_key = shown_state(shown)
        color = GROUP_LABELS[self._state_key][2]
        self._show_icon()
        self._state.setText(state_text(shown))
        set_style_property(self._state, "color", color.value)
        at_end = "" if past is None else _("At the end of the time range")
        set_tooltip(self._state, "\n".join(filter(None, (state_meaning(shown), at_end))))
        self._cause.set_text(group_cause(group))
        self._message.show_text(group_title(shown))
        self._show_buttons(group, retained, is_limited=in_range is not None)
        self.bars.show_values(group.times.histogram(*bounds, DETAIL_BINS), bounds, color)
        marked = _("Marked") if past is None else _("Marked, as of now")
        marks = Property(marked, marks_text(group.marks, now))
        aged_at = now if past is None else past.at
        self.properties.set_properties(self._properties_of(shown, aged_at, in_range, marks))
        self.note.show_note(group.id, group.marks.note, now)
        self.example.show_run(example, is_other=other)

    def show_problem(self, problem: UserFacingError | None) -> None:
        """Say why marks cannot be kept, None if they can."""
        self._problem.show_text("" if problem is None else str(problem))
        self._problem.setVisible(problem is not None)

    def set_stale(self, *, stale: bool) -> None:
        """Show the group without the colors that judge it, or with those again."""
        is_other = stale != self.is_stale
        super().set_stale(stale=stale)
        if is_other:
            self._show_icon()

    def _show_buttons(self, group: FailureGroup, retained: int, *, is_limited: bool) -> None:
        text = ngettext("Show this {count} run", "Show these {count} runs", retained)
        if is_limited:
            text = ngettext(
                "Show {count} run of this time", "Show {count} runs of this time", retained
            )
        self.show_runs.setText(text.format(count=formats.count(retained)))
        self.rerun.setText(_("Re-run these…") if retained > 1 else _("Re-run…"))
        for button in (self.show_runs, self.rerun):
            button.setEnabled(retained > 0)
        none = _("The runs of these failures are no longer retained")
        those = _("Those that failed in the time range of the window") if is_limited else ""
        for button in (self.show_runs, self.rerun):
            set_tooltip(button, those if retained else none)
        self.mute.setText(_("Unmute") if group.has_mark(MarkKind.MUTED) else _("Mute"))
        set_tooltip(self.mute, _("A muted group does not count as needing attention (M)"))
        self.resolve.setText(_("Reopen") if group.has_mark(MarkKind.RESOLVED) else _("Resolve"))
        set_tooltip(
            self.resolve, _("The cause is removed; a new failure makes the group regressed (V)")
        )
        set_tooltip(self.note.button, _("Leave a note on this group (N)"))
        refusal = _("Groups of a recording cannot be marked") if self._is_recording else ""
        if not refusal and group.id == OTHER.id:
            refusal = _("Other failures cannot be marked: they are of many causes")
        for button in (self.mute, self.resolve, self.note.button):
            button.setEnabled(not refusal)
            if refusal:
                set_tooltip(button, refusal)
        self._buttons.arrange()

    def _properties_of(
        self, group: FailureGroup, now: float, in_range: int | None, marks: Property
    ) -> list[Property]:
        fingerprint = group.fingerprint
        label = self._task_label
        names = [f"{label(name)}" for name in group.tasks]
        shared = "\n".join(map(shared_text, group.shared))
        tooltip = "\n".join(map(shared_tooltip, group.shared))
        return [
            Property(_("Shared"), shared, tooltip=tooltip),
            Property(_("Failures"), failures_text(group, in_range)),
            Property(_("Task"), ", ".join(names), tooltip="\n".join(group.tasks)),
            Property(_("First"), _moment(group.first_seen, now)),
            Property(_("Last"), _moment(group.last_seen, now)),
            marks,
            Property(
                _("Grouped by"),
                grouped_by_text(fingerprint),
                tooltip=fingerprint_lines(fingerprint),
            ),
            Property("", fingerprint_lines(fingerprint), SemanticColor.MUTED, mono=True),
            Property(_("Group id"), group.id, mono=True),
        ]

    def _show_icon(self) -> None:
        if self.group is not None:
            _label, glyph, color = GROUP_LABELS[self._state_key]
            shown = subdued(color) if self.is_stale else color
            self._icon.setPixmap(icons.pixmap(glyph, shown, 16, self.devicePixelRatioF()))

    def _apply_theme(self) -> None:
        icons.set_button_icon(self.show_runs, "arrow-right", "on_accent", 12)
        icons.set_button_icon(self.rerun, "retry", SemanticColor.MUTED)
        self._show_icon()


def _moment(at: float, now: float) -> str:
    return _("{ago}, {time}").format(ago=formats.ago(at, now), time=formats.absolute(at))
