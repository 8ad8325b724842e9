"""Why a table is empty: which part of the filter matches nothing, found out in slices.

While older messages are being read, the rows that they add are looked at too, and the note says
that more may follow.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Generic, TypeVar

from PySide6.QtCore import QObject, QTimer

from pulse_desktop.query.errors import QueryError
from pulse_desktop.query.explanation import MAX_ROWS, Explainer, Explanation
from pulse_desktop.text import formats
from pulse_desktop.text.query_text import explanation_sentences
from pulse_desktop.ui.rows.row_source import RowSource
from pulse_desktop.ui.rows.time_slice import TimeSlice
from pulse_desktop.ui.table.live_table import LiveTable

RowT = TypeVar("RowT")

_MAX_SHOWN: Final = 80
_AGAIN_MS: Final = 500
"""While history is being read, this long after the note was written it is looked at again."""


class EmptyExplanation(QObject, Generic[RowT]):
    """Says in the note of an empty table why nothing matches."""

    def __init__(
        self,
        table: LiveTable[RowT],
        rows: Callable[[], RowSource[RowT]],
        explainer: Callable[[], Explainer[RowT]],
        reading: Callable[[], str],
        parent: QObject,
    ) -> None:
        """Explain nothing yet.

        Args:
            table: the table.
            rows: returns its rows, live.
            explainer: returns what explains the filter in force. Raises QueryError.
            reading: returns what of the history is being read, a sentence; empty for nothing.
            parent: owner.
        """
        super().__init__(parent)
        self._table = table
        self._rows = rows
        self._make = explainer
        self._explainer: Explainer[RowT] | None = None
        self._reading = reading
        self._next = self._stop = 0
        self._is_done = False
        self._timer = QTimer(self)
        self._timer.setObjectName("explain an empty table")
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._explain_next_slice)
        self._again = QTimer(self)
        self._again.setObjectName("look at rows that were read from history meanwhile")
        self._again.setSingleShot(True)
        self._again.setInterval(_AGAIN_MS)
        self._again.timeout.connect(self._timer.start)
        table.rows_model.counts_changed.connect(self._follow)

    def restart(self) -> None:
        """Explain another filter."""
        self._end()
        self._table.overlay.set_explanation("")
        self._follow()

    def _follow(self) -> None:
        """Begin to explain when the filter has been applied to all rows and nothing matches."""
        model = self._table.rows_model
        if model.shown_count or not model.total_count:
            self._end()
            return
        if self._is_done or self._timer.isActive() or model.filter_pending or not model.filtered:
            return
        try:
            self._explainer = self._make()
        except QueryError:
            return
        self._next = self._stop = self._rows().stop
        self._timer.start()

    def _end(self) -> None:
        self._timer.stop()
        self._again.stop()
        self._is_done = False

    def _explain_next_slice(self) -> None:
        explainer, rows = self._explainer, self._rows()
        if explainer is None:
            self._timer.stop()
            return
        lowest = max(rows.start, self._stop - MAX_ROWS)
        for position, row in TimeSlice().newest_first(rows, lowest, self._next):
            explainer.look_at((row,))
            self._next = position
        if self._next > lowest:
            return
        self._timer.stop()
        self._is_done = True
        reasons = map(_short, explainer.explanations())
        sentences = explanation_sentences(reasons, is_complete=lowest == rows.start)
        if reading := self._reading():
            sentences.append(reading)
            self._again.start()
        self._table.overlay.set_explanation("\n".join(sentences))


def _short(explanation: Explanation) -> Explanation:
    """Return an explanation with conditions that are short enough for a note."""
    return replace(
        explanation,
        condition=formats.elided(explanation.condition, _MAX_SHOWN),
        close=formats.elided(explanation.close, _MAX_SHOWN),
    )
