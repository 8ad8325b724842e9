"""Telling how a task really ended, from what it returned.

Many tasks catch their own errors and return a word about them, so that TaskIQ calls them a success.
Source of the signs: the return values of Pulse Radar's own tasks.
"""

from typing import Any, Final, Literal, NamedTuple

Outcome = Literal["succeeded", "soft_failed", "failed", "cancelled"]

FAILURE_PREFIXES: Final = ("Error:", "❌", "Ingestion failed")

_REASON_CHARACTERS: Final = 300
_MESSAGE_KEYS: Final = ("message", "error", "error_message", "detail", "reason")
_TOTAL_KEYS: Final = ("total", "total_found", "total_items", "count")


class ReturnStatus(NamedTuple):
    """How a task ended, and why it does not count as a success (empty when it does)."""

    outcome: Outcome
    reason: str


def classify_return_value(return_value: Any) -> ReturnStatus:
    """Tell the ending of a task that raised nothing from what it returned."""
    if isinstance(return_value, str):
        if return_value.startswith(FAILURE_PREFIXES):
            return ReturnStatus("soft_failed", first_line(return_value))
    elif isinstance(return_value, dict):
        return _ending_of_report(return_value)
    return ReturnStatus("succeeded", "")


def first_line(text: str) -> str:
    """Return the first line of a text that says anything, cut to what a table cell can hold."""
    line = next((line for line in text[:10_000].splitlines() if line.strip()), "").strip()
    return line if len(line) <= _REASON_CHARACTERS else line[: _REASON_CHARACTERS - 1] + "…"


def _ending_of_report(report: dict[Any, Any]) -> ReturnStatus:
    message = next(
        (first_line(report[key]) for key in _MESSAGE_KEYS if _says_something(report.get(key))), ""
    )
    if report.get("cancelled") is True:
        return ReturnStatus("cancelled", message or "the task says that it was cancelled")
    if report.get("status") == "error":
        return ReturnStatus("soft_failed", message or "the task says that its status is error")
    failed: Any = report.get("failed")
    if _is_number(failed) and failed > 0:
        total = next((report[key] for key in _TOTAL_KEYS if _is_number(report.get(key))), None)
        count = f"{failed} failed" if total is None else f"{failed} of {total} failed"
        return ReturnStatus("soft_failed", first_line(f"{count}: {message}" if message else count))
    return ReturnStatus("succeeded", "")


def _says_something(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
