"""Masks secrets and chosen fields in what is recorded.

A recording leaves the machine, so what looks like a secret is left out: values under names such as
`password`, credentials in addresses, keys in the form of well-known services. Fields whose names
the operator gives are left out as well, in arguments, labels, events and results.
"""

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop.model.redaction import is_secret_name, redact_secrets
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.protocol.task_result import ResultError, TaskResult
from pulse_desktop.session.recording.recording_format import RecordedResult, recorded_result

MASK: Final = "***"
_MAX_DEPTH: Final = 200
_MAX_NAME: Final = 200
_MAX_CACHED: Final = 100
"""Characters of a text that is likely to appear again."""
_OPENING: Final = ("{", "[")
_KEY: Final = re.compile(rb'"\s*:')
_BY_SIBLING: Final = frozenset(("args", "value"))
"""Keys whose values are secrets if another key of the object says so."""
_SIBLING_KEYS: Final = _BY_SIBLING | {"task_name", "name", "key"}
_MORE_SECRETS: Final = re.compile(
    r"(?:^|[^a-z0-9])(?:passwords|passphrases|secrets|api[_-]?keys|cookies?|auth)$", re.IGNORECASE
)
"""Further names of fields with secrets; in other places they may be ordinary words."""
_WIDE_TEXT: Final = re.compile(rb"\A(?:\xff\xfe|\xfe\xff)|(?:[ -~]\0{1,3}){4}|(?:\0{1,3}[ -~]){4}")
"""UTF-16 or UTF-32, in which no secret is recognized."""
_PAIR: Final = 2


def _no_names(_task_name: str) -> Sequence[str]:
    return ()


class Masking:
    """Masks messages and results."""

    def __init__(
        self,
        fields: Iterable[str] = (),
        parameters: Callable[[str], Sequence[str]] = _no_names,
    ) -> None:
        """Create it.

        Args:
            fields: names of fields and arguments to leave out, in any case.
            parameters: returns the names of a task's positional parameters, as far as they are
                known; without them a positional argument cannot be told by its name.
        """
        self._fields = frozenset(name.casefold() for name in fields)
        self._parameters = parameters

    def payload(self, message: InboundMessage) -> bytes:
        """Return the payload of a message without secrets: JSON on one line, or text.

        A task in another format becomes JSON. What is no JSON stays unreadable text.
        """
        raw = message.payload
        if message.source is Source.TASK:
            with contextlib.suppress(MalformedTaskError):
                raw = msgspec.json.encode(decode_task(raw))
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if _WIDE_TEXT.search(raw):
                return MASK.encode()
            return redact_secrets(raw.decode("utf-8", "backslashreplace")).encode()
        masked = self.value(self._unambiguous(raw, value))
        if masked is value and b"\n" not in raw and b"\r" not in raw:
            return raw  # exactly as it was sent, with repeated keys and numbers of any length
        return to_json(masked).encode()

    def result(self, result: TaskResult) -> RecordedResult:
        """Return a result without secrets."""
        masked = msgspec.structs.replace(
            result, error=self._error(result.error), soft_reason=redact_secrets(result.soft_reason)
        )
        value = to_json(self.value(result.return_value)).encode()
        return recorded_result(masked, value, to_json(self.value(result.labels)).encode())

    def value(self, value: Any) -> Any:
        """Return a value without secrets: the same object if there are none."""
        return self._value(value, _MAX_DEPTH)

    def _value(self, value: Any, depth: int) -> Any:
        match value:
            case str():
                return self._text(value, depth)
            case dict() if depth:
                return self._dictionary(value, depth - 1)
            case list() | tuple() if depth:
                items = [self._value(item, depth - 1) for item in value]
                if len(value) == _PAIR and self._is_left_out(value[0]):
                    items[1] = _masked(value[1])
                same = all(new is old for new, old in zip(items, value, strict=True))
                return value if same else items
            case set() | frozenset():
                return self._value(list(value), depth)
            case dict() | list() | tuple():
                return f"({type(value).__name__})"
        return value

    def _text(self, text: str, depth: int) -> str:
        """Return a text without secrets; JSON in it is masked as JSON is."""
        if depth and text.lstrip()[:1] in _OPENING:
            with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
                value = msgspec.json.decode(text)
                masked = self._value(self._unambiguous(text.encode(), value), depth - 1)
                if masked is not value:
                    return to_json(masked)
        masked = redact_secrets(text) if len(text) > _MAX_CACHED else _redact_short(text)
        return text if masked == text else masked

    def _unambiguous(self, raw: bytes, value: Any) -> Any:
        """Return a decoded value without what repeated keys leave in doubt.

        It is the same object unless JSON has a key twice, and decoding dropped a secret or what
        tells whether something else is one.

        Args:
            raw: the JSON.
            value: what it decodes to.
        """
        keys = len(_KEY.findall(raw))
        if b"\\u00" not in raw and keys == len(_KEY.findall(msgspec.json.encode(value))):
            return value  # an escaped quote or colon would be counted once decoded
        doubtful = False

        def look(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            nonlocal doubtful
            kept = dict(pairs)
            if len(kept) == len(pairs):
                return kept
            dropped = [(key, item) for key, item in pairs if kept[key] is not item]
            if any(key in _SIBLING_KEYS for key, _item in dropped):
                doubtful = True
                return {key: MASK if key in _BY_SIBLING else kept[key] for key in kept}
            for key, item in dropped:  # nothing else holds them: each is looked at once
                each = {key: item}
                doubtful = doubtful or self._dictionary(each, _MAX_DEPTH) is not each
            return kept

        try:
            again = json.loads(raw, object_pairs_hook=look)
        except (ValueError, RecursionError):  # a number of thousands of digits
            return MASK
        return again if doubtful else value

    def _dictionary(self, value: dict[Any, Any], depth: int) -> dict[Any, Any]:
        masked = {
            key: _masked(item) if self._is_left_out(key) else self._value(item, depth)
            for key, item in value.items()
        }
        if "value" in value and any(map(self._is_left_out, (value.get("name"), value.get("key")))):
            masked["value"] = _masked(value["value"])
        args, name = value.get("args"), value.get("task_name")
        if isinstance(args, list) and isinstance(name, str):
            masked["args"] = self._arguments(masked["args"], self._parameters(name))
        same = all(masked[key] is item for key, item in value.items())
        keys = [self._text(key, 0) if isinstance(key, str) else key for key in value]
        if keys != list(value):
            return dict(zip(keys, masked.values(), strict=True))
        return value if same else masked

    def _arguments(self, args: Any, names: Sequence[str]) -> Any:
        if not isinstance(args, list) or not any(map(self._is_left_out, names[: len(args)])):
            return args
        return [
            _masked(item) if at < len(names) and self._is_left_out(names[at]) else item
            for at, item in enumerate(args)
        ]

    def _is_left_out(self, key: Any) -> bool:
        if not isinstance(key, str):
            return False
        if len(key) > _MAX_NAME:
            return key.casefold() in self._fields
        return key.casefold() in self._fields or _promises_secret(key)

    def _error(self, error: ResultError | None) -> ResultError | None:
        if error is None:
            return None
        return msgspec.structs.replace(
            error, message=redact_secrets(error.message), cause=self._error(error.cause)
        )


@functools.lru_cache(4096)
def _promises_secret(key: str) -> bool:
    return is_secret_name(key) or _MORE_SECRETS.search(key) is not None


@functools.lru_cache(4096)
def _redact_short(text: str) -> str:
    """Mask what repeats in each message: keys, types, names of tasks and workers."""
    return redact_secrets(text)


def _masked(value: Any) -> Any:
    """Return the mask for a value; what holds no text and no number stays as it is."""
    return value if value is None or isinstance(value, bool) else MASK
