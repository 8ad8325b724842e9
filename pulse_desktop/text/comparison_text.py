"""Text about two runs side by side."""

from typing import Any, Final

import msgspec

from pulse_desktop.model.run_state import RunState
from pulse_desktop.state.run_comparison import Difference, Row, RunComparison, Section
from pulse_desktop.text import formats
from pulse_desktop.text.run_text import STATE_LABELS
from pulse_desktop.text.semantic_color import SemanticColor
from pulse_desktop.text.translation import _, ngettext, pgettext

DIFFERENCE_LABELS: Final = {
    Difference.SAME: (pgettext("comparison", "same"), "=", SemanticColor.MUTED),
    Difference.DIFFERENT: (pgettext("comparison", "differs"), "≠", SemanticColor.WARNING),
    Difference.ONLY_FIRST: (pgettext("comparison", "only first"), "−", SemanticColor.BAD),
    Difference.ONLY_SECOND: (pgettext("comparison", "only second"), "+", SemanticColor.GOOD),
    Difference.UNKNOWN: (pgettext("comparison", "not known"), "?", SemanticColor.FAINT),
}
"""Word, glyph and color of each mark."""

_MAX_NUMBER: Final = 1e300
"""Differences are given of smaller numbers: that of larger ones may be beyond all floats."""

_SECTIONS: Final = {
    Section.RUN: "",
    Section.ARGUMENTS: _("argument"),
    Section.LABELS: _("label"),
    Section.RESULT: _("result"),
    Section.ERROR: _("error"),
}
_FACTS: Final = {
    "task": _("task"),
    "state": _("state"),
    "worker": _("worker"),
    "attempts": _("attempts"),
    "queued_at": _("queued"),
    "wait_s": _("wait"),
    "run_s": _("duration"),
    "result_bytes": _("result size"),
}
_CONTEXT: Final = 12
_MAX_VALUE: Final = 2_000
_MAX_ITEM: Final = 40


def row_title(row: Row) -> str:
    """Return what a row is about: `duration`, `argument language`, `result rows[3].id`."""
    if row.section is Section.RUN:
        return _FACTS.get(row.path, row.path)
    return f"{_SECTIONS[row.section]} {row.path}".strip()


def mark_label(row: Row) -> tuple[str, str, SemanticColor]:
    """Return word, glyph and color of a row's mark; a difference that is expected is muted."""
    label, glyph, color = DIFFERENCE_LABELS[row.difference]
    return label, glyph, SemanticColor.MUTED if row.expected else color


def values_text(row: Row) -> tuple[str, str]:
    """Return both values in one line each; of long texts the part in which they differ."""
    if (items := row.items) is not None:
        return (
            _list_text(row.first, items.only_first, items.first_sample),
            _list_text(row.second, items.only_second, items.second_sample),
        )
    one, other = value_text(row, row.first), value_text(row, row.second)
    if row.difference is Difference.ONLY_FIRST:
        return one, ""
    if row.difference is Difference.ONLY_SECOND:
        return "", other
    if row.difference is not Difference.DIFFERENT or max(len(one), len(other)) <= 2 * _CONTEXT:
        return one, other
    if one == other:  # rounded
        one, other = _precise(row, row.first, one), _precise(row, row.second, other)
    start = _first_difference(one, other)
    if one == other or start <= 2 * _CONTEXT:
        return one, other
    start -= _CONTEXT
    return f"…{one[start:]}", f"…{other[start:]}"


def change_text(row: Row) -> str:
    """Return both values in one line, the first one first; the value alone if it is the same."""
    one, other = values_text(row)
    return one if row.difference is Difference.SAME else " → ".join(filter(None, (one, other)))


def _list_text(items: list[Any], only: int, sample: tuple[Any, ...]) -> str:
    """Return how long a list is, and what it has that the other one has not."""
    count = len(items)
    text = ngettext("{count} item", "{count} items", count).format(count=formats.count(count))
    if not only:
        return text
    shown = ", ".join(formats.elided(whole_value(each), _MAX_ITEM) for each in sample)
    more = ", …" if only > len(sample) else ""
    differ = ngettext("{count} only here: {items}", "{count} only here: {items}", only)
    return f"{text}, {differ.format(count=formats.count(only), items=shown + more)}"


def value_text(row: Row, value: Any) -> str:
    """Return a value in one line, as JSON within arguments, labels and results."""
    if value is None and (
        row.difference is Difference.UNKNOWN or row.section in (Section.RUN, Section.ERROR)
    ):
        return _("not known") if row.difference is Difference.UNKNOWN else ""
    if row.section is Section.RUN:
        return _fact(row.path, value)
    if row.section is Section.ERROR:
        return formats.elided(str(value), _MAX_VALUE)
    return formats.elided(whole_value(value), _MAX_VALUE)


def whole_value(value: Any, *, indent: bool = False) -> str:
    """Return a value as JSON, with an indent if asked for."""
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return str(value)
    return (msgspec.json.format(encoded, indent=2) if indent else encoded).decode()


def delta_text(row: Row) -> str:
    """Return how far the second value is from the first one, such as `+2.1 s, × 3.4`."""
    if row.items is not None:
        is_moved = not row.items.only_first and not row.items.only_second
        return _("in another order") if is_moved else ""
    one, other = row.first, row.second
    if row.difference is not Difference.DIFFERENT or not (_is_number(one) and _is_number(other)):
        return ""
    delta = other - one
    sign = "+" if delta > 0 else "−"
    if row.path in ("wait_s", "run_s") and row.section is Section.RUN:
        times = f", × {other / one:.2g}" if other > 0 and one > 0 else ""
        return f"{sign}{formats.duration(abs(delta))}{times}"
    if row.path == "queued_at" and row.section is Section.RUN:
        span = formats.duration(abs(delta), brief=True)
        text = _("{span} later") if delta > 0 else _("{span} earlier")
        return text.format(span=span)
    if row.path == "result_bytes" and row.section is Section.RUN:
        return f"{sign}{formats.size(abs(delta))}"
    return f"{sign}{abs(delta):g}"


def summary_text(comparison: RunComparison) -> str:
    """Return how many differences there are."""
    count = len(comparison.differences)
    if not count:
        text = _("No differences except timing")
    else:
        text = ngettext("{count} difference", "{count} differences", count).format(
            count=formats.count(count)
        )
    if comparison.left_out:
        more = _("{count} further values not compared").format(
            count=formats.count(comparison.left_out)
        )
        text = f"{text} · {more}"
    return text


def _fact(path: str, value: Any) -> str:
    match path:
        case "state":
            return STATE_LABELS[RunState(value)][0]
        case "queued_at":
            return formats.absolute(value)
        case "wait_s" | "run_s":
            return formats.duration(value)
        case "result_bytes":
            return formats.size(value)
        case _:
            return str(value)


def _precise(row: Row, value: Any, rounded: str) -> str:
    """Return a time of the run with microseconds; other values as they are."""
    if row.section is not Section.RUN or row.path != "queued_at":
        return rounded
    microseconds = round(value * 1_000_000)
    return formats.absolute(microseconds // 1_000 / 1_000).replace(
        f".{microseconds // 1_000 % 1_000:03d} ", f".{microseconds % 1_000_000:06d} "
    )


def _first_difference(one: str, other: str) -> int:
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return index
    return min(len(one), len(other))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < _MAX_NUMBER  # an integer may be larger than any float
