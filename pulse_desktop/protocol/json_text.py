"""JSON beyond what the decoder does: repeated keys, nesting depth, numbers that are too large."""

import json
import math
import re
from collections import Counter
from itertools import accumulate, islice
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 64

_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_DEPTH_CHANGES: Final = {0x5B: 1, 0x7B: 1, 0x5D: -1, 0x7D: -1}  # [ { ] }
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of JSON: a surrogate pair, half of one, or any other."""
_NO_BRACKETS: Final = bytes(set(range(256)) - set(_DEPTH_CHANGES))


def decode_lenient(raw: bytes) -> Any:
    """Decode JSON; a number too large for Python becomes its text.

    Raises:
        ValueError, RecursionError: it is not JSON, or nests too deeply.
    """
    try:
        return _decode(raw)
    except msgspec.ValidationError:
        return json.loads(
            raw,
            parse_int=lambda text: int(text) if len(text) < 1_000 else text,
            parse_float=lambda text: text if math.isinf(float(text)) else float(text),
        )


_decode = msgspec.json.Decoder().decode


def without_lone_surrogates(raw: bytes) -> bytes:
    r"""Return JSON with `\ufffd` in place of each escaped half of a surrogate pair.

    Python's json module writes them so, for example in the name of a file that is not UTF-8.
    """
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], raw)


def repeated_key(raw: bytes) -> str:
    """Return what is wrong with a text in which a key seems to be repeated, empty if nothing is.

    Decodes the whole text in Python, which is slow: call it only on suspicion.
    """
    repeated: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.append(next(name for name, count in counts.items() if count > 1))
        return value

    try:
        json.loads(raw, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return f"key {repeated[0][:40]!r} given twice" if repeated else ""


def may_be_too_deep(raw: bytes) -> bool:
    """Return whether a text has enough brackets to nest deeper than `MAX_DEPTH`. Fast."""
    return raw.count(b"[") + raw.count(b"{") > MAX_DEPTH


def is_too_deep(raw: bytes) -> bool:
    """Return whether brackets nest deeper than `MAX_DEPTH`, without recursion."""
    brackets = _STRING.sub(b"", raw).translate(None, _NO_BRACKETS)
    depths = accumulate(map(_DEPTH_CHANGES.__getitem__, brackets))
    while block := list(islice(depths, 4096)):
        if max(block) > MAX_DEPTH:
            return True
    return False
