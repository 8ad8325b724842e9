"""How much needs attention, worked out now and then and said at the edges of the window."""

from typing import Final

from pulse_desktop.state.attention import AttentionItem, attention_items
from pulse_desktop.state.system import SystemState
from pulse_desktop.ui.shell.badges import badges
from pulse_desktop.ui.shell.sidebar import Sidebar
from pulse_desktop.ui.shell.top_bar import TopBar
from pulse_desktop.ui.theme.throttle import Throttle

_LOOK_S: Final = 2.0


class AttentionMonitor:
    """Counts in the navigation and at the top.

    Attributes:
        concerns: what needs attention, at most seconds old.
    """

    def __init__(self, state: SystemState, rail: Sidebar, top_bar: TopBar) -> None:
        self._state = state
        self._rail = rail
        self._top_bar = top_bar
        self._cadence = Throttle()
        self.concerns: list[AttentionItem] = []

    def look(self, now: float) -> None:
        """See what needs attention at a time, Unix seconds, unless that was done just before."""
        if not self._cadence.due("concerns", now, _LOOK_S):
            return
        self.concerns = found = attention_items(self._state, now)
        self._top_bar.set_alerts(len(found))
        for key, (count, urgent) in badges(self._state, found).items():
            if key in self._rail.buttons:
                self._rail.buttons[key].set_count(count, urgent=urgent and bool(count))
