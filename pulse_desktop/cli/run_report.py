"""Report of one run with its stored result, for `show`, `run --wait` and `rerun --wait`."""

from typing import TYPE_CHECKING, Any, Final

from pulse_desktop.cli.output import to_json, write_labelled
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.model.run_state import RunState
from pulse_desktop.text import formats
from pulse_desktop.text.translation import _

if TYPE_CHECKING:
    from pulse_desktop.session.session import Session
    from pulse_desktop.state.run import TaskRun

_LABEL_WIDTH: Final = 12
_DURATIONS: Final = frozenset({"wait_s", "run_s"})
_NOT_SHOWN: Final = frozenset({"durable", "progress"})
_RESULT_FIELDS: Final = ("return_value", "is_err", "outcome", "format", "execution_time")


async def report_run(session: "Session", run: "TaskRun") -> dict[str, Any]:
    """Return a run and its stored result as a JSON-ready object."""
    from pulse_desktop.state.serialize import run_to_dict

    return {**run_to_dict(run), "result": await _report_result(session, run)}


async def _report_result(session: "Session", run: "TaskRun") -> dict[str, Any] | None:
    """Return the stored result of a run as a JSON-ready object, None when there is none."""
    if run.stored_outcome is None:
        return None
    try:
        stored = await session.results.read(run.task_id)
    except UserFacingError as error:
        return _unreadable(error.detail or error.title)
    if stored.result is None:
        return _unreadable(f"{stored.problem} ({len(stored.raw)} bytes)")
    return {**{name: getattr(stored.result, name) for name in _RESULT_FIELDS}, "problem": None}


def _unreadable(problem: str) -> dict[str, Any]:
    return {**dict.fromkeys(_RESULT_FIELDS), "problem": problem}


def write_report(report: dict[str, Any]) -> None:
    """Write a report for people: one property per line, values as JSON."""
    labels = _labels()
    unstarted = report["started_at"] is None and report["worker"] is None
    for name, value in report.items():
        if name == "started_at" and value is None:
            write_property(labels[name], "-")
            continue
        if name == "attempt" and value == 1 and unstarted:
            continue
        if value is None or value in ({}, []) or name in _NOT_SHOWN:
            continue
        if name == "result" and report["error"] and value["return_value"] is None:
            continue  # the error is the result
        write_property(labels.get(name, name), _text(name, value))


def write_property(label: str, text: str) -> None:
    """Write a property of a run, with further lines of its text indented."""
    write_labelled(label, text, _LABEL_WIDTH)


def _text(name: str, value: Any) -> str:
    from pulse_desktop.text.run_text import CAPTURED, FROM_EVENT, STATE_LABELS

    if name == "state":
        return STATE_LABELS[RunState(value)][0]
    if name == "arguments_from":
        return CAPTURED if value == "queue" else FROM_EVENT
    if name == "error":
        return f"{value['type']}: {value['message']}" if value["type"] else str(value["message"])
    if name == "result":
        return value["problem"] or to_json(value["return_value"], indent=2)
    if name in _DURATIONS:
        return formats.duration(value)
    return value if isinstance(value, str) else to_json(value)


def _labels() -> dict[str, str]:
    return {
        "task_id": _("task id"),
        "task_name": _("task"),
        "state": _("state"),
        "args": _("args"),
        "kwargs": _("kwargs"),
        "labels": _("labels"),
        "arguments_from": _("arguments"),
        "queued_at": _("queued"),
        "started_at": _("started"),
        "finished_at": _("finished"),
        "wait_s": _("wait"),
        "run_s": _("duration"),
        "worker": _("worker"),
        "attempt": _("attempt"),
        "error": _("error"),
        "rerun_of": _("re-run of"),
        "result": _("result"),
    }
