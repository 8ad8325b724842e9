"""Any value has a JSON-safe form."""

import json
import math

from pulse_workers.telemetry.event_encoding import to_json_safe


class _Odd:
    def __repr__(self) -> str:
        raise RuntimeError("no text either")


def test_any_value_has_a_json_safe_form() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    value = {
        1: 2**70,
        "nan": math.nan,
        "set": {1},
        "bytes": b"\xff",
        "text": "\ud800",
        "odd": _Odd(),
        "deep": deep,
    }
    encoded = json.loads(json.dumps(to_json_safe(value), allow_nan=False))
    assert encoded["1"] == str(2**70)
    assert encoded["nan"] is None
    assert encoded["text"] == "?"
    assert encoded["odd"] == "<_Odd>"
