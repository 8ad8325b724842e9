"""Validation of a MessagePack body before it is decoded.

The decoder never runs code and never trusts a length. It would, however, build millions of
containers from as many bytes, and use tuples as keys whose hashes were chosen to collide.

Source of the format: https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from typing import Final

from pulse_desktop.protocol.value_limits import OverLimitError, ValueLimits

_BYTES_AFTER: Final = {
    **dict.fromkeys((0xC0, 0xC2, 0xC3), 0),  # nil, false, true
    0xCA: 4,
    0xCB: 8,
    0xCC: 1,
    0xCD: 2,
    0xCE: 4,
    0xCF: 8,
    0xD0: 1,
    0xD1: 2,
    0xD2: 4,
    0xD3: 8,
    0xD4: 2,
    0xD5: 3,
    0xD6: 5,
    0xD7: 9,
    0xD8: 17,  # extensions of a fixed length
}
_LENGTH_WIDTH: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSION_WIDTH: Final = {0xC7: 1, 0xC8: 2, 0xC9: 4}
_ARRAY_WIDTH: Final = {0xDC: 2, 0xDD: 4}
_MAP_WIDTH: Final = {0xDE: 2, 0xDF: 4}
_EXTENSIONS: Final = frozenset({*_EXTENSION_WIDTH, *range(0xD4, 0xD9)})


class MalformedMsgpackError(ValueError):
    """The bytes are not one MessagePack value."""


def validate_msgpack(body: bytes, limits: ValueLimits) -> None:
    """Validate that a body is one value within limits whose keys are scalars.

    Raises:
        MalformedMsgpackError: it is not MessagePack, or more bytes follow the value.
        OverLimitError: it holds too many values, nests too deeply, or has a container as a key.
    """
    try:
        end = _end_of_value(body, limits)
    except IndexError:
        raise MalformedMsgpackError from None
    if end != len(body):
        raise MalformedMsgpackError


def _end_of_value(body: bytes, limits: ValueLimits) -> int:
    at = 0
    slots_left = [1]  # in each open container, the outermost being the body itself
    in_map = [False]
    number_keys = [0]
    for _ in range(limits.max_nodes):
        opening = body[at]
        at, slots, is_map = _step(body, at)
        if in_map[-1] and slots_left[-1] % 2 == 0 and not _is_text(opening):
            if _is_compound(opening):
                raise OverLimitError("a key is not a text or a number")
            number_keys[-1] += 1
            limits.check_number_keys(number_keys[-1])
        slots_left[-1] -= 1
        if slots:
            slots_left.append(slots)
            in_map.append(is_map)
            number_keys.append(0)
            if len(slots_left) - 1 > limits.max_depth:
                raise OverLimitError(f"nested deeper than {limits.max_depth} levels")
        while not slots_left[-1]:
            slots_left.pop()
            in_map.pop()
            number_keys.pop()
            if not slots_left:
                return at
    raise limits.too_many_values()


def _step(body: bytes, at: int) -> tuple[int, int, bool]:
    """Return the end of a value's head, the number of values it holds, whether it is a map."""
    byte = body[at]
    at += 1
    if byte < 0x80 or byte >= 0xE0:  # small integers
        return at, 0, False
    if byte < 0x90:
        return at, 2 * (byte & 0x0F), True
    if byte < 0xA0:
        return at, byte & 0x0F, False
    if byte < 0xC0:  # short texts
        return at + (byte & 0x1F), 0, False
    if byte in _BYTES_AFTER:
        return at + _BYTES_AFTER[byte], 0, False
    if byte in _LENGTH_WIDTH:
        length, at = _number(body, at, _LENGTH_WIDTH[byte])
        return at + length, 0, False
    if byte in _EXTENSION_WIDTH:
        length, at = _number(body, at, _EXTENSION_WIDTH[byte])
        return at + 1 + length, 0, False
    if byte in _ARRAY_WIDTH:
        count, at = _number(body, at, _ARRAY_WIDTH[byte])
        return at, count, False
    if byte in _MAP_WIDTH:
        count, at = _number(body, at, _MAP_WIDTH[byte])
        return at, 2 * count, True
    raise MalformedMsgpackError


def _number(body: bytes, at: int, width: int) -> tuple[int, int]:
    return int.from_bytes(body[at : at + width], "big"), at + width


def _is_text(opening: int) -> bool:
    return 0xA0 <= opening < 0xC0 or opening in _LENGTH_WIDTH


def _is_compound(opening: int) -> bool:
    return (
        0x80 <= opening < 0xA0
        or opening in _ARRAY_WIDTH
        or opening in _MAP_WIDTH
        or opening in _EXTENSIONS
    )
