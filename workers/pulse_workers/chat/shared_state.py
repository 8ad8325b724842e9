"""JSON values that processes share, changed by compare-and-set; and ones of this process only."""

from typing import Any, Protocol

import msgspec


class SharedState(Protocol):
    """JSON values that are changed by compare-and-set, such as those of the state bucket."""

    async def get(self, key: str) -> tuple[Any, int]:
        """Return a value and its revision; (None, 0) if there is none."""
        ...

    async def compare_and_set(self, key: str, value: object, revision: int) -> bool:
        """Store a value if the key is still at `revision`; False if it is not."""
        ...


class LocalState:
    """JSON values of this process only: for checks, which need no limits."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[bytes, int]] = {}

    async def get(self, key: str) -> tuple[Any, int]:
        """Return a value and its revision; see `SharedState`."""
        body, revision = self._values.get(key, (b"null", 0))
        return msgspec.json.decode(body), revision

    async def compare_and_set(self, key: str, value: object, revision: int) -> bool:
        """Store a value; see `SharedState`."""
        if self._values.get(key, (b"", 0))[1] != revision:
            return False
        self._values[key] = msgspec.json.encode(value), revision + 1
        return True
