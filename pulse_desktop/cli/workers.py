"""Commands that control workers: cancel, workers, worker."""

import asyncio
import contextlib
import time
from argparse import Namespace
from typing import Any, Final

from pulse_desktop.cli.connect import (
    ALL_HISTORY_S,
    CATCH_UP_S,
    AmbiguousError,
    connected_session,
    find_run,
)
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import (
    print_error,
    write_json,
    write_note,
    write_table,
    write_text,
)
from pulse_desktop.cli.worker_arguments import ALL
from pulse_desktop.model.errors import NotFoundError, NotPermittedError
from pulse_desktop.model.outcomes import CommandOutcome
from pulse_desktop.session.session import Session
from pulse_desktop.state.serialize import worker_to_dict
from pulse_desktop.state.workers import HEARTBEAT_S
from pulse_desktop.text import formats

_HEARTBEATS_S: Final = 120.0
_SOON_S: Final = HEARTBEAT_S + 0.5


async def cancel(arguments: Namespace) -> int:
    """Cancel tasks, waiting or running."""
    async with connected_session(arguments, history_s=ALL_HISTORY_S, stored_results=0) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        refused = False
        wanted: list[str] = []
        for given in arguments.task_ids:
            try:
                wanted.append((await find_run(monitor, given)).task_id)
            except AmbiguousError as error:
                print_error(error)
                refused = True
            except NotFoundError:
                wanted.append(
                    given
                )  # nothing keeps history here: a worker may know it all the same
        outcomes = await monitor.control.cancel(wanted, arguments.reason)
        names = {each: run.name for each in wanted if (run := monitor.state.runs.get(each))}
    for outcome in outcomes:
        name = names.get(outcome.task_id) or None
        if arguments.json:
            write_json(
                {
                    "task_id": outcome.task_id,
                    "task_name": name,
                    "outcome": outcome.outcome,
                    "done": outcome.done,
                    "worker": outcome.worker or None,
                    "detail": outcome.detail or outcome.words,
                }
            )
            continue
        told = f"{outcome.task_id}  {name or 'unknown task'}  {outcome.words}"
        # What the operator has to know stands on stderr, and so does not spoil a list of ids.
        write_text(told)
        if outcome.detail and not outcome.done:
            write_note(f"{outcome.task_id}: {outcome.detail}")
    return OK if all(outcome.done for outcome in outcomes) and not refused else FAILED


async def workers(arguments: Namespace) -> int:
    """List the workers that are alive."""
    async with connected_session(arguments, history_s=_HEARTBEATS_S, stored_results=0) as monitor:
        answered = await _hear_workers(monitor)
        now = time.time()
        alive = {worker.id: worker for worker in monitor.state.workers.online(now)}
        described = [
            {**worker_to_dict(worker, now), "answered": _answered(worker.control, name, answered)}
            for name, worker in sorted(alive.items())
        ]
        described += [
            {**worker_to_dict(None, now), "worker": name, "control": True, "answered": True}
            for name in sorted(answered or frozenset())
            if name not in alive
        ]
    if arguments.json:
        for each in described:
            write_json(each)
        return OK
    if not described:
        write_text("No worker is heard of: none is alive, or they send no heartbeats.")
        return OK
    write_table(
        [_cells(each) for each in described],
        ("WORKER", "STATE", "BUSY", "LOG LEVEL", "CONTROL", "RUNNING"),
    )
    return OK


async def worker(arguments: Namespace) -> int:
    """Tell a worker, or all of them, what to do."""
    async with connected_session(arguments, history_s=_HEARTBEATS_S, stored_results=0) as monitor:
        answered = await _hear_workers(monitor)
        name = "" if arguments.name == ALL else _identity(monitor, arguments.name, answered)
        outcomes = await monitor.control.order(
            arguments.order.replace("-", "_"), name, getattr(arguments, "level", "")
        )
    for outcome in outcomes:
        _write_outcome(outcome, as_json=arguments.json)
    return OK if outcomes and all(outcome.done for outcome in outcomes) else FAILED


async def _hear_workers(monitor: Session) -> frozenset[str] | None:
    """Learn who is there; return who answers, None when nobody may be asked."""
    await monitor.caught_up(CATCH_UP_S)
    try:
        answers = await monitor.control.ping()
    except NotPermittedError:
        return None
    names = frozenset(answer.worker for answer in answers.answers)
    known = monitor.state.workers
    if monitor.event_feed.status.mode == "history" and all(known.get(name) for name in names):
        return names
    with contextlib.suppress(TimeoutError):
        # Without history a heartbeat says the rest; where nobody answers there may be others.
        async with asyncio.timeout(_SOON_S):
            await monitor.until(
                lambda: bool(known.online(time.time())) and all(known.get(name) for name in names)
            )
    return names


def _answered(control: str, name: str, answered: frozenset[str] | None) -> bool | None:
    return None if not control or answered is None else name in answered


def _identity(monitor: Session, wanted: str, answered: frozenset[str] | None) -> str:
    """Return the identity of a worker by its name, or by a beginning of it that no other shares.

    Raises:
        NotFoundError, AmbiguousError.
    """
    alive = {worker.id for worker in monitor.state.workers.online(time.time())}
    alive |= answered or frozenset()
    if wanted in alive:
        return wanted
    found = [name for name in alive if name.partition("@")[0] == wanted]
    found = found or [name for name in alive if name.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        raise AmbiguousError(
            f"Which worker is {wanted}?",
            f"there are {len(found)}: {', '.join(sorted(found)[:5])}.",
            "Give the whole name.",
        )
    there = ", ".join(sorted(alive)[:10])
    raise NotFoundError(
        f"No worker {wanted}",
        f"there are: {there}." if there else "no worker is heard of.",
        "`pulse-desktop workers` lists them.",
    )


def _write_outcome(outcome: CommandOutcome, *, as_json: bool) -> None:
    if as_json:
        write_json(
            {
                "worker": outcome.worker or None,
                "command": outcome.command,
                "outcome": outcome.outcome,
                "done": outcome.done,
                "detail": outcome.detail or outcome.words,
            }
        )
        return
    write_text(f"{outcome.worker or 'all workers'}  {outcome.words}")
    if outcome.detail and not outcome.done:
        write_note(outcome.detail)


def _cells(told: dict[str, Any]) -> tuple[str, ...]:
    names: dict[str, int] = {}
    for task in told["running"] or ():
        short = str(task.get("task_name") or "").rpartition(":")[2]
        names[short] = names.get(short, 0) + 1
    running = ", ".join(f"{n} × {name}" if n > 1 else name for name, n in names.items())
    busy = "-" if told["busy"] is None else str(told["busy"])
    state = told["state"] or "-"
    if told["health"] not in ("alive", None):
        state = f"{state} ({told['health']})"
    takes = "takes orders" if told["control"] else "none"
    if told["answered"] is False:
        takes = "does not answer"
    return (
        told["worker"],
        state,
        busy if told["slots"] is None else f"{busy}/{told['slots']}",
        (told["log_level"] or "-").lower(),
        takes,
        formats.elided(running, 60) or "-",
    )
