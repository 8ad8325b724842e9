"""The events that mention a run, and the whole of the one that is chosen."""

from collections.abc import Callable, Hashable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from pulse_desktop.protocol.event import Event
from pulse_desktop.state.event_search import MAX_EVENTS
from pulse_desktop.state.ring_buffer import RingBuffer
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _
from pulse_desktop.ui.json.view import JsonView
from pulse_desktop.ui.pages.tasks.columns import event_columns
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.theme.plain_text import Label


class RunEventsView(QWidget):
    """The table of events, and below it the event that was chosen, until it is chosen again.

    Attributes:
        table: the events, the latest on top.
        json: the chosen event as received.
        note: says that not all events are listed; hidden if all are.
    """

    def __init__(self, task_label: Callable[[str], str]) -> None:
        """Create an empty view.

        Args:
            task_label: returns the short name of a task.
        """
        super().__init__()
        self.table: LiveTable[Event] = LiveTable(
            RingBuffer[Event](1),
            event_columns(task_label),
            name=_("Events of this run"),
            empty_title=_("No events"),
            empty_text=_("None of the retained events mentions this run."),
        )
        self._events: Sequence[Event] = ()
        self._opened: Event | None = None
        self.json = JsonView(_("Event as received"))
        self.json.hide()
        self.note = Label(
            _("The latest {count} of each type are listed.").format(count=formats.count(MAX_EVENTS))
        )
        self.note.setProperty("role", "muted")
        self.note.setWordWrap(True)
        self.note.hide()
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        for widget in (self.table, self.json):
            splitter.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter, 1)
        layout.addWidget(self.note)
        self.table.clicked.connect(
            lambda index: self._toggle(self.table.rows_model.row_object(index.row()))
        )
        self.table.row_activated.connect(self._toggle)
        self.table.current_changed.connect(self._follow)

    def show_events(self, events: Sequence[Event], *, is_cut: bool = False) -> None:
        """Show events, unless they are shown already.

        Args:
            events: oldest first.
            is_cut: whether there are more of them, of which only the latest of each type are given.
        """
        self.note.setVisible(is_cut)
        if len(events) == len(self._events) and all(map(_is, events, self._events)):
            return
        self._events = events
        rows = RingBuffer[Event](max(1, len(events)))
        for event in events:
            rows.append(event)
        self.table.replace_rows(rows, _key)
        if self._opened is not None and self._opened not in events:
            self._close()

    def close_event(self) -> bool:
        """Hide the chosen event; return whether one was shown."""
        shown = not self.json.isHidden()
        self._close()
        return shown

    def _toggle(self, event: Event | None) -> None:
        if event is None or event is self._opened:
            self._close()
        else:
            self._open(event)

    def _follow(self, event: Event | None) -> None:
        """Show the event under the cursor while one is shown."""
        if self._opened is not None and event is not None and self.table.hasFocus():
            self._open(event)

    def _open(self, event: Event) -> None:
        self._opened = event
        self.json.set_bytes(event.raw)
        self.json.show()

    def _close(self) -> None:
        self._opened = None
        self.json.hide()


def _key(event: Event) -> Hashable:
    return event.topic, event.timestamp, event.raw


def _is(one: object, other: object) -> bool:
    return one is other
