"""Log lines of a run, from its `task.log` events.

They are not part of a run: the event log keeps them within its own limits, and a page reads those
of the one run that it shows.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.timestamps import parse_timestamp
from pulse_desktop.state.coerce import to_int, to_text, to_traceback

LOG_EVENT: Final = "task.log"
_MAX_LINES_PER_EVENT: Final = 1_000


class LogLine(msgspec.Struct, frozen=True):
    """One record that a task logged.

    Attributes:
        attempt: the attempt that logged it, from 1.
        number: its position among the lines of the attempt, from 1. A gap means lines that the
            worker left out, or that have not arrived.
        at: Unix seconds by the worker's clock, None if unknown.
        level: such as INFO.
        logger: name of the logger.
        text: message and traceback; may have several lines.
    """

    attempt: int
    number: int
    at: float | None
    level: str
    logger: str
    text: str

    def as_dict(self) -> dict[str, Any]:
        """Return the line as a JSON-ready object."""
        return msgspec.structs.asdict(self)


def log_lines(events: Iterable[Event], task_id: str) -> list[LogLine]:
    """Return the log lines of a run in their order, each once.

    Args:
        events: events that mention the run, in any order, possibly repeated.
        task_id: the run; lines of other runs are left out.
    """
    found: dict[tuple[int, int], LogLine] = {}
    for event in events:
        if event.type != LOG_EVENT or not event.readable:
            continue
        data = event.data()
        if to_text(data.get("task_id")) == task_id:
            found.update({(line.attempt, line.number): line for line in _lines(data)})
    return [found[key] for key in sorted(found)]


def _lines(data: dict[str, Any]) -> Iterable[LogLine]:
    attempt = max(1, to_int(data.get("attempt")) or 1)
    first = max(1, to_int(data.get("first")) or 1)
    lines = data.get("lines")
    for number, line in enumerate(lines[:_MAX_LINES_PER_EVENT] if isinstance(lines, list) else ()):
        if isinstance(line, dict):
            yield LogLine(
                attempt,
                first + number,
                parse_timestamp(line.get("timestamp")),
                to_text(line.get("level")),
                to_text(line.get("logger")),
                to_traceback(line.get("text")),
            )
