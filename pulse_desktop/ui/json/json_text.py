"""Any decoded value as indented JSON text, never longer than asked for.

The standard writer has no limit, recurses, and fails on what is not JSON. This one stops at its
limit and says what it left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pulse_desktop.ui.json.values import (
    CONTAINERS,
    Kind,
    children,
    escaped,
    kind_of,
    scalar_text,
)

_INDENT: Final = "  "
_DEEPEST: Final = 200
_INLINE_ITEMS: Final = 12
_INLINE_WIDTH: Final = 52


@dataclass(frozen=True)
class TextLimits:
    """How much may be written.

    Attributes:
        characters: of the whole text, about.
        items: of one container; what lies beyond is counted.
        text: characters of one text value.
    """

    characters: int = 200_000
    items: int = 500
    text: int = 4_000


WHOLE: Final = TextLimits(characters=8_000_000, items=10_000_000, text=8_000_000)
"""For copying: all of it, up to a size that a clipboard still takes."""


def json_text(value: Any, limits: TextLimits | None = None) -> tuple[str, bool]:
    """Write a value as indented JSON.

    Args:
        value: plain data; what JSON has no form for is described.
        limits: how much to write.

    Returns:
        The text, and whether it is the whole value.
    """
    writer = _Writer(limits or TextLimits())
    return writer.write(value), writer.whole


class _Writer:
    """One walk with a stack of its own: hostile depth must not reach the interpreter's."""

    def __init__(self, limits: TextLimits) -> None:
        self._limits = limits
        self._parts: list[str] = []
        self._length = 0
        self._column = 0
        self._number_last = False
        self.whole = True

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
                self.whole = False
                self._put(f"\n{_INDENT * len(stack)}…")
                break
            prefix, item = entry
            lead = "," if self._parts[-1] not in ("{", "[") else ""
            if lead and not prefix and self._fits_in_line(item):
                self._put(", ")
            else:
                self._put(f"{lead}\n{_INDENT * len(stack)}")
            self._open(prefix, item, stack)
        return "".join(self._parts)

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
        elif len(stack) >= _DEEPEST:
            self.whole = False
            self._put(f"{prefix}{brackets[0]} … {brackets[1]}")
        else:
            self._put(prefix)
            self._put(brackets[0])
            stack.append((self._entries(value, kind), brackets[1]))

    def _entries(self, value: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
        most = self._limits.items
        for number, entry in enumerate(children(value)):
            if number == most:
                self.whole = False
                yield f"… {len(value) - most:,} more", _REST
                return
            if kind is Kind.OBJECT:
                yield f"{_key(entry)}: ", value[entry]
            else:
                yield "", entry

    def _scalar(self, value: object) -> str:
        if isinstance(value, str):
            if len(value) > self._limits.text:
                self.whole = False
            return f'"{escaped(value, self._limits.text)}"'
        if kind_of(value) is Kind.BYTES:
            data = bytes(value)  # type: ignore[call-overload]
            if len(data) > self._limits.text:
                self.whole = False
            return f'"hex {data[: self._limits.text].hex()}"'
        return scalar_text(value, self._limits.text)

    def _fits_in_line(self, item: object) -> bool:
        """Tell whether a number may follow a number in the same line."""
        if type(item) not in (int, float) or not self._number_last:
            return False
        return self._column + len(scalar_text(item)) + 2 <= _INLINE_WIDTH

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        end = text.rfind("\n")
        self._column = len(text) - end - 1 if end >= 0 else self._column + len(text)


_REST: Final = object()


def _key(key: object) -> str:
    text = key if isinstance(key, str) else scalar_text(key)
    return f'"{escaped(text, 1_000)}"'


def _one_line(value: Any, kind: Kind) -> str | None:
    """Write an empty container, or a short array of numbers and the like, in one line."""
    if not value:
        return "{}" if kind is Kind.OBJECT else "[]"
    if kind is Kind.OBJECT or len(value) > _INLINE_ITEMS:
        return None
    parts = []
    for item in value:
        if kind_of(item) not in (Kind.NUMBER, Kind.LITERAL, Kind.TEXT):
            return None
        if isinstance(item, str) and len(item) > _INLINE_WIDTH:
            return None
        parts.append(scalar_text(item))
    line = f"[{', '.join(parts)}]"
    return line if len(line) <= _INLINE_WIDTH else None
