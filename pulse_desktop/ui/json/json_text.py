"""Values as indented JSON, and bytes as JSON, text or a hex dump, up to a size limit.

The standard encoder has no limit, recurses, and fails on values that are not JSON. This one stops
at its limit and reports what it left out.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pulse_desktop.model.json_decoding import decode_any_json
from pulse_desktop.text.printable import printable
from pulse_desktop.text.translation import _, ngettext
from pulse_desktop.ui.json.values import (
    CONTAINERS,
    Kind,
    children,
    escaped,
    kind_of,
    scalar_text,
)

MAX_DECODED_BYTES: Final = 8 << 20
MAX_RAW_CHARACTERS: Final = 200_000
MAX_HEX_BYTES: Final = 32_768

_INDENT: Final = "  "
_MAX_DEPTH: Final = 200
_MAX_INLINE_ITEMS: Final = 12
_MAX_INLINE_WIDTH: Final = 52
_MAX_KEY: Final = 1_000
_INTEGER: Final = re.compile(r"-?\d+")


@dataclass(frozen=True)
class TextLimits:
    """Limits of the output.

    Attributes:
        characters: about how long the text may be.
        items: entries of one container; the rest is only counted.
        text: characters of one string.
        valid: whether the text must be JSON that every parser reads: what JSON lacks is converted,
            and what is left out is not marked.
    """

    characters: int = 200_000
    items: int = 500
    text: int = 4_000
    valid: bool = False


FOR_CLIPBOARD: Final = TextLimits(
    characters=8_000_000, items=10_000_000, text=8_000_000, valid=True
)
"""The whole value as valid JSON, up to a size that clipboards accept."""


def json_text(value: Any, limits: TextLimits | None = None) -> tuple[str, bool]:
    """Return a value as indented JSON.

    Args:
        value: plain data; values without a JSON form are described.
        limits: limits of the output.

    Returns:
        The text, and whether it is complete.
    """
    writer = _Writer(limits or TextLimits())
    return writer.write(value), writer.complete


class _Writer:
    """Encoder with its own stack: deep nesting must not exhaust that of the interpreter."""

    def __init__(self, limits: TextLimits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._column = 0
        self._number_last = False
        self.complete = True

    def write(self, value: Any) -> str:
        stack: list[tuple[Iterator[tuple[str, Any]], str]] = []
        self._open("", value, stack)
        while stack:
            entries, closing = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                self._put(f"\n{_INDENT * len(stack)}{closing}")
                continue
            if self._length > self._limits.characters:
                self.complete = False
                self._end(stack)
                break
            prefix, item = entry
            lead = "," if self._parts[-1] not in ("{", "[") else ""
            if lead and not prefix and self._fits_in_line(item):
                self._put(", ")
            else:
                self._put(f"{lead}\n{_INDENT * len(stack)}")
            self._open(prefix, item, stack)
        return "".join(self._parts)

    def _end(self, stack: list[tuple[Iterator[tuple[str, Any]], str]]) -> None:
        """End the text at the limit."""
        if not self._limits.valid:
            self._put(f"\n{_INDENT * len(stack)}…")
            return
        while stack:
            _entries, closing = stack.pop()
            self._put(f"\n{_INDENT * len(stack)}{closing}")

    def _open(
        self, prefix: str, value: Any, stack: list[tuple[Iterator[tuple[str, Any]], str]]
    ) -> None:
        kind = kind_of(value)
        self._number_last = not prefix and type(value) in (int, float)
        if value is _REST:
            self._put(prefix)
            return
        if kind not in CONTAINERS:
            self._put(prefix + self._scalar(value))
            return
        brackets = "{}" if kind is Kind.OBJECT else "[]"
        line = _one_line(value, kind)
        if line is not None:
            self._put(prefix + line)
        elif len(stack) >= _MAX_DEPTH:
            self.complete = False
            inside = "" if self._limits.valid else " … "
            self._put(f"{prefix}{brackets[0]}{inside}{brackets[1]}")
        else:
            self._put(prefix)
            self._put(brackets[0])
            stack.append((self._entries(value, kind), brackets[1]))

    def _entries(self, value: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
        max_items = self._limits.items
        for number, entry in enumerate(children(value)):
            if number == max_items:
                self.complete = False
                if self._limits.valid:
                    return
                left_out = len(value) - max_items
                more = ngettext("… {count:,} more", "… {count:,} more", left_out)
                yield more.format(count=left_out), _REST
                return
            if kind is Kind.OBJECT:
                yield f"{self._key(entry)}: ", value[entry]
            else:
                yield "", entry

    def _scalar(self, value: object) -> str:
        if isinstance(value, str):
            if len(value) > self._limits.text:
                self.complete = False
            return f'"{escaped(value, self._limits.text)}"'
        if kind_of(value) is Kind.BYTES:
            data = bytes(value)  # type: ignore[call-overload]
            if len(data) > self._limits.text:
                self.complete = False
            return f'"hex {data[: self._limits.text].hex()}"'
        text = scalar_text(value, self._limits.text)
        if not self._limits.valid or kind_of(value) is Kind.LITERAL:
            return text
        if isinstance(value, float):
            return text if math.isfinite(value) else "null"
        return text if _INTEGER.fullmatch(text) else f'"{escaped(text)}"'

    def _key(self, key: object) -> str:
        text = key if isinstance(key, str) else scalar_text(key)
        return f'"{escaped(text, self._limits.text if self._limits.valid else _MAX_KEY)}"'

    def _fits_in_line(self, item: object) -> bool:
        """Return whether an item fits into the line of the number before it."""
        if type(item) not in (int, float) or not self._number_last:
            return False
        return self._column + len(scalar_text(item)) + 2 <= _MAX_INLINE_WIDTH

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        end = text.rfind("\n")
        self._column = len(text) - end - 1 if end >= 0 else self._column + len(text)


_REST: Final = object()


def _one_line(value: Any, kind: Kind) -> str | None:
    """Return an empty container or a short array of scalars as one line, else None."""
    if not value:
        return "{}" if kind is Kind.OBJECT else "[]"
    if kind is Kind.OBJECT or len(value) > _MAX_INLINE_ITEMS:
        return None
    parts = []
    for item in value:
        if kind_of(item) not in (Kind.NUMBER, Kind.LITERAL, Kind.TEXT):
            return None
        if isinstance(item, str) and len(item) > _MAX_INLINE_WIDTH:
            return None
        text = scalar_text(item)
        if kind_of(item) is Kind.NUMBER and not text[-1].isdigit():
            return None  # it is no number in JSON
        parts.append(text)
    line = f"[{', '.join(parts)}]"
    return line if len(line) <= _MAX_INLINE_WIDTH else None


def decode_json(raw: bytes) -> Any:
    """Decode JSON, NaN and infinities included.

    Raises:
        ValueError: the bytes are not JSON, too large or nested too deeply; `str()` says which.
    """
    if len(raw) > MAX_DECODED_BYTES:
        raise ValueError(_("it is larger than {size} MiB").format(size=MAX_DECODED_BYTES >> 20))
    try:
        return decode_any_json(raw)
    except RecursionError:
        raise ValueError(_("it is nested too deeply")) from None


def raw_text(raw: bytes) -> tuple[str, str]:
    """Return bytes decoded as UTF-8, and a note when they were cut."""
    text = raw[: MAX_RAW_CHARACTERS * 4].decode(errors="replace")
    cut = len(text) > MAX_RAW_CHARACTERS or len(raw) > MAX_RAW_CHARACTERS * 4
    note = _("The first {shown:,} characters of {total:,} bytes.") if cut else ""
    note = note.format(shown=MAX_RAW_CHARACTERS, total=len(raw))
    return printable(text[:MAX_RAW_CHARACTERS]), note


def hex_text(raw: bytes) -> tuple[str, str]:
    """Return a hex dump of bytes, and a note when they were cut.

    A line has the offset, sixteen bytes, and the printable ASCII characters among them.
    """
    lines = []
    for start in range(0, min(len(raw), MAX_HEX_BYTES), 16):
        row = raw[start : min(start + 16, MAX_HEX_BYTES)]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
        lines.append(f"{start:08x}  {row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}  {text}")
    note = _("The first {shown:,} of {total:,} bytes.") if len(raw) > MAX_HEX_BYTES else ""
    note = note.format(shown=MAX_HEX_BYTES, total=len(raw))
    return "\n".join(lines), note
