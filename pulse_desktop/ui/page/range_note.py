"""The note of a table that the time range alone leaves empty: no filter is to blame."""

from collections.abc import Callable
from typing import Any

from pulse_desktop.model.time_range import ALL_RETAINED
from pulse_desktop.text.time_range_text import range_title
from pulse_desktop.text.translation import _
from pulse_desktop.ui.table.live_table import LiveTable
from pulse_desktop.ui.time.window_time import WindowTime


class RangeNote:
    """Names the time range in an empty table, and offers to show all that is retained."""

    def __init__(
        self,
        table: LiveTable[Any],
        time: WindowTime,
        retained: Callable[[int], str],
        *,
        has_filter: Callable[[], bool] = lambda: False,
        clear_filter: Callable[[], object] = lambda: None,
        reading: Callable[[], str] = str,
    ) -> None:
        """Create it.

        Args:
            table: the table.
            time: the time range of the window.
            retained: returns how many of so many rows there are at any time, as text; empty if
                there are none.
            has_filter: whether anything but the time range may hide rows.
            clear_filter: shows all rows of the time range.
            reading: returns what of the history is being read, a sentence; empty for nothing.
        """
        self._time, self._retained, self._reading = time, retained, reading
        self._has_filter, self._clear_filter = has_filter, clear_filter
        table.overlay.range_note = self.text
        table.clear_filter_requested.connect(self.show_all)

    def text(self, total: int) -> tuple[str, str, str] | None:
        """Return title, sentence and button, None if there is a filter.

        Title and button are empty where there is nothing at any time.

        Args:
            total: number of rows.
        """
        if self._has_filter():
            return None
        shown, retained = self._time.range, self._retained(total)
        if not (retained and shown.limits_rows):
            return "", "", ""
        sentence = _("Time range: {range}. Retained in all: {rows}.").format(
            range=range_title(shown, self._time.now()), rows=retained
        )
        sentence = "\n".join(filter(None, (sentence, self._reading())))
        return _("Nothing in the time range"), sentence, _("Show all retained")

    def show_all(self) -> None:
        """Remove what hides the rows: the filter, or without one the time range."""
        if self._has_filter():
            self._clear_filter()
        else:
            self._time.set_range(ALL_RETAINED)
