"""Coded columns: one byte per row that stands for the value of a field, held beside the rows."""

from collections.abc import Sequence
from typing import Final, Protocol

OTHER: Final = 255
"""Code of rows whose value has no code: only the row itself tells."""


class CodedColumn(Protocol):
    """The codes of one field. Values get codes in the order in which they are first seen."""

    @property
    def values(self) -> Sequence[str]:
        """The values by code. Values are added, never changed."""

    def codes(self, start: int, stop: int) -> bytes:
        """Return the codes of the rows at positions `start` to `stop` - 1."""


class CodedColumns(Protocol):
    """The coded columns of a collection of rows."""

    def column(self, name: str) -> CodedColumn | None:
        """Return a column by name, None if there is none."""
