"""Masks secrets and chosen fields in what is recorded.

A recording leaves the machine, so what looks like a secret is left out: values under names such as
`password`, credentials in addresses, keys in the form of well-known services. Fields whose names
the operator gives are left out as well, in arguments, labels, events and results, and where
other texts about the same run quote them.
"""

import contextlib
import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from pulse_desktop.model.json_decoding import decode_any_json
from pulse_desktop.model.redaction import is_secret_name, redact_secrets
from pulse_desktop.protocol.inbound import InboundMessage, Source
from pulse_desktop.protocol.json_value import to_json
from pulse_desktop.protocol.stored_body import UnreadableBodyError, decode_body
from pulse_desktop.protocol.task_message import MalformedTaskError, decode_task
from pulse_desktop.protocol.task_result import ResultError, TaskResult
from pulse_desktop.session.recording.encoded_text import (
    decode_base64,
    decode_text,
    encode_base64,
    is_structured,
)
from pulse_desktop.session.recording.masked_event import (
    has_error_text,
    mask_about_run,
    mask_labels,
    mask_returned,
    with_senders,
)
from pulse_desktop.session.recording.masked_values import MaskedValues
from pulse_desktop.session.recording.recording_format import RecordedResult, recorded_result
from pulse_desktop.session.recording.text_mask import MASK, take_masked_whole, without_surrogates

_MAX_DEPTH: Final = 200
_MAX_NAME: Final = 200
_MAX_CACHED: Final = 100
"""Characters of a text that is likely to appear again."""
_OPENING: Final = ("{", "[")
_KEY: Final = re.compile(rb'"\s*:')
_BY_SIBLING: Final = frozenset(("args", "value"))
"""Keys whose values are secrets if another key of the object says so."""
_SIBLING_KEYS: Final = _BY_SIBLING | {"task_name", "name", "key"}
_ARGUMENT_KEYS: Final = frozenset(("args", "kwargs", "params"))
"""Keys of an event that has the arguments of its run."""
_MORE_SECRETS: Final = re.compile(
    r"(?:^|[^a-z0-9])(?:passwords|passphrases|secrets|api[_-]?keys|cookies?|auth)$", re.IGNORECASE
)
"""Further names of fields with secrets; in other places they may be ordinary words."""
_PAIR: Final = 2


def _no_names(_task_name: str) -> Sequence[str]:
    return ()


def _may_repeat_keys(raw: bytes, value: Any) -> bool:
    """Return whether JSON may have a key twice.

    Args:
        raw: the JSON.
        value: what it decodes to.
    """
    # An escaped quote or colon would be counted once decoded.
    return b"\\u00" in raw or len(_KEY.findall(raw)) != len(_KEY.findall(to_json(value).encode()))


class Masker:
    """Masks messages and results, in the order in which they are recorded.

    Attributes:
        unchecked: error texts that may have a masked value, because the arguments of the run were
            not seen before, or too long ago; without named fields only where some are forgotten.
        masked_whole: events and results of which texts are left out as a whole: their runs have too
            many masked values, or looking for them would take too long.
        unnamed: positional arguments left out because their names are not known.
    """

    def __init__(
        self,
        fields: Iterable[str] = (),
        parameters: Callable[[str], Sequence[str]] = _no_names,
        values: MaskedValues | None = None,
    ) -> None:
        """Create it.

        Args:
            fields: names of fields and arguments to leave out, in any case.
            parameters: returns the names of a task's positional parameters, as far as they are
                known. If any fields are given, arguments without a known name are left out.
            values: remembers what is masked of how many runs; None for the usual number.
        """
        self._fields = frozenset(name.casefold() for name in fields)
        self._parameters = parameters
        self._left_out: list[Any] = []  # of the message at hand
        self._values = values if values is not None else MaskedValues()
        self.unchecked = 0
        self.masked_whole = 0
        self.unnamed = 0

    def mask_payload(self, message: InboundMessage) -> bytes:
        """Return the payload of a message without secrets: JSON on one line, or text.

        A task in another format becomes JSON. Of what cannot be read only the length is kept.
        """
        raw = message.payload
        if message.source is Source.TASK:
            with contextlib.suppress(MalformedTaskError):
                raw = msgspec.json.encode(decode_task(raw))
        try:
            value = decode_any_json(raw)
        except (ValueError, RecursionError):
            return self._unreadable(raw).encode()
        self._left_out.clear()
        may_repeat = _may_repeat_keys(raw, value)
        masked = self.mask_value(self._unambiguous(raw, value) if may_repeat else value)
        if message.source is Source.EVENT:
            masked = with_senders(value, masked, self._is_left_out)
        masked = self._without_quoted(message, value, masked, may_repeat=may_repeat)
        if masked is value and b"\n" not in raw and b"\r" not in raw:
            return raw  # exactly as it was sent, with repeated keys and numbers of any length
        return to_json(masked).encode()

    def _without_quoted(
        self, message: InboundMessage, value: Any, masked: Any, *, may_repeat: bool
    ) -> Any:
        """Return a masked message without values that were left out of the arguments of its run.

        Args:
            message: the message.
            value: its payload.
            masked: the same without secrets.
            may_repeat: whether the payload may have a key twice, of which one value is dropped.
        """
        is_task = message.source is Source.TASK
        about = value if is_task else value.get("data", value) if isinstance(value, dict) else None
        run_id = about.get("task_id", about.get("target")) if isinstance(about, dict) else None
        if not isinstance(about, dict) or not isinstance(run_id, str):
            return masked
        if is_task or not _ARGUMENT_KEYS.isdisjoint(about):
            self._values.add(run_id, self._left_out)
        has_error = not is_task and "task_id" in about and has_error_text(about)
        mask = self._mask_of(run_id, has_error=has_error)
        if mask is None or not isinstance(masked, dict):
            return masked
        cleaned = mask_about_run(masked, mask)
        self.masked_whole += take_masked_whole(mask) and cleaned is not masked
        # A copy: as it was sent, it has the dropped values, which may quote what is masked.
        return dict(cleaned) if may_repeat and cleaned is value else cleaned

    def _mask_of(self, run_id: str, *, has_error: bool) -> Callable[[str], str] | None:
        """Return what masks the values of a run in texts about it, None for nothing to mask."""
        if has_error and run_id not in self._values:
            self.unchecked += bool(self._fields) or self._values.has_forgotten
        return self._values.mask_of(run_id)

    def mask_result(self, result: TaskResult, run_id: str = "") -> RecordedResult:
        """Return a result without secrets, and without what was left out of its run's arguments."""
        masked = msgspec.structs.replace(
            result,
            error=_map_messages(result.error, self.mask_value),
            soft_reason=self.mask_value(result.soft_reason),
        )
        returned = self.mask_value(result.return_value)
        labels = self.mask_value(result.labels)
        failed = result.error is not None or bool(result.soft_reason)
        mask = self._mask_of(run_id, has_error=failed)
        if mask is not None:
            whole = returned, masked.error, masked.soft_reason
            masked = msgspec.structs.replace(
                masked,
                error=_map_messages(masked.error, mask),
                soft_reason=mask(masked.soft_reason),
            )
            returned = mask_returned(returned, mask)
            labels = mask_labels(labels, mask)
            is_cut = (returned, masked.error, masked.soft_reason) != whole
            self.masked_whole += take_masked_whole(mask) and is_cut
        self._left_out.clear()
        return recorded_result(masked, to_json(returned).encode(), to_json(labels).encode())

    def mask_problem(self, text: str, run_id: str) -> str:
        """Return why a result cannot be read, without secrets that its text may quote."""
        masked: str = self.mask_value(text)
        self._left_out.clear()
        mask = self._mask_of(run_id, has_error=True)
        if mask is None:
            return masked
        masked = mask(masked)
        self.masked_whole += take_masked_whole(mask)
        return masked

    def mask_value(self, value: Any) -> Any:
        """Return a value without secrets: the same object if there are none."""
        return self._value(value, _MAX_DEPTH)

    def _unreadable(self, raw: bytes) -> str:
        """Return what is recorded of a payload that is no JSON: a text, or a length."""
        text = decode_text(raw)
        if text is None or any(name in text.casefold() for name in self._fields):
            return f"{MASK} ({len(raw)} bytes)"
        return self._text(text, _MAX_DEPTH)

    def _value(self, value: Any, depth: int) -> Any:
        match value:
            case str():
                return self._text(value, depth)
            case bytes() | bytearray():
                content = self._content(bytes(value), depth)
                return MASK if content is None else value if content == value else content
            case dict() if depth:
                return self._dictionary(value, depth - 1)
            case list() | tuple() if depth:
                items = [self._value(item, depth - 1) for item in value]
                if len(value) == _PAIR and self._is_left_out(value[0]):
                    items[1] = self._masked(value[1])
                same = all(new is old for new, old in zip(items, value, strict=True))
                return value if same else items
            case set() | frozenset():
                return self._value(list(value), depth)
            case dict() | list() | tuple():
                return f"({type(value).__name__})"
        return value

    def _text(self, text: str, depth: int) -> str:
        """Return a text without secrets; JSON in it, also in base64, is masked as JSON is."""
        if depth and text.lstrip()[:1] in _OPENING:
            with contextlib.suppress(ValueError, RecursionError):
                raw = without_surrogates(text).encode()
                value = decode_any_json(raw)
                known = self._unambiguous(raw, value) if _may_repeat_keys(raw, value) else value
                masked = self._value(known, depth - 1)
                if masked is not value:
                    return to_json(masked)
        if depth and (content := decode_base64(text)) is not None:
            inner = self._content(content, depth - 1)
            if inner is None:
                return MASK
            if inner != content:
                return encode_base64(inner, like=text)
        redacted = redact_secrets(text) if len(text) > _MAX_CACHED else _redact_short(text)
        return text if redacted == text else redacted

    def _content(self, raw: bytes, depth: int) -> bytes | None:
        """Return bytes within a value without secrets; None if they cannot be masked in part."""
        text = decode_text(raw)
        if text is not None:
            return self._text(text, depth).encode()
        if not is_structured(raw):
            return raw  # an image, a digest
        try:
            value = decode_body(raw).value
        except UnreadableBodyError as error:
            return None if error.format == "pickle" else raw
        return raw if self._value(value, depth) is value else None

    def _unambiguous(self, raw: bytes, value: Any) -> Any:
        """Return a decoded value without what repeated keys leave in doubt.

        It is the same object unless JSON has a key twice, and decoding dropped a secret or what
        tells whether something else is one.

        Args:
            raw: the JSON, which may have a key twice.
            value: what it decodes to.
        """
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
            key: self._masked(item) if self._is_left_out(key) else self._value(item, depth)
            for key, item in value.items()
        }
        if "value" in value and any(map(self._is_left_out, (value.get("name"), value.get("key")))):
            masked["value"] = self._masked(value["value"])
        if "args" in value and not self._is_left_out("args"):
            name = value.get("task_name")
            names = self._parameters(name) if isinstance(name, str) else ()
            masked["args"] = self._arguments(masked["args"], value["args"], names)
        same = all(masked[key] is item for key, item in value.items())
        keys = [self._text(key, 0) if isinstance(key, str) else key for key in value]
        if keys != list(value):
            return dict(zip(keys, masked.values(), strict=True))
        return value if same else masked

    def _arguments(self, masked: Any, args: Any, names: Sequence[str]) -> Any:
        """Return masked positional arguments, also those in JSON, without those to leave out."""
        if isinstance(args, str) and isinstance(masked, str) and args.lstrip()[:1] == "[":
            with contextlib.suppress(ValueError, RecursionError):
                items = decode_any_json(without_surrogates(masked).encode())
                sent = decode_any_json(without_surrogates(args).encode())
                left = self._arguments(items, sent, names)
                return masked if left is items else to_json(left)
        if not (isinstance(args, list | tuple) and isinstance(masked, list | tuple)):
            return masked
        unnamed = max(0, len(args) - len(names)) if self._fields else 0
        if not unnamed and not any(map(self._is_left_out, names[: len(args)])):
            return masked
        self.unnamed += unnamed
        known = [
            self._masked(arg) if self._is_left_out(name) else item
            for arg, item, name in zip(args, masked, names, strict=False)
        ]
        rest = args[len(known) :]
        return [*known, *(map(self._masked, rest) if unnamed else rest)]

    def _masked(self, value: Any) -> Any:
        """Return the mask for a value; what holds no text and no number stays as it is."""
        if value is None or isinstance(value, bool):
            return value
        self._left_out.append(value)
        return MASK

    def _is_left_out(self, key: Any) -> bool:
        if isinstance(key, bytes):
            key = key.decode("utf-8", "replace")
        if not isinstance(key, str):
            return False
        if len(key) > _MAX_NAME:
            return key.casefold() in self._fields
        return key.casefold() in self._fields or _promises_secret(key)


@functools.lru_cache(4096)
def _promises_secret(key: str) -> bool:
    return is_secret_name(key) or _MORE_SECRETS.search(key) is not None


@functools.lru_cache(4096)
def _redact_short(text: str) -> str:
    """Mask what repeats in each message: keys, types, names of tasks and workers."""
    return redact_secrets(text)


def _map_messages(error: ResultError | None, change: Callable[[str], str]) -> ResultError | None:
    """Return an error with the messages of its chain changed."""
    if error is None:
        return None
    return msgspec.structs.replace(
        error, message=change(error.message), cause=_map_messages(error.cause, change)
    )
