"""Attention monitor: counts what needs attention for the sidebar and the top bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pulse_desktop.state.attention import AttentionItem, AttentionKind, attention_items
from pulse_desktop.state.system import SystemState
from pulse_desktop.text import formats
from pulse_desktop.ui.backend import ConnectionBackend
from pulse_desktop.ui.connection_phase import is_blind
from pulse_desktop.ui.shell.sidebar import Sidebar
from pulse_desktop.ui.shell.top_bar import TopBar
from pulse_desktop.ui.throttle import Throttle

_INTERVAL_S: Final = 2.0
_RUN_KINDS: Final = frozenset(
    {AttentionKind.FAILED, AttentionKind.SOFT_FAILED, AttentionKind.OVERDUE}
)
_WORKER_KINDS: Final = frozenset(
    {AttentionKind.WORKER_OFFLINE, AttentionKind.WORKERS_PAUSED, AttentionKind.MISSING_TASKS}
)


@dataclass(frozen=True, slots=True)
class Badge:
    """Count beside a page in the sidebar, "" for none, and whether it needs attention."""

    count: str
    urgent: bool


class AttentionMonitor:
    """Updates the badges of the sidebar and the alerts of the top bar.

    Attributes:
        items: what needs attention, at most two seconds old; without a connection, what did so
            before the loss.
    """

    def __init__(
        self,
        state: SystemState,
        connection: ConnectionBackend,
        sidebar: Sidebar,
        top_bar: TopBar,
    ) -> None:
        self._state = state
        self._connection = connection
        self._is_known = True
        sidebar.set_stale(False)
        self._sidebar = sidebar
        self._top_bar = top_bar
        self._throttle = Throttle(_INTERVAL_S)
        self.items: Sequence[AttentionItem] = ()
        top_bar.set_alerts(None)
        self._show_badges()  # none of a session before is left

    def update(self, now: float) -> None:
        """Update the counts, unless that was done just before.

        Without a connection they are unknown, and so they are while the results and the history of
        the last hour are read: what is missing then may be found yet, and a result may be a failure
        of a muted group. For some seconds after history is current, no worker counts as offline.

        Args:
            now: Unix seconds.
        """
        is_known = self._connection.data_time is None and self._connection.has_recent
        if is_known is not self._is_known:
            self._is_known = is_known
            self._sidebar.set_stale(not is_known)
            self._throttle.reset()
        if not is_known or is_blind(self._connection):
            if self._connection.connection_status.state == "connected":
                self.items = ()
            self._top_bar.set_alerts(None)
            return
        self._throttle.run(now, lambda: self._count(now))

    def _count(self, now: float) -> None:
        settled = self._connection.is_settled
        self.items = [
            item
            for item in attention_items(self._state, now)
            if settled or item.kind is not AttentionKind.WORKER_OFFLINE
        ]
        has_rest = any(item.is_rest for item in self.items)
        listed = sum(not item.is_rest for item in self.items)
        self._top_bar.set_alerts(listed, more=has_rest)
        self._show_badges()

    def _show_badges(self) -> None:
        for page, badge in badges(self._state, self.items).items():
            if page in self._sidebar.buttons:
                self._sidebar.buttons[page].set_count(badge.count, urgent=badge.urgent)


def badges(state: SystemState, items: Sequence[AttentionItem]) -> Mapping[str, Badge]:
    """Return the badge of each page, by page key.

    Failures of muted and resolved groups are in no item, and so they are not counted.
    """
    runs = sum(item.count for item in items if item.kind in _RUN_KINDS)
    providers = sum(item.kind is AttentionKind.PROVIDER_DOWN for item in items)
    workers = sum(item.kind in _WORKER_KINDS for item in items)
    return {
        "tasks": _badge(runs, urgent=True),
        "providers": _badge(providers, urgent=True),
        "monitoring": _badge(workers, urgent=True),
        "messages": _badge(len(state.messages.rows)),
        "knowledge": _badge(len(state.knowledge.rows)),
        "results": _badge(len(state.results.rows)),
    }


def _badge(count: int, *, urgent: bool = False) -> Badge:
    return Badge(formats.short_count(count) if count else "", urgent and count > 0)
