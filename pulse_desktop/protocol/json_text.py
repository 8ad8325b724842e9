"""What a decoder of JSON overlooks: one key given twice, and nesting that others cannot follow."""

import json
import re
from itertools import accumulate, islice
from typing import Any, Final

MAX_DEPTH: Final = 64

_TEXT: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_STEPS: Final = {0x5B: 1, 0x7B: 1, 0x5D: -1, 0x7D: -1}  # [ { ] }
_NO_BRACKETS: Final = bytes(set(range(256)) - set(_STEPS))


def repeated_key(raw: bytes) -> str:
    """Read the whole text to tell whether a suspicion is true: slow, so only on suspicion."""
    repeated: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            names = [name for name, _ in pairs]
            repeated.append(next(name for name in names if names.count(name) > 1))
        return value

    try:
        json.loads(raw, object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}"
    return f"key {repeated[0][:40]!r} given twice" if repeated else ""


def may_be_too_deep(raw: bytes) -> bool:
    """Tell whether there are brackets enough for it; cheap, and mostly the whole answer."""
    return raw.count(b"[") + raw.count(b"{") > MAX_DEPTH


def is_too_deep(raw: bytes) -> bool:
    """Tell how deep brackets nest outside texts, without recursion."""
    brackets = _TEXT.sub(b"", raw).translate(None, _NO_BRACKETS)
    depths = accumulate(map(_STEPS.__getitem__, brackets))
    while block := list(islice(depths, 4096)):
        if max(block) > MAX_DEPTH:
            return True
    return False
