"""What was masked in the arguments of runs, to be masked in all other texts about them as well.

An exception often quotes what it was called with, and so does an answer, a note or what a task
returns. They are kept, without the values that were left out of the arguments of the same run.
"""

import contextlib
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from pulse_desktop.model.json_decoding import decode_any_json
from pulse_desktop.session.recording.text_mask import (
    MIN_LENGTH,
    mask_of,
    mask_whole,
    number_text,
    without_surrogates,
)

MAX_MASKED_RUNS: Final = 100_000
MAX_CHARACTERS: Final = 32 << 20
MAX_TEXTS: Final = 2_000
"""Texts and numbers of one run that others are compared with, those within texts included."""
_MAX_RUN_CHARACTERS: Final = 2 << 20
_MAX_DEPTH: Final = 50
_MAX_JSON_DEPTH: Final = 3
"""JSON in a text in JSON in a text."""


class MaskedValues:
    """The masked values of the latest runs.

    Attributes:
        has_forgotten: whether those of an earlier run made room for others.
    """

    def __init__(
        self, max_runs: int = MAX_MASKED_RUNS, max_characters: int = MAX_CHARACTERS
    ) -> None:
        """Know of no run.

        Args:
            max_runs: number of runs that are remembered.
            max_characters: of all their values.
        """
        self._max_runs, self._max_characters = max_runs, max_characters
        self._values: OrderedDict[str, tuple[str, ...] | None] = OrderedDict()  # None: too many
        self._characters = 0
        self._latest: tuple[str, Callable[[str], str]] | None = None
        self.has_forgotten = False

    def add(self, run_id: str, values: Iterable[Any]) -> None:
        """Remember what was masked in the arguments of a run, also if that is nothing."""
        self._latest = None
        known = self._values.pop(run_id, ())
        self._characters -= _length(known)
        kept = None if known is None else _distinct((*known, *_texts(list(values), _MAX_DEPTH)))
        self._values[run_id] = kept
        self._characters += _length(kept)
        while len(self._values) > self._max_runs or self._characters > self._max_characters:
            _id, dropped = self._values.popitem(last=False)
            self._characters -= _length(dropped)
            self.has_forgotten = self.has_forgotten or dropped != ()

    def __contains__(self, run_id: object) -> bool:
        """Return whether the arguments of a run were seen."""
        return run_id in self._values

    def mask_of(self, run_id: str) -> Callable[[str], str] | None:
        """Return what masks the values of a run in a text, None if it has none.

        It is `mask_whole` if there are too many to look for. The latest is kept: the error and the
        log lines of a run come one after the other.
        """
        values = self._values.get(run_id, ())
        if values == ():
            return None
        if self._latest is None or self._latest[0] != run_id:
            self._latest = run_id, _mask_of(values)
        return self._latest[1]


def _mask_of(values: Iterable[str] | None) -> Callable[[str], str]:
    texts = None if values is None else _distinct(_texts_within(values, _MAX_JSON_DEPTH))
    return mask_whole if texts is None else mask_of(texts)


def _length(texts: Iterable[str] | None) -> int:
    return sum(map(len, texts or ()))


def _distinct(texts: Iterable[str]) -> tuple[str, ...] | None:
    """Return each text once, None if they are too many."""
    found: dict[str, None] = {}
    length = 0
    for text in texts:
        if text not in found:
            found[text] = None
            length += len(text)
        if len(found) > MAX_TEXTS or length > _MAX_RUN_CHARACTERS:
            return None
    return tuple(found)


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Iterate over the texts, keys and numbers in a value that are long enough to be recognized."""
    match value:
        case int() | float() if text := number_text(value):
            yield text
        case str() if len(value.strip()) >= MIN_LENGTH:
            yield value
        case dict() if depth:
            for item in itertools.chain(value, value.values()):
                yield from _texts(item, depth - 1)
        case list() | tuple() | set() | frozenset() if depth:
            for item in value:
                yield from _texts(item, depth - 1)


def _texts_within(texts: Iterable[str], json_depth: int) -> Iterator[str]:
    """Iterate over texts, each of their lines, and what JSON in them holds."""
    for text in texts:
        yield text
        for line in text.splitlines():
            if len(line := line.strip()) >= MIN_LENGTH:
                yield line
        if json_depth and text.lstrip()[:1] in ("{", "[", '"'):
            with contextlib.suppress(ValueError, RecursionError):
                value = decode_any_json(without_surrogates(text).encode())
                yield from _texts_within(_texts(value, _MAX_DEPTH), json_depth - 1)
