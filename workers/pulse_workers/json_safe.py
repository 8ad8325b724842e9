"""A JSON form for anything: arguments of a task are somebody else's, and may be anything."""

import math
from typing import Any, Final

_MAX_DEPTH: Final = 20
_MAX_INTEGER: Final = 1 << 63


def to_json_safe(value: Any, depth: int = 0) -> Any:
    """Return the value with everything that has no JSON form replaced by its text.

    Too deep nesting is cut, numbers beyond 64 bits and broken text become readable text.
    """
    if depth > _MAX_DEPTH:
        return "…"
    match value:
        case None | bool():
            return value
        case str():
            return value.encode("utf-8", "replace").decode()
        case int():
            return value if -_MAX_INTEGER <= value < _MAX_INTEGER else str(value)
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {_text(key): to_json_safe(item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [to_json_safe(item, depth + 1) for item in value]
        case _:
            return _text(value)


def _text(value: object) -> str:
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception:  # noqa: BLE001 - somebody else's repr
        text = f"<{type(value).__name__}>"
    return text.encode("utf-8", "replace").decode()[:2000]
