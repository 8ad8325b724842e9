"""Dialog that offers to keep history: which streams are missing, and what making them changes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.history_plan import (
    DEFAULT_LIMITS,
    MAX_AGE_S,
    MAX_BYTES,
    MIB,
    HistoryItem,
    HistoryKind,
    HistoryLimits,
    HistoryOutcome,
    HistoryPlan,
    HistoryStream,
)
from pulse_desktop.profiles.profile import Profile
from pulse_desktop.text.history_text import (
    KIND_TITLES,
    consequences,
    outcome_text,
    removal_text,
    size_text,
    state_text,
    what_it_keeps,
)
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.backend import HistoryBackend
from pulse_desktop.ui.page.notification import Notification, error_notification
from pulse_desktop.ui.page.page import BackgroundRunner
from pulse_desktop.ui.theme.plain_text import Label, without_mnemonic
from pulse_desktop.ui.theme.style_sheet import set_style_property
from pulse_desktop.ui.widgets.announcement import announce
from pulse_desktop.ui.widgets.profile_badge import ProfileBadge
from pulse_desktop.ui.window_title import set_title

LIMITATIONS_KEY: Final = "limitations"
"""Of the notification about what cannot be seen: it ends when history is kept."""

_SIZE: Final = (660, 560)
_MIN_SIZE: Final = (520, 360)
_DAY_S: Final = 86_400
_INDENT: Final = 22


class HistoryDialog(QDialog):
    """The dialog. It is not modal to coroutines, and deletes itself when it is closed.

    Attributes:
        boxes: one for each stream that can be made.
        days: how long to keep.
        mebibytes: how much to keep.
        make: makes the chosen streams.
        cancel: closes the dialog.
    """

    def __init__(
        self,
        streams: HistoryBackend,
        profile: Profile,
        label: str,
        *,
        read_only: bool,
        run_in_background: BackgroundRunner,
        notify: Callable[[Notification], None],
        parent: QWidget,
    ) -> None:
        """Create the dialog, and look at the streams of the server.

        Args:
            streams: reads and makes them.
            profile: of the connection.
            label: how it is called.
            read_only: whether nothing may be made.
            run_in_background: starts background work.
            notify: tells what was made.
            parent: the main window.
        """
        super().__init__(parent)
        self._streams = streams
        self._label = label
        self._asks = profile.asks_before_acting
        self._read_only = read_only
        self._run = run_in_background
        self._notify = notify
        self._is_open = True
        self._plan = HistoryPlan(())
        self._consequences: dict[HistoryKind, Label] = {}
        self.boxes: dict[HistoryKind, QCheckBox] = {}
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        set_title(self, _("Keep history"))
        self.setMinimumSize(*_MIN_SIZE)
        self.resize(*_SIZE)
        self._badge = ProfileBadge()
        self._badge.show_profile(profile, label)
        self._heading = _wrapped(_("Keep history on {server}").format(server=label), "heading")
        self._intro = _wrapped(_("Looking at the streams of the server…"), "muted")
        self.days = _spin_box(_("Days to keep"), 1, round(MAX_AGE_S / _DAY_S))
        self.days.setValue(round(DEFAULT_LIMITS.max_age_s / _DAY_S))
        self.mebibytes = _spin_box(_("Size of each stream in MiB"), 1, MAX_BYTES // MIB)
        self.mebibytes.setValue(DEFAULT_LIMITS.max_bytes // MIB)
        self._room = Label()
        self._room.setProperty("role", "muted")
        self._message = _wrapped("")
        self._message.hide()
        self.cancel = QPushButton(_("Cancel"))
        self.make = QPushButton()
        self.make.setProperty("kind", "primary")
        self._lay_out()
        self._connect()
        self._update()
        self.cancel.setFocus()
        self._run("history plan", self._load())

    @property
    def limits(self) -> HistoryLimits:
        """The limits as they are set."""
        return HistoryLimits(float(self.days.value() * _DAY_S), self.mebibytes.value() * MIB)

    @property
    def chosen(self) -> list[HistoryStream]:
        """The streams to make, with their limits."""
        return [
            replace(stream, limits=self.limits)
            for stream in self._plan.missing
            if stream.kind in self.boxes and self.boxes[stream.kind].isChecked()
        ]

    # Work

    async def _load(self) -> None:
        try:
            plan = await self._streams.plan()
        except UserFacingError as error:
            if self._is_open:
                self._intro.setText(_("The streams of the server cannot be read."))
                self._show_error(error.sentence)
            return
        if self._is_open:
            self._show_plan(plan)

    def set_read_only(self, *, read_only: bool) -> None:
        """Follow the session: read-only was switched on or off while the dialog is open."""
        self._read_only = read_only
        self._message.hide()
        self._update()

    async def _make(self, chosen: Sequence[HistoryStream]) -> None:
        try:
            outcomes = await self._streams.create(chosen, confirmed=True)
        except asyncio.CancelledError:
            self._notify(_interruption(chosen, self._label))
            raise
        except UserFacingError as error:
            if self._is_open:
                self._show_error(error.sentence)
                self._update()
            else:
                self._notify(error_notification(error, "bad"))
            return
        self._report(outcomes)

    def _report(self, outcomes: Sequence[HistoryOutcome]) -> None:
        failed = [outcome for outcome in outcomes if outcome.error is not None]
        made = [outcome for outcome in outcomes if outcome.created]
        if made or not failed:
            detail = " ".join(outcome_text(each) for each in outcomes if each.error is None)
            advice = removal_text(*(each.stream.name for each in made)) if made else ""
            title = _("History is kept from now on")
            self._notify(
                Notification(
                    title, detail, advice, "good", key="history", stays=True, ends=LIMITATIONS_KEY
                )
            )
        problem = "\n".join(outcome_text(each) for each in failed)
        if not self._is_open:
            if problem:
                self._notify(Notification(_("History is not kept"), problem, severity="bad"))
        elif failed:
            self._show_error(problem)
            self._run("history plan", self._load())
        else:
            self.accept()

    # Content

    def _show_plan(self, plan: HistoryPlan) -> None:
        self._plan = plan
        self._clear()
        missing = bool(plan.missing)
        self._intro.setText(
            _(
                "What no stream stores is known only while a window is open. A stream is read "
                "again at every start: the last day by this window, all of it by the commands."
            )
            if missing
            else _("There is nothing to make here.")
        )
        for item in plan.items:
            self._add_item(item)
        self._limits.setVisible(missing)
        self._room.setVisible(missing and plan.free_bytes is not None)
        self._update()
        if self.make.isEnabled() and not self._asks and self.focusWidget() is self.cancel:
            self.make.setFocus()
        announce(self, self._intro.text())

    def _clear(self) -> None:
        self.boxes.clear()
        self._consequences.clear()
        while (old := self._items.takeAt(0)) is not None:
            if (widget := old.widget()) is not None:
                widget.hide()
                widget.deleteLater()

    def _add_item(self, item: HistoryItem) -> None:
        kind, stream = item.stream.kind, item.stream
        if not item.is_missing:
            title = Label(KIND_TITLES[kind])
            title.setProperty("role", "title")
            self._items.addWidget(title)
            self._items.addWidget(_wrapped(state_text(item), "muted", indent=True))
            return
        subjects = ", ".join(stream.subjects)
        text = _("{kind}: stream {stream} over {subjects}").format(
            kind=KIND_TITLES[kind], stream=stream.name, subjects=subjects
        )
        box = QCheckBox(without_mnemonic(text))
        box.setAccessibleName(text)
        box.setChecked(True)
        box.toggled.connect(self._update)
        self.boxes[kind] = box
        self._items.addWidget(box)
        self._items.addWidget(_wrapped(what_it_keeps(kind), indent=True))
        self._consequences[kind] = _wrapped("", "muted", indent=True)
        self._items.addWidget(self._consequences[kind])

    def _update(self) -> None:
        """Show what the settings mean, and whether anything can be made."""
        chosen = self.chosen
        for stream in self._plan.missing:
            if stream.kind in self._consequences:
                kept = replace(stream, limits=self.limits)
                lines = [*consequences(kept), removal_text(stream.name)]
                self._consequences[stream.kind].setText("\n".join(f"• {line}" for line in lines))
        free = self._plan.free_bytes
        if free is not None:
            text = _("The account may store {size} more.")
            self._room.setText(text.format(size=size_text(free)))
            is_short = len(chosen) * self.limits.max_bytes > free
            set_style_property(self._room, "color", "warning" if is_short else "")
        self.make.setEnabled(bool(chosen) and not self._read_only)
        self.make.setVisible(bool(self._plan.missing))
        text = ngettext("Make {count} stream", "Make {count} streams", len(chosen))
        self.make.setText(text.format(count=len(chosen)) if chosen else _("Make the streams"))
        self.cancel.setText(_("Cancel") if self._plan.missing else _("Close"))
        if self._read_only and self._plan.missing:
            text = _("This connection is read-only. Switch read-only off, if you may act here.")
            self._show_message(text, "warning")

    def _show_error(self, text: str) -> None:
        self._show_message(text, "bad")
        announce(self, text, urgent=True)

    def _show_message(self, text: str, color: str) -> None:
        self._message.setText(text)
        set_style_property(self._message, "color", color)
        self._message.show()

    def _start(self) -> None:
        chosen = self.chosen
        self.make.setEnabled(False)
        self._message.hide()
        self._run("keep history", self._make(chosen))

    def done(self, result: int) -> None:
        """Close; work that is running tells its outcome in a notification, or that it was ended."""
        self._is_open = False
        super().done(result)

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(4, 2, 8, 2)
        column.setSpacing(8)
        self._items = QVBoxLayout()
        self._items.setSpacing(6)
        column.addWidget(self._intro)
        column.addLayout(self._items)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setProperty("kind", "text")  # it gets the focus, to be scrolled by keys
        scroll.setWidget(content)
        scroll.setAccessibleName(_("Streams and what making them changes"))
        self._limits = QWidget()
        limits = QHBoxLayout(self._limits)
        limits.setContentsMargins(0, 0, 0, 0)
        for text, box in ((_("Keep for"), self.days), (_("and at most"), self.mebibytes)):
            label = Label(text)
            label.setBuddy(box)
            limits.addWidget(label)
            limits.addWidget(box)
        self.days.setSuffix(" " + _("days"))
        self.mebibytes.setSuffix(" " + _("MiB each"))
        limits.addStretch(1)
        self._limits.hide()
        self._room.hide()
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.make)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 16)
        layout.setSpacing(10)
        layout.addWidget(self._badge, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self._heading)
        layout.addWidget(scroll, 1)
        layout.addWidget(self._limits)
        layout.addWidget(self._room)
        layout.addWidget(self._message)
        layout.addLayout(buttons)

    def _connect(self) -> None:
        self.days.valueChanged.connect(self._update)
        self.mebibytes.valueChanged.connect(self._update)
        self.cancel.clicked.connect(self.reject)
        self.make.clicked.connect(self._start)
        self.make.setAutoDefault(not self._asks)
        self.cancel.setDefault(self._asks)


def _interruption(chosen: Sequence[HistoryStream], label: str) -> Notification:
    """Return the notice that the connection was left while streams were being made on it."""
    title = _("Perhaps not every stream was made on {server}").format(server=label)
    detail = _("The connection was left meanwhile. The streams were to be: {streams}.")
    advice = _("Keep history here, on that connection, shows which there are.")
    names = ", ".join(each.name for each in chosen)
    return Notification(title, detail.format(streams=names), advice, "warning", key="history")


def _wrapped(text: str, role: str = "", *, indent: bool = False) -> Label:
    label = Label(text)
    label.setWordWrap(True)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    label.setContentsMargins(_INDENT if indent else 0, 0, 0, 0)
    if role:
        label.setProperty("role", role)
    return label


def _spin_box(name: str, low: int, high: int) -> QSpinBox:
    box = QSpinBox()
    box.setAccessibleName(name)
    box.setRange(low, high)
    box.setGroupSeparatorShown(True)
    box.lineEdit().setTextMargins(7, 0, 7, 0)
    return box
