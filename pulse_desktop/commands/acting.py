"""Commands that do something: run, rerun, results."""

import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from pulse_desktop.bus.errors import NotFoundError, UserFacingError
from pulse_desktop.commands.session import (
    FAILED,
    OK,
    complain,
    connected_monitor,
    write_json,
    write_table,
    write_text,
)
from pulse_desktop.commands.watching import CATCH_UP_S, described_result
from pulse_desktop.monitor import Monitor
from pulse_desktop.protocol.timestamps import format_timestamp
from pulse_desktop.state.descriptions import describe_run
from pulse_desktop.state.run import OPEN_STATES, RunState


async def run(arguments: Namespace) -> int:
    """Enqueue a task by name, and wait for it when asked to."""
    async with connected_monitor(arguments) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        try:
            task_id, sent = await monitor.enqueue(
                arguments.task_name,
                args=arguments.args,
                kwargs=arguments.kwargs,
                anyway=arguments.anyway,
            )
        except UserFacingError as error:
            complain(error)
            return FAILED
        told = {"task_id": task_id, "task_name": arguments.task_name, "durable": sent.durable}
        return await _follow(monitor, arguments, told)


async def rerun(arguments: Namespace) -> int:
    """Enqueue runs again, exactly as captured."""
    worst = OK
    async with connected_monitor(arguments) as monitor:
        await monitor.caught_up(CATCH_UP_S)
        sent_as: list[dict[str, Any]] = []
        for origin in arguments.task_ids:
            try:
                known = monitor.state.runs.get(origin)
                if known is None:
                    raise NotFoundError(
                        f"Cannot run {origin} again",
                        "Nothing is known of this task id.",
                        "`pulse-desktop runs` lists the runs that are known.",
                    )
                task_id, sent = await monitor.rerun(known, anyway=arguments.anyway)
            except UserFacingError as error:
                complain(error)
                worst = FAILED
                continue
            sent_as.append(
                {
                    "task_id": task_id,
                    "task_name": known.name,
                    "rerun_of": origin,
                    "durable": sent.durable,
                }
            )
        for told in sent_as:
            worst = max(worst, await _follow(monitor, arguments, told))
    return worst


async def _follow(monitor: Monitor, arguments: Namespace, told: dict[str, Any]) -> int:
    """Report what was sent; with --wait, report how it ended instead."""
    if arguments.wait is None:
        if arguments.json:
            write_json(told)
        else:
            kept = "stored in the queue" if told["durable"] else "sent, not stored"
            write_text(f"{told['task_id']}  {told['task_name']}  {kept}")
        return OK
    ended = await monitor.answered(told["task_id"], arguments.wait)
    described = {**told, **(describe_run(ended) if ended else {"state": "queued"})}
    if ended is not None and ended.state not in OPEN_STATES:
        described["result"] = await described_result(monitor, ended)
    if arguments.json:
        write_json(described)
    else:
        write_text(f"{told['task_id']}  {told['task_name']}  {described['state']}")
    return OK if ended is not None and ended.state is RunState.SUCCEEDED else FAILED


async def results(arguments: Namespace) -> int:
    """List, print or save stored results."""
    async with connected_monitor(arguments) as monitor:
        try:
            if arguments.what == "list":
                await monitor.caught_up(CATCH_UP_S)
                _list(monitor, arguments)
            elif arguments.what == "get":
                return await _get(monitor, arguments)
            else:
                size = (await monitor.results.save(arguments.key, Path(arguments.path))).size
                told = {"key": arguments.key, "path": arguments.path, "bytes": size}
                if arguments.json:
                    write_json(told)
                else:
                    write_text(f"saved {size} bytes to {arguments.path}")
        except UserFacingError as error:
            complain(error)
            return FAILED
    return OK


def _list(monitor: Monitor, arguments: Namespace) -> None:
    rows = [row for row in monitor.state.results.rows.newest_first() if not row.stored.deleted]
    rows.sort(key=lambda row: row.stored.stored_at, reverse=True)
    if arguments.json:
        for row in rows:
            write_json(
                {
                    "key": row.key,
                    "task_name": row.task_name or None,
                    "outcome": row.outcome or None,
                    "format": row.format or None,
                    "bytes": row.stored.size,
                    "stored_at": format_timestamp(row.stored.stored_at),
                }
            )
        return
    now = time.time()
    write_table(
        [
            (
                row.key,
                row.task_name or "unknown task",
                row.outcome or "not read",
                str(row.stored.size),
                f"{now - row.stored.stored_at:.0f} s ago",
            )
            for row in rows
        ],
        ("KEY", "TASK", "OUTCOME", "BYTES", "STORED"),
    )


async def _get(monitor: Monitor, arguments: Namespace) -> int:
    body, result = await monitor.read_result(arguments.key)
    if isinstance(result, str):
        complain(
            UserFacingError(
                "Cannot show this result",
                f"{arguments.key}: {result} ({len(body)} bytes)",
                "`pulse-desktop results save` keeps the bytes as they are.",
            )
        )
        return FAILED
    error = result.error
    write_json(
        {
            "key": arguments.key,
            "is_err": result.is_err,
            "outcome": result.outcome,
            "return_value": result.return_value,
            "execution_time": result.execution_time,
            "labels": result.labels,
            "error": None if error is None else {"type": error.type, "message": error.message},
            "format": result.format,
        }
    )
    return OK
