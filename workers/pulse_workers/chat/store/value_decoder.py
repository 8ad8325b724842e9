"""Decoding of stored values: one that cannot be read does not stop the work on the others."""

import logging
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

UNREADABLE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""Raised by msgspec for values that it cannot decode."""
_MAX_NAMED: Final = 1_000
_MAX_SHOWN: Final = 200

logger = logging.getLogger("pulse.workers.store")
_named: set[tuple[str, str]] = set()
_lock = threading.Lock()


class ValueDecoder(Generic[T]):
    """Decodes the values of a bucket.

    A value may be damaged, or come from a newer version during an upgrade. One that cannot be read
    counts as missing; a warning names it once per process.
    """

    def __init__(self, bucket: str, decode: Callable[[bytes], T]) -> None:
        self._bucket = bucket
        self._decode = decode

    def __call__(self, key: str, value: bytes) -> T | None:
        """Return a value, or None if it is empty or cannot be read."""
        if not value:
            return None
        try:
            return self._decode(value)
        except UNREADABLE_ERRORS as error:
            self._name(key, error)
            return None

    def _name(self, key: str, error: Exception) -> None:
        name = (self._bucket, key)
        with _lock:  # a search decodes in a thread
            if name in _named or len(_named) >= _MAX_NAMED:
                return
            _named.add(name)
        reason = f"{type(error).__name__}: {error}"[:_MAX_SHOWN]
        logger.warning(
            "%s %s cannot be read and counts as missing (%s)",
            self._bucket,
            key[:_MAX_SHOWN],
            reason,
        )
