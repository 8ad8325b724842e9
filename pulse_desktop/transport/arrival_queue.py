"""The bounded queue between the network's callbacks and the frame timer.

A callback must cost next to nothing, so it only appends here. The queue is bounded by number and
by bytes, so that a stalled window cannot exhaust memory; what does not fit is counted.
"""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from pulse_desktop.protocol.inbound import InboundMessage
from pulse_desktop.protocol.stored_object import StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_CAPACITY: Final = 200_000
DEFAULT_MAX_BYTES: Final = 256 << 20


class ArrivalQueue:
    """A bounded queue of received messages and objects, oldest first.

    Attributes:
        capacity: maximum number of items.
        max_bytes: maximum sum of payload bytes.
        received: items accepted since the start.
        dropped: items rejected for lack of room since the start.
        held_bytes: payload bytes held now.
        on_first: called when an item is put into the empty queue.
    """

    __slots__ = (
        "_items",
        "capacity",
        "dropped",
        "held_bytes",
        "max_bytes",
        "on_first",
        "received",
    )

    def __init__(
        self, capacity: int = DEFAULT_CAPACITY, max_bytes: int = DEFAULT_MAX_BYTES
    ) -> None:
        if capacity < 1:
            raise ValueError("an arrival queue holds at least one item")
        self._items: deque[InboundMessage | StoredObject] = deque()
        self.capacity = capacity
        self.max_bytes = max_bytes
        self.received = 0
        self.dropped = 0
        self.held_bytes = 0
        self.on_first: Callable[[], object] = _nothing

    def __len__(self) -> int:
        return len(self._items)

    def __bool__(self) -> bool:
        return bool(self._items)

    @property
    def room(self) -> int:
        """Number of items that still fit; 0 as well when the bytes are used up."""
        if self.held_bytes >= self.max_bytes:
            return 0
        return self.capacity - len(self._items)

    def put(self, item: InboundMessage | StoredObject) -> bool:
        """Append an item, or count it as dropped and return False when there is no room."""
        if self.offer(item):
            return True
        self.dropped += 1
        return False

    def offer(self, item: InboundMessage | StoredObject) -> bool:
        """Append an item, or return False when there is no room: its sender keeps it."""
        items = self._items
        if len(items) >= self.capacity or self.held_bytes >= self.max_bytes:
            return False
        if item.__class__ is InboundMessage:
            self.held_bytes += len(item.payload)
        items.append(item)
        self.received += 1
        if len(items) == 1:
            self.on_first()
        return True

    def put_all(self, items: Sequence[InboundMessage]) -> int:
        """Append the first messages of a list, as many as there is room for; return how many."""
        fitting = items[: max(0, self.room)]
        if not fitting:
            return 0
        was_empty = not self._items
        self.held_bytes += sum([len(item.payload) for item in fitting])
        self._items.extend(fitting)
        self.received += len(fitting)
        if was_empty:
            self.on_first()
        return len(fitting)

    def sort_messages(self) -> None:
        """Put the messages in the order of their time, before all objects."""
        messages = [item for item in self._items if item.__class__ is InboundMessage]
        objects = [item for item in self._items if item.__class__ is not InboundMessage]
        messages.sort(key=_at)
        self._items = deque((*messages, *objects))

    def take(self, count: int) -> list[InboundMessage | StoredObject]:
        """Remove and return up to `count` of the oldest items."""
        items = self._items
        if count >= len(items):
            taken = list(items)
            items.clear()
            self.held_bytes = 0
            return taken
        pop = items.popleft
        taken = [pop() for _ in range(count)]
        sizes = [len(item.payload) for item in taken if item.__class__ is InboundMessage]
        self.held_bytes -= sum(sizes)
        return taken


def _at(message: InboundMessage) -> float:
    return message.at


def _nothing() -> None:
    """Do nothing."""
