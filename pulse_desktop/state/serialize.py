"""Serialize runs, events, results and workers for the command line and for export.

Scripts rely on the names and values; they never change and are never translated.
"""

from typing import Any, Final

from pulse_desktop.model.json_decoding import decode_json_or_text
from pulse_desktop.protocol.event import Event
from pulse_desktop.protocol.json_value import readable_json
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.progress import Progress
from pulse_desktop.state.run import UNREAD, UNREADABLE, StoredOutcome, TaskRun
from pulse_desktop.state.stored_results import StoredResult
from pulse_desktop.state.worker import Worker

_MAX_UNREADABLE: Final = 4096
"""Bytes of an unreadable payload that are written."""


def run_to_dict(run: TaskRun) -> dict[str, Any]:
    """Return a run as a JSON-ready object. Times are ISO 8601, durations are seconds."""
    request = run.request
    return {
        "task_id": run.task_id,
        "task_name": run.name or None,
        "state": str(run.state),
        "args": decode_json_or_text(request.args) if request else None,
        "kwargs": decode_json_or_text(request.kwargs) if request else None,
        "labels": decode_json_or_text(request.labels) if request else None,
        "format": request.format if request else None,
        "queued_at": utc_text(run.queued_at),
        "started_at": utc_text(run.started_at),
        "finished_at": utc_text(run.finished_at),
        "wait_s": rounded_seconds(run.wait_s),
        "run_s": rounded_seconds(run.run_s),
        "worker": run.worker or None,
        "attempt": run.attempt,
        "error": _error(run),
        "rerun_of": run.rerun_of or None,
        "progress": _progress(run.progress),
        "arguments_from": ("queue" if request.captured else "event") if request else None,
    }


RUN_CELLS: Final = (
    "task_id",
    "task_name",
    "state",
    "queued_at",
    "started_at",
    "finished_at",
    "wait_s",
    "run_s",
    "worker",
    "attempt",
    "error_type",
    "error_message",
    "args",
    "kwargs",
    "labels",
    "rerun_of",
)
"""Headings of the cells of a run. Scripts rely on them and on their order."""


def run_to_cells(run: TaskRun) -> list[str]:
    """Return a run as the cells of a table, see `RUN_CELLS`; what is unknown is empty."""
    request, error = run.request, _error(run) or {}
    values: tuple[object, ...] = (
        run.task_id,
        run.name,
        run.state,
        utc_text(run.queued_at),
        utc_text(run.started_at),
        utc_text(run.finished_at),
        rounded_seconds(run.wait_s),
        rounded_seconds(run.run_s),
        run.worker,
        run.attempt,
        error.get("type"),
        error.get("message"),
        *map(
            readable_json,
            (request.args, request.kwargs, request.labels) if request else (b"",) * 3,
        ),
        run.rerun_of,
    )
    return ["" if value is None else str(value) for value in values]


def event_to_dict(event: Event) -> dict[str, Any]:
    """Return an event as a JSON-ready object; an unreadable one has `problem` and `raw`."""
    serialized: dict[str, Any] = {
        "topic": event.topic,
        "type": event.type or None,
        "timestamp": format_timestamp(event.timestamp),
        "time_source": event.time_source,
        "id": event.id or None,
        "source": event.source or None,
        "data": event.data() if event.readable else None,
    }
    if event.problem:
        serialized["problem"] = event.problem
        serialized["raw"] = event.raw[:_MAX_UNREADABLE].decode("utf-8", "backslashreplace")
    return serialized


EVENT_CELLS: Final = ("topic", "type", "timestamp", "id", "source", "payload", "problem")
"""Headings of the cells of an event. Scripts rely on them and on their order."""


def event_to_cells(event: Event) -> list[str]:
    """Return an event as the cells of a table, see `EVENT_CELLS`."""
    return [
        event.topic,
        event.type,
        format_timestamp(event.timestamp),
        event.id,
        event.source,
        readable_json(event.raw if event.readable else event.raw[:_MAX_UNREADABLE]),
        event.problem,
    ]


def worker_to_dict(worker: Worker | None, now: float) -> dict[str, Any]:
    """Return a worker as a JSON-ready object; without a worker every value is None."""
    return {
        "worker": worker.id if worker else None,
        "health": str(worker.health(now)) if worker else None,
        "state": (str(worker.activity) or None) if worker else None,
        "control": bool(worker.control) if worker else None,
        "slots": worker.slots if worker else None,
        "busy": worker.busy if worker else None,
        "running": decode_json_or_text(worker.tasks) if worker else None,
        "log_level": (worker.log_level or None) if worker else None,
        "missing_tasks": list(worker.missing_tasks) if worker else None,
        "cpu_percent": worker.cpu_percent if worker else None,
        "rss_bytes": worker.rss_bytes if worker else None,
        "broker": (worker.broker or None) if worker else None,
        "version": (worker.version or None) if worker else None,
        "started_at": utc_text(worker.started_at) if worker else None,
        "seen_at": utc_text(worker.last_seen) if worker else None,
        "clock_offset_s": round(worker.clock_offset_s, 3) if worker else None,
    }


WORKER_CELLS: Final = (*worker_to_dict(None, 0.0), "answered")
"""Headings of the cells of a worker. Scripts rely on them and on their order."""


def listed_worker_to_dict(
    worker: Worker | None, now: float, *, answered: bool | None
) -> dict[str, Any]:
    """Return a worker of a list as a JSON-ready object, see `WORKER_CELLS`.

    Args:
        worker: as of its latest heartbeat, None if it sends none.
        now: Unix seconds.
        answered: whether it replied to a ping, None if it was not pinged.
    """
    return {**worker_to_dict(worker, now), "answered": answered}


RESULT_CELLS: Final = (
    "key",
    "task_name",
    "outcome",
    "format",
    "bytes",
    "stored_at",
    "problem",
)
"""Headings of the cells of a result. Scripts rely on them and on their order."""


def outcome_to_dict(key: str, task_name: str, stored: StoredOutcome) -> dict[str, Any]:
    """Return a stored result as a JSON-ready object, see `RESULT_CELLS`.

    Args:
        key: of the result.
        task_name: name of its task, empty if unknown.
        stored: its outcome.
    """
    values = (
        key,
        task_name or None,
        stored.outcome or None,
        None if stored.format == UNREAD else stored.format,
        stored.size,
        format_timestamp(stored.stored_at),
        stored.reason if stored.format == UNREADABLE else None,
    )
    return dict(zip(RESULT_CELLS, values, strict=True))


def result_to_dict(row: StoredResult) -> dict[str, Any]:
    """Return an object of the result bucket as `outcome_to_dict` does; one may be deleted."""
    stored = row.stored
    outcome = StoredOutcome(
        stored.stored_at,
        stored.sequence,
        stored.size,
        "deleted" if stored.deleted else row.outcome,
        row.problem,
        format=row.format or UNREAD,
    )
    return outcome_to_dict(row.key, row.task_name, outcome)


def _error(run: TaskRun) -> dict[str, Any] | None:
    """Return why the run did not succeed; without an exception the type is None."""
    if run.error is not None:
        return {"type": run.error.type, "message": run.error.message}
    return {"type": None, "message": run.reason} if run.reason else None


def _progress(progress: Progress | None) -> dict[str, Any] | None:
    """Return the latest progress of a run; what is unknown is None, the total too."""
    if progress is None:
        return None
    return {
        "at": utc_text(progress.at),
        "done": progress.done,
        "total": progress.total or None,
        "message": progress.message or None,
        "rate": progress.rate,
        "eta_s": progress.eta_s,
    }


def utc_text(at: float | None) -> str | None:
    """Return a time as ISO 8601, None if it is unknown."""
    return None if at is None else format_timestamp(at)


def rounded_seconds(value: float | None) -> float | None:
    """Return a duration in seconds without the noise of its last digits."""
    return None if value is None else round(value, 6)
