"""What the window asks of a page, and what a page gets from the window."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from pulse_desktop.state.attention import AttentionItem
from pulse_desktop.state.collection import DirtyRows
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.actions import ActionTable, PageAction
from pulse_desktop.ui.shell.notifications import Notification
from pulse_desktop.ui.shell.operations import Operations
from pulse_desktop.ui.table.live_table import LiveTable


class TaskStarter(Protocol):
    """Starts background work that somebody else owns: supervised, cancelled with the window."""

    def __call__(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start it. Work of the same name that still runs is cancelled first."""


@dataclass(frozen=True, slots=True)
class PageContext:
    """All that a page knows of the world.

    Attributes:
        state: what is true now (`pulse_desktop.state`).
        operations: what can be done.
        actions: the action table, to bind buttons to.
        start: starts background work.
        tell: shows a notice.
        show_page: changes to another page; the second argument is that page's to understand.
        concerns: returns what needs attention, at most seconds old.
        edit_run: lets the operator change a run's arguments and run it again.
    """

    state: SystemState
    operations: Operations
    actions: ActionTable
    start: TaskStarter
    tell: Callable[[Notification], None]
    show_page: Callable[[str, str], None]
    concerns: Callable[[], Sequence[AttentionItem]] = tuple
    edit_run: Callable[[TaskRun], None] = lambda _run: None


class Page(QWidget):
    """A page of the window.

    Attributes:
        key: short name, also of the page's actions.
        title: for the navigation.
        icon: of `icons`.
        section: heading in the navigation.
    """

    key: ClassVar[str]
    title: ClassVar[str]
    icon: ClassVar[str]
    section: ClassVar[str] = ""

    def __init__(self, context: PageContext) -> None:
        super().__init__()
        self.context = context
        self.setObjectName("page")
        self.setAccessibleName(self.title)

    @classmethod
    def page_actions(cls) -> Sequence[PageAction[Self]]:
        """Return the actions that are available while the page is shown."""
        return ()

    def refresh(self, changes: DirtyRows, now: float) -> None:
        """Show what changed. Called once per frame, only while visible.

        Args:
            changes: what the state changed in this frame.
            now: Unix seconds.
        """

    def shown(self, now: float) -> None:
        """Catch up, for the page has just become visible."""

    def hidden(self) -> None:
        """Stop what costs something, for the page is visible no longer."""

    def tables(self) -> Sequence[LiveTable[Any]]:
        """Return the tables that pause together."""
        return ()

    def take_focus(self) -> None:
        """Put the keyboard where it is of most use."""
        for table in self.tables()[:1]:
            table.setFocus(Qt.FocusReason.OtherFocusReason)

    def focus_filter(self) -> None:
        """Put the keyboard into the filter, if there is one."""

    def open_at(self, place: str) -> None:
        """Show something in particular, such as a run or a filter."""

    def escape(self) -> bool:
        """Close what Esc closes here; tell whether there was something."""
        return False
