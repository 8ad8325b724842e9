"""All that is known of one run, for `show` and for whoever waited for its end."""

from argparse import Namespace
from typing import Any, Final

from pulse_desktop.cli.connect import (
    ALL_HISTORY_S,
    CATCH_UP_S,
    connected_session,
    find_run,
)
from pulse_desktop.cli.exit_codes import OK
from pulse_desktop.cli.output import to_json, write_json, write_text
from pulse_desktop.model.errors import UserFacingError
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import TaskRun
from pulse_desktop.state.serialize import event_to_dict, run_to_dict
from pulse_desktop.text import formats

_INDENT: Final = " " * 13
_SPANS: Final = frozenset({"wait_s", "run_s"})
_WORDS: Final = {"wait_s": "waited", "run_s": "ran"}


async def show(arguments: Namespace) -> int:
    """Tell all that is known of one run."""
    async with connected_session(arguments, history_s=ALL_HISTORY_S, stored_results=0) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        run = await find_run(monitor, arguments.task_id)
        await monitor.told(run.task_id)
        run = monitor.state.runs.get(run.task_id) or run
        described = await describe_run_in_full(monitor, run)
        events = [event_to_dict(event) for event in monitor.state.log.mentioning(run.task_id)]
        traceback = run.error.traceback if run.error else ""
    if arguments.json:
        write_json({**described, "traceback": traceback or None, "events": events})
        return OK
    write_run(described)
    if traceback:
        write_text(f"{'traceback':<12} {_indented(traceback.strip())}")
    write_text("events")
    for event in events:
        write_text(f"  {event['timestamp']}  {event['topic']:<11} {event['type'] or 'unreadable'}")
    return OK


async def describe_run_in_full(monitor: Session, run: TaskRun) -> dict[str, Any]:
    """Return a run as a JSON-ready object with what its stored result says."""
    return {**run_to_dict(run), "result": await describe_result(monitor, run)}


async def describe_result(monitor: Session, run: TaskRun) -> dict[str, Any] | None:
    """Return what a run's stored result says, None when there is none."""
    if run.stored_outcome is None:
        return None
    try:
        body, result = await monitor.read_result(run.task_id)
    except UserFacingError as error:
        return _no_result(error.detail or error.title)
    if isinstance(result, str):
        return _no_result(f"{result} ({len(body)} bytes)")
    return {
        "return_value": result.return_value,
        "is_err": result.is_err,
        "outcome": result.outcome,
        "format": result.format,
        "execution_time": result.execution_time,
        "problem": None,
    }


def _no_result(problem: str) -> dict[str, Any]:
    names = ("return_value", "is_err", "outcome", "format", "execution_time")
    return {**dict.fromkeys(names), "problem": problem}


def write_run(described: dict[str, Any]) -> None:
    """Write a described run for people: one fact per line, values as JSON."""
    for name, value in described.items():
        if value is None or value in ({}, []) or name == "durable":
            continue
        if name == "result" and described["error"] and value["return_value"] is None:
            continue
        if name == "error":
            kind = f"{value['type']}: " if value["type"] else ""
            text = f"{kind}{value['message']}"
        elif name == "result":
            text = value["problem"] or to_json(value["return_value"], indent=2)
        elif name in _SPANS:
            text = formats.duration(value)
        else:
            text = value if isinstance(value, str) else to_json(value)
        write_text(f"{_WORDS.get(name, name):<12} {_indented(text)}")


def _indented(text: str) -> str:
    return text.replace("\n", "\n" + _INDENT)
