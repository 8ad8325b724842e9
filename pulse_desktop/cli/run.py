"""Commands that put work into the queue: run, rerun."""

import asyncio
import difflib
import time
from argparse import Namespace
from collections.abc import Awaitable, Callable
from typing import Any, Final

from pulse_desktop.cli.connect import (
    ALL_HISTORY_S,
    CATCH_UP_S,
    connected_session,
    find_run,
)
from pulse_desktop.cli.exit_codes import FAILED, OK
from pulse_desktop.cli.output import (
    print_error,
    write_json,
    write_note,
    write_text,
)
from pulse_desktop.cli.show import describe_run_in_full, write_run
from pulse_desktop.model.errors import NoConsumersError, UserFacingError
from pulse_desktop.model.queue_status import PublishReceipt
from pulse_desktop.session.session import Session
from pulse_desktop.state.run import OPEN_STATES, RunState, TaskRun

_HEARTBEATS_S: Final = 120.0
"""History that tells which workers are there; more of it is of no use for a new run."""

_Enqueue = Callable[[bool], Awaitable[tuple[str, PublishReceipt]]]


async def run(arguments: Namespace) -> int:
    """Enqueue a task by name, and wait for it when asked to."""
    name = arguments.task_name
    async with connected_session(arguments, history_s=_HEARTBEATS_S, stored_results=0) as monitor:
        await monitor.caught_up(CATCH_UP_S)

        async def enqueue(force: bool) -> tuple[str, PublishReceipt]:
            return await monitor.enqueue(
                name, args=arguments.args, kwargs=arguments.kwargs, force=force
            )

        task_id, sent = await _send(enqueue, force=arguments.force)
        _warn_of_unknown(monitor, name)
        told = {"task_id": task_id, "task_name": name, "durable": sent.durable, "rerun_of": None}
        return await _follow(monitor, arguments, [told])


async def rerun(arguments: Namespace) -> int:
    """Enqueue runs again, exactly as captured."""
    refused = False
    async with connected_session(arguments, history_s=ALL_HISTORY_S, stored_results=0) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        sent_as: list[dict[str, Any]] = []
        for wanted in arguments.task_ids:
            try:
                origin = await find_run(monitor, wanted)

                async def enqueue(
                    force: bool, origin: TaskRun = origin
                ) -> tuple[str, PublishReceipt]:
                    return await monitor.rerun(origin, force=force)

                task_id, sent = await _send(enqueue, force=arguments.force)
            except UserFacingError as error:
                print_error(error)
                refused = True
                continue
            _warn_of_unknown(monitor, origin.name)
            told = {"task_id": task_id, "task_name": origin.name, "durable": sent.durable}
            sent_as.append({**told, "rerun_of": origin.task_id})
        ended = await _follow(monitor, arguments, sent_as)
    return FAILED if refused else ended


def _warn_of_unknown(monitor: Session, name: str) -> None:
    """Say that a task was sent which no worker knows, as far as workers tell what they know.

    It is sent all the same: workers of others tell nothing, and one may come that knows it.
    """
    workers = monitor.state.workers
    if (
        workers.online(time.time())
        and workers.task_schemas
        and workers.task_schemas.get(name) is None
    ):
        known = [task.task_name for task in workers.task_schemas]
        near = difflib.get_close_matches(name, known, 1)
        meant = f" Did you mean {near[0]}?" if near else ""
        write_note(f"No live worker that tells its tasks knows {name}.{meant}")


async def _send(enqueue: _Enqueue, *, force: bool) -> tuple[str, PublishReceipt]:
    """Enqueue; while nobody listens only if that was asked for and the task is kept till then."""
    try:
        return await enqueue(False)
    except NoConsumersError as error:
        if error.durable and not force:
            raise UserFacingError(
                error.title,
                error.detail,
                "Start a worker, or add --anyway: the stream keeps the task until one comes.",
            ) from None
        if not error.durable:
            raise
    return await enqueue(True)


async def _follow(monitor: Session, arguments: Namespace, sent_as: list[dict[str, Any]]) -> int:
    """Report what was sent; with --wait, report how it ended instead."""
    if arguments.wait is None:
        for told in sent_as:
            if arguments.json:
                write_json(told)
            else:
                kept = "stored in the queue" if told["durable"] else "handed to a worker, not kept"
                write_text(f"{told['task_id']}  {told['task_name']}  {kept}")
        return OK
    # One time limit for all of them: they run side by side.
    ends = [asyncio.ensure_future(_end_of(monitor, told, arguments.wait)) for told in sent_as]
    worst = OK
    try:
        for number, end in enumerate(ends):
            ended = await end
            described = {
                **await describe_run_in_full(monitor, ended),
                "durable": sent_as[number]["durable"],
            }
            if arguments.json:
                write_json(described)
            else:
                if number:
                    write_text("")
                write_run(described)
            if ended.state in OPEN_STATES:
                write_note(f"{ended.task_id} has not ended within {arguments.wait:g} s.")
            if ended.state is not RunState.SUCCEEDED:
                worst = FAILED
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)
    return worst


async def _end_of(monitor: Session, told: dict[str, Any], limit_s: float) -> TaskRun:
    ended = await monitor.answered(told["task_id"], limit_s)
    return ended or TaskRun(told["task_id"], told["task_name"], rerun_of=told["rerun_of"] or "")
