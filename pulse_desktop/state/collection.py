"""Collections: the parts of the state, each with rows of one kind.

`SystemState.register` adds one: the state then routes the events of its topics to it, calls its
`tick`, and reports its dirty rows, which a page looks up by the collection.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

import msgspec

from pulse_desktop.protocol.event import Event
from pulse_desktop.query.dictionary_columns import DictionaryColumns
from pulse_desktop.state.ring_buffer import RingBuffer

Row = TypeVar("Row")

Folded = tuple[Any, msgspec.Raw | None, bool]
"""What is folded: an event, or an update of a row; the event's data; whether it is older."""

MAX_ROWS_BYTES: Final = 128 << 20
"""Bytes that the rows of a collection keep alive; senders choose the size of each."""
ROW_OVERHEAD: Final = 400


class _HasPayload(Protocol):
    @property
    def raw(self) -> bytes: ...


def payload_weight(row: _HasPayload) -> int:
    """Return about how many bytes a row keeps alive: its payload, and what was decoded of it."""
    return 2 * len(row.raw) + ROW_OVERHEAD


class Collection(Generic[Row]):
    """Rows of one kind.

    Attributes:
        name: unique among the collections of a state.
        topics: the topics whose events it folds; empty if it is filled in another way.
        rows: the rows, oldest first.
        columns: dictionary columns, which filters read instead of the rows; None without any.
    """

    name: ClassVar[str]
    topics: ClassVar[frozenset[str]] = frozenset()
    rows: RingBuffer[Row]
    columns: DictionaryColumns | None = None

    def apply(self, event: Event, body: msgspec.Raw | None = None, *, older: bool = False) -> None:
        """Fold a readable event of one of `topics`; ignore one of a type it does not know.

        Args:
            event: the event.
            body: its data, as `decode_event_raw` returns it.
            older: whether it is older than what was folded before; it adds what is missing and
                replaces nothing.
        """

    def apply_all(self, batch: Sequence[Folded]) -> None:
        """Fold events in order: each one with its data, and whether it is older."""
        apply = self.apply
        for event, body, older in batch:
            apply(event, body, older=older)

    def _add(self, row: Row, *, older: bool) -> int | None:
        """Add a row as the newest or the oldest; return its position, None if there is no room."""
        return self.rows.prepend(row) if older else self.rows.append(row)

    def tick(self, now: float) -> None:
        """Update what depends on time alone, or a slice of it. `now` is Unix seconds."""

    def tick_more(self, now: float) -> bool:  # noqa: ARG002
        """Do a further slice of what `tick` has begun; return whether there is more.

        Several slices bring it to an end, after which there is nothing to do until the next `tick`.
        """
        return False


_NOTHING: Final[frozenset[int]] = frozenset()


class DirtyRows:
    """Positions of the rows replaced since the last frame, by collection."""

    def __init__(self, positions: Mapping[Collection[Any], AbstractSet[int]] | None = None) -> None:
        self._positions = positions or {}

    def of(self, collection: Collection[Any]) -> AbstractSet[int]:
        """Return the positions in a collection's rows; empty if none was replaced."""
        return self._positions.get(collection, _NOTHING)
