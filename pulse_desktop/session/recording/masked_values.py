"""What was masked in the arguments of runs, to be masked in all other texts about them as well.

An exception often quotes what it was called with, and so does an answer, a note or what a task
returns. They are kept, without the values that were left out of the arguments of the same run.
"""

import bisect
import contextlib
import itertools
import json
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, get_args

from pulse_desktop.model.json_decoding import decode_any_json
from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.protocol.soft_failure import Outcome
from pulse_desktop.protocol.task_message import PARENT, RERUN_OF, TASK_NAME
from pulse_desktop.session.recording.text_search import (
    Span,
    TextSearch,
    TooCostlyError,
    merged_spans,
)

MASK: Final = "***"
MIN_LENGTH: Final = 4
"""Fewer characters occur in any text by chance."""
MIN_NUMBER_LENGTH: Final = 6
"""Shorter numbers are counts and codes, which occur in texts of any run."""
MAX_MASKED_RUNS: Final = 100_000
MAX_CHARACTERS: Final = 32 << 20
_MIN_WITHIN_WORDS: Final = 8
"""A shorter value is masked as a whole word only."""
MAX_TEXTS: Final = 2_000
"""Texts and numbers of one run that others are compared with, those within texts included."""
_MAX_RUN_CHARACTERS: Final = 2 << 20
_MAX_DEPTH: Final = 50
_MAX_JSON_DEPTH: Final = 3
"""JSON in a text in JSON in a text."""
_ESCAPED: Final = re.compile(r"""["'\\]""")
_SURROGATE: Final = re.compile("[\ud800-\udfff\ufffd]")
_LOST: Final = "\ufffd"
_ANY_LOST: Final = re.compile(
    "(?:[\ud800-\udfff\ufffd?]|"
    r"\\+(?:u[dD][89a-fA-F][0-9a-fA-F]{2}|u[fF]{3}[dD]|x[89a-fA-F][0-9a-fA-F]))+"
)
"""All ways to write lone surrogates, as of bytes that are no text: as they are, replaced, or
escaped."""
_ERROR_KEYS: Final = frozenset(
    ("cause", "detail", "details", "error", "error_message", "errors", "exception", "lines")
) | {"answer", "fallback_reason", "message", "notes", "reason", "traceback"}
"""Keys of an event about a run whose texts often quote its arguments."""
_IDENTITY_KEYS: Final = frozenset(
    ("event", "queued_at", "target", "task_id", "task_name", "timestamp", "topic", "type")
)
"""Keys of an event without which it is not one of this run."""
_IDENTITY_LABELS: Final = frozenset((PARENT, RERUN_OF, TASK_NAME))
_SENDER_KEYS: Final = frozenset(("source", "worker"))
_SENDER: Final = re.compile(r"[^\s@]+@\S+:\d+|desktop:[^\s@]+@\S+")
_OUTCOMES: Final = get_args(Outcome)
_PLAIN_KEYS: Final = frozenset(
    ("action", "agent", "args", "call_id", "format", "id", "kwargs", "labels", "labels_types")
) | {"lost", "model", "params", "provider", "sent_format", "source", "who", "worker"}
"""Keys of an event that stay where texts are left out as a whole: they quote nothing, or what they
hold is masked by its names."""
_MEASURE_KEYS: Final = frozenset(
    ("attempt", "cost_usd", "done", "eta_s", "latency_s", "message_bytes", "rate", "result_bytes")
) | {"retry_in_s", "run_s", "stream_sequence", "tokens_in", "tokens_out", "total"}
"""Keys of an event whose numbers are measured."""
_NO_QUOTE_KEYS: Final = frozenset(("type", "level", "logger", "timestamp"))
"""Keys whose texts quote nothing: the name of an exception, and what precedes a log line."""
_KEPT_KEYS: Final = _ERROR_KEYS | _NO_QUOTE_KEYS | {"text"}
"""Keys without which errors and log lines cannot be read; also if a masked object has them."""


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
    if texts is None:
        return mask_whole
    lost = {
        form
        for text in texts
        if _SURROGATE.search(text)
        for form in _forms(without_surrogates(text))
    }
    if any(_is_all_lost(form) for form in lost):
        return mask_whole
    return _FormMask({form for text in texts for form in _forms(text)}, lost)


class _FormMask:
    """Masks texts within another text."""

    def __init__(self, forms: Collection[str], lost: Collection[str]) -> None:
        """Take what is looked for.

        Args:
            forms: the texts in all forms in which they are looked for.
            lost: those with lone surrogates, which are found however they are written.
        """
        self._forms = forms
        self._lost = lost
        self._by_length = [
            (
                _search(forms, is_long=is_long),
                _search((_ANY_LOST.sub(_LOST, form) for form in lost), is_long=is_long),
            )
            for is_long in (True, False)
        ]
        self._in_json: TextSearch | None = None
        self._has_hidden = False

    def __call__(self, text: str) -> str:
        """Return a text without them; the mask alone if finding them would take too long."""
        try:
            for search, lost_search in self._by_length:
                spans = search.spans(text)
                if self._lost:
                    spans = merged_spans([*spans, *_lost_spans(text, lost_search)])
                text = _without_spans(text, spans)
        except TooCostlyError:
            self._has_hidden = True
            return MASK
        return text

    def take_hidden(self) -> bool:
        """Return whether any text was masked as a whole since the last call."""
        has_hidden, self._has_hidden = self._has_hidden, False
        return has_hidden

    def may_occur_in(self, encoded: str) -> bool:
        """Return whether JSON may have any of the texts.

        Args:
            encoded: as `to_json` writes it.
        """
        if self._lost or any(map(_is_exponential, self._forms)):
            return True
        if self._in_json is None:
            self._in_json = TextSearch(to_json(form)[1:-1] for form in self._forms)
        try:
            return self._in_json.occurs_in(encoded)
        except TooCostlyError:
            return True


def take_hidden(mask: Callable[[str], str]) -> bool:
    """Return whether texts were masked as a whole since the last call."""
    return mask.take_hidden() if isinstance(mask, _FormMask) else mask is mask_whole


def _search(forms: Iterable[str], *, is_long: bool) -> TextSearch:
    chosen = [form for form in forms if (len(form) >= _MIN_WITHIN_WORDS) is is_long]
    return TextSearch(chosen, whole_words=not is_long)


def _is_all_lost(form: str) -> bool:
    """Return whether too little of a text is left to recognize it."""
    return len(_ANY_LOST.sub("", form).strip()) < MIN_LENGTH


def _lost_spans(text: str, search: TextSearch) -> list[Span]:
    """Return where a text has those with lone surrogates, however they are written."""
    parts: list[str] = []
    after, before = [0], [0]  # places after each change: in what is searched, and in the text
    length = 0
    for match in _ANY_LOST.finditer(text):
        parts += (text[before[-1] : match.start()], _LOST)
        length += match.start() - before[-1] + 1
        after.append(length)
        before.append(match.end())
    parts.append(text[before[-1] :])

    def place(position: int) -> int:
        change = bisect.bisect_right(after, position) - 1
        return before[change] + position - after[change]

    return [(place(start), place(end)) for start, end in search.spans("".join(parts))]


def _without_spans(text: str, spans: Iterable[Span]) -> str:
    """Return a text with parts of it masked."""
    parts: list[str] = []
    position = 0
    for start, end in spans:
        parts += (text[position:start], MASK)
        position = end
    return "".join([*parts, text[position:]]) if parts else text


def _is_exponential(form: str) -> bool:
    """Return whether a text may be a number that JSON writes in another way."""
    return "e" in form and form.replace("e", "").strip("+-.0123456789") == ""


def without_surrogates(text: str) -> str:
    """Return a text that can be encoded."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def mask_whole(text: str) -> str:
    """Return the mask for a text."""
    return MASK if text else text


def has_error_text(value: Any) -> bool:
    """Return whether an object has texts that may quote the arguments of a run."""
    return isinstance(value, dict) and any(value.get(key) for key in _ERROR_KEYS)


def mask_about_run(value: dict[Any, Any], mask: Callable[[str], str]) -> dict[Any, Any]:
    """Return an event about a run, or its task, with all texts masked; the same without any.

    What identifies the event stays, and what it measures.
    """
    if not isinstance(mask, _FormMask):
        masked = {key: _mask_about_run(key, item, mask)[1] for key, item in value.items()}
        return value if masked == value else masked
    if not mask.may_occur_in(to_json(value)):
        return value
    masked = _mask_items(value, lambda key, item: _mask_about_run(key, item, mask))
    return value if masked == value else masked


def _mask_about_run(key: Any, item: Any, mask: Callable[[str], str]) -> tuple[Any, Any]:
    """Return a key of an event or its data, and its value, both masked."""
    is_measured = key in _MEASURE_KEYS and isinstance(item, int | float)
    if _identifies(key, item) or is_measured or (mask is mask_whole and key in _PLAIN_KEYS):
        return key, item
    if isinstance(item, dict) and key == "data":
        return key, mask_about_run(item, mask)
    if isinstance(item, dict) and key == "labels":
        return key, _mask_label_texts(item, mask)
    is_value = isinstance(key, str) and key not in _ERROR_KEYS
    return mask(key) if is_value else key, mask_texts(item, mask)


def _identifies(key: Any, item: Any) -> bool:
    """Return whether a value of an event says which run it is about, who sent it, or the outcome.

    A masked argument may have the same text by chance, such as the name of its worker.
    """
    if key in _SENDER_KEYS:
        return isinstance(item, str) and _SENDER.fullmatch(item) is not None
    return key in _IDENTITY_KEYS or (key == "outcome" and item in _OUTCOMES)


def mask_labels(labels: dict[Any, Any], mask: Callable[[str], str]) -> dict[Any, Any]:
    """Return the labels of a result with all texts masked, but for its task and related runs."""
    if not isinstance(mask, _FormMask):
        return labels
    encoded = to_json(labels)
    if not mask.may_occur_in(encoded):
        return labels
    return _mask_label_texts(decode_any_json(encoded.encode()), mask)


def _mask_label_texts(labels: dict[Any, Any], mask: Callable[[str], str]) -> dict[Any, Any]:
    return _mask_items(
        labels,
        lambda key, item: (
            (key, item)
            if key in _IDENTITY_LABELS and isinstance(item, str)
            else _mask_item(key, item, mask, _MAX_DEPTH)
        ),
    )


def mask_returned(value: Any, mask: Callable[[str], str]) -> Any:
    """Return what a run returned with all texts masked; the same without any."""
    if not isinstance(mask, _FormMask):
        return mask_texts(value, mask)
    encoded = to_json(value)
    if not mask.may_occur_in(encoded):
        return value
    return mask_texts(decode_any_json(encoded.encode()), mask)


def mask_texts(value: Any, mask: Callable[[str], str], depth: int = _MAX_DEPTH) -> Any:
    """Return a value with all texts and numbers in it masked, also keys."""
    match value:
        case int() | float() if text := _number_text(value):
            masked = mask(text)
            return value if masked == text else masked
        case str():
            return mask(value)
        case dict() if depth:
            return _mask_items(value, lambda key, item: _mask_item(key, item, mask, depth - 1))
        case list() | tuple() if depth:
            return [mask_texts(item, mask, depth - 1) for item in value]
    return value


def _mask_items(
    value: dict[Any, Any], mask_item: Callable[[Any, Any], tuple[Any, Any]]
) -> dict[Any, Any]:
    """Return an object masked; keys that are masked alike are numbered, so that none is lost.

    Keys are masked too where the whole text is: which of them are values is not known then.
    """
    found: dict[Any, Any] = {}
    repeated: Counter[Any] = Counter()
    for name, item in value.items():
        masked, masked_item = mask_item(name, item)
        key = masked
        while key in found:
            repeated[masked] += 1
            key = f"{masked} {repeated[masked] + 1}"
        found[key] = masked_item
    return found


def _mask_item(key: Any, item: Any, mask: Callable[[str], str], depth: int) -> tuple[Any, Any]:
    """Return a key and its value masked; the keys that errors and log lines have stay."""
    if key in _NO_QUOTE_KEYS and mask is mask_whole and not isinstance(item, dict | list):
        return key, item
    is_value = isinstance(key, str) and key not in _KEPT_KEYS
    return mask(key) if is_value else key, mask_texts(item, mask, depth)


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
    """Iterate over the texts, keys and numbers in a value that are long enough to be recognized."""
    match value:
        case int() | float() if text := _number_text(value):
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


def _forms(text: str) -> tuple[str, ...]:
    """Return a text as it is, and as `repr` and JSON write it between quotes."""
    if text.isascii() and text.isprintable() and not _ESCAPED.search(text):
        return (text,)
    return (
        text,
        repr(text)[1:-1],
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
    )
