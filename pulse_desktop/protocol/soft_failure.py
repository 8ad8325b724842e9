"""Soft failures: tasks that raise nothing and report a failure in their return value.

Many tasks catch their own errors and return a description, so that TaskIQ counts them as successes.
Source of the patterns: the return values of Pulse Radar's tasks.
"""

import re
from typing import Any, Final, Literal, NamedTuple

from pulse_desktop.text.translation import N_

Outcome = Literal["succeeded", "soft_failed", "failed", "cancelled"]

FAILURE_PREFIXES: Final = ("Error:", "❌", "Ingestion failed")

_MAX_REASON_LENGTH: Final = 300
_MESSAGE_KEYS: Final = ("message", "error", "error_message", "detail", "reason")
_CODE_KEYS: Final = ("error_code", "code", "error_type", "error")
_CODE: Final = re.compile(r"[A-Za-z][\w.-]{1,79}")
_TOTAL_KEYS: Final = ("total", "total_found", "total_items", "count")


CANCELLED: Final = N_("the task was cancelled")
REPORTED_CANCELLED: Final = N_("the task reports that it was cancelled")
STATUS_ERROR: Final = N_("the task reports the status error")
REASONS: Final = frozenset({CANCELLED, REPORTED_CANCELLED, STATUS_ERROR})
"""Reasons in our own words, which can be translated; all others are the task's."""


class ReturnStatus(NamedTuple):
    """The outcome of a task, and the reason why it is not a success (empty if it is)."""

    outcome: Outcome
    reason: str


def classify_return_value(return_value: Any) -> ReturnStatus:
    """Return the outcome of a task that raised nothing, judging by its return value."""
    if isinstance(return_value, str):
        if return_value.startswith(FAILURE_PREFIXES):
            return ReturnStatus("soft_failed", first_line(return_value))
    elif isinstance(return_value, dict):
        return _classify_report(return_value)
    return ReturnStatus("succeeded", "")


def first_line(text: str) -> str:
    """Return the first non-blank line of a text, truncated to fit a table cell."""
    line = next((line for line in text[:10_000].splitlines() if line.strip()), "").strip()
    return line if len(line) <= _MAX_REASON_LENGTH else line[: _MAX_REASON_LENGTH - 1] + "…"


def _classify_report(report: dict[Any, Any]) -> ReturnStatus:
    message = next(
        (first_line(report[key]) for key in _MESSAGE_KEYS if _is_text(report.get(key))), ""
    )
    code = next((report[key] for key in _CODE_KEYS if _is_code(report.get(key))), "")
    if code and not message.startswith(code):
        message = first_line(f"{code}: {message}") if message else code
    if report.get("cancelled") is True:
        return ReturnStatus("cancelled", message or REPORTED_CANCELLED)
    if report.get("status") == "error":
        return ReturnStatus("soft_failed", message or STATUS_ERROR)
    failed: Any = report.get("failed")
    if _is_number(failed) and failed > 0:
        total = next((report[key] for key in _TOTAL_KEYS if _is_number(report.get(key))), None)
        count = f"{failed} failed" if total is None else f"{failed} of {total} failed"
        return ReturnStatus("soft_failed", first_line(f"{count}: {message}" if message else count))
    return ReturnStatus("succeeded", "")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_code(value: Any) -> bool:
    """Return whether a value names a kind of error, such as `rate_limited`."""
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
