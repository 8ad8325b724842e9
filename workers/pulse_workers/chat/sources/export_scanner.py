"""Finds the messages of an export in a stream of bytes, so that a file of any size can be read.

Only one message at a time is held and decoded. A message that cannot be read is skipped: scanning
goes on at the next one. An unescaped quote makes text of the brackets after it, and a missing
bracket a part of one message of the next, so a damaged message ends where another one begins. A
bracket in such a text may seem to end the messages of a chat, but they go on where one begins.

The time is proportional to the size of the file, whatever it contains: no byte is searched again
from each place where a message or a chat might begin.
"""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, TypeAlias

from pulse_workers.chat.sources.lenient_json import decode_value
from pulse_workers.chat.sources.utf8_reader import Utf8Reader

MAX_MESSAGE: Final = 4 << 20
"""Bytes of a message; a longer one is skipped. Telegram's own have less than 100 KiB."""
_MAX_HEADER: Final = 64 << 10
"""Bytes before a chat's messages in which its name and id are looked for."""
_MAX_DAMAGE: Final = 64 << 10
"""Bytes of a damaged message; when more follow to the end of the file, it counts as cut off."""
_MAX_DEPTH: Final = 1_000
_MAX_START: Final = 200
"""Bytes in which the start of a message or of an array is recognized."""

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+(?:(?P<closed>")|\\?\Z)'
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
"""A string or a bracket. A string that is not closed extends to the end of the buffer: searching
for another one from each of its characters would take quadratic time."""
_ARRAY: Final = re.compile(rb"\s*:\s*\[")
_OBJECT: Final = re.compile(rb"\s*:\s*\{")
_MESSAGE_START: Final = re.compile(
    rb'\{\s*+"id"\s*+:\s*+-?\d++\s*+,\s*+"type"\s*+:\s*+"(?:message|service|unsupported)"'
)
"""Start of a message as Telegram writes it. In a string its quotes would be escaped."""
_ARRAY_START: Final = re.compile(rb'"messages"\s*+:\s*+\[\s*+\Z')
_ANY_ARRAY_START: Final = re.compile(rb":\s*+\[\s*+\Z")
_CHAT_TYPE: Final = re.compile(
    rb'"type"\s*+:\s*+"(?:(?:personal|bot)_chat|(?:private|public)_(?:group|supergroup|channel)'
    rb'|saved_messages|replies|verification_codes)"'
)
"""Field of a chat; in the text of a message its quotes would be escaped."""
_FIELD: Final = re.compile(
    rb'"(name|type|id)"\s*+:\s*+("(?:[^"\\]++|\\.)*+"|-?\d++)(?=\s*+,)', re.DOTALL
)
"""Field of a chat whose header is damaged."""
_ELEMENT: Final = re.compile(rb"[^\s,]")
_SCALAR: Final = re.compile(rb"[\w.+-]++")
_AFTER_SCALAR: Final = re.compile(rb"\s*+[,\]{}]")
_AFTER_VALUE: Final = re.compile(rb"\s*+(?:[,\]{}]|\Z)")
_AFTER_ARRAY: Final = re.compile(rb"\s*+(?:[,\]}]|\Z)")
_END: Final = re.compile(rb"\]\s*+\}[\s\]}]*+\Z")
"""End of a file that is not cut off."""
_CLOSING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_CHAT_LISTS: Final = (b'"chats"', b'"left_chats"')


@dataclasses.dataclass(frozen=True)
class ChatHeader:
    """The fields of a chat that stand before its messages; its messages follow."""

    fields: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Unreadable:
    """Damage: one or more elements of a chat's messages that cannot be read."""


ScannedItem: TypeAlias = ChatHeader | dict[str, Any] | Unreadable | None
"""A chat, a message of it, or None: one more chunk of the file was read."""


class ExportScanner:
    """Scans one export.

    Attributes:
        bytes_read: bytes of the file read so far.
        is_export: whether messages or a list of chats have been found.
        cut_off_at: offset in the file of what cannot be read because the file ends too early; None
            if the end of the export was found, and before the end of the scan.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.is_export = False
        self.cut_off_at: int | None = None
        self._file = Utf8Reader(file)
        self._buffer = b""
        self._base = 0  # offset of the buffer in the stream
        self._position = 0  # in the buffer
        self._open: list[tuple[int, int]] = []  # brackets and their offsets in the stream
        self._in_array = False
        self._has_chat = self._is_damaged = False
        self._left_at = 0  # offset of the end of the last array
        self._start: int | None = None  # offset of the next start of a message in the stream
        self._searched = 0  # offset up to which that start was searched
        self._header_bytes = 0

    @property
    def bytes_read(self) -> int:  # noqa: D102 - see the class
        return self._file.bytes_read

    def scan(self) -> Iterator[ScannedItem]:
        """Yield the chats, each followed by its messages; None after each chunk of the file."""
        yield from self._fill(0)
        while self._position < len(self._buffer) or not self._file.is_at_end:
            if self._in_array:
                yield from self._scan_element()
            else:
                yield from self._scan_outside()
        # The brackets in a damaged message do not count up to those of the export.
        is_complete = self._is_damaged and _END.search(self._buffer[-_MAX_START:])
        if self._open and self.cut_off_at is None and not is_complete:
            self.cut_off_at = self._file_offset(self._position)

    def _fill(self, keep: int) -> Iterator[None]:
        """Read a chunk, and drop what stands before a position in the buffer."""
        self._buffer = self._buffer[keep:] + self._file.read()
        self._base += keep
        self._position -= keep
        yield None

    def _file_offset(self, position: int) -> int:
        return self._file.offset_of(self._base + position, self._buffer[max(0, position) :])

    # outside of messages

    def _scan_outside(self) -> Iterator[ScannedItem]:
        """Scan up to the start of a chat's messages."""
        next_start = self._find_start(self._position)
        limit = self._end_of_search() if next_start is None else next_start
        for token in _TOKEN.finditer(self._buffer, self._position, limit):
            kind = token[0][0]
            if kind == ord('"'):
                if token["closed"] is None:
                    limit = token.start()
                    break
                if array := self._starts_messages(token):
                    yield from self._enter_messages(token.start(), array.end())
                    return
                if token[0] in _CHAT_LISTS and _OBJECT.match(self._buffer, token.end()):
                    self.is_export = True
            elif kind in _CLOSING:
                self._open.append((kind, self._base + token.start()))
                if len(self._open) > _MAX_DEPTH:
                    yield from self._skip_damage(token.start())
                    return
            elif self._open:
                _, start = self._open.pop()
                if self._is_message_list(start, token.end()):
                    yield from self._enter_message_list(start - self._base)
                    return
        if next_start is not None:
            yield from self._enter_at_message(next_start)
        elif self._file.is_at_end:
            self._position = len(self._buffer)
        else:
            yield from self._read_on_outside(limit)

    def _end_of_search(self) -> int:
        """Return up to where no message starts: a start at the end of the buffer may be cut."""
        length = len(self._buffer)
        return length if self._file.is_at_end else max(self._position, length - _MAX_START)

    def _enter_at_message(self, start: int) -> Iterator[ScannedItem]:
        """Scan a message outside of a chat's messages: damage hid their start, or ended them."""
        before = max(0, start - _MAX_START)
        if not self.is_export and not _ARRAY_START.search(self._buffer, before, start):
            if len(self._open) == 1 and self._open[0][0] == ord("["):
                yield from self._enter_message_list(start)
                return
            self._open.append((ord("{"), self._base + start))  # of another program
            self._position = start + 1
            return
        self._is_damaged = True
        yield Unreadable()
        yield from self._continue_at(start, self._left_at)

    def _read_on_outside(self, position: int) -> Iterator[ScannedItem]:
        """Read a chunk, and keep the start of the chat whose messages may follow."""
        self._position = position
        if len(self._buffer) - position > MAX_MESSAGE:  # a string without an end
            yield from self._skip_damage(position)
            return
        yield from self._fill(max(0, position - _MAX_HEADER))

    def _starts_messages(self, token: re.Match[bytes]) -> re.Match[bytes] | None:
        is_key = bool(self._open) and self._open[-1][0] == ord("{")
        if not is_key or token[0] != b'"messages"':
            return None
        return _ARRAY.match(self._buffer, token.end())

    def _enter_messages(self, key: int, first: int) -> Iterator[ScannedItem]:
        start = self._open[-1][1] - self._base
        header = self._buffer[start:key] if start >= 0 else b""
        self._open.append((ord("["), self._base + first - 1))
        self._position = first
        yield from self._start_chat(header)

    def _start_chat(self, header: bytes) -> Iterator[ScannedItem]:
        """Start the messages of a chat; a damaged header counts as damage."""
        self.is_export = self._in_array = self._has_chat = True
        self._header_bytes += len(header)
        if self._header_bytes > self._base + self._position + _MAX_HEADER:
            header = b"{"  # headers of chats in each other, which would be decoded again and again
        fields = decode_value(header + b'"messages":[]}')
        if isinstance(fields, dict):
            yield ChatHeader(fields)
            return
        found = reversed(_FIELD.findall(header))  # the first of each name counts
        yield ChatHeader({name.decode(): decode_value(value) for name, value in found})
        self._is_damaged = True
        yield Unreadable()

    def _is_message_list(self, start: int, end: int) -> bool:
        """Return whether an object just closed is the first message of a list without a chat."""
        is_in_list = len(self._open) == 1 and self._open[0][0] == ord("[")
        if self.is_export or not is_in_list or start < self._base:
            return False
        position = start - self._base
        is_object = self._buffer[position] == ord("{")
        return is_object and not _MESSAGE_START.search(self._buffer, position + 1, end)

    def _enter_message_list(self, start: int) -> Iterator[ScannedItem]:
        self._position = start
        yield from self._start_chat(b"{")

    # inside of messages

    def _scan_element(self) -> Iterator[ScannedItem]:
        """Scan one element of a chat's messages, or their end."""
        element = _ELEMENT.search(self._buffer, self._position)
        self._position = element.start() if element else len(self._buffer)
        if len(self._buffer) - self._position < _MAX_START and not self._file.is_at_end:
            yield from self._fill(self._position)
            return
        if self._position == len(self._buffer):
            return
        match self._buffer[self._position]:
            case 0x7B | 0x5B | 0x22:  # { [ "
                yield from self._scan_value()
            case 0x5D:  # ]
                self._leave_messages()
                self._position += 1
                if self._open and not _AFTER_ARRAY.match(self._buffer, self._position):
                    self._is_damaged = True
                    yield Unreadable()  # the bracket is one of a text
            case 0x7D:  # } of the chat without the bracket before it, or of a damaged message
                self._leave_messages()
                self._is_damaged = True
                yield Unreadable()
            case _:
                scalar = _SCALAR.match(self._buffer, self._position)
                if scalar and _AFTER_SCALAR.match(self._buffer, scalar.end()):
                    self._position = scalar.end()
                    yield Unreadable()
                else:
                    yield from self._skip_damage(self._position)

    def _leave_messages(self) -> None:
        self._in_array = False
        self._left_at = self._base + self._position
        self._open.pop()

    def _scan_value(self) -> Iterator[ScannedItem]:
        """Scan a message, or another value in place of one."""
        start = position = self._position
        brackets = bytearray()
        while True:
            next_start = self._find_start(start + 1)
            limit = len(self._buffer) if next_start is None else next_start
            for token in _TOKEN.finditer(self._buffer, position, limit):
                kind = token[0][0]
                if kind == ord('"'):
                    if token["closed"] is None:
                        position = token.start()
                        break
                elif kind in _CLOSING:
                    brackets.append(_CLOSING[kind])
                elif brackets and brackets[-1] == kind:
                    brackets.pop()
                else:
                    yield from self._skip_damage(start)
                    return
                position = token.end()
                if not brackets:
                    yield from self._decode(start, position)
                    return
            is_too_long = len(self._buffer) - start > MAX_MESSAGE
            if next_start is not None or self._file.is_at_end or is_too_long:
                yield from self._skip_damage(start)
                return
            position -= start
            yield from self._fill(start)
            start = 0

    def _decode(self, start: int, end: int) -> Iterator[ScannedItem]:
        """Decode a message that is delimited by its brackets."""
        if not _AFTER_VALUE.match(self._buffer, end):
            yield from self._skip_damage(start)
            return
        self._position = end
        value = decode_value(self._buffer[start:end])
        yield value if isinstance(value, dict) else Unreadable()

    def _find_start(self, position: int) -> int | None:
        """Return the first start of a message from a position on, None if the buffer has none.

        What was searched for an earlier position is not searched again.
        """
        offset = self._base + position
        if self._start is not None and self._start < offset:
            self._start = None
        if self._start is None:
            first = max(position, self._searched - self._base)
            if found := _MESSAGE_START.search(self._buffer, first):
                self._start = self._base + found.start()
                self._searched = self._start + 1
            else:
                self._searched = self._base + max(first, len(self._buffer) - _MAX_START)
        return None if self._start is None else self._start - self._base

    # damage

    def _skip_damage(self, start: int) -> Iterator[ScannedItem]:
        """Skip a damaged message, and what belongs to it as far as its brackets tell."""
        self._is_damaged = True
        yield Unreadable()
        yield from self._find_next_message(start + 1)

    def _find_next_message(self, position: int) -> Iterator[ScannedItem]:
        """Move to the next start of a message, perhaps of another chat, or to the end."""
        damage = self._base + position - 1
        while (start := self._find_start(position)) is None:
            if self._file.is_at_end:
                self._end_in_damage(damage)
                return
            position = max(position, len(self._buffer) - _MAX_START)
            keep = max(0, position - _MAX_HEADER)
            yield from self._fill(keep)
            position -= keep
        yield from self._continue_at(start, damage)

    def _continue_at(self, start: int, damage: int) -> Iterator[ScannedItem]:
        """Continue with a message after damage: of the same chat, or of one that begins between.

        Args:
            start: position of the message.
            damage: offset in the stream.
        """
        self._position = start
        header = self._header_before(start, damage)
        if header is None and self._in_array:
            return
        del self._open[-2 if self._in_array else _MAX_DEPTH :]
        if header is not None:
            self._open.append((ord("{"), self._base + start))
        self._open.append((ord("["), self._base + start))
        if header is not None or not self._has_chat:
            yield from self._start_chat(header or b"{")
        self._in_array = True

    def _header_before(self, start: int, damage: int) -> bytes | None:
        """Return the header of the chat that begins between damage and a message, or None."""
        first = max(0, damage - self._base, start - _MAX_HEADER)
        between = self._buffer[first:start]
        array_start = _ARRAY_START if self._in_array else _ANY_ARRAY_START
        if types := list(_CHAT_TYPE.finditer(between)):
            end = types[-1].start()
        elif array := array_start.search(between, max(0, len(between) - _MAX_START)):
            end = array.start()
        else:
            return None
        header = between[max(0, between.rfind(b"{", 0, end)) :]
        return header[: header.rfind(b",") + 1] or b"{"  # without the key of the messages

    def _end_in_damage(self, damage: int) -> None:
        """Tell a file that is cut off in a message from one whose last message is damaged."""
        length = self._base + len(self._buffer) - damage
        if length > _MAX_DAMAGE or not _END.search(self._buffer[-_MAX_START:]):
            self.cut_off_at = self._file_offset(damage - self._base)
        self._position = len(self._buffer)
        self._open.clear()
        self._in_array = False
