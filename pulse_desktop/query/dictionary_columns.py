"""Dictionary-encoded columns: one byte per row that stands for the value of a field."""

from collections.abc import Sequence
from typing import Final, Protocol

from pulse_desktop.query.json_escaping import Escaping

NO: Final = 0
"""In a mask: the row does not match."""
UNDECIDED: Final = 1
"""In a mask: only the row itself tells."""
YES: Final = 2
"""In a mask: the row matches."""
OTHER: Final = 255
"""Code of rows whose value has no code: only the row itself tells."""


class DictionaryColumn(Protocol):
    """The codes of one field. Values get codes in the order in which they are first seen."""

    @property
    def values(self) -> Sequence[str]:
        """The values by code. Values are added, never changed."""

    def codes(self, start: int, stop: int) -> bytes:
        """Return the codes of the rows at positions `start` to `stop` - 1."""


class PayloadSearch(Protocol):
    """A search for a text in many payloads at once; see `query.json_search.JsonSearch`."""

    @property
    def task_id(self) -> str:
        """The id of a run that a payload has to be of to match; empty if that is not asked."""

    def matches(self, raw: bytes) -> bool:
        """Return whether a payload contains the text."""

    def may_match(self, escaping: Escaping) -> bool:
        """Return whether payloads with such escaping may contain the text."""

    def scan(
        self, payloads: bytes, ends: Sequence[int], escaping: Escaping | None = None
    ) -> bytearray:
        """Search payloads that lie one after the other; return a mark for each.

        The escaping is of all of them, or of more than these; None if it is not known.
        """


class SearchablePayloads(Protocol):
    """Rows whose payloads can be searched without looking at the rows."""

    def search(
        self, search: PayloadSearch, start: int, stop: int, wanted: bytes | None = None
    ) -> bytes:
        """Return `YES`, `NO` or `UNDECIDED` for each row at the positions `start` to `stop` - 1.

        Args:
            search: what to search for.
            start: position of the first row.
            stop: position after the last row.
            wanted: a byte per row, 0 where the result does not matter; None if it always does.
        """


class DictionaryColumns(Protocol):
    """The dictionary columns of a collection of rows."""

    def column(self, name: str) -> DictionaryColumn | None:
        """Return a column by name, None if there is none."""

    @property
    def payloads(self) -> SearchablePayloads | None:
        """The payloads of the rows, None if they cannot be searched in this way."""
