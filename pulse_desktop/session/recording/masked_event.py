"""Events and results without the masked values of the runs that they are about."""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, get_args

from pulse_desktop.model.json_decoding import decode_any_json
from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.protocol.soft_failure import Outcome
from pulse_desktop.protocol.task_message import PARENT, RERUN_OF, TASK_NAME
from pulse_desktop.session.recording.text_mask import TextMask, mask_whole, number_text

_MAX_DEPTH: Final = 50
_ERROR_KEYS: Final = frozenset(
    ("cause", "detail", "details", "error", "error_message", "errors", "exception", "lines")
) | {"answer", "fallback_reason", "message", "notes", "reason", "traceback"}
"""Keys of an event about a run whose texts often quote its arguments."""
_IDENTITY_LABELS: Final = frozenset((PARENT, RERUN_OF, TASK_NAME))
_IDENTITY_KEYS: Final = _IDENTITY_LABELS | {
    *("event", "queued_at", "target", "task_id", "timestamp", "topic", "type")
}
"""Keys of an event without which it is not one of this run."""
_SENDER_KEYS: Final = frozenset(("source", "worker"))
_SENDER: Final = re.compile(r"[^\s@:/]+@[^\s@:/]+:\d+|desktop:[^\s@:/{\"]+@[^\s@:/{\"]+")
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


def has_error_text(value: Any) -> bool:
    """Return whether an object has texts that may quote the arguments of a run."""
    return isinstance(value, dict) and any(value.get(key) for key in _ERROR_KEYS)


def mask_about_run(value: dict[Any, Any], mask: Callable[[str], str]) -> dict[Any, Any]:
    """Return an event about a run, or its task, with all texts masked; the same without any.

    What identifies the event stays, and what it measures.
    """
    if not isinstance(mask, TextMask):
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
        return _is_sender(key, item)
    return key in _IDENTITY_KEYS or (key == "outcome" and item in _OUTCOMES)


def with_senders(value: Any, masked: Any, is_left_out: Callable[[Any], bool]) -> Any:
    """Return a masked event with the names of worker and desktop as they were sent.

    That of a desktop, `desktop:user@host`, looks like a login with a password.

    Args:
        value: the event.
        masked: the same without secrets.
        is_left_out: returns whether the values of a key are wanted to be left out.
    """
    if not isinstance(value, dict) or not isinstance(masked, dict):
        return masked
    changed = {
        key: item for key, item in value.items() if masked.get(key) != item and not is_left_out(key)
    }
    senders = {key: item for key, item in changed.items() if _is_sender(key, item)}
    if "data" in changed:
        senders["data"] = with_senders(value["data"], masked["data"], is_left_out)
    return masked | senders if senders else masked


def _is_sender(key: Any, item: Any) -> bool:
    return key in _SENDER_KEYS and isinstance(item, str) and _SENDER.fullmatch(item) is not None


def mask_labels(labels: dict[Any, Any], mask: Callable[[str], str]) -> dict[Any, Any]:
    """Return the labels of a result with all texts masked, but for its task and related runs."""
    if not isinstance(mask, TextMask):
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
    if not isinstance(mask, TextMask):
        return mask_texts(value, mask)
    encoded = to_json(value)
    if not mask.may_occur_in(encoded):
        return value
    return mask_texts(decode_any_json(encoded.encode()), mask)


def mask_texts(value: Any, mask: Callable[[str], str], depth: int = _MAX_DEPTH) -> Any:
    """Return a value with all texts and numbers in it masked, also keys."""
    match value:
        case int() | float() if text := number_text(value):
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
