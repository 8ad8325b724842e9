"""What was masked in the arguments of runs, to be masked in their error texts as well.

An exception often quotes what it was called with. Its message and traceback are kept, without the
values that were left out of the arguments of the same run.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

MASK: Final = "***"
MIN_LENGTH: Final = 4
"""Fewer characters occur in any text by chance."""
MIN_NUMBER_LENGTH: Final = 6
"""Shorter numbers are counts and codes, which occur in texts of any run."""
MAX_RUNS: Final = 100_000
MAX_CHARACTERS: Final = 32 << 20
_MIN_WITHIN_WORDS: Final = 8
"""A shorter value is masked as a whole word only."""
_MAX_VALUES: Final = 200
_MAX_DEPTH: Final = 50
_ERROR_KEYS: Final = frozenset(
    ("cause", "detail", "details", "error", "error_message", "errors", "exception", "lines")
) | {"message", "reason", "traceback"}
"""Keys of an event about a run whose texts may quote its arguments."""


class MaskedValues:
    """The masked values of the latest runs."""

    def __init__(self, max_runs: int = MAX_RUNS, max_characters: int = MAX_CHARACTERS) -> None:
        """Know of no run.

        Args:
            max_runs: number of runs that are remembered.
            max_characters: of all their values.
        """
        self._max_runs, self._max_characters = max_runs, max_characters
        self._values: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._characters = 0

    def add(self, run_id: str, values: Iterable[Any]) -> None:
        """Remember what was masked in the arguments of a run, also if that is nothing."""
        known = self._values.pop(run_id, ())
        texts = {text for value in values for text in _texts(value, _MAX_DEPTH)}
        kept = tuple(dict.fromkeys((*known, *sorted(texts))))[:_MAX_VALUES]
        self._values[run_id] = kept
        self._characters += sum(map(len, kept)) - sum(map(len, known))
        while len(self._values) > self._max_runs or self._characters > self._max_characters:
            _id, dropped = self._values.popitem(last=False)
            self._characters -= sum(map(len, dropped))

    def __contains__(self, run_id: object) -> bool:
        """Return whether the arguments of a run were seen."""
        return run_id in self._values

    def masker(self, run_id: str) -> Callable[[str], str] | None:
        """Return what masks the values of a run in a text, None if it has none."""
        values = self._values.get(run_id)
        if not values:
            return None
        forms = {form for value in values for form in _forms(value)}
        longest_first = sorted(forms, key=len, reverse=True)
        long = [form for form in longest_first if len(form) >= _MIN_WITHIN_WORDS]
        short = [re.escape(form) for form in longest_first[len(long) :]]
        words = re.compile(rf"(?<!\w)(?:{'|'.join(short)})(?!\w)") if short else None

        def mask(text: str) -> str:
            for form in long:
                text = text.replace(form, MASK)
            return words.sub(MASK, text) if words is not None else text

        return mask


def has_error_text(value: Any) -> bool:
    """Return whether an object has texts that may quote the arguments of a run."""
    return isinstance(value, dict) and any(value.get(key) for key in _ERROR_KEYS)


def mask_error_texts(value: dict[Any, Any], mask: Callable[[str], str]) -> dict[Any, Any]:
    """Return an object with the texts under the keys of errors masked; the same without any."""
    masked = {
        key: mask_texts(item, mask) if key in _ERROR_KEYS else item for key, item in value.items()
    }
    return value if masked == value else masked


def mask_texts(value: Any, mask: Callable[[str], str], depth: int = _MAX_DEPTH) -> Any:
    """Return a value with all texts and numbers in it masked."""
    match value:
        case int() | float() if text := _number_text(value):
            masked = mask(text)
            return value if masked == text else masked
        case str():
            return mask(value)
        case dict() if depth:
            return {key: mask_texts(item, mask, depth - 1) for key, item in value.items()}
        case list() | tuple() if depth:
            return [mask_texts(item, mask, depth - 1) for item in value]
    return value


def _number_text(number: float) -> str:
    """Return a number as it is written in texts; nothing if it is too short to be recognized."""
    if isinstance(number, bool):
        return ""
    try:
        text = str(number)
    except ValueError:  # more digits than Python writes
        return ""
    return text if len(text) >= MIN_NUMBER_LENGTH else ""


def _texts(value: Any, depth: int) -> Iterator[str]:
    """Iterate over the texts and numbers in a value that are long enough to be recognized."""
    match value:
        case int() | float() if text := _number_text(value):
            yield text
        case str() if len(value.strip()) >= MIN_LENGTH:
            yield value
        case dict() if depth:
            for item in value.values():
                yield from _texts(item, depth - 1)
        case list() | tuple() | set() | frozenset() if depth:
            for item in value:
                yield from _texts(item, depth - 1)


def _forms(text: str) -> Sequence[str]:
    """Return a text as it is, and as `repr` and JSON write it between quotes."""
    return (
        text,
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    )
